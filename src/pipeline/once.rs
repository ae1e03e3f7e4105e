//! One pass over every mailbox, for cron and for tests: take in what is there, deliver it, tell the mailbox, and end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::acknowledge::{Left, Paid, acknowledge_owed};
use super::alarm::{self, Watchman};
use super::backoff::later;
use super::door::{Door, Obstacle};
use super::gate::{Kind, Shut};
use super::intake::{IntakeError, check_folder};
use super::supervise::MakeDoor;
use super::watch::folders;
use super::{Ctx, deliver, gather, tidy};
use crate::config::MailboxSettings;
use crate::failure::with_causes;
use crate::mailbox::{Depth, Mailbox};
use crate::status::WorkState;
use crate::store::StoreError;
use crate::store::entry::Stage;

/// How often a pass looks whether everything is settled.
const LOOK: Duration = Duration::from_millis(100);
/// A pass ends when for the settle time and so long nothing more was settled.
const LATEST: Duration = Duration::from_secs(60);
/// A pass does not wait for what is due later than that, but for writes of unknown outcome, which it looks for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Over so many sessions at most a pass acknowledges; what is owed then is left to the next pass.
const MAX_SESSIONS: usize = 100;

/// What a pass came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Mailboxes that could not be looked through, with the reason.
    pub failed: Vec<(String, String)>,
    /// Messages that are not settled.
    pub open: u64,
    /// Messages that a person must look at.
    pub quarantined: u64,
}

impl Pass {
    /// Whether everything found was settled.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.open == 0 && self.quarantined == 0
    }
}

/// Does one pass.
pub async fn run(ctx: Arc<Ctx>, make_door: &MakeDoor, stop: CancellationToken) -> Result<Pass, StoreError> {
    tidy::recall(&ctx).await;
    let (delivery_stop, mut delivery) = (CancellationToken::new(), JoinSet::new());
    delivery.spawn(deliver::run(ctx.clone(), delivery_stop.clone()));
    let mut passes = JoinSet::new();
    for settings in ctx.config().mailboxes.values() {
        let door = make_door(&ctx.config(), settings);
        passes.spawn(pass(ctx.clone(), settings.clone(), door, stop.clone()));
    }
    let mut failed = Vec::new();
    while let Some(ended) = passes.join_next().await {
        let (mailbox, reason) = match ended {
            Ok((_, Ok(()))) => continue,
            Ok((mailbox, Err(reason))) => (mailbox, reason),
            Err(panic) => ("?".to_owned(), format!("the program stumbled over it: {panic}")),
        };
        tracing::error!(mailbox, reason, "cannot look through the mailbox");
        failed.push((mailbox, reason));
    }
    settled(&ctx, None, &stop).await?; // what older passes left of mailboxes that are not open now
    delivery_stop.cancel();
    while delivery.join_next().await.is_some() {}
    let counts = ctx.ledger.counts(ctx.now()).await?;
    let of = |wanted: fn(Stage) -> bool| {
        counts.iter().filter(|count| wanted(count.stage)).map(|count| count.now + count.deferred).sum()
    };
    Ok(Pass { failed, open: of(Stage::is_open), quarantined: of(|stage| stage == Stage::Quarantined) })
}

/// Records how things are, and tells people what the pass has found, as the daemon does. What does not get through is
/// tried again by the next pass.
pub async fn tell(ctx: Arc<Ctx>, node: String) -> Result<(), StoreError> {
    gather::save(&ctx).await?;
    let status = gather::after_pass(&ctx, &node).await?;
    Watchman::look_after_pass(ctx.clone(), node, &status).await?;
    alarm::send_due(ctx).await
}

/// One mailbox's pass. An error is in words, for the log.
async fn pass(
    ctx: Arc<Ctx>,
    settings: MailboxSettings,
    door: Arc<dyn Door>,
    stop: CancellationToken,
) -> (String, Result<(), String>) {
    let name = settings.name.as_str().to_owned();
    let outcome = tokio::select! {
        biased;
        outcome = Box::pin(look_through(&ctx, &settings, &*door, &stop)) => outcome,
        () = stop.cancelled() => Err(PassError::Stopped),
    };
    door.finish().await;
    let (state, outcome) = match outcome {
        Ok(()) => (Some(WorkState::Polling), Ok(())),
        Err(error) => (error.state(), Err(with_causes(&error))),
    };
    if outcome.is_ok() {
        ctx.board.checked(&name, ctx.now());
    }
    if let Some(state) = state {
        ctx.board.set(&name, state, outcome.as_ref().err().cloned(), ctx.now());
    }
    (name, outcome)
}

#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("stopped before it was looked through")]
    Stopped,
    #[error("{1}")]
    Hindered(WorkState, String),
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PassError {
    /// The state of the mailbox; `None` where that is not known.
    fn state(&self) -> Option<WorkState> {
        match self {
            Self::Stopped => None,
            Self::Hindered(state, _) => Some(*state),
            Self::Obstacle(obstacle) => Some(obstacle.as_state().0),
            Self::Intake(_) | Self::Store(_) => Some(WorkState::BackingOff),
        }
    }
}

async fn look_through(
    ctx: &Ctx,
    settings: &MailboxSettings,
    door: &dyn Door,
    stop: &CancellationToken,
) -> Result<(), PassError> {
    let mut session = ctx.open(settings, door).await?;
    let (mut state, mut hindrances) = (WorkState::Polling, Vec::new());
    for folder in folders(settings) {
        let (back, looked) = check_folder(ctx, settings, session, folder, Depth::Full).await?;
        session = back;
        if let Some(hindrance) = looked.hindrance {
            state = hindrance.state().unwrap_or(state);
            hindrances.push(hindrance.in_words(folder));
        }
    }
    settled(ctx, Some(settings.name.as_str()), stop).await?;
    let paid = match acknowledge_all(ctx, settings, session, door).await {
        Ok(paid) => paid,
        // The wait may have been longer than the server's patience with an idle client: once more.
        Err(error) => {
            let (mailbox, error) = (settings.name.as_str(), with_causes(&error));
            tracing::info!(mailbox, error, "cannot tell the mailbox in this session; trying in a new one");
            acknowledge_all(ctx, settings, ctx.open(settings, door).await?, door).await?
        }
    };
    hindrances.extend(paid.in_words());
    if hindrances.is_empty() { Ok(()) } else { Err(PassError::Hindered(state, hindrances.join("; "))) }
}

/// Tells the mailbox all that is owed, over as many sessions as that takes.
async fn acknowledge_all(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
    door: &dyn Door,
) -> Result<Paid, PassError> {
    let mut paid = Paid::default();
    for _ in 0..MAX_SESSIONS {
        let back;
        (back, paid) = acknowledge_owed(ctx, settings, session).await?;
        back.close().await;
        match paid.left {
            Left::Nothing => break,
            Left::ForAnotherSession => session = ctx.open(settings, door).await?,
        }
    }
    Ok(paid)
}

/// Waits until no message (of a mailbox) is open, or what is open is due too late to wait for, as when Jira is away, or
/// nothing has been settled for a long time.
async fn settled(ctx: &Ctx, mailbox: Option<&str>, stop: &CancellationToken) -> Result<(), StoreError> {
    let patience = ctx.config().limits.settle + LATEST;
    let (mut left, mut end) = (i64::MAX, later(ctx.now(), patience));
    while !stop.is_cancelled() && ctx.now() < end {
        let now = ctx.now();
        let horizon = later(now, PATIENCE);
        let hopeless = ctx.with_gate(|gate| gate.shut().is_some_and(|shut| is_hopeless(shut, now, horizon)));
        let open = ctx.ledger.open_until(mailbox, horizon.as_millisecond()).await?;
        if hopeless || open == 0 {
            return Ok(());
        }
        if open < left {
            (left, end) = (open, later(ctx.now(), patience));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// A consent is looked for again soon, but once this pass has found that it is needed, it waits for no person.
fn is_hopeless(shut: &Shut, now: Timestamp, horizon: Timestamp) -> bool {
    match shut.kind {
        Kind::NeedsConsent => shut.until > now,
        Kind::Away | Kind::Refused => shut.until > horizon,
    }
}
