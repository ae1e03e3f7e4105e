//! `cargo run -p sandbox`: starts the stand-ins together and says where they are; its commands try mail2jira on them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is for whoever started it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sandbox::dovecot::Load;
use sandbox::jira::site::{Product, Release};
use sandbox::mails::{self, Occasion};
use sandbox::oauth::{self, Decision, Person};
use tokio::signal::unix::{SignalKind, signal};

use together::{Together, Wanted, mailbox_name};

mod bench;
mod chaos;
mod consent_chaos;
mod demo;
mod post;
mod program;
mod together;
mod usage;

/// Mail server, sign-in and Jira to try mail2jira with. Nothing in here is real or lasts.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    start: Start,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct Start {
    /// Starts a Jira Data Center instead of Jira Cloud
    #[arg(long)]
    data_center: bool,
    /// Which Data Center
    #[arg(long, requires = "data_center", value_enum, default_value_t)]
    release: Release,
    /// The mailbox's address
    #[arg(long, default_value = "support@example.test")]
    address: String,
    /// Put the sample mails into the mailbox
    #[arg(long)]
    mails: bool,
    /// Keep all files in this directory (a short path that others may enter) instead of a temporary one
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Build the mail server for thousands of sessions
    #[arg(long)]
    many: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Two dozen mails become issues while you look on
    Demo(demo::DemoArgs),
    /// Kill mail2jira again and again while everything around it fails, then count what was lost or doubled
    Chaos(chaos::ChaosArgs),
    /// Kill mail2jira again and again while it refreshes its consent, then see whether it is authorized still
    ConsentChaos(consent_chaos::ConsentChaosArgs),
    /// Measure throughput, CPU and memory
    Bench(bench::BenchArgs),
    /// Fetch a whole mailbox as fast as IMAP allows: what `bench` compares with
    #[command(hide = true)]
    RawFetch(bench::raw::RawFetchArgs),
    /// Play the person in front of the browser: open the address, press a button, go back to who asked
    Consent {
        /// What `mail2jira authorize --no-browser` printed
        url: String,
        /// Sign in as this account instead of the suggested one
        #[arg(long)]
        account: Option<String>,
        /// Press "Deny"
        #[arg(long)]
        deny: bool,
    },
    /// Put mails into the mailbox of a running sandbox
    Send {
        /// The running sandbox's directory
        #[arg(long)]
        dir: PathBuf,
        /// Mails as files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write the sample mails into a directory, one .eml file each
    Samples {
        /// Made if need be
        dir: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None => run(arguments.start).await,
        Some(command) => obey(command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Chaos(arguments) => chaos::run(arguments).await,
        Command::ConsentChaos(arguments) => consent_chaos::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::RawFetch(arguments) => bench::raw::run(arguments).await,
        Command::Consent { url, account, deny } => {
            let decision = if deny { Decision::Deny } else { Decision::Allow };
            consent(&url, &Person { account, decision }).await
        }
        Command::Send { dir, files } => files.iter().try_for_each(|file| post::drop_letter(&dir, file)),
        Command::Samples { dir } => write_samples(&dir),
    }
}

async fn run(start: Start) -> anyhow::Result<()> {
    // Listened to from the start, so that stopping it early cleans up too.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let wanted = Wanted {
        addresses: std::slice::from_ref(&start.address),
        dir: start.dir.as_deref(),
        product: if start.data_center { Product::DataCenter } else { Product::Cloud },
        load: if start.many { Load::Many } else { Load::Functional },
        settle: None,
    };
    let together = Together::start(&wanted).await?;
    together.jira.configure(|settings| settings.release = start.release);
    if start.mails {
        let samples = mails::samples(&Occasion::now(&start.address));
        together.inbox().deliver_all(samples.iter().map(|sample| &sample.raw))?;
    }
    together.write_facts()?;
    let config = together.config.display();
    println!("{}\n", together.describe());
    println!("Try:      mail2jira authorize {} --config {config}", mailbox_name(&start.address));
    println!("          mail2jira run --config {config}");
    println!("          cp MAIL.eml {}/", post::directory(&together.dir).display());
    println!("Stop with Ctrl-C.");
    let inbox = together.inbox();
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        carried = post::carry(&together.dir, &inbox) => carried,
    }
}

async fn consent(url: &str, person: &Person) -> anyhow::Result<()> {
    let callback = oauth::consent(url, person).await?;
    anyhow::ensure!(callback.status < 400, "who asked for consent answers {}: {}", callback.status, callback.body);
    println!("done");
    Ok(())
}

fn write_samples(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir)?;
    for sample in mails::samples(&Occasion::now("support@example.test")) {
        let path = dir.join(format!("{}.eml", sample.name));
        fs::write(&path, &sample.raw)?;
        println!("{}: {}; becomes {}", path.display(), sample.about, sample.outcome);
    }
    Ok(())
}
