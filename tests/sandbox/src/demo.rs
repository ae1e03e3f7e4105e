//! `sandbox demo`: two dozen mails become issues while somebody looks on. Says at the end whether each became what it should.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use sandbox::mails::{Occasion, Outcome, Sample, reply_to_jira, samples};
use sandbox::oauth;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::post;
use crate::program::{Program, Running};
use crate::together::{Together, Wanted, mailbox_name};

use self::ledger::Ledger;

mod ledger;

const ADDRESS: &str = "support@example.test";
/// How long all mails together may take.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(250);
/// Between two mails, where a person looks on.
const PAUSE: Duration = Duration::from_millis(700);

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Click the consent page too, and end after the summary
    #[arg(long)]
    auto: bool,
    /// With --auto: keep running after the summary all the same
    #[arg(long)]
    keep: bool,
    /// The mail2jira to show, if not the one built beside this program
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Plays the whole demo; fails when something did not come out as it should.
pub async fn run(arguments: DemoArgs) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = Box::pin(play(&arguments)) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn play(arguments: &DemoArgs) -> anyhow::Result<()> {
    heading("1. A mail server, a sign-in page and a Jira of your own");
    let addresses = [ADDRESS.to_owned()];
    let wanted =
        Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let together = Together::start(&wanted).await?;
    together.write_facts()?;
    println!("{}\n\nAll of it listens on this machine alone, and is gone when the demo ends.", together.describe());
    let program = Program::find(arguments.program.as_deref(), &together.config)?;

    heading("2. Consent: a person allows mail2jira to read the mailbox");
    consent(&program, arguments).await?;

    heading("3. The daemon, and two dozen mails");
    println!("{} run --config {}", program.binary().display(), together.config.display());
    println!("Watch them arrive: {}\n", together.jira.url());
    let mut daemon = program.run()?;
    let pause = if arguments.auto { Duration::ZERO } else { PAUSE };
    let faults = Box::pin(show(&together, &program, &mut daemon, pause)).await?;

    heading("4. What came of it");
    summarize(&together, &faults);
    if arguments.auto && !arguments.keep {
        println!("\nmail2jira ends at SIGTERM: {}", daemon.stop().await?);
    } else {
        look_around(&together, &program, &mut daemon).await?;
    }
    if faults.is_empty() { Ok(()) } else { bail!("{} mails did not become what they should", faults.len()) }
}

async fn consent(program: &Program, arguments: &DemoArgs) -> anyhow::Result<()> {
    let name = mailbox_name(ADDRESS);
    println!("mail2jira authorize {name}\n");
    let visit = async |url: String| {
        if arguments.auto {
            println!("AUTO=1: pressing \"Allow\" on the consent page for you.");
            oauth::auto_consent(&url).await?;
        } else {
            println!("Please open this page and press \"Allow\":\n\n  {url}\n\nWaiting for you ...");
            open_browser(&url);
        }
        Ok(())
    };
    program.authorize(name, visit).await?;
    println!("Thank you. The consent is kept, encrypted; the password was never asked for.");
    Ok(())
}

/// Only where there is a screen: a browser in the terminal would fight with us over it.
fn open_browser(url: &str) {
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if screen {
        let mut command = Command::new("xdg-open");
        let quiet = std::process::Stdio::null;
        let _ = command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn(); // the address is printed, too
    }
}

/// Delivers the samples, tells what becomes of them, and then answers a notification by Jira. What is wrong is returned.
async fn show(
    together: &Together,
    program: &Program,
    daemon: &mut Running,
    pause: Duration,
) -> anyhow::Result<Vec<String>> {
    let occasion = Occasion::now(ADDRESS);
    let mut sent = samples(&occasion);
    let mut ledger = Ledger::default();
    let (posted, watched) =
        tokio::join!(post_slowly(together, &sent, pause), watch(&mut ledger, &sent, together, program, daemon));
    posted.and(watched)?;
    if let Some(key) = ledger.key_of("badge")
        && let Some(issue) = together.jira.issue(key)
    {
        println!("\nA real Jira now mails Ann that {key} was received; she answers that mail:");
        let (id, created, now) = (issue.id, issue.created.as_millisecond(), millisecond_now());
        let answer = reply_to_jira(&occasion, &format!("JIRA.{id}.{created}.1.{now}@Atlassian.JIRA"));
        together.inbox().deliver(&answer.raw)?;
        sent.push(answer);
        watch(&mut ledger, &sent, together, program, daemon).await?;
    }
    Ok(sent.iter().filter_map(|sample| ledger.fault(sample, &together.jira)).collect())
}

async fn post_slowly(together: &Together, samples: &[Sample], pause: Duration) -> anyhow::Result<()> {
    for sample in samples {
        together.inbox().deliver(&sample.raw)?;
        sleep(pause).await;
    }
    Ok(())
}

/// Prints what became of each mail as soon as that is known; returns when all are known or the patience is over.
async fn watch(
    ledger: &mut Ledger,
    sent: &[Sample],
    together: &Together,
    program: &Program,
    daemon: &mut Running,
) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        daemon.must_run(program)?;
        let list = program.ask(&["--log-level", "error", "messages", "list", "--limit", "1000", "--json"]).await?;
        for line in ledger.learn(&list, sent, &together.jira) {
            println!("{line}");
        }
        if ledger.knows_all(sent) {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    println!("(not waiting any longer)");
    Ok(())
}

fn summarize(together: &Together, faults: &[String]) {
    let issues = together.jira.issues();
    let comments: usize = issues.iter().map(|issue| issue.comments.len()).sum();
    let files: usize = issues.iter().map(|issue| issue.attachments.len()).sum();
    println!("Jira holds {} issues, {comments} comments and {files} files: {}", issues.len(), together.jira.url());
    if faults.is_empty() {
        println!("Every mail became what it should, exactly once.");
    }
    for fault in faults {
        println!("NOT AS IT SHOULD BE: {fault}");
    }
}

async fn look_around(together: &Together, program: &Program, daemon: &mut Running) -> anyhow::Result<()> {
    let (config, binary) = (together.config.display(), program.binary().display());
    println!("\nEverything keeps running until you press Ctrl-C. Some things to try:");
    println!("  open       {}", together.jira.url());
    println!("  send mail  {} send --dir {} MAIL.eml", own_name(), together.dir.display());
    println!("  ask        {binary} --config {config} status");
    println!("             {binary} --config {config} messages list");
    println!("  log        {}", program.log().display());
    let inbox = together.inbox();
    tokio::select! {
        carried = post::carry(&together.dir, &inbox) => carried,
        died = stay(program, daemon) => died,
    }
}

async fn stay(program: &Program, daemon: &mut Running) -> anyhow::Result<()> {
    loop {
        daemon.must_run(program)?;
        sleep(LOOK).await;
    }
}

fn own_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).map_or_else(|_| path.display().to_string(), |path: &Path| path.display().to_string())
}

fn heading(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.chars().count()));
}

#[expect(clippy::disallowed_methods, reason = "a notification carries the time at which it was sent")]
fn millisecond_now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// What should become of a mail, in a few words.
fn wish(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NewIssue => "new issue",
        Outcome::CommentOn(_) | Outcome::CommentOnNotified => "comment",
        Outcome::Ignored => "nothing",
    }
}
