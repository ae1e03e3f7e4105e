//! Turns for connecting, so that no server sees a storm when thousands of mailboxes start, or come back, together. Counts
//! starts only; how many connections stay open is their owners' affair.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::sync::locked;

/// The time between two connections to one host: 25 a second, so that 2,000 mailboxes are open after 80 s, and a login
/// server that needs 10 ms of processor time for each handshake and login is busy for a quarter of it.
const BETWEEN: Duration = Duration::from_millis(40);

/// Turns by host.
#[derive(Debug, Default)]
pub struct Pace(Mutex<BTreeMap<Box<str>, Instant>>);

impl Pace {
    /// Waits for the next turn to connect to `host`. Other hosts' turns are not affected.
    pub async fn turn(&self, host: &str) {
        sleep_until(self.next(host, Instant::now())).await;
    }

    fn next(&self, host: &str, now: Instant) -> Instant {
        let mut turns = locked(&self.0);
        turns.retain(|_, free| *free > now);
        let free = turns.entry(host.into()).or_insert(now);
        let turn = *free;
        *free = turn + BETWEEN;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_at_one_host_go_one_by_one_and_another_host_goes_at_once() {
        let (pace, now) = (Pace::default(), Instant::now());
        let turns: Vec<Instant> = (0..1000).map(|_| pace.next("imap.example.com", now)).collect();
        assert_eq!(turns[0], now);
        assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == BETWEEN));
        assert_eq!(pace.next("other.example.com", now), now);
        let later = now + Duration::from_secs(3600);
        assert_eq!(pace.next("imap.example.com", later), later, "unused turns do not add up");
    }
}
