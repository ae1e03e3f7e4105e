//! Access tokens that come of a person's consent: refreshed ahead of time, one at a time, and no refresh token is lost on the way.
//!
//! The store is the truth and is asked every time, so that a consent given in another process is seen at once.
//! - A rotated refresh token is durable before its access token is handed out. If the store is down at that moment, the
//!   token waits in memory and is saved before the provider is asked again: a used one might cost the grant.
//! - A refresh runs in a task of its own. Whoever asked may be dropped, the answer is stored all the same.
//! - Refreshing takes a lock in the store, so that no two processes use one refresh token; a generation number catches
//!   the rest. A process that is killed leaves the lock to its end ([`LOCK_S`]).
//! - Providers may take a spent refresh token for theft and end the grant (RFC 9700, 4.14.2): nothing here shows one twice on
//!   purpose.
//! - Only a definite refusal is recorded as "needs consent", and only for the generation that was refused.
//!
//! What cannot be survived: a kill between the provider's rotation and the arrival of its answer, at a provider that
//! kills the old token at once. With a grace period the old one is simply used again.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::grants::{Grants, StoredGrant};
use super::next::{self, Due, Failure, Memory, Next, Replacement, Unsaved};
use super::{Rejection, TokensError};
use crate::clock::Clock;
use crate::config::Secret;
use crate::oauth::provider::{Granted, OAuthError, Provider, ProviderError};
use crate::oauth::{AccessToken, Grant, RefreshEnd};

/// The longest that a refresh may take, in seconds: metadata and two ways of client authentication included.
pub const REFRESH_S: u64 = 30;

/// How long a refresh is reserved for its process, in seconds.
pub const LOCK_S: u64 = 65;

const _: () = assert!(2 * REFRESH_S < LOCK_S, "a lock must outlive the refresh that it protects");

/// How often a refresh by another process is looked after.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Pauses between attempts to save a rotated grant.
const SAVE_AGAIN: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(400), Duration::from_secs(2)];

/// Access tokens for one subject, as its grant in the store allows.
pub(super) struct Consented {
    refresher: Arc<Refresher>,
    memory: Arc<Mutex<Memory>>,
    tasks: TaskTracker,
}

impl Consented {
    pub fn new(subject: &str, provider: Arc<Provider>, grants: Arc<dyn Grants>, clock: Arc<dyn Clock>) -> Self {
        let owner = format!("{:032x}", fastrand::u128(..)); // names a process among a handful, no secret
        let refresher = Refresher { subject: subject.to_owned(), owner, provider, grants, clock };
        Self { refresher: Arc::new(refresher), memory: Arc::default(), tasks: TaskTracker::new() }
    }

    /// Callers that come while a refresh is under way share its outcome.
    pub async fn get(&self) -> Result<Secret, TokensError> {
        let memory = self.memory.clone().lock_owned().await;
        let stored = self.refresher.stored().await?;
        match next::next(&stored, &memory, self.refresher.clock.now()) {
            Next::HandOut(token) => Ok(token),
            Next::Refuse(error) => Err(error),
            Next::Refresh => {
                let task = self.tasks.spawn(self.refresher.clone().refresh(memory, stored));
                task.await
                    .unwrap_or_else(|error| Err(TokensError::unavailable(format!("the refresh broke off: {error}"))))
            }
        }
    }

    pub async fn rejected(&self, token: &Secret) -> Rejection {
        let mut memory = self.memory.lock().await;
        if memory.replacement.as_ref().is_some_and(|known| known.excuses(token, self.refresher.clock.now())) {
            return Rejection::NotTheToken;
        }
        memory.rejected = Some(token.clone());
        Rejection::Replaced
    }

    /// While a refresh is under way nobody waits to say this: the next token is another one anyway.
    pub fn accepted(&self, token: &Secret) {
        if let Ok(mut memory) = self.memory.try_lock()
            && memory.replacement.as_ref().is_some_and(|known| known.is(token))
        {
            memory.replacement = None;
        }
    }

    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What a refresh needs; shared with its task.
struct Refresher {
    subject: String,
    owner: String,
    provider: Arc<Provider>,
    grants: Arc<dyn Grants>,
    clock: Arc<dyn Clock>,
}

/// How an attempt to refresh ended, if not with an error.
enum Attempt {
    Fresh(Secret),
    /// Somebody else changed the grant, or is about to: look at it again.
    Overtaken,
    Busy,
}

impl Refresher {
    async fn stored(&self) -> Result<StoredGrant, TokensError> {
        let never = || TokensError::NeedsConsent { reason: "nobody has consented yet".to_owned(), since: None };
        self.grants.grant(&self.subject).await?.ok_or_else(never)
    }

    /// Refreshes, or waits for whoever else does. While that fails, a token that is still good will do.
    async fn refresh(
        self: Arc<Self>,
        mut memory: OwnedMutexGuard<Memory>,
        mut stored: StoredGrant,
    ) -> Result<Secret, TokensError> {
        let deadline = Instant::now() + Duration::from_secs(LOCK_S);
        loop {
            let attempt = self.attempt(&mut memory, &stored).await;
            let now = self.clock.now();
            let usable = next::usable(&stored, &memory, now).map(|access| access.token.clone());
            match (attempt, usable) {
                (Ok(Attempt::Fresh(token)), _) | (Ok(Attempt::Busy) | Err(_), Some(token)) => return Ok(token),
                (Err(error), None) => return Err(error),
                (Ok(Attempt::Busy), None) | (Ok(Attempt::Overtaken), _) => sleep(LOOK_AGAIN).await,
            }
            if Instant::now() >= deadline {
                return Err(TokensError::unavailable("another process is refreshing the grant".to_owned()));
            }
            stored = self.stored().await?;
            match next::next(&stored, &memory, self.clock.now()) {
                Next::HandOut(token) => return Ok(token),
                Next::Refuse(error) => return Err(error),
                Next::Refresh => {}
            }
        }
    }

    async fn attempt(&self, memory: &mut Memory, stored: &StoredGrant) -> Result<Attempt, TokensError> {
        if let Some(unsaved) = memory.unsaved.take().filter(|unsaved| unsaved.generation == stored.generation) {
            return self.save(memory, unsaved).await;
        }
        let until = self.clock.now().checked_add(Duration::from_secs(LOCK_S)).unwrap_or(Timestamp::MAX);
        if !self.grants.lock_refresh(&self.subject, &self.owner, until).await? {
            return Ok(Attempt::Busy);
        }
        let outcome = self.attempt_locked(memory, stored.generation).await;
        match &outcome {
            Ok(Attempt::Fresh(_)) => {}              // saving released the lock
            Err(_) if memory.unsaved.is_some() => {} // it stays, to keep others from using a refresh token that is spent
            Ok(Attempt::Overtaken | Attempt::Busy) | Err(_) => self.unlock().await,
        }
        outcome
    }

    /// A lock that cannot be released ends by itself.
    async fn unlock(&self) {
        if let Err(error) = self.grants.unlock_refresh(&self.subject, &self.owner).await {
            tracing::warn!(subject = self.subject, error = %error, "cannot release the lock on a grant");
        }
    }

    /// Only what is read under the lock may be sent: the holder before may have rotated the token.
    async fn attempt_locked(&self, memory: &mut Memory, generation: i64) -> Result<Attempt, TokensError> {
        let stored = self.stored().await?;
        if stored.generation != generation {
            return Ok(Attempt::Overtaken);
        }
        let asking = self.provider.refresh(&stored.grant.refresh_token);
        let answer = timeout(Duration::from_secs(REFRESH_S), asking).await;
        let late = |_| Err(ProviderError::unavailable(format!("the provider did not answer within {REFRESH_S} s")));
        match answer.unwrap_or_else(late) {
            Ok(granted) => {
                let grant = self.refreshed(stored.grant, granted);
                self.save(memory, Unsaved { generation, grant }).await
            }
            Err(ProviderError::Refused(refusal)) => self.record_refusal(generation, refusal).await,
            Err(
                error @ (ProviderError::ClientRefused(_)
                | ProviderError::AdminNeeded(_)
                | ProviderError::Unavailable { .. }
                | ProviderError::Misconfigured(_)),
            ) => Err(self.remember_failure(memory, generation, error)),
        }
    }

    fn refreshed(&self, before: Grant, granted: Granted) -> Grant {
        let now = self.clock.now();
        let access = AccessToken::of(&granted, now);
        let refresh_end = before.refresh_end.used(RefreshEnd::after(granted.refresh_token_expires_in, now));
        Grant {
            refresh_end,
            refresh_token: granted.refresh_token.unwrap_or(before.refresh_token), // RFC 6749, 6: no new one, keep the old
            access: Some(access),
            granted_at: before.granted_at,
            identity: before.identity,
            scopes: granted.scope.unwrap_or(before.scopes),
        }
    }

    /// Saves a refreshed grant, and only then calls its access token fresh. What the store does not take is kept in memory.
    async fn save(&self, memory: &mut Memory, unsaved: Unsaved) -> Result<Attempt, TokensError> {
        let Unsaved { generation, grant } = memory.unsaved.insert(unsaved);
        let mut saved = self.grants.save_refreshed(&self.subject, *generation, grant).await;
        for pause in SAVE_AGAIN {
            if saved.is_ok() {
                break;
            }
            sleep(pause).await;
            saved = self.grants.save_refreshed(&self.subject, *generation, grant).await;
        }
        let is_ours = saved?;
        let access = memory.unsaved.take().and_then(|unsaved| unsaved.grant.access);
        Ok(match access.filter(|_| is_ours) {
            Some(access) => Attempt::Fresh(self.remember_fresh(memory, access)),
            None => Attempt::Overtaken,
        })
    }

    async fn record_refusal(&self, generation: i64, refusal: OAuthError) -> Result<Attempt, TokensError> {
        let reason = refusal.to_string();
        if self.grants.record_consent_needed(&self.subject, generation, &reason).await? {
            return Err(TokensError::NeedsConsent { reason, since: Some(self.clock.now()) });
        }
        Ok(Attempt::Overtaken)
    }

    fn remember_fresh(&self, memory: &mut Memory, access: AccessToken) -> Secret {
        let at = next::due_at(&access, self.clock.now(), fastrand::f64());
        memory.due = Some(Due { token: access.token.clone(), at });
        memory.failure = None;
        if memory.rejected.take().is_some() {
            memory.replacement = Some(Replacement::new(&access.token, self.clock.now()));
        }
        access.token
    }

    fn remember_failure(&self, memory: &mut Memory, generation: i64, error: ProviderError) -> TokensError {
        let before = memory.failure.as_ref().filter(|failure| failure.generation == generation);
        let count = before.map_or(0, |failure| failure.count).saturating_add(1);
        let pause = next::pause(&error, count, fastrand::f64());
        let now = self.clock.now();
        let retry_at = now.checked_add(SignedDuration::try_from(pause).unwrap_or_default()).unwrap_or(now);
        memory.failure = Some(Failure { generation, error: error.clone(), retry_at, count });
        TokensError::from_provider(error, Some(pause))
    }
}
