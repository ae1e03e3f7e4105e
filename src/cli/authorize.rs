//! `authorize NAME`: gets a person's consent for a mailbox, stores it, proves it at the mailbox, and only then says that it worked.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use rustls::ClientConfig;
use url::Url;

use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailboxName, MailboxSettings, ProviderSettings, Secret, SignIn};
use crate::mailbox::{Credential, MailboxError, probe};
use crate::oauth::Grant;
use crate::oauth::consent::loopback::Loopback;
use crate::oauth::consent::page::Page;
use crate::oauth::consent::{Callback, Consent, ConsentError, PATIENCE};
use crate::oauth::provider::{Provider, ProviderError};
use crate::oauth::tokens::{Grants, LedgerGrants, StoreError};
use crate::tls;

/// What follows `authorize` on the command line.
#[derive(Debug, clap::Args)]
pub struct AuthorizeArgs {
    /// The mailbox, as the configuration names it
    pub name: String,
    /// Print the address to visit instead of opening a browser
    #[arg(long)]
    pub no_browser: bool,
}

/// How the person gets to the provider's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// This machine's browser is opened.
    Browser,
    /// The address is printed, alone on a line of stdout.
    Printed,
}

impl AuthorizeArgs {
    /// How the person gets to the provider's page.
    pub fn opening(&self) -> Opening {
        if self.no_browser { Opening::Printed } else { Opening::Browser }
    }
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

/// Why a name cannot be authorized at all.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// No mailbox of that name.
    #[error("there is no mailbox `{name}` in the configuration{}", nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        nearest: Option<MailboxName>,
    },
    /// Jira is opened in another way.
    #[error("Jira is opened with an API token: it needs no consent")]
    Jira,
    /// The mailbox is opened in another way.
    #[error("mailbox `{0}` is opened with a password: it needs no consent")]
    Password(MailboxName),
    /// The configuration does not hold the provider that the mailbox names.
    #[error("mailbox `{0}` names a provider that the configuration does not have")]
    NoProvider(MailboxName),
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error("cannot store the consent")]
    Store(#[from] StoreError),
    #[error("consent was given and is stored, but the mailbox does not open with it")]
    Mailbox(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

/// Finds what `name` stands for.
pub fn subject<'a>(
    config: &'a Config,
    name: &str,
) -> Result<(&'a MailboxSettings, &'a ProviderSettings), SubjectError> {
    let found = MailboxName::parse(name).and_then(|name| config.mailboxes.get(&name));
    let Some(mailbox) = found else {
        return Err(if name == "jira" { SubjectError::Jira } else { unknown(config, name) });
    };
    match &mailbox.sign_in {
        SignIn::Password { .. } => Err(SubjectError::Password(mailbox.name.clone())),
        SignIn::OAuth(provider) => {
            let provider = config.providers.get(provider);
            Ok((mailbox, provider.ok_or_else(|| SubjectError::NoProvider(mailbox.name.clone()))?))
        }
    }
}

fn unknown(config: &Config, name: &str) -> SubjectError {
    let distance = |known: &&MailboxName| strsim::damerau_levenshtein(known.as_str(), name);
    let nearest = config.mailboxes.keys().min_by_key(distance).filter(|known| distance(known) <= 3);
    SubjectError::Unknown { name: name.to_owned(), nearest: nearest.cloned() }
}

impl Authorize<'_> {
    /// Runs the command. `verify` logs in to the mailbox with an access token and selects its folder.
    pub async fn run<E>(
        &self,
        opening: Opening,
        terminal: Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<(), AuthorizeError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let failed = |source| AuthorizeError { mailbox: self.mailbox.clone(), login: self.login.to_owned(), source };
        self.consent(opening, terminal, verify).await.map_err(failed)
    }

    async fn consent<E>(
        &self,
        opening: Opening,
        mut terminal: Terminal<'_>,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<(), Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let loopback = Loopback::bind(&self.provider.settings().redirect_uri).await?;
        let consent = Consent::begin(self.provider, self.login, loopback.redirect_uri().clone()).await?;
        self.invite(opening, consent.address(), &mut terminal).await?;
        let (callback, browser) = loopback.wait(&consent, PATIENCE).await?;
        writeln!(terminal.err, "Signed in. Checking what was granted, then the mailbox itself.")?;
        let outcome = self.settle(&consent, callback, verify).await;
        browser.show(self.page(&outcome)).await;
        let grant = outcome?;
        let who = grant.identity.as_deref().unwrap_or(self.login);
        writeln!(terminal.err, "Mailbox `{}` is authorized: {who} let it in, and it opens.", self.mailbox)?;
        Ok(())
    }

    /// Says where to go. The address is always shown: a browser that does not open, or opens elsewhere, says nothing.
    async fn invite(&self, opening: Opening, address: &Url, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let (login, minutes) = (self.login, PATIENCE.as_secs() / 60);
        match opening {
            Opening::Printed => {
                writeln!(terminal.err, "Open this address in a browser on this machine and sign in as {login}:")?;
                writeln!(terminal.out, "{address}")?;
                terminal.out.flush()?;
            }
            Opening::Browser => {
                let target = address.to_string();
                let opened = tokio::task::spawn_blocking(move || open::that_detached(target)).await;
                match opened {
                    Ok(Ok(())) => {
                        writeln!(terminal.err, "Your browser opens. Please sign in as {login}. The address:")?
                    }
                    Ok(Err(_)) | Err(_) => {
                        writeln!(
                            terminal.err,
                            "No browser opens here. Please visit this address and sign in as {login}:"
                        )?;
                    }
                }
                writeln!(terminal.err, "\n  {address}\n")?;
            }
        }
        writeln!(terminal.err, "Waiting for the browser's return, at most {minutes} minutes.")
    }

    /// The grant is stored before the mailbox is tried: a provider that rotates might give no other.
    async fn settle<E>(
        &self,
        consent: &Consent<'_>,
        callback: Callback,
        verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
    ) -> Result<Grant, Cause>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let grant = consent.complete(callback, self.clock.now()).await?;
        self.grants.save_consent(self.mailbox.as_str(), &grant).await?;
        if let Some(access) = &grant.access {
            verify(access.token.clone()).await.map_err(|error| Cause::Mailbox(error.into()))?;
        }
        Ok(grant)
    }

    fn page(&self, outcome: &Result<Grant, Cause>) -> Page {
        match outcome {
            Ok(_) => Page::Done(self.mailbox.to_string()),
            Err(cause) => {
                let causes = std::iter::successors(Some(cause as &dyn std::error::Error), |error| error.source());
                Page::Failed(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
            }
        }
    }
}

impl AuthorizeError {
    /// One thing to do next, with the command that does it.
    pub fn hint(&self) -> String {
        let (mailbox, login) = (&self.mailbox, &self.login);
        let again = format!("run `mail2jira authorize {mailbox}`");
        match &self.source {
            Cause::Mailbox(_) => format!("run `mail2jira test-connection {mailbox}`"),
            Cause::Store(_) | Cause::Terminal(_) => format!("{again} again"),
            Cause::Consent(error) => match error {
                ConsentError::NotLoopback(_) | ConsentError::Listen { .. } => {
                    format!("leave the port out of the provider's redirect_uri, then {again}")
                }
                ConsentError::NoRefreshToken => {
                    format!("let the provider issue refresh tokens (often the scope `offline_access`), then {again}")
                }
                ConsentError::ScopesMissing(_) => format!("{again} again and grant everything that is asked for"),
                ConsentError::OtherAccount { .. } => {
                    format!("{again} again in a private browser window and sign in as {login}")
                }
                ConsentError::Denied(_) | ConsentError::TimedOut(_) => format!("{again} again and sign in as {login}"),
                ConsentError::Anonymous(_)
                | ConsentError::OtherIssuer { .. }
                | ConsentError::Provider(
                    ProviderError::ClientRefused(_) | ProviderError::AdminNeeded(_) | ProviderError::Misconfigured(_),
                ) => {
                    format!("mend the mailbox's provider in the configuration, then {again}")
                }
                ConsentError::NoRandomness
                | ConsentError::Provider(ProviderError::Refused(_) | ProviderError::Unavailable { .. }) => {
                    format!("{again} again")
                }
            },
        }
    }
}

/// Runs `authorize NAME`: state, provider, consent, and the mailbox itself.
pub async fn run(args: &AuthorizeArgs, config: &Config) -> Result<(), Failure> {
    let (settings, provider) = subject(config, &args.name).map_err(anyhow::Error::new)?;
    let ledger = opened::ledger(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let grants = LedgerGrants::new(ledger, clock.clone());
    let provider = Provider::new(provider.clone(), clock.clone()).context("cannot set up the provider")?;
    let tls = tls::client_config(settings.ca_file.as_deref()).context("cannot check the mail server's certificate")?;
    let authorize = Authorize {
        mailbox: &settings.name,
        login: &settings.login,
        provider: &provider,
        grants: &grants,
        clock: &*clock,
    };
    let verify = async |token: Secret| open_mailbox(settings, tls, token).await;
    let terminal = Terminal { out: &mut report::data(), err: &mut report::words() };
    let done = authorize.run(args.opening(), terminal, verify).await;
    done.map_err(|error| {
        let hint = error.hint();
        Failure::from(anyhow::Error::new(error)).with_hint(hint)
    })
}

/// Logs in and selects every folder, without changing anything.
async fn open_mailbox(settings: &MailboxSettings, tls: Arc<ClientConfig>, token: Secret) -> Result<(), MailboxError> {
    let (stages, reached) = probe::reach(settings, tls).await;
    first_failure(stages)?;
    let credential = Credential::Bearer { user: settings.address.clone(), token };
    match reached {
        Some(reached) => first_failure(reached.sign_in(settings, &credential).await),
        None => Err(MailboxError::GivenUp),
    }
}

fn first_failure(stages: Vec<probe::Probed>) -> Result<(), MailboxError> {
    stages.into_iter().try_for_each(|stage| stage.outcome.map(drop))
}
