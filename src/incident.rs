//! What a person has to hear of: which troubles there are, and the words for them. Pure; telling is the business of
//! [`notify`](crate::notify), remembering what was told of the ledger.
//!
//! Every subject (a mailbox, or Jira) has three questions that can go wrong one by one: does it work, does something of it
//! expire, are messages set aside. Each is answered with good, with a trouble, or not at all: a mailbox that is just
//! connecting is neither in order again nor in a new trouble.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::forecast::{Forecast, Warning};
use crate::status::{JiraState, JiraStatus, MailboxStatus, Status, WorkState};
pub use changes::{Change, Open, REPEAT, changes};
pub use event::{Channel, Event, Severity, Teller, below, consent_page};

mod changes;
mod event;

/// How long something may be out of reach before a person hears of it: most outages are over by then.
pub const UNREACHABLE_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person has to consent again.
    NeedsConsent,
    /// An administrator of the other side has to act.
    NeedsAdmin,
    /// The configuration does not fit the other side.
    Misconfigured,
    /// A consent, secret, certificate or token will end soon.
    Expiring,
    /// It has not been reached for a while.
    Unreachable,
    /// Messages were set aside.
    Quarantined,
    /// What was told before is over.
    Recovered,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::NeedsConsent,
        Self::NeedsAdmin,
        Self::Misconfigured,
        Self::Expiring,
        Self::Unreachable,
        Self::Quarantined,
        Self::Recovered,
    ];

    /// The word for it in JSON and in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsConsent => "needs_consent",
            Self::NeedsAdmin => "needs_admin",
            Self::Misconfigured => "misconfigured",
            Self::Expiring => "expiring",
            Self::Unreachable => "unreachable",
            Self::Quarantined => "quarantined",
            Self::Recovered => "recovered",
        }
    }

    /// The other way round.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What can go wrong with a subject, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Whether it works.
    Works,
    /// Whether something of it ends soon.
    Expires,
    /// Whether messages of it were set aside.
    Quarantine,
}

impl Slot {
    /// The word for it in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Expires => "expires",
            Self::Quarantine => "quarantine",
        }
    }
}

/// The answer to one question about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// Which question.
    pub slot: Slot,
    /// The answer; `None` is good.
    pub trouble: Option<Trouble>,
}

/// Something that a person has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub kind: Kind,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// The warning step, in days, for what expires: each step is told of once. 0 for the rest, which is repeated daily.
    pub days: u32,
}

/// What is out of reach, and since when.
pub type Unreached = BTreeMap<String, Timestamp>;

/// What can be answered now. Updates `unreached`.
pub fn findings(status: &Status, unreached: &mut Unreached, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mailbox in &status.mailboxes {
        let subject = mailbox.name.as_str();
        let answer = mailbox_works(mailbox);
        findings.extend(works(subject, answer, mailbox.error.as_deref(), unreached, now));
        findings.push(expires(subject, &mailbox.forecast, now));
        findings.push(Finding {
            subject: subject.to_owned(),
            slot: Slot::Quarantine,
            trouble: quarantined(mailbox, now),
        });
    }
    let answer = jira_works(&status.jira);
    findings.extend(works(JIRA, answer, status.jira.error.as_deref(), unreached, now));
    findings.push(expires(JIRA, &status.jira.forecast, now));
    findings
}

/// The subject that is no mailbox.
pub use crate::config::JIRA;

enum Works {
    Yes,
    No(Kind, Option<Timestamp>),
    NotNow,
    Unclear,
}

fn mailbox_works(mailbox: &MailboxStatus) -> Works {
    match mailbox.state {
        WorkState::Watching | WorkState::Polling => Works::Yes,
        WorkState::NeedsConsent => Works::No(Kind::NeedsConsent, Some(mailbox.since)),
        WorkState::NeedsAdmin => Works::No(Kind::NeedsAdmin, Some(mailbox.since)),
        WorkState::Misconfigured => Works::No(Kind::Misconfigured, Some(mailbox.since)),
        WorkState::BackingOff => Works::NotNow,
        WorkState::Connecting | WorkState::Stopped => Works::Unclear,
    }
}

fn jira_works(jira: &JiraStatus) -> Works {
    match jira.state {
        JiraState::Ok => Works::Yes,
        JiraState::NeedsConsent => Works::No(Kind::NeedsConsent, None),
        JiraState::NeedsAdmin => Works::No(Kind::NeedsAdmin, None),
        JiraState::Misconfigured => Works::No(Kind::Misconfigured, None),
        JiraState::BackingOff => Works::NotNow,
        JiraState::Connecting | JiraState::Stopped => Works::Unclear,
    }
}

fn works(
    subject: &str,
    works: Works,
    error: Option<&str>,
    unreached: &mut Unreached,
    now: Timestamp,
) -> Option<Finding> {
    let finding = |trouble| Some(Finding { subject: subject.to_owned(), slot: Slot::Works, trouble });
    let reason = || error.unwrap_or("no reason is known").to_owned();
    match works {
        Works::Yes => {
            unreached.remove(subject);
            finding(None)
        }
        Works::No(kind, since) => {
            unreached.remove(subject); // it has answered
            finding(Some(Trouble { kind, reason: reason(), since: since.unwrap_or(now), days: 0 }))
        }
        Works::NotNow => {
            let since = *unreached.entry(subject.to_owned()).or_insert(now);
            let trouble = Trouble { kind: Kind::Unreachable, reason: reason(), since, days: 0 };
            finding(Some(trouble)).filter(|_| now.duration_since(since) >= UNREACHABLE_AFTER)
        }
        Works::Unclear => None,
    }
}

/// Of several ends the nearest one is told.
fn expires(subject: &str, forecasts: &[Forecast], now: Timestamp) -> Finding {
    let nearest = forecasts.iter().min_by_key(|forecast| forecast.at);
    let trouble = nearest.and_then(|forecast| {
        let Warning { days } = forecast.warning(now)?;
        Some(Trouble { kind: Kind::Expiring, reason: forecast.sentence(now), since: now, days })
    });
    Finding { subject: subject.to_owned(), slot: Slot::Expires, trouble }
}

fn quarantined(mailbox: &MailboxStatus, now: Timestamp) -> Option<Trouble> {
    let reason = match mailbox.quarantined {
        0 => return None,
        1 => "1 message was set aside and waits for a person".to_owned(),
        count => format!("{count} messages were set aside and wait for a person"),
    };
    Some(Trouble { kind: Kind::Quarantined, reason, since: now, days: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn what_is_away_is_told_of_only_when_it_stays_away() {
        let mut unreached = Unreached::new();
        let mut away = |hour| works("support", Works::NotNow, None, &mut unreached, at(hour));
        assert_eq!(away(0), None);
        assert_eq!(away(1).and_then(|finding| finding.trouble).map(|trouble| trouble.kind), Some(Kind::Unreachable));
        assert!(works("support", Works::Yes, None, &mut unreached, at(2)).is_some_and(|found| found.trouble.is_none()));
        assert_eq!(works("support", Works::NotNow, None, &mut unreached, at(2)), None);
    }
}
