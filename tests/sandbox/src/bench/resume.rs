//! How long mail stands still around a dead consent: from the provider's refusal to the alarm, and from a new consent to the
//! log-in and to Jira.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use sandbox::clock;
use sandbox::dovecot::{Load, Service};
use sandbox::jira::site::Product;
use sandbox::mails;
use sandbox::oauth::{self, Command};
use tokio::time::{Instant, sleep};

use super::arrivals::{Delays, milliseconds};
use super::doors::Doors;
use super::line;
use crate::program::{Program, Running};
use crate::together::{Together, Wanted, mailbox_name};

const ADDRESS: &str = "consent@example.test";
const ROUNDS: usize = 10;
/// Mails that come while there is no consent.
const MEANWHILE: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// What one dead consent cost, in milliseconds.
#[derive(Debug, Default)]
struct Costs {
    until_known: Vec<f64>,
    until_log_in: Vec<f64>,
    until_first: Vec<f64>,
    until_last: Vec<f64>,
}

pub async fn measure(program: Option<&Path>) -> anyhow::Result<()> {
    println!("\nA consent is revoked, {MEANWHILE} mails come, a person runs `authorize`: {ROUNDS} times");
    let addresses = [ADDRESS.to_owned()];
    let wanted =
        Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let together = Together::start(&wanted).await?;
    let doors = Doors::open(1, together.dovecot.ports().imaps).await?;
    let config = std::fs::read_to_string(&together.config)?;
    let through_the_door = doors.ports().next().context("there is no door")?;
    let port = format!("port = {}\n", together.dovecot.ports().imaps);
    std::fs::write(&together.config, config.replace(&port, &format!("port = {through_the_door}\n")))?;
    let program = super::authorized(&together.config, program, &[mailbox_name(ADDRESS)]).await?;
    let mut costs = Costs::default();
    for round in 0..ROUNDS {
        let mut daemon = program.run()?; // each time: one that is cut off again and again believes no IDLE any more
        is_state(&program, &mut daemon, "watching").await?;
        costs.add(&together, (&program, &mut daemon), &doors).await.with_context(|| format!("round {round}"))?;
        daemon.stop().await?;
    }
    costs.report();
    Ok(())
}

impl Costs {
    async fn add(
        &mut self,
        together: &Together,
        (program, daemon): (&Program, &mut Running),
        doors: &Doors,
    ) -> anyhow::Result<()> {
        let issues = together.jira.issues().len();
        let refused = clock::now();
        together.provider.control(Command::RevokeAll)?;
        together.dovecot.kill(Service::Imap)?;
        is_state(program, daemon, "needs_consent").await?;
        self.until_known.push(milliseconds(refused, clock::now()));
        together.inbox().deliver_all((issues..issues + MEANWHILE).map(|number| mails::plain_mail(number, 2_000)))?;
        let name = mailbox_name(ADDRESS);
        doors.forget();
        program.authorize(name, async |url: String| oauth::auto_consent(&url).await.map(|_| ())).await?;
        let consented = clock::now();
        let came = until(async || Ok(together.jira.issues().len() >= issues + MEANWHILE)).await;
        came.with_context(|| format!("mail does not flow again:\n{}", program.last_words()))?;
        // `authorize` opens the mailbox once to try it; it may be at that still when the daemon has noticed.
        let [.., opened] = doors.openings()[..] else { bail!("nobody logged in") };
        let since = |at: Timestamp| milliseconds(consented, at).max(0.0);
        let created: Vec<Timestamp> = together.jira.issues().iter().skip(issues).map(|issue| issue.created).collect();
        self.until_log_in.push(since(opened));
        self.until_first.extend(created.iter().min().map(|at| since(*at)));
        self.until_last.extend(created.iter().max().map(|at| since(*at)));
        Ok(())
    }

    fn report(self) {
        for (what, delays, goal) in [
            ("from the refusal until `status` tells it", self.until_known, "goal: 60 s"),
            ("from `authorize` until the daemon logs in", self.until_log_in, "goal: 5 s"),
            ("from `authorize` until the first mail is in Jira", self.until_first, ""),
            ("from `authorize` until the last one is", self.until_last, ""),
        ] {
            let delays = Delays::of(delays);
            let values = format!("{:.0} / {:.0} ms", delays.percentile(50), delays.percentile(100));
            line(&format!("{what}: median / longest"), &values, goal);
        }
    }
}

async fn is_state(program: &Program, daemon: &mut Running, wanted: &str) -> anyhow::Result<()> {
    let known = until(async || {
        daemon.must_run(program)?;
        let status = program.ask(&["--log-level", "error", "status", "--json"]).await?;
        let state = status.first().and_then(|status| status.pointer("/mailboxes/0/state")?.as_str());
        Ok(state == Some(wanted))
    });
    known.await.with_context(|| format!("in vain for the state {wanted}:\n{}", program.last_words()))
}

async fn until(mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !is_so().await? {
        ensure!(Instant::now() < end, "not within {} s", PATIENCE.as_secs());
        sleep(LOOK).await;
    }
    Ok(())
}
