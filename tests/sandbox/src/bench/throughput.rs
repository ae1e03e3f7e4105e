//! From a full mailbox to Jira, without and with latency, beside a raw fetch of the same mailbox in the same run.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use sandbox::dovecot::{Flag, Folder, Load};
use sandbox::jira::faults::{Effect, Fault};
use sandbox::jira::site::Product;
use sandbox::mails;
use tokio::time::{Instant, sleep};

use super::raw::{self, RawFetch};
use super::{authorized, line};
use crate::program::Program;
use crate::together::{PASSWORD, Together, Wanted};
use crate::usage::Usage;

/// Bytes of a mail.
const SIZE: usize = 10_000;
/// The default of `[limits].deliveries`.
const WINDOW: f64 = 16.0;
const LATENCY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(600);

/// What one run came to.
struct Passage {
    /// From the first request to create an issue to the last answer.
    seconds: f64,
    /// Of mail2jira, from its start until every mail is marked as read.
    daemon: Usage,
    /// Of the stand-ins in the meantime, seconds.
    stand_ins_cpu: f64,
    /// From the start until every mail is marked as read.
    wall: f64,
}

pub async fn measure(count: usize, program: Option<&Path>) -> anyhow::Result<()> {
    println!("{count} mails of {SIZE} bytes, from a full mailbox into Jira");
    let mailbox = |name: &str| format!("{name}@load.example.test");
    let addresses = [mailbox("fast"), mailbox("slow")];
    let wanted =
        Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let together = Together::start(&wanted).await?;
    for address in &addresses {
        together.dovecot.inbox(address).deliver_all(mails::plain(count, SIZE))?;
    }
    let (port, ca_file) = (together.dovecot.ports().imaps, together.dovecot.ca_file());
    // The first look at a folder makes Dovecot's index: both yardstick and program find it made.
    for address in &addresses {
        raw::fetch(port, ca_file, address, PASSWORD).await?;
    }
    let fetch = raw::fetch(port, ca_file, &mailbox("fast"), PASSWORD).await?;
    let fast = pass(&together, "fast", count, program).await?;
    together.jira.add_fault(Fault::always(Effect::delay(LATENCY)));
    let slow = pass(&together, "slow", count, program).await?;
    report(count, &fetch, &fast, &slow);
    Ok(())
}

/// One run of the daemon over one mailbox, with a ledger of its own.
async fn pass(together: &Together, name: &str, count: usize, program: Option<&Path>) -> anyhow::Result<Passage> {
    let addresses = [format!("{name}@load.example.test")];
    let wanted =
        Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let config = together.write_config(&together.dir.join(name), &wanted)?;
    let program = authorized(&config, program, &[name]).await?;
    let (before, requests, started) = (Usage::of("self")?, together.jira.requests().len(), Instant::now());
    let mut daemon = program.run()?;
    let inbox = together.dovecot.inbox(&addresses[0]);
    while unread(&inbox)? > 0 || started.elapsed() < Duration::from_secs(1) {
        daemon.must_run(&program)?;
        if started.elapsed() > PATIENCE {
            bail!("not through after {} s:\n{}", PATIENCE.as_secs(), program.last_words());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let wall = started.elapsed().as_secs_f64();
    let usage = Usage::of(&daemon.pid().to_string())?;
    let stand_ins_cpu = Usage::of("self")?.cpu.saturating_sub(before.cpu).as_secs_f64();
    daemon.stop().await?;
    let seconds = create_seconds(together, requests);
    check(together, &program, count)?;
    Ok(Passage { seconds, daemon: usage, stand_ins_cpu, wall })
}

fn unread(inbox: &Folder) -> anyhow::Result<usize> {
    Ok(inbox.mails()?.iter().filter(|mail| !mail.has(Flag::Seen)).count())
}

/// From the first request that creates an issue to the end of the last one.
fn create_seconds(together: &Together, skip: usize) -> f64 {
    let requests = together.jira.requests();
    let creates = requests.iter().skip(skip).filter(|entry| entry.method == "POST" && entry.path.ends_with("/issue"));
    let times: Vec<_> = creates.map(|entry| (entry.at, entry.ended)).collect();
    let first = times.iter().map(|(at, _)| *at).min();
    let last = times.iter().map(|(_, ended)| *ended).max();
    first.zip(last).map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64())
}

/// A fast run that lost something is no figure.
fn check(together: &Together, program: &Program, count: usize) -> anyhow::Result<()> {
    let issues = together.jira.issues().len();
    if issues.is_multiple_of(count) { Ok(()) } else { bail!("{issues} issues:\n{}", program.last_words()) }
}

fn report(count: usize, fetch: &RawFetch, fast: &Passage, slow: &Passage) {
    let mails = u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let cpu = |passage: &Passage| passage.daemon.cpu.as_secs_f64() * 1000.0 / mails;
    let rate = |seconds: f64| format!("{:.0}/s", mails / seconds);
    let allowed = WINDOW / LATENCY.as_secs_f64();
    line("raw IMAP fetch over TLS", &rate(fetch.seconds), "");
    line("  CPU-ms a mail", &format!("{:.3}", fetch.cpu_ms / mails), "");
    line("mail2jira, Jira answers at once", &rate(fast.seconds), "");
    line("  the same with start and acknowledging", &rate(fast.wall), "");
    line("  CPU-ms a mail, the whole daemon", &format!("{:.3}", cpu(fast)), "goal: at most 0.6");
    line("  that is, times the raw fetch", &format!("{:.1}", cpu(fast) * mails / fetch.cpu_ms), "");
    line("  CPU-ms a mail of the stand-ins beside it", &format!("{:.3}", fast.stand_ins_cpu * 1000.0 / mails), "");
    memory(fast, mails);
    line("mail2jira, Jira takes 200 ms a request", &rate(slow.seconds), &format!("the window allows {allowed:.0}/s"));
    line("  share of what the window allows", &format!("{:.2}", mails / slow.seconds / allowed), "goal: at least 0.9");
    line("  CPU-ms a mail, the whole daemon", &format!("{:.3}", cpu(slow)), "");
    memory(slow, mails);
}

fn memory(passage: &Passage, mails: f64) {
    let peak = u32::try_from(passage.daemon.peak_kib).map_or(f64::INFINITY, f64::from);
    line("  peak memory", &format!("{:.1} MiB", peak / 1024.0), "");
    line("  peak memory a mail", &format!("{:.1} KiB", peak / mails), "");
}
