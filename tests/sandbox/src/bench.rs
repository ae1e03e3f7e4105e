//! `sandbox bench`: what a mail costs on its way, and what an idle mailbox costs. Prints ratios; fails on none of them.
//!
//! The stand-ins run in this process, mail2jira in one of its own, and so do those that it is compared with.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, ValueEnum};
use sandbox::oauth;
use tokio::signal::unix::{SignalKind, signal};

use crate::program::Program;

pub mod raw;

mod arrivals;
mod doors;
mod idle;
mod imapflow;
mod large;
mod mailboxes;
mod neighbours;
mod parse;
mod resume;
mod throughput;

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// How many mails of 10 KB are in the mailbox
    #[arg(long, default_value_t = 2_000)]
    mails: usize,
    /// How many mailboxes are watched at once
    #[arg(long, default_value_t = 2_000)]
    mailboxes: usize,
    /// MiB of the large mail
    #[arg(long, default_value_t = 150)]
    large: usize,
    /// Measure this alone
    #[arg(long)]
    only: Option<Part>,
    /// The mail2jira to measure, if not the one built beside this program
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A full mailbox's way into Jira
    Throughput,
    /// Mailboxes in which nothing, or little, happens
    Idle,
    /// One very large mail
    Large,
    /// How long mail waits while other mailboxes are in trouble
    Neighbours,
    /// How long mail stands still around a dead consent
    Resume,
    /// Understanding a mail, beside mail-parser alone
    Parse,
}

/// Measures everything, one thing at a time.
pub async fn run(arguments: BenchArgs) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = Box::pin(measure(&arguments)) => outcome,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn measure(arguments: &BenchArgs) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("This is a debug build: the figures mean nothing. `make bench` makes a release build.\n");
    }
    let program = arguments.program.as_deref();
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    if wanted(Part::Idle)
        && let Err(missing) = imapflow::directory()
    {
        println!("{missing:#}\n"); // before much time is spent on half of a comparison
    }
    if wanted(Part::Parse) {
        parse::measure().await?;
    }
    if wanted(Part::Throughput) {
        throughput::measure(arguments.mails, program).await?;
    }
    if wanted(Part::Large) {
        large::measure(arguments.large, program).await?;
    }
    if wanted(Part::Neighbours) {
        neighbours::measure(arguments.large, program).await?;
    }
    if wanted(Part::Resume) {
        resume::measure(program).await?;
    }
    if wanted(Part::Idle) {
        idle::measure(arguments.mailboxes, program).await?;
    }
    println!(
        "\nProcessor time comes in ticks of 10 ms. Other work on the machine moves the rates more than the CPU times;"
    );
    println!("run it twice before you believe a difference of a tenth.");
    Ok(())
}

/// A program whose mailboxes all have consent, given four at a time.
async fn authorized(config: &Path, program: Option<&Path>, names: &[&str]) -> anyhow::Result<Program> {
    let program = Program::find(program, config)?;
    for four in names.chunks(4) {
        let visit = async |url: String| oauth::auto_consent(&url).await.map(|_| ());
        let given = four.iter().map(|name| program.authorize(name, visit));
        futures_util::future::try_join_all(given).await?;
    }
    Ok(program)
}

/// A line of the table: what, how much, and what it should be.
fn line(what: &str, value: &str, goal: &str) {
    println!("  {what:<46} {value:>14}   {goal}");
}
