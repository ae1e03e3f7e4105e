//! Politeness: when Jira says "not so fast", who has to wait, and until when. Pure: it is told the time and never sleeps.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::call::Operation;

/// How far a request to slow down reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every request: a quota is used up, or no reason was given (Data Center's budget is per account).
    Everything,
    /// One endpoint: its bucket is empty.
    Endpoint(Operation),
    /// Writes to one issue.
    Issue(String),
}

impl Reach {
    /// Reads `RateLimit-Reason`: `jira-quota-global-based`, `jira-quota-tenant-based`, `jira-burst-based` or
    /// `jira-per-issue-on-write` (Atlassian, "Rate limiting", 2026-08-12).
    pub fn from_reason(reason: Option<&str>, operation: Operation, issue: Option<&str>) -> Self {
        let reason = reason.unwrap_or_default();
        match issue {
            Some(issue) if reason.contains("per-issue") => Self::Issue(issue.to_owned()),
            Some(_) | None if reason.contains("burst") || reason.contains("per-issue") => Self::Endpoint(operation),
            Some(_) | None => Self::Everything,
        }
    }
}

/// What is on hold, and until when.
#[derive(Debug, Default)]
pub struct Pace {
    everything: Option<Instant>,
    endpoints: HashMap<Operation, Instant>,
    issues: HashMap<String, Instant>,
    steady: Option<Steady>,
}

/// Requests one after the other, because the budget is low.
#[derive(Debug, Clone, Copy)]
struct Steady {
    spacing: Duration,
    /// When the next one may leave.
    next: Instant,
    /// When there is plenty again, unless Jira tells otherwise.
    until: Instant,
}

impl Pace {
    /// Puts a hold on what `reach` covers. A hold is never shortened by a later, smaller one: the answers of requests in
    /// flight arrive in any order.
    pub fn hold(&mut self, reach: Reach, wait: Duration, now: Instant) {
        self.forget(now);
        let Some(until) = now.checked_add(wait) else {
            return;
        };
        match reach {
            Reach::Everything => self.everything = self.everything.max(Some(until)),
            Reach::Endpoint(operation) => extend(self.endpoints.entry(operation).or_insert(until), until),
            Reach::Issue(issue) => extend(self.issues.entry(issue).or_insert(until), until),
        }
    }

    /// How long `operation` on `issue` has to wait; zero when it may go at once.
    pub fn wait(&self, operation: Operation, issue: Option<&str>, now: Instant) -> Duration {
        let on_issue = issue.filter(|_| operation.is_write()).and_then(|issue| self.issues.get(issue));
        let holds = self.everything.iter().chain(self.endpoints.get(&operation)).chain(on_issue);
        holds.max().map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Learns what is left of the budget: when it is low, requests are spread so that it lasts.
    pub fn learn(&mut self, budget: &Budget, now: Instant) {
        let spacing = budget.spacing();
        let (Some(soon), Some(until)) = (now.checked_add(spacing), now.checked_add(budget.lasts())) else { return };
        let next = self.steady.map_or(soon, |steady| steady.next.max(now));
        self.steady = (!spacing.is_zero()).then_some(Steady { spacing, next, until });
    }

    /// Takes the next turn among spread requests, and says how long it is until then; none is taken where that is longer than
    /// `longest`.
    pub fn take_turn(&mut self, now: Instant, longest: Duration) -> Result<Duration, Duration> {
        self.steady = self.steady.filter(|steady| steady.until > now);
        let Some(steady) = &mut self.steady else { return Ok(Duration::ZERO) };
        let turn = steady.next.max(now);
        let wait = turn.saturating_duration_since(now);
        if wait > longest {
            return Err(wait);
        }
        steady.next = turn.checked_add(steady.spacing).unwrap_or(turn);
        Ok(wait)
    }

    fn forget(&mut self, now: Instant) {
        self.everything = self.everything.filter(|until| *until > now);
        self.endpoints.retain(|_, until| *until > now);
        self.issues.retain(|_, until| *until > now);
    }
}

fn extend(held: &mut Instant, until: Instant) {
    *held = (*held).max(until);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jira::client::budget::Refill;

    const TEN: Duration = Duration::from_secs(10);

    fn reach(reason: &str, issue: Option<&str>) -> Reach {
        Reach::from_reason(Some(reason), Operation::AddComment, issue)
    }

    #[test]
    fn a_used_up_quota_holds_everything_and_so_does_a_429_without_a_reason() {
        for reason in [Some("jira-quota-global-based"), Some("jira-quota-tenant-based"), None] {
            let (now, mut pace) = (Instant::now(), Pace::default());
            pace.hold(Reach::from_reason(reason, Operation::CreateIssue, None), TEN, now);
            assert_eq!(pace.wait(Operation::Myself, None, now), TEN);
            assert_eq!(pace.wait(Operation::AddComment, Some("7"), now + TEN), Duration::ZERO);
        }
    }

    #[test]
    fn a_burst_holds_its_endpoint_alone() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        pace.hold(reach("jira-burst-based", Some("7")), TEN, now);
        assert_eq!(pace.wait(Operation::AddComment, Some("8"), now), TEN);
        assert_eq!(pace.wait(Operation::CreateIssue, None, now), Duration::ZERO);
    }

    #[test]
    fn too_many_writes_to_an_issue_hold_the_writes_to_that_issue() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        pace.hold(reach("jira-per-issue-on-write", Some("7")), TEN, now);
        assert_eq!(pace.wait(Operation::Attach, Some("7"), now), TEN);
        assert_eq!(pace.wait(Operation::ReadIssue, Some("7"), now), Duration::ZERO);
        assert_eq!(pace.wait(Operation::AddComment, Some("8"), now), Duration::ZERO);
    }

    #[test]
    fn a_low_budget_spreads_requests_until_there_is_plenty_again() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        let each = Duration::from_millis(200);
        let budget = |left| Budget { limit: 70, left, refill: Refill::Steadily(each) };
        let turn = |pace: &mut Pace, at| pace.take_turn(at, 2 * each);
        pace.learn(&budget(50), now);
        assert_eq!([turn(&mut pace, now), turn(&mut pace, now)], [Ok(Duration::ZERO); 2]);
        pace.learn(&budget(3), now);
        assert_eq!([turn(&mut pace, now), turn(&mut pace, now)], [Ok(each), Ok(2 * each)]);
        assert_eq!(turn(&mut pace, now), Err(3 * each), "that is too long, and takes nobody's turn");
        pace.learn(&budget(2), now + each);
        assert_eq!(turn(&mut pace, now + each), Ok(2 * each), "another answer changes nothing about whose turn it is");
        pace.learn(&budget(60), now + each);
        assert_eq!(turn(&mut pace, now + each), Ok(Duration::ZERO));
        pace.learn(&budget(0), now + each);
        assert_eq!(turn(&mut pace, now + 100 * each), Ok(Duration::ZERO), "it has filled up meanwhile");
    }

    #[test]
    fn a_later_smaller_hold_does_not_shorten_an_earlier_one() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        pace.hold(Reach::Everything, TEN, now);
        pace.hold(Reach::Everything, TEN / 2, now);
        assert_eq!(pace.wait(Operation::Search, None, now), TEN);
    }
}
