//! HTTP as a client: one place that sets roots, time-outs and limits, and reads bodies no larger than asked for.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use url::Url;

use crate::tls;

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why no HTTP client could be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// See [`tls::TlsError`].
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The client could not be built from its settings.
    #[error("cannot set up the HTTP client")]
    Client(#[from] reqwest::Error),
}

/// How long an idle connection is kept: shorter than any common server keeps it (Node 5 s, Tomcat 20 s, load balancers 60 s).
/// A request on a connection that is being closed at that very moment may or may not have arrived, which costs a write
/// minutes of settling; a handshake costs milliseconds, and a busy connection never idles.
const IDLE: Duration = Duration::from_secs(4);

/// A client that trusts `ca_file` too, follows no redirects (a token must not travel to where an answer points)
/// and gives a request `timeout` in all.
///
/// It speaks HTTP/1.1: one request to a connection, so that a connection that breaks leaves one write in doubt and not all
/// of them. It repeats nothing by itself: whoever asked knows what repeating means.
#[expect(clippy::disallowed_methods, reason = "this is the one place that the ban points to")]
pub fn client(ca_file: Option<&Path>, timeout: Duration) -> Result<reqwest::Client, HttpError> {
    let config = tls::client_config(ca_file)?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*config).clone())
        .user_agent(concat!("mail2jira/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .pool_idle_timeout(IDLE)
        .http1_only()
        .retry(reqwest::retry::never())
        .build()?;
    Ok(client)
}

/// How long an answer asks us to wait (RFC 9110, 10.2.3): in seconds, or until a date.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    // By the clock of whoever names the date, which need not be ours.
    let sent_at = headers.get(DATE).and_then(|date| date_of(date.to_str().ok()?));
    Some(Duration::try_from(date_of(text)?.duration_since(sent_at.unwrap_or(now))).unwrap_or_default())
}

fn date_of(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// An address without what may be secret in it: a name and password, the query, the fragment.
pub fn bare(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for addresses that cannot hold any.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// Where a redirect points to, from `place`; `None` where the answer is none.
pub fn redirection(answer: &reqwest::Response, place: &Url) -> Option<Url> {
    let location = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection())?;
    place.join(location.to_str().ok()?).ok()
}

/// The innermost cause of a failure, which is the telling one; without the address, for that may hold what is secret.
pub fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::addr_eq(cause, error) { "the request failed".to_owned() } else { cause.to_string() }
}

/// The body of an answer, cut off with an error at `limit` bytes.
pub async fn body(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why an answer's body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More came than any sane answer holds.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection failed while reading.
    #[error("the answer broke off")]
    Broken(#[from] reqwest::Error),
}
