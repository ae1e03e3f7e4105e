//! How far a folder has been read, and what counts as new in it. Pure.
//!
//! New is what the ledger does not know, never what lacks `\Seen`: a listing may name messages that are known already,
//! and must not leave out one that is not.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::config::Start;

pub use reading::{Entry, Reading};

mod reading;

/// Messages that a server does not give are kept in mind up to this number; more of them is a server that gives nothing.
const MAX_WITHHELD: usize = 100;

/// How far a folder has been read. Stored as JSON beside the ledger's messages, per mailbox and folder.
///
/// `start = "now"` is fixed at the first select, twice over: as the UID that comes next, and as the newest INTERNALDATE
/// that the folder then held, by the server's own clock. The date takes over when UIDVALIDITY changes and UIDs mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// UIDVALIDITY that the UIDs below belong to.
    pub uid_validity: u32,
    /// The first UID that this program cares about: everything below it is older than the start.
    pub first_uid: u32,
    /// Every message below it that is not `\Deleted` is in the ledger or older than the start.
    pub next_uid: u32,
    /// Where no UID marks the start (`first_uid` is 1): mail that arrived at or before this time (ms since 1970) is older.
    pub start_ms: Option<i64>,
    /// UIDs below `next_uid` that the server names and does not give: a full check asks for them again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withheld: BTreeSet<u32>,
}

impl Cursor {
    /// Where to read on. `None`: this is the first select under `start = "now"`, which [`Cursor::starting_now`] fixes.
    ///
    /// A changed UIDVALIDITY means reading the folder again from its first UID: the ledger recognizes what it has by
    /// Message-ID and body, and `start_ms` keeps out what was old at the start. A changed `start` changes nothing.
    pub fn resume(stored: Option<Self>, uid_validity: u32, start: Start) -> Option<Self> {
        let from_the_first =
            |start_ms| Self { uid_validity, first_uid: 1, next_uid: 1, start_ms, withheld: BTreeSet::new() };
        match (stored, start) {
            (Some(cursor), _) if cursor.uid_validity == uid_validity => Some(cursor),
            (Some(cursor), _) => Some(from_the_first(cursor.start_ms)),
            (None, Start::All) => Some(from_the_first(None)),
            (None, Start::Date(day)) => {
                Some(from_the_first(midnight(day).map(|midnight| midnight.as_millisecond() - 1)))
            }
            (None, Start::Now) => None,
        }
    }

    /// The start is now: behind `last_uid`, and later than `newest`, the newest INTERNALDATE in the folder.
    pub fn starting_now(uid_validity: u32, last_uid: u32, newest: Option<Timestamp>) -> Self {
        let next_uid = last_uid.saturating_add(1);
        let start_ms = newest.map(Timestamp::as_millisecond);
        Self { uid_validity, first_uid: next_uid, next_uid, start_ms, withheld: BTreeSet::new() }
    }

    /// Keeps in mind messages that the server did not give. `None`: they are too many.
    pub fn withholding(mut self, uids: impl Iterator<Item = u32>) -> Option<Self> {
        self.withheld.extend(uids);
        (self.withheld.len() <= MAX_WITHHELD).then_some(self)
    }

    /// Keeps the start, and has everything behind it read again.
    pub fn rewound(self) -> Self {
        Self { next_uid: self.first_uid, withheld: BTreeSet::new(), ..self }
    }

    /// Mail moved into the folder keeps its INTERNALDATE, so that the date decides only where no UID does. A date that
    /// cannot be read is not taken for an old one.
    fn wants(&self, entry: &Entry) -> bool {
        let arrived_ms = entry.arrived.map(Timestamp::as_millisecond);
        let is_late = self.start_ms.is_none_or(|start_ms| arrived_ms.is_none_or(|arrived_ms| arrived_ms > start_ms));
        let is_behind_start = self.first_uid > 1 || is_late;
        !entry.deleted && entry.uid >= self.first_uid && is_behind_start
    }
}

/// When a day begins (UTC).
pub fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
