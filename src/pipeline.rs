//! The only place where mailbox, ledger, decision and Jira meet; and they meet in the ledger alone.
//!
//! [`watch`] brings messages in and tells the mailbox what became of them; it never sees Jira. [`deliver`] decides, plans
//! and writes to Jira; it never sees a mailbox. Either may stop, crash or face a dead server without the other noticing.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::{Config, MailboxSettings};
use crate::dns::Resolver;
use crate::jira::plan::Write;
use crate::jira::{Jira, JiraError};
use crate::mailbox::Mailbox;
use crate::store::Ledger;
use crate::sync::locked;
use crate::text::hex;
use door::{Door, Obstacle};
use gate::{Asked, Failure, Gate, Shut};
use memory::Memory;

// Mailboxes.
pub mod door;
mod pace;
pub mod watch;
pub mod intake;
mod fingerprint;
mod acknowledge;
// Deliveries.
pub mod deliver;
mod shares;
mod memory;
pub mod delivery;
mod content;
mod planning;
mod known;
mod proof;
mod people;
pub mod forms;
mod files;
mod shadow;
mod concession;
mod upgrade;
pub mod backoff;
pub mod gate;
pub mod refused;
// Both, as a daemon or in one pass, and what people are told of them.
pub mod supervise;
pub mod once;
pub mod consents;
pub mod tidy;
pub mod board;
pub mod gather;
pub mod alarm;
pub mod audit;

/// What every worker needs.
pub struct Ctx {
    /// Where everything is kept.
    pub ledger: Ledger,
    /// Where everything goes. Replaced when the configuration is reloaded.
    pub jira: Mutex<Arc<dyn Jira>>,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// What is configured. Replaced when the configuration is reloaded.
    pub config: Mutex<Arc<Config>>,
    /// Who leases: random, per process.
    pub owner: String,
    /// Whether Jira may be asked.
    pub gate: Mutex<Gate>,
    /// Memory for mail on its way in, and for mail on its way out. Two halves, so that neither can take it all from the other.
    intake_memory: Memory,
    delivery_memory: Memory,
    /// Who writes to Jira now.
    writers: shares::Shares,
    /// Turns for connecting to mail servers.
    pace: pace::Pace,
    /// How mailboxes are.
    pub board: board::Board,
    /// Who is asked for the keys of signatures on mail.
    resolver: Resolver,
    /// Rung when there may be something to deliver.
    pub work: Notify,
}

impl Ctx {
    /// A context. The memory for mail is `limits.bytes_in_flight` at the start.
    pub fn new(
        ledger: Ledger,
        jira: Arc<dyn Jira>,
        clock: Arc<dyn Clock>,
        config: Arc<Config>,
        resolver: Resolver,
    ) -> Self {
        let half = config.limits.bytes_in_flight / 2;
        Self {
            ledger,
            jira: Mutex::new(jira),
            clock,
            config: Mutex::new(config),
            owner: random_name(),
            gate: Mutex::new(Gate::default()),
            intake_memory: Memory::new(half),
            delivery_memory: Memory::new(half),
            writers: shares::Shares::default(),
            pace: pace::Pace::default(),
            board: board::Board::default(),
            resolver,
            work: Notify::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is configured now.
    pub fn config(&self) -> Arc<Config> {
        locked(&self.config).clone()
    }

    /// The Jira that is configured now.
    pub fn jira(&self) -> Arc<dyn Jira> {
        locked(&self.jira).clone()
    }

    /// Puts a reloaded configuration in place. What Jira refused under the old one says nothing about the new one.
    pub fn replace(&self, config: Arc<Config>, jira: Arc<dyn Jira>) {
        *locked(&self.config) = config;
        *locked(&self.jira) = jira;
        self.with_gate(|gate| *gate = Gate::default());
    }

    fn with_gate<T>(&self, work: impl FnOnce(&mut Gate) -> T) -> T {
        work(&mut locked(&self.gate))
    }

    /// Why a write may not be sent now, if so.
    fn shut(&self, write: &Write) -> Option<Shut> {
        let now = self.now();
        self.with_gate(|gate| {
            let of_project = write.project().and_then(|project| gate.shut_project(project, now));
            gate.shut().or(of_project).cloned()
        })
    }

    /// Takes note of a call to Jira that failed. The log repeats the reason, so it quotes no mail.
    fn jira_failed(&self, error: &JiraError, project: Option<&str>) {
        self.call_failed(error, Asked::Work, project);
    }

    /// Opens a mailbox, when it is its turn at that server.
    async fn open(&self, settings: &MailboxSettings, door: &dyn Door) -> Result<Box<dyn Mailbox>, Obstacle> {
        self.pace.turn(&settings.host).await;
        door.open().await
    }

    /// Takes note that Jira did not answer the question that goes first.
    fn not_reached(&self, error: &JiraError) {
        self.call_failed(error, Asked::Reach, None);
    }

    fn call_failed(&self, error: &JiraError, asked: Asked, project: Option<&str>) {
        let (verdict, reason, now) = (error.verdict(), error.to_string(), self.now());
        let failure = Failure { verdict, asked, project, reason: &reason, now, chance: chance() };
        self.with_gate(|gate| gate.failure(&failure));
    }
}

/// A number from 0 to 1, for jitter.
fn chance() -> f64 {
    fastrand::f64()
}

/// 128 random bits as hex: owners of leases, names of bodies, markers.
fn random_name() -> String {
    let mut bytes = [0_u8; 16];
    while aws_lc_rs::rand::fill(&mut bytes).is_err() {
        std::thread::yield_now(); // a system without randomness cannot go on, and a guessable name would not be unique
    }
    hex(&bytes)
}
