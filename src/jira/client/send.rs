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
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use super::answer::{self, Answer, Body, Login, Lost};
use super::call::Call;
use super::pace::Reach;
use super::upload::Upload;
use super::{Client, signs};
use crate::failure::{Scope, Verdict};
use crate::http;
use crate::jira::JiraError;

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
    /// The path below the API's address, segment by segment.
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
    /// Nothing.
    Nothing,
    /// JSON.
    Json(Value),
    /// A file.
    File(Upload),
}

impl Client {
    /// Sends `request` and reads its answer as a `T`. A 401 is answered by reading the secret anew: if it has changed, the
    /// request is sent once more within the same time-out. That is safe for writes too, for a 401 was refused at the door.
    pub(super) async fn send<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, JiraError> {
        self.wait_for_turn(&request.call).await?;
        let deadline = Instant::now() + request.timeout;
        let header = self.credentials.header().map_err(|error| no_credentials(&request.call, &error))?;
        let first = self.attempt(request, header.clone(), deadline).await;
        let Err(refused) = first else { return first };
        if refused.status != Some(StatusCode::UNAUTHORIZED.as_u16()) {
            return Err(refused);
        }
        match self.credentials.after_refusal(&header) {
            Ok(Some(other)) => self.attempt(request, other, deadline).await,
            Ok(None) => Err(refused),
            Err(error) => Err(no_credentials(&request.call, &error)),
        }
    }

    async fn wait_for_turn(&self, call: &Call<'_>) -> Result<(), JiraError> {
        let deadline = Instant::now() + LONGEST_WAIT;
        loop {
            let now = Instant::now();
            let wait = self.pace().wait(call.operation, call.issue, now.into_std());
            if wait.is_zero() {
                return Ok(());
            }
            if now + wait > deadline {
                return Err(held(call, wait));
            }
            sleep(wait).await;
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        authorization: HeaderValue,
        deadline: Instant,
    ) -> Result<T, JiraError> {
        let call = &request.call;
        let builder = self.build(request, authorization).timeout(deadline.saturating_duration_since(Instant::now()));
        let response = builder.send().await.map_err(|error| self.lost(call, &error))?;
        let status = response.status();
        let signs = signs::read(status, response.headers(), &self.base, self.clock.now());
        if !status.is_success() {
            let answer = Answer { status, signs, body: error_body(response).await };
            self.slow_down(call, &answer);
            return Err(answer::refused(call, &answer));
        }
        if !call.operation.is_write() && signs.login != Login::NotRefused {
            return Err(answer::anonymous(call, status));
        }
        read_success(call, response).await
    }

    fn build(&self, request: &Request<'_>, authorization: HeaderValue) -> reqwest::RequestBuilder {
        let builder = self
            .http
            .request(request.method.clone(), self.address(request.path))
            .query(request.query)
            .header(reqwest::header::AUTHORIZATION, authorization)
            .header(reqwest::header::ACCEPT, "application/json");
        match &request.content {
            Content::Nothing => builder,
            Content::Json(value) => builder.json(value),
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

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn lost(&self, call: &Call<'_>, error: &reqwest::Error) -> JiraError {
        let cause = http::cause(error);
        let host = self.base.host_str().unwrap_or_default();
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

/// For a 429 that names no time: where Atlassian's advice on backing off starts.
const FIRST_WAIT: Duration = Duration::from_secs(2);

async fn read_success<T: DeserializeOwned>(call: &Call<'_>, response: reqwest::Response) -> Result<T, JiraError> {
    let status = response.status();
    let content_type = content_type(response.headers());
    let bytes = http::body(response, ANSWER_LIMIT)
        .await
        .map_err(|error| answer::unreadable(call, status, &error.to_string()))?;
    let bytes = if status == StatusCode::NO_CONTENT { b"null".to_vec() } else { bytes };
    serde_json::from_slice(&bytes).map_err(|error| {
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

fn held(call: &Call<'_>, wait: Duration) -> JiraError {
    let message = format!("cannot {} yet: Jira asked us to wait another {} s", call.attempt(), wait.as_secs());
    JiraError { verdict: Verdict::Retry(Some(wait)), status: None, message, fields: Vec::new() }
}

fn no_credentials(call: &Call<'_>, error: &crate::jira::auth::AuthError) -> JiraError {
    let message = format!("cannot {}: {error}", call.attempt());
    JiraError { verdict: Verdict::Halt(Scope::Everything), status: None, message, fields: Vec::new() }
}
