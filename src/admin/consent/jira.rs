//! Consent for Jira by the pages: Atlassian's or Data Center's code flow, or an application link, and the proof that Jira opens.

use url::Url;

use super::{Begun, Introduction, Problem, senseless, way_back};
use crate::admin::desk::Desk;
use crate::config::{Config, JiraAuth};
use crate::failure::sentence;
use crate::jira::auth::link::{self, LinkConsent, Return};
use crate::jira::auth::{SUBJECT, authority};
use crate::jira::client::Client;
use crate::oauth::Grant;
use crate::oauth::consent::Consent;
use crate::oauth::provider::Provider;

/// How a person lets us into Jira.
enum Way {
    Code,
    Link,
}

fn way(config: &Config) -> Result<Way, Problem> {
    match &config.jira.auth {
        JiraAuth::OAuth2(_) => Ok(Way::Code),
        JiraAuth::OAuth1 { .. } => Ok(Way::Link),
        JiraAuth::ApiToken { .. } | JiraAuth::ServiceAccount { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => {
            Err(Problem::Nothing("Jira is opened with a secret of the configuration: it needs no consent"))
        }
    }
}

pub(super) async fn introduction(desk: &Desk) -> Result<Introduction, Problem> {
    let config = desk.ctx.config();
    let page = match way(&config)? {
        Way::Code => {
            let provider = provider(desk, &config, &client(desk, &config)?).await?;
            provider.metadata().await.map_err(|error| Problem::of(&error))?.authorization_endpoint.clone()
        }
        Way::Link => Some(link::authorization_url(&config.jira)),
    };
    let host = page.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
    Ok(Introduction { wish: "Let mail2jira write to Jira".to_owned(), host, login: String::new() })
}

pub(super) async fn begin(desk: &Desk) -> Result<(Url, Begun), Problem> {
    let config = desk.ctx.config();
    let way_back = way_back(desk)?;
    match way(&config)? {
        Way::Code => {
            let provider = provider(desk, &config, &client(desk, &config)?).await?;
            let consent = Consent::begin(&provider, "", way_back).await;
            let consent = consent.map_err(|error| Problem::of_consent(&error))?;
            Ok((consent.address().clone(), Begun::Code(consent.begun())))
        }
        Way::Link => {
            let consent = LinkConsent::begin(&config.jira, Return::Browser(way_back)).await;
            let consent = consent.map_err(|error| Problem::of(&error))?;
            Ok((consent.address().clone(), Begun::Link(consent.begun())))
        }
    }
}

/// The grant is stored before Jira is asked, since a server that rotates might give no other.
pub(super) async fn settle(desk: &Desk, begun: Begun, query: &str) -> Result<String, Problem> {
    let config = desk.ctx.config();
    let client = client(desk, &config)?;
    let grant = granted(desk, (&config, &client), begun, query).await?;
    desk.ctx.ledger.save_consent(SUBJECT, &grant).await.map_err(|error| Problem::of(&error))?;
    tracing::info!(subject = SUBJECT, "a person has consented on the pages");
    let myself = client.myself().await.map_err(|error| {
        Problem::Failed(format!("Consent was given and is stored, but Jira does not open with it: {error}."))
    })?;
    Ok(format!("Jira opens: it knows us as {}.", myself.display_name))
}

async fn granted(
    desk: &Desk,
    (config, client): (&Config, &Client),
    begun: Begun,
    query: &str,
) -> Result<Grant, Problem> {
    let now = desk.source.clock.now();
    match begun {
        Begun::Code(begun) => {
            let provider = provider(desk, config, client).await?;
            let consent = Consent::resume(&provider, "", begun).map_err(|error| Problem::of_consent(&error))?;
            let callback = consent.recognise(query).ok_or_else(senseless)?;
            consent.complete(callback, now).await.map_err(|error| Problem::of_consent(&error))
        }
        Begun::Link(begun) => {
            let consent = LinkConsent::resume(&config.jira, &begun).map_err(|error| Problem::of(&error))?;
            let verifier = consent.recognise(query).ok_or_else(senseless)?;
            consent.complete(&verifier, now).await.map_err(|error| Problem::of(&error))
        }
    }
}

fn client(desk: &Desk, config: &Config) -> Result<Client, Problem> {
    (desk.make_jira)(config).map_err(|error| Problem::Failed(sentence(&format!("{error:#}"))))
}

/// Which server it is depends on what kind of Jira stands there.
async fn provider(desk: &Desk, config: &Config, client: &Client) -> Result<Provider, Problem> {
    let flavour = client.flavour_for_consent().await.map_err(|error| Problem::of(&error))?;
    let settings = authority::provider(&config.jira, flavour);
    let settings = settings.ok_or_else(|| Problem::Failed("There is no OAuth server for Jira.".to_owned()))?;
    Provider::new(settings, desk.source.clock.clone()).map_err(|error| Problem::of(&error))
}
