//! What to do when an access token is asked for: hand one out, refuse, or refresh first. Pure: times and stored grants
//! in, a decision out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::TokensError;
use super::grants::{GrantState, StoredGrant};
use crate::config::Secret;
use crate::oauth::provider::ProviderError;
use crate::oauth::{AccessToken, Grant};

/// A token that ends sooner might end on its way to the mail server.
const HASTE: SignedDuration = SignedDuration::from_secs(5);

/// How long before its end a token is refreshed at the latest, while its end is far enough away.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// What one process knows beyond the store. All of it may be lost without harm, except for `unsaved` while the store is down.
#[derive(Default)]
pub(super) struct Memory {
    /// When the token that was fetched last is to be replaced.
    pub due: Option<Due>,
    /// The last attempt to refresh failed.
    pub failure: Option<Failure>,
    /// The token that the mail server refused.
    pub rejected: Option<Secret>,
    /// The token that came for a rejected one.
    pub replacement: Option<Replacement>,
    /// A rotated grant that the store has not taken yet: it is saved before anything else is asked of the provider.
    pub unsaved: Option<Unsaved>,
}

/// A token that came because the one before had been rejected, and that no server is known to have taken yet.
pub(super) struct Replacement {
    token: Secret,
    at: Timestamp,
}

/// After so long, what is wrong with a token is not what was wrong with the one before.
const DOUBT: SignedDuration = SignedDuration::from_mins(10);

impl Replacement {
    pub fn new(token: &Secret, at: Timestamp) -> Self {
        Self { token: token.clone(), at }
    }

    pub fn is(&self, token: &Secret) -> bool {
        self.token == *token
    }

    /// Whether a refusal of `token` is not the token's fault: one that was fetched just now is refused as well.
    pub fn excuses(&self, token: &Secret, now: Timestamp) -> bool {
        self.is(token) && now.duration_since(self.at) < DOUBT
    }
}

pub(super) struct Due {
    pub token: Secret,
    pub at: Timestamp,
}

pub(super) struct Failure {
    pub generation: i64,
    pub error: ProviderError,
    pub retry_at: Timestamp,
    pub count: u32,
}

pub(super) struct Unsaved {
    pub generation: i64,
    pub grant: Grant,
}

/// What to do.
pub(super) enum Next {
    HandOut(Secret),
    Refuse(TokensError),
    Refresh,
}

/// Decides. A token that is good is used to its end, whatever became of the grant or the last refresh.
pub(super) fn next(stored: &StoredGrant, memory: &Memory, now: Timestamp) -> Next {
    let unsaved = memory.unsaved.as_ref().is_some_and(|unsaved| unsaved.generation == stored.generation);
    let usable = usable(stored, memory, now);
    match (&stored.state, usable) {
        (GrantState::Granted, _) if unsaved => Next::Refresh,
        (GrantState::Granted, Some(access)) if now < due(access, memory) => Next::HandOut(access.token.clone()),
        (GrantState::Granted, usable) => match pending_failure(stored, memory, now) {
            Some(failure) => {
                usable.map_or_else(|| Next::Refuse(failure.told(now)), |access| Next::HandOut(access.token.clone()))
            }
            None => Next::Refresh,
        },
        (GrantState::Needed { .. }, Some(access)) => Next::HandOut(access.token.clone()),
        (GrantState::Needed { reason, since }, None) => {
            Next::Refuse(TokensError::NeedsConsent { reason: reason.clone(), since: Some(*since) })
        }
    }
}

/// The stored access token, if it can still be shown to a mail server.
pub(super) fn usable<'a>(stored: &'a StoredGrant, memory: &Memory, now: Timestamp) -> Option<&'a AccessToken> {
    let access = stored.grant.access.as_ref()?;
    let good = is_good(access, now) && memory.rejected.as_ref() != Some(&access.token);
    good.then_some(access)
}

/// Whether a token lives long enough to be shown to a server.
pub(super) fn is_good(access: &AccessToken, now: Timestamp) -> bool {
    access.expires_at.duration_since(now) > HASTE
}

/// When a token that comes now is to be replaced: well ahead of its end, in proportion for short-lived ones, and not at
/// the same moment for all mailboxes. `jitter` is from 0 to 1.
pub(super) fn due_at(access: &AccessToken, now: Timestamp, jitter: f64) -> Timestamp {
    let lifetime = access.expires_at.duration_since(now);
    let margin = (lifetime / 5).min(AHEAD).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 2.0);
    access.expires_at.checked_sub(margin).unwrap_or(now)
}

/// How long to leave the provider alone after so many failures in a row.
pub(super) fn pause(error: &ProviderError, count: u32, jitter: f64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(60);
    const LONGEST_ASKED: Duration = Duration::from_secs(3600);
    let own = Duration::from_secs(1 << count.min(6)).min(LONGEST).mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0);
    match error {
        ProviderError::Unavailable { retry_after, .. } => own.max(retry_after.unwrap_or_default().min(LONGEST_ASKED)),
        ProviderError::Refused(_)
        | ProviderError::ClientRefused(_)
        | ProviderError::AdminNeeded(_)
        | ProviderError::Misconfigured(_) => own,
    }
}

/// The lifetime of a token that an earlier or another process fetched is not known.
fn due(access: &AccessToken, memory: &Memory) -> Timestamp {
    match &memory.due {
        Some(due) if due.token == access.token => due.at,
        Some(_) | None => access.expires_at.checked_sub(AHEAD).unwrap_or(access.expires_at),
    }
}

/// A new consent, and with it a new generation, wipes the slate.
fn pending_failure<'a>(stored: &StoredGrant, memory: &'a Memory, now: Timestamp) -> Option<&'a Failure> {
    memory.failure.as_ref().filter(|failure| failure.generation == stored.generation && now < failure.retry_at)
}

impl Failure {
    pub fn told(&self, now: Timestamp) -> TokensError {
        let wait = Duration::try_from(self.retry_at.duration_since(now)).unwrap_or_default();
        TokensError::from_provider(self.error.clone(), Some(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::RefreshEnd;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn stored(expires: i64, state: GrantState) -> StoredGrant {
        let access = AccessToken { token: Secret::new("access"), expires_at: at(expires) };
        let grant = Grant {
            refresh_token: Secret::new("refresh"),
            access: Some(access),
            granted_at: at(0),
            identity: None,
            scopes: Vec::new(),
            refresh_end: RefreshEnd::Untold,
        };
        StoredGrant { grant, generation: 1, state }
    }

    fn failed(retry: i64) -> Memory {
        let error = ProviderError::unavailable("down".to_owned());
        Memory { failure: Some(Failure { generation: 1, error, retry_at: at(retry), count: 1 }), ..Memory::default() }
    }

    #[test]
    fn a_token_is_handed_out_until_shortly_before_its_end() {
        let stored = stored(3600, GrantState::Granted);
        assert!(matches!(next(&stored, &Memory::default(), at(0)), Next::HandOut(_)));
        assert!(matches!(next(&stored, &Memory::default(), at(3301)), Next::Refresh));
    }

    #[test]
    fn while_refreshing_fails_a_good_token_is_used_to_its_end() {
        let stored = stored(3600, GrantState::Granted);
        assert!(matches!(next(&stored, &failed(3500), at(3490)), Next::HandOut(_)));
        assert!(matches!(next(&stored, &failed(3500), at(3501)), Next::Refresh));
        let refused = next(&stored, &failed(3630), at(3600));
        let Next::Refuse(TokensError::Unavailable { retry_after, .. }) = refused else { panic!() };
        assert_eq!(retry_after, Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_dead_grant_is_not_asked_for_again_and_its_last_token_still_serves() {
        let needed = GrantState::Needed { reason: "gone".to_owned(), since: at(0) };
        let stored = stored(3600, needed);
        assert!(matches!(next(&stored, &Memory::default(), at(3590)), Next::HandOut(_)));
        assert!(matches!(next(&stored, &Memory::default(), at(3600)), Next::Refuse(TokensError::NeedsConsent { .. })));
    }

    #[test]
    fn a_rejected_token_is_never_handed_out_again() {
        let memory = Memory { rejected: Some(Secret::new("access")), ..failed(100) };
        assert!(matches!(next(&stored(3600, GrantState::Granted), &memory, at(0)), Next::Refuse(_)));
        let fresh = Memory { failure: None, ..memory };
        assert!(matches!(next(&stored(3600, GrantState::Granted), &fresh, at(0)), Next::Refresh));
    }

    #[test]
    fn a_new_consent_ends_the_waiting() {
        let stored = StoredGrant { generation: 2, ..stored(0, GrantState::Granted) };
        assert!(matches!(next(&stored, &failed(100), at(0)), Next::Refresh));
    }

    #[test]
    fn short_lived_tokens_are_not_refreshed_at_every_use() {
        let token = |lifetime| AccessToken { token: Secret::new("a"), expires_at: at(lifetime) };
        assert_eq!(due_at(&token(60), at(0), 0.0), at(48));
        assert_eq!(due_at(&token(3600), at(0), 0.0), at(3300));
        assert_eq!(due_at(&token(3600), at(0), 1.0), at(3150));
    }

    #[test]
    fn the_provider_is_left_alone_for_longer_and_longer_and_as_long_as_it_asks() {
        let down = |retry_after| ProviderError::Unavailable { reason: String::new(), retry_after };
        assert!(pause(&down(None), 1, 0.0) < pause(&down(None), 4, 0.0));
        assert!(pause(&down(None), 4_000_000_000, 1.0) <= Duration::from_secs(75));
        assert_eq!(pause(&down(Some(Duration::from_secs(300))), 1, 0.0), Duration::from_secs(300));
        assert_eq!(pause(&down(Some(Duration::from_secs(90_000))), 1, 0.0), Duration::from_secs(3600));
    }
}
