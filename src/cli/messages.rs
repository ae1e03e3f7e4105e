//! `messages`: the ledger for people. List it, read the story of one message, have it tried again, give it up.

use super::arguments::{IdsArgs, ListArgs, MessageState, MessagesArgs, MessagesCommand, ShowArgs};
use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::messages::{Shown, Story, refusal, tell};
use crate::store::entry::{EntryId, Stage};
use crate::store::queries::{Deferred, Filter, Wish};
use crate::store::{Ledger, StoreError};
use crate::text::without_controls;

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

async fn show(args: &ShowArgs, ledger: &Ledger) -> Result<(), Failure> {
    let id = EntryId(args.id);
    let Some(story) = tell(ledger, id, SystemClock.now()).await.map_err(anyhow::Error::new)? else {
        return Err(Failure::new(format!("there is no message {id}")).with_hint("run `mail2jira messages list`"));
    };
    if args.json {
        return report::json_document(&story);
    }
    print(&story)
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
        report::line(&format!("{at}  {}", without_controls(&event.what)))?;
    }
    Ok(())
}

/// Asks for something on each id; all are tried, and any that cannot be granted fail the command.
async fn wish(args: &IdsArgs, ask: impl AsyncFn(EntryId) -> Result<Wish, StoreError>) -> Result<(), Failure> {
    let mut refused = 0;
    for id in args.ids.iter().copied().map(EntryId) {
        let wish = ask(id).await.map_err(anyhow::Error::new)?;
        match refusal(&wish) {
            None => report::line(&format!("message {id}: done"))?,
            Some(words) => {
                refused += 1;
                report::note(&format!("message {id}: {words}"));
            }
        }
    }
    if refused == 0 { Ok(()) } else { Err(Failure::Reported) }
}
