//! A person's consent, in a browser here or elsewhere: invites, waits, stores the grant, proves it at the mailbox, and only
//! then says that it worked.

use std::io::{self, Write};

use tokio::sync::mpsc;
use tokio::time::timeout;
use url::Url;

use crate::clock::Clock;
use crate::config::{MailboxName, ProviderKind, Secret};
use crate::failure::with_causes;
use crate::oauth::Grant;
use crate::oauth::consent::device::DeviceConsent;
use crate::oauth::consent::loopback::Loopback;
use crate::oauth::consent::page::Page;
use crate::oauth::consent::{Callback, Consent, ConsentError, PATIENCE};
use crate::oauth::provider::refusal::Remedy;
use crate::oauth::provider::{Provider, ProviderError};
use crate::oauth::tokens::{Grants, StoreError};

/// How the person gets to the provider's page, and the answer back.
#[derive(Debug)]
pub enum Opening {
    /// This machine's browser is opened.
    Browser,
    /// The address is printed, alone on a line of stdout.
    Printed,
    /// The address is printed, and the one that the browser ends on comes back as one of these lines.
    Pasted(mpsc::Receiver<String>),
    /// A code is typed in on another device (RFC 8628).
    Device,
}

/// How the address gets into a browser on this machine.
#[derive(Clone, Copy)]
enum Invitation {
    Open,
    Print,
}

/// Where the command writes: data to `out`, words to a person to `err`.
pub struct Terminal<'a> {
    /// stdout.
    pub out: &'a mut dyn Write,
    /// stderr.
    pub err: &'a mut dyn Write,
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
    #[error("no address was pasted that answers this sign-in")]
    NothingPasted,
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
            Opening::Browser => self.by_browser(Invitation::Open, terminal, verify).await,
            Opening::Printed => self.by_browser(Invitation::Print, terminal, verify).await,
            Opening::Pasted(lines) => self.by_paste(lines, terminal, verify).await,
            Opening::Device => self.by_device(terminal, verify).await,
        };
        let done = outcome.and_then(|grant| {
            let who = grant.identity.as_deref().unwrap_or(self.login);
            writeln!(terminal.err, "Mailbox `{}` is authorized: {who} let it in, and it opens.", self.mailbox)?;
            Ok(())
        });
        done.map_err(|source| AuthorizeError { mailbox: self.mailbox.clone(), login: self.login.to_owned(), source })
    }

    async fn by_browser<E>(
        &self,
        invitation: Invitation,
        terminal: &mut Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let loopback = Loopback::bind(&self.provider.settings().redirect_uri).await?;
        let consent = Consent::begin(self.provider, self.login, loopback.redirect_uri().clone()).await?;
        self.invite(invitation, consent.address(), terminal).await?;
        let (callback, browser) = loopback.wait(&consent, PATIENCE).await?;
        writeln!(terminal.err, "Signed in. Checking what was granted, then the mailbox itself.")?;
        let outcome = self.settle(consent.complete(callback, self.clock.now()).await, verify).await;
        browser.show(self.page(&outcome)).await;
        outcome
    }

    async fn by_paste<E>(
        &self,
        lines: mpsc::Receiver<String>,
        terminal: &mut Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let redirect_uri = self.provider.settings().redirect_uri.clone();
        let consent = Consent::begin(self.provider, self.login, redirect_uri).await?;
        writeln!(terminal.err, "Open this address in any browser and sign in as {}:", self.login)?;
        print_line(terminal, consent.address().as_str())?;
        writeln!(terminal.err, "The browser ends on a page that it cannot show. Paste the address of that page here:")?;
        let pasted = timeout(PATIENCE, pasted(&consent, lines, terminal)).await;
        let callback = pasted.map_err(|_| ConsentError::TimedOut(PATIENCE))??;
        self.settle(consent.complete(callback, self.clock.now()).await, verify).await
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
        print_line(terminal, &codes.verification_uri)?;
        print_line(terminal, &codes.user_code)?;
        writeln!(terminal.err, "Waiting for that, at most {} minutes.", consent.patience().as_secs().div_ceil(60))?;
        let granted = consent.wait().await?;
        self.settle(consent.complete(granted, self.clock.now()).await, verify).await
    }

    /// Says where to go. The address is always shown: a browser that does not open, or opens elsewhere, says nothing.
    async fn invite(&self, invitation: Invitation, address: &Url, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let (login, minutes) = (self.login, PATIENCE.as_secs() / 60);
        match invitation {
            Invitation::Print => {
                writeln!(terminal.err, "Open this address in a browser on this machine and sign in as {login}:")?;
                print_line(terminal, address.as_str())?;
            }
            Invitation::Open => {
                let target = address.to_string();
                let opened = tokio::task::spawn_blocking(move || open::that_detached(target)).await;
                let words = match opened {
                    Ok(Ok(())) => "Your browser opens. Please sign in",
                    Ok(Err(_)) | Err(_) => "No browser opens here. Please visit this address and sign in",
                };
                writeln!(terminal.err, "{words} as {login}. The address:\n\n  {address}\n")?;
            }
        }
        writeln!(terminal.err, "Waiting for the browser's return, at most {minutes} minutes.")
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
            Ok(_) => Page::Done(self.mailbox.to_string()),
            Err(cause) => Page::Failed(with_causes(cause)),
        }
    }
}

/// What a script reads, at once and alone on its line.
fn print_line(terminal: &mut Terminal<'_>, text: &str) -> io::Result<()> {
    writeln!(terminal.out, "{text}")?;
    terminal.out.flush()
}

/// Whole addresses, or what follows their `?`; whatever else is pasted is asked for again.
async fn pasted(
    consent: &Consent<'_>,
    mut lines: mpsc::Receiver<String>,
    terminal: &mut Terminal<'_>,
) -> Result<Callback, Cause> {
    while let Some(line) = lines.recv().await {
        let line = Secret::new(line); // it holds the code
        let text = line.expose().trim();
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        if let Some(callback) = consent.recognise(query) {
            return Ok(callback);
        }
        writeln!(
            terminal.err,
            "That does not answer this sign-in. Please paste the whole address from the address bar:"
        )?;
    }
    Err(Cause::NothingPasted)
}

impl AuthorizeError {
    /// One thing to do next, with the command that does it.
    pub fn hint(&self, kind: &ProviderKind) -> String {
        let again = format!("run `mail2jira authorize {}`", self.mailbox);
        match &self.source {
            Cause::Mailbox(_) => format!("run `mail2jira test-connection {}`", self.mailbox),
            Cause::Store(_) | Cause::Terminal(_) => format!("{again} again"),
            Cause::NothingPasted => format!("{again} --paste again, and paste the address that the browser ends on"),
            Cause::Consent(error) if needs_admin(error) => match kind {
                ProviderKind::Microsoft(_) => {
                    format!(
                        "send an administrator what `mail2jira authorize {} --admin-consent-url` prints",
                        self.mailbox
                    )
                }
                ProviderKind::Google | ProviderKind::Custom => format!("ask an administrator, then {again}"),
            },
            Cause::Consent(error) => self.hint_for(error, &again),
        }
    }

    fn hint_for(&self, error: &ConsentError, again: &str) -> String {
        match error {
            ConsentError::NotLoopback(_) | ConsentError::Listen { .. } => {
                format!("leave the port out of the provider's redirect_uri, then {again}")
            }
            ConsentError::NoRefreshToken => {
                format!("let the provider issue refresh tokens (often the scope `offline_access`), then {again}")
            }
            ConsentError::ScopesMissing(_) => format!("{again} again and grant everything that is asked for"),
            ConsentError::OtherAccount { .. } => {
                format!("{again} again in a private browser window and sign in as {}", self.login)
            }
            ConsentError::Denied(_) | ConsentError::TimedOut(_) => {
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
