//! Access tokens: from first consent ([`consent`]) through refreshing ([`tokens`]) to the definite refusal.

use crate::config::Secret;
use jiff::Timestamp;

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
}

/// RFC 6749, 1.4.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    /// The token itself.
    pub token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}
