//! Owning every task of the daemon: a watcher for each mailbox that is ours, delivery, tidying, and saying how we are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::backoff::later;
use super::door::Door;
use super::watch::watch;
use super::{Ctx, alarm, consents, deliver, gather, refused, tidy};
use crate::config::{Config, MailboxSettings};
use crate::jira::Jira;
use crate::oauth::tokens::REFRESH_S;
use crate::store::StoreError;
use crate::store::status::{JiraRow, MailboxRow};

/// How often the daemon says that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// How long changes of state may gather before they are told.
const GATHER: Duration = Duration::from_millis(100);
/// How long the right to watch a mailbox lasts without being renewed; another node takes over then.
const MAILBOX_LEASE: Duration = Duration::from_secs(30);
/// How often that right is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// How long a beat, or the last word, waits for the ledger: shorter than the watchdog of the unit (60 s), which is
/// there for a daemon that is stuck and not for a database that is away.
const LEDGER_PATIENCE: Duration = Duration::from_secs(20);
/// How often a healthy Jira that nothing is sent to is asked whether it still answers.
const REACH: Duration = Duration::from_secs(60);
/// How long watchers may take to come to an end: a token that is being refreshed is stored first.
const WATCHERS_END: Duration = Duration::from_secs(REFRESH_S + 5);

/// Makes the door of a mailbox.
pub type MakeDoor = Arc<dyn Fn(&Config, &MailboxSettings) -> Arc<dyn Door> + Send + Sync>;

/// A configuration to go on with, from a reload.
pub struct Reloaded {
    /// What is configured now.
    pub config: Arc<Config>,
    /// The Jira to write to now.
    pub jira: Arc<dyn Jira>,
}

/// Why the daemon came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The daemon was asked to end.
    Asked,
    /// Delivery, calling people, noticing consents, tidying or reaching Jira ended by itself, which is a bug: a daemon
    /// without them must not seem alive.
    Broken,
}

/// The running daemon.
pub struct Supervisor {
    ctx: Arc<Ctx>,
    node: String,
    make_door: MakeDoor,
    watchers: BTreeMap<String, Watcher>,
    tasks: JoinSet<()>,
    said: BTreeMap<String, MailboxRow>,
    said_jira: Option<JiraRow>,
    /// When mailboxes were last leased; `None`: they are to be leased at once.
    leased_at: Option<Timestamp>,
}

struct Watcher {
    settings: Arc<MailboxSettings>,
    stop: CancellationToken,
    task: AbortHandle,
}

impl Supervisor {
    /// A supervisor that has started nothing yet. `node` is shown to people.
    pub fn new(ctx: Arc<Ctx>, node: String, make_door: MakeDoor) -> Self {
        Self {
            ctx,
            node,
            make_door,
            watchers: BTreeMap::new(),
            tasks: JoinSet::new(),
            said: BTreeMap::new(),
            said_jira: None,
            leased_at: None,
        }
    }

    /// Runs until `stop`, then drains: watchers end, what is in flight comes to its end. `alive` is rung at every beat.
    pub async fn run(
        mut self,
        mut reloads: tokio::sync::mpsc::Receiver<Reloaded>,
        alive: Arc<Notify>,
        stop: CancellationToken,
    ) -> End {
        let (delivery_stop, mut delivery) = (CancellationToken::new(), JoinSet::new());
        delivery.spawn(deliver::run(self.ctx.clone(), delivery_stop.clone()));
        delivery.spawn(alarm::send(self.ctx.clone(), delivery_stop.clone()));
        delivery.spawn(consents::notice(self.ctx.clone(), delivery_stop.clone()));
        delivery.spawn(tidy::run(self.ctx.clone(), delivery_stop.clone()));
        delivery.spawn(reach_now_and_then(self.ctx.clone(), delivery_stop.clone()));
        let end = loop {
            self.beat().await;
            alive.notify_waiters();
            tokio::select! {
                biased;
                () = stop.cancelled() => break End::Asked,
                Some(_) = delivery.join_next() => break End::Broken,
                Some(reloaded) = reloads.recv() => self.reload(reloaded).await,
                () = self.ctx.board.changed() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(BEAT) => {}
            }
        };
        delivery_stop.cancel();
        let drained = async {
            self.stop_watchers().await;
            while delivery.join_next().await.is_some() {}
        };
        tokio::select! {
            () = drained => {}
            () = keep_saying(&alive) => {}
        }
        match tokio::time::timeout(LEDGER_PATIENCE, self.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "cannot sign off in the ledger"),
            Err(_) => tracing::warn!("cannot sign off in the ledger: it does not answer in time"),
        }
        end
    }

    async fn reload(&mut self, reloaded: Reloaded) {
        tracing::info!("reloaded the configuration");
        for (name, watcher) in &self.watchers {
            let unchanged = reloaded.config.mailbox(name) == Some(&*watcher.settings);
            let same_provider = same_provider(&self.ctx.config(), &reloaded.config, &watcher.settings);
            if (!unchanged || !same_provider) && !watcher.stop.is_cancelled() {
                tracing::info!(mailbox = name, "the mailbox has changed");
                watcher.stop.cancel();
            }
        }
        self.ctx.replace(reloaded.config, reloaded.jira);
        self.leased_at = None;
        refused::make_due(&self.ctx).await;
    }

    /// Says how everything is, and looks after the watchers.
    async fn beat(&mut self) {
        match tokio::time::timeout(LEDGER_PATIENCE, self.try_beat()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = %error, "the ledger does not answer"),
            Err(_) => tracing::error!("the ledger does not answer in time"),
        }
        while self.tasks.try_join_next().is_some() {}
    }

    async fn try_beat(&mut self) -> Result<(), StoreError> {
        let now = self.ctx.now();
        self.ctx.ledger.beat(&self.node, now).await?;
        self.take_mailboxes(now).await?;
        self.say_mailboxes().await?;
        self.say_jira().await
    }

    /// Starts a watcher for every mailbox that is ours and has none, and stops those of mailboxes that are not any more.
    async fn take_mailboxes(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let some_ended =
            self.watchers.values().any(|watcher| watcher.stop.is_cancelled() || watcher.task.is_finished());
        if !some_ended && self.leased_at.is_some_and(|at| later(at, RENEW) > now) {
            return Ok(());
        }
        let config = self.ctx.config();
        let names = config.mailboxes.keys().map(ToString::to_string).collect();
        let until = later(now, MAILBOX_LEASE);
        let ours = self.ctx.ledger.lease_mailboxes(names, &self.ctx.owner, now, until).await?;
        // Only when the last watcher of a mailbox has come to its end, another one takes its place.
        self.watchers.retain(|_, watcher| !watcher.task.is_finished());
        for (name, settings) in &config.mailboxes {
            match (ours.contains(name.as_str()), self.watchers.contains_key(name.as_str())) {
                (true, false) => self.start(settings),
                (false, true) => self.give_up(name.as_str()),
                (true, true) | (false, false) => {}
            }
        }
        self.leased_at = Some(now);
        Ok(())
    }

    fn start(&mut self, settings: &MailboxSettings) {
        let stop = CancellationToken::new();
        let door = (self.make_door)(&self.ctx.config(), settings);
        let settings = Arc::new(settings.clone());
        let name = settings.name.as_str().to_owned();
        let task = self.tasks.spawn(watch(self.ctx.clone(), settings.clone(), door, stop.clone()));
        self.watchers.insert(name, Watcher { settings, stop, task });
    }

    /// Another node has the mailbox.
    fn give_up(&self, name: &str) {
        if let Some(watcher) = self.watchers.get(name).filter(|watcher| !watcher.stop.is_cancelled()) {
            tracing::info!(mailbox = name, "another node watches the mailbox now");
            watcher.stop.cancel();
        }
    }

    async fn say_mailboxes(&mut self) -> Result<(), StoreError> {
        let mut rows = self.ctx.board.rows();
        rows.retain(|row| self.said.get(&row.name) != Some(row));
        if rows.is_empty() {
            return Ok(());
        }
        self.ctx.ledger.save_mailboxes(rows.clone()).await?;
        self.said.extend(rows.into_iter().map(|row| (row.name.clone(), row)));
        Ok(())
    }

    async fn say_jira(&mut self) -> Result<(), StoreError> {
        let row = gather::jira_row(&self.ctx);
        if self.said_jira.as_ref() != Some(&row) {
            self.ctx.ledger.save_jira(row.clone()).await?;
            self.said_jira = Some(row);
        }
        Ok(())
    }

    async fn stop_watchers(&mut self) {
        for watcher in self.watchers.values() {
            watcher.stop.cancel();
        }
        let end = tokio::time::timeout(WATCHERS_END, async { while self.tasks.join_next().await.is_some() {} });
        if end.await.is_err() {
            self.tasks.shutdown().await;
        }
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.ctx.ledger.leave_mailboxes(&self.ctx.owner).await?;
        self.ctx.ledger.leave(&self.node).await
    }
}

/// Says for ever that the daemon is alive: what it waits for meanwhile has a limit of its own.
async fn keep_saying(alive: &Notify) {
    loop {
        alive.notify_waiters();
        tokio::time::sleep(BEAT).await;
    }
}

fn same_provider(before: &Config, after: &Config, settings: &MailboxSettings) -> bool {
    match &settings.sign_in {
        crate::config::SignIn::OAuth(provider) => before.providers.get(provider) == after.providers.get(provider),
        crate::config::SignIn::Password { .. } => true,
    }
}

/// Asks a Jira that nothing is sent to whether it answers, so that readiness is known before the first message needs it.
async fn reach_now_and_then(ctx: Arc<Ctx>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let quiet = ctx.with_gate(|gate| {
            let since = gate.last_answer().map(|at| later(at, REACH));
            gate.shut().is_none() && since.is_none_or(|due| due <= ctx.now())
        });
        if quiet {
            let jira = ctx.jira();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                reached = jira.reach() => match reached {
                    Ok(()) => ctx.with_gate(|gate| gate.reached(ctx.now())),
                    Err(error) => ctx.not_reached(&error),
                },
            }
            ctx.board.jira_changed();
        }
        stop.run_until_cancelled(tokio::time::sleep(BEAT)).await;
    }
}
