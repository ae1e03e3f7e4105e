//! How long to wait, and when to look again. Pure: chance comes in as a number from 0 to 1.

use std::time::Duration;

use jiff::Timestamp;

/// The first wait after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait between tries to write to Jira.
const LONGEST_DELIVERY: Duration = Duration::from_secs(60);
/// The longest wait between tries to open a mailbox.
const LONGEST_CONNECT: Duration = Duration::from_secs(120);
/// The longest wait between tries to tell a person something.
const LONGEST_ALERT: Duration = Duration::from_secs(900);
/// The longest wait between looks at a Jira that is shut.
const LONGEST_GATE: Duration = Duration::from_secs(60);

/// No wait for Jira is as long, whatever it asks for: who waits longer was told so by a clock that has been set back since.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2 * 3600);

/// The time after a wait; the end of all time where there is no such.
pub fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long to wait before a message is tried again after `attempts` failures, unless the server asked for more.
pub fn delivery(attempts: u32, asked: Option<Duration>, chance: f64) -> Duration {
    jittered(doubled(attempts, LONGEST_DELIVERY), chance).max(asked.unwrap_or_default())
}

/// How long to wait before a mailbox is opened again after `failures` in a row. A wait that the server named is kept in
/// full, and a little more, so that those who were sent away together do not come back together.
pub fn connect(failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let asked = asked.map(|asked| asked.mul_f64(1.0 + 0.1 * chance.clamp(0.0, 1.0)));
    jittered(doubled(failures, LONGEST_CONNECT), chance).max(asked.unwrap_or_default())
}

/// How long to wait before an alert is tried again after `attempts` in vain.
pub fn alert(attempts: u32, chance: f64) -> Duration {
    jittered(doubled(attempts, LONGEST_ALERT), chance)
}

/// How long Jira is left alone after `failures` in a row.
pub fn gate(failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
    jittered(doubled(failures, LONGEST_GATE), chance).max(asked.unwrap_or_default())
}

fn doubled(failures: u32, longest: Duration) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(longest)
}

/// Spread over 0.7 to 1.3 of the wait, so that what failed together does not come back together.
fn jittered(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.7 + 0.6 * chance.clamp(0.0, 1.0))
}

/// When to look for a write of unknown outcome: soon at first, since most are there at once, and for the last time when
/// the settle time is over, because only then "not found" may be believed. `over`: when the request was, for certain. `None`: that
/// time is over.
pub fn next_look(over: Timestamp, now: Timestamp, settle: Duration) -> Option<Timestamp> {
    [0.03, 0.2, 0.6, 1.0].into_iter().find_map(|part| {
        let at = over.checked_add(settle.mul_f64(part)).unwrap_or(Timestamp::MAX);
        (at > now).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_are_never_shorter_than_asked() {
        assert_eq!(delivery(0, None, 0.5), Duration::from_secs(1));
        assert_eq!(delivery(3, None, 0.5), Duration::from_secs(8));
        assert_eq!(delivery(40, None, 0.5), LONGEST_DELIVERY);
        assert_eq!(delivery(0, Some(Duration::from_secs(77)), 0.5), Duration::from_secs(77));
        assert_eq!(connect(3, Some(Duration::from_secs(300)), 0.5), Duration::from_secs(315));
        assert!(delivery(3, None, 0.0) < delivery(3, None, 1.0));
    }

    #[test]
    fn a_write_of_unknown_outcome_is_looked_for_until_it_has_settled() {
        let sent_at = Timestamp::UNIX_EPOCH;
        let settle = Duration::from_secs(100);
        let mut now = sent_at;
        let mut looks = Vec::new();
        while let Some(at) = next_look(sent_at, now, settle) {
            looks.push(at.as_second());
            now = at;
        }
        assert_eq!(looks, [3, 20, 60, 100]);
    }
}
