//! Sends one request and brings back a value or an error with its verdict. Knows HTTP and no endpoint.
//!
//! What is proof that nothing was sent? Read in the sources of hyper 1.12, hyper-util 0.1.21 and reqwest 0.13.5:
//!
//! * `reqwest::Error::is_connect()` is true only for errors of hyper-util's kind `Connect`, which is made in `connect_to` and
//!   the pool's checkout: DNS, TCP, the proxy's CONNECT, the TLS handshake, and their time-out. The request is handed to a
//!   connection only after these, so `is_connect()` does mean that not a byte of it left.
//! * A kept-alive connection that the server has closed: hyper-util sends again by itself, on another connection, but only
//!   where hyper gives the request back. It does so only for a request that its dispatcher never took out of its queue, so
//!   nothing was written. That retry is safe, and we never see it.
//! * Once the dispatcher has taken the request, an end of the connection is reported as `IncompleteMessage`, a reset or a
//!   broken pipe, whether the server read the request or had closed before it came. These two cannot be told apart from
//!   here: perhaps it was sent. `http::client` keeps idle connections shorter than servers do, so that it stays rare.
//! * reqwest's own retries (HTTP/2 refusals) are switched off in `http::client`.
//!
//! The total time-out may also strike while still connecting; it is taken as "perhaps sent", which is the safe side.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use url::Url;

use super::answer::{self, Answer, Login, Lost};
use super::call::{Call, Interface};
use super::pace::Reach;
use super::place::below;
use super::upload::Upload;
use super::words::Body;
use super::{Client, signs};
use crate::config::Writing;
use crate::failure::Verdict;
use crate::http;
use crate::jira::auth::{AuthError, Outgoing, Shown};
use crate::jira::json::Json;
use crate::jira::{Flavour, JiraError};

/// How long a request waits for its turn before it is given back with the time that is left.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// More than this is no answer of Jira's: a page of 100 comments of the full length, and room.
const ANSWER_LIMIT: usize = 32 << 20;
/// More of an error is not read.
const ERROR_LIMIT: usize = 64 << 10;

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// What it is, for errors and pacing.
    pub call: Call<'a>,
    /// HTTP method.
    pub method: Method,
    /// The path below the API's version, segment by segment.
    pub path: &'a [&'a str],
    /// The query.
    pub query: &'a [(&'a str, &'a str)],
    /// The body.
    pub content: Content,
    /// For everything, waiting for the turn excepted.
    pub timeout: Duration,
}

/// What a request carries.
#[derive(Debug)]
pub enum Content {
    /// No body.
    Nothing,
    /// JSON.
    Json(Value),
    /// JSON that stands ready as text.
    Text(Json),
    /// A file.
    File(Upload),
}

/// What a request that failed says about our credentials.
pub(super) enum Missed {
    /// Jira did not take them, and did nothing.
    NotKnown(JiraError),
    /// Something else.
    Otherwise(JiraError),
}

impl Missed {
    pub(super) fn into_error(self) -> JiraError {
        match self {
            Self::NotKnown(error) | Self::Otherwise(error) => error,
        }
    }
}

impl Client {
    /// Sends `request` and reads its answer as a `T`. Where Jira does not take our credentials, it is sent once more with
    /// others, if there are any, and an API token also at the other entrances, all within the same time-out. That is safe for
    /// writes too, for they were refused at the door.
    pub(super) async fn send<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, JiraError> {
        if self.writing == Writing::Shadow && request.call.operation.is_write() {
            return Err(shadowed(&request.call));
        }
        let place = self.place().await?;
        self.wait_for_turn(&request.call).await?;
        let deadline = Instant::now() + request.timeout;
        let base = self.entrance(place).base;
        let sending = Sending { request, url: address(&base, place.flavour, request), deadline };
        let call = &request.call;
        let auth_failed = |error: AuthError| error.for_call(call);
        let shown = self.credentials.show(place.flavour, &sending.outgoing()).await.map_err(auth_failed)?;
        let refused = match self.attempt(&sending, &shown).await {
            Err(Missed::NotKnown(refused)) => refused,
            answered => return answered.map_err(Missed::into_error),
        };
        let other = self.credentials.after_refusal(place.flavour, &shown, &sending.outgoing()).await;
        if let Some(other) = other.map_err(auth_failed)? {
            match self.attempt(&sending, &other).await {
                Err(Missed::NotKnown(_)) => {}
                answered => return answered.map_err(Missed::into_error),
            }
        }
        // Only questions look for another entrance: a write that was refused is sent again when Jira is known to answer.
        if call.operation.is_write() { Err(refused) } else { self.send_elsewhere(sending, refused).await }
    }

    /// As [`send`](Self::send), for a write whose answer says nothing: whatever stands in it.
    pub(super) async fn send_for_nothing(&self, request: &Request<'_>) -> Result<(), JiraError> {
        self.send::<IgnoredAny>(request).await.map(drop)
    }

    async fn wait_for_turn(&self, call: &Call<'_>) -> Result<(), JiraError> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let now = Instant::now();
            let wait = self.pace().wait(call.operation, call.issue, now.into_std());
            if wait.is_zero() {
                break;
            }
            if now + wait > deadline {
                return Err(held(call, wait));
            }
            sleep(wait).await;
        }
        let now = Instant::now();
        let turn = self.pace().take_turn(now.into_std(), LONGEST_WAIT);
        match turn {
            Ok(wait) => {
                sleep(wait).await;
                Ok(())
            }
            Err(wait) => Err(held(call, wait)),
        }
    }

    pub(super) async fn attempt<T: DeserializeOwned>(&self, sending: &Sending<'_>, shown: &Shown) -> Result<T, Missed> {
        let call = &sending.request.call;
        let builder = self.build(sending, shown).timeout(sending.deadline.saturating_duration_since(Instant::now()));
        let response = builder.send().await.map_err(|error| Missed::Otherwise(lost(call, &sending.url, &error)))?;
        let status = response.status();
        let signs = signs::read(status, response.headers(), &sending.url, self.clock.now());
        if let Some(budget) = &signs.budget {
            self.pace().learn(budget, Instant::now().into_std());
        }
        if call.operation.wants_address() && (status.is_success() || status.is_redirection()) {
            let location = http::redirection(&response, &sending.url).map(String::from);
            return read_address(call, status, location).map_err(Missed::Otherwise);
        }
        if !status.is_success() {
            // Every further try with a password keeps an account locked.
            let is_locked = signs.login == Login::Captcha;
            let not_known =
                status == StatusCode::UNAUTHORIZED || (status.is_client_error() && signs.login == Login::Anonymous);
            let problem = signs.oauth_problem.clone();
            let answer = Answer { status, signs, body: error_body(response).await };
            self.slow_down(call, &answer);
            let error = answer::refused(call, &answer);
            if is_locked {
                return Err(Missed::Otherwise(error));
            }
            if let Some(problem) = problem {
                return Err(Missed::NotKnown(self.link_refused(call, shown, &problem, error).await));
            }
            if status == StatusCode::UNAUTHORIZED {
                return Err(Missed::NotKnown(self.doubted(call, shown, error).await));
            }
            return Err(if not_known { Missed::NotKnown(error) } else { Missed::Otherwise(error) });
        }
        if !call.operation.is_write() && signs.login != Login::NotRefused {
            return Err(Missed::NotKnown(answer::anonymous(call, status)));
        }
        read_success(call, response).await.map_err(Missed::Otherwise)
    }

    /// An application link's token that is no more: recorded, so that everybody sees that a person is needed.
    async fn link_refused(&self, call: &Call<'_>, shown: &Shown, problem: &str, error: JiraError) -> JiraError {
        if !matches!(problem, "token_rejected" | "token_expired" | "token_revoked" | "permission_denied") {
            return error;
        }
        match self.credentials.record_dead(shown, problem).await {
            Ok(()) => error,
            Err(failed) => failed.for_call(call),
        }
    }

    fn build(&self, sending: &Sending<'_>, shown: &Shown) -> reqwest::RequestBuilder {
        let builder = self
            .http
            .request(sending.request.method.clone(), sending.url.clone())
            .header(reqwest::header::AUTHORIZATION, shown.header())
            .header(reqwest::header::ACCEPT, "application/json");
        let builder = match sending.request.call.operation.interface() {
            Interface::Platform => builder,
            Interface::ServiceDesk => builder.header("X-ExperimentalApi", "opt-in"),
        };
        match &sending.request.content {
            Content::Nothing => builder,
            Content::Json(value) => builder.json(value),
            Content::Text(json) => builder
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(json.as_str().to_owned()),
            Content::File(upload) => {
                let multipart = upload.multipart();
                builder
                    .header(CONTENT_TYPE, &multipart.content_type)
                    .header(CONTENT_LENGTH, multipart.length)
                    .header("X-Atlassian-Token", "no-check") // without it Jira takes the upload for a forged one (XSRF)
                    .body(multipart.into_body())
            }
        }
    }

    /// Remembers what Jira asked for. A 503 with a time concerns everything, whatever it means for its own request.
    fn slow_down(&self, call: &Call<'_>, answer: &Answer) {
        let now = Instant::now().into_std();
        let reach = match (answer.status, answer.signs.wait) {
            (StatusCode::TOO_MANY_REQUESTS, _) => {
                Reach::from_reason(answer.signs.reason.as_deref(), call.operation, call.issue)
            }
            (StatusCode::SERVICE_UNAVAILABLE, Some(_)) => Reach::Everything,
            (_, _) => return,
        };
        self.pace().hold(reach, answer.signs.wait.unwrap_or(FIRST_WAIT), now);
    }
}

/// One request on its way to one address.
pub(super) struct Sending<'a> {
    pub request: &'a Request<'a>,
    pub url: Url,
    pub deadline: Instant,
}

impl Sending<'_> {
    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing { method: &self.request.method, url: &self.url }
    }
}

/// The address of a request below `base`, its query included: a signature covers that too.
pub(super) fn address(base: &Url, flavour: Flavour, request: &Request<'_>) -> Url {
    let interface: &[&str] = match (request.call.operation.interface(), flavour) {
        (Interface::Platform, Flavour::Cloud) => &["rest", "api", "3"],
        (Interface::Platform, Flavour::DataCenter) => &["rest", "api", "2"],
        (Interface::ServiceDesk, Flavour::Cloud | Flavour::DataCenter) => &["rest", "servicedeskapi"],
    };
    let mut url = below(&below(base, interface), request.path);
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(request.query);
    }
    url
}

/// What it means that no answer came from an address.
pub(super) fn lost(call: &Call<'_>, url: &Url, error: &reqwest::Error) -> JiraError {
    let cause = http::cause(error);
    let host = url.host_str().unwrap_or_default();
    if error.is_connect() {
        return answer::lost(call, Lost::BeforeSending, &format!("no connection to {host}: {cause}"));
    }
    let why = if error.is_timeout() {
        format!("{host} did not answer in time")
    } else {
        format!("the connection to {host} broke: {cause}")
    };
    answer::lost(call, Lost::Perhaps, &why)
}

/// For a 429 that names no time: where Atlassian's advice on backing off starts.
const FIRST_WAIT: Duration = Duration::from_secs(2);

async fn read_success<T: DeserializeOwned>(call: &Call<'_>, response: reqwest::Response) -> Result<T, JiraError> {
    let status = response.status();
    let content_type = content_type(response.headers());
    let bytes = http::body(response, ANSWER_LIMIT)
        .await
        .map_err(|error| answer::unreadable(call, status, &error.to_string()))?;
    let json: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(json).map_err(|error| {
        let why = match Body::read(content_type.as_deref(), &bytes) {
            Body::Html => "with an HTML page".to_owned(),
            Body::None => "with nothing that can be read".to_owned(),
            // Where and what kind, not serde's words: those may quote the answer.
            Body::Json(_) | Body::Text(_) => {
                format!("not in the form that was expected (line {}, column {})", error.line(), error.column())
            }
        };
        answer::unreadable(call, status, &why)
    })
}

/// What a redirect points to, in the place of a body: nobody wants the content itself.
fn read_address<T: DeserializeOwned>(
    call: &Call<'_>,
    status: StatusCode,
    location: Option<String>,
) -> Result<T, JiraError> {
    serde_json::from_value(json!({ "location": location }))
        .map_err(|error| answer::unreadable(call, status, &error.to_string()))
}

async fn error_body(response: reqwest::Response) -> Body {
    let content_type = content_type(response.headers());
    match http::body(response, ERROR_LIMIT).await {
        Ok(bytes) => Body::read(content_type.as_deref(), &bytes),
        Err(_) => Body::None, // the status alone says enough
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase())
}

/// The last door before the wire: whatever asks for it, a shadow writes nothing.
fn shadowed(call: &Call<'_>) -> JiraError {
    let message = format!("did not {}: a shadow writes nothing", call.attempt());
    JiraError::new(Verdict::Retry(None), None, message)
}

fn held(call: &Call<'_>, wait: Duration) -> JiraError {
    let message = format!("cannot {} yet: Jira asked us to wait another {} s", call.attempt(), wait.as_secs());
    JiraError::new(Verdict::Retry(Some(wait)), None, message)
}
