//! One message on its way to Jira: plan it, send step after step, and never repeat what may have been written without
//! looking for it first.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::concession;
use super::content::Content;
use super::planning::{self, Planned};
use super::shares::{Errand, Place, Places};
use super::{Ctx, backoff, chance, upgrade};
use crate::config::Writing;
use crate::config::rule::Visibility;
use crate::failure::Verdict;
use crate::jira::Progress::Finished;
use crate::jira::client::{LOOK_UP_TIMEOUT, REQUEST_TIMEOUT};
use crate::jira::plan::Write;
use crate::jira::{ExistingAttachment, JiraError, Payload, Target, Written};
use crate::store::delivery::{FirstStep, LEASE_LEFT_S, Pause, Stumble};
use crate::store::steps::{PlannedStep, Progress};
use crate::store::{EntryId, Lease, LeaseToken, Stage, StoreError};
use looking::Looked;

mod looking;

/// How often a lease is renewed under a request that takes its time.
const RENEW: Duration = Duration::from_secs(60);

// A look-up and the write after it fit into one lease, and so do two renewals: nobody else can claim the entry meanwhile.
const _: () = assert!(LOOK_UP_TIMEOUT.as_secs() + REQUEST_TIMEOUT.as_secs() < LEASE_LEFT_S);
const _: () = assert!(2 * RENEW.as_secs() < LEASE_LEFT_S);

/// Panics while working on a message after which it is set aside.
const PANICS: u32 = 5;
/// How long a message rests after the program has stumbled over it, or the ledger has failed.
const STUMBLE: Duration = Duration::from_secs(5);

/// How old an intent may be when its request is sent.
const FRESH: Duration = Duration::from_secs(5);
/// How long a message rests of which something may have been written before the program became a shadow.
const BEGUN_BEFORE: Duration = Duration::from_secs(60);

/// Delivers one message as far as it goes. Nothing that happens to it, a panic included, reaches the others.
pub async fn deliver_one(ctx: Arc<Ctx>, lease: Lease) {
    let (id, token, mailbox) = (lease.entry.id, lease.token, lease.entry.mailbox.clone());
    let panics = lease.entry.panics;
    match AssertUnwindSafe(advance(&ctx, lease)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(StoreError::LeaseLost(_))) => tracing::warn!(entry = id.0, "lost the lease on a message"),
        Ok(Err(error @ (StoreError::Corrupt(_) | StoreError::Vault(_)))) => {
            tracing::error!(entry = id.0, error = %error, "what the ledger holds of a message cannot be read");
            set_aside(&ctx, id, token, &error.to_string()).await;
        }
        Ok(Err(error)) => {
            tracing::error!(entry = id.0, error = %error, "the ledger failed during a delivery");
            stumbled(&ctx, id, token, Stumble::Ledger, &format!("the ledger failed: {error}")).await;
        }
        Err(_) => panicked(&ctx, id, token, panics).await,
    }
    ctx.board.ring(&mailbox);
    ctx.work.notify_one(); // what waits behind it in its thread may go on
}

/// Gives a lease back unused. A failure only means that it has to run out.
pub async fn give_back(ctx: &Ctx, lease: Lease, pause: Pause) {
    let id = lease.entry.id;
    if let Err(error) = ctx.ledger.release(lease, pause).await {
        tracing::warn!(entry = id.0, error = %error, "cannot give a lease back; it runs out by itself");
    }
}

async fn panicked(ctx: &Ctx, id: EntryId, token: LeaseToken, panics: u32) {
    tracing::error!(entry = id.0, "the program panicked over a message; this is a bug");
    if panics + 1 >= PANICS {
        return set_aside(ctx, id, token, &format!("the program panicked over it {PANICS} times")).await;
    }
    stumbled(ctx, id, token, Stumble::Panic, "the program panicked over it").await;
}

async fn set_aside(ctx: &Ctx, id: EntryId, token: LeaseToken, reason: &str) {
    if let Err(error) = ctx.ledger.quarantine_stumbled(id, token, reason, ctx.now()).await {
        tracing::error!(entry = id.0, error = %error, "cannot set a message aside");
    }
}

async fn stumbled(ctx: &Ctx, id: EntryId, token: LeaseToken, stumble: Stumble, reason: &str) {
    let pause = Pause { until: later(ctx.now(), STUMBLE), reason: reason.to_owned() };
    if let Err(error) = ctx.ledger.record_stumble(id, token, stumble, pause).await {
        tracing::warn!(entry = id.0, error = %error, "cannot give a lease back; it runs out by itself");
    }
}

async fn advance(ctx: &Ctx, lease: Lease) -> Result<(), StoreError> {
    let Some(settings) = ctx.mailbox(&lease.entry.mailbox) else {
        let reason = format!("mailbox `{}` is not in the configuration any more", lease.entry.mailbox);
        return pause(ctx, lease, Duration::from_secs(60), reason).await;
    };
    let content = Content::new(ctx, &lease.entry);
    let planned = match lease.entry.stage {
        Stage::Received => planning::plan(ctx, lease, &settings, &content).await?,
        Stage::Planned | Stage::Sent if ctx.config().jira.writing == Writing::Shadow => {
            let reason = "it was begun before, and goes on when `shadow` is taken out".to_owned();
            return pause(ctx, lease, BEGUN_BEFORE, reason).await;
        }
        Stage::Planned | Stage::Sent => {
            let (lease, steps) = upgrade::steps(ctx, lease).await?;
            Some(Planned { lease, steps, first: FirstStep::Waits })
        }
        Stage::Delivered | Stage::Ignored | Stage::Quarantined | Stage::Discarded => None,
    };
    let Some(Planned { lease, steps, first }) = planned else { return Ok(()) };
    let settle = ctx.config().limits.settle;
    let sending = Sending { ctx, content: &content, steps, settle };
    sending.send_all(lease, first).await
}

/// Leaves a message as it is for a while.
pub(super) async fn pause(ctx: &Ctx, lease: Lease, wait: Duration, reason: String) -> Result<(), StoreError> {
    ctx.ledger.release(lease, Pause { until: later(ctx.now(), wait), reason }).await
}

pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A plan being carried out.
struct Sending<'s, 'c> {
    ctx: &'s Ctx,
    content: &'s Content<'c>,
    steps: Vec<PlannedStep>,
    settle: Duration,
}

/// What is to be done next about a step.
enum Turn {
    /// Record the intent.
    Record,
    /// Send: the intent is in the ledger since then.
    Send(Timestamp),
    /// Look for what may have been written since then.
    Look(Timestamp),
}

impl Sending<'_, '_> {
    async fn send_all(&self, mut lease: Lease, first: FirstStep) -> Result<(), StoreError> {
        let Some(mut step) = self.unfinished_from(0) else {
            return self.ctx.ledger.record_delivered(lease, None, self.ctx.now()).await;
        };
        let mut turn = match first {
            FirstStep::Sending => Turn::Send(self.ctx.now()),
            FirstStep::Waits => turn(step),
        };
        loop {
            let Some((held, written)) = self.take(turn, lease, step).await? else { return Ok(()) };
            let Some(next) = self.unfinished_from(step.position + 1) else {
                return self.delivered(held, step, &written).await;
            };
            (lease, turn) = self.written(held, step, &written, next).await?;
            step = next;
        }
    }

    /// Has a step written, or finds it written, among those who ask Jira at once. `None`: the message rests or is set aside.
    async fn take(&self, turn: Turn, lease: Lease, step: &PlannedStep) -> Result<Option<(Lease, Written)>, StoreError> {
        let Some(_place) = self.under_lease(&lease, None, self.place(&lease, step)).await? else {
            let pause = Pause { until: self.ctx.now(), reason: "the daemon is stopping".to_owned() };
            return self.put_back(lease, step, &turn, pause).await.map(|()| None);
        };
        match turn {
            Turn::Send(_) | Turn::Record => self.write(turn, lease, step).await,
            Turn::Look(sent_at) => match self.look(lease, step, sent_at).await? {
                Looked::Found(found, written) => Ok(Some((found, written))),
                Looked::NotThere(released) => self.write(Turn::Record, released, step).await,
                Looked::Resting => Ok(None),
            },
        }
    }

    /// A place among those who ask Jira, shared between mailboxes. `None`: no message is begun any more.
    async fn place(&self, lease: &Lease, step: &PlannedStep) -> Option<Place> {
        let config = self.ctx.config();
        let places = Places::of(config.limits.deliveries, u64::MAX, config.mailboxes.len());
        let errand = if step.position == 0 { Errand::Begins } else { Errand::GoesOn };
        self.ctx.writers.wait(&lease.entry.mailbox, errand, places).await
    }

    /// Sends a step, unless Jira or its project is not to be asked now. An intent that has waited for its turn is recorded anew: how
    /// long "not found" is not believed counts from it.
    async fn write(
        &self,
        turn: Turn,
        lease: Lease,
        step: &PlannedStep,
    ) -> Result<Option<(Lease, Written)>, StoreError> {
        let now = self.ctx.now();
        if let Some(shut) = self.ctx.shut(&step.step.write) {
            let pause = Pause { until: shut.until, reason: shut.reason };
            return self.put_back(lease, step, &turn, pause).await.map(|()| None);
        }
        let lease = match turn {
            Turn::Send(meant_at) if now <= later(meant_at, FRESH) => lease,
            Turn::Send(_) | Turn::Record | Turn::Look(_) => {
                self.ctx.ledger.record_sending(lease, step.position, now).await?
            }
        };
        self.send(lease, step).await
    }

    /// Gives a message back whose turn has not come.
    async fn put_back(&self, lease: Lease, step: &PlannedStep, turn: &Turn, pause: Pause) -> Result<(), StoreError> {
        match turn {
            Turn::Send(_) => self.ctx.ledger.record_not_begun(lease, step.position, pause).await,
            Turn::Record | Turn::Look(_) => self.ctx.ledger.release(lease, pause).await,
        }
    }

    fn unfinished_from(&self, position: u32) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.position >= position && !matches!(step.progress, Progress::Done(_)))
    }

    /// Sends a step whose intent is recorded. `None`: it failed, and the message rests or is set aside.
    async fn send(&self, lease: Lease, step: &PlannedStep) -> Result<Option<(Lease, Written)>, StoreError> {
        let content = self.upload(step).await?;
        let jira = self.ctx.jira();
        let attached = self.attached(&lease, step).await?;
        let target = Target { attached: &attached, ..target(&lease) };
        let applied = jira.apply(&step.step, target, content);
        match self.under_lease(&lease, Some(step), applied).await? {
            Ok(written) => {
                self.ctx.with_gate(|gate| gate.wrote(step.step.write.project(), self.ctx.now()));
                Ok(Some((lease, written)))
            }
            Err(error) => self.failed(lease, step, &error).await.map(|()| None),
        }
    }

    /// Does what may take longer than a lease, which is renewed meanwhile: a large file on a slow line, or a wait. A step that is
    /// being sent all that time may be written until its end.
    async fn under_lease<T>(
        &self,
        lease: &Lease,
        sent: Option<&PlannedStep>,
        work: impl Future<Output = T>,
    ) -> Result<T, StoreError> {
        let mut work = std::pin::pin!(work);
        let (ledger, id, token) = (&self.ctx.ledger, lease.entry.id, lease.token);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(RENEW) => match sent {
                    Some(step) => ledger.record_still_sending(id, token, step.position, self.ctx.now()).await?,
                    None => ledger.renew(id, token, self.ctx.now()).await?,
                },
            }
        }
    }

    async fn upload(&self, step: &PlannedStep) -> Result<Option<Payload>, StoreError> {
        match step.step.write.upload() {
            Some(source) => self.content.upload(source).await.map(Some),
            None => Ok(None),
        }
    }

    /// The files that this message has brought to the issue so far, where a text is to show them.
    async fn attached(&self, lease: &Lease, step: &PlannedStep) -> Result<Vec<ExistingAttachment>, StoreError> {
        if !matches!(step.step.write, Write::ShowPictures { .. }) {
            return Ok(Vec::new());
        }
        let steps = self.ctx.ledger.steps(lease.entry.id).await?;
        let file = |step: PlannedStep| match (step.step.write, step.progress) {
            (Write::Attach { name, size, .. }, Progress::Done(Written::Attachment(id))) => {
                Some(ExistingAttachment { id, name, size })
            }
            (_, Progress::Planned | Progress::Sent(_) | Progress::Done(_)) => None,
        };
        Ok(steps.into_iter().filter_map(file).collect())
    }

    /// Puts a failed step to rest, as its verdict demands.
    async fn failed(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let (ledger, now) = (&self.ctx.ledger, self.ctx.now());
        tracing::warn!(entry = lease.entry.id.0, step = step.position, error = %error, "Jira did not take a write");
        let refused = concession::Refused { step, steps: &self.steps, error };
        let Some(lease) = concession::concede(self.ctx, lease, &refused).await? else { return Ok(()) };
        if error.issue_is_gone(&step.step.write) {
            self.ctx.with_gate(|gate| gate.answered(now));
            return self.issue_is_gone(lease, step, error).await;
        }
        if self.takes_no_more(&lease, step, error).await {
            self.ctx.with_gate(|gate| gate.answered(now));
            return ledger.record_replan(lease, &error.message, now).await;
        }
        let verdict = error.verdict();
        let project = step.step.write.project();
        self.ctx.jira_failed(error, project);
        let shut = self.ctx.with_gate(|gate| {
            gate.shut().or_else(|| project.and_then(|project| gate.shut_project(project, now))).map(|shut| shut.until)
        });
        let reason = error.message.clone();
        match verdict {
            Verdict::Retry(asked) => {
                let until =
                    shut.unwrap_or_else(|| later(now, backoff::delivery(lease.entry.attempts, asked, chance())));
                ledger.record_not_sent(lease, step.position, Pause { until, reason }, now).await
            }
            Verdict::Halt(_) => {
                let until = shut.unwrap_or_else(|| later(now, backoff::delivery(lease.entry.attempts, None, chance())));
                ledger.record_not_sent(lease, step.position, Pause { until, reason }, now).await
            }
            Verdict::Unknown => {
                let until = backoff::next_look(now, now, self.settle).unwrap_or(now);
                ledger.record_unknown(lease, Pause { until, reason }, now).await
            }
            Verdict::Quarantine => ledger.record_refused(lease, self.undone_by(step), &reason, now).await,
        }
    }

    /// Positions of the steps of which nothing is written once this one is refused: a comment that all could see was taken away,
    /// with all that was done to it.
    fn undone_by(&self, refused: &PlannedStep) -> Vec<u32> {
        let is_comment = |step: &&PlannedStep| step.step.write.audience().is_some();
        let until_then = || self.steps.iter().filter(|step| step.position <= refused.position);
        let is_proof = matches!(refused.step.write, Write::Prove { .. });
        let comment = until_then().rfind(is_comment).filter(|_| is_proof).unwrap_or(refused);
        let later = until_then().filter(|step| step.position >= comment.position);
        let undone = later.filter(|step| step.position == refused.position || step.step.write.is_about_a_comment());
        undone.map(|step| step.position).collect()
    }

    /// The issue was deleted, or may not be seen. If nothing is written yet, the message is decided on again.
    async fn issue_is_gone(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let issue = lease.entry.issue.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = format!("issue {issue} is gone, or may not be seen");
        if step.position == 0 {
            return self.ctx.ledger.record_replan(lease, &reason, self.ctx.now()).await;
        }
        // Of a proof the error says what that means.
        let reason = if matches!(step.step.write, Write::Prove { .. }) { &error.message } else { &reason };
        self.ctx.ledger.record_refused(lease, vec![step.position], reason, self.ctx.now()).await
    }

    /// Whether the issue is what refuses a comment: it is full (413), or finished and closed to changes. The message then goes on
    /// in an issue of its own, if it is for all.
    async fn takes_no_more(&self, lease: &Lease, step: &PlannedStep, error: &JiraError) -> bool {
        let is_public = matches!(&step.step.write, Write::AddComment { visibility: Visibility::Public, .. });
        match (error.status, &lease.entry.issue) {
            (Some(413), Some(_)) => is_public && step.position == 0,
            (Some(400 | 403), Some(issue)) if is_public && step.position == 0 => {
                let existing = self.ctx.jira().issue(issue).await;
                existing.is_ok_and(|issue| issue.is_some_and(|issue| issue.progress == Finished))
            }
            (_, _) => false,
        }
    }

    /// Records what was written, and at once the intent of the next step where it has none yet.
    async fn written(
        &self,
        lease: Lease,
        step: &PlannedStep,
        written: &Written,
        next: &PlannedStep,
    ) -> Result<(Lease, Turn), StoreError> {
        let now = self.ctx.now();
        let (arm, turn) = match next.progress {
            Progress::Sent(sent_at) => (None, Turn::Look(sent_at)),
            Progress::Planned | Progress::Done(_) => (Some(next.position), Turn::Send(now)),
        };
        let lease = self.ctx.ledger.record_written(lease, (step.position, written), arm, now).await?;
        Ok((lease, turn))
    }

    async fn delivered(&self, lease: Lease, step: &PlannedStep, written: &Written) -> Result<(), StoreError> {
        let (id, mailbox) = (lease.entry.id, lease.entry.mailbox.clone());
        self.ctx.ledger.record_delivered(lease, Some((step.position, written)), self.ctx.now()).await?;
        tracing::info!(mailbox, entry = id.0, "delivered a message");
        Ok(())
    }
}

/// What Jira holds of a message, as far as it is recorded.
fn target(lease: &Lease) -> Target<'_> {
    Target { issue: lease.entry.issue.as_ref(), comment: lease.entry.comment_id.as_deref(), attached: &[] }
}

fn turn(step: &PlannedStep) -> Turn {
    match step.progress {
        Progress::Sent(sent_at) => Turn::Look(sent_at),
        Progress::Planned | Progress::Done(_) => Turn::Record,
    }
}
