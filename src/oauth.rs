//! Access tokens: from first consent ([`consent`]) through refreshing ([`tokens`]) to the definite refusal. Never logs in itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::Secret;
use provider::Granted;

pub mod claims;
pub mod consent;
pub mod provider;
pub mod tokens;
pub mod xoauth2;

/// What is kept of a consent: sealed in the store, one per mailbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// RFC 6749, 1.5.
    pub refresh_token: Secret,
    /// The access token that came last, with the time until which it is good.
    pub access: Option<AccessToken>,
    /// When the person consented.
    pub granted_at: Timestamp,
    /// Who signed in, where the provider told.
    pub identity: Option<String>,
    /// The scopes granted, where the provider told.
    pub scopes: Vec<String>,
    /// When the refresh token ends by itself.
    pub refresh_end: RefreshEnd,
}

impl Grant {
    /// What is left of a consent that was taken back on purpose: when it was given, and by whom.
    pub fn forgotten(self) -> Self {
        Self {
            refresh_token: Secret::new(""),
            access: None,
            scopes: Vec::new(),
            refresh_end: RefreshEnd::Untold,
            ..self
        }
    }

    /// Whether it was taken back on purpose.
    pub fn is_forgotten(&self) -> bool {
        self.refresh_token.expose().is_empty()
    }
}

/// RFC 6749, 1.4.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    /// The token itself.
    pub token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// RFC 6749, 5.1, only recommends `expires_in`. A token that ends earlier is noticed at the mail server's refusal.
const ASSUMED_LIFETIME: Duration = Duration::from_secs(3600);

/// No access token is believed for longer, whatever the provider says.
const LONGEST_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

impl AccessToken {
    /// The access token of an answer that came just now.
    pub fn of(granted: &Granted, now: Timestamp) -> Self {
        let lifetime = granted.expires_in.unwrap_or(ASSUMED_LIFETIME).min(LONGEST_LIFETIME);
        let expires_at = now.checked_add(lifetime).unwrap_or(now);
        Self { token: granted.access_token.clone(), expires_at }
    }
}

/// When a refresh token ends by itself, in the provider's word (`refresh_token_expires_in`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshEnd {
    /// The provider told no end.
    Untold,
    /// Then, however much it is used.
    Fixed(Timestamp),
    /// Then, unless it is used before: that puts it off.
    Sliding(Timestamp),
}

/// A fixed end is told as a number of seconds, which moves it by what the answer took.
const ROUNDING: SignedDuration = SignedDuration::from_mins(1);

impl RefreshEnd {
    /// The end that comes so long after `now`. Whether use puts it off, shows when it is used.
    pub fn after(lifetime: Option<Duration>, now: Timestamp) -> Self {
        match lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()) {
            Some(at) => Self::Fixed(at),
            None => Self::Untold,
        }
    }

    /// What it is after a use that told `now_told`.
    pub fn used(self, now_told: Self) -> Self {
        match (self, now_told) {
            (before, Self::Untold) => before,
            (Self::Fixed(before), Self::Fixed(at)) if at.duration_since(before) > ROUNDING => Self::Sliding(at),
            (Self::Sliding(_), Self::Fixed(at)) => Self::Sliding(at),
            (Self::Untold | Self::Fixed(_), Self::Fixed(at)) => Self::Fixed(at),
            (_, sliding @ Self::Sliding(_)) => sliding,
        }
    }

    /// The end that no use puts off.
    pub fn fixed(self) -> Option<Timestamp> {
        match self {
            Self::Fixed(at) => Some(at),
            Self::Untold | Self::Sliding(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_use_puts_off_is_told_from_one_that_stays() {
        let hour = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let told = |now: i64, hours: u64| RefreshEnd::after(Some(Duration::from_secs(hours * 3_600)), hour(now));
        let untold = RefreshEnd::after(None, hour(0));
        let given = told(0, 24);
        assert_eq!(given.used(told(1, 23)).used(untold).used(told(2, 22)), RefreshEnd::Fixed(hour(24)));
        let sliding = given.used(told(1, 24));
        assert_eq!((sliding, sliding.fixed()), (RefreshEnd::Sliding(hour(25)), None));
        assert_eq!(sliding.used(told(1, 24)), sliding, "used again at once");
        assert_eq!(untold.used(told(1, 24)).fixed(), Some(hour(25)));
    }
}
