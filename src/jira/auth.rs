//! What a request shows to Jira: an `Authorization` header made from the configured way in, kept for a moment, and made anew
//! when Jira does not take it. Where the way in rests on a person's consent, that consent is in the ledger and is asked for
//! again and again, so that a fresh one is used within seconds.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderValue;
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use super::client::Call;
use super::{Flavour, JiraError};
use crate::config::{JiraAuth, Secret, SecretError, SecretRef};
use crate::failure::{Scope, Verdict};
use crate::oauth::tokens::{AccessTokens, GrantState, Grants, Rejection, StoreError, TokensError};
use crate::sync::locked;
use oauth1::{Signer, TokenCredentials};

pub mod authority;
pub mod link;
pub mod oauth1;

/// Under which name Jira's consent is kept in the ledger.
pub const SUBJECT: &str = crate::config::JIRA;

/// How long a token is shown without asking the ledger whether there is a better one.
const KEPT: Duration = Duration::from_secs(2);

/// How a secret is read from where it stands.
pub type ReadSecret = fn(&SecretRef) -> Result<Secret, SecretError>;

/// Makes the source of OAuth 2.0 tokens, once it is known what kind of Jira they are for.
pub type MakeTokens = Box<dyn Fn(Flavour) -> Result<Arc<AccessTokens>, String> + Send + Sync>;

/// Where the ways in get what they need.
pub struct Keys {
    /// Reads what stands in files, credentials and the environment.
    pub read: ReadSecret,
    /// For OAuth 2.0.
    pub tokens: Option<MakeTokens>,
    /// For OAuth 1.0a.
    pub grants: Option<Arc<dyn Grants>>,
}

impl Keys {
    /// For the ways in that need no more than a secret of the configuration.
    pub fn secrets(read: ReadSecret) -> Self {
        Self { read, tokens: None, grants: None }
    }
}

/// A request about to leave, as far as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its whole address, the query included.
    pub url: &'a Url,
}

/// What a request showed.
#[derive(Debug, Clone)]
pub struct Shown {
    header: HeaderValue,
    secret: Option<Secret>,
}

impl Shown {
    /// For `Authorization`.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// See [`SecretError`].
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret holds characters that no header may hold.
    #[error("the secret for Jira holds characters that cannot be sent")]
    Unsendable,
    /// The private key of the application link is none.
    #[error(transparent)]
    Key(#[from] oauth1::KeyError),
    /// See [`TokensError`].
    #[error("{}", crate::failure::with_causes(.0))]
    Tokens(#[from] TokensError),
    /// See [`StoreError`].
    #[error("{}", crate::failure::with_causes(.0))]
    Store(#[from] StoreError),
    /// The way in cannot be made from the configuration.
    #[error("{0}")]
    SetUp(String),
    /// A person has to let us in.
    #[error("consent is needed ({0}); run `mail2jira authorize jira`")]
    NeedsConsent(String),
}

impl AuthError {
    /// What it means for whatever was to be asked of Jira.
    fn verdict(&self) -> Verdict {
        match self {
            Self::Secret(_) | Self::Unsendable | Self::Key(_) | Self::SetUp(_) => Verdict::Halt(Scope::Everything),
            Self::NeedsConsent(_) => Verdict::Halt(Scope::Consent),
            Self::Store(_) => Verdict::Retry(None),
            Self::Tokens(error) => error.verdict(),
        }
    }

    /// The error of a call that could not be made for it.
    pub(super) fn for_call(&self, call: &Call<'_>) -> JiraError {
        let message = format!("cannot {}: {self}", call.attempt());
        JiraError::new(self.verdict(), None, message)
    }
}

/// How an API token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenForm {
    /// With the account's address (RFC 7617).
    Basic,
    /// By itself (RFC 6750), as Atlassian has service accounts do.
    Bearer,
}

/// The way in, and what was made of it last.
pub struct Credentials {
    auth: JiraAuth,
    keys: Keys,
    standing: Mutex<Option<HeaderValue>>,
    form: Mutex<Option<TokenForm>>,
    tokens: OnceLock<Arc<AccessTokens>>,
    kept: Mutex<Option<(Secret, Instant)>>,
    signer: Mutex<Option<Arc<Signer>>>,
}

impl Credentials {
    /// Takes the way in; nothing is read yet.
    pub fn new(auth: JiraAuth, keys: Keys) -> Self {
        Self {
            auth,
            keys,
            standing: Mutex::default(),
            form: Mutex::default(),
            tokens: OnceLock::new(),
            kept: Mutex::default(),
            signer: Mutex::default(),
        }
    }

    /// What `request` to that kind of Jira is to show.
    pub async fn show(&self, flavour: Flavour, request: &Outgoing<'_>) -> Result<Shown, AuthError> {
        match &self.auth {
            JiraAuth::ApiToken { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => {
                let kept = locked(&self.standing).clone();
                Ok(Shown { header: kept.map_or_else(|| self.read_standing(), Ok)?, secret: None })
            }
            JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_) => bearer(self.token(flavour).await?),
            JiraAuth::OAuth1 { .. } => self.signed(request).await,
        }
    }

    /// Something else to show after Jira did not take `refused`: `None` when there is nothing else. This is how a swapped
    /// secret file is noticed without a restart, and without reading the file for every request.
    pub async fn after_refusal(
        &self,
        flavour: Flavour,
        refused: &Shown,
        request: &Outgoing<'_>,
    ) -> Result<Option<Shown>, AuthError> {
        *locked(&self.kept) = None;
        match (&self.auth, &refused.secret) {
            (JiraAuth::ApiToken { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. }, _) => {
                let header = self.read_standing()?;
                Ok((header != refused.header).then_some(Shown { header, secret: None }))
            }
            (JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_), Some(token)) => {
                match self.tokens(flavour)?.rejected(token).await {
                    Rejection::Replaced => bearer(self.token(flavour).await?).map(Some),
                    Rejection::NotTheToken => Ok(None),
                }
            }
            (JiraAuth::OAuth1 { .. }, Some(before)) => {
                *locked(&self.signer) = None;
                let shown = self.signed(request).await?;
                Ok((shown.secret.as_ref() != Some(before)).then_some(shown))
            }
            (JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_) | JiraAuth::OAuth1 { .. }, None) => Ok(None),
        }
    }

    /// The forms in which the token can be shown, the usual one first; none where there is no standing token.
    pub const fn forms(&self) -> &'static [TokenForm] {
        match &self.auth {
            JiraAuth::ApiToken { .. } => &[TokenForm::Basic, TokenForm::Bearer],
            JiraAuth::Pat { .. } => &[TokenForm::Bearer],
            JiraAuth::Basic { .. }
            | JiraAuth::ServiceAccount { .. }
            | JiraAuth::OAuth2(_)
            | JiraAuth::OAuth1 { .. } => &[],
        }
    }

    /// The token in that form, read anew.
    pub fn show_as(&self, form: TokenForm) -> Result<Shown, AuthError> {
        Ok(Shown { header: self.read_as(Some(form))?, secret: None })
    }

    /// From now on the token is shown in that form.
    pub fn settle_on(&self, form: TokenForm) {
        *locked(&self.form) = Some(form);
        *locked(&self.standing) = None;
    }

    /// Jira said that the token itself is no more (OAuth 1.0a): only a person can get another.
    pub async fn record_dead(&self, refused: &Shown, reason: &str) -> Result<(), AuthError> {
        let Some(grants) = &self.keys.grants else { return Ok(()) };
        let Some(stored) = grants.grant(SUBJECT).await? else { return Ok(()) };
        if refused.secret.as_ref() == Some(&stored.grant.refresh_token) {
            grants.record_consent_needed(SUBJECT, stored.generation, reason).await?;
        }
        Ok(())
    }

    /// What signs for an application link, where that is the way in.
    pub fn link_signer(&self) -> Option<Arc<Signer>> {
        match &self.auth {
            JiraAuth::OAuth1 { .. } => self.signer().ok(),
            JiraAuth::ApiToken { .. }
            | JiraAuth::Pat { .. }
            | JiraAuth::Basic { .. }
            | JiraAuth::ServiceAccount { .. }
            | JiraAuth::OAuth2(_) => None,
        }
    }

    fn read_standing(&self) -> Result<HeaderValue, AuthError> {
        let form = *locked(&self.form);
        let header = self.read_as(form)?;
        *locked(&self.standing) = Some(header.clone());
        Ok(header)
    }

    fn read_as(&self, form: Option<TokenForm>) -> Result<HeaderValue, AuthError> {
        let read = self.keys.read;
        match (&self.auth, form) {
            (JiraAuth::ApiToken { token, .. }, Some(TokenForm::Bearer)) | (JiraAuth::Pat { token }, _) => {
                Ok(bearer(read(token)?)?.header)
            }
            (JiraAuth::ApiToken { email, token }, Some(TokenForm::Basic) | None) => basic(email, &read(token)?),
            (JiraAuth::Basic { username, password }, _) => basic(username, &read(password)?),
            (JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_) | JiraAuth::OAuth1 { .. }, _) => {
                Err(AuthError::SetUp("this way in has no standing secret".to_owned()))
            }
        }
    }

    fn tokens(&self, flavour: Flavour) -> Result<&Arc<AccessTokens>, AuthError> {
        if let Some(tokens) = self.tokens.get() {
            return Ok(tokens);
        }
        let make = self.keys.tokens.as_ref().ok_or_else(|| AuthError::SetUp("no tokens can be had here".to_owned()))?;
        let made = make(flavour).map_err(AuthError::SetUp)?;
        Ok(self.tokens.get_or_init(|| made))
    }

    async fn token(&self, flavour: Flavour) -> Result<Secret, AuthError> {
        if let Some(token) = self.lately() {
            return Ok(token);
        }
        let token = self.tokens(flavour)?.get().await.map_err(|error| match error {
            TokensError::NeedsConsent { reason, .. } => AuthError::NeedsConsent(reason),
            TokensError::NeedsAdmin { .. }
            | TokensError::Misconfigured { .. }
            | TokensError::Unavailable { .. }
            | TokensError::Store(_) => error.into(),
        })?;
        *locked(&self.kept) = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    async fn signed(&self, request: &Outgoing<'_>) -> Result<Shown, AuthError> {
        let stored = match self.lately() {
            Some(stored) => stored,
            None => self.link_token().await?,
        };
        let credentials = TokenCredentials::parse(&stored)
            .ok_or_else(|| AuthError::NeedsConsent("the stored consent is of another kind".to_owned()))?;
        let header = self.signer()?.authorization(request, Some(&credentials), &[])?;
        let mut header = HeaderValue::from_str(&header).map_err(|_| AuthError::Unsendable)?;
        header.set_sensitive(true);
        Ok(Shown { header, secret: Some(stored) })
    }

    async fn link_token(&self) -> Result<Secret, AuthError> {
        let never = || AuthError::NeedsConsent("nobody has consented yet".to_owned());
        let grants = self.keys.grants.as_ref().ok_or_else(never)?;
        let stored = grants.grant(SUBJECT).await?.ok_or_else(never)?;
        match stored.state {
            GrantState::Granted => {
                *locked(&self.kept) = Some((stored.grant.refresh_token.clone(), Instant::now()));
                Ok(stored.grant.refresh_token)
            }
            GrantState::Needed { reason, .. } => Err(AuthError::NeedsConsent(reason)),
        }
    }

    fn signer(&self) -> Result<Arc<Signer>, AuthError> {
        let mut kept = locked(&self.signer);
        if let Some(signer) = kept.as_ref() {
            return Ok(signer.clone());
        }
        let JiraAuth::OAuth1 { consumer_key, private_key } = &self.auth else {
            return Err(AuthError::SetUp("this way in signs nothing".to_owned()));
        };
        let signer = Arc::new(Signer::new(consumer_key, &(self.keys.read)(private_key)?)?);
        *kept = Some(signer.clone());
        Ok(signer)
    }

    fn lately(&self) -> Option<Secret> {
        let kept = locked(&self.kept);
        kept.as_ref().filter(|(_, at)| at.elapsed() < KEPT).map(|(secret, _)| secret.clone())
    }
}

/// RFC 7617, 2, with the UTF-8 that its section 2.1 allows.
fn basic(user: &str, password: &Secret) -> Result<HeaderValue, AuthError> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    sensitive(&Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
}

/// RFC 6750, 2.1.
fn bearer(token: Secret) -> Result<Shown, AuthError> {
    let header = sensitive(&Zeroizing::new(format!("Bearer {}", token.expose())))?;
    Ok(Shown { header, secret: Some(token) })
}

fn sensitive(text: &str) -> Result<HeaderValue, AuthError> {
    let mut header = HeaderValue::from_str(text).map_err(|_| AuthError::Unsendable)?;
    header.set_sensitive(true);
    Ok(header)
}
