//! The device flow (RFC 8628) as it stands in the provider's answers: the codes to show, and whether the person has agreed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use super::answer::{self, Answer, Granted};
use super::oauth_error::{OAuthError, fit};
use crate::config::Secret;

/// What the person is shown, and what this program asks with meanwhile (RFC 8628, 3.2).
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceCode {
    /// Asked with.
    pub device_code: Secret,
    /// Typed in by the person.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// How long the codes are good.
    pub expires_in: Duration,
    /// How long to wait between questions.
    pub interval: Duration,
}

/// What became of a question (RFC 8628, 3.5).
#[derive(Debug)]
pub enum Polled {
    /// The person has agreed.
    Granted(Granted),
    /// Not yet.
    Pending,
    /// Not yet, and the questions come too fast.
    SlowDown,
    /// The person said no.
    Denied(OAuthError),
    /// The person took too long.
    Expired,
}

/// RFC 8628, 3.2: five seconds unless said otherwise.
const INTERVAL: Duration = Duration::from_secs(5);

/// RFC 8628, 3.2, wants it said how long the codes are good; where it is not, this is how long most are.
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct Body {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")] // Google's spelling, from before the RFC
    verification_uri: String,
    expires_in: Option<Value>,
    interval: Option<Value>,
}

/// Reads the device authorization endpoint's answer.
pub(super) fn read_codes(answer: Answer<'_>) -> Result<DeviceCode, ProviderError> {
    if !(200..=299).contains(&answer.status) {
        return Err(answer::refused(answer));
    }
    let Ok(body) = serde_json::from_slice::<Body>(answer.body) else {
        return Err(answer::refused(answer));
    };
    let expires_in = body.expires_in.as_ref().and_then(answer::seconds).unwrap_or(LIFETIME);
    let interval = body.interval.as_ref().and_then(answer::seconds).unwrap_or(INTERVAL);
    Ok(DeviceCode {
        device_code: Secret::new(body.device_code),
        user_code: fit(&body.user_code, 60),
        verification_uri: fit(&body.verification_uri, 400),
        expires_in,
        interval: interval.clamp(Duration::from_secs(1), Duration::from_secs(60)),
    })
}

/// Reads the token endpoint's answer while the person is away.
pub(super) fn read_poll(answer: Answer<'_>) -> Result<Polled, ProviderError> {
    let Some(error) = answer::error(answer) else { return answer::classify(answer).map(Polled::Granted) };
    match error.code.as_str() {
        "authorization_pending" => Ok(Polled::Pending),
        "slow_down" => Ok(Polled::SlowDown),
        // The second of each is Microsoft's.
        "access_denied" | "authorization_declined" => Ok(Polled::Denied(error)),
        "expired_token" | "code_expired" | "bad_verification_code" => Ok(Polled::Expired),
        _ => answer::classify(answer).map(Polled::Granted),
    }
}
