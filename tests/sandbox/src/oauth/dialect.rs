//! In whose words a refusal comes: plain OAuth, Google's or Microsoft's. Words alone.

use serde::{Deserialize, Serialize};

use super::token::Refusal;

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// What RFC 6749 asks for.
    Plain,
    /// Google's one sentence for every dead grant.
    Google,
    /// Microsoft's codes.
    Microsoft,
}

/// `error` and `error_description` of a refusal.
pub(super) fn words(refusal: &Refusal, dialect: Dialect) -> (&'static str, String) {
    let plain = refusal.description;
    match (dialect, refusal.error) {
        (Dialect::Google, "invalid_grant") if !plain.starts_with("Invalid") => {
            ("invalid_grant", "Token has been expired or revoked.".to_owned())
        }
        (Dialect::Google, "invalid_client") => ("invalid_client", "The provided client secret is invalid.".to_owned()),
        (Dialect::Microsoft, "access_denied") => ("authorization_declined", plain.to_owned()),
        (Dialect::Microsoft, error) => match number(error, plain) {
            Some(number) => (error, microsoft(number)),
            None => (error, plain.to_owned()),
        },
        (Dialect::Plain | Dialect::Google, error) => (error, plain.to_owned()),
    }
}

fn number(error: &str, plain: &str) -> Option<u32> {
    match (error, plain) {
        ("invalid_grant", "the refresh token is too old") => Some(700_082),
        ("invalid_grant", "the grant was revoked") => Some(50_173),
        ("invalid_grant", "the code was redeemed before") => Some(54_005),
        ("invalid_grant", _) => Some(70_000),
        ("invalid_client", "the client must show no secret") => Some(700_025),
        ("invalid_client", "the certificate is not the registered one") => Some(700_027),
        ("invalid_client", _) => Some(7_000_215),
        ("authorization_pending", _) => Some(70_016),
        ("expired_token", _) => Some(70_020),
        _ => None,
    }
}

/// A description as Microsoft writes it; the text after the number is nothing to rely on, there or here.
pub(super) fn microsoft(number: u32) -> String {
    format!(
        "AADSTS{number}: The sandbox refuses this. Trace ID: 00000000-0000-0000-0000-000000000000 \
         Correlation ID: 00000000-0000-0000-0000-000000000000 Timestamp: 2026-01-01 00:00:00Z"
    )
}
