//! Calling people: finds out from the status what they must hear of, and sends what is on its way to them. An alert that
//! does not get through is tried again for as long as it takes; mail never waits for one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backoff::{self, later};
use super::{Ctx, chance, random_name};
use crate::config::NotifyProject;
use crate::failure::{Verdict, with_causes};
use crate::incident::{self, Change, Channel, Event, JIRA, Kind, Unreached};
use crate::jira::client::REQUEST_TIMEOUT;
use crate::jira::plan::{Marker, Step, plain_issue};
use crate::jira::{Flavour, IssueRef, JiraError, Target, Written};
use crate::notify::{self, NotifyError, PATIENCE};
use crate::status::Status;
use crate::store::StoreError;
use crate::store::incidents::{IssueOfIncident, Notice, Telling};

/// How often it is looked whether there is something to tell.
const LOOK: Duration = Duration::from_secs(1);
/// How long what is being sent may take once the daemon stops; what does not arrive is sent at the next start.
const FAREWELL: Duration = Duration::from_secs(5);
/// How many notices in a row of one incident a pass sends at most.
const ROUNDS: usize = 8;
/// How long the right to send a notice lasts: what takes longer was killed, and is sent again.
const LEASE_S: u64 = 150;
/// A Jira issue takes two calls at most, a minute each.
const _: () = assert!(LEASE_S > PATIENCE.as_secs() && LEASE_S > 2 * 60);

/// Watches the status for what people must hear of.
pub struct Watchman {
    ctx: Arc<Ctx>,
    node: String,
    unreached: Unreached,
}

impl Watchman {
    /// A watchman who has seen nothing yet. `node` is shown to people.
    pub fn new(ctx: Arc<Ctx>, node: String) -> Self {
        Self { ctx, node, unreached: Unreached::new() }
    }

    /// Looks once, knowing what the passes before have not reached, and leaves that for the next one.
    pub async fn look_after_pass(ctx: Arc<Ctx>, node: String, status: &Status) -> Result<(), StoreError> {
        let before = ctx.ledger.unreached().await?;
        let mut watchman = Self { unreached: before.clone(), ..Self::new(ctx, node) };
        let now = watchman.ctx.now();
        watchman.look(status, now).await?;
        let is_there =
            |subject: &str| subject == JIRA || status.mailboxes.iter().any(|mailbox| mailbox.name == subject);
        watchman.unreached.retain(|subject, _| is_there(subject));
        if watchman.unreached == before {
            return Ok(());
        }
        watchman.ctx.ledger.save_unreached(watchman.unreached).await
    }

    /// Looks at the status, and records what has changed.
    pub async fn look(&mut self, status: &Status, now: Timestamp) -> Result<(), StoreError> {
        let findings = incident::findings(status, &mut self.unreached, now);
        let subjects: Vec<&str> = status.mailboxes.iter().map(|mailbox| mailbox.name.as_str()).chain([JIRA]).collect();
        let changes = incident::changes(self.ctx.ledger.open_incidents().await?, findings, &subjects, now);
        if changes.is_empty() {
            return Ok(());
        }
        let config = self.ctx.config();
        let telling = Telling {
            node: self.node.clone(),
            public_url: config.admin.as_ref().and_then(|admin| admin.public_url.clone()),
            channels: config.notify.channels(),
            new_id: random_name,
        };
        let recorded = self.ctx.ledger.record_incidents(changes, telling, now).await?;
        recorded.iter().for_each(log);
        Ok(())
    }
}

fn log(change: &Change) {
    match change {
        Change::Open(subject, _, trouble) | Change::Tell(incident::Open { subject, .. }, trouble) => {
            let (event, reason) = (trouble.kind.as_str(), trouble.reason.as_str());
            match trouble.kind {
                Kind::Expiring => tracing::warn!(subject, event, reason, "something will end soon"),
                Kind::NeedsConsent
                | Kind::NeedsAdmin
                | Kind::Misconfigured
                | Kind::Unreachable
                | Kind::Quarantined
                | Kind::Recovered => tracing::error!(subject, event, reason, "a person is needed"),
            }
        }
        Change::Close(open) => {
            tracing::info!(subject = open.subject, event = "recovered", was = open.kind.as_str(), "a trouble is over");
        }
    }
}

/// Sends what is on its way until `stop`; each notice by itself, so that none waits for a channel that hangs.
pub async fn send(ctx: Arc<Ctx>, stop: CancellationToken) {
    let mut sending = JoinSet::new();
    while !stop.is_cancelled() {
        match claim_due(&ctx).await {
            Ok(notices) => notices.into_iter().for_each(|notice| {
                sending.spawn(send_one(ctx.clone(), notice));
            }),
            Err(error) => tracing::warn!(error = %error, "cannot read what people are to be told"),
        }
        while sending.try_join_next().is_some() {}
        stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
    }
    let _late = tokio::time::timeout(FAREWELL, async { while sending.join_next().await.is_some() {} }).await;
}

/// Sends what is due now, for a process that ends afterwards.
pub async fn send_due(ctx: Arc<Ctx>) -> Result<(), StoreError> {
    for _ in 0..ROUNDS {
        let due = claim_due(&ctx).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut sending = JoinSet::new();
        for notice in due {
            sending.spawn(send_one(ctx.clone(), notice));
        }
        while sending.join_next().await.is_some() {}
    }
    Ok(())
}

async fn claim_due(ctx: &Ctx) -> Result<Vec<Notice>, StoreError> {
    let now = ctx.now();
    if !ctx.ledger.has_due_notice(now).await? {
        return Ok(Vec::new());
    }
    ctx.ledger.claim_notices(&ctx.owner, now, later(now, Duration::from_secs(LEASE_S))).await
}

async fn send_one(ctx: Arc<Ctx>, notice: Notice) {
    if let Err(error) = try_to_send(&ctx, &notice).await {
        tracing::warn!(error = %error, "cannot record what people were told");
    }
}

async fn try_to_send(ctx: &Ctx, notice: &Notice) -> Result<(), StoreError> {
    let config = ctx.config();
    let sent = match notice.channel {
        Channel::Command => match &config.notify.command {
            Some(words) => notify::run_command(words, &notice.event).await.map_err(Unsent::from),
            None => Ok(()),
        },
        Channel::Webhook => match &config.notify.webhook {
            Some(address) => notify::post(address, &notice.event).await.map_err(Unsent::from),
            None => Ok(()),
        },
        Channel::Jira => match &config.notify.jira {
            Some(project) => keep_issue(ctx, notice, project).await,
            None => Ok(()),
        },
    };
    let (channel, attempt) = (notice.channel.as_str(), notice.attempts.saturating_add(1));
    match sent {
        Ok(()) => ctx.ledger.settle_notice(notice.id).await,
        Err(Unsent { reason, again_at }) => {
            tracing::warn!(channel, attempt, error = reason, "an alert did not get through; it is tried again");
            let wait = backoff::alert(notice.attempts, chance());
            ctx.ledger.defer_notice(notice.id, again_at.unwrap_or_else(|| later(ctx.now(), wait))).await
        }
    }
}

/// Why an alert did not get through.
struct Unsent {
    reason: String,
    /// When to try again, where that is known.
    again_at: Option<Timestamp>,
}

impl From<NotifyError> for Unsent {
    fn from(error: NotifyError) -> Self {
        Self { reason: with_causes(&error), again_at: None }
    }
}

impl From<JiraError> for Unsent {
    fn from(error: JiraError) -> Self {
        Self { reason: error.to_string(), again_at: None }
    }
}

impl From<StoreError> for Unsent {
    fn from(error: StoreError) -> Self {
        Self { reason: error.to_string(), again_at: None }
    }
}

/// Opens the incident's issue, or closes it: once, whatever breaks in between. What was asked for and not answered is looked
/// for by its marker before it is asked for again.
async fn keep_issue(ctx: &Ctx, notice: &Notice, project: &NotifyProject) -> Result<(), Unsent> {
    let unreadable = |error: serde_json::Error| Unsent { reason: error.to_string(), again_at: None };
    let event: Event = serde_json::from_str(&notice.event).map_err(unreadable)?;
    let flavour = ctx.jira().flavour().await?;
    let step = step(&notice.incident, &event, project, flavour);
    let known = match ctx.ledger.issue_of_incident(&notice.incident).await? {
        IssueOfIncident::Asked(at) => look_for(ctx, notice, &step, at).await?,
        known @ (IssueOfIncident::None | IssueOfIncident::There(_)) => known,
    };
    match (known, event.event) {
        (IssueOfIncident::There(issue), Kind::Recovered) => Ok(ctx.jira().finish(&issue).await?),
        (IssueOfIncident::There(_), _) | (IssueOfIncident::None, Kind::Recovered) => Ok(()),
        (IssueOfIncident::None | IssueOfIncident::Asked(_), _) => open_issue(ctx, notice, &step).await,
    }
}

async fn open_issue(ctx: &Ctx, notice: &Notice, step: &Step) -> Result<(), Unsent> {
    let asked = IssueOfIncident::Asked(ctx.now());
    ctx.ledger.record_issue_of_incident(&notice.incident, asked).await?;
    match ctx.jira().apply(step, Target::default(), None).await {
        Ok(Written::Issue(issue)) => Ok(record_issue(ctx, notice, issue).await?),
        Ok(Written::Comment(_) | Written::Attachment(_) | Written::Change) => Ok(()),
        Err(error) => {
            match error.verdict() {
                Verdict::Unknown => {}
                Verdict::Retry(_) | Verdict::Quarantine | Verdict::Halt(_) => {
                    ctx.ledger.record_issue_of_incident(&notice.incident, IssueOfIncident::None).await?;
                }
            }
            Err(error.into())
        }
    }
}

async fn look_for(ctx: &Ctx, notice: &Notice, step: &Step, asked_at: Timestamp) -> Result<IssueOfIncident, Unsent> {
    let (began, settle) = (ctx.now(), ctx.config().limits.settle);
    match ctx.jira().look_up(step, Target::default(), asked_at, &[]).await? {
        Some(Written::Issue(issue)) => {
            record_issue(ctx, notice, issue.clone()).await?;
            Ok(IssueOfIncident::There(issue))
        }
        Some(Written::Comment(_) | Written::Attachment(_) | Written::Change) | None => {
            let over = later(asked_at, REQUEST_TIMEOUT); // at the latest: when it was is not known
            match backoff::next_look(over, began, settle) {
                Some(at) => {
                    Err(Unsent { reason: "it is not known yet whether Jira opened it".to_owned(), again_at: Some(at) })
                }
                None => Ok(IssueOfIncident::None),
            }
        }
    }
}

async fn record_issue(ctx: &Ctx, notice: &Notice, issue: IssueRef) -> Result<(), StoreError> {
    ctx.ledger.record_issue_of_incident(&notice.incident, IssueOfIncident::There(issue)).await
}

fn step(incident: &str, event: &Event, project: &NotifyProject, flavour: Flavour) -> Step {
    let summary = format!("mail2jira: {} {}", event.subject, event.event.as_str().replace('_', " "));
    let link = event.url.as_ref().map(|url| format!("\n\nOr open {url}")).unwrap_or_default();
    let text = format!(
        "{}: {}\n\nSince {}. On {} run:\n{}{link}\n\nThis issue is closed when it is over.",
        event.subject,
        event.reason,
        event.since.strftime("%Y-%m-%d %H:%M:%S UTC"),
        event.node,
        event.command,
    );
    let write = plain_issue(&project.project, &project.issue_type, &summary, &text, flavour);
    Step { marker: Marker(incident.to_owned()), write }
}
