//! The proof of a consent: logs in to the mailbox and selects its folders, changing nothing.

use crate::config::{MailboxSettings, Secret};
use crate::mailbox::{Credential, MailboxError, probe};
use crate::tls::{self, TlsError};

/// Why the mailbox does not open.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The server's certificate could not be checked at all.
    #[error("cannot check the mail server's certificate")]
    Tls(#[from] TlsError),
    /// The server said no, or nothing.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

/// Logs in and selects every folder. Logging in alone proves little: Exchange says OK to tokens that open nothing.
pub async fn open_mailbox(settings: &MailboxSettings, token: Secret) -> Result<(), TrialError> {
    let tls = tls::client_config(settings.ca_file.as_deref())?;
    let (stages, reached) = probe::reach(settings, tls).await;
    first_failure(stages)?;
    let credential = Credential::Bearer { user: settings.address.clone(), token };
    let reached = reached.ok_or(MailboxError::GivenUp)?;
    Ok(first_failure(reached.sign_in(settings, &credential).await)?)
}

fn first_failure(stages: Vec<probe::Probed>) -> Result<(), MailboxError> {
    stages.into_iter().try_for_each(|stage| stage.outcome.map(drop))
}
