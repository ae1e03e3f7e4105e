//! Access tokens: from first consent ([`consent`]) through refreshing ([`tokens`]) to the definite refusal. Never logs in itself.

use std::time::Duration;

use jiff::Timestamp;

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
    /// When the refresh token ends, where the provider told.
    pub refresh_expires_at: Option<Timestamp>,
}

impl Grant {
    /// What is left of a consent that was taken back on purpose: when it was given, and by whom.
    pub fn forgotten(self) -> Self {
        Self { refresh_token: Secret::new(""), access: None, scopes: Vec::new(), refresh_expires_at: None, ..self }
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

/// When the refresh token of an answer that came just now ends.
pub(crate) fn refresh_end(granted: &Granted, now: Timestamp) -> Option<Timestamp> {
    now.checked_add(granted.refresh_token_expires_in?).ok()
}
