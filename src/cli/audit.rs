//! `audit`: mailboxes, ledger and Jira compared for a period. Reads only.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::run::doors;
use super::{Failure, jira_keys, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailboxSettings, file};
use crate::jira::client::{Client, Timeouts};
use crate::oauth::tokens::Holder;
use crate::pipeline::audit::Auditor;
use crate::store::audit::Period;

/// `audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// From then on: a day, a time, or how long ago
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = when)]
    pub since: When,
    /// Before then, in the same words [default: now]
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub until: Option<When>,
    /// Only this mailbox
    #[arg(long, value_name = "NAME")]
    pub mailbox: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A time as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The time itself; a day begins at midnight, UTC.
    At(Timestamp),
    /// A time ago, counted from now.
    Ago(SignedDuration),
}

impl When {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    if let Ok(day) = text.parse::<Date>() {
        let midnight = day.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
        return Ok(When::At(midnight.timestamp()));
    }
    let ago = file::duration(text).map_err(|_| "write a day, as 2026-11-21, a time, as 2026-11-21T10:00:00Z, or 7d")?;
    SignedDuration::try_from(ago).map(When::Ago).map_err(|error| error.to_string())
}

/// Compares, and prints what is not as it should be; a failure where there is anything.
pub async fn run(args: &AuditArgs, config: &Config) -> Result<(), Failure> {
    let now = SystemClock.now();
    let period = Period {
        since: args.since.before(now),
        until: args.until.map_or_else(|| now + SignedDuration::from_mins(1), |until| until.before(now)),
    };
    if period.since >= period.until {
        return Err(Failure::new("the period ends before it begins").with_hint("`--since` comes before `--until`"));
    }
    let mailboxes = mailboxes(args, config)?;
    let Some(ledger) = opened::ledger_if_any(config).await? else {
        return Err(
            Failure::new("there is no ledger yet: nothing has ever run").with_hint("run `mail2jira run --once`")
        );
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = jira_keys::keys(&config.jira, &ledger, &clock, Holder::Command);
    let jira = Client::new(&config.jira, keys, clock.clone(), Timeouts::default());
    let jira = jira.context("cannot set up the connection to Jira")?;
    let make_door = doors(ledger.clone(), clock.clone(), Holder::Command);
    let auditor = Auditor { ledger: &ledger, config, jira: &jira, clock: &*clock, progress: &report::progress };
    let audit = auditor.audit(&mailboxes, &make_door, period).await.context("cannot read the ledger")?;
    if args.json {
        report::json_document(&audit)?;
    } else {
        report::bytes(audit.to_text().as_bytes())?;
    }
    if audit.healthy { Ok(()) } else { Err(Failure::Reported) }
}

fn mailboxes<'c>(args: &AuditArgs, config: &'c Config) -> Result<Vec<&'c MailboxSettings>, Failure> {
    let wanted =
        |settings: &&MailboxSettings| args.mailbox.as_deref().is_none_or(|name| settings.name.as_str() == name);
    let mailboxes: Vec<_> = config.mailboxes.values().filter(wanted).collect();
    match (&args.mailbox, mailboxes.is_empty()) {
        (Some(name), true) => Err(Failure::new(format!("there is no mailbox `{name}` in the configuration"))),
        (Some(_), false) | (None, _) => Ok(mailboxes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_begins_at_a_day_a_time_or_so_long_ago() {
        let midnight = "2026-11-21T00:00:00Z".parse().unwrap();
        assert_eq!(when("2026-11-21"), Ok(When::At(midnight)));
        assert_eq!(when("2026-11-21T01:00:00+01:00"), Ok(When::At(midnight)));
        assert_eq!(when("7d"), Ok(When::Ago(SignedDuration::from_hours(7 * 24))));
        assert!(when("yesterday").is_err() && when("7").is_err());
    }
}
