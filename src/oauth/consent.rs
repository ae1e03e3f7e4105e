//! Consent: a person signs in at the provider and lets this program in. Authorization code with PKCE (RFC 6749, 4.1; RFC 7636).
//!
//! The flow knows neither browser nor socket: it makes the address to visit and takes what came back to the redirect
//! address, whether a loopback listener ([`loopback`], RFC 8252, 7.3) or a web server received it. A consent that would
//! fail later fails here, loudly: without a refresh token, without a scope, or by another account than the expected one.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use zeroize::Zeroize as _;

use super::Grant;
use super::provider::{Metadata, OAuthError, Provider, ProviderError};
use crate::config::{ProviderKind, ProviderSettings, Secret};
use crate::failure::{sentence, with_causes};

mod checks;
pub mod device;
mod identity;
pub mod loopback;
pub mod page;

/// How long a person may take to sign in.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A consent under way.
pub struct Consent<'a> {
    provider: &'a Provider,
    login: &'a str,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
    address: Url,
}

/// What has to be kept of a consent that another process may go on with. Sealed wherever it is kept.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    redirect_uri: String,
    state: String,
    verifier: String,
    address: String,
}

impl Begun {
    /// What the provider's answer will name it by.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The state that an answer names.
    pub fn state_in(query: &str) -> Option<String> {
        single(query, "state")
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.state.zeroize();
        self.verifier.zeroize();
        self.address.zeroize();
    }
}

/// What the provider sent back through the browser (RFC 6749, 4.1.2), recognised as the answer to one [`Consent`] by its state.
#[derive(Debug)]
pub struct Callback {
    outcome: Result<Secret, OAuthError>,
    /// RFC 9207.
    issuer: Option<String>,
}

/// Why there is no consent. Names accounts and scopes, since they are what a person has to mend; never a token.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The browser cannot come back to this program there.
    #[error("redirect_uri {0} is not http on a loopback address")]
    NotLoopback(Url),
    /// The loopback address is taken, or may not be listened on.
    #[error("cannot listen on {address} for the browser's return")]
    Listen {
        /// host:port.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine gives no random numbers.
    #[error("the system gave no random numbers")]
    NoRandomness,
    /// Nobody came back.
    #[error("nobody signed in within {} minutes", .0.as_secs() / 60)]
    TimedOut(Duration),
    /// The device flow's codes are worth nothing any more.
    #[error("the code was not typed in while the provider knew it")]
    CodeExpired,
    /// The person, or the provider for them, said no.
    #[error("the provider did not give consent ({0})")]
    Denied(OAuthError),
    /// Another server answered than the one that was asked (RFC 9207, 2.4).
    #[error("the answer is from the issuer {}, but {expected} was asked", found.as_deref().unwrap_or("(none)"))]
    OtherIssuer {
        /// The provider that was asked.
        expected: String,
        /// What the answer says.
        found: Option<String>,
    },
    /// The provider did not answer the code with a token.
    #[error("the provider gave no token")]
    Provider(#[from] ProviderError),
    /// An access token alone would end within the hour.
    #[error("the provider gave no refresh token: without one the access would end within the hour")]
    NoRefreshToken,
    /// Less was granted than asked for.
    #[error("the provider did not grant {}", .0.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and "))]
    ScopesMissing(Vec<String>),
    /// The wrong person signed in.
    #[error("{found} signed in, but the mailbox belongs to {expected}")]
    OtherAccount {
        /// Who should have.
        expected: String,
        /// Who did.
        found: String,
    },
    /// The configured `userinfo_url` does not say who signed in.
    #[error("{0} does not tell who signed in")]
    Anonymous(Url),
}

impl ConsentError {
    /// What the person at the browser reads, who sees no terminal and knows no errors.
    pub fn kindly(&self) -> String {
        match self {
            Self::Denied(error) if error.code == "access_denied" && error.known().is_none() => {
                let words = error.description.as_ref().map(|words| format!(" The provider says: {words}"));
                sentence(&format!("Nobody was let in, and nothing has changed.{}", words.unwrap_or_default()))
            }
            Self::OtherAccount { expected, found } => format!(
                "You signed in as {found}, but this mailbox belongs to {expected}. Please start again; in a private window the \
                 provider asks who you are."
            ),
            Self::NotLoopback(_)
            | Self::Listen { .. }
            | Self::NoRandomness
            | Self::TimedOut(_)
            | Self::CodeExpired
            | Self::Denied(_)
            | Self::OtherIssuer { .. }
            | Self::Provider(_)
            | Self::NoRefreshToken
            | Self::ScopesMissing(_)
            | Self::Anonymous(_) => sentence(&with_causes(self)),
        }
    }
}

impl<'a> Consent<'a> {
    /// Prepares to ask `login` for consent; the provider will send the browser back to `redirect_uri`.
    pub async fn begin(provider: &'a Provider, login: &'a str, redirect_uri: Url) -> Result<Self, ConsentError> {
        provider.check_proof()?;
        let (state, verifier) = (random()?, random()?);
        let mut address = provider.metadata().await?.authorization_endpoint.clone().ok_or_else(|| {
            ProviderError::Misconfigured("the provider has no authorization endpoint for a browser".to_owned())
        })?;
        let (settings, scopes) = (provider.settings(), &provider.settings().scopes);
        let redirect_uri = redirect_text(settings, &redirect_uri);
        let mut query = address.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &settings.client_id);
        query.append_pair("redirect_uri", &redirect_uri);
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.join(" "));
        }
        query.append_pair("state", state.expose());
        query.append_pair("code_challenge", &challenge(&verifier));
        query.append_pair("code_challenge_method", "S256");
        if !login.is_empty() {
            query.append_pair("login_hint", login);
        }
        query.extend_pairs(&settings.authorization_extras);
        drop(query);
        Ok(Self { provider, login, redirect_uri, state, verifier, address })
    }

    /// What has to be kept to go on with it later.
    pub fn begun(&self) -> Begun {
        Begun {
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.expose().to_owned(),
            verifier: self.verifier.expose().to_owned(),
            address: self.address.to_string(),
        }
    }

    /// Goes on with a consent that was begun earlier, maybe by another process.
    pub fn resume(provider: &'a Provider, login: &'a str, begun: Begun) -> Result<Self, ConsentError> {
        let address = Url::parse(&begun.address).map_err(|_| ConsentError::NoRandomness)?;
        let (state, verifier) = (Secret::new(begun.state.clone()), Secret::new(begun.verifier.clone()));
        Ok(Self { provider, login, redirect_uri: begun.redirect_uri.clone(), state, verifier, address })
    }

    /// Where the person has to go. Holds no secret that is worth stealing: the code is useless without the verifier.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Recognises the answer to this consent in the query of a request to the redirect address; `None` is somebody else's.
    /// An answer that was not asked for here counts for nothing (RFC 9700, 4.7). The state is compared in constant time, and a
    /// parameter that comes twice spoils the answer (RFC 6749, 3.1).
    pub fn recognise(&self, query: &str) -> Option<Callback> {
        let state = Secret::new(single(query, "state")?);
        verify_slices_are_equal(state.expose().as_bytes(), self.state.expose().as_bytes()).ok()?;
        let outcome = match (single(query, "code"), single(query, "error")) {
            (Some(code), None) => Ok(Secret::new(code)),
            (None, Some(error)) => Err(OAuthError::new(&error, single(query, "error_description").as_deref())),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(Callback { outcome, issuer: single(query, "iss") })
    }

    /// Turns the answer into a grant, with every check that can be made before the mailbox itself is asked.
    pub async fn complete(&self, callback: Callback, now: Timestamp) -> Result<Grant, ConsentError> {
        let metadata = self.provider.metadata().await?;
        check_issuer(&metadata, callback.issuer)?;
        let code = callback.outcome.map_err(ConsentError::Denied)?;
        let granted = self.provider.exchange(&code, &self.verifier, &self.redirect_uri).await?;
        checks::grant(self.provider, self.login, granted, now).await
    }
}

/// The redirect address as it is sent. Microsoft knows `http://localhost` with any port, and compares what follows.
fn redirect_text(settings: &ProviderSettings, redirect_uri: &Url) -> String {
    let text = redirect_uri.as_str();
    match settings.kind {
        ProviderKind::Microsoft(_) if redirect_uri.path() == "/" => text.trim_end_matches('/').to_owned(),
        ProviderKind::Microsoft(_) | ProviderKind::Google | ProviderKind::Custom => text.to_owned(),
    }
}

/// 256 bits: 43 characters, as RFC 7636, 4.1, wants for a verifier at least.
fn random() -> Result<Secret, ConsentError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| ConsentError::NoRandomness)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// RFC 7636, 4.2.
fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.expose().as_bytes()))
}

fn single(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let value = values.next()?.1.into_owned();
    values.next().is_none().then_some(value)
}

/// RFC 9207, 2.4, against one server passing for another (RFC 9700, 4.4). An issuer that comes unannounced is compared
/// too: it costs nothing, and providers are careless about announcing.
fn check_issuer(metadata: &Metadata, found: Option<String>) -> Result<(), ConsentError> {
    match (&metadata.issuer, found) {
        (Some(expected), Some(found)) if *expected == found => Ok(()),
        (Some(_), None) if !metadata.sends_iss => Ok(()),
        (Some(expected), found) => Err(ConsentError::OtherIssuer { expected: expected.clone(), found }),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); // Appendix B
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_parameter_that_comes_twice_does_not_count() {
        assert_eq!(single("a=1&b=%2B+2", "b").as_deref(), Some("+ 2"));
        assert_eq!(single("a=1&b=2&a=1", "a"), None);
        assert_eq!(single("", "a"), None);
    }
}
