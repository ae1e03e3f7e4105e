//! Which fault waits at which endpoint, and how each looks on the wire.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use super::{Shared, dialect};
use crate::server::Cut;

/// How long a request hangs at most: longer than any client waits.
const HANG: Duration = Duration::from_secs(600);

/// One of the provider's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The discovery document (OpenID Connect Discovery; RFC 8414's path answers too).
    Discovery,
    /// The consent page.
    Authorize,
    /// What the consent page posts to.
    Decision,
    /// RFC 6749, 3.2.
    Token,
    /// RFC 7009.
    Revoke,
    /// RFC 7662.
    Introspect,
    /// OpenID Connect Core, 5.3.
    Userinfo,
    /// RFC 8628, 3.1.
    DeviceCodes,
    /// Where the person types the code in.
    Device,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Discovery,
        Self::Authorize,
        Self::Decision,
        Self::Token,
        Self::Revoke,
        Self::Introspect,
        Self::Userinfo,
        Self::DeviceCodes,
        Self::Device,
    ];

    /// Its path below the issuer.
    pub fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Authorize => "/authorize",
            Self::Decision => "/authorize/decision",
            Self::Token => "/token",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
            Self::Userinfo => "/userinfo",
            Self::DeviceCodes => "/device/codes",
            Self::Device => "/device",
        }
    }

    fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }
}

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// A bare HTTP status, as a gateway in front of a provider answers.
    Status {
        /// Such as 503.
        code: u16,
        /// Seconds, sent as `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// An OAuth error (RFC 6749, 5.2).
    Error {
        /// The HTTP status; 400 unless given.
        #[serde(default = "bad_request")]
        code: u16,
        /// Such as `invalid_grant`.
        error: String,
        /// Sent as `error_description`.
        #[serde(default)]
        description: Option<String>,
        /// Sent as `error_subtype`, as Google does.
        #[serde(default)]
        subtype: Option<String>,
    },
    /// Status 200 and a web page, as from a captive portal.
    HtmlPage,
    /// Status 200 and JSON that breaks off.
    Garbage,
    /// No answer until the client gives up.
    Hang,
    /// The connection ends before anything is done.
    Cut,
    /// Everything is done, a refresh token is rotated, and then the connection ends without an answer.
    LoseAnswer,
    /// A right answer, late.
    Slow {
        /// How late.
        milliseconds: u64,
    },
}

fn bad_request() -> u16 {
    400
}

impl Fault {
    /// A bare status without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }

    /// An OAuth error with status 400.
    pub fn error(error: &str, description: Option<String>) -> Self {
        Self::Error { code: 400, error: error.to_owned(), description, subtype: None }
    }

    /// The one definite refusal of a grant.
    pub fn invalid_grant(description: &str) -> Self {
        Self::error("invalid_grant", Some(description.to_owned()))
    }

    /// A refusal in Microsoft's words: `error` and the number after `AADSTS`.
    pub fn microsoft(error: &str, number: u32) -> Self {
        Self::error(error, Some(dialect::microsoft(number)))
    }

    /// A refusal with Google's subtype, such as `invalid_rapt`.
    pub fn google(error: &str, subtype: &str) -> Self {
        let subtype = Some(subtype.to_owned());
        Self::Error { code: 400, error: error.to_owned(), description: Some("Refused.".to_owned()), subtype }
    }

    /// The client's own registration is refused.
    pub fn invalid_client() -> Self {
        Self::Error { code: 401, error: "invalid_client".to_owned(), description: None, subtype: None }
    }
}

/// The faults that wait, per endpoint in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Endpoint, VecDeque<Fault>>);

impl Faults {
    pub fn add(&mut self, endpoint: Endpoint, times: usize, fault: Fault) {
        self.0.entry(endpoint).or_default().extend(std::iter::repeat_n(fault, times));
    }

    fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.0.get_mut(&endpoint)?.pop_front()
    }
}

/// Counts the request and lets it meet its fault, if one waits.
pub(super) async fn meet(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(endpoint) = Endpoint::at(request.uri().path()) else {
        return next.run(request).await;
    };
    let fault = {
        let mut state = shared.state();
        state.counters.count(endpoint);
        state.faults.next(endpoint)
    };
    match fault {
        None => next.run(request).await,
        Some(fault) => suffer(fault, request, next).await,
    }
}

async fn suffer(fault: Fault, request: Request, next: Next) -> Response {
    match fault {
        Fault::Status { code, retry_after } => status(code, retry_after),
        Fault::Error { code, error, description, subtype } => {
            error_answer(code, &error, description.as_deref(), subtype.as_deref())
        }
        Fault::HtmlPage => {
            Html("<!doctype html><title>Welcome</title><p>Please sign in to the hotel's network.").into_response()
        }
        Fault::Garbage => ([(header::CONTENT_TYPE, "application/json")], r#"{"access_token": "#).into_response(),
        Fault::Hang => {
            sleep(HANG).await;
            cut()
        }
        Fault::Cut => cut(),
        Fault::LoseAnswer => {
            next.run(request).await;
            cut()
        }
        Fault::Slow { milliseconds } => {
            sleep(Duration::from_millis(milliseconds)).await;
            next.run(request).await
        }
    }
}

fn status(code: u16, retry_after: Option<u64>) -> Response {
    let mut response = (as_status(code), "the sandbox was told to fail\n").into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// An OAuth error as JSON (RFC 6749, 5.2), with Microsoft's number or Google's subtype beside it.
pub(super) fn error_answer(code: u16, error: &str, description: Option<&str>, subtype: Option<&str>) -> Response {
    let mut body = json!({ "error": error });
    if let (Some(description), Some(fields)) = (description, body.as_object_mut()) {
        fields.insert("error_description".to_owned(), description.into());
        let number = description.strip_prefix("AADSTS").and_then(|rest| rest.split(':').next()?.parse::<u32>().ok());
        if let Some(number) = number {
            fields.insert("error_codes".to_owned(), json!([number]));
            fields.insert("correlation_id".to_owned(), json!("00000000-0000-0000-0000-000000000000"));
        }
    }
    if let (Some(subtype), Some(fields)) = (subtype, body.as_object_mut()) {
        fields.insert("error_subtype".to_owned(), subtype.into());
    }
    (as_status(code), Json(body)).into_response()
}

fn as_status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn cut() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Cut);
    response
}
