//! The event that people get: what happened to whom, how urgent it is, and the command and the page that help. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{JIRA, Kind, Trouble};

/// How urgent an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing to do.
    Info,
    /// Mail still flows.
    Warning,
    /// Mail does not flow.
    Error,
}

/// What `[notify]` sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub event: Kind,
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// How urgent it is.
    pub severity: Severity,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// The command that helps.
    pub command: String,
    /// The page that helps, where there are pages.
    pub url: Option<String>,
    /// The node that tells this.
    pub node: String,
    /// Names the incident: all events of one carry it, so that a receiver can put them together.
    pub incident: String,
}

/// Where and by whom events are told.
#[derive(Debug, Clone)]
pub struct Teller<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Where the pages are, if there are any.
    pub public_url: Option<&'a Url>,
}

impl Teller<'_> {
    /// The event for a trouble.
    pub fn trouble(&self, incident: &str, subject: &str, trouble: &Trouble) -> Event {
        self.event(incident, subject, trouble.kind, (trouble.reason.clone(), trouble.since))
    }

    /// The event for a trouble's end.
    pub fn recovered(&self, incident: &str, subject: &str, was: Kind, since: Timestamp) -> Event {
        let reason = match was {
            Kind::NeedsConsent => "there is consent again",
            Kind::Expiring => "what was about to expire has been renewed",
            Kind::Quarantined => "no message waits for a person any more",
            Kind::NeedsAdmin | Kind::Misconfigured | Kind::Unreachable | Kind::Recovered => "it works again",
        };
        self.event(incident, subject, Kind::Recovered, (reason.to_owned(), since))
    }

    fn event(&self, incident: &str, subject: &str, kind: Kind, (reason, since): (String, Timestamp)) -> Event {
        Event {
            event: kind,
            subject: subject.to_owned(),
            severity: severity(kind),
            reason,
            since,
            command: command(kind, subject),
            url: self.public_url.map(|base| page(base, kind, subject).into()),
            node: self.node.to_owned(),
            incident: incident.to_owned(),
        }
    }
}

fn severity(kind: Kind) -> Severity {
    match kind {
        Kind::NeedsConsent | Kind::NeedsAdmin | Kind::Misconfigured | Kind::Unreachable => Severity::Error,
        Kind::Expiring | Kind::Quarantined => Severity::Warning,
        Kind::Recovered => Severity::Info,
    }
}

fn command(kind: Kind, subject: &str) -> String {
    match kind {
        Kind::NeedsConsent => format!("mail2jira authorize {subject}"),
        Kind::NeedsAdmin | Kind::Misconfigured | Kind::Unreachable => format!("mail2jira test-connection {subject}"),
        Kind::Quarantined => format!("mail2jira messages list --state quarantined --mailbox {subject}"),
        Kind::Expiring | Kind::Recovered => "mail2jira status".to_owned(),
    }
}

fn page(base: &Url, kind: Kind, subject: &str) -> Url {
    let path = match (kind, subject) {
        (Kind::NeedsConsent, subject) => consent_page(subject),
        (Kind::Quarantined, mailbox) => format!("/messages?state=quarantined&mailbox={mailbox}"),
        (Kind::NeedsAdmin | Kind::Misconfigured | Kind::Unreachable | Kind::Expiring | Kind::Recovered, _) => {
            "/".to_owned()
        }
    };
    below(base, &path)
}

/// Where a person consents on the pages.
pub fn consent_page(subject: &str) -> String {
    match subject {
        JIRA => "/jira/authorize".to_owned(),
        mailbox => format!("/mailboxes/{mailbox}/authorize"),
    }
}

/// `path` below an address that may have a path of its own.
pub fn below(base: &Url, path: &str) -> Url {
    let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&whole).unwrap_or_else(|_| base.clone())
}

/// Through what people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A program gets the event on stdin.
    Command,
    /// An address gets it as a POST.
    Webhook,
    /// An issue stands open in Jira for as long as the trouble lasts.
    Jira,
}

impl Channel {
    const ALL: [Self; 3] = [Self::Command, Self::Webhook, Self::Jira];

    /// The word for it in the ledger and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Webhook => "webhook",
            Self::Jira => "jira",
        }
    }

    /// The other way round.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }

    /// Whether a trouble is told again while it lasts. An open issue reminds by being open.
    pub const fn repeats(self) -> bool {
        match self {
            Self::Command | Self::Webhook => true,
            Self::Jira => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_helps_stands_below_the_public_address_whatever_its_path() {
        let base = Url::parse("https://example.com/m2j").unwrap();
        let teller = Teller { node: "n", public_url: Some(&base) };
        let url = |kind, subject| teller.event("i", subject, kind, (String::new(), Timestamp::UNIX_EPOCH)).url.unwrap();
        assert_eq!(url(Kind::NeedsConsent, "support"), "https://example.com/m2j/mailboxes/support/authorize");
        assert_eq!(url(Kind::NeedsConsent, JIRA), "https://example.com/m2j/jira/authorize");
    }
}
