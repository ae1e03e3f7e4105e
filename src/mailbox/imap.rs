//! A mailbox over IMAP4rev1: which command serves which wish. The session's own rules are in `session`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Acknowledged, Acknowledgement, Answer, Bookmark, Credential, Depth, Found, Listing, Mailbox, MailboxError,
    NoFolder, Piece, Place, Waited, Withheld, protect, words,
};
use crate::config::{MailboxName, MailboxSettings, Start};
pub(super) use session::Session;

pub mod framing;
pub(super) mod probe;

mod acknowledge;
mod answer;
mod authenticate;
mod bodies;
mod capabilities;
mod deflate;
mod experience;
mod folder;
mod idle;
mod login;
mod name;
mod session;

pub use experience::Experience;
pub use session::{DONE_SILENCE, SILENCE};

/// From so many bytes in a row on, the rest is sent compressed: less is fetched sooner than another login.
const WORTH_COMPRESSING: u64 = 8 << 20;
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);

/// Connects and signs in. `tls` is [`crate::tls::client_config`] for the mailbox's `ca_file`; `experience` is kept from one
/// session to the next.
///
/// # Errors
/// `Connect`, those of a session, `LoginRefused` and `NotOffered`.
pub async fn open(
    settings: &MailboxSettings,
    tls: Arc<ClientConfig>,
    sign_in: &Credential,
    experience: &Arc<Experience>,
) -> Result<Box<dyn Mailbox>, MailboxError> {
    let opening = async {
        let mut session: Session = protect::reach(settings, tls).await?;
        login::log_in(&mut session, settings, sign_in).await?;
        login::introduce(&mut session).await?;
        Ok(session)
    };
    // Boxed, so that a mailbox's task does not carry the biggest state of its life for ever.
    let session = opening.boxed().await?;
    Ok(Box::new(Imap::new(session, settings, experience.clone())))
}

/// A logged-in session, and the folder that is selected in it.
#[derive(Debug)]
struct Imap {
    session: Session,
    mailbox: MailboxName,
    start: Start,
    selected: Option<folder::Selected>,
    listed: Vec<folder::Listed>,
    compressed: session::Compressed,
    /// Bytes that were fetched since the last wait.
    fetched: u64,
    idle: idle::Support,
    experience: Arc<Experience>,
}

impl Imap {
    fn new(session: Session, settings: &MailboxSettings, experience: Arc<Experience>) -> Self {
        let idle = idle::Support::of(&session, &experience);
        let (mailbox, start) = (settings.name.clone(), settings.start);
        let (compressed, listed) = (session::Compressed::No, Vec::new());
        Self { session, mailbox, start, selected: None, listed, compressed, fetched: 0, idle, experience }
    }
}

impl Mailbox for Imap {
    fn list<'a>(
        mut self: Box<Self>,
        folder: &'a str,
        bookmark: Option<Bookmark>,
        depth: Depth,
    ) -> Answer<'a, Result<Listing, NoFolder>> {
        Box::pin(async move {
            let cursor = bookmark.and_then(Bookmark::imap);
            let listing = match self.list_folder(folder, cursor, depth).await {
                Err(error) if self.selected.is_none() => Err(NoFolder(self.lasting_refusal(error)?)),
                listing => Ok(listing?),
            };
            Ok((self as Box<dyn Mailbox>, listing))
        })
    }

    fn fetch<'a>(mut self: Box<Self>, found: Vec<Found>, pieces: mpsc::Sender<Piece>) -> Answer<'a, Vec<Withheld>> {
        Box::pin(async move {
            self.compress_for(&found).boxed().await?;
            let withheld = self.fetch_messages(found, &pieces).await?;
            Ok((self as Box<dyn Mailbox>, withheld))
        })
    }

    fn acknowledge<'a>(mut self: Box<Self>, places: Vec<Place>, how: Acknowledgement) -> Answer<'a, Vec<Acknowledged>> {
        Box::pin(async move {
            let acknowledged = self.acknowledge_messages(&places, &how).await?;
            Ok((self as Box<dyn Mailbox>, acknowledged))
        })
    }

    fn wait<'a>(
        mut self: Box<Self>,
        folder: &'a str,
        at_most: Duration,
        wake: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Result<Waited, MailboxError>> {
        Box::pin(async move {
            if self.compressed == session::Compressed::Yes {
                self.close().await;
                return Ok(Waited::Over);
            }
            self.fetched = 0;
            let mut end = End { at: Instant::now() + at_most, wake };
            if self.may_wait(folder).boxed().await? == folder::News::None {
                self.wait_until(&mut end).await?;
            }
            Ok(Waited::Open(self))
        })
    }

    fn pushes(&self) -> bool {
        self.idle == idle::Support::Offered
    }

    fn close<'a>(mut self: Box<Self>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _what_comes_back = timeout(GOODBYE_LIMIT, self.session.command("LOGOUT", "", |_| ())).await;
        })
    }
}

/// When a wait ends by itself.
struct End<'a> {
    at: Instant,
    wake: BoxFuture<'a, ()>,
}

impl End<'_> {
    /// Until the wait ends, or until `at`.
    async fn or_at(&mut self, at: Instant) {
        tokio::select! {
            biased;
            () = &mut self.wake => self.at = Instant::now(),
            () = sleep_until(self.at.min(at)) => {}
        }
    }

    /// Until the wait ends.
    async fn come(&mut self) {
        let at = self.at;
        self.or_at(at).await;
    }

    fn has_come(&self) -> bool {
        self.at <= Instant::now()
    }
}

impl Imap {
    /// Has a large backlog sent compressed: two thirds of the traffic of text, a quarter of that of files. It costs 45 KiB, as
    /// much as a mailbox in IDLE may cost in all, and cannot be ended: such a session is over when there is nothing more
    /// to fetch, and the next one waits uncompressed.
    async fn compress_for(&mut self, found: &[Found]) -> Result<(), MailboxError> {
        self.fetched += found.iter().map(|found| found.size).sum::<u64>();
        if self.compressed == session::Compressed::No && self.fetched >= WORTH_COMPRESSING {
            self.fetched = 0; // a refusal is not asked for again at once
            self.compressed = self.session.compress().await?;
        }
        Ok(())
    }

    /// The words of a refusal that concerns what was asked for, and will be the same next time; the error itself where it is
    /// one of the whole connection or account, or passes.
    fn lasting_refusal(&self, error: MailboxError) -> Result<String, MailboxError> {
        match words::lasting_refusal(&error).filter(|_| self.session.is_sound()) {
            Some(words) => Ok(words),
            None => Err(error),
        }
    }

    async fn wait_until(&mut self, end: &mut End<'_>) -> Result<(), MailboxError> {
        match self.idle {
            idle::Support::Offered => self.idle_until(end).await,
            idle::Support::None => {
                end.come().await;
                self.session.command("NOOP", "", |_| ()).await
            }
        }
    }
}
