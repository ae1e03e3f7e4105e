//! A message as the ledger knows it, and the right to work on it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bodies::BodyId;
use super::database::{Arg, Row};
use super::{Ledger, StoreError, timestamp};
use crate::decide::ActionKind;
use crate::jira::IssueRef;
use crate::mail::{Address, MessageId};
use crate::mailbox::Place;

/// Names an entry: counts up, is shown to people, never comes to mean another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub i64);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its bytes are safe.
    Received,
    /// What is to be written is safe.
    Planned,
    /// A write may or may not have reached Jira.
    Sent,
    /// Jira holds it.
    Delivered,
    /// Nothing was made of it.
    Ignored,
    /// A person must look.
    Quarantined,
    /// A person gave it up.
    Discarded,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 7] =
        [Self::Received, Self::Planned, Self::Sent, Self::Delivered, Self::Ignored, Self::Quarantined, Self::Discarded];

    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Planned => "planned",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let stage = Self::ALL.into_iter().find(|stage| stage.as_str() == text);
        stage.ok_or_else(|| StoreError::corrupt(format!("there is no stage `{text}`")))
    }

    /// Whether there is work left on it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Received | Self::Planned | Self::Sent => true,
            Self::Delivered | Self::Ignored | Self::Quarantined | Self::Discarded => false,
        }
    }
}

/// What of a message is shown in lists; sealed at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Decoded.
    pub subject: String,
    /// The first address of `From`.
    pub from: Option<Address>,
}

/// A message as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The mailbox that it came to.
    pub mailbox: String,
    /// Where it sits there.
    pub place: Place,
    /// Its `Message-ID`.
    pub message_id: Option<MessageId>,
    /// The conversation that it belongs to.
    pub thread: i64,
    /// It answers something, or was answered before it came.
    pub continues: bool,
    /// What lists show.
    pub envelope: Envelope,
    /// Where its bytes are; `None` once they are deleted.
    pub body: Option<BodyId>,
    /// Bytes.
    pub size: u64,
    /// When it came to the mailbox.
    pub arrived_at: Option<Timestamp>,
    /// When it came into the ledger.
    pub received_at: Option<Timestamp>,
    /// How far it has come.
    pub stage: Stage,
    /// What it becomes; `None` while that is undecided.
    pub action: Option<ActionKind>,
    /// Why it is where it is.
    pub reason: String,
    /// The entry that it is a copy of.
    pub duplicate_of: Option<EntryId>,
    /// A person asked for it although it would be ignored.
    pub released: bool,
    /// A part of it could not be brought into Jira.
    pub left_out: bool,
    /// The issue that it made or went to.
    pub issue: Option<IssueRef>,
    /// The comment that it made.
    pub comment_id: Option<String>,
    /// Tries that came to nothing.
    pub attempts: u32,
    /// Writes of unknown outcome that turned out not to be there.
    pub unknowns: u32,
    /// Panics while working on it.
    pub panics: u32,
    /// When it is due again.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// Ids of issues that have refused it because they take nothing any more.
    pub shunned: Vec<String>,
}

/// The columns of an [`Entry`], in the order in which [`Ledger::entry`] takes them.
macro_rules! entry_columns {
    () => {
        "id, mailbox, folder, uid_validity, uid, uidl, message_id, thread, continues, envelope, body, size, arrived_at, received_at, \
         stage, action, reason, duplicate_of, released, left_out, issue_id, issue_key, comment_id, attempts, unknowns, \
         panics, next_attempt_at, settled_at, shunned"
    };
}
pub(super) use entry_columns;

impl Ledger {
    /// Reads an entry; its envelope is yet sealed, because the database's thread is no place for cryptography.
    pub(super) fn sealed_entry(row: &mut Row) -> Result<SealedEntry, StoreError> {
        let (id, mailbox, place) = (EntryId(row.int()?), row.text()?, read_place(row)?);
        let (message_id, thread, continues) = (MessageId::parse(&row.text()?), row.int()?, row.int()? != 0);
        let envelope = row.bytes()?;
        let entry = Entry {
            id,
            mailbox,
            place,
            message_id,
            thread,
            continues,
            envelope: Envelope { subject: String::new(), from: None },
            body: BodyId::parse(row.text()?),
            size: u64::try_from(row.int()?).unwrap_or_default(),
            arrived_at: timestamp(row.int()?),
            received_at: timestamp(row.int()?),
            stage: Stage::parse(&row.text()?)?,
            action: read_action(&row.text()?)?,
            reason: row.text()?,
            duplicate_of: Some(row.int()?).filter(|id| *id != 0).map(EntryId),
            released: row.int()? != 0,
            left_out: row.int()? != 0,
            issue: read_issue(row)?,
            comment_id: Some(row.text()?).filter(|id| !id.is_empty()),
            attempts: count(row)?,
            unknowns: count(row)?,
            panics: count(row)?,
            next_attempt_at: timestamp(row.int()?),
            settled_at: timestamp(row.int()?),
            shunned: row.text()?.split_whitespace().map(str::to_owned).collect(),
        };
        Ok(SealedEntry { entry, envelope })
    }

    /// Opens the envelope.
    pub(super) fn unsealed(&self, sealed: SealedEntry) -> Result<Entry, StoreError> {
        let envelope = self.unsealed_envelope(&sealed.envelope).map_err(|error| match error {
            StoreError::Corrupt(reason) => StoreError::corrupt(format!("message {}: {reason}", sealed.entry.id)),
            error => error,
        })?;
        Ok(Entry { envelope, ..sealed.entry })
    }

    /// Opens an envelope that stands alone.
    pub(super) fn unsealed_envelope(&self, sealed: &[u8]) -> Result<Envelope, StoreError> {
        let json = self.vault.unseal("envelope", sealed)?;
        serde_json::from_slice(&json).map_err(|error| StoreError::corrupt(format!("an envelope: {error}")))
    }

    /// The other way round.
    pub(super) fn sealed_envelope(&self, envelope: &Envelope) -> Result<Vec<u8>, StoreError> {
        let json = serde_json::to_vec(envelope).map_err(|error| StoreError::corrupt(error.to_string()))?;
        Ok(self.vault.seal("envelope", &json)?)
    }
}

/// An entry whose envelope is sealed.
pub(super) struct SealedEntry {
    entry: Entry,
    envelope: Vec<u8>,
}

impl SealedEntry {
    pub(super) fn id(&self) -> EntryId {
        self.entry.id
    }

    /// What decides whether a person may have it tried again: its stage, whether its bytes are there, what it is a copy of.
    pub(super) fn retry_facts(&self) -> (Stage, bool, Option<EntryId>) {
        (self.entry.stage, self.entry.body.is_some(), self.entry.duplicate_of)
    }

    pub(super) fn is_left_out(&self) -> bool {
        self.entry.left_out
    }
}

pub(super) fn read_place(row: &mut Row) -> Result<Place, StoreError> {
    let (folder, uid_validity, uid, uidl) = (row.text()?, row.int()?, row.int()?, row.text()?);
    if !uidl.is_empty() {
        return Ok(Place::Pop3 { uidl });
    }
    let number = |int: i64| u32::try_from(int).map_err(|_| StoreError::corrupt(format!("{int} is no UID")));
    Ok(Place::Imap { folder, uid_validity: number(uid_validity)?, uid: number(uid)? })
}

fn read_action(word: &str) -> Result<Option<ActionKind>, StoreError> {
    if word.is_empty() {
        return Ok(None);
    }
    let action = ActionKind::ALL.into_iter().find(|action| action.as_str() == word);
    action.map(Some).ok_or_else(|| StoreError::corrupt(format!("there is no action `{word}`")))
}

fn read_issue(row: &mut Row) -> Result<Option<IssueRef>, StoreError> {
    let issue = IssueRef { id: row.text()?, key: row.text()? };
    Ok(Some(issue).filter(|issue| !issue.id.is_empty()))
}

fn count(row: &mut Row) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.int()?).unwrap_or(u32::MAX))
}

/// A place as its four columns.
pub(super) struct PlaceColumns<'a> {
    pub(super) folder: &'a str,
    pub(super) uid_validity: i64,
    pub(super) uid: i64,
    pub(super) uidl: &'a str,
}

pub(super) fn place_columns(place: &Place) -> PlaceColumns<'_> {
    match place {
        Place::Imap { folder, uid_validity, uid } => {
            PlaceColumns { folder, uid_validity: i64::from(*uid_validity), uid: i64::from(*uid), uidl: "" }
        }
        Place::Pop3 { uidl } => PlaceColumns { folder: "", uid_validity: 0, uid: 0, uidl },
    }
}

/// What a statement about one place starts with, `$1`, and the place as `$2` to `$5`.
pub(super) fn at_place<'a>(first: Arg<'a>, place: &'a Place) -> [Arg<'a>; 5] {
    let place = place_columns(place);
    [first, Arg::Text(place.folder), Arg::Int(place.uid_validity), Arg::Int(place.uid), Arg::Text(place.uidl)]
}

/// The sole right, until it expires, to move one entry on. Not `Clone`: it is handed in with the outcome.
#[derive(Debug)]
pub struct Lease {
    /// The entry as it was when the lease was given.
    pub entry: Entry,
    /// What proves it.
    pub token: LeaseToken,
}

/// Proves a lease; counts up with every lease on the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken(pub(super) i64);
