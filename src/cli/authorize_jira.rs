//! `authorize jira`: gets a person's consent for Jira itself, stores it, asks Jira with it who we are, and only then says that
//! it worked.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use url::Url;

use super::{Failure, jira_keys, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, JiraAuth};
use crate::jira::auth::link::LinkConsent;
use crate::jira::auth::{SUBJECT, authority};
use crate::jira::client::{Client, Timeouts};
use crate::oauth::Grant;
use crate::oauth::consent::loopback::Loopback;
use crate::oauth::consent::page::Page;
use crate::oauth::consent::{Consent, PATIENCE};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{Grants, LedgerGrants};

/// How the person gets to Jira's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// This machine's browser is opened.
    Browser,
    /// The address is printed, alone on a line of stdout.
    Printed,
}

/// What the command works with.
struct Authorize<'a> {
    config: &'a Config,
    grants: LedgerGrants,
    client: Client,
    clock: Arc<dyn Clock>,
    opening: Opening,
}

/// Runs `authorize jira`.
pub async fn run(opening: Opening, config: &Config) -> Result<(), Failure> {
    let ledger = opened::ledger(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = jira_keys::keys(&config.jira, &ledger, &clock);
    let client = Client::new(&config.jira, keys, clock.clone(), Timeouts::default());
    let client = client.context("cannot set up the connection to Jira")?;
    let grants = LedgerGrants::new(ledger, clock.clone());
    let authorize = Authorize { config, grants, client, clock, opening };
    let done = match &config.jira.auth {
        JiraAuth::OAuth2(_) => authorize.by_oauth2().await,
        JiraAuth::OAuth1 { .. } => authorize.by_link().await,
        JiraAuth::ApiToken { .. } | JiraAuth::ServiceAccount { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => {
            return Err(Failure::new("Jira is opened with a secret of the configuration: it needs no consent")
                .with_hint("run `mail2jira test-connection jira`"));
        }
    };
    done.context("cannot authorize Jira")
        .map_err(|error| Failure::from(error).with_hint("run `mail2jira authorize jira` again"))
}

impl Authorize<'_> {
    async fn by_oauth2(&self) -> anyhow::Result<()> {
        let flavour = self.client.flavour_for_consent().await?;
        let settings = authority::provider(&self.config.jira, flavour).context("there is no OAuth server for Jira")?;
        let provider = Provider::new(settings, self.clock.clone())?;
        let loopback = Loopback::bind(&provider.settings().redirect_uri).await?;
        let consent = Consent::begin(&provider, "", loopback.redirect_uri().clone()).await?;
        self.invite(consent.address()).await?;
        let (callback, browser) = loopback.wait(&consent, PATIENCE).await?;
        let granted = consent.complete(callback, self.clock.now()).await.map_err(anyhow::Error::from);
        let outcome = self.settle(granted).await;
        browser.show(page(&outcome)).await;
        outcome
    }

    async fn by_link(&self) -> anyhow::Result<()> {
        let redirect_uri = authority::redirect_uri(&self.config.jira).context("there is no callback address")?;
        let loopback = Loopback::bind(&redirect_uri).await?;
        let consent = LinkConsent::begin(&self.config.jira, loopback.redirect_uri().as_str()).await?;
        self.invite(consent.address()).await?;
        let (verifier, browser) = loopback.wait_for(|query| consent.recognise(query), PATIENCE).await?;
        let granted = consent.complete(&verifier, self.clock.now()).await.map_err(anyhow::Error::from);
        let outcome = self.settle(granted).await;
        browser.show(page(&outcome)).await;
        outcome
    }

    /// Says where to go. The address is always shown: a browser that does not open says nothing.
    async fn invite(&self, address: &Url) -> anyhow::Result<()> {
        let (mut out, mut err) = (report::data(), report::words());
        match self.opening {
            Opening::Printed => {
                writeln!(err, "Open this address in a browser on this machine and let mail2jira in:")?;
                writeln!(out, "{address}")?;
                out.flush()?;
            }
            Opening::Browser => {
                let target = address.to_string();
                let _shown_below = tokio::task::spawn_blocking(move || open::that_detached(target)).await;
                writeln!(
                    err,
                    "Please let mail2jira in, in the browser that opens, or at this address:\n\n  {address}\n"
                )?;
            }
        }
        writeln!(err, "Waiting for the browser's return, at most {} minutes.", PATIENCE.as_secs() / 60)?;
        Ok(())
    }

    /// The grant is stored before Jira is asked: a server that rotates might give no other.
    async fn settle(&self, granted: anyhow::Result<Grant>) -> anyhow::Result<()> {
        self.grants.save_consent(SUBJECT, &granted?).await.context("cannot store the consent")?;
        let asked = self.client.myself().await;
        let myself = asked.context("consent was given and is stored, but Jira does not open with it")?;
        writeln!(report::words(), "Jira is authorized: it knows us as {}.", myself.display_name)?;
        Ok(())
    }
}

fn page(outcome: &anyhow::Result<()>) -> Page {
    match outcome {
        Ok(()) => Page::Done("Jira".to_owned()),
        Err(error) => Page::Failed(format!("{error:#}")),
    }
}
