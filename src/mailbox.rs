//! A mailbox as the pipeline sees it: a session that lists, fetches, acknowledges and waits.
//!
//! A broken session is gone: every operation consumes the session and gives it back only if it is still good,
//! so that nothing can be asked of a connection whose state is unknown.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::config::{After, AfterFailure, MailboxSettings, Protocol};
use cursor::Cursor;
pub use error::{MailboxError, Stage};
use pop3::seen::Seen;
pub use sasl::Credential;

pub mod connect;
pub mod cursor;
mod error;
pub mod imap;
pub mod pop3;
pub mod probe;
mod protect;
pub mod sasl;
pub mod throttle;
pub mod words;

/// Where a message sits at its mailbox: never comes to mean another message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// RFC 3501, 2.3.1.1.
    Imap {
        /// Folder name, decoded.
        folder: String,
        /// UIDVALIDITY of that folder.
        uid_validity: u32,
        /// UID.
        uid: u32,
    },
    /// RFC 1939, 7.
    Pop3 {
        /// Unique id.
        uidl: String,
    },
}

/// What Gmail calls a message (X-GM-MSGID): the same in each of its folders, which Gmail shows labels as, and whatever
/// UIDVALIDITY becomes. <https://developers.google.com/workspace/gmail/imap/imap-extensions>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GmailId(pub u64);

/// A message that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it sits.
    pub place: Place,
    /// What Gmail calls it; other servers have no such name.
    pub gmail_id: Option<GmailId>,
    /// RFC822.SIZE in bytes.
    pub size: u64,
    /// INTERNALDATE.
    pub arrived: Timestamp,
}

/// What a listing found, and what to remember once all of it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Candidates in mailbox order; some may be known to the ledger already.
    pub found: Vec<Found>,
    /// To be stored once every candidate is in the ledger.
    pub bookmark: Bookmark,
    /// Whether another listing from `bookmark` would find more at once.
    pub more: bool,
}

/// How far a folder has been read. Stored as JSON beside the ledger's messages, per mailbox and folder; the protocols'
/// are told apart by their fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bookmark {
    /// By UID.
    Imap(Cursor),
    /// By unique id.
    Pop3(Seen),
}

impl Bookmark {
    /// IMAP's.
    pub fn imap(self) -> Option<Cursor> {
        match self {
            Self::Imap(cursor) => Some(cursor),
            Self::Pop3(_) => None,
        }
    }

    /// Keeps the start, and has everything since listed again.
    pub fn rewound(self) -> Self {
        match self {
            Self::Imap(cursor) => Self::Imap(cursor.rewound()),
            Self::Pop3(seen) => Self::Pop3(seen.rewound()),
        }
    }

    /// Has messages listed again that were listed and not given by the server. `None`: they are too
    /// many to be kept in mind.
    pub fn withholding(self, withheld: &[Withheld]) -> Option<Self> {
        match self {
            Self::Imap(cursor) => cursor.withholding(withheld.iter().filter_map(Withheld::uid)).map(Self::Imap),
            Self::Pop3(seen) => Some(Self::Pop3(seen.withholding(withheld.iter().filter_map(Withheld::uidl)))),
        }
    }

    /// How many messages are kept in mind that the server did not give.
    pub fn withheld(&self) -> usize {
        match self {
            Self::Imap(cursor) => cursor.withheld.len(),
            Self::Pop3(_) => 0, // every look is a full one
        }
    }

    /// POP3's.
    pub fn pop3(self) -> Option<Seen> {
        match self {
            Self::Imap(_) => None,
            Self::Pop3(seen) => Some(seen),
        }
    }
}

/// A piece of a fetched message, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which message.
    pub found: Found,
    /// The next bytes of it, as they came over the wire.
    pub bytes: Bytes,
    /// Whether the message ends here.
    pub last: bool,
}

/// A message that is there, and that the server does not give, while it gives others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Where it sits.
    pub place: Place,
    /// What the server said, or did.
    pub words: String,
}

impl Withheld {
    fn uid(&self) -> Option<u32> {
        match &self.place {
            Place::Imap { uid, .. } => Some(*uid),
            Place::Pop3 { .. } => None,
        }
    }

    fn uidl(&self) -> Option<&str> {
        match &self.place {
            Place::Imap { .. } => None,
            Place::Pop3 { uidl } => Some(uidl),
        }
    }
}

/// What is to be done to a message at its mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Set `\Seen`.
    Seen,
    /// Delete it (UID EXPUNGE of this message alone; never another's).
    Delete,
    /// Move it to this folder, which is created where missing.
    Move(String),
}

impl Acknowledgement {
    /// What `after` asks for; `None` is to leave the message as it is.
    pub fn after(after: &After) -> Option<Self> {
        match after {
            After::Keep => None,
            After::Seen => Some(Self::Seen),
            After::Delete => Some(Self::Delete),
            After::Move(folder) => Some(Self::Move(folder.clone())),
        }
    }

    /// What `after` asks for when nothing was made of the message: never deleted.
    pub fn after_ignored(after: &After) -> Option<Self> {
        match after {
            After::Delete => Some(Self::Seen),
            After::Keep | After::Seen | After::Move(_) => Self::after(after),
        }
    }

    /// What `after_failure` asks for.
    pub fn after_failure(after: &AfterFailure) -> Option<Self> {
        match after {
            AfterFailure::Keep => None,
            AfterFailure::Move(folder) => Some(Self::Move(folder.clone())),
        }
    }
}

/// What became of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledged {
    /// Done; the message is where it was.
    Done,
    /// Moved; its new place, where the server said (UIDPLUS).
    Moved(Option<Place>),
    /// There is no such message any more, UIDVALIDITY changed under us, or its whole folder is gone.
    Gone,
    /// The server would not do it, in these words, but the session is sound: it stays owed.
    Refused(String),
    /// Nothing has become of it yet: the session takes no more of this, and another one is to try again (POP3, whose
    /// deletions end the session).
    Later,
}

/// What a wait leaves behind.
pub enum Waited {
    /// The session, still good.
    Open(Box<dyn Mailbox>),
    /// The session has ended in good order, and a new one is to be opened: a POP3 session shows the mail that was there
    /// when it began, and keeps others out as long as it lasts; a compressed IMAP session takes too much memory to wait.
    Over,
}

/// Whether a listing looks behind the bookmark as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only what came since.
    New,
    /// What the ledger may have missed, too.
    Full,
}

/// A folder that cannot be opened, in the server's words, while the session is as good as before: it was deleted, renamed, or
/// is not ours to read. The other folders of the mailbox go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoFolder(pub String);

/// What an operation gives, and the session if it is still good.
pub type Answer<'a, T> = BoxFuture<'a, Result<(Box<dyn Mailbox>, T), MailboxError>>;

/// A logged-in session, over IMAP or POP3; the simulation has its own.
pub trait Mailbox: Send {
    /// Lists what may be new in `folder` since `bookmark`.
    fn list<'a>(
        self: Box<Self>,
        folder: &'a str,
        bookmark: Option<Bookmark>,
        depth: Depth,
    ) -> Answer<'a, Result<Listing, NoFolder>>;

    /// Fetches messages without touching their flags and sends them piece by piece. A message that has vanished is left
    /// out; one that vanishes midway ends without a last piece. Small messages come first. Says which of them the server does
    /// not give, which holds up no others.
    fn fetch<'a>(self: Box<Self>, found: Vec<Found>, pieces: mpsc::Sender<Piece>) -> Answer<'a, Vec<Withheld>>;

    /// Acknowledges messages, all in the same way; says what became of each, in order.
    fn acknowledge<'a>(self: Box<Self>, places: Vec<Place>, how: Acknowledgement) -> Answer<'a, Vec<Acknowledged>>;

    /// Waits until `folder` may have something new, until `wake` is done, or at most so long. IDLE where the server has it.
    fn wait<'a>(
        self: Box<Self>,
        folder: &'a str,
        at_most: Duration,
        wake: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Result<Waited, MailboxError>>;

    /// Whether the server pushes (IDLE), so that the state is `watching` rather than `polling`.
    fn pushes(&self) -> bool;

    /// Says good-bye; what comes back does not matter.
    fn close<'a>(self: Box<Self>) -> BoxFuture<'a, ()>;
}

/// Connects and signs in. `tls` is [`crate::tls::client_config`] for the mailbox's `ca_file`; `experience` is kept from one
/// session to the next.
///
/// # Errors
/// `Connect`, those of a session, `LoginRefused` and `NotOffered`.
pub async fn open(
    settings: &MailboxSettings,
    tls: Arc<ClientConfig>,
    credential: &Credential,
    experience: &Arc<imap::Experience>,
) -> Result<Box<dyn Mailbox>, MailboxError> {
    match settings.protocol {
        Protocol::Imap => imap::open(settings, tls, credential, experience).await,
        Protocol::Pop3 => pop3::open(settings, tls, credential).await,
    }
}
