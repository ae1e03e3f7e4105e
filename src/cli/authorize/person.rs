//! A person's consent, in a browser here or elsewhere: invites, waits, stores the grant, proves it at the mailbox, and only
//! then says that it worked.

use std::io;

use super::way_back::{Invitation, NoAnswer, PASTE_ADDRESS, Terminal, Way, WayBack};
use crate::clock::Clock;
use crate::config::{MailboxName, ProviderKind, Secret};
use crate::failure::{sentence, with_causes};
use crate::oauth::Grant;
use crate::oauth::consent::device::DeviceConsent;
use crate::oauth::consent::page::{Opened, Page};
use crate::oauth::consent::{Consent, ConsentError};
use crate::oauth::provider::refusal::Remedy;
use crate::oauth::provider::{Provider, ProviderError};
use crate::oauth::tokens::{Grants, StoreError};

/// How the person consents.
#[derive(Debug)]
pub enum Opening {
    /// On a page of the provider's, in a browser.
    Page(Way),
    /// A code is typed in on another device (RFC 8628).
    Device,
}

/// What the command works with.
pub struct Authorize<'a> {
    /// The mailbox; its grant is stored under its name.
    pub mailbox: &'a MailboxName,
    /// The account that has to sign in.
    pub login: &'a str,
    /// Its provider.
    pub provider: &'a Provider,
    /// Where the grant goes.
    pub grants: &'a dyn Grants,
    /// Tells when the consent was given.
    pub clock: &'a dyn Clock,
}

/// Why it did not work. What went wrong is the source, what to do is the [`hint`](Self::hint).
#[derive(Debug, thiserror::Error)]
#[error("cannot authorize mailbox `{mailbox}`")]
pub struct AuthorizeError {
    mailbox: MailboxName,
    login: String,
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("cannot store the consent")]
    Store(#[from] StoreError),
    #[error("consent was given and is stored, but the mailbox does not open with it")]
    Mailbox(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

impl Authorize<'_> {
    /// Runs the command. `verify` logs in to the mailbox with an access token and selects its folder.
    pub async fn run<E>(
        &self,
        opening: Opening,
        mut terminal: Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<(), AuthorizeError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let terminal = &mut terminal;
        let outcome = match opening {
            Opening::Page(way) => self.by_page(way, terminal, verify).await,
            Opening::Device => self.by_device(terminal, verify).await,
        };
        let done = outcome.and_then(|grant| {
            let who = grant.identity.as_deref().unwrap_or(self.login);
            writeln!(terminal.err, "Mailbox `{}` is authorized: {who} let it in, and it opens.", self.mailbox)?;
            Ok(())
        });
        done.map_err(|source| AuthorizeError { mailbox: self.mailbox.clone(), login: self.login.to_owned(), source })
    }

    async fn by_page<E>(
        &self,
        way: Way,
        terminal: &mut Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let way_back = WayBack::prepare(way, &self.provider.settings().redirect_uri).await?;
        let consent = Consent::begin(self.provider, self.login, way_back.redirect_uri().clone()).await?;
        let wish = format!("sign in as {}", self.login);
        let invitation = Invitation { address: consent.address(), wish: &wish, paste: PASTE_ADDRESS };
        let (callback, browser) = way_back.wait(invitation, |query| consent.recognise(query), terminal).await?;
        writeln!(terminal.err, "Signed in. Checking what was granted, then the mailbox itself.")?;
        let outcome = self.settle(consent.complete(callback, self.clock.now()).await, verify).await;
        if let Some(browser) = browser {
            browser.show(self.page(&outcome)).await;
        }
        outcome
    }

    async fn by_device<E>(
        &self,
        terminal: &mut Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let consent = DeviceConsent::begin(self.provider, self.login).await?;
        let codes = consent.codes();
        writeln!(terminal.err, "Open this address on any device, type the code and sign in as {}:", self.login)?;
        terminal.print_line(&codes.verification_uri)?;
        terminal.print_line(&codes.user_code)?;
        writeln!(terminal.err, "Waiting for that, at most {} minutes.", consent.patience().as_secs().div_ceil(60))?;
        let granted = consent.wait().await?;
        self.settle(consent.complete(granted, self.clock.now()).await, verify).await
    }

    /// The grant is stored before the mailbox is tried: a provider that rotates might give no other.
    async fn settle<E>(
        &self,
        consented: Result<Grant, ConsentError>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let grant = consented?;
        self.grants.save_consent(self.mailbox.as_str(), &grant).await?;
        if let Some(access) = &grant.access {
            verify(access.token.clone()).await.map_err(|error| Cause::Mailbox(error.into()))?;
        }
        Ok(grant)
    }

    fn page(&self, outcome: &Result<Grant, Cause>) -> Page {
        match outcome {
            Ok(_) => Page::Done(Opened::Mailbox(self.mailbox.to_string())),
            Err(Cause::Consent(error) | Cause::NoAnswer(NoAnswer::Consent(error))) => Page::Failed(error.kindly()),
            Err(cause @ (Cause::NoAnswer(_) | Cause::Store(_) | Cause::Mailbox(_) | Cause::Terminal(_))) => {
                Page::Failed(sentence(&with_causes(cause)))
            }
        }
    }
}

impl AuthorizeError {
    /// One thing to do next, with the command that does it.
    pub fn hint(&self, kind: &ProviderKind) -> String {
        let again = format!("run `mail2jira authorize {}`", self.mailbox);
        match &self.source {
            Cause::Mailbox(_) => format!("run `mail2jira test-connection {}`", self.mailbox),
            Cause::Store(_) | Cause::Terminal(_) | Cause::NoAnswer(NoAnswer::Terminal(_)) => format!("{again} again"),
            Cause::NoAnswer(NoAnswer::NothingPasted) => {
                let mailbox = &self.mailbox;
                format!(
                    "run `mail2jira authorize {mailbox} --paste` again, and paste the address that the browser ends on"
                )
            }
            Cause::Consent(error) | Cause::NoAnswer(NoAnswer::Consent(error)) if needs_admin(error) => match kind {
                ProviderKind::Microsoft(_) => {
                    format!(
                        "send an administrator what `mail2jira authorize {} --admin-consent-url` prints",
                        self.mailbox
                    )
                }
                ProviderKind::Google | ProviderKind::Custom => format!("ask an administrator, then {again}"),
            },
            Cause::Consent(error) | Cause::NoAnswer(NoAnswer::Consent(error)) => self.hint_for(error, &again),
        }
    }

    fn hint_for(&self, error: &ConsentError, again: &str) -> String {
        match error {
            ConsentError::NotLoopback(_) => format!("mend the provider's redirect_uri, then {again}"),
            ConsentError::Listen { .. } => {
                format!("end what listens there, or leave the port out of the provider's redirect_uri; then {again}")
            }
            ConsentError::NoRefreshToken => {
                format!("let the provider issue refresh tokens (often the scope `offline_access`), then {again}")
            }
            ConsentError::ScopesMissing(_) => format!("{again} again and grant everything that is asked for"),
            ConsentError::OtherAccount { .. } => {
                format!("{again} again in a private browser window and sign in as {}", self.login)
            }
            ConsentError::Denied(_) | ConsentError::TimedOut(_) | ConsentError::CodeExpired => {
                format!("{again} again and sign in as {}", self.login)
            }
            ConsentError::Anonymous(_)
            | ConsentError::OtherIssuer { .. }
            | ConsentError::Provider(
                ProviderError::ClientRefused(_) | ProviderError::AdminNeeded(_) | ProviderError::Misconfigured(_),
            ) => format!("mend the mailbox's provider in the configuration, then {again}"),
            ConsentError::NoRandomness
            | ConsentError::Provider(ProviderError::Refused(_) | ProviderError::Unavailable { .. }) => {
                format!("{again} again")
            }
        }
    }
}

fn needs_admin(error: &ConsentError) -> bool {
    let is_denied = matches!(error, ConsentError::Denied(error) if matches!(error.known(), Some((Remedy::Admin, _))));
    is_denied || matches!(error, ConsentError::Provider(ProviderError::AdminNeeded(_)))
}
