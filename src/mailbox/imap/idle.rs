//! IDLE (RFC 2177), so that no announcement is lost and none is waited for twice.

use std::time::Duration;

use imap_proto::Response;
use tokio::time::Instant;

use super::answer::{Answer, Ended};
use super::experience::Experience;
use super::session::{News, Running, Session};
use super::{End, Imap};
use crate::config::Secret;
use crate::mailbox::MailboxError;

/// RFC 2177 lets a server log us off after 30 minutes.
const ISSUE_AGAIN: Duration = Duration::from_secs(28 * 60);
/// A server that ends IDLE by itself is not asked again at once.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the server pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The server has IDLE.
    Offered,
    /// The server has no IDLE, or refused it after all.
    None,
}

impl Support {
    /// What the server has said of it, and what it proved worth in earlier sessions.
    pub fn of(session: &Session, experience: &Experience) -> Self {
        let offered = session.capabilities.have("IDLE") && !experience.says_poll();
        if offered { Self::Offered } else { Self::None }
    }
}

/// How one IDLE went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idled {
    /// We ended it, for news or for the time.
    Enough,
    /// The server ended it.
    EndedByServer,
    /// The server would not begin.
    NotBegun,
}

impl Imap {
    /// Waits in the selected folder until something is announced.
    pub(super) async fn idle_until(&mut self, end: &mut End<'_>) -> Result<(), MailboxError> {
        while self.session.news == News::None && !end.has_come() {
            let idled = self.idle_once(end).await?;
            match idled {
                Idled::Enough => {}
                Idled::EndedByServer if self.experience.says_poll() => return self.poll_from_now_on(end).await,
                Idled::EndedByServer => end.or_at(Instant::now() + PAUSE).await,
                Idled::NotBegun => return self.poll_from_now_on(end).await,
            }
        }
        Ok(())
    }

    async fn poll_from_now_on(&mut self, end: &mut End<'_>) -> Result<(), MailboxError> {
        self.idle = Support::None;
        end.come().await;
        self.session.command("NOOP", "", |_| ()).await
    }

    async fn idle_once(&mut self, end: &mut End<'_>) -> Result<Idled, MailboxError> {
        let began = Instant::now();
        let idled = self.idle(end, began + ISSUE_AGAIN).await;
        match &idled {
            Ok(Idled::Enough) => self.experience.idle_was_good(),
            Ok(Idled::EndedByServer) | Err(_) => self.experience.idle_was_ended(began),
            Ok(Idled::NotBegun) => {}
        }
        idled
    }

    async fn idle(&mut self, end: &mut End<'_>, again: Instant) -> Result<Idled, MailboxError> {
        let running = self.session.start("IDLE", "").await?;
        if let Some(ended) = self.begin(&running).await? {
            return Ok(match ended {
                Ended::Ok => Idled::EndedByServer,
                Ended::No(_) | Ended::Bad(_) => Idled::NotBegun,
            });
        }
        // What was announced before the `+` counts as well.
        while self.session.news == News::None {
            match self.session.answer_until(&running, end.or_at(again), again).await? {
                Some(Answer::Data(()) | Answer::Continue(_)) => {}
                Some(Answer::Done(ended)) => return self.session.accept("IDLE", ended).map(|()| Idled::EndedByServer),
                None => break,
            }
        }
        self.finish(&running).await
    }

    /// Waits for the `+`; gives how it ended where none comes.
    async fn begin(&mut self, running: &Running) -> Result<Option<Ended>, MailboxError> {
        loop {
            match self.session.answer(running, ignore).await? {
                Answer::Data(()) => {}
                Answer::Continue(_) => return Ok(None),
                Answer::Done(ended) => return Ok(Some(ended)),
            }
        }
    }

    async fn finish(&mut self, running: &Running) -> Result<Idled, MailboxError> {
        let running = self.session.renewed(running);
        self.session.go_on(&running, &Secret::new("DONE")).await?;
        loop {
            match self.session.answer(&running, ignore).await? {
                Answer::Data(()) | Answer::Continue(_) => {}
                Answer::Done(ended) => return self.session.accept("IDLE", ended).map(|()| Idled::Enough),
            }
        }
    }
}

fn ignore(_: &Response<'_>) {}
