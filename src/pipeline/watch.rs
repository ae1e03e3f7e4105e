//! A mailbox's worker: connect, check, acknowledge, wait; on error drop the session and back off. It never sees Jira.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::door::{Door, Obstacle};
use super::intake::{Depth, IntakeError, check_folder};
use super::{Ctx, backoff, chance};
use crate::config::MailboxSettings;
use crate::failure::with_causes;
use crate::mailbox::{Acknowledged, Acknowledgement, Mailbox, Waited};
use crate::status::WorkState;
use crate::store::StoreError;
use crate::store::owed::{Owed, Told, Why};

/// How often a mailbox is looked through in full, whatever IDLE says or does not say.
const FULL_CHECK: Duration = Duration::from_secs(300);
/// How long settled messages may gather before their mailbox is told.
const GATHER: Duration = Duration::from_millis(500);
/// Messages that are acknowledged together at most.
const TOGETHER: usize = 500;
/// How often a mailbox without consent looks whether a person has consented meanwhile.
const CONSENT_LOOK: Duration = Duration::from_secs(2);

/// Watches a mailbox until `stop`.
pub async fn watch(ctx: Arc<Ctx>, settings: Arc<MailboxSettings>, door: Arc<dyn Door>, stop: CancellationToken) {
    let watcher = Watcher { ctx, settings, door };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = watcher.keep_watching() => {}
    }
    watcher.door.finish().await;
    watcher.ctx.board.remove(watcher.settings.name.as_str());
}

struct Watcher {
    ctx: Arc<Ctx>,
    settings: Arc<MailboxSettings>,
    door: Arc<dyn Door>,
}

impl Watcher {
    async fn keep_watching(&self) {
        let mut failures = 0;
        loop {
            let attended = AssertUnwindSafe(Box::pin(self.attend(&mut failures))).catch_unwind().await;
            let obstacle = match attended {
                Ok(Err(Trouble::Obstacle(obstacle))) => obstacle,
                Ok(Err(Trouble::Intake(error))) => Obstacle::Passing(with_causes(&error)),
                Ok(Ok(never)) => match never {},
                Err(_) => {
                    tracing::error!(mailbox = self.settings.name.as_str(), "the program panicked; this is a bug");
                    Obstacle::Passing("the program panicked while it read the mailbox".to_owned())
                }
            };
            self.rest(&obstacle, failures).await;
            failures += 1;
        }
    }

    /// One session, from opening it until it breaks.
    async fn attend(&self, failures: &mut u32) -> Result<std::convert::Infallible, Trouble> {
        let mailbox = self.settings.name.as_str();
        self.ctx.board.set(mailbox, WorkState::Connecting, None, self.ctx.now());
        let mut session = self.door.open().await?;
        tracing::info!(mailbox, "opened the mailbox");
        let (mut depth, mut looked_at) = (Depth::Full, self.ctx.now());
        loop {
            session = self.check(session, depth).await?;
            (session, _) = acknowledge_owed(&self.ctx, &self.settings, session).await?;
            *failures = 0;
            self.report_good(session.pushes());
            if depth == Depth::Full {
                looked_at = self.ctx.now();
                self.door.keep_fresh().await;
            }
            session = match self.wait(session, looked_at).await? {
                Waited::Open(session) => session,
                Waited::Over => self.door.open().await?,
            };
            depth = if since(looked_at, self.ctx.now()) >= FULL_CHECK { Depth::Full } else { Depth::New };
        }
    }

    async fn check(&self, mut session: Box<dyn Mailbox>, depth: Depth) -> Result<Box<dyn Mailbox>, IntakeError> {
        for folder in folders(&self.settings) {
            (session, _) = check_folder(&self.ctx, &self.settings, session, folder, depth).await?;
        }
        Ok(session)
    }

    fn report_good(&self, pushes: bool) {
        let (mailbox, now) = (self.settings.name.as_str(), self.ctx.now());
        let state = if pushes { WorkState::Watching } else { WorkState::Polling };
        self.ctx.board.set(mailbox, state, None, now);
        self.ctx.board.checked(mailbox, now);
    }

    /// Waits for new mail, for something to acknowledge, or for the next check. One connection can only be pushed to from
    /// one folder; the others are polled.
    async fn wait(&self, session: Box<dyn Mailbox>, looked_at: Timestamp) -> Result<Waited, IntakeError> {
        let until_full = FULL_CHECK.saturating_sub(since(looked_at, self.ctx.now()));
        let pushed = session.pushes() && self.settings.folders.len() == 1;
        let at_most = if pushed { until_full } else { until_full.min(self.settings.poll) };
        let bell = self.ctx.board.bell(self.settings.name.as_str(), self.ctx.now());
        let wake = Box::pin(async move {
            bell.notified().await;
            tokio::time::sleep(GATHER).await;
        });
        let folder = folders(&self.settings).next().unwrap_or_default();
        Ok(session.wait(folder, at_most, wake).await?)
    }

    /// Waits after a failure: longer each time, or for what a person does.
    async fn rest(&self, obstacle: &Obstacle, failures: u32) {
        let (mailbox, now) = (self.settings.name.as_str(), self.ctx.now());
        let (state, reason) = obstacle.as_state();
        tracing::warn!(mailbox, state = state.as_str(), reason, "cannot watch the mailbox");
        self.ctx.board.set(mailbox, state, Some(reason.to_owned()), now);
        match obstacle {
            Obstacle::NeedsConsent(_) => {
                while !self.door.may_be_open().await {
                    tokio::time::sleep(CONSENT_LOOK).await;
                }
            }
            Obstacle::NeedsAdmin(_) | Obstacle::Misconfigured(_) | Obstacle::Passing(_) => {
                tokio::time::sleep(backoff::connect(failures, chance())).await;
            }
        }
    }
}

/// The folders of a mailbox; POP3 has one without a name.
pub(super) fn folders(settings: &MailboxSettings) -> impl Iterator<Item = &str> {
    settings.folders.iter().map(String::as_str)
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or_default()
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Intake(error.into())
    }
}

/// What a session leaves to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing that was owed when it was looked at last.
    Nothing,
    /// What this session takes no more of.
    ForAnotherSession,
}

/// Tells a mailbox what became of its messages: the ledger says what is owed, the configuration how it is paid.
pub async fn acknowledge_owed(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
) -> Result<(Box<dyn Mailbox>, Left), IntakeError> {
    let mut left = Left::Nothing;
    while left == Left::Nothing {
        let owed = ctx.ledger.owed(settings.name.as_str(), TOGETHER).await?;
        if owed.is_empty() {
            break;
        }
        for (how, owed) in grouped(settings, owed) {
            let acknowledged = match how {
                None => vec![Acknowledged::Done; owed.len()],
                Some(how) => {
                    let places = owed.iter().map(|owed| owed.place.clone()).collect();
                    let (back, acknowledged) = session.acknowledge(places, how).await?;
                    session = back;
                    acknowledged
                }
            };
            if acknowledged.contains(&Acknowledged::Later) {
                left = Left::ForAnotherSession;
            }
            let told = owed.into_iter().zip(acknowledged).filter_map(|(owed, acknowledged)| told(owed, acknowledged));
            ctx.ledger.record_acknowledged(told.collect()).await?;
        }
    }
    Ok((session, left))
}

/// What is to be recorded; `None` where it is still owed.
fn told(owed: Owed, acknowledged: Acknowledged) -> Option<Told> {
    let moved_to = match acknowledged {
        Acknowledged::Moved(place) => place,
        Acknowledged::Done | Acknowledged::Gone => None,
        Acknowledged::Later => return None,
    };
    Some(Told { id: owed.id, at: owed.place, moved_to })
}

fn grouped(settings: &MailboxSettings, owed: Vec<Owed>) -> Vec<(Option<Acknowledgement>, Vec<Owed>)> {
    let mut groups: Vec<(Option<Acknowledgement>, Vec<Owed>)> = Vec::new();
    for owed in owed {
        let how = match owed.why {
            Why::Delivered => Acknowledgement::after(&settings.after),
            Why::Ignored => Acknowledgement::after_ignored(&settings.after),
            Why::Failed => Acknowledgement::after_failure(&settings.after_failure),
        };
        match groups.iter_mut().find(|(group, _)| *group == how) {
            Some((_, members)) => members.push(owed),
            None => groups.push((how, vec![owed])),
        }
    }
    groups
}
