//! Consent over an application link: OAuth 1.0a's three steps (RFC 5849, 2). Knows neither browser nor terminal.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use zeroize::Zeroize as _;

use super::oauth1::{Signer, TokenCredentials};
use super::{AuthError, Outgoing};
use crate::config::{JiraAuth, JiraSettings, Secret, SecretRef};
use crate::http;
use crate::oauth::{Grant, RefreshEnd};

/// A step takes no longer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer is a short form.
const ANSWER_LIMIT: usize = 64 << 10;

/// The callback of a consent whose verifier the person copies (RFC 5849, 2.1).
const OUT_OF_BAND: &str = "oob";

/// How the verifier gets back here.
#[derive(Debug, Clone)]
pub enum Return {
    /// Jira sends the browser to this address with it.
    Browser(Url),
    /// Jira shows it to the person, who types it in.
    OutOfBand,
}

impl Return {
    fn parse(callback: &str) -> Option<Self> {
        match callback {
            OUT_OF_BAND => Some(Self::OutOfBand),
            address => Url::parse(address).ok().map(Self::Browser),
        }
    }

    fn callback(&self) -> &str {
        match self {
            Self::Browser(address) => address.as_str(),
            Self::OutOfBand => OUT_OF_BAND,
        }
    }
}

/// A consent under way.
pub struct LinkConsent {
    client: reqwest::Client,
    signer: Signer,
    temporary: TokenCredentials,
    access_token_url: Url,
    address: Url,
    to: Return,
}

/// What has to be kept of a consent that another process may go on with. Sealed wherever it is kept.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    temporary: String,
    callback: String,
}

impl Begun {
    /// The token that the answer will name it by.
    pub fn token(&self) -> Option<Secret> {
        self.credentials().map(|credentials| credentials.token)
    }

    /// The token that an answer names.
    pub fn token_in(query: &str) -> Option<String> {
        value(query, "oauth_token")
    }

    fn credentials(&self) -> Option<TokenCredentials> {
        TokenCredentials::parse(&Secret::new(self.temporary.clone()))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.temporary.zeroize();
    }
}

/// Why there is no consent.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// See [`AuthError`].
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Http(#[from] http::HttpError),
    /// The configuration has no application link.
    #[error("`[jira.auth.oauth1]` is not configured")]
    NotConfigured,
    /// What was kept of a consent that was begun cannot be gone on with.
    #[error("the consent that was begun cannot be gone on with")]
    Unreadable,
    /// No answer came.
    #[error("{0} does not answer: {1}")]
    Network(String, String),
    /// Jira refused a step.
    #[error("Jira refused the {step} ({problem})")]
    Refused {
        /// Which.
        step: &'static str,
        /// Jira's word for why, or the status.
        problem: String,
    },
    /// The person, or Jira for them, said no.
    #[error("the person at the browser did not agree")]
    Denied,
}

impl LinkConsent {
    /// Asks for temporary credentials, for a verifier that will come back that way.
    pub async fn begin(jira: &JiraSettings, to: Return) -> Result<Self, LinkError> {
        let (client, signer) = link(jira)?;
        let temporary = temporary(&client, &signer, &jira.url, to.callback()).await?;
        Ok(Self::of(jira, (client, signer), temporary, to))
    }

    /// Goes on with a consent that was begun earlier, maybe by another process.
    pub fn resume(jira: &JiraSettings, begun: &Begun) -> Result<Self, LinkError> {
        let temporary = begun.credentials().ok_or(LinkError::Unreadable)?;
        let to = Return::parse(&begun.callback).ok_or(LinkError::Unreadable)?;
        Ok(Self::of(jira, link(jira)?, temporary, to))
    }

    fn of(
        jira: &JiraSettings,
        (client, signer): (reqwest::Client, Signer),
        temporary: TokenCredentials,
        to: Return,
    ) -> Self {
        let mut address = authorization_url(jira);
        address.query_pairs_mut().append_pair("oauth_token", temporary.token.expose());
        let access_token_url = jira.token_url.clone().unwrap_or_else(|| servlet(&jira.url, "access-token"));
        Self { client, signer, temporary, access_token_url, address, to }
    }

    /// What has to be kept to go on with it later.
    pub fn begun(&self) -> Begun {
        Begun { temporary: self.temporary.to_form().expose().to_owned(), callback: self.to.callback().to_owned() }
    }

    /// Where the person has to go.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Recognises the verifier for this consent in the query of a request to the callback, or in what a person typed; `None`
    /// is somebody else's. Jira sends `denied` for a verifier when the person says no.
    pub fn recognise(&self, answer: &str) -> Option<Secret> {
        match &self.to {
            Return::Browser(_) => self.in_query(answer),
            Return::OutOfBand => {
                let word = answer.trim();
                let bare = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                bare.then(|| Secret::new(word))
            }
        }
    }

    fn in_query(&self, query: &str) -> Option<Secret> {
        let ours = value(query, "oauth_token")? == self.temporary.token.expose();
        ours.then(|| value(query, "oauth_verifier").map(Secret::new))?
    }

    /// Trades the verifier for what lasts.
    pub async fn complete(&self, verifier: &Secret, now: Timestamp) -> Result<Grant, LinkError> {
        if verifier.expose() == "denied" {
            return Err(LinkError::Denied);
        }
        let step =
            Step { client: &self.client, signer: &self.signer, url: &self.access_token_url, name: "access token" };
        let verifier = ("oauth_verifier", verifier.expose());
        let (credentials, lifetime) = step.post(Some(&self.temporary), verifier).await?;
        Ok(Grant {
            refresh_token: credentials.to_form(),
            access: None,
            granted_at: now,
            identity: None,
            refresh_end: RefreshEnd::after(lifetime, now),
            scopes: Vec::new(),
        })
    }
}

/// Whether Jira takes the link's signature where no person's token is shown: then key, consumer and clocks are right.
pub async fn stands(client: &reqwest::Client, signer: &Signer, jira: &Url) -> bool {
    temporary(client, signer, jira, OUT_OF_BAND).await.is_ok()
}

/// The page where a person lets a program in over a link.
pub fn authorization_url(jira: &JiraSettings) -> Url {
    jira.authorization_url.clone().unwrap_or_else(|| servlet(&jira.url, "authorize"))
}

fn link(jira: &JiraSettings) -> Result<(reqwest::Client, Signer), LinkError> {
    let JiraAuth::OAuth1 { consumer_key, private_key } = &jira.auth else { return Err(LinkError::NotConfigured) };
    let signer = signer(consumer_key, private_key)?;
    Ok((http::client(jira.ca_file.as_deref(), TIMEOUT)?, signer))
}

fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn temporary(
    client: &reqwest::Client,
    signer: &Signer,
    jira: &Url,
    callback: &str,
) -> Result<TokenCredentials, LinkError> {
    let url = servlet(jira, "request-token");
    let step = Step { client, signer, url: &url, name: "request token" };
    Ok(step.post(None, ("oauth_callback", callback)).await?.0)
}

fn servlet(jira: &Url, end: &str) -> Url {
    let mut url = jira.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["plugins", "servlet", "oauth", end]);
    }
    url
}

fn signer(consumer_key: &str, private_key: &SecretRef) -> Result<Signer, AuthError> {
    Ok(Signer::new(consumer_key, &private_key.read()?)?)
}

struct Step<'a> {
    client: &'a reqwest::Client,
    signer: &'a Signer,
    url: &'a Url,
    name: &'static str,
}

impl Step<'_> {
    /// The credentials that come back, and how long they are good where Jira says so.
    async fn post(
        &self,
        credentials: Option<&TokenCredentials>,
        parameter: (&str, &str),
    ) -> Result<(TokenCredentials, Option<Duration>), LinkError> {
        let outgoing = Outgoing { method: &Method::POST, url: self.url };
        let header = self.signer.authorization(&outgoing, credentials, &[parameter])?;
        let host = self.url.host_str().unwrap_or_default();
        let lost = |cause: String| LinkError::Network(host.to_owned(), cause);
        let request = self.client.post(self.url.clone()).header(reqwest::header::AUTHORIZATION, header.as_str());
        let answer = request.send().await.map_err(|error| lost(http::cause(&error)))?;
        let status = answer.status();
        let body = http::body(answer, ANSWER_LIMIT).await.map_err(|error| lost(error.to_string()))?;
        let form = Secret::new(String::from_utf8_lossy(&body));
        match TokenCredentials::parse(&form).filter(|_| status.is_success()) {
            Some(credentials) => Ok((credentials, lifetime(&form))),
            None => Err(LinkError::Refused { step: self.name, problem: problem(&form, status.as_u16()) }),
        }
    }
}

/// Jira's own `oauth_expires_in`, in seconds: five years, unless an administrator chose otherwise.
fn lifetime(form: &Secret) -> Option<Duration> {
    value(form.expose(), "oauth_expires_in")?.parse().ok().map(Duration::from_secs)
}

/// `oauth_problem=…`, or the status.
fn problem(form: &Secret, status: u16) -> String {
    let mut pairs = form_urlencoded::parse(form.expose().as_bytes());
    let named = pairs.find(|(name, _)| name == "oauth_problem").map(|(_, problem)| problem.into_owned());
    let plain = |text: String| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
    named.map_or_else(|| format!("status {status}"), plain)
}
