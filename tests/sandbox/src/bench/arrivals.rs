//! Mail that arrives in watched mailboxes one by one, and how long each took: until the server announced it, and from there
//! until its issue was there. Knows nothing of who watches.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use sandbox::clock;
use tokio::time::{Instant, sleep, sleep_until};

use super::doors::Doors;
use crate::together::Together;

/// So many mails come in a second.
pub const A_SECOND: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// How long things took, in milliseconds, in rising order.
#[derive(Debug, Default)]
pub struct Delays(Vec<f64>);

/// How long all mails took.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// From the delivery into the mailbox to the server's announcement.
    pub announced: Delays,
    /// From the announcement to the issue.
    pub became_issue: Delays,
}

impl Delays {
    /// Those, in whatever order.
    pub fn of(mut delays: Vec<f64>) -> Self {
        delays.sort_unstable_by(f64::total_cmp);
        Self(delays)
    }

    /// The delay that so many per cent did not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Delivers a mail to each of so many mailboxes, spread over all, and waits for the issues. `name` tells them from others.
pub async fn measure(
    together: &Together,
    doors: &Doors,
    addresses: &[String],
    count: usize,
    name: &str,
) -> anyhow::Result<Arrivals> {
    let step = (addresses.len() / count.max(1)).max(1);
    let chosen: Vec<(usize, &String)> = addresses.iter().enumerate().step_by(step).take(count).collect();
    let (began, mut delivered) = (Instant::now(), HashMap::new());
    for (number, (door, address)) in (0_u32..).zip(&chosen) {
        sleep_until(began + Duration::from_secs(1) * number / A_SECOND).await;
        let subject = format!("{name} {number}");
        doors.listen(*door);
        delivered.insert(subject.clone(), (*door, clock::now()));
        together.dovecot.inbox(address).deliver(letter(&subject, number).as_bytes())?;
    }
    let issues = issues(together, name, chosen.len()).await?;
    let mut waits = (Vec::new(), Vec::new());
    for (subject, created) in issues {
        let Some((door, delivered)) = delivered.remove(&subject) else { bail!("an issue too many: {subject}") };
        let Some(announced) = doors.spoke(door) else { bail!("an issue without an announcement: {subject}") };
        waits.0.push(milliseconds(delivered, announced));
        waits.1.push(milliseconds(announced, created));
    }
    Ok(Arrivals { announced: Delays::of(waits.0), became_issue: Delays::of(waits.1) })
}

async fn issues(together: &Together, name: &str, count: usize) -> anyhow::Result<Vec<(String, Timestamp)>> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut issues = together.jira.created();
        issues.retain(|(summary, _)| summary.starts_with(name));
        if issues.len() >= count {
            return Ok(issues);
        }
        if Instant::now() > until {
            bail!("only {} of {count} mails became issues", issues.len());
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// From one moment to another, negative where they come the other way round.
pub fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}

/// A small mail.
pub fn letter(subject: &str, number: u32) -> String {
    let id = subject.replace(' ', "-");
    format!(
        "From: Sender {number} <sender-{number}@load.example.test>\r\nTo: load@example.test\r\nSubject: {subject}\r\n\
         Message-ID: <{id}@load.example.test>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nPlease look at this.\r\n"
    )
}
