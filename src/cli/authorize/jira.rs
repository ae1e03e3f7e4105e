//! `authorize jira`: gets a person's consent for Jira itself, stores it, asks Jira with it who we are, and only then says that
//! it worked.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;

use super::AuthorizeArgs;
use super::way_back::{Invitation, PASTE_ADDRESS, Terminal, Way, WayBack};
use crate::cli::{Failure, jira_keys, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, JiraAuth};
use crate::failure::sentence;
use crate::jira::auth::link::{LinkConsent, Return};
use crate::jira::auth::{SUBJECT, authority};
use crate::jira::client::{Client, Timeouts};
use crate::oauth::Grant;
use crate::oauth::consent::loopback::Browser;
use crate::oauth::consent::page::{Opened, Page};
use crate::oauth::consent::{Consent, ConsentError};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{Grants, Holder, LedgerGrants};

const WISH: &str = "let mail2jira in";

/// What the command works with.
struct Authorize<'a> {
    config: &'a Config,
    grants: LedgerGrants,
    client: Client,
    clock: Arc<dyn Clock>,
}

/// Runs `authorize jira`.
pub(super) async fn run(args: &AuthorizeArgs, config: &Config) -> Result<(), Failure> {
    let (way, road) = (way(args)?, road(&config.jira.auth)?);
    let ledger = opened::ledger(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = jira_keys::keys(&config.jira, &ledger, &clock, Holder::Command);
    let client = Client::new(&config.jira, keys, clock.clone(), Timeouts::default());
    let client = client.context("cannot set up the connection to Jira")?;
    let grants = LedgerGrants::new(ledger, clock.clone(), Holder::Command);
    let authorize = Authorize { config, grants, client, clock };
    let terminal = &mut Terminal { out: &mut report::data(), err: &mut report::words() };
    let done = match road {
        Road::OAuth2 => authorize.by_oauth2(way, terminal).await,
        Road::Link => authorize.by_link(way, terminal).await,
    };
    done.context("cannot authorize Jira")
        .map_err(|error| Failure::from(error).with_hint("run `mail2jira authorize jira` again"))
}

/// How Jira is told what a person consents to.
enum Road {
    OAuth2,
    Link,
}

fn road(auth: &JiraAuth) -> Result<Road, Failure> {
    match auth {
        JiraAuth::OAuth2(_) => Ok(Road::OAuth2),
        JiraAuth::OAuth1 { .. } => Ok(Road::Link),
        JiraAuth::ApiToken { .. } | JiraAuth::ServiceAccount { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => {
            Err(Failure::new("Jira is opened with a secret of the configuration: it needs no consent")
                .with_hint("run `mail2jira test-connection jira`"))
        }
    }
}

fn way(args: &AuthorizeArgs) -> Result<Way, Failure> {
    if args.device {
        return Err(Failure::new("Jira has no device flow: neither Atlassian nor Data Center offers one")
            .with_hint("run `mail2jira authorize jira --paste`, and open the address in any browser"));
    }
    if args.admin_consent_url || args.app_only {
        return Err(Failure::new("this form of consent is for mailboxes at Microsoft, not for Jira")
            .with_hint("run `mail2jira authorize jira`"));
    }
    Ok(args.way())
}

impl Authorize<'_> {
    async fn by_oauth2(&self, way: Way, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
        let flavour = self.client.flavour_for_consent().await?;
        let settings = authority::provider(&self.config.jira, flavour).context("there is no OAuth server for Jira")?;
        let provider = Provider::new(settings, self.clock.clone())?;
        let way_back = WayBack::prepare(way, &provider.settings().redirect_uri).await?;
        let consent = Consent::begin(&provider, "", way_back.redirect_uri().clone()).await?;
        let invitation = Invitation { address: consent.address(), wish: WISH, paste: PASTE_ADDRESS };
        let (callback, browser) = way_back.wait(invitation, |query| consent.recognise(query), terminal).await?;
        let granted = consent.complete(callback, self.now()).await.map_err(anyhow::Error::from);
        self.settle(granted, browser).await
    }

    /// Where the answer is pasted, Jira shows the person a code and sends the browser nowhere.
    async fn by_link(&self, way: Way, terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
        let redirect_uri = authority::redirect_uri(&self.config.jira).context("there is no callback address")?;
        let way_back = WayBack::prepare(way, &redirect_uri).await?;
        let to = match &way_back {
            WayBack::Loopback(..) => Return::Browser(way_back.redirect_uri().clone()),
            WayBack::Lines(..) => Return::OutOfBand,
        };
        let consent = LinkConsent::begin(&self.config.jira, to).await?;
        let paste = "Jira shows a verification code at the end. Paste it here:";
        let invitation = Invitation { address: consent.address(), wish: WISH, paste };
        let (verifier, browser) = way_back.wait(invitation, |answer| consent.recognise(answer), terminal).await?;
        let granted = consent.complete(&verifier, self.now()).await.map_err(anyhow::Error::from);
        self.settle(granted, browser).await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn settle(&self, granted: anyhow::Result<Grant>, browser: Option<Browser>) -> anyhow::Result<()> {
        let outcome = self.store_and_prove(granted).await;
        if let Some(browser) = browser {
            browser.show(page(&outcome)).await;
        }
        outcome
    }

    /// The grant is stored before Jira is asked: a server that rotates might give no other.
    async fn store_and_prove(&self, granted: anyhow::Result<Grant>) -> anyhow::Result<()> {
        self.grants.save_consent(SUBJECT, &granted?).await.context("cannot store the consent")?;
        let asked = self.client.myself().await;
        let myself = asked.context("consent was given and is stored, but Jira does not open with it")?;
        writeln!(report::words(), "Jira is authorized: it knows us as {}.", myself.display_name)?;
        Ok(())
    }
}

fn page(outcome: &anyhow::Result<()>) -> Page {
    match outcome {
        Ok(()) => Page::Done(Opened::Jira),
        Err(error) => Page::Failed(match error.downcast_ref::<ConsentError>() {
            Some(error) => error.kindly(),
            None => sentence(&format!("{error:#}")),
        }),
    }
}
