//! A mailbox's worker: connect, check, acknowledge, wait; on error drop the session and back off. It never sees Jira.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

use super::acknowledge::{Paid, acknowledge_owed};
use super::door::{Door, Obstacle};
use super::intake::{Hindrance, IntakeError, Looked, check_folder};
use super::{Ctx, backoff, chance};
use crate::config::{MailboxSettings, Protocol};
use crate::failure::with_causes;
use crate::mailbox::{Depth, Mailbox, Waited, imap};
use crate::status::WorkState;
use crate::store::StoreError;

/// How often a mailbox is looked through in full, whatever IDLE says or does not say.
const FULL_CHECK: Duration = Duration::from_secs(300);
/// How long settled messages may gather before their mailbox is told.
const GATHER: Duration = Duration::from_millis(500);
/// How often a mailbox without consent looks by itself whether there is one, should it not have been told.
const CONSENT_LOOK: Duration = Duration::from_secs(30);
/// A session that has lived for so long was a good one: what comes after it is a first failure. A server that lets us in
/// and throws us out again is left alone for longer each time.
const SETTLED: Duration = Duration::from_secs(30);

// A connection that has died without a sign is noticed within 6 minutes: by the answer to DONE, or to whatever is asked next.
const _: () = assert!(FULL_CHECK.as_secs() + imap::DONE_SILENCE.as_secs() < 360);
const _: () = assert!(FULL_CHECK.as_secs() + imap::SILENCE.as_secs() <= 360);

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

/// A session that is being used.
struct Open {
    session: Box<dyn Mailbox>,
    /// The folder that is waited in: the one that brought mail last, else the first that can be opened.
    folder: String,
    /// When it was last looked through in full.
    looked_at: Timestamp,
    /// How long after that it is looked through in full again.
    again: Duration,
}

/// What a look at all folders came to.
#[derive(Default)]
struct Look<'f> {
    /// What is in the way of some of it, in words.
    hindrances: Vec<String>,
    /// The state that this makes.
    state: Option<WorkState>,
    /// Whether the server does not give some of it.
    lacks: bool,
    /// Folders that could be opened.
    openable: Vec<&'f str>,
    /// The one of them that brought mail last.
    lively: Option<&'f str>,
}

impl Watcher {
    async fn keep_watching(&self) {
        let mut failures = 0;
        let mut consents = self.ctx.board.consents(self.settings.name.as_str(), self.ctx.now());
        loop {
            consents.mark_unchanged(); // whatever has come so far, the attempt that begins now knows it
            let mut opened_at = None;
            let attending = Box::pin(self.attend_while_let_in(&mut opened_at, consents.clone()));
            let attended = AssertUnwindSafe(attending).catch_unwind().await;
            let obstacle = match attended {
                Ok(Err(Trouble::Obstacle(obstacle))) => obstacle,
                Ok(Err(Trouble::Intake(IntakeError::Mailbox(error)))) => Obstacle::from_session(&error),
                Ok(Err(Trouble::Intake(error @ IntakeError::Store(_)))) => Obstacle::Passing(with_causes(&error)),
                Ok(Ok(never)) => match never {},
                Err(_) => {
                    tracing::error!(mailbox = self.settings.name.as_str(), "the program panicked; this is a bug");
                    Obstacle::Passing("the program panicked while it read the mailbox".to_owned())
                }
            };
            if opened_at.is_some_and(|at| since(at, self.ctx.now()) >= SETTLED) {
                failures = 0;
            }
            failures = match self.rest(&obstacle, failures, &mut consents).await {
                Rested::LongEnough => failures + 1,
                Rested::ConsentChanged => 0,
            };
        }
    }

    /// One session, until it breaks or the consent to it is taken back.
    async fn attend_while_let_in(
        &self,
        opened_at: &mut Option<Timestamp>,
        consents: Receiver<()>,
    ) -> Result<std::convert::Infallible, Trouble> {
        tokio::select! {
            biased;
            ended = self.attend(opened_at) => ended,
            () = self.until_shut_out(consents) => {
                Err(Obstacle::NeedsConsent("the consent was taken back".to_owned()).into())
            }
        }
    }

    async fn until_shut_out(&self, mut consents: Receiver<()>) {
        loop {
            changed(&mut consents).await;
            if !self.door.may_be_open().await {
                return;
            }
        }
    }

    /// One session, from opening it until it breaks.
    async fn attend(&self, opened_at: &mut Option<Timestamp>) -> Result<std::convert::Infallible, Trouble> {
        let mailbox = self.settings.name.as_str();
        self.ctx.board.set(mailbox, WorkState::Connecting, None, self.ctx.now());
        let session = self.ctx.open(&self.settings, &*self.door).await?;
        tracing::info!(mailbox, "opened the mailbox");
        let (looked_at, again) = (self.ctx.now(), FULL_CHECK);
        let mut open = Open { session, folder: String::new(), looked_at, again };
        *opened_at = Some(open.looked_at);
        let mut depth = Depth::Full;
        loop {
            open = self.work(open, depth).await?;
            if depth == Depth::Full {
                open.looked_at = self.ctx.now();
                self.door.keep_fresh().await;
            }
            let (looked_at, again, folder) = (open.looked_at, open.again, open.folder.clone());
            let session = match self.wait(open).await? {
                Waited::Open(session) => session,
                Waited::Over => self.ctx.open(&self.settings, &*self.door).await?,
            };
            open = Open { session, folder, looked_at, again };
            depth = if since(looked_at, self.ctx.now()) >= again { Depth::Full } else { Depth::New };
        }
    }

    /// Takes in what is new, tells the mailbox what it is owed, and says how that went.
    async fn work(&self, open: Open, depth: Depth) -> Result<Open, Trouble> {
        let (mut open, look) = self.look(open, depth).await?;
        if look.openable.is_empty() {
            return Err(Obstacle::Misconfigured(look.hindrances.join("; ")).into());
        }
        let (session, paid) = acknowledge_owed(&self.ctx, &self.settings, open.session).await?;
        open.session = session;
        self.report(open.session.pushes(), look, &paid);
        Ok(open)
    }

    async fn look(&self, mut open: Open, depth: Depth) -> Result<(Open, Look<'_>), IntakeError> {
        let mut look = Look::default();
        for folder in folders(&self.settings) {
            let (session, looked) = check_folder(&self.ctx, &self.settings, open.session, folder, depth).await?;
            open.session = session;
            look.add(folder, looked);
        }
        let still = look.openable.iter().find(|folder| **folder == open.folder);
        open.again = if look.lacks { self.settings.poll.min(FULL_CHECK) } else { FULL_CHECK };
        if let Some(folder) = look.lively.or(still.copied()).or(look.openable.first().copied()) {
            folder.clone_into(&mut open.folder);
        }
        Ok((open, look))
    }

    fn report(&self, pushes: bool, look: Look<'_>, paid: &Paid) {
        let (mailbox, now) = (self.settings.name.as_str(), self.ctx.now());
        let good = if pushes { WorkState::Watching } else { WorkState::Polling };
        let mut reasons = look.hindrances;
        reasons.extend(paid.in_words());
        for reason in &reasons {
            tracing::warn!(mailbox, reason, "the mailbox works only in part");
        }
        let error = (!reasons.is_empty()).then(|| reasons.join("; "));
        self.ctx.board.set(mailbox, look.state.unwrap_or(good), error, now);
        self.ctx.board.checked(mailbox, now);
    }

    /// Waits for new mail, for something to acknowledge, or for the next check. One connection can only be pushed to from
    /// one folder; the others are polled.
    async fn wait(&self, open: Open) -> Result<Waited, IntakeError> {
        let until_full = open.again.saturating_sub(since(open.looked_at, self.ctx.now()));
        let pushed = open.session.pushes() && self.settings.folders.len() == 1;
        let at_most = match self.settings.protocol {
            Protocol::Imap if pushed => until_full,
            Protocol::Imap => until_full.min(self.settings.poll),
            Protocol::Pop3 => self.settings.poll, // every look is a full one
        };
        let bell = self.ctx.board.bell(self.settings.name.as_str(), self.ctx.now());
        let wake = Box::pin(async move {
            bell.notified().await;
            tokio::time::sleep(GATHER).await;
        });
        Ok(open.session.wait(&open.folder, at_most, wake).await?)
    }

    /// Waits after a failure: longer each time, as long as the server wants it, or for what a person does. A consent that comes
    /// meanwhile is tried at once, unless the server wants to be left alone.
    async fn rest(&self, obstacle: &Obstacle, failures: u32, consents: &mut Receiver<()>) -> Rested {
        let (mailbox, now) = (self.settings.name.as_str(), self.ctx.now());
        let (state, reason) = obstacle.as_state();
        tracing::warn!(mailbox, state = state.as_str(), reason, "cannot watch the mailbox");
        self.ctx.board.set(mailbox, state, Some(reason.to_owned()), now);
        match obstacle {
            Obstacle::NeedsConsent(_) => {
                while !self.door.may_be_open().await {
                    let _whatever_came = tokio::time::timeout(CONSENT_LOOK, changed(consents)).await;
                }
                Rested::ConsentChanged
            }
            Obstacle::NeedsAdmin(_) | Obstacle::Misconfigured(_) | Obstacle::Passing(_) => {
                let wait = backoff::connect(failures, None, chance());
                match tokio::time::timeout(wait, changed(consents)).await {
                    Ok(()) => Rested::ConsentChanged,
                    Err(_) => Rested::LongEnough,
                }
            }
            Obstacle::Throttled(_, asked) => {
                tokio::time::sleep(backoff::connect(failures, Some(*asked), chance())).await;
                Rested::LongEnough
            }
        }
    }
}

impl<'f> Look<'f> {
    fn add(&mut self, folder: &'f str, looked: Looked) {
        if looked.new > 0 {
            self.lively = Some(folder);
        }
        if !matches!(looked.hindrance, Some(Hindrance::NoFolder(_))) {
            self.openable.push(folder);
        }
        if let Some(hindrance) = looked.hindrance {
            self.state = hindrance.state().or(self.state);
            self.lacks |= matches!(hindrance, Hindrance::Withheld(_));
            self.hindrances.push(hindrance.in_words(folder));
        }
    }
}

/// Why a rest is over.
enum Rested {
    LongEnough,
    /// A person has consented meanwhile, or has taken a consent back: things may be otherwise now.
    ConsentChanged,
}

/// Waits until a person has consented, or has taken that back. A mailbox that is taken off the board hears nothing more.
async fn changed(consents: &mut Receiver<()>) {
    if consents.changed().await.is_err() {
        std::future::pending::<()>().await;
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
