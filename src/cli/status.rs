//! `status`: how every mailbox and Jira are. Exit code 1 when a person is needed, or when no daemon runs.

use jiff::Timestamp;

use super::arguments::StatusArgs;
use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Writing};
use crate::forecast::Forecast;
use crate::pipeline::gather;
use crate::status::{ConsentState, Status};

/// Shows the status.
pub async fn run(args: &StatusArgs, config: &Config) -> Result<(), Failure> {
    let (now, node) = (SystemClock.now(), node_name());
    let status = match opened::ledger_if_any(config).await? {
        Some(ledger) => gather::status(&ledger, config, &node, now).await.map_err(anyhow::Error::new)?,
        None => gather::never_run(config, &node, now),
    };
    if args.json {
        report::json_document(&status)?;
    } else {
        print(&status, now)?;
        match config.jira.writing {
            Writing::Real => {}
            Writing::Shadow => report::line("a shadow: Jira is only read, and no mailbox is touched")?,
        }
    }
    if status.healthy { Ok(()) } else { Err(Failure::Reported) }
}

/// This machine's name, as far as it has one.
pub fn node_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

fn print(status: &Status, now: Timestamp) -> Result<(), Failure> {
    let rows = status.mailboxes.iter().map(|mailbox| {
        [
            mailbox.name.clone(),
            mailbox.state.as_str().to_owned(),
            ago(mailbox.last_check, now),
            ago(mailbox.last_message, now),
            mailbox.backlog.to_string(),
            consent(mailbox.consent.state).to_owned(),
            mailbox.error.clone().unwrap_or_default(),
        ]
    });
    let jira = [
        "jira".to_owned(),
        status.jira.state.as_str().to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        status.jira.error.clone().unwrap_or_default(),
    ];
    let headings = ["NAME", "STATE", "LAST CHECK", "LAST MESSAGE", "BACKLOG", "CONSENT", "ERROR"];
    report::table(headings, &rows.chain([jira]).collect::<Vec<_>>())?;
    for (subject, forecast) in forecasts(status) {
        report::line(&format!("\n{subject}: {}", forecast.sentence(now)))?;
    }
    let counts = status.messages.by_state().map(|(state, count)| format!("{count} {state}"));
    report::line(&format!("\nmessages: {}", counts.join(", ")))?;
    let verdict = if status.healthy { "healthy" } else { "a person is needed" };
    report::line(&format!("{verdict} (mail2jira {} on {})", status.version, status.node))
}

fn forecasts(status: &Status) -> impl Iterator<Item = (&str, &Forecast)> {
    let of_mailboxes =
        status.mailboxes.iter().flat_map(|mailbox| mailbox.forecast.iter().map(|end| (mailbox.name.as_str(), end)));
    of_mailboxes.chain(status.jira.forecast.iter().map(|end| ("jira", end)))
}

fn consent(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Granted => "granted",
        ConsentState::Needed => "needed",
        ConsentState::NotUsed => "not used",
    }
}

/// A time as people say it.
fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return "never".to_owned() };
    match now.duration_since(at).as_secs() {
        ..=1 => "now".to_owned(),
        seconds @ 2..=119 => format!("{seconds} s ago"),
        seconds @ 120..=7_199 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}
