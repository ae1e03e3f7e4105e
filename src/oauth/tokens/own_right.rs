//! Access tokens in the program's own right: client credentials, or a service account that acts for the mailbox. Nobody
//! consents, there is no refresh token, and nothing is stored: each process fetches its own.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::consented::REFRESH_S;
use super::next::{self, Failure, Replacement};
use super::{Rejection, TokensError};
use crate::clock::Clock;
use crate::config::{GrantType, Secret};
use crate::oauth::AccessToken;
use crate::oauth::provider::{Granted, Provider, ProviderError};

/// Access tokens for one mailbox that nobody has to sign in for.
pub(super) struct OwnRight {
    account: String,
    provider: Arc<Provider>,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    access: Option<AccessToken>,
    due: Timestamp,
    failure: Option<Failure>,
    rejected: Option<Secret>,
    replacement: Option<Replacement>,
}

impl OwnRight {
    pub fn new(account: &str, provider: Arc<Provider>, clock: Arc<dyn Clock>) -> Self {
        Self { account: account.to_owned(), provider, clock, held: Mutex::default() }
    }

    /// Callers that come while a token is being fetched wait for it.
    pub async fn get(&self) -> Result<Secret, TokensError> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        let usable = held.usable(now);
        if let Some(token) = usable.as_ref().filter(|_| now < held.due) {
            return Ok(token.clone());
        }
        let error = match held.failure.as_ref().filter(|failure| now < failure.retry_at) {
            Some(failure) => failure.told(now),
            None => match self.ask().await {
                Ok(granted) => return Ok(held.keep(AccessToken::of(&granted, now), now)),
                Err(error) => held.remember_failure(error, now),
            },
        };
        usable.ok_or(error)
    }

    pub async fn rejected(&self, token: &Secret) -> Rejection {
        let mut held = self.held.lock().await;
        if held.replacement.as_ref().is_some_and(|known| known.excuses(token, self.clock.now())) {
            return Rejection::NotTheToken;
        }
        held.rejected = Some(token.clone());
        Rejection::Replaced
    }

    pub fn accepted(&self, token: &Secret) {
        if let Ok(mut held) = self.held.try_lock()
            && held.replacement.as_ref().is_some_and(|known| known.is(token))
        {
            held.replacement = None;
        }
    }

    async fn ask(&self) -> Result<Granted, ProviderError> {
        let limit = Duration::from_secs(REFRESH_S);
        let answer = match self.provider.settings().grant {
            GrantType::ServiceAccount => timeout(limit, self.provider.service_account(&self.account)).await,
            GrantType::ClientCredentials | GrantType::AuthorizationCode | GrantType::Device => {
                timeout(limit, self.provider.client_credentials()).await
            }
        };
        let late = |_| Err(ProviderError::unavailable(format!("the provider did not answer within {REFRESH_S} s")));
        answer.unwrap_or_else(late).map_err(|error| explained(error, self.provider.settings().grant))
    }
}

impl Held {
    fn usable(&self, now: Timestamp) -> Option<Secret> {
        let access = self.access.as_ref()?;
        let good = next::is_good(access, now) && self.rejected.as_ref() != Some(&access.token);
        good.then(|| access.token.clone())
    }

    fn keep(&mut self, access: AccessToken, now: Timestamp) -> Secret {
        let token = access.token.clone();
        self.due = next::due_at(&access, now, fastrand::f64());
        self.failure = None;
        if self.rejected.take().is_some() {
            self.replacement = Some(Replacement::new(&token, now));
        }
        self.access = Some(access);
        token
    }

    fn remember_failure(&mut self, error: ProviderError, now: Timestamp) -> TokensError {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        let pause = next::pause(&error, count, fastrand::f64());
        let retry_at = now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now);
        self.failure = Some(Failure { generation: 0, error: error.clone(), retry_at, count });
        TokensError::from_provider(error, Some(pause))
    }
}

/// There is no consent that could be dead: a refusal is about the client, its key, or what an administrator allows.
fn explained(error: ProviderError, grant: GrantType) -> ProviderError {
    match (error, grant) {
        (ProviderError::ClientRefused(error), GrantType::ServiceAccount) if error.code == "unauthorized_client" => {
            ProviderError::AdminNeeded(format!(
                "the service account may not act for this mailbox: a Workspace administrator must add its client id and the \
                 configured scopes under Security, API controls, Domain-wide delegation ({error})"
            ))
        }
        (ProviderError::Refused(error), GrantType::ServiceAccount) => ProviderError::Misconfigured(format!(
            "the service account was refused: check that its key is still listed in the Google console, that the mailbox's \
             `address` is a user's own, and this machine's clock ({error})"
        )),
        (ProviderError::Refused(error), _) => ProviderError::ClientRefused(error),
        (error, _) => error,
    }
}
