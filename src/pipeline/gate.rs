//! Whether Jira may be asked at all: shut while it is away or refuses us, so that an outage costs no message a try and
//! everything goes on in order when it is over. Pure: the clock and chance come in as values.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::backoff::{self, later};
use crate::failure::{Scope, Verdict};

/// Failures in a row, with no answer between them, after which Jira counts as away: one 503 is no outage.
const AWAY_AFTER: u32 = 3;

/// A refusal after which nothing was refused for so long is forgotten: what it was about is not tried any more.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);

/// How often it is looked whether a person has consented, should nobody have told. It asks the ledger alone.
const CONSENT_LOOK: Duration = Duration::from_secs(30);

/// What is known of Jira's health.
#[derive(Debug, Default)]
pub struct Gate {
    failures: u32,
    shut: Option<Shut>,
    /// The refusal of something other than the question that goes first. Only a write refutes it: a token may be good for
    /// reading alone.
    standing: Option<Shut>,
    projects: BTreeMap<String, Shut>,
    last_answer: Option<Timestamp>,
    /// When something was last written, by project; what went to issues stands under no name. A Jira that answers questions may still
    /// fail every write.
    last_writes: BTreeMap<String, Timestamp>,
}

/// A call to Jira that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// What it means.
    pub verdict: Verdict,
    /// What was asked for.
    pub asked: Asked,
    /// The project that it was about, where it was about one.
    pub project: Option<&'a str>,
    /// What Jira said.
    pub reason: &'a str,
    /// When.
    pub now: Timestamp,
    /// From 0 to 1, for jitter.
    pub chance: f64,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To find out whether Jira is there and knows us.
    Reach,
    /// To do something about a message.
    Work,
}

/// Why and until when nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// When it is tried again.
    pub until: Timestamp,
    /// What Jira said.
    pub reason: String,
    /// What a person has to do with it.
    pub kind: Kind,
    /// How often in a row it was tried in vain.
    pub tries: u32,
}

/// Whether waiting mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Jira is away or busy: it will come back.
    Away,
    /// Jira refuses us until a person mends the set-up.
    Refused,
    /// A person has to consent.
    NeedsConsent,
}

impl Gate {
    /// Jira wrote something: an issue in that project, or something in an issue (`None`).
    pub fn wrote(&mut self, project: Option<&str>, now: Timestamp) {
        self.answered(now);
        self.last_writes.insert(project.unwrap_or_default().to_owned(), now);
        self.projects.remove(project.unwrap_or_default());
    }

    /// Jira told what was looked for, or answered with a no that concerns one message alone.
    pub fn answered(&mut self, now: Timestamp) {
        self.standing = None;
        self.reached(now);
    }

    /// Jira answered the question that goes first.
    pub fn reached(&mut self, now: Timestamp) {
        self.failures = 0;
        self.shut = None;
        self.standing.take_if(|standing| now.duration_since(standing.until) > FORGOTTEN);
        self.last_answer = Some(now);
    }

    /// Jira has refused the process before this one what was asked.
    pub fn recall(&mut self, refusal: Shut, asked: Asked) {
        self.standing = match asked {
            Asked::Reach => None,
            Asked::Work => Some(refusal.clone()),
        };
        self.shut = Some(refusal);
    }

    /// A person has consented, or has taken a consent back: what was refused before is tried at once.
    pub fn consent_changed(&mut self, now: Timestamp) {
        for shut in self.shut.iter_mut().chain(self.projects.values_mut()) {
            shut.until = now;
        }
    }

    /// A call failed.
    pub fn failure(&mut self, failure: &Failure<'_>) {
        match failure.verdict {
            Verdict::Quarantine => self.answered(failure.now),
            Verdict::Retry(asked) => self.away(failure, asked),
            Verdict::Unknown => self.away(failure, None),
            Verdict::Halt(Scope::Everything) => {
                let before = self.shut.as_ref().or(self.standing.as_ref());
                let shut = failure.shut(before, Kind::Refused, None);
                self.standing = match failure.asked {
                    Asked::Reach => None,
                    Asked::Work => Some(shut.clone()),
                };
                self.shut = Some(shut);
            }
            Verdict::Halt(Scope::Consent) => {
                self.shut = Some(Shut {
                    until: later(failure.now, CONSENT_LOOK),
                    ..failure.shut(None, Kind::NeedsConsent, None)
                });
            }
            Verdict::Halt(Scope::Project) => self.refused_project(failure),
        }
    }

    fn away(&mut self, failure: &Failure<'_>, asked: Option<Duration>) {
        self.failures += 1;
        if self.failures >= AWAY_AFTER || self.shut.is_some() {
            self.shut = Some(failure.shut(self.shut.as_ref(), Kind::Away, asked));
        }
    }

    fn refused_project(&mut self, failure: &Failure<'_>) {
        self.failures = 0;
        let project = failure.project.unwrap_or_default().to_owned();
        let next = failure.shut(self.projects.get(&project), Kind::Refused, None);
        self.projects.insert(project, next);
    }

    /// Why nothing at all may be sent, if so. Once its time is over, a probe may be sent.
    pub fn shut(&self) -> Option<&Shut> {
        self.shut.as_ref()
    }

    /// Why what was sent last was refused, if so. It is tried whether that still holds.
    pub fn standing(&self) -> Option<&Shut> {
        self.standing.as_ref()
    }

    /// Why nothing may be sent to a project now, if so.
    pub fn shut_project(&self, project: &str, now: Timestamp) -> Option<&Shut> {
        self.projects.get(project).filter(|shut| shut.lasts(now))
    }

    /// The projects that refuse us; one without a name stands for what was to be written into an issue.
    pub fn refused_projects(&self) -> impl Iterator<Item = (&str, &Shut)> {
        self.projects.iter().map(|(project, shut)| (project.as_str(), shut))
    }

    /// When Jira last answered.
    pub fn last_answer(&self) -> Option<Timestamp> {
        self.last_answer
    }

    /// When Jira last wrote anything.
    pub fn last_write(&self) -> Option<Timestamp> {
        self.last_writes.values().max().copied()
    }

    /// When Jira last wrote an issue in that project, or something to an issue (`None`).
    pub fn last_write_like(&self, project: Option<&str>) -> Option<Timestamp> {
        self.last_writes.get(project.unwrap_or_default()).copied()
    }
}

impl Shut {
    /// Whether its time is still to come. A time further ahead than any wait was named by a clock that has been set back since.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.until > now && self.until <= later(now, backoff::LONGEST_WAIT)
    }
}

impl Failure<'_> {
    fn shut(&self, before: Option<&Shut>, kind: Kind, asked: Option<Duration>) -> Shut {
        // Several calls that were under way together fail together: they are one try.
        let tries = before.map_or(0, |before| if before.until > self.now { before.tries } else { before.tries + 1 });
        let wait = backoff::gate(tries, asked, self.chance);
        let until = self.now.checked_add(wait).unwrap_or(Timestamp::MAX);
        Shut { until, reason: self.reason.to_owned(), kind, tries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failure(verdict: Verdict, second: i64) -> Failure<'static> {
        let (asked, project) = (Asked::Work, Some("SUP"));
        Failure { verdict, asked, project, reason: "no", now: at(second), chance: 0.5 }
    }

    #[test]
    fn one_failure_is_no_outage_and_three_in_a_row_are() {
        let mut gate = Gate::default();
        for second in 0..2 {
            gate.failure(&failure(Verdict::Unknown, second));
            assert_eq!(gate.shut(), None);
        }
        gate.failure(&failure(Verdict::Retry(None), 2));
        assert_eq!(gate.shut().map(|shut| (shut.kind, shut.until)), Some((Kind::Away, at(3))));
        gate.answered(at(4));
        assert_eq!(gate.shut(), None);
    }

    #[test]
    fn an_answer_between_failures_means_that_jira_is_there() {
        let mut gate = Gate::default();
        for second in 0..10 {
            gate.failure(&failure(Verdict::Unknown, second));
            gate.failure(&failure(Verdict::Quarantine, second));
        }
        assert_eq!(gate.shut(), None);
    }

    #[test]
    fn waits_grow_with_each_try_and_not_with_each_call_that_was_under_way() {
        let mut gate = Gate::default();
        let refusal = |second| failure(Verdict::Halt(Scope::Everything), second);
        gate.failure(&refusal(0));
        gate.failure(&refusal(0));
        assert_eq!(gate.shut().map(|shut| shut.until), Some(at(1)));
        gate.failure(&refusal(1));
        assert_eq!(gate.shut().map(|shut| shut.until), Some(at(3)));
    }

    #[test]
    fn a_jira_that_may_be_read_and_not_written_is_tried_ever_less_often_and_stays_refused() {
        let mut gate = Gate::default();
        for (second, until) in [(0, 1), (1, 3), (3, 7), (7, 15)] {
            gate.failure(&failure(Verdict::Halt(Scope::Everything), second));
            assert_eq!(gate.shut().map(|shut| shut.until), Some(at(until)));
            gate.reached(at(until));
            assert_eq!((gate.shut(), gate.standing().map(|shut| shut.kind)), (None, Some(Kind::Refused)));
        }
        gate.wrote(Some("SUP"), at(16));
        assert_eq!(gate.standing(), None);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_shut() {
        let mut gate = Gate::default();
        gate.failure(&failure(Verdict::Halt(Scope::Everything), 100_000));
        gate.failure(&failure(Verdict::Halt(Scope::Project), 100_000));
        assert!(gate.shut().is_some_and(|shut| shut.lasts(at(100_000)) && !shut.lasts(at(50_000))));
        assert!(gate.shut_project("SUP", at(100_000)).is_some() && gate.shut_project("SUP", at(50_000)).is_none());
    }

    #[test]
    fn a_refusal_is_over_when_jira_knows_us_again_or_nothing_was_refused_for_long() {
        let mut gate = Gate::default();
        gate.failure(&failure(Verdict::Halt(Scope::Everything), 0));
        gate.failure(&Failure { asked: Asked::Reach, ..failure(Verdict::Halt(Scope::Everything), 1) });
        gate.reached(at(3));
        assert_eq!(gate.standing(), None);
        gate.failure(&failure(Verdict::Halt(Scope::Everything), 10));
        gate.reached(at(600));
        assert!(gate.standing().is_some());
        gate.reached(at(700));
        assert_eq!(gate.standing(), None);
    }

    #[test]
    fn a_refusal_that_a_restart_finds_is_looked_into_at_once_and_one_of_work_stands_until_something_is_written() {
        let refusal = || Shut { until: at(0), reason: "no".to_owned(), kind: Kind::Refused, tries: 0 };
        for (asked, stands) in [(Asked::Reach, false), (Asked::Work, true)] {
            let mut gate = Gate::default();
            gate.recall(refusal(), asked);
            assert!(gate.shut().is_some_and(|shut| !shut.lasts(at(0))), "one question goes first");
            gate.reached(at(0));
            assert_eq!((gate.shut(), gate.standing().is_some()), (None, stands));
            gate.wrote(None, at(1));
            assert_eq!(gate.standing(), None);
        }
    }

    #[test]
    fn a_consent_that_nobody_told_of_is_noticed_as_soon_however_long_it_took() {
        let mut gate = Gate::default();
        for second in (0..1_000).step_by(30) {
            gate.failure(&failure(Verdict::Halt(Scope::Consent), second));
            let shut = gate.shut().map(|shut| (shut.kind, shut.until));
            assert_eq!(shut, Some((Kind::NeedsConsent, at(second + 30))));
        }
    }

    #[test]
    fn a_consent_ends_the_wait_whatever_it_was_for() {
        let mut gate = Gate::default();
        for second in 0..20 {
            gate.failure(&failure(Verdict::Halt(Scope::Everything), 100 * second));
        }
        assert!(gate.shut().is_some_and(|shut| shut.until > at(1_920)));
        gate.consent_changed(at(1_901));
        assert_eq!(gate.shut().map(|shut| shut.until), Some(at(1_901)));
    }

    #[test]
    fn a_project_that_refuses_us_stops_no_other() {
        let mut gate = Gate::default();
        gate.failure(&failure(Verdict::Halt(Scope::Project), 0));
        assert_eq!(gate.shut(), None);
        assert!(gate.shut_project("SUP", at(0)).is_some());
        assert!(gate.shut_project("OPS", at(0)).is_none());
        assert!(gate.shut_project("SUP", at(1)).is_none(), "its time is over: one message may try");
    }
}
