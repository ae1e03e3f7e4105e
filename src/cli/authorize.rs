//! `authorize NAME`: which form of it was asked for, and of whom. The forms themselves are beside this file: a person who
//! signs in for a mailbox ([`person`]) or for Jira ([`jira`]), the program in its own right ([`own_right`]), and Microsoft's
//! page for administrators.

use std::sync::Arc;

use anyhow::Context;

use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, GrantType, MailboxName, MailboxSettings, ProviderKind, ProviderSettings, Secret, SignIn};
use crate::jira::auth::SUBJECT;
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{Holder, LedgerGrants};
pub use person::{Authorize, AuthorizeError, Opening};
pub use way_back::{Terminal, Way};

mod person;
mod jira;
mod own_right;
mod way_back;
mod script;
mod trial;

/// What follows `authorize` on the command line.
#[derive(Debug, clap::Args)]
pub struct AuthorizeArgs {
    /// The mailbox, as the configuration names it, or `jira`
    pub name: String,
    /// Print the address to visit instead of opening a browser
    #[arg(long, group = "form")]
    pub no_browser: bool,
    /// Sign in on another device, by a code
    #[arg(long, group = "form")]
    pub device: bool,
    /// Read the address that the browser ends on from stdin: for a machine that no browser can reach
    #[arg(long, group = "form")]
    pub paste: bool,
    /// Print the page where an administrator consents for all of a Microsoft tenant
    #[arg(long, group = "form")]
    pub admin_consent_url: bool,
    /// Print the PowerShell script that lets the program open the mailbox at Microsoft without anybody signing in
    #[arg(long, group = "form")]
    pub app_only: bool,
}

impl AuthorizeArgs {
    /// How a person gets to a page.
    fn way(&self) -> Way {
        match (self.paste, self.no_browser) {
            (true, _) => Way::by_stdin(),
            (false, true) => Way::Printed,
            (false, false) => Way::Browser,
        }
    }
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
    /// The mailbox is opened in another way.
    #[error("mailbox `{0}` is opened with a password: it needs no consent")]
    Password(MailboxName),
    /// The configuration does not hold the provider that the mailbox names.
    #[error("mailbox `{0}` names a provider that the configuration does not have")]
    NoProvider(MailboxName),
}

/// Finds the mailbox that `name` stands for.
pub fn subject<'a>(
    config: &'a Config,
    name: &str,
) -> Result<(&'a MailboxSettings, &'a ProviderSettings), SubjectError> {
    let found = MailboxName::parse(name).and_then(|name| config.mailboxes.get(&name));
    let Some(mailbox) = found else {
        return Err(unknown(config, name));
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

/// Runs `authorize NAME` in the form that was asked for.
pub async fn run(args: &AuthorizeArgs, config: &Config) -> Result<(), Failure> {
    if args.name == SUBJECT {
        return jira::run(args, config).await;
    }
    let (mailbox, provider) = subject(config, &args.name).map_err(anyhow::Error::new)?;
    if args.admin_consent_url {
        return print_admin_consent_url(provider);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if args.app_only {
        return own_right::app_only(mailbox, provider, clock).await;
    }
    let provider = Provider::new(provider.clone(), clock.clone()).context("cannot set up the provider")?;
    if provider.settings().grant.needs_consent() {
        let opening = opening(args, provider.settings())?;
        by_a_person(config, mailbox, &provider, opening, clock).await
    } else {
        own_right::prove(mailbox, &provider).await
    }
}

/// Consent, the store, and the mailbox itself.
async fn by_a_person(
    config: &Config,
    mailbox: &MailboxSettings,
    provider: &Provider,
    opening: Opening,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    let grants = LedgerGrants::new(opened::ledger(config).await?, clock.clone(), Holder::Command);
    let (mailbox_name, login) = (&mailbox.name, mailbox.login.as_str());
    let authorize = Authorize { mailbox: mailbox_name, login, provider, grants: &grants, clock: &*clock };
    let verify = async |token: Secret| trial::open_mailbox(mailbox, token).await;
    let terminal = Terminal { out: &mut report::data(), err: &mut report::words() };
    authorize.run(opening, terminal, verify).await.map_err(|error| {
        let hint = error.hint(&provider.settings().kind);
        Failure::from(anyhow::Error::new(error)).with_hint(hint)
    })
}

fn opening(args: &AuthorizeArgs, provider: &ProviderSettings) -> Result<Opening, Failure> {
    let device = args.device || provider.grant == GrantType::Device;
    match (&provider.kind, device) {
        (ProviderKind::Google, true) => Err(Failure::new("Google's device flow cannot give access to mail").with_hint(
            format!("run `mail2jira authorize {} --paste`, and open the address in any browser", args.name),
        )),
        (_, true) => Ok(Opening::Device),
        (_, false) => Ok(Opening::Page(args.way())),
    }
}

/// <https://learn.microsoft.com/en-us/entra/identity/enterprise-apps/grant-admin-consent>
fn print_admin_consent_url(provider: &ProviderSettings) -> Result<(), Failure> {
    let ProviderKind::Microsoft(tenancy) = &provider.kind else {
        return Err(Failure::new("only Microsoft has a page where an administrator consents for a tenant"));
    };
    let mut address = url::Url::parse(&tenancy.login_url("adminconsent")).context("the tenant fits no address")?;
    address.query_pairs_mut().append_pair("client_id", &provider.client_id);
    report::line(address.as_str())
}
