//! How mailboxes are, as their watchers say; and what tells a watcher that something was
//! settled, or that a person has consented.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::status::WorkState;
use crate::store::status::MailboxRow;
use crate::sync::locked;

/// What is known of every mailbox that has a watcher.
#[derive(Debug, Default)]
pub struct Board {
    lines: Mutex<BTreeMap<String, Line>>,
    changed: Notify,
}

/// What is known of one mailbox.
#[derive(Debug)]
struct Line {
    state: WorkState,
    since: Timestamp,
    last_check: Option<Timestamp>,
    last_message: Option<Timestamp>,
    error: Option<String>,
    bell: Arc<Notify>,
    consents: watch::Sender<()>,
}

impl Board {
    /// A mailbox is in this state now, and why if that is not a good one.
    pub fn set(&self, mailbox: &str, state: WorkState, error: Option<String>, now: Timestamp) {
        self.with(mailbox, now, |line| {
            if line.state != state {
                line.since = now;
                self.changed.notify_one();
            }
            line.state = state;
            line.error = error;
        });
    }

    /// Jira may be in another state.
    pub fn jira_changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until a mailbox, or Jira, has come into another state.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A mailbox was looked through without an error.
    pub fn checked(&self, mailbox: &str, now: Timestamp) {
        self.with(mailbox, now, |line| line.last_check = Some(now));
    }

    /// A mailbox gave messages.
    pub fn received(&self, mailbox: &str, now: Timestamp) {
        self.with(mailbox, now, |line| line.last_message = Some(now));
    }

    /// What rings when a message of that mailbox was settled.
    pub fn bell(&self, mailbox: &str, now: Timestamp) -> Arc<Notify> {
        self.with(mailbox, now, |line| line.bell.clone())
    }

    /// Tells the watcher of a mailbox that a message was settled.
    pub fn ring(&self, mailbox: &str) {
        if let Some(line) = self.lines().get(mailbox) {
            line.bell.notify_one();
        }
    }

    /// What tells that a person has consented for that mailbox, or has taken a consent back.
    pub fn consents(&self, mailbox: &str, now: Timestamp) -> watch::Receiver<()> {
        self.with(mailbox, now, |line| line.consents.subscribe())
    }

    /// Tells the watcher of a mailbox that its consent is another one now.
    pub fn consent_changed(&self, mailbox: &str) {
        if let Some(line) = self.lines().get(mailbox) {
            line.consents.send_replace(());
        }
    }

    /// Takes a mailbox off the board: it has no watcher any more.
    pub fn remove(&self, mailbox: &str) {
        self.lines().remove(mailbox);
    }

    /// Everything on the board, as it is stored.
    pub fn rows(&self) -> Vec<MailboxRow> {
        let lines = self.lines();
        let rows = lines.iter().map(|(name, line)| MailboxRow {
            name: name.clone(),
            state: line.state.as_str().to_owned(),
            since: Some(line.since),
            last_check: line.last_check,
            last_message: line.last_message,
            error: line.error.clone().unwrap_or_default(),
        });
        rows.collect()
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Line>> {
        locked(&self.lines)
    }

    fn with<T>(&self, mailbox: &str, now: Timestamp, work: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines = self.lines();
        let line = lines.entry(mailbox.to_owned()).or_insert_with(|| Line {
            state: WorkState::Connecting,
            since: now,
            last_check: None,
            last_message: None,
            error: None,
            bell: Arc::new(Notify::new()),
            consents: watch::Sender::new(()),
        });
        work(line)
    }
}
