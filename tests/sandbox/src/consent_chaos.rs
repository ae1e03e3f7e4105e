//! `sandbox consent-chaos`: mail2jira is killed at random moments around the refresh of a consent and its storing, again and
//! again, and has to be authorized still. Also shows the one thing that no client survives, with `--at-once`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use fastrand::Rng;
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use sandbox::oauth::{self, Command, Endpoint, Fault, Rotation};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::program::Program;
use crate::together::{Together, Wanted};

const ADDRESS: &str = "consent@example.test";
const NAME: &str = "consent";
/// How long a refresh token lives on that was replaced, where it does.
const GRACE_S: u32 = 600;
/// So short that the program shows no such token twice: every start is a refresh.
const ACCESS_TOKEN_S: u32 = 4;
/// How long the provider thinks about a refresh, at most, in milliseconds.
const SLOWEST: u64 = 30;
/// How long after the request for a token the program is killed, at most, in milliseconds.
const LATEST: u64 = 90;
/// How long after its start it is killed in every fourth round, at most, in milliseconds.
const START: u64 = 400;
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub struct ConsentChaosArgs {
    /// How often the program is killed
    #[arg(long, default_value_t = 1000)]
    rounds: usize,
    /// Where chance starts; drawn and printed unless given
    #[arg(long)]
    seed: Option<u64>,
    /// Against a provider that kills a refresh token at once when it gives the next
    #[arg(long)]
    at_once: bool,
    /// The mail2jira to try, if not the one built beside this program
    #[arg(long)]
    program: Option<PathBuf>,
}

/// The program, and the provider that it is authorized at.
struct Siege {
    together: Together,
    program: Program,
    rng: Rng,
    lost: usize,
}

/// Fails when a consent is lost that could have been kept.
pub async fn run(arguments: ConsentChaosArgs) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = Box::pin(siege(&arguments)) => outcome,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn siege(arguments: &ConsentChaosArgs) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("consent-chaos: {} kills, seed {seed}", arguments.rounds);
    let rotation = if arguments.at_once { Rotation::AtOnce } else { Rotation::Overlapping { seconds: GRACE_S } };
    let mut siege = Siege::start(arguments, seed, rotation).await?;
    for round in 0..arguments.rounds {
        let rotated = siege.round().await.with_context(|| format!("round {round}"))?;
        if arguments.at_once {
            siege.mend(rotated).await.with_context(|| format!("round {round}"))?;
        }
        if (round + 1) % 100 == 0 {
            println!("  {} kills, {} refreshes granted", round + 1, siege.granted());
        }
    }
    siege.must_be_authorized().await?;
    let (kills, granted, lost) = (arguments.rounds, siege.granted(), siege.lost);
    let reused = siege.together.provider.snapshot().counters.reused;
    println!("{kills} kills, {granted} refreshes granted, {reused} of them for a token that had been replaced already");
    println!("consent lost {lost} times; authorized");
    Ok(())
}

impl Siege {
    async fn start(arguments: &ConsentChaosArgs, seed: u64, rotation: Rotation) -> anyhow::Result<Self> {
        let addresses = [ADDRESS.to_owned()];
        let (product, load) = (Product::Cloud, Load::Functional);
        let together =
            Together::start(&Wanted { addresses: &addresses, dir: None, product, load, settle: None }).await?;
        let program = Program::find(arguments.program.as_deref(), &together.config)?;
        together.provider.set(|settings| {
            settings.rotation = rotation;
            settings.access_token_seconds = ACCESS_TOKEN_S;
        });
        let siege = Self { together, program, rng: Rng::with_seed(seed), lost: 0 };
        siege.authorize().await?;
        Ok(siege)
    }

    async fn authorize(&self) -> anyhow::Result<()> {
        self.program.authorize(NAME, async |url: String| oauth::auto_consent(&url).await.map(|_| ())).await
    }

    /// Starts the daemon and kills it. Says whether the provider has rotated its token meanwhile.
    async fn round(&mut self) -> anyhow::Result<bool> {
        let provider = &self.together.provider;
        provider.control(Command::Heal)?;
        provider.fail(Endpoint::Token, 1, Fault::Slow { milliseconds: self.rng.u64(..SLOWEST) });
        let (asked, granted) = (self.asked(), self.granted());
        let mut daemon = self.program.run()?;
        if self.rng.u8(..4) == 0 {
            sleep(Duration::from_millis(self.rng.u64(..START))).await;
        } else {
            let end = Instant::now() + PATIENCE;
            while self.asked() == asked {
                daemon.must_run(&self.program)?;
                ensure!(Instant::now() < end, "no token is asked for:\n{}", self.program.last_words());
                sleep(Duration::from_millis(1)).await;
            }
            sleep(Duration::from_millis(self.rng.u64(..LATEST))).await;
        }
        daemon.kill().await?;
        sleep(Duration::from_millis(2 * SLOWEST)).await; // what the provider has begun, it ends
        Ok(self.granted() > granted)
    }

    /// At a provider that kills the old token at once a consent may be lost, but only where a new one was on its way; and it is
    /// never lost in silence.
    async fn mend(&mut self, rotated: bool) -> anyhow::Result<()> {
        self.together.provider.control(Command::Heal)?;
        self.program.ask(&["run", "--once"]).await?;
        match self.told("/consent/state").await?.as_str() {
            Some("granted") => Ok(()),
            Some("needed") => {
                ensure!(rotated, "the consent is lost although the provider had rotated nothing");
                self.lost += 1;
                self.authorize().await
            }
            other => bail!("the state of the consent is {other:?}"),
        }
    }

    async fn must_be_authorized(&self) -> anyhow::Result<()> {
        self.together.provider.control(Command::Heal)?;
        let mut daemon = self.program.run()?;
        let end = Instant::now() + PATIENCE;
        while self.told("/state").await? != "watching" {
            daemon.must_run(&self.program)?;
            ensure!(Instant::now() < end, "the mailbox does not open:\n{}", self.program.last_words());
            sleep(Duration::from_millis(100)).await;
        }
        let consent = self.told("/consent/state").await?;
        ensure!(consent == "granted", "the state of the consent is {consent}");
        daemon.stop().await?;
        Ok(())
    }

    /// What `status` tells of the mailbox, at that place.
    async fn told(&self, place: &str) -> anyhow::Result<Value> {
        let status = self.program.ask(&["--log-level", "error", "status", "--json"]).await?;
        let mailbox = status.first().and_then(|status| status.pointer("/mailboxes/0"));
        let told = mailbox.and_then(|mailbox| mailbox.pointer(place));
        told.cloned().with_context(|| format!("`status` tells of no {place}"))
    }

    fn asked(&self) -> u64 {
        self.together.provider.snapshot().counters.requests(Endpoint::Token)
    }

    fn granted(&self) -> u64 {
        self.together.provider.snapshot().counters.granted.get("refresh_token").copied().unwrap_or_default()
    }
}
