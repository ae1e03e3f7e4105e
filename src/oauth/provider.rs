//! An OAuth provider as its client sees it: finds its endpoints and calls them. Keeps no token and decides nothing about grants.
//!
//! A thin layer of our own and not the crate `oauth2`: the whole point of this module is to tell a definite refusal from
//! everything that only looks like one, and that takes the status, the `Retry-After` and the body together, which the
//! crate folds into one parse error. What remains to be written of OAuth's client side is a form to post.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::{ClientAuth, ProviderKind, ProviderSettings, Secret};
use crate::failure::with_causes;
use crate::http;
pub use answer::{Answer, Granted, Speaker, classify};
use client::{Method, Proof};
pub use device::{DeviceCode, Polled};
pub use metadata::Metadata;
pub use oauth_error::OAuthError;

pub mod answer;
mod assertion;
mod client;
mod device;
pub(crate) mod metadata;
mod oauth_error;
pub mod refusal;

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
    clock: Arc<dyn Clock>,
    metadata: tokio::sync::Mutex<Option<Resolved>>,
    /// The way of client authentication that worked, where the configuration leaves it open.
    proven: OnceLock<Method>,
}

struct Resolved {
    metadata: Arc<Metadata>,
    at: Instant,
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
    /// An administrator at the provider must allow it; a person's consent does not help.
    #[error("the provider wants an administrator to act ({0})")]
    AdminNeeded(String),
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

/// What became of a wish to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The token is good for nothing any more.
    Done,
    /// The provider offers no revocation.
    NotOffered,
}

impl Provider {
    /// Sets up what is needed to call it; calls nothing yet. The clock dates what is signed.
    pub fn new(settings: ProviderSettings, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let client = http::client(settings.ca_file.as_deref(), REQUEST_TIMEOUT)
            .map_err(|error| ProviderError::Misconfigured(with_causes(&error)))?;
        Ok(Self { settings, client, clock, metadata: tokio::sync::Mutex::default(), proven: OnceLock::new() })
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

    /// Whether what proves us to it can be read: to be known before a person is asked to sign in.
    pub fn check_proof(&self) -> Result<(), ProviderError> {
        Proof::read(&self.settings).map(drop)
    }

    /// Trades an authorization code for tokens (RFC 6749, 4.1.3, with the verifier of RFC 7636, 4.5).
    pub async fn exchange(&self, code: &Secret, verifier: &Secret, redirect: &str) -> Result<Granted, ProviderError> {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect),
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

    /// Gets an access token in the program's own right (RFC 6749, 4.4).
    pub async fn client_credentials(&self) -> Result<Granted, ProviderError> {
        let scope = self.settings.scopes.join(" ");
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend((!scope.is_empty()).then_some(("scope", scope.as_str())));
        self.token(&parameters, &[]).await
    }

    /// Gets an access token for `account`, for which the service account vouches (RFC 7523, 2.1 and 4).
    pub async fn service_account(&self, account: &str) -> Result<Granted, ProviderError> {
        let place = self.settings.client_secret.as_ref();
        let place = place.ok_or_else(|| ProviderError::Misconfigured("the service account has no key".to_owned()))?;
        let key = place.read().map_err(|error| ProviderError::Misconfigured(with_causes(&error)))?;
        let (metadata, scope) = (self.metadata().await?, self.settings.scopes.join(" "));
        let claimed = (account, scope.as_str());
        let (client_id, audience) = (&self.settings.client_id, &metadata.token_endpoint);
        let signed = assertion::of_service_account(&key, client_id, claimed, audience, self.clock.now())?;
        let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let mut parameters = vec![("grant_type", grant_type), ("assertion", signed.expose())];
        // Google reads it in the assertion alone.
        parameters.extend((self.settings.kind == ProviderKind::Custom).then_some(("scope", scope.as_str())));
        self.token(&parameters, &[&signed, &key]).await
    }

    /// Asks for the codes of a device flow (RFC 8628, 3.1).
    pub async fn device_codes(&self) -> Result<DeviceCode, ProviderError> {
        let scope = self.settings.scopes.join(" ");
        let endpoint = self.metadata().await?.device_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| {
            ProviderError::Misconfigured("the provider offers no device flow (there is no `device_url`)".to_owned())
        })?;
        self.call(&endpoint, &[("scope", &scope)], &[], device::read_codes).await
    }

    /// Asks whether the person has agreed (RFC 8628, 3.4).
    pub async fn poll_device(&self, codes: &DeviceCode) -> Result<Polled, ProviderError> {
        let code = &codes.device_code;
        let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
        let endpoint = self.metadata().await?.token_endpoint.clone();
        let parameters = [("grant_type", grant_type), ("device_code", code.expose())];
        self.call(&endpoint, &parameters, &[code], device::read_poll).await
    }

    /// Makes a refresh token, and what came of it, worthless (RFC 7009, 2.1).
    pub async fn revoke(&self, refresh_token: &Secret) -> Result<Revocation, ProviderError> {
        let Some(endpoint) = self.metadata().await?.revocation_endpoint.clone() else {
            return Ok(Revocation::NotOffered);
        };
        let parameters = [("token", refresh_token.expose()), ("token_type_hint", "refresh_token")];
        self.call(&endpoint, &parameters, &[refresh_token], read_revocation).await
    }

    /// Every grant ends here. `secrets` are struck out of whatever the provider says.
    async fn token(&self, parameters: &[(&str, &str)], secrets: &[&Secret]) -> Result<Granted, ProviderError> {
        let endpoint = self.metadata().await?.token_endpoint.clone();
        self.call(&endpoint, parameters, secrets, classify).await
    }

    /// Asks an endpoint at which the client proves itself, in the ways that are open to it.
    async fn call<T>(
        &self,
        endpoint: &Url,
        parameters: &[(&str, &str)],
        secrets: &[&Secret],
        read: impl Fn(Answer<'_>) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let (metadata, proof) = (self.metadata().await?, Proof::read(&self.settings)?);
        let hidden: Vec<&Secret> = secrets.iter().copied().chain(proof.secret()).collect();
        let mut outcome = Err(ProviderError::Misconfigured("client_auth asks for a client_secret".to_owned()));
        for method in proof.methods(&self.settings, &metadata, self.proven.get().copied()) {
            let shown = proof.show(*method, &self.settings.client_id, &metadata.token_endpoint, self.clock.now())?;
            outcome = self.post(endpoint, shown, parameters, &read).await;
            match &outcome {
                Err(ProviderError::ClientRefused(error)) if error.code == "invalid_client" => continue,
                // The provider looks at the grant only after it knew the client.
                Ok(_) | Err(ProviderError::Refused(_)) => self.proven.get_or_init(|| *method),
                Err(_) => break,
            };
            break;
        }
        if outcome.as_ref().is_err_and(|error| self.must_be_public(error)) {
            let shown = Proof::Nothing.show(
                Method::Public,
                &self.settings.client_id,
                &metadata.token_endpoint,
                self.clock.now(),
            )?;
            outcome = self.post(endpoint, shown, parameters, &read).await;
        }
        outcome.map_err(|error| error.without(&hidden))
    }

    /// Microsoft's AADSTS700025: the app is registered as a public client and must show no secret.
    fn must_be_public(&self, error: &ProviderError) -> bool {
        let ProviderError::ClientRefused(error) = error else { return false };
        self.settings.client_auth == ClientAuth::Auto && error.own_code.as_deref() == Some("AADSTS700025")
    }

    async fn post<T>(
        &self,
        endpoint: &Url,
        shown: client::Shown,
        parameters: &[(&str, &str)],
        read: impl Fn(Answer<'_>) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let fields = shown.fields.iter().map(|(name, value)| (*name, value.expose()));
        let form: Vec<_> = parameters.iter().copied().chain(fields).collect();
        let request = self.client.post(endpoint.clone()).header("Accept", "application/json");
        let request = match shown.header {
            Some(header) => request.header("Authorization", header),
            None => request,
        };
        let request = if self.settings.is_atlassian() {
            request.json(&form.into_iter().collect::<std::collections::BTreeMap<_, _>>())
        } else {
            request.form(&form)
        };
        let answer = request.send().await.map_err(|error| ProviderError::network(endpoint, error))?;
        if let Some(elsewhere) = http::redirection(&answer, endpoint) {
            return Err(ProviderError::unavailable(format!(
                "{endpoint} answered {} and points to {}, where no secret is sent; should that be the right place, \
                 configure it",
                answer.status().as_u16(),
                http::bare(elsewhere)
            )));
        }
        let (status, retry_after) = (answer.status().as_u16(), http::retry_after(answer.headers(), self.clock.now()));
        let body = http::body(answer, MAX_ANSWER)
            .await
            .map_err(|error| ProviderError::unavailable(format!("{endpoint}: {error}")))?;
        let speaker = if self.settings.is_atlassian() { Speaker::Atlassian } else { Speaker::Other };
        read(Answer { status, retry_after, speaker, body: &Zeroizing::new(body) })
    }
}

/// RFC 7009, 2.2: a token that the provider does not know is revoked already. Google says so with 400 `invalid_token`.
fn read_revocation(answer: Answer<'_>) -> Result<Revocation, ProviderError> {
    match answer::error(answer).as_ref().map(|error| error.code.as_str()) {
        Some("invalid_token" | "invalid_grant") => Ok(Revocation::Done),
        Some("unsupported_token_type") => Ok(Revocation::NotOffered), // RFC 7009, 2.2.1
        None if (200..=299).contains(&answer.status) => Ok(Revocation::Done),
        Some(_) | None => Err(answer::refused(answer)),
    }
}

impl ProviderError {
    pub(crate) fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason, retry_after: None }
    }

    fn network(place: &Url, error: reqwest::Error) -> Self {
        let host = place.host_str().unwrap_or_default();
        let port = place.port_or_known_default().unwrap_or_default();
        Self::unavailable(format!("cannot reach {host}:{port}: {}", http::cause(&error.without_url())))
    }

    fn without(self, secrets: &[&Secret]) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(error.without(secrets)),
            Self::ClientRefused(error) => Self::ClientRefused(error.without(secrets)),
            Self::AdminNeeded(words) => Self::AdminNeeded(Secret::strike(words, secrets.iter().copied())),
            Self::Unavailable { reason, retry_after } => {
                Self::Unavailable { reason: Secret::strike(reason, secrets.iter().copied()), retry_after }
            }
            Self::Misconfigured(reason) => Self::Misconfigured(reason),
        }
    }
}
