//! What thousands of mailboxes cost one process, and how soon a mail in any of them is an issue; beside another client that
//! does the same on the same machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use tokio::time::{Instant, sleep};

use super::arrivals::{self, Arrivals};
use super::doors::Doors;
use super::imapflow::Imapflow;
use super::line;
use super::mailboxes::{Mailbox, config, until_watched};
use crate::program::Program;
use crate::together::{Together, Wanted};
use crate::usage::Usage;

/// What the mailboxes' names begin with.
const NAME: &str = "idle";
/// What was needed to log in is given back meanwhile.
const REST: Duration = Duration::from_secs(10);
/// How long nothing happens.
const QUIET: Duration = Duration::from_secs(60);
/// Mails that then come.
const MAILS: usize = 600;

/// What watching came to.
struct Figures {
    /// Resident with no or one mailbox, and with all, in KiB.
    resident: (u64, u64),
    /// The same as PSS.
    proportional: (u64, u64),
    /// Mailboxes that make the difference.
    further: usize,
    /// Processor time until all were watched.
    start: Duration,
    /// The most connections that were opened within a second.
    busiest_second: usize,
    /// The share of one core that nothing took, in per cent.
    quiet: f64,
    arrivals: Arrivals,
}

pub async fn measure(count: usize, program: Option<&Path>) -> anyhow::Result<()> {
    println!("\n{count} mailboxes, each watched by IDLE over TLS at a Dovecot on this machine");
    let addresses: Vec<String> = (0..count).map(|index| format!("{NAME}{index}@load.example.test")).collect();
    let wanted = Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Many, settle: None };
    let together = Together::start(&wanted).await?;
    let doors = Doors::open(count, together.dovecot.ports().imaps).await?;
    let watch = Watch { together: &together, doors: &doors, addresses: &addresses };
    let ours = watch.by_mail2jira(program).await?;
    let theirs = watch.by_imapflow().await;
    report(&ours, theirs.as_ref().ok());
    theirs.map(|_| ()).context("the other client could not be measured; mail2jira's own figures stand above")
}

struct Watch<'w> {
    together: &'w Together,
    doors: &'w Doors,
    addresses: &'w [String],
}

impl Watch<'_> {
    async fn by_mail2jira(&self, program: Option<&Path>) -> anyhow::Result<Figures> {
        let alone = Program::find(program, &self.config("one", 1)?)?;
        let mut daemon = alone.run()?;
        until_watched(&alone, &mut daemon, NAME, 1).await?;
        sleep(REST).await;
        let before = Usage::of(&daemon.pid().to_string())?;
        daemon.stop().await?;
        self.doors.forget();
        let program = Program::find(program, &self.config("many", self.addresses.len())?)?;
        let mut daemon = program.run()?;
        until_watched(&program, &mut daemon, NAME, self.addresses.len()).await?;
        let figures = self.figures(daemon.pid(), before, "mail2jira", self.addresses.len() - 1).await?;
        daemon.must_run(&program)?;
        daemon.stop().await?;
        Ok(figures)
    }

    async fn by_imapflow(&self) -> anyhow::Result<Figures> {
        self.doors.forget();
        let mut imapflow = Imapflow::load(self.together, self.doors, self.addresses).await?;
        let before = Usage::of(&imapflow.pid()?.to_string())?;
        imapflow.watch_all().await?;
        self.figures(imapflow.pid()?, before, "imapflow", self.addresses.len()).await
    }

    /// Measures a process that has just begun to watch all mailboxes.
    async fn figures(&self, pid: u32, before: Usage, name: &str, further: usize) -> anyhow::Result<Figures> {
        let pid = pid.to_string();
        let start = Usage::of(&pid)?.cpu;
        let busiest_second = busiest_second(&self.doors.openings());
        sleep(REST).await;
        let rested = Usage::of(&pid)?;
        let began = Instant::now();
        sleep(QUIET).await;
        let quiet = Usage::of(&pid)?.cpu.saturating_sub(rested.cpu).as_secs_f64() / began.elapsed().as_secs_f64();
        let arrivals = arrivals::measure(self.together, self.doors, self.addresses, MAILS, name).await?;
        Ok(Figures {
            resident: (before.resident_kib, rested.resident_kib),
            proportional: (before.proportional_kib, rested.proportional_kib),
            further,
            start,
            busiest_second,
            quiet: quiet * 100.0,
            arrivals,
        })
    }

    /// A configuration with so many of the mailboxes, each behind its own door.
    fn config(&self, dir: &str, count: usize) -> anyhow::Result<PathBuf> {
        let mailboxes = self.addresses.iter().zip(self.doors.ports()).take(count);
        let mailboxes = mailboxes.map(|(address, port)| Mailbox::at_dovecot(self.together, address, port));
        config(self.together, dir, mailboxes)
    }
}

/// `openings` are in their order.
fn busiest_second(openings: &[Timestamp]) -> usize {
    let within = |first: usize| {
        let later = openings.iter().skip(first);
        let end = openings.get(first).map(|at| *at + Duration::from_secs(1));
        later.take_while(|at| end.is_some_and(|end| **at < end)).count()
    };
    (0..openings.len()).map(within).max().unwrap_or(0)
}

fn report(ours: &Figures, theirs: Option<&Figures>) {
    println!("  {:<46} {:>14} {:>14}", "", "mail2jira", "imapflow");
    let resident = |figures: &Figures| figures.each(figures.resident);
    row("resident, each further mailbox (KiB)", ours, theirs, resident, "goal: at most 48");
    row("  the same as PSS (KiB)", ours, theirs, |figures| figures.each(figures.proportional), "");
    row("CPU to sign all of them in (s)", ours, theirs, |figures| figures.start.as_secs_f64(), "");
    row("CPU while nothing happens (% of one core)", ours, theirs, |figures| figures.quiet, "goal: at most 2");
    let busiest = |figures: &Figures| u32::try_from(figures.busiest_second).map_or(f64::INFINITY, f64::from);
    row("most connections opened within a second", ours, theirs, busiest, "imapflow paced by its script");
    println!("{MAILS} mails, 20 a second, in as many mailboxes");
    for percent in [50, 99] {
        let (announced, became) =
            (format!("server's announcement, p{percent} (ms)"), format!("  from there to the issue, p{percent} (ms)"));
        row(&announced, ours, theirs, |figures| figures.arrivals.announced.percentile(percent), "");
        let goal = if percent == 99 { "goal: at most 200" } else { "" };
        row(&became, ours, theirs, |figures| figures.arrivals.became_issue.percentile(percent), goal);
    }
}

impl Figures {
    /// What each further mailbox makes of a difference.
    fn each(&self, (before, after): (u64, u64)) -> f64 {
        let float = |number: u64| u32::try_from(number).map_or(f64::INFINITY, f64::from);
        let further = u32::try_from(self.further.max(1)).map_or(f64::INFINITY, f64::from);
        (float(after) - float(before)) / further
    }
}

/// A line with both figures, and how many times ours theirs is.
fn row(what: &str, ours: &Figures, theirs: Option<&Figures>, of: impl Fn(&Figures) -> f64, goal: &str) {
    let ours = of(ours);
    let compared = match theirs.map(of) {
        Some(theirs) => format!("{theirs:>12.1}   {:.1} times", theirs / ours),
        None => format!("{:>12}            ", "?"),
    };
    line(what, &format!("{ours:.1}"), &format!("{compared}   {goal}"));
}
