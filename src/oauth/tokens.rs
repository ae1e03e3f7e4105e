//! Access tokens for one mailbox, or for Jira, always fresh. Asks whom it takes: the grant in the store where a person
//! consents ([`consented`]), the provider alone where the program has access in its own right ([`own_right`]).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::provider::{Provider, ProviderError};
use crate::clock::Clock;
use crate::config::Secret;
use crate::failure::{Scope, Verdict};
pub use crate::store::grants::Holder;
use consented::Consented;
pub use consented::{LOCK_S, REFRESH_S};
pub use grants::{GrantState, Grants, LedgerGrants, StoreError, StoredGrant};
use own_right::OwnRight;

mod consented;
mod grants;
mod next;
mod own_right;

/// Hands out access tokens for one mailbox, or for Jira.
pub struct AccessTokens {
    source: Source,
}

enum Source {
    Consented(Consented),
    OwnRight(Box<OwnRight>),
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// A person must consent.
    #[error("consent is needed ({reason})")]
    NeedsConsent {
        /// What the provider said, or that nobody consented yet.
        reason: String,
        /// When the provider said so.
        since: Option<Timestamp>,
    },
    /// An administrator at the provider must allow it.
    #[error("{reason}")]
    NeedsAdmin {
        /// What has to be allowed.
        reason: String,
    },
    /// A person must mend the configuration or the client's registration.
    #[error("{reason}")]
    Misconfigured {
        /// What is wrong.
        reason: String,
    },
    /// The provider cannot be reached or makes no sense.
    #[error("{reason}")]
    Unavailable {
        /// What came instead of an answer.
        reason: String,
        /// When asking again makes sense.
        retry_after: Option<Duration>,
    },
    /// The grant cannot be read or saved.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comes of a token that the mail server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The next token will be another one.
    Replaced,
    /// That token was fetched because the one before had been rejected: the token is not what is wrong.
    NotTheToken,
}

impl AccessTokens {
    /// Tokens for the grant that is kept under `subject`, a mailbox's name. Where nobody consents, `account` is the mailbox
    /// that a service account acts for. Asks nobody yet.
    pub fn new(
        subject: &str,
        account: &str,
        provider: Arc<Provider>,
        grants: Arc<dyn Grants>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let source = if provider.settings().grant.needs_consent() {
            Source::Consented(Consented::new(subject, provider, grants, clock))
        } else {
            Source::OwnRight(Box::new(OwnRight::new(account, provider, clock)))
        };
        Self { source }
    }

    /// An access token that is good now.
    pub async fn get(&self) -> Result<Secret, TokensError> {
        match &self.source {
            Source::Consented(consented) => consented.get().await,
            Source::OwnRight(own_right) => own_right.get().await,
        }
    }

    /// The server refused this token: the next one will be another, once. A server that refuses that one too has other reasons.
    pub async fn rejected(&self, token: &Secret) -> Rejection {
        match &self.source {
            Source::Consented(consented) => consented.rejected(token).await,
            Source::OwnRight(own_right) => own_right.rejected(token).await,
        }
    }

    /// A server took this token: should it refuse it later, then because of the token.
    pub fn accepted(&self, token: &Secret) {
        match &self.source {
            Source::Consented(consented) => consented.accepted(token),
            Source::OwnRight(own_right) => own_right.accepted(token),
        }
    }

    /// Waits for a refresh that is under way, so that its outcome is stored. Takes no longer than a refresh may.
    pub async fn finish(&self) {
        match &self.source {
            Source::Consented(consented) => consented.finish().await,
            Source::OwnRight(_) => {} // nothing of it is worth keeping
        }
    }
}

impl TokensError {
    /// What it means for a mailbox: it waits, or it stops until a person has acted.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NeedsConsent { .. } => Verdict::Halt(Scope::Consent),
            Self::NeedsAdmin { .. } | Self::Misconfigured { .. } => Verdict::Halt(Scope::Everything),
            Self::Unavailable { retry_after, .. } => Verdict::Retry(*retry_after),
            Self::Store(_) => Verdict::Retry(None),
        }
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason, retry_after: None }
    }

    fn from_provider(error: ProviderError, retry_after: Option<Duration>) -> Self {
        let reason = error.to_string();
        match error {
            ProviderError::Refused(_) => Self::NeedsConsent { reason, since: None },
            ProviderError::AdminNeeded(_) => Self::NeedsAdmin { reason },
            ProviderError::ClientRefused(_) | ProviderError::Misconfigured(_) => Self::Misconfigured { reason },
            ProviderError::Unavailable { .. } => Self::Unavailable { reason, retry_after },
        }
    }
}
