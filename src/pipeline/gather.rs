//! How everything is, put together from the ledger: the same for `status`, which runs beside the daemon, and for its pages.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, MailboxSettings, SignIn};
use crate::oauth::tokens::GrantState;
use crate::status::{Consent, ConsentState, JiraState, JiraStatus, MailboxStatus, MessageCounts, Status, WorkState};
use crate::store::entry::Stage;
use crate::store::grants::GrantSummary;
use crate::store::status::{Count, JiraRow, MailboxRow};
use crate::store::{Ledger, StoreError};

/// A daemon that has not been heard of for so long does not run.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);

/// Everything that the ledger knows bears on the status. `node` is shown to people.
pub async fn status(ledger: &Ledger, config: &Config, node: &str, now: Timestamp) -> Result<Status, StoreError> {
    let nodes = ledger.nodes().await?;
    let beating = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) < HEARTBEAT);
    let runs = nodes.iter().any(|node| beating(node.heartbeat_at));
    let rows: BTreeMap<String, MailboxRow> =
        ledger.mailboxes().await?.into_iter().map(|row| (row.name.clone(), row)).collect();
    let grants: BTreeMap<String, GrantSummary> =
        ledger.grants().await?.into_iter().map(|grant| (grant.subject.clone(), grant)).collect();
    let mailboxes = config.mailboxes.values().map(|settings| {
        let name = settings.name.as_str();
        let row = rows.get(name).filter(|_| runs);
        mailbox(settings, row, rows.get(name), grants.get(name), now)
    });
    let jira = jira(ledger.jira().await?.filter(|_| runs), runs);
    let messages = counts(&ledger.counts(now).await?);
    Ok(Status::new(node.to_owned(), mailboxes.collect(), jira, messages))
}

/// What can be said where there is no ledger yet: nothing has ever run.
pub fn never_run(config: &Config, node: &str, now: Timestamp) -> Status {
    let mailboxes = config.mailboxes.values().map(|settings| mailbox(settings, None, None, None, now));
    Status::new(node.to_owned(), mailboxes.collect(), jira(None, false), MessageCounts::default())
}

fn mailbox(
    settings: &MailboxSettings,
    running: Option<&MailboxRow>,
    last: Option<&MailboxRow>,
    grant: Option<&GrantSummary>,
    now: Timestamp,
) -> MailboxStatus {
    let consent = consent(settings, grant);
    let said = running.and_then(|row| WorkState::ALL.into_iter().find(|state| state.as_str() == row.state));
    // A refusal counts from the moment it is known, whatever the last session still lives on.
    let refused = running.is_some() && consent.state == ConsentState::Needed;
    let state = if refused { WorkState::NeedsConsent } else { said.unwrap_or(WorkState::Stopped) };
    let refusal = grant.and_then(|grant| match &grant.state {
        GrantState::Needed { reason, .. } => Some(reason.clone()),
        GrantState::Granted => None,
    });
    let error = running.map(|row| row.error.clone()).filter(|error| !error.is_empty());
    MailboxStatus {
        name: settings.name.as_str().to_owned(),
        address: settings.address.clone(),
        protocol: "imap".to_owned(),
        state,
        since: running.and_then(|row| row.since).unwrap_or(now),
        last_check: last.and_then(|row| row.last_check),
        last_message: last.and_then(|row| row.last_message),
        backlog: last.map_or(0, |row| row.backlog),
        consent,
        error: error.or(refusal),
    }
}

fn consent(settings: &MailboxSettings, grant: Option<&GrantSummary>) -> Consent {
    let state = match (&settings.sign_in, grant.map(|grant| &grant.state)) {
        (SignIn::Password { .. }, _) => ConsentState::NotUsed,
        (SignIn::OAuth(_), Some(GrantState::Granted)) => ConsentState::Granted,
        (SignIn::OAuth(_), Some(GrantState::Needed { .. }) | None) => ConsentState::Needed,
    };
    Consent { state, granted_at: grant.and_then(|grant| grant.granted_at), expires_at: None, expiry_reason: None }
}

fn jira(row: Option<JiraRow>, runs: bool) -> JiraStatus {
    let Some(row) = row else {
        let state = if runs { JiraState::Connecting } else { JiraState::Stopped };
        return JiraStatus { state, deployment: "cloud".to_owned(), error: None, retry_at: None };
    };
    let state = JiraState::ALL.into_iter().find(|state| state.as_str() == row.state);
    JiraStatus {
        state: state.unwrap_or(JiraState::Connecting),
        deployment: row.deployment,
        error: Some(row.error).filter(|error| !error.is_empty()),
        retry_at: row.retry_at,
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
