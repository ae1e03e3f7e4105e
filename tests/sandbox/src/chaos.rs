//! `sandbox chaos`: everything fails, mail2jira is killed again and again, then all heals; what was lost or doubled is
//! counted in Jira and in the mailbox, never in the program's own books. The same seed gives the same mails and the same trouble.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use fastrand::Rng;
use sandbox::dovecot::{Load, Service};
use sandbox::jira::faults::Chaos;
use sandbox::jira::site::Product;
use sandbox::oauth::{self, Command, Endpoint, Fault, Rotation};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::program::{Program, Running};
use crate::together::{Together, Wanted};

use self::judge::{Verdict, judge};
use self::letters::{Letter, letters};
use self::plan::{Trouble, troubles};

mod judge;
mod letters;
mod plan;
mod report;

const ADDRESS: &str = "chaos@example.test";
/// What is written is found by search only so much later.
const SEARCH_LAG: Duration = Duration::from_millis(1_500);
/// Longer than the lag of the search and the longest time that Jira works on a request whose client is gone.
const SETTLE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(500);
/// How long a refresh token lives on that was replaced. Without such a time, killing a client between the provider's answer
/// and its own disk loses the consent, and no client can do anything about it.
const OVERLAP_S: u32 = 120;

#[derive(Debug, Args)]
pub struct ChaosArgs {
    /// How often the daemon is killed
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// How many mails come in
    #[arg(long, default_value_t = 400)]
    mails: usize,
    /// Where chance starts; drawn and printed unless given
    #[arg(long)]
    seed: Option<u64>,
    /// The share of requests to Jira that go wrong
    #[arg(long, default_value_t = 0.25)]
    trouble: f64,
    /// How many seconds everything may take to settle after the last kill
    #[arg(long, default_value_t = 420)]
    patience: u64,
    /// Writes to a Jira Data Center instead of Jira Cloud
    #[arg(long)]
    data_center: bool,
    /// The mail2jira to try, if not the one built beside this program
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What is thrown at the program, and where.
struct Storm {
    together: Together,
    program: Program,
    letters: Vec<Letter>,
    delivered: usize,
    rng: Rng,
    killed: usize,
}

/// Fails when a mail or a file was lost, doubled, misplaced or left unread, and keeps the directory then.
pub async fn run(arguments: ChaosArgs) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = Box::pin(storm(&arguments)) => outcome,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn storm(arguments: &ChaosArgs) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("chaos: {} mails, {} kills, seed {seed}", arguments.mails, arguments.kills);
    let started = Instant::now();
    let mut storm = Storm::start(arguments, seed).await?;
    storm.rage(arguments).await?;
    storm.heal().await?;
    let mut daemon = storm.program.run()?;
    let patience = Duration::from_secs(arguments.patience);
    storm.settle(&mut daemon, patience).await?;
    let verdict = storm.verdict()?;
    let status = storm.program.ask(&["--log-level", "error", "status", "--json"]).await?;
    let ending = daemon.stop().await?;
    report::print(&verdict, &storm.together.jira, storm.killed, seed);
    println!("took {} s; mail2jira ended with {ending}", started.elapsed().as_secs());
    if verdict.is_clean() {
        return Ok(());
    }
    let dir = storm.together.keep().to_owned();
    std::fs::write(dir.join("jira-state.json"), serde_json::to_vec_pretty(&storm.together.jira.state())?)?;
    std::fs::write(dir.join("status.json"), serde_json::to_vec_pretty(&status)?)?;
    bail!("something is not as it should be; all files are in {}; the same again: SEED={seed}", dir.display())
}

impl Storm {
    async fn start(arguments: &ChaosArgs, seed: u64) -> anyhow::Result<Self> {
        let settle = format!("{}s", SETTLE.as_secs());
        let addresses = [ADDRESS.to_owned()];
        let product = if arguments.data_center { Product::DataCenter } else { Product::Cloud };
        let (load, settle) = (Load::Functional, Some(settle.as_str()));
        let wanted = Wanted { addresses: &addresses, dir: None, product, load, settle };
        let together = Together::start(&wanted).await?;
        let program = Program::find(arguments.program.as_deref(), &together.config)?;
        together.provider.set(|settings| settings.rotation = Rotation::Overlapping { seconds: OVERLAP_S });
        program.authorize("chaos", async |url: String| oauth::auto_consent(&url).await.map(|_| ())).await?;
        together.jira.configure(|settings| settings.search_lag = SEARCH_LAG);
        together.jira.set_chaos(Chaos::mix(seed, arguments.trouble));
        let mut rng = Rng::with_seed(seed);
        let letters = letters(arguments.mails, ADDRESS, &mut rng);
        Ok(Self { together, program, letters, delivered: 0, rng, killed: 0 })
    }

    /// Every round runs the daemon for a while, with mail and trouble in the middle of it, and kills it.
    async fn rage(&mut self, arguments: &ChaosArgs) -> anyhow::Result<()> {
        let troubles = troubles(arguments.kills, &mut self.rng);
        for (round, trouble) in troubles.into_iter().enumerate() {
            let due = self.letters.len() * (round + 1) / arguments.kills.max(1);
            self.deliver(due.saturating_sub(3))?;
            let daemon = self.program.run()?;
            let (first, second) = (self.rng.u64(30..1_200), self.rng.u64(0..1_200));
            sleep(Duration::from_millis(first)).await;
            self.strike(trouble).await?;
            self.deliver(due)?;
            sleep(Duration::from_millis(second)).await;
            daemon.kill().await?;
            self.killed += 1;
            if trouble == Trouble::SignInDown {
                self.together.provider.restart().await?;
            }
            if self.killed.is_multiple_of(10) {
                let reached = judge(&self.letters, &self.together.jira.issues(), &self.together.inbox().mails()?);
                println!("  {} kills, {} mails sent, {} in Jira", self.killed, self.delivered, reached.written);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, up_to: usize) -> anyhow::Result<()> {
        let due = self.letters.get(self.delivered..up_to).unwrap_or_default();
        self.delivered += self.together.inbox().deliver_all(due.iter().map(|letter| &letter.raw))?;
        Ok(())
    }

    async fn strike(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        let together = &mut self.together;
        match trouble {
            Trouble::None => {}
            Trouble::MailServerRestart => together.dovecot.restart().await?,
            Trouble::SessionsCut => {
                together.dovecot.kill(Service::Imap)?;
            }
            Trouble::NewUidValidity => together.inbox().change_uid_validity()?,
            Trouble::TokensExpire => {
                together.provider.control(Command::ExpireAccessTokens)?;
                together.provider.fail(Endpoint::Token, 1, Fault::status(503));
            }
            Trouble::RefreshAnswerLost => {
                together.provider.control(Command::ExpireAccessTokens)?;
                together.provider.fail(Endpoint::Token, 1, Fault::LoseAnswer);
            }
            Trouble::SignInDown => together.provider.stop().await,
        }
        Ok(())
    }

    async fn heal(&mut self) -> anyhow::Result<()> {
        self.deliver(self.letters.len())?;
        self.together.jira.heal();
        self.together.provider.control(Command::Heal)?;
        println!("  all heals after {} kills", self.killed);
        Ok(())
    }

    /// Waits until all is there, and then as long again as a late second copy would take.
    async fn settle(&self, daemon: &mut Running, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            daemon.must_run(&self.program)?;
            if self.verdict()?.is_complete() {
                break;
            }
            sleep(LOOK).await;
        }
        sleep(2 * SETTLE + SEARCH_LAG).await;
        Ok(())
    }

    fn verdict(&self) -> anyhow::Result<Verdict> {
        Ok(judge(&self.letters, &self.together.jira.issues(), &self.together.inbox().mails()?))
    }
}
