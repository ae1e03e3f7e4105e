//! Opening a mailbox: a token or a password, then the protocol. What stands in the way, in words a person can use.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustls::ClientConfig;

use crate::config::{MailboxSettings, Secret, SecretRef};
use crate::failure::{Verdict, with_causes};
use crate::mailbox::{self, Credential, Mailbox, MailboxError, imap};
use crate::oauth::tokens::{AccessTokens, Rejection, TokensError};
use crate::status::WorkState;

/// Opens sessions to one mailbox. [`ServerDoor`] opens real ones; the simulation has its own. All but opening is about tokens,
/// and nothing where there are none.
pub trait Door: Send + Sync {
    /// Opens a session.
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Mailbox>, Obstacle>>;

    /// Whether it is worth another try after [`Obstacle::NeedsConsent`]: a person may have consented meanwhile.
    fn may_be_open(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }

    /// Renews what opens the mailbox ahead of its end, although the session at hand may live on without: a refusal is
    /// noticed while there is still time. What fails is asked again at the next opening.
    fn keep_fresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Waits for a renewal that is under way: a rotated refresh token that nobody stores would cost the consent.
    fn finish(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What stands in the way of a mailbox.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// A person must consent.
    #[error("{0}")]
    NeedsConsent(String),
    /// An administrator at the provider must allow it.
    #[error("{0}")]
    NeedsAdmin(String),
    /// A person must mend the set-up.
    #[error("{0}")]
    Misconfigured(String),
    /// What passes by itself.
    #[error("{0}")]
    Passing(String),
    /// What passes when the server has been left alone for as long as it wants to be.
    #[error("{0}")]
    Throttled(String, Duration),
}

impl Obstacle {
    /// The mailbox's state, and the reason.
    pub fn as_state(&self) -> (WorkState, &str) {
        match self {
            Self::NeedsConsent(reason) => (WorkState::NeedsConsent, reason),
            Self::NeedsAdmin(reason) => (WorkState::NeedsAdmin, reason),
            Self::Misconfigured(reason) => (WorkState::Misconfigured, reason),
            Self::Passing(reason) | Self::Throttled(reason, _) => (WorkState::BackingOff, reason),
        }
    }
}

/// Opens a mailbox at its server.
pub struct ServerDoor {
    /// The mailbox.
    pub settings: MailboxSettings,
    /// The roots that its server is checked against.
    pub tls: Arc<ClientConfig>,
    /// What opens it.
    pub lock: Lock,
    /// What earlier sessions have taught about the server.
    pub experience: Arc<imap::Experience>,
}

/// What opens a mailbox.
pub enum Lock {
    /// Access tokens.
    Tokens(Arc<AccessTokens>),
    /// A user name and a password, read anew each time: it may be swapped while the daemon runs.
    Password {
        /// The user name.
        username: String,
        /// Where the password stands.
        secret: SecretRef,
    },
}

impl ServerDoor {
    async fn try_open(&self) -> Result<Box<dyn Mailbox>, Obstacle> {
        let tokens = match &self.lock {
            Lock::Tokens(tokens) => tokens,
            Lock::Password { username, secret } => return self.open_with_password(username, secret).await,
        };
        let mut token = tokens.get().await?;
        let mut opened = self.open_with_token(&token).await;
        // The token may have been revoked before its time: one that was refreshed just now settles that.
        if matches!(opened, Err(MailboxError::LoginRefused { .. }))
            && tokens.rejected(&token).await == Rejection::Replaced
        {
            token = tokens.get().await?;
            opened = self.open_with_token(&token).await;
        }
        let session = opened?;
        tokens.accepted(&token);
        Ok(session)
    }

    async fn open_with_token(&self, token: &Secret) -> Result<Box<dyn Mailbox>, MailboxError> {
        let credential = Credential::Bearer { user: self.settings.address.clone(), token: token.clone() };
        mailbox::open(&self.settings, self.tls.clone(), &credential, &self.experience).await
    }

    async fn open_with_password(&self, username: &str, secret: &SecretRef) -> Result<Box<dyn Mailbox>, Obstacle> {
        let secret = secret.read().map_err(|error| Obstacle::Misconfigured(with_causes(&error)))?;
        let credential = Credential::Password { username: username.to_owned(), secret };
        Ok(mailbox::open(&self.settings, self.tls.clone(), &credential, &self.experience).await?)
    }
}

impl Door for ServerDoor {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Mailbox>, Obstacle>> {
        Box::pin(self.try_open())
    }

    fn may_be_open(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            match &self.lock {
                Lock::Tokens(tokens) => !matches!(tokens.get().await, Err(TokensError::NeedsConsent { .. })),
                Lock::Password { .. } => true,
            }
        })
    }

    fn keep_fresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Lock::Tokens(tokens) = &self.lock
                && let Err(error) = tokens.get().await
            {
                tracing::warn!(mailbox = self.settings.name.as_str(), error = %error, "cannot renew the access token");
            }
        })
    }

    fn finish(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Lock::Tokens(tokens) = &self.lock {
                tokens.finish().await;
            }
        })
    }
}

impl From<TokensError> for Obstacle {
    fn from(error: TokensError) -> Self {
        let reason = with_causes(&error);
        match error {
            TokensError::NeedsConsent { .. } => Self::NeedsConsent(reason),
            TokensError::NeedsAdmin { .. } => Self::NeedsAdmin(reason),
            TokensError::Misconfigured { .. } => Self::Misconfigured(reason),
            TokensError::Unavailable { .. } | TokensError::Store(_) => Self::Passing(reason),
        }
    }
}

impl Obstacle {
    /// What ended a session that had been opened: it passes, whatever it was.
    pub fn from_session(error: &MailboxError) -> Self {
        let reason = with_causes(error);
        match error.verdict() {
            Verdict::Retry(Some(wait)) => Self::throttled(&reason, wait),
            Verdict::Retry(None) | Verdict::Halt(_) | Verdict::Unknown | Verdict::Quarantine => Self::Passing(reason),
        }
    }

    fn throttled(reason: &str, wait: Duration) -> Self {
        Self::Throttled(format!("{reason}; it is left alone for {} s", wait.as_secs()), wait)
    }
}

impl From<MailboxError> for Obstacle {
    fn from(error: MailboxError) -> Self {
        let reason = with_causes(&error);
        match error.verdict() {
            Verdict::Halt(_) => Self::Misconfigured(reason),
            Verdict::Retry(Some(wait)) => Self::throttled(&reason, wait),
            Verdict::Retry(None) | Verdict::Unknown | Verdict::Quarantine => Self::Passing(reason),
        }
    }
}

/// A mailbox that cannot be opened as it is configured: the reason.
pub struct Bricked(pub String);

impl Door for Bricked {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Mailbox>, Obstacle>> {
        Box::pin(async { Err(Obstacle::Misconfigured(self.0.clone())) })
    }
}
