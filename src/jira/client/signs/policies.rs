//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): budgets by name, as Jira Cloud tells them since 2026,
//! with `Beta-` in front as long as it enforces none. Pure.

use std::time::Duration;

use crate::jira::client::budget::{Budget, Refill};

/// The longest time to the next refill that is believed: Atlassian's quotas start anew every hour.
const LONGEST: Duration = Duration::from_secs(3600);

/// The budget of which the smallest part is left. `policies` is as `"jira-burst-based";q=100;w=1`, `left` as
/// `"jira-burst-based";r=99;t=1`, both with any number of items.
pub(super) fn tightest(policies: &str, left: &str) -> Option<Budget> {
    let budgets = left.split(',').filter_map(|item| {
        let (name, remaining) = (name(item), number(item, "r")?);
        let policy = policies.split(',').find(|policy| self::name(policy) == name)?;
        let wait = Duration::from_secs(number(item, "t")?.into()).min(LONGEST);
        Some(Budget { limit: number(policy, "q")?, left: remaining, refill: Refill::AtOnce(wait) })
    });
    // The same part of a larger budget is as tight: compared without dividing.
    budgets.min_by(|one, other| {
        let part = |of: &Budget, other: &Budget| u64::from(of.left) * u64::from(other.limit);
        part(one, other).cmp(&part(other, one))
    })
}

fn name(item: &str) -> &str {
    item.split(';').next().unwrap_or_default().trim().trim_matches('"')
}

fn number(item: &str, parameter: &str) -> Option<u32> {
    let values = item.split(';').filter_map(|part| part.trim().split_once('='));
    values.into_iter().find(|(key, _)| *key == parameter)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_budgets_the_one_that_is_nearly_used_up_counts() {
        let policies = "\"jira-burst-based\";q=100;w=1, \"jira-quota-tenant-based\";q=65000;w=3600";
        let told = tightest(policies, "\"jira-burst-based\";r=40;t=1, \"jira-quota-tenant-based\";r=650;t=1800");
        let refill = Refill::AtOnce(Duration::from_secs(1800));
        assert_eq!(told, Some(Budget { limit: 65_000, left: 650, refill }));
        for (policies, left) in
            [("", ""), (policies, "\"other\";r=1;t=1"), ("\"a\";q=x", "\"a\";r=1;t=1"), ("\"a\";q=5", "\"a\"")]
        {
            assert_eq!(tightest(policies, left), None, "{policies} {left}");
        }
    }
}
