//! An OAuth provider as its client sees it: finds its endpoints and calls them. Keeps no token and decides nothing about grants.
//!
//! A thin layer of our own and not the crate `oauth2`: the whole point of this module is to tell a definite refusal from
//! everything that only looks like one, and that takes the status, the `Retry-After` and the body together, which the
//! crate folds into one parse error. What remains to be written of OAuth's client side is a form to post.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::RETRY_AFTER;
use tokio::time::Instant;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::config::{ClientAuth, ProviderSettings, Secret};
use crate::http;
pub use answer::{Answer, Granted, OAuthError, classify};
pub use metadata::Metadata;

pub mod answer;
pub(crate) mod metadata;

/// The longest that one request to a provider may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long announced endpoints are believed.
const METADATA_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A token answer is a few kilobytes.
const MAX_ANSWER: usize = 256 << 10;

/// A provider, ready to be called. Shared by the mailboxes that use it.
pub struct Provider {
    settings: ProviderSettings,
    client: reqwest::Client,
    metadata: tokio::sync::Mutex<Option<Resolved>>,
    /// The way of client authentication that worked, where the configuration leaves it open.
    proven: OnceLock<Method>,
}

struct Resolved {
    metadata: Arc<Metadata>,
    at: Instant,
}

/// How a client proves itself at the token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    Public,
}

/// Why a provider gave no token. Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The grant is no more, definitely: a person must consent anew.
    #[error("the provider refused the grant ({0})")]
    Refused(OAuthError),
    /// The provider does not take this client, or not this request of it: the configuration is wrong.
    #[error("the provider refused this client ({0})")]
    ClientRefused(OAuthError),
    /// No answer, or none that means anything: later perhaps.
    #[error("{reason}")]
    Unavailable {
        /// What came instead of an answer.
        reason: String,
        /// How long the provider asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The provider cannot even be asked as things are configured.
    #[error("{0}")]
    Misconfigured(String),
}

/// What is known of a person through [`Provider::userinfo`].
#[derive(Debug)]
pub enum UserInfo {
    /// Claims as JSON.
    Claims(Vec<u8>),
    /// The access token does not reach so far (401 or 403).
    NotAllowed,
}

impl Provider {
    /// Sets up what is needed to call it; calls nothing yet.
    pub fn new(settings: ProviderSettings) -> Result<Self, ProviderError> {
        let client = http::client(settings.ca_file.as_deref(), REQUEST_TIMEOUT)
            .map_err(|error| ProviderError::Misconfigured(chain(&error)))?;
        Ok(Self { settings, client, metadata: tokio::sync::Mutex::default(), proven: OnceLock::new() })
    }

    /// What the configuration says of it.
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Its endpoints. Announced ones are fetched once a day; when that fails, those of yesterday are good.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut resolved = self.metadata.lock().await;
        if let Some(known) = resolved.as_ref().filter(|known| known.at.elapsed() < METADATA_LIFETIME) {
            return Ok(known.metadata.clone());
        }
        match (metadata::resolve(&self.settings, &self.client).await, resolved.as_ref()) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                *resolved = Some(Resolved { metadata: metadata.clone(), at: Instant::now() });
                Ok(metadata)
            }
            (Err(ProviderError::Unavailable { .. }), Some(known)) => Ok(known.metadata.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Trades an authorization code for tokens (RFC 6749, 4.1.3, with the verifier of RFC 7636, 4.5).
    pub async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &Url) -> Result<Granted, ProviderError> {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier.expose()),
        ];
        self.token(&parameters, &[code, verifier]).await
    }

    /// Trades a refresh token for an access token and perhaps another refresh token (RFC 6749, 6).
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Granted, ProviderError> {
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        self.token(&parameters, &[refresh_token]).await
    }

    /// Asks who an access token belongs to (OpenID Connect Core, 5.3).
    pub async fn userinfo(&self, place: &Url, access_token: &Secret) -> Result<UserInfo, ProviderError> {
        metadata::require_protection(place)?;
        let request = self.client.get(place.clone()).bearer_auth(access_token.expose());
        let answer = request.send().await.map_err(|error| ProviderError::network(place, error))?;
        match answer.status().as_u16() {
            200 => http::body(answer, MAX_ANSWER)
                .await
                .map(UserInfo::Claims)
                .map_err(|error| ProviderError::unavailable(format!("{place}: {error}"))),
            401 | 403 => Ok(UserInfo::NotAllowed),
            status => Err(ProviderError::unavailable(format!("{place} answered {status}"))),
        }
    }

    /// Every grant ends here. `secrets` are struck out of whatever the provider says.
    async fn token(&self, parameters: &[(&str, &str)], secrets: &[&Secret]) -> Result<Granted, ProviderError> {
        let metadata = self.metadata().await?;
        // Read each time, so that a swapped secret needs no restart.
        let secret = self.settings.client_secret.as_ref().map(|place| place.read()).transpose();
        let secret = secret.map_err(|error| ProviderError::Misconfigured(chain(&error)))?;
        let hidden: Vec<&Secret> = secrets.iter().copied().chain(&secret).collect();
        let mut outcome = Err(ProviderError::Misconfigured("client_auth asks for a client_secret".to_owned()));
        for method in self.methods(&metadata, secret.is_some()) {
            outcome = self.post(&metadata.token_endpoint, method, secret.as_ref(), parameters).await;
            match &outcome {
                Err(ProviderError::ClientRefused(error)) if error.code == "invalid_client" => continue,
                // The provider looks at the grant only after it knew the client.
                Ok(_) | Err(ProviderError::Refused(_)) => self.proven.get_or_init(|| method),
                Err(_) => break,
            };
            break;
        }
        outcome.map_err(|error| error.without(&hidden))
    }

    /// The ways to try, in order. `auto` tries the other one when the client is not recognised: providers that
    /// announce both may still have registered the client for one of them.
    fn methods(&self, metadata: &Metadata, has_secret: bool) -> Vec<Method> {
        match (self.settings.client_auth, has_secret) {
            (ClientAuth::None, _) | (ClientAuth::Auto, false) => vec![Method::Public],
            (ClientAuth::Basic, true) => vec![Method::Basic],
            (ClientAuth::Post, true) => vec![Method::Post],
            (ClientAuth::Basic | ClientAuth::Post, false) => Vec::new(),
            (ClientAuth::Auto, true) => match self.proven.get() {
                Some(method @ (Method::Basic | Method::Post)) => vec![*method],
                Some(Method::Public) | None => by_announcement(metadata.auth_methods.as_deref()),
            },
        }
    }

    async fn post(
        &self,
        endpoint: &Url,
        method: Method,
        secret: Option<&Secret>,
        parameters: &[(&str, &str)],
    ) -> Result<Granted, ProviderError> {
        let mut form = parameters.to_vec();
        let request = self.client.post(endpoint.clone()).header("Accept", "application/json");
        let request = match (method, secret) {
            (Method::Basic, Some(secret)) => request.header("Authorization", self.basic(secret)?),
            (Method::Post, Some(secret)) => {
                form.extend([("client_id", self.settings.client_id.as_str()), ("client_secret", secret.expose())]);
                request
            }
            (Method::Basic | Method::Post, None) | (Method::Public, _) => {
                form.push(("client_id", &self.settings.client_id));
                request
            }
        };
        let answer = request.form(&form).send().await.map_err(|error| ProviderError::network(endpoint, error))?;
        let (status, retry_after) = (answer.status().as_u16(), retry_after(&answer));
        let body = http::body(answer, MAX_ANSWER)
            .await
            .map_err(|error| ProviderError::unavailable(format!("{endpoint}: {error}")))?;
        classify(Answer { status, retry_after, body: &Zeroizing::new(body) })
    }

    /// RFC 6749, 2.3.1: both halves are form-encoded before they are joined, which many clients forget.
    fn basic(&self, secret: &Secret) -> Result<reqwest::header::HeaderValue, ProviderError> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = Zeroizing::new(format!("{}:{}", encode(&self.settings.client_id), encode(secret.expose())));
        let header = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
        let mut value = reqwest::header::HeaderValue::from_str(&header)
            .map_err(|_| ProviderError::Misconfigured("the client secret does not fit into a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Without an announcement Basic is what every provider must take (RFC 6749, 2.3.1; RFC 8414, 2).
fn by_announcement(announced: Option<&[String]>) -> Vec<Method> {
    let takes = |name: &str| announced.is_none_or(|methods| methods.iter().any(|method| method == name));
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (true, true) | (false, false) => vec![Method::Basic, Method::Post],
        (true, false) => vec![Method::Basic],
        (false, true) => vec![Method::Post],
    }
}

/// Seconds only: no token endpoint is known that sends a date.
fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl ProviderError {
    pub(crate) fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason, retry_after: None }
    }

    fn network(place: &Url, error: reqwest::Error) -> Self {
        let host = place.host_str().unwrap_or_default();
        let port = place.port_or_known_default().unwrap_or_default();
        Self::unavailable(format!("cannot reach {host}:{port}: {}", chain(&error.without_url())))
    }

    fn without(self, secrets: &[&Secret]) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(error.without(secrets)),
            Self::ClientRefused(error) => Self::ClientRefused(error.without(secrets)),
            Self::Unavailable { reason, retry_after } => {
                Self::Unavailable { reason: answer::strike(reason, secrets), retry_after }
            }
            Self::Misconfigured(reason) => Self::Misconfigured(reason),
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
