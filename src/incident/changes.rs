//! What of that is news, given what was told before: an incident opens, is told again, or is over. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Kind, Slot, Trouble};

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
    use super::super::JIRA;
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
}
