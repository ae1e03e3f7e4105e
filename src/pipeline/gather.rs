//! How everything is, put together from the ledger: the same for `status`, which runs beside the daemon, and for its pages.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::gate::Kind;
use super::{Ctx, deliver};
use crate::config::{Config, Deployment, JiraAuth, MailboxSettings, ProviderKind, ProviderSettings, SecretRef, SignIn};
use crate::forecast::{self, Customs, Forecast, What};
use crate::jira::Flavour;
use crate::jira::auth::SUBJECT;
use crate::oauth::tokens::GrantState;
use crate::status::{Consent, ConsentState, JiraState, JiraStatus, MailboxStatus, MessageCounts, Status, WorkState};
use crate::store::entry::Stage;
use crate::store::grants::GrantSummary;
use crate::store::status::{Count, JiraRow, MailboxRow};
use crate::store::{Ledger, StoreError};

/// A daemon that has not been heard of for so long does not run.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);

/// What the ledger knows, by the mailboxes' names.
#[derive(Default)]
struct Known {
    rows: BTreeMap<String, MailboxRow>,
    grants: BTreeMap<String, GrantSummary>,
    /// How many of its messages are not settled, counted now: what a daemon said a moment ago may miss the last of them.
    backlogs: BTreeMap<String, u64>,
    quarantined: BTreeMap<String, u64>,
    jira: Option<JiraRow>,
    /// Whether a daemon is at work.
    runs: bool,
}

/// How everything is, as far as the ledger tells. `node` is shown to people.
pub async fn status(ledger: &Ledger, config: &Config, node: &str, now: Timestamp) -> Result<Status, StoreError> {
    let runs = runs(ledger, now).await?;
    let said = Said { mailboxes: ledger.mailboxes().await?, jira: ledger.jira().await?, runs };
    put_together(ledger, config, said, (node, now)).await
}

async fn runs(ledger: &Ledger, now: Timestamp) -> Result<bool, StoreError> {
    let beating = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) < HEARTBEAT);
    Ok(ledger.nodes().await?.iter().any(|node| beating(node.heartbeat_at)))
}

/// Leaves what a pass has found for [`status`] between passes; a daemon beside it says itself how things are.
pub async fn save(ctx: &Ctx) -> Result<(), StoreError> {
    if runs(&ctx.ledger, ctx.now()).await? {
        return Ok(());
    }
    ctx.ledger.save_mailboxes(ctx.board.rows()).await?;
    ctx.ledger.save_jira(jira_row(ctx)).await
}

/// The status at the end of a pass, which says itself how things are: there need be no daemon.
pub async fn after_pass(ctx: &Ctx, node: &str) -> Result<Status, StoreError> {
    let said = Said { mailboxes: ctx.board.rows(), jira: Some(jira_row(ctx)), runs: true };
    put_together(&ctx.ledger, &ctx.config(), said, (node, ctx.now())).await
}

/// How things are, as whoever is at work says.
struct Said {
    mailboxes: Vec<MailboxRow>,
    jira: Option<JiraRow>,
    runs: bool,
}

async fn put_together(
    ledger: &Ledger,
    config: &Config,
    said: Said,
    (node, now): (&str, Timestamp),
) -> Result<Status, StoreError> {
    let known = Known {
        rows: said.mailboxes.into_iter().map(|row| (row.name.clone(), row)).collect(),
        grants: ledger.grants().await?.into_iter().map(|grant| (grant.subject.clone(), grant)).collect(),
        backlogs: ledger.backlogs().await?,
        quarantined: ledger.quarantined().await?,
        jira: said.jira,
        runs: said.runs,
    };
    let mailboxes = config.mailboxes.values().map(|settings| mailbox(config, settings, &known, now));
    let jira = jira(config, &known);
    let messages = counts(&ledger.counts(now).await?);
    Ok(Status::new(node.to_owned(), mailboxes.collect(), jira, messages))
}

/// What can be said where there is no ledger yet: nothing has ever run.
pub fn never_run(config: &Config, node: &str, now: Timestamp) -> Status {
    let known = Known::default();
    let mailboxes = config.mailboxes.values().map(|settings| mailbox(config, settings, &known, now));
    Status::new(node.to_owned(), mailboxes.collect(), jira(config, &known), MessageCounts::default())
}

fn mailbox(config: &Config, settings: &MailboxSettings, known: &Known, now: Timestamp) -> MailboxStatus {
    let name = settings.name.as_str();
    let (last, grant) = (known.rows.get(name), known.grants.get(name));
    let running = last.filter(|_| known.runs);
    let forecast = forecasts(config, settings, grant);
    let consent = consent(settings, grant, &forecast);
    let said = running.and_then(|row| WorkState::ALL.into_iter().find(|state| state.as_str() == row.state));
    // A refusal counts from the moment it is known, whatever the last session still lives on.
    let refused = running.is_some() && consent.state == ConsentState::Needed;
    let state = if refused { WorkState::NeedsConsent } else { said.unwrap_or(WorkState::Stopped) };
    let refusal = grant.and_then(|grant| refusal(grant, provider(config, settings)));
    let error = running.map(|row| row.error.clone()).filter(|error| !error.is_empty());
    MailboxStatus {
        name: name.to_owned(),
        address: settings.address.clone(),
        protocol: settings.protocol.as_str().to_owned(),
        state,
        since: running.and_then(|row| row.since).unwrap_or(now),
        last_check: last.and_then(|row| row.last_check),
        last_message: last.and_then(|row| row.last_message),
        backlog: known.backlogs.get(name).copied().unwrap_or_default(),
        quarantined: known.quarantined.get(name).copied().unwrap_or_default(),
        consent,
        forecast,
        error: if refused { refusal.or(error) } else { error },
    }
}

/// Why a consent is dead: the provider's words, and what its age says about it.
fn refusal(grant: &GrantSummary, provider: Option<&ProviderSettings>) -> Option<String> {
    let GrantState::Needed { reason, since } = &grant.state else { return None };
    let lived = grant.granted_at.map(|granted_at| since.duration_since(granted_at));
    let may_be_testing = provider.is_some_and(|provider| match provider.kind {
        ProviderKind::Google | ProviderKind::Custom => true, // behind a gateway, Google is a custom provider
        ProviderKind::Microsoft(_) => false,
    });
    Some(match may_be_testing && lived.is_some_and(forecast::is_a_testing_life) {
        true => format!("{reason}; {}", forecast::TESTING),
        false => reason.clone(),
    })
}

/// What is known to end by itself, the nearest first.
fn forecasts(config: &Config, settings: &MailboxSettings, grant: Option<&GrantSummary>) -> Vec<Forecast> {
    let Some(provider) = provider(config, settings) else { return Vec::new() };
    let facts = match grant.map(|grant| (&grant.state, grant.facts)) {
        Some((GrantState::Granted, facts)) => facts,
        Some((GrantState::Needed { .. }, _)) | None => None,
    };
    let consent = facts.and_then(|facts| forecast::of_grant(&facts, customs(&provider.kind)));
    let secret = provider.secret_expires.and_then(|day| Forecast::dated(What::ClientSecret, day));
    let certificate = provider.client_certificate.as_ref().and_then(certificate_end);
    let mut forecasts: Vec<Forecast> = [consent, secret, certificate].into_iter().flatten().collect();
    forecasts.sort_by_key(|forecast| forecast.at);
    forecasts
}

fn provider<'a>(config: &'a Config, settings: &MailboxSettings) -> Option<&'a ProviderSettings> {
    match &settings.sign_in {
        SignIn::OAuth(name) => config.providers.get(name),
        SignIn::Password { .. } => None,
    }
}

fn customs(kind: &ProviderKind) -> Customs {
    match kind {
        ProviderKind::Google => Customs::Google,
        ProviderKind::Microsoft(_) => Customs::Microsoft,
        ProviderKind::Custom => Customs::Unknown,
    }
}

/// Read anew each time: it may be swapped while the daemon runs. One that cannot be read is no forecast but a trouble, which
/// signing in tells.
fn certificate_end(place: &SecretRef) -> Option<Forecast> {
    let pem = place.read().ok()?;
    let der = CertificateDer::from_pem_slice(pem.expose().as_bytes()).ok()?;
    Forecast::of_certificate(&der)
}

fn consent(settings: &MailboxSettings, grant: Option<&GrantSummary>, forecasts: &[Forecast]) -> Consent {
    let state = match (&settings.sign_in, grant.map(|grant| &grant.state)) {
        (SignIn::Password { .. }, _) => ConsentState::NotUsed,
        (SignIn::OAuth(_), Some(GrantState::Granted)) => ConsentState::Granted,
        (SignIn::OAuth(_), Some(GrantState::Needed { .. }) | None) => ConsentState::Needed,
    };
    let end = forecasts.iter().find(|forecast| forecast.what == What::Consent);
    Consent {
        state,
        granted_at: grant.and_then(|grant| grant.granted_at),
        expires_at: end.map(|end| end.at),
        expiry_reason: end.map(|end| end.reason.clone()),
    }
}

fn jira(config: &Config, known: &Known) -> JiraStatus {
    let grant = known.grants.get(SUBJECT);
    let status = jira_at_work(config, known, jira_forecasts(config, known, grant));
    let reason = match grant.map(|grant| &grant.state) {
        Some(GrantState::Granted) => return status,
        Some(GrantState::Needed { reason, .. }) => reason.as_str(),
        None => "nobody has consented yet",
    };
    if !config.jira.auth.takes_consent() || status.state == JiraState::Stopped {
        return status;
    }
    // A refusal counts from the moment it is known, as a mailbox's does.
    let error = Some(format!("consent is needed ({reason}); run `mail2jira authorize jira`"));
    JiraStatus { state: JiraState::NeedsConsent, error, ..status }
}

fn jira_at_work(config: &Config, known: &Known, forecast: Vec<Forecast>) -> JiraStatus {
    let found = known.jira.as_ref().map(|row| row.deployment.clone()).filter(|found| !found.is_empty());
    let deployment = found.unwrap_or_else(|| presumed(config).to_owned());
    let Some(row) = known.jira.clone().filter(|_| known.runs) else {
        let state = if known.runs { JiraState::Connecting } else { JiraState::Stopped };
        return JiraStatus { state, deployment, error: None, retry_at: None, forecast };
    };
    JiraStatus {
        state: JiraState::parse(&row.state).unwrap_or(JiraState::Connecting),
        deployment,
        error: Some(row.error).filter(|error| !error.is_empty()),
        retry_at: row.retry_at,
        forecast,
    }
}

/// What Jira is taken for before it has been asked: the way in speaks for one kind.
const fn presumed(config: &Config) -> &'static str {
    let flavour = match (config.jira.deployment, &config.jira.auth) {
        (Deployment::DataCenter, _)
        | (Deployment::Auto, JiraAuth::Pat { .. } | JiraAuth::OAuth1 { .. } | JiraAuth::Basic { .. }) => {
            Flavour::DataCenter
        }
        (Deployment::Cloud, _)
        | (Deployment::Auto, JiraAuth::ApiToken { .. } | JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_)) => {
            Flavour::Cloud
        }
    };
    flavour.as_str()
}

/// What is known to end by itself of the way into Jira, the nearest first.
fn jira_forecasts(config: &Config, known: &Known, grant: Option<&GrantSummary>) -> Vec<Forecast> {
    let token = config.jira.token_expires.and_then(|day| Forecast::dated(What::Token, day));
    let customs = match &config.jira.auth {
        JiraAuth::OAuth2(_) if !is_data_center(config, known) => Customs::Atlassian,
        JiraAuth::OAuth2(_)
        | JiraAuth::OAuth1 { .. }
        | JiraAuth::ApiToken { .. }
        | JiraAuth::ServiceAccount { .. }
        | JiraAuth::Pat { .. }
        | JiraAuth::Basic { .. } => Customs::Unknown,
    };
    let granted = grant.filter(|grant| config.jira.auth.takes_consent() && grant.state == GrantState::Granted);
    let consent = granted.and_then(|grant| forecast::of_grant(&grant.facts?, customs));
    let mut forecasts: Vec<Forecast> = [token, consent].into_iter().flatten().collect();
    forecasts.sort_by_key(|forecast| forecast.at);
    forecasts
}

fn is_data_center(config: &Config, known: &Known) -> bool {
    match config.jira.deployment {
        Deployment::DataCenter => true,
        Deployment::Cloud => false,
        Deployment::Auto => known.jira.as_ref().is_some_and(|row| row.deployment == Flavour::DataCenter.as_str()),
    }
}

/// How Jira is, as this process knows.
pub(super) fn jira_row(ctx: &Ctx) -> JiraRow {
    let outlook = deliver::outlook(ctx);
    let state = match outlook.kind {
        Some(Kind::Away) => JiraState::BackingOff,
        Some(Kind::Refused) => JiraState::Misconfigured,
        Some(Kind::NeedsConsent) => JiraState::NeedsConsent,
        None if ctx.with_gate(|gate| gate.last_answer()).is_none() => JiraState::Connecting,
        None => JiraState::Ok,
    };
    JiraRow {
        state: state.as_str().to_owned(),
        deployment: ctx.jira().known_flavour().map(Flavour::as_str).unwrap_or_default().to_owned(),
        error: outlook.error.unwrap_or_default(),
        retry_at: outlook.retry_at,
    }
}

fn counts(rows: &[Count]) -> MessageCounts {
    let mut counts = MessageCounts::default();
    for row in rows {
        counts.deferred += row.deferred;
        match row.stage {
            Stage::Received | Stage::Planned | Stage::Sent => counts.pending += row.now,
            Stage::Delivered => counts.delivered += row.now,
            Stage::Ignored => counts.ignored += row.now,
            Stage::Quarantined => counts.quarantined += row.now,
            Stage::Discarded => counts.discarded += row.now,
        }
    }
    counts
}
