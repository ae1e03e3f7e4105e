//! One message on its way to Jira: plan it, send step after step, and never repeat what may have been written without
//! looking for it first.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::backoff::later;
use super::content::Content;
use super::planning::{self, Planned};
use super::shares::{Errand, Place, Places};
use super::{Ctx, upgrade};
use crate::config::Writing;
use crate::jira::client::{LOOK_UP_TIMEOUT, REQUEST_TIMEOUT};
use crate::jira::plan::Write;
use crate::jira::{Payload, Target, Written};
use crate::store::database::CLOCKS_APART_S;
use crate::store::delivery::{FirstStep, LEASE_LEFT_S, Pause, Stumble};
use crate::store::steps::{PlannedStep, Progress, Sent};
use crate::store::{EntryId, Lease, LeaseToken, Stage, StoreError};
use looking::Looked;

mod failing;
mod looking;
mod target;

/// How often a lease is renewed under a request that takes its time.
const RENEW: Duration = Duration::from_secs(60);

// A look-up and the write after it fit into one lease, and so do two renewals: nobody else can claim the entry meanwhile.
const _: () = assert!(LOOK_UP_TIMEOUT.as_secs() + REQUEST_TIMEOUT.as_secs() < LEASE_LEFT_S);
const _: () = assert!(2 * RENEW.as_secs() < LEASE_LEFT_S);
// Two nodes may each be so far from the database's clock, either way: neither takes over what the other is at work on.
const _: () = assert!(LOOK_UP_TIMEOUT.as_secs() + 2 * CLOCKS_APART_S < LEASE_LEFT_S);
const _: () = assert!(RENEW.as_secs() + 2 * CLOCKS_APART_S < LEASE_LEFT_S);

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
    let config = ctx.config();
    let Some(settings) = config.mailbox(&lease.entry.mailbox) else {
        let reason = format!("mailbox `{}` is not in the configuration any more", lease.entry.mailbox);
        return pause(ctx, lease, Duration::from_secs(60), reason).await;
    };
    let content = Content::new(ctx, &lease.entry);
    let planned = match lease.entry.stage {
        Stage::Received => {
            under_lease(ctx, &lease, content.message()).await??; // it may have to wait for memory
            planning::plan(ctx, lease, settings, &content).await?
        }
        Stage::Planned | Stage::Sent if config.jira.writing == Writing::Shadow => {
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
    let sending = Sending { ctx, content: &content, steps, settle: config.limits.settle };
    sending.send_all(lease, first).await
}

/// Does what may take longer than a lease, which is renewed meanwhile: a large file on a slow line, or a wait. That the
/// ledger fails is no reason to break it off: there is time to renew the lease once more.
async fn under_lease<T>(ctx: &Ctx, lease: &Lease, work: impl Future<Output = T>) -> Result<T, StoreError> {
    let mut work = std::pin::pin!(work);
    let id = lease.entry.id;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(RENEW) => match ctx.ledger.renew(id, lease.token, ctx.now()).await {
                Ok(()) => {}
                Err(error @ StoreError::LeaseLost(_)) => return Err(error),
                Err(error) => tracing::warn!(entry = id.0, error = %error, "cannot renew a lease; trying again"),
            },
        }
    }
}

/// Leaves a message as it is for a while.
pub(super) async fn pause(ctx: &Ctx, lease: Lease, wait: Duration, reason: String) -> Result<(), StoreError> {
    ctx.ledger.release(lease, Pause { until: later(ctx.now(), wait), reason }).await
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
    /// Look for what may have been written.
    Look(Sent),
}

impl Turn {
    /// Since when the ledger holds an intent of which nothing was sent yet.
    fn meant_at(&self) -> Option<Timestamp> {
        match self {
            Self::Send(meant_at) => Some(*meant_at),
            Self::Record | Self::Look(_) => None,
        }
    }
}

/// A step that Jira holds, with the place from which it was written.
struct Taken {
    lease: Lease,
    written: Written,
    place: Place,
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
        let mut kept = None;
        loop {
            let Some(Taken { lease: held, written, place }) = self.take(turn, lease, step, kept).await? else {
                return Ok(());
            };
            let Some(next) = self.unfinished_from(step.position + 1) else {
                drop(place); // all that is left is for the ledger
                return self.delivered(held, step, &written).await;
            };
            // A comment that all may see by mistake is not left to wait until it is somebody's turn to look.
            kept = Some(place).filter(|_| matches!(next.step.write, Write::Prove { .. }));
            (lease, turn) = self.written(held, step, &written, next).await?;
            step = next;
        }
    }

    /// Has a step written, or finds it written, among those who write to Jira at once. `None`: the message rests or is set aside.
    ///
    /// What is sent is read before, so that nobody holds a place and waits for memory that is held by those who wait for a place.
    async fn take(
        &self,
        turn: Turn,
        lease: Lease,
        step: &PlannedStep,
        kept: Option<Place>,
    ) -> Result<Option<Taken>, StoreError> {
        let content = under_lease(self.ctx, &lease, self.upload(step)).await??;
        let place = match kept {
            Some(place) => Some(place),
            None => under_lease(self.ctx, &lease, self.place(&lease, step)).await?,
        };
        let Some(place) = place else {
            let pause = Pause { until: self.ctx.now(), reason: "the daemon is stopping".to_owned() };
            return self.put_back(lease, step, turn.meant_at(), pause).await.map(|()| None);
        };
        let done = match turn {
            Turn::Send(_) | Turn::Record => self.write(lease, step, turn.meant_at(), content).await?,
            Turn::Look(sent) => match self.look(lease, step, sent).await? {
                Looked::Found(found, written) => Some((found, written)),
                Looked::NotThere(lease) => self.write(lease, step, None, content).await?,
                Looked::Resting => None,
            },
        };
        Ok(done.map(|(lease, written)| Taken { lease, written, place }))
    }

    /// A place among those who write to Jira, shared between mailboxes. `None`: no message is begun any more.
    async fn place(&self, lease: &Lease, step: &PlannedStep) -> Option<Place> {
        let config = self.ctx.config();
        let places = Places::of(config.limits.deliveries, u64::MAX, config.mailboxes.len());
        let errand = if step.position == 0 { Errand::Begins } else { Errand::GoesOn };
        self.ctx.writers.wait(&lease.entry.mailbox, errand, places).await
    }

    /// Sends a step, unless Jira or its project is not to be asked now. An intent that has waited for its turn is
    /// recorded anew: how long "not found" is not believed counts from it.
    async fn write(
        &self,
        lease: Lease,
        step: &PlannedStep,
        meant_at: Option<Timestamp>,
        content: Option<Payload>,
    ) -> Result<Option<(Lease, Written)>, StoreError> {
        let now = self.ctx.now();
        if let Some(shut) = self.ctx.shut(&step.step.write) {
            let pause = Pause { until: shut.until, reason: shut.reason };
            return self.put_back(lease, step, meant_at, pause).await.map(|()| None);
        }
        let lease = match meant_at {
            Some(meant_at) if now <= later(meant_at, FRESH) => lease,
            Some(_) | None => self.ctx.ledger.record_sending(lease, step.position, now).await?,
        };
        self.send(lease, step, content).await
    }

    /// Gives a message back whose turn has not come, and takes back what it meant to send, if it did.
    async fn put_back(
        &self,
        lease: Lease,
        step: &PlannedStep,
        meant_at: Option<Timestamp>,
        pause: Pause,
    ) -> Result<(), StoreError> {
        match meant_at {
            Some(_) => self.ctx.ledger.record_not_begun(lease, step.position, pause).await,
            None => self.ctx.ledger.release(lease, pause).await,
        }
    }

    fn unfinished_from(&self, position: u32) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.position >= position && !matches!(step.progress, Progress::Done(_)))
    }

    /// Sends a step whose intent is recorded. `None`: it failed, and the message rests or is set aside.
    async fn send(
        &self,
        lease: Lease,
        step: &PlannedStep,
        content: Option<Payload>,
    ) -> Result<Option<(Lease, Written)>, StoreError> {
        let jira = self.ctx.jira();
        let attached = self.attached(&lease, step).await?;
        let target = Target { attached: &attached, ..self.target(&lease, step) };
        let applied = jira.apply(&step.step, target, content);
        match under_lease(self.ctx, &lease, applied).await? {
            Ok(written) => {
                self.ctx.with_gate(|gate| gate.wrote(step.step.write.project(), self.ctx.now()));
                Ok(Some((lease, written)))
            }
            Err(error) => self.failed(lease, step, &error).await.map(|()| None),
        }
    }

    async fn upload(&self, step: &PlannedStep) -> Result<Option<Payload>, StoreError> {
        match step.step.write.upload() {
            Some(source) => self.content.upload(source).await.map(Some),
            None => Ok(None),
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
            Progress::Sent(sent) => (None, Turn::Look(sent)),
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

fn turn(step: &PlannedStep) -> Turn {
    match step.progress {
        Progress::Sent(sent) => Turn::Look(sent),
        Progress::Planned | Progress::Done(_) => Turn::Record,
    }
}
