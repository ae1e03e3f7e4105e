//! HTTP as a client: one place that sets roots, time-outs and limits, and reads bodies no larger than asked for.

use std::path::Path;
use std::time::Duration;

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

/// A client that trusts `ca_file` too, follows no redirects (a token must not travel to where an answer points)
/// and gives a request `timeout` in all.
#[expect(clippy::disallowed_methods, reason = "this is the one place that the ban points to")]
pub fn client(ca_file: Option<&Path>, timeout: Duration) -> Result<reqwest::Client, HttpError> {
    let config = tls::client_config(ca_file)?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*config).clone())
        .user_agent(concat!("mail2jira/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(50)) // below the 60 s after which common load balancers cut
        .build()?;
    Ok(client)
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
