//! Keeping a window of deliveries in flight. What one delivery does stands in [`super::delivery`].
//!
//! More messages are under way than write to Jira at once: what is planned ahead, and what only has its outcome to record, never
//! keeps a place at Jira waiting for the ledger, and lets many of them share a commit. Leases are claimed a little ahead of that.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Ctx;
use super::content::memory;
use super::delivery::{deliver_one, give_back};
use super::gate::Kind;
use super::shares::{Place, Places, Shares};
use crate::store::Lease;
use crate::store::delivery::{Claim, Pause};

/// How often the ledger is asked for work when nothing rings and nothing is due: another node, or a person, may have made
/// some.
const LOOK: Duration = Duration::from_secs(5);
/// What is due, but cannot be claimed because something of its thread is leased, is not asked for more often than that.
const SHORTEST: Duration = Duration::from_millis(200);
/// How many messages are under way for each one that may write to Jira. Each mailbox may have a quarter of them without having
/// earned it ([`super::shares`]), which is enough for all of the window.
const AHEAD: usize = 4;
/// How long deliveries in flight may take to come to an end when the daemon stops.
const DRAIN: Duration = Duration::from_secs(75);

/// Delivers until `stop`, then lets what is in flight come to its end.
pub async fn run(ctx: Arc<Ctx>, stop: CancellationToken) {
    let mut window = Window {
        ctx,
        running: JoinSet::new(),
        claimed: VecDeque::new(),
        served: String::new(),
        shares: Shares::default(),
    };
    while !stop.is_cancelled() {
        window.fill(&stop).await;
        window.wait(&stop).await;
    }
    window.ctx.writers.close();
    window.drain().await;
}

struct Window {
    ctx: Arc<Ctx>,
    running: JoinSet<()>,
    claimed: VecDeque<Lease>,
    /// The mailbox whose message was claimed last.
    served: String,
    /// How much of the window each mailbox may have.
    shares: Shares,
}

impl Window {
    /// Starts as many deliveries as there are free places.
    async fn fill(&mut self, stop: &CancellationToken) {
        if !self.may_send(stop).await {
            return self.hand_back("Jira is not to be asked now").await;
        }
        let places = self.places();
        // Claimed in lots: a claim for every end of a delivery would cost a commit for every message.
        let ready = self.claimed.iter().filter(|lease| self.has_room(lease, places)).count();
        if ready <= places.all / 8 {
            self.claim(places).await;
        }
        while let Some((lease, place)) = self.next(places) {
            let delivery = deliver_one(self.ctx.clone(), lease);
            self.running.spawn(async move {
                delivery.await;
                drop(place);
            });
        }
    }

    fn places(&self) -> Places {
        let config = self.ctx.config();
        Places::of(AHEAD * config.limits.deliveries, self.ctx.delivery_memory.all(), config.mailboxes.len())
    }

    fn has_room(&self, lease: &Lease, places: Places) -> bool {
        self.shares.have_room(&lease.entry.mailbox, memory(lease.entry.size), places)
    }

    /// The next one that there is a place for.
    fn next(&mut self, places: Places) -> Option<(Lease, Place)> {
        let begin = |lease: &Lease| self.shares.begin(&lease.entry.mailbox, memory(lease.entry.size), places);
        let (position, place) =
            self.claimed.iter().enumerate().find_map(|(position, lease)| Some((position, begin(lease)?)))?;
        Some((self.claimed.remove(position)?, place))
    }

    /// Whether Jira may be asked. When its time has come after an outage, one cheap question goes first.
    async fn may_send(&self, stop: &CancellationToken) -> bool {
        let now = self.ctx.now();
        match self.ctx.with_gate(|gate| gate.shut().map(|shut| shut.lasts(now))) {
            None => return true,
            Some(true) => return false,
            Some(false) => {}
        }
        let jira = self.ctx.jira();
        let reached = tokio::select! {
            biased;
            () = stop.cancelled() => return false,
            reached = jira.reach() => reached,
        };
        match reached {
            Ok(()) => {
                tracing::info!("Jira answers again");
                self.ctx.with_gate(|gate| gate.reached(now));
                true
            }
            Err(error) => {
                self.ctx.not_reached(&error);
                false
            }
        }
    }

    async fn claim(&mut self, places: Places) {
        let claim = Claim {
            owner: self.ctx.owner.clone(),
            limit: places.all,
            after: self.served.clone(),
            of_each: 2 * places.unearned,
            of: self.rooms(places),
        };
        match self.ctx.ledger.claim(claim, self.ctx.now()).await {
            Ok(leases) => {
                if let Some(lease) = leases.last() {
                    self.served.clone_from(&lease.entry.mailbox);
                }
                self.claimed.extend(leases);
            }
            Err(error) => tracing::error!(error = %error, "cannot claim messages in the ledger"),
        }
    }

    /// How many more of each mailbox may be claimed.
    fn rooms(&self, places: Places) -> BTreeMap<String, usize> {
        let mut claimed: BTreeMap<String, usize> =
            self.shares.known().into_iter().map(|mailbox| (mailbox, 0)).collect();
        for lease in &self.claimed {
            *claimed.entry(lease.entry.mailbox.clone()).or_default() += 1;
        }
        let room = |(mailbox, claimed): (String, usize)| {
            let room = self.shares.ahead(&mailbox, places).saturating_sub(claimed);
            (mailbox, room)
        };
        claimed.into_iter().map(room).collect()
    }

    /// Gives up leases that were claimed ahead, so that they are due at once when it goes on.
    async fn hand_back(&mut self, reason: &str) {
        let pause = Pause { until: self.ctx.now(), reason: reason.to_owned() };
        let claimed = std::mem::take(&mut self.claimed).into_iter();
        join_all(claimed.map(|lease| give_back(&self.ctx, lease, pause.clone()))).await;
    }

    /// Waits until it is worth filling the window again.
    async fn wait(&mut self, stop: &CancellationToken) {
        let ctx = self.ctx.clone();
        let until_due = self.until_due().await;
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Some(_) = self.running.join_next() => {}
            () = ctx.work.notified() => {}
            () = tokio::time::sleep(until_due) => {}
        }
    }

    /// How long there is nothing to do, as far as is known.
    async fn until_due(&self) -> Duration {
        let now = self.ctx.now();
        let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
        if let Some(shut) = self.ctx.with_gate(|gate| gate.shut().map(|shut| shut.until)) {
            return until(shut).min(LOOK);
        }
        let places = self.places();
        let is_ready = self.claimed.iter().any(|lease| self.has_room(lease, places));
        if is_ready || self.running.len() >= places.all {
            return LOOK; // the end of a delivery makes room
        }
        match self.ctx.ledger.next_due().await {
            Ok(Some(due)) => until(due).clamp(SHORTEST, LOOK),
            Ok(None) | Err(_) => LOOK,
        }
    }

    async fn drain(mut self) {
        self.hand_back("the daemon is stopping").await;
        let end = tokio::time::timeout(DRAIN, async { while self.running.join_next().await.is_some() {} });
        if end.await.is_err() {
            tracing::warn!(
                count = self.running.len(),
                "deliveries did not end in time; they will be looked for in Jira at the next start"
            );
        }
    }
}

/// How Jira is, in a word and a sentence.
pub fn outlook(ctx: &Ctx) -> Outlook {
    ctx.with_gate(|gate| match gate.shut().or(gate.standing()) {
        Some(shut) => Outlook { kind: Some(shut.kind), error: Some(shut.reason.clone()), retry_at: Some(shut.until) },
        None => match gate.refused_projects().next() {
            Some((project, shut)) => Outlook {
                kind: Some(shut.kind),
                error: Some(match project {
                    "" => shut.reason.clone(),
                    project => format!("project {project}: {}", shut.reason),
                }),
                retry_at: Some(shut.until),
            },
            None => Outlook { kind: None, error: None, retry_at: None },
        },
    })
}

/// How Jira is, as far as delivery knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// What is wrong; `None` when nothing is.
    pub kind: Option<Kind>,
    /// In Jira's words.
    pub error: Option<String>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
}
