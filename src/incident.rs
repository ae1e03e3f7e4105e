//! What a person has to hear of: which troubles there are, and the words for them. Pure; telling is the business of
//! [`notify`](crate::notify), remembering what was told of the ledger.
//!
//! Every subject (a mailbox, or Jira) has three questions that can go wrong one by one: does it work, does something of it
//! expire, are messages set aside. Each is answered with good, with a trouble, or not at all: a mailbox that is just
//! connecting is neither in order again nor in a new trouble.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::forecast::{Forecast, Warning};
use crate::status::{JiraState, JiraStatus, MailboxStatus, Status, WorkState};

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
pub const JIRA: &str = "jira";

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
    /// The same for every event of one incident, so that a receiver can put them together.
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
        (Kind::NeedsConsent, JIRA) => "/jira/authorize".to_owned(),
        (Kind::NeedsConsent, mailbox) => format!("/mailboxes/{mailbox}/authorize"),
        (Kind::Quarantined, mailbox) => format!("/messages?state=quarantined&mailbox={mailbox}"),
        (Kind::NeedsAdmin | Kind::Misconfigured | Kind::Unreachable | Kind::Expiring | Kind::Recovered, _) => {
            "/".to_owned()
        }
    };
    below(base, &path)
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

/// An incident that is open, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its random name.
    pub id: String,
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// [`Slot::as_str`].
    pub slot: String,
    /// What was told last.
    pub kind: Kind,
    /// Since when it lasts.
    pub since: Timestamp,
    /// When it was told last.
    pub told_at: Timestamp,
    /// The warning step that was told last.
    pub days: u32,
}

/// What is to be changed in the ledger, and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new incident.
    Open(String, Slot, Trouble),
    /// An open incident is told again: a day has passed, or it has become another trouble.
    Tell(Open, Trouble),
    /// An incident is over.
    Close(Open),
}

/// How long a trouble may last before it is told again.
pub const REPEAT: SignedDuration = SignedDuration::from_hours(24);

/// What follows from what is found, given what is open. A subject that nothing is found about any more is gone from the
/// configuration, and its incidents with it; `subjects` are those that are there.
pub fn changes(open: Vec<Open>, findings: Vec<Finding>, subjects: &[&str], now: Timestamp) -> Vec<Change> {
    let mut open: BTreeMap<(String, String), Open> =
        open.into_iter().map(|open| ((open.subject.clone(), open.slot.clone()), open)).collect();
    let mut changes = Vec::new();
    for Finding { subject, slot, trouble } in findings {
        let known = open.remove(&(subject.clone(), slot.as_str().to_owned()));
        match (known, trouble) {
            (None, None) => {}
            (None, Some(trouble)) => changes.push(Change::Open(subject, slot, trouble)),
            (Some(open), None) => changes.push(Change::Close(open)),
            (Some(open), Some(trouble)) if is_news(&open, &trouble, now) => changes.push(Change::Tell(open, trouble)),
            (Some(_), Some(_)) => {}
        }
    }
    let gone = open.into_values().filter(|open| !subjects.contains(&open.subject.as_str()));
    changes.extend(gone.map(Change::Close));
    changes
}

fn is_news(open: &Open, trouble: &Trouble, now: Timestamp) -> bool {
    let nearer = trouble.days < open.days;
    let repeated = trouble.days == 0 && now.duration_since(open.told_at) >= REPEAT;
    open.kind != trouble.kind || nearer || repeated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    fn trouble(kind: Kind, days: u32) -> Option<Trouble> {
        Some(Trouble { kind, reason: "r".to_owned(), since: at(0), days })
    }

    fn open(kind: Kind, told: i64, days: u32) -> Open {
        let (id, subject, slot) = ("i".to_owned(), "support".to_owned(), "works".to_owned());
        Open { id, subject, slot, kind, since: at(0), told_at: at(told), days }
    }

    /// What is done, in a word, when `found` is found while `known` is open.
    fn done(known: Option<Open>, found: Option<Option<Trouble>>, hour: i64) -> &'static str {
        let finding = |trouble| Finding { subject: "support".to_owned(), slot: Slot::Works, trouble };
        let found = found.into_iter().map(finding).collect();
        match changes(known.into_iter().collect(), found, &["support"], at(hour)).as_slice() {
            [] => "nothing",
            [Change::Open(..)] => "open",
            [Change::Tell(..)] => "tell",
            [Change::Close(_)] => "close",
            _ => "too much",
        }
    }

    #[test]
    fn a_trouble_is_told_once_then_daily_and_its_end_once() {
        use Kind::{Expiring, Misconfigured, NeedsConsent};
        assert_eq!(done(None, Some(None), 0), "nothing");
        assert_eq!(done(None, Some(trouble(NeedsConsent, 0)), 0), "open");
        assert_eq!(done(Some(open(NeedsConsent, 0, 0)), Some(trouble(NeedsConsent, 0)), 23), "nothing");
        assert_eq!(done(Some(open(NeedsConsent, 0, 0)), Some(trouble(NeedsConsent, 0)), 24), "tell");
        assert_eq!(done(Some(open(NeedsConsent, 0, 0)), Some(trouble(Misconfigured, 0)), 1), "tell");
        assert_eq!(
            done(Some(open(NeedsConsent, 0, 0)), None, 99),
            "nothing",
            "what is unclear is neither over nor news"
        );
        assert_eq!(done(Some(open(NeedsConsent, 0, 0)), Some(None), 1), "close");
        assert_eq!(done(Some(open(Expiring, 0, 30)), Some(trouble(Expiring, 30)), 400), "nothing");
        assert_eq!(done(Some(open(Expiring, 0, 30)), Some(trouble(Expiring, 7)), 1), "tell");
    }

    #[test]
    fn what_is_no_longer_configured_is_over() {
        assert_eq!(changes(vec![open(Kind::NeedsConsent, 0, 0)], Vec::new(), &[JIRA], at(1)).len(), 1);
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

    #[test]
    fn the_page_that_helps_stands_below_the_public_address_whatever_its_path() {
        let base = Url::parse("https://example.com/m2j").unwrap();
        let teller = Teller { node: "n", public_url: Some(&base) };
        let url = |kind, subject| teller.event("i", subject, kind, (String::new(), at(0))).url.unwrap();
        assert_eq!(url(Kind::NeedsConsent, "support"), "https://example.com/m2j/mailboxes/support/authorize");
        assert_eq!(url(Kind::NeedsConsent, JIRA), "https://example.com/m2j/jira/authorize");
    }
}
