//! Messages as they are shown to people and programs: the shape of `messages --json`, of the API and of the pages. Shows what
//! the ledger says, and changes nothing.

use jiff::Timestamp;
use serde::Serialize;

use crate::mailbox::Place;
use crate::store::entry::{Entry, EntryId, Stage};
use crate::store::queries::Wish;
use crate::store::steps::Progress;
use crate::store::{Ledger, StoreError};

/// A message as `--json` shows it.
#[derive(Serialize)]
pub struct Shown {
    /// Its number.
    pub id: EntryId,
    /// The mailbox's name.
    pub mailbox: String,
    /// RFC 5322, 3.6.4, without angle brackets.
    pub message_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// The sender's address.
    pub from: Option<String>,
    /// When it came into the ledger.
    pub received_at: Option<Timestamp>,
    /// In the contract's words.
    pub state: &'static str,
    /// What was done with it.
    pub action: Option<String>,
    /// The issue that it is in.
    pub issue_key: Option<String>,
    /// The comment that it became.
    pub comment_id: Option<String>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
}

impl Shown {
    /// What is shown of an entry now.
    pub fn of(entry: Entry, now: Timestamp) -> Self {
        let state = state(&entry, now);
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            id: entry.id,
            mailbox: entry.mailbox,
            message_id: entry.message_id.map(|id| id.as_str().to_owned()),
            subject: entry.envelope.subject,
            from: entry.envelope.from.map(|from| from.address),
            received_at: entry.received_at,
            state,
            action: entry.action.map(|action| action.as_str().to_owned()),
            issue_key: entry.issue.map(|issue| issue.to_string()),
            comment_id: entry.comment_id,
            reason: present(entry.reason),
            attempts: entry.attempts,
            next_attempt_at: entry.next_attempt_at.filter(|_| entry.stage.is_open()),
        }
    }
}

fn state(entry: &Entry, now: Timestamp) -> &'static str {
    match entry.stage {
        Stage::Received | Stage::Planned | Stage::Sent if entry.next_attempt_at.is_some_and(|at| at > now) => {
            "deferred"
        }
        Stage::Received | Stage::Planned | Stage::Sent => "pending",
        Stage::Delivered => "delivered",
        Stage::Ignored => "ignored",
        Stage::Quarantined => "quarantined",
        Stage::Discarded => "discarded",
    }
}

/// The whole story of one message.
#[derive(Serialize)]
pub struct Story {
    #[serde(flatten)]
    /// What lists show of it.
    pub message: Shown,
    /// Where it sits in its mailbox.
    pub place: String,
    /// Bytes.
    pub size: u64,
    /// The message that it is a copy of.
    pub duplicate_of: Option<EntryId>,
    /// Every write to Jira, in order.
    pub steps: Vec<StepShown>,
    /// Everything that happened, oldest first.
    pub story: Vec<EventShown>,
}

/// One write to Jira.
#[derive(Serialize)]
pub struct StepShown {
    /// What is written.
    pub write: &'static str,
    /// What it can be found again by.
    pub marker: String,
    /// In the contract's words.
    pub state: &'static str,
    /// When Jira was asked, while the answer is not known.
    pub sent_at: Option<Timestamp>,
}

/// One line of a story.
#[derive(Serialize)]
pub struct EventShown {
    /// When.
    pub at: Option<Timestamp>,
    /// What happened, in one sentence.
    pub what: String,
}

/// The whole story of a message; `None` where there is no such message.
pub async fn tell(ledger: &Ledger, id: EntryId, now: Timestamp) -> Result<Option<Story>, StoreError> {
    let Some(entry) = ledger.entry(id).await? else { return Ok(None) };
    let steps = ledger.steps(id).await?.into_iter().map(|step| {
        let (state, sent_at) = match &step.progress {
            Progress::Planned => ("planned", None),
            Progress::Sent(sent) => ("sent", Some(sent.at)),
            Progress::Done(_) => ("done", None),
        };
        StepShown { write: step.step.write.name(), marker: step.step.marker.0, state, sent_at }
    });
    let (steps, place) = (steps.collect(), place(&entry.place));
    let events = ledger.story(id).await?;
    let story = events.into_iter().map(|event| EventShown { at: event.at, what: event.what }).collect();
    let (size, duplicate_of) = (entry.size, entry.duplicate_of);
    Ok(Some(Story { message: Shown::of(entry, now), place, size, duplicate_of, steps, story }))
}

/// Where a message sits, for people.
pub fn place(place: &Place) -> String {
    match place {
        Place::Imap { folder, uid_validity, uid } => format!("{folder}, UID {uid} (UIDVALIDITY {uid_validity})"),
        Place::Pop3 { uidl } => format!("UIDL {uidl}"),
    }
}

/// Why a wish was not granted, in words; `None`: it was.
pub fn refusal(wish: &Wish) -> Option<String> {
    match wish {
        Wish::Granted => None,
        Wish::NoSuchMessage => Some("there is no such message".to_owned()),
        Wish::NotNow(stage) => Some(format!("not while it is {}", stage.as_str())),
        Wish::BodyGone => Some("its bytes were deleted when their time was over".to_owned()),
        Wish::Copy(original) => Some(format!("it is a copy of message {original}")),
    }
}
