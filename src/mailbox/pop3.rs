//! A mailbox over POP3: which command serves which wish. The session's own rules are in `session`.
//!
//! A maildrop is shown as it was at the login, and is locked against others until QUIT; deletions happen at QUIT, all or
//! none of them known to have. So a session here is short: it lists, fetches, deletes, and ends with the next wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::cursor::midnight;
use super::{
    Acknowledged, Acknowledgement, Answer, Bookmark, Credential, Depth, Found, Listing, Mailbox, MailboxError,
    NoFolder, Piece, Place, Waited, Withheld, protect, throttle,
};
use crate::clock::{Clock, SystemClock};
use crate::config::{MailboxName, MailboxSettings, Start};
use maildrop::{Fresh, Maildrop};
use seen::{Mark, Seen};
use session::Reply;
pub(super) use session::Session;

pub(super) mod probe;
pub mod seen;

mod arrival;
mod dots;
mod login;
mod maildrop;
mod session;

/// A listing names at most so many messages, so that a maildrop of any size is read in steps.
const MAX_FOUND: usize = 1000;
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);
/// How many messages may be refused before the rest is left for later.
const MAX_REFUSALS: usize = 10;
/// A server that wants more time than that between logins is not obeyed: nobody waits for mail that long.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

/// Connects and signs in. `tls` is [`crate::tls::client_config`] for the mailbox's `ca_file`.
///
/// # Errors
/// `Connect`, those of a session, `LoginRefused` and `NotOffered`.
pub async fn open(
    settings: &MailboxSettings,
    tls: Arc<ClientConfig>,
    credential: &Credential,
) -> Result<Box<dyn Mailbox>, MailboxError> {
    let opening = async {
        let mut session: Session = protect::reach(settings, tls).await?;
        login::log_in(&mut session, settings, credential).await?;
        Ok(session)
    };
    let session = opening.boxed().await?;
    Ok(Box::new(Pop3 {
        name: settings.name.clone(),
        start: settings.start,
        login_delay: login::login_delay(&session).min(LONGEST_DELAY),
        state: State::Open(Box::new(session)),
        maildrop: None,
        wanted: VecDeque::new(),
    }))
}

/// A logged-in session, and what it showed of the maildrop.
#[derive(Debug)]
struct Pop3 {
    name: MailboxName,
    start: Start,
    login_delay: Duration,
    state: State,
    maildrop: Option<Maildrop>,
    /// What is not older than the start, and not listed yet.
    wanted: VecDeque<(Mark, Found)>,
}

/// Whether the server can still be asked.
#[derive(Debug)]
enum State {
    Open(Box<Session>),
    /// QUIT was said, so that deletions take place.
    Over {
        /// host:port.
        server: String,
    },
}

impl Mailbox for Pop3 {
    fn list<'a>(
        mut self: Box<Self>,
        _folder: &'a str,
        bookmark: Option<Bookmark>,
        _always_full: Depth,
    ) -> Answer<'a, Result<Listing, NoFolder>> {
        Box::pin(async move {
            let listing = self.list_messages(bookmark.and_then(Bookmark::pop3)).await?;
            Ok((self as Box<dyn Mailbox>, Ok(listing)))
        })
    }

    fn fetch<'a>(mut self: Box<Self>, found: Vec<Found>, pieces: mpsc::Sender<Piece>) -> Answer<'a, Vec<Withheld>> {
        Box::pin(async move {
            let withheld = self.fetch_messages(found, &pieces).await?;
            Ok((self as Box<dyn Mailbox>, withheld))
        })
    }

    fn acknowledge<'a>(mut self: Box<Self>, places: Vec<Place>, how: Acknowledgement) -> Answer<'a, Vec<Acknowledged>> {
        Box::pin(async move {
            let acknowledged = match how {
                // POP3 has neither flags nor folders: there is nothing to be told.
                Acknowledgement::Seen | Acknowledgement::Move(_) => vec![Acknowledged::Done; places.len()],
                Acknowledgement::Delete => self.delete(&places).await?,
            };
            Ok((self as Box<dyn Mailbox>, acknowledged))
        })
    }

    /// Ends the session and waits to the end: a login for every message that was settled would be one too many.
    fn wait<'a>(
        self: Box<Self>,
        _folder: &'a str,
        at_most: Duration,
        _wake: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Result<Waited, MailboxError>> {
        Box::pin(async move {
            let wait = at_most.max(self.login_delay);
            self.close().await;
            tokio::time::sleep(wait).await;
            Ok(Waited::Over)
        })
    }

    fn pushes(&self) -> bool {
        false
    }

    fn close<'a>(mut self: Box<Self>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let State::Open(session) = &mut self.state {
                let _nothing_depends_on_it = timeout(GOODBYE_LIMIT, session.command("QUIT", "")).await;
            }
        })
    }
}

impl Pop3 {
    fn session(&mut self) -> Result<&mut Session, MailboxError> {
        match &mut self.state {
            State::Open(session) => Ok(session),
            State::Over { server } => {
                Err(MailboxError::Closed { server: server.clone(), words: Some("as it was asked to".to_owned()) })
            }
        }
    }

    async fn read(&mut self, seen: &Seen) -> Result<Maildrop, MailboxError> {
        match self.maildrop.take() {
            Some(maildrop) => Ok(maildrop),
            None => Maildrop::read(self.session()?, seen).await,
        }
    }

    async fn list_messages(&mut self, stored: Option<Seen>) -> Result<Listing, MailboxError> {
        let is_first = stored.is_none() && self.maildrop.is_none();
        let mut seen = stored.unwrap_or_default();
        let mut maildrop = self.read(&seen).await?;
        if is_first {
            seen = self.first_look(&mut maildrop);
        }
        let fresh = maildrop.next(self.session()?, MAX_FOUND).await?;
        self.sort(fresh, &mut seen).await?;
        if seen.is_counting() && maildrop.left() == 0 {
            self.tell_count(&maildrop);
            seen.has_counted();
        }
        let at_most = if seen.is_counting() { 0 } else { MAX_FOUND };
        let (marks, found): (Vec<Mark>, Vec<Found>) = self.wanted.drain(..at_most.min(self.wanted.len())).unzip();
        marks.into_iter().for_each(|mark| seen.add_taken(mark));
        seen.keep_taken(|mark| maildrop.has(mark));
        let more = maildrop.left() > 0 || !self.wanted.is_empty();
        self.maildrop = Some(maildrop);
        Ok(Listing { found, bookmark: Bookmark::Pop3(seen), more })
    }

    /// Fixes the start, and says what it means before anything is made of it.
    fn first_look(&self, maildrop: &mut Maildrop) -> Seen {
        let (mailbox, there) = (self.name.as_str(), maildrop.left());
        match self.start {
            Start::Now => {
                tracing::info!(
                    mailbox,
                    count = there,
                    "first look: mail that is there is left alone, from now on counts"
                );
                Seen::starting_now(maildrop.pass_over())
            }
            Start::All => {
                tracing::info!(mailbox, count = there, "first look: all mail that is there will be taken");
                Seen::default()
            }
            // Each message has to be asked for its day, so that the count comes later, and all the same before any is taken.
            Start::Date(_) => Seen::starting_to_count(),
        }
    }

    fn tell_count(&self, maildrop: &Maildrop) {
        let (mailbox, there, count) = (self.name.as_str(), maildrop.numbers().len(), self.wanted.len());
        if let Start::Date(since) = self.start {
            tracing::info!(mailbox, count, there, %since, "first look: mail of that day and later will be taken");
        }
    }

    /// Finds out which of the fresh messages are wanted, and notes the rest as old. The time of arrival stands in the message,
    /// and is only looked for where the start is a date.
    async fn sort(&mut self, fresh: Vec<Fresh>, seen: &mut Seen) -> Result<(), MailboxError> {
        let now = SystemClock.now();
        for Fresh { number, uidl, size } in fresh {
            let arrived = match self.start {
                Start::Now | Start::All => None,
                Start::Date(_) => maildrop::arrival_of(self.session()?, number).await?,
            };
            if is_old(self.start, arrived) {
                seen.add_old(Mark::of(&uidl));
            } else {
                let (mark, place) = (Mark::of(&uidl), Place::Pop3 { uidl });
                let found = Found { place, gmail_id: None, size, arrived: arrived.unwrap_or(now) };
                self.wanted.push_back((mark, found));
            }
        }
        Ok(())
    }

    /// Small messages come first, so that a big one that breaks the connection breaks as little as possible.
    async fn fetch_messages(
        &mut self,
        found: Vec<Found>,
        pieces: &mpsc::Sender<Piece>,
    ) -> Result<Vec<Withheld>, MailboxError> {
        let maildrop = self.read(&Seen::default()).await?;
        let mut found = found;
        found.sort_by_key(|found| found.size);
        let mut withheld = Vec::new();
        for found in found {
            let Place::Pop3 { uidl } = &found.place else {
                continue; // no message of this server's
            };
            let Some(number) = maildrop.number(uidl) else {
                continue;
            };
            if withheld.len() >= MAX_REFUSALS {
                let words = "not asked for, after others were refused".to_owned();
                withheld.push(Withheld { place: found.place, words });
                continue;
            }
            match fetch_one(self.session()?, number, &found, pieces).await {
                // Whatever the server calls it, it may be this message's own, unless it has enough of us.
                Err(MailboxError::Refused { words, .. }) if throttle::wait(&words).is_none() => {
                    withheld.push(Withheld { place: found.place, words });
                }
                other => other?,
            }
        }
        self.maildrop = Some(maildrop);
        Ok(withheld)
    }

    /// Deletes, and ends the session: only the answer to QUIT says that anything was deleted (RFC 1939, 6).
    async fn delete(&mut self, places: &[Place]) -> Result<Vec<Acknowledged>, MailboxError> {
        if matches!(self.state, State::Over { .. }) {
            return Ok(vec![Acknowledged::Later; places.len()]);
        }
        let maildrop = self.read(&Seen::default()).await?;
        let session = self.session()?;
        let mut outcomes = Vec::with_capacity(places.len());
        for place in places {
            outcomes.push(mark_deleted(session, &maildrop, place).await?);
        }
        self.maildrop = Some(maildrop);
        if !outcomes.contains(&Acknowledged::Done) {
            return Ok(outcomes);
        }
        let session = self.session()?;
        let (quit, server) = (session.ask("QUIT", "").await?, session.server().to_owned());
        self.state = State::Over { server };
        let done = match quit {
            Reply::Ok(_) => Acknowledged::Done,
            // Some, all or none are gone: the next session shows which.
            Reply::Err(_) | Reply::Continue(_) => Acknowledged::Later,
        };
        let is_marked = |outcome: &Acknowledged| *outcome == Acknowledged::Done;
        Ok(outcomes.into_iter().map(|outcome| if is_marked(&outcome) { done.clone() } else { outcome }).collect())
    }
}

async fn mark_deleted(session: &mut Session, maildrop: &Maildrop, place: &Place) -> Result<Acknowledged, MailboxError> {
    let number = match place {
        Place::Pop3 { uidl } => maildrop.number(uidl),
        Place::Imap { .. } => None, // no message of this server's
    };
    let Some(number) = number else {
        return Ok(Acknowledged::Gone);
    };
    match session.ask("DELE", &number.to_string()).await? {
        Reply::Ok(_) => Ok(Acknowledged::Done),
        Reply::Err(text) | Reply::Continue(text) => Ok(Acknowledged::Refused(super::words::redacted(&text))),
    }
}

async fn fetch_one(
    session: &mut Session,
    number: u32,
    found: &Found,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), MailboxError> {
    let mut body = session.retrieve(number).await?;
    loop {
        let chunk = session.chunk(&mut body).await?;
        let piece = Piece { found: found.clone(), bytes: chunk.bytes, last: chunk.last };
        pieces.send(piece).await.map_err(|_| MailboxError::GivenUp)?;
        if chunk.last {
            return Ok(());
        }
    }
}

/// A time that cannot be read is not taken for an old one.
fn is_old(start: Start, arrived: Option<Timestamp>) -> bool {
    match start {
        Start::Now | Start::All => false,
        Start::Date(day) => midnight(day).is_some_and(|midnight| arrived.is_some_and(|arrived| arrived < midnight)),
    }
}
