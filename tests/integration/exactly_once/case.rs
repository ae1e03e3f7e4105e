//! One case: a world made from a seed, trouble for a while, then healing, then the reckoning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use mail2jira::clock::Clock;
use mail2jira::dns::Resolver;
use mail2jira::pipeline::watch::watch;
use mail2jira::pipeline::{Ctx, deliver};
use mail2jira::store::Ledger;
use mail2jira::store::entry::Stage;
use mail2jira::store::queries::Filter;
use mail2jira::vault::{Vault, VaultKey};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::{Faults, Sabotage, SimulatedClock};
use super::jira::{SimulatedJira, State};
use super::ledger::SimulatedLedger;
use super::letters::{Letter, write_letters};
use super::mailbox::SimulatedMailbox;
use super::settings::config;

/// How long there is trouble, in simulated time.
const TROUBLE: Duration = Duration::from_secs(600);
/// Time for a full check of the mailbox or two.
const FULL_CHECKS: Duration = Duration::from_secs(700);
/// How long after the healing everything must be settled: the longest waits, several times over.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What a case came to.
pub struct Outcome {
    pub violations: Vec<String>,
    pub faults: BTreeMap<&'static str, u64>,
}

pub fn run_case(seed: u64, sabotage: Sabotage) -> Outcome {
    fastrand::seed(seed); // the pipeline's own jitter
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, sabotage);
        world.trouble().await;
        world.heal().await;
        let violations = world.reckon().await;
        let faults = world.faults.struck.lock().unwrap().clone();
        world.workers.shutdown().await;
        Outcome { violations, faults }
    })
}

pub struct World {
    random: fastrand::Rng,
    pub letters: Vec<Letter>,
    pub faults: Arc<Faults>,
    pub clock: SimulatedClock,
    pub jira: Arc<SimulatedJira>,
    pub mailbox: SimulatedMailbox,
    pub ledger: Ledger,
    workers: JoinSet<()>,
    pub some_issue_was_deleted: bool,
    /// Some issue takes no comments any more.
    pub some_issue_was_closed: bool,
}

impl World {
    fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let faults = Arc::new(Faults::new(random.fork()));
        let clock = SimulatedClock(Instant::now());
        let vault = Arc::new(Vault::from_key(&VaultKey::generate().unwrap()).unwrap());
        Self {
            letters: write_letters(&mut random),
            jira: Arc::new(SimulatedJira::new(faults.clone(), clock, sabotage)),
            mailbox: SimulatedMailbox::new(faults.clone()),
            ledger: Ledger::over(Arc::new(SimulatedLedger::new(faults.clone(), sabotage)), vault),
            workers: JoinSet::new(),
            some_issue_was_deleted: false,
            some_issue_was_closed: false,
            faults,
            clock,
            random,
        }
    }

    /// A process: a watcher, and a delivery with its own name and its own idea of how Jira is.
    fn start_process(&mut self) {
        let deliveries = self.random.usize(1..=4); // with one, messages wait for their turn
        let config = Arc::new(config(deliveries));
        let (ledger, jira, clock) = (self.ledger.clone(), self.jira.clone(), Arc::new(self.clock));
        let ctx = Arc::new(Ctx::new(ledger, jira, clock, config.clone(), Resolver::asking(Vec::new())));
        let settings = Arc::new(config.mailboxes.values().next().unwrap().clone());
        let never = CancellationToken::new();
        self.workers.spawn(watch(ctx.clone(), settings, Arc::new(self.mailbox.clone()), never.clone()));
        self.workers.spawn(deliver::run(ctx, never));
    }

    /// Two processes, mail coming in, kills, renumbered folders, and what people do.
    async fn trouble(&mut self) {
        self.start_processes();
        let mut unposted: Vec<Letter> = self.letters.clone();
        let end = Instant::now() + TROUBLE;
        while Instant::now() < end {
            if !unposted.is_empty() && self.random.u8(0..3) > 0 {
                let letter = unposted.remove(0);
                self.mailbox.deliver(letter.raw.clone());
                if self.faults.strike("a message was delivered twice", 0.1) {
                    self.mailbox.deliver(letter.raw);
                }
            }
            if self.faults.strike("everything was killed", 0.08) {
                self.start_again().await;
            }
            if self.faults.strike("UIDVALIDITY changed", 0.05) {
                self.mailbox.change_uid_validity();
            }
            self.let_people_act();
            let pause = Duration::from_secs_f64(30.0 * self.random.f64());
            if tokio::time::timeout(pause, self.faults.killed()).await.is_ok() {
                self.start_again().await;
            }
        }
        unposted.into_iter().for_each(|letter| self.mailbox.deliver(letter.raw));
    }

    fn start_processes(&mut self) {
        self.start_process();
        self.start_process();
    }

    async fn start_again(&mut self) {
        self.workers.shutdown().await;
        self.start_processes();
    }

    fn let_people_act(&mut self) {
        if self.faults.strike("a person deleted an issue", 0.02) {
            self.some_issue_was_deleted = true;
            self.jira.delete_one(&mut self.random);
        }
        if self.faults.strike("a person finished an issue", 0.1) {
            self.jira.set_state_of_one(&mut self.random, State::Finished);
        }
        if self.faults.strike("a person changed a text", 0.1) {
            self.jira.edit_one(&mut self.random);
        }
        for (fault, state) in [
            ("a person closed an issue for good", State::FinishedForGood),
            ("an issue was full", State::Full),
            ("a person archived an issue", State::Archived),
        ] {
            if self.faults.strike(fault, 0.02) {
                self.some_issue_was_closed = true;
                self.jira.set_state_of_one(&mut self.random, state);
            }
        }
        if self.faults.strike("a person asked for another try", 0.2) {
            self.workers.spawn(retry_all(self.ledger.clone(), self.clock)); // a command, which a kill may end as well
        }
    }

    /// All trouble ends, and a person asks for another try of what was set aside.
    async fn heal(&mut self) {
        self.faults.heal();
        if self.faults.killed().now_or_never().is_some() {
            self.start_again().await;
        }
        tokio::time::sleep(FULL_CHECKS).await; // what UIDVALIDITY has moved at last is found by a full check
        self.settle().await;
        retry_all(self.ledger.clone(), self.clock).await;
        self.settle().await;
    }

    async fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && !self.is_settled().await {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }

    /// Whether all mail is in the ledger, nothing is left to be done about it, and the mailbox knows.
    pub async fn is_settled(&self) -> bool {
        let entries = self.ledger.list(Filter { limit: 1_000, ..Filter::default() }, self.clock.now()).await.unwrap();
        let all_in = self.letters.iter().all(|letter| {
            entries
                .iter()
                .any(|entry| entry.message_id.as_ref().is_some_and(|id| id.as_str().starts_with(&letter.token)))
        });
        all_in
            && entries.iter().all(|entry| !entry.stage.is_open())
            && self.ledger.owed("support", 1).await.unwrap().is_empty()
    }
}

/// `messages retry` for everything that was set aside. The ledger may fail it.
async fn retry_all(ledger: Ledger, clock: SimulatedClock) {
    let filter = Filter { stages: vec![Stage::Quarantined], limit: 1_000, ..Filter::default() };
    for entry in ledger.list(filter, clock.now()).await.unwrap_or_default() {
        let _ = ledger.retry(entry.id, clock.now()).await;
    }
}
