//! The status as Prometheus reads it (text format 0.0.4). Pure.

use std::fmt::{self, Write};

use jiff::Timestamp;

use crate::status::{JiraState, MailboxStatus, Status, WorkState};

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All figures.
pub fn text(status: &Status, now: Timestamp) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, status, now);
    text
}

fn write_all(out: &mut String, status: &Status, now: Timestamp) -> fmt::Result {
    let version = escaped(&status.version);
    head(out, "mail2jira_build_info", "The version that runs; always 1.")?;
    writeln!(out, "mail2jira_build_info{{version=\"{version}\"}} 1")?;
    head(out, "mail2jira_healthy", "1 when nothing needs a person.")?;
    writeln!(out, "mail2jira_healthy {}", u8::from(status.healthy))?;
    head(out, "mail2jira_messages", "Messages in the ledger by state.")?;
    for (state, count) in status.messages.by_state() {
        writeln!(out, "mail2jira_messages{{state=\"{state}\"}} {count}")?;
    }
    head(out, "mail2jira_jira_state", "1 for the state that Jira is in, 0 for the others.")?;
    for state in JiraState::ALL {
        let (word, is) = (state.as_str(), u8::from(state == status.jira.state));
        writeln!(out, "mail2jira_jira_state{{state=\"{word}\"}} {is}")?;
    }
    mailboxes(out, &status.mailboxes, now)
}

fn mailboxes(out: &mut String, mailboxes: &[MailboxStatus], now: Timestamp) -> fmt::Result {
    head(out, "mail2jira_mailbox_state", "1 for the state that a mailbox is in, 0 for the others.")?;
    for mailbox in mailboxes {
        for state in WorkState::ALL {
            let (name, word, is) = (escaped(&mailbox.name), state.as_str(), u8::from(state == mailbox.state));
            writeln!(out, "mail2jira_mailbox_state{{mailbox=\"{name}\",state=\"{word}\"}} {is}")?;
        }
    }
    head(out, "mail2jira_mailbox_backlog", "Messages of a mailbox that are not settled yet.")?;
    for mailbox in mailboxes {
        writeln!(out, "mail2jira_mailbox_backlog{{mailbox=\"{}\"}} {}", escaped(&mailbox.name), mailbox.backlog)?;
    }
    let seconds = "mail2jira_mailbox_seconds_since_check";
    head(out, seconds, "Seconds since a mailbox was last looked through; absent before the first time.")?;
    for (mailbox, checked) in mailboxes.iter().filter_map(|mailbox| Some((mailbox, mailbox.last_check?))) {
        let age = now.duration_since(checked).as_secs().max(0);
        writeln!(out, "{seconds}{{mailbox=\"{}\"}} {age}", escaped(&mailbox.name))?;
    }
    Ok(())
}

fn head(out: &mut String, name: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
