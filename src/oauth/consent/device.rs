//! Consent without a browser on this machine: the device flow (RFC 8628). The person types a code at the provider's page, on
//! whatever device, while this program asks now and then whether it is done.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{ConsentError, PATIENCE, checks};
use crate::oauth::Grant;
use crate::oauth::provider::{DeviceCode, Granted, Polled, Provider, ProviderError};

/// RFC 8628, 3.5: how much longer to wait after `slow_down`.
const SLOWER: Duration = Duration::from_secs(5);

/// A device flow under way.
pub struct DeviceConsent<'a> {
    provider: &'a Provider,
    login: &'a str,
    codes: DeviceCode,
}

impl<'a> DeviceConsent<'a> {
    /// Gets the codes for `login` to type in.
    pub async fn begin(provider: &'a Provider, login: &'a str) -> Result<Self, ConsentError> {
        Ok(Self { provider, login, codes: provider.device_codes().await? })
    }

    /// What the person has to know.
    pub fn codes(&self) -> &DeviceCode {
        &self.codes
    }

    /// How long the person may take.
    pub fn patience(&self) -> Duration {
        self.codes.expires_in.min(PATIENCE)
    }

    /// Waits until the person has agreed.
    pub async fn wait(&self) -> Result<Granted, ConsentError> {
        let deadline = Instant::now() + self.patience();
        let mut interval = self.codes.interval;
        while Instant::now() + interval < deadline {
            sleep(interval).await;
            match self.provider.poll_device(&self.codes).await {
                Ok(Polled::Granted(granted)) => return Ok(granted),
                Ok(Polled::Pending) => {}
                Ok(Polled::SlowDown) => interval += SLOWER,
                Ok(Polled::Denied(error)) => return Err(ConsentError::Denied(error)),
                Ok(Polled::Expired) => return Err(ConsentError::CodeExpired),
                Err(ProviderError::Unavailable { .. }) => interval *= 2, // RFC 8628, 3.5: back off after a time-out
                Err(error) => return Err(error.into()),
            }
        }
        Err(ConsentError::TimedOut(self.patience()))
    }

    /// Turns the answer into a grant, with every check that can be made before the mailbox itself is asked.
    pub async fn complete(&self, granted: Granted, now: Timestamp) -> Result<Grant, ConsentError> {
        checks::grant(self.provider, self.login, granted, now).await
    }
}
