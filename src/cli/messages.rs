//! `messages`: the ledger for people. List it, read the story of one message, have it tried again, give it up.

use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{IdsArgs, ListArgs, MessageState, MessagesArgs, MessagesCommand, ShowArgs};
use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::mailbox::Place;
use crate::store::entry::{Entry, EntryId, Stage};
use crate::store::queries::{Deferred, Filter, Wish};
use crate::store::steps::Progress;
use crate::store::{Ledger, StoreError};

/// Runs the command of `messages` that was asked for.
pub async fn run(args: &MessagesArgs, config: &Config) -> Result<(), Failure> {
    let Some(ledger) = opened::ledger_if_any(config).await? else {
        return match &args.command {
            MessagesCommand::List(_) => Ok(()),
            MessagesCommand::Show(_) | MessagesCommand::Retry(_) | MessagesCommand::Discard(_) => {
                Err(Failure::new("there is no ledger yet: nothing has ever run"))
            }
        };
    };
    match &args.command {
        MessagesCommand::List(args) => list(args, &ledger).await,
        MessagesCommand::Show(args) => show(args, &ledger).await,
        MessagesCommand::Retry(args) => wish(args, async |id| ledger.retry(id, SystemClock.now()).await).await,
        MessagesCommand::Discard(args) => wish(args, async |id| ledger.discard(id, SystemClock.now()).await).await,
    }
}

/// A message as `--json` shows it.
#[derive(Serialize)]
struct Shown {
    id: EntryId,
    mailbox: String,
    message_id: Option<String>,
    subject: String,
    from: Option<String>,
    received_at: Option<Timestamp>,
    state: &'static str,
    action: Option<String>,
    issue_key: Option<String>,
    comment_id: Option<String>,
    reason: Option<String>,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
}

impl Shown {
    fn of(entry: Entry, now: Timestamp) -> Self {
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
            action: present(entry.action),
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

fn filter(args: &ListArgs) -> Filter {
    let open = vec![Stage::Received, Stage::Planned, Stage::Sent];
    let (stages, deferred) = match args.state {
        None => (Vec::new(), None),
        Some(MessageState::Pending) => (open, Some(Deferred::No)),
        Some(MessageState::Deferred) => (open, Some(Deferred::Yes)),
        Some(MessageState::Delivered) => (vec![Stage::Delivered], None),
        Some(MessageState::Ignored) => (vec![Stage::Ignored], None),
        Some(MessageState::Quarantined) => (vec![Stage::Quarantined], None),
        Some(MessageState::Discarded) => (vec![Stage::Discarded], None),
    };
    Filter { stages, deferred, mailbox: args.mailbox.clone(), limit: args.limit as usize }
}

async fn list(args: &ListArgs, ledger: &Ledger) -> Result<(), Failure> {
    let now = SystemClock.now();
    let entries = ledger.list(filter(args), now).await.map_err(anyhow::Error::new)?;
    let shown: Vec<Shown> = entries.into_iter().map(|entry| Shown::of(entry, now)).collect();
    if args.json {
        return shown.iter().try_for_each(report::json_line);
    }
    let rows: Vec<_> = shown.into_iter().map(row).collect();
    report::table(["ID", "RECEIVED", "MAILBOX", "STATE", "ISSUE", "FROM", "SUBJECT", "REASON"], &rows)
}

fn row(shown: Shown) -> [String; 8] {
    let received = shown.received_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    let reason = match shown.state {
        "delivered" => None, // the issue says it all
        _ => shown.reason,
    };
    [
        shown.id.to_string(),
        received.unwrap_or_default(),
        shown.mailbox,
        shown.state.to_owned(),
        shown.issue_key.unwrap_or_default(),
        shown.from.unwrap_or_default(),
        cut(&shown.subject),
        reason.unwrap_or_default(),
    ]
}

fn cut(subject: &str) -> String {
    const WIDTH: usize = 48;
    if subject.chars().count() <= WIDTH {
        return subject.to_owned();
    }
    let head: String = subject.chars().take(WIDTH - 1).collect();
    format!("{head}…")
}

/// The whole story of one message.
#[derive(Serialize)]
struct Story {
    #[serde(flatten)]
    message: Shown,
    place: String,
    size: u64,
    duplicate_of: Option<EntryId>,
    steps: Vec<StepShown>,
    story: Vec<EventShown>,
}

#[derive(Serialize)]
struct StepShown {
    write: &'static str,
    marker: String,
    state: &'static str,
    sent_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct EventShown {
    at: Option<Timestamp>,
    what: String,
}

async fn show(args: &ShowArgs, ledger: &Ledger) -> Result<(), Failure> {
    let id = EntryId(args.id);
    let Some(story) = tell(ledger, id).await.map_err(anyhow::Error::new)? else {
        return Err(Failure::new(format!("there is no message {id}")).with_hint("run `mail2jira messages list`"));
    };
    if args.json {
        return report::json_document(&story);
    }
    print(&story)
}

async fn tell(ledger: &Ledger, id: EntryId) -> Result<Option<Story>, StoreError> {
    let Some(entry) = ledger.entry(id).await? else { return Ok(None) };
    let steps = ledger.steps(id).await?.into_iter().map(|step| {
        let (state, sent_at) = match &step.progress {
            Progress::Planned => ("planned", None),
            Progress::Sent(at) => ("sent", Some(*at)),
            Progress::Done(_) => ("done", None),
        };
        StepShown { write: step.step.write.name(), marker: step.step.marker.0, state, sent_at }
    });
    let (steps, place) = (steps.collect(), place(&entry.place));
    let events = ledger.story(id).await?;
    let story = events.into_iter().map(|event| EventShown { at: event.at, what: event.what }).collect();
    let (size, duplicate_of) = (entry.size, entry.duplicate_of);
    Ok(Some(Story { message: Shown::of(entry, SystemClock.now()), place, size, duplicate_of, steps, story }))
}

fn place(place: &Place) -> String {
    match place {
        Place::Imap { folder, uid_validity, uid } => format!("{folder}, UID {uid} (UIDVALIDITY {uid_validity})"),
        Place::Pop3 { uidl } => format!("UIDL {uidl}"),
    }
}

fn print(story: &Story) -> Result<(), Failure> {
    let message = &story.message;
    let lines = [
        ("message", format!("{} in mailbox {}", message.id, message.mailbox)),
        ("subject", message.subject.clone()),
        ("from", message.from.clone().unwrap_or_default()),
        ("message-id", message.message_id.clone().unwrap_or_else(|| "none".to_owned())),
        ("place", story.place.clone()),
        ("state", message.state.to_owned()),
        ("issue", message.issue_key.clone().unwrap_or_else(|| "none".to_owned())),
        ("reason", message.reason.clone().unwrap_or_default()),
    ];
    let rows = lines.map(|(name, value)| [name.to_owned(), value]);
    report::table(["", ""], &rows)?;
    for step in &story.steps {
        report::line(&format!("  step: {} ({}), marker {}", step.write, step.state, step.marker))?;
    }
    report::line("")?;
    for event in &story.story {
        let at = event.at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
        report::line(&format!("{at}  {}", event.what.replace(char::is_control, " ")))?;
    }
    Ok(())
}

/// Asks for something on each id; all are tried, and any that cannot be granted fail the command.
async fn wish(args: &IdsArgs, ask: impl AsyncFn(EntryId) -> Result<Wish, StoreError>) -> Result<(), Failure> {
    let mut refused = 0;
    for id in args.ids.iter().copied().map(EntryId) {
        let wish = ask(id).await.map_err(anyhow::Error::new)?;
        let words = match wish {
            Wish::Granted => {
                report::line(&format!("message {id}: done"))?;
                continue;
            }
            Wish::NoSuchMessage => "there is no such message".to_owned(),
            Wish::NotNow(stage) => format!("not while it is {}", stage.as_str()),
            Wish::BodyGone => "its bytes were deleted when their time was over".to_owned(),
            Wish::Copy(original) => format!("it is a copy of message {original}"),
        };
        refused += 1;
        report::note(&format!("message {id}: {words}"));
    }
    if refused == 0 { Ok(()) } else { Err(Failure::Reported) }
}
