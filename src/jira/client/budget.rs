//! What is left of our budget of requests, as Jira tells it with its answers, and how far apart requests have to be so that it
//! lasts. Pure.

use std::time::Duration;

/// Below one in so many of the whole, requests are spread: where Cloud says `X-RateLimit-NearLimit`.
const NEAR: u64 = 5;

/// Jira's own word (429) stops what a longer distance would; this only keeps from running into it.
const LONGEST: Duration = Duration::from_secs(5);

/// A budget of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The whole of it.
    pub limit: u32,
    /// What is left.
    pub left: u32,
    /// How more comes.
    pub refill: Refill,
}

/// How a budget fills again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// One request after each such time: Data Center's token bucket.
    Steadily(Duration),
    /// All of it, in so much time: Cloud's quota.
    AtOnce(Duration),
}

impl Budget {
    /// How far apart requests are to be; zero while there is plenty.
    pub fn spacing(&self) -> Duration {
        if u64::from(self.left).saturating_mul(NEAR) >= u64::from(self.limit) {
            return Duration::ZERO;
        }
        let spacing = match self.refill {
            Refill::Steadily(each) => each,
            Refill::AtOnce(wait) => wait / self.left.saturating_add(1),
        };
        spacing.min(LONGEST)
    }

    /// For how long that holds where Jira tells nothing newer: until there is plenty again.
    pub fn lasts(&self) -> Duration {
        match self.refill {
            Refill::Steadily(each) => each.saturating_mul(self.limit.saturating_sub(self.left)),
            Refill::AtOnce(wait) => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spacing(left: u32, refill: Refill) -> Duration {
        Budget { limit: 100, left, refill }.spacing()
    }

    #[test]
    fn while_there_is_plenty_nobody_waits() {
        assert_eq!(spacing(20, Refill::Steadily(Duration::from_secs(1))), Duration::ZERO);
        let unlimited = Budget { limit: 0, left: 0, refill: Refill::AtOnce(Duration::from_secs(1)) };
        assert_eq!(unlimited.spacing(), Duration::ZERO);
    }

    #[test]
    fn a_bucket_that_is_nearly_empty_is_used_as_fast_as_it_fills() {
        let each = Duration::from_millis(200);
        assert_eq!(spacing(19, Refill::Steadily(each)), each);
        assert_eq!(spacing(0, Refill::Steadily(each)), each);
    }

    #[test]
    fn the_rest_of_a_quota_is_spread_over_the_rest_of_its_time() {
        assert_eq!(spacing(9, Refill::AtOnce(Duration::from_secs(10))), Duration::from_secs(1));
        assert_eq!(spacing(0, Refill::AtOnce(Duration::from_secs(3600))), LONGEST);
    }
}
