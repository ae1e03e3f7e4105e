//! What the daemon says of itself, so that `status` can tell from another process: heartbeat, mailboxes, Jira, counts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::database::{Arg, Row, Tx};
use super::entry::Stage;
use super::{Ledger, StoreError, ms, timestamp};

/// How a mailbox is, as its watcher last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxRow {
    /// Its name.
    pub name: String,
    /// In the contract's words.
    pub state: String,
    /// Since when it has been so.
    pub since: Option<Timestamp>,
    /// When it was last looked into with success.
    pub last_check: Option<Timestamp>,
    /// When its last message came into the ledger.
    pub last_message: Option<Timestamp>,
    /// What is wrong; empty when nothing is.
    pub error: String,
}

/// How Jira is, as the delivery last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JiraRow {
    /// In the contract's words.
    pub state: String,
    /// `cloud` or `data-center`.
    pub deployment: String,
    /// What is wrong; empty when nothing is.
    pub error: String,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
}

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Host name and process.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was last alive.
    pub heartbeat_at: Option<Timestamp>,
}

/// Messages at one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The stage.
    pub stage: Stage,
    /// Those due now, being worked on, or settled.
    pub now: u64,
    /// Those with a later `next_attempt_at`; 0 for settled stages.
    pub deferred: u64,
}

impl Ledger {
    /// Says that this node is alive.
    pub async fn beat(&self, node: &str, now: Timestamp) -> Result<(), StoreError> {
        let node = node.to_owned();
        self.write(move |tx| upsert_node(tx, &node, ms(now))).await
    }

    /// Takes this node off the list: it has stopped in good order.
    pub async fn leave(&self, node: &str) -> Result<(), StoreError> {
        let node = node.to_owned();
        self.write(move |tx| delete_node(tx, &node)).await
    }

    /// Every node that has ever been alive and not stopped in good order.
    pub async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError> {
        self.read(select_nodes).await
    }

    /// Says how mailboxes are.
    pub async fn save_mailboxes(&self, rows: Vec<MailboxRow>) -> Result<(), StoreError> {
        self.write(move |tx| rows.iter().try_for_each(|row| upsert_mailbox(tx, row))).await
    }

    /// How mailboxes were when their watchers last said.
    pub async fn mailboxes(&self) -> Result<Vec<MailboxRow>, StoreError> {
        self.read(select_mailboxes).await
    }

    /// Takes or keeps the right to watch mailboxes, until then at most. Says which are the owner's now; the others are
    /// watched by another node. All at once: with hundreds of them, a transaction each would never let the disk rest.
    pub async fn lease_mailboxes(
        &self,
        names: Vec<String>,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeSet<String>, StoreError> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            let mut ours = BTreeSet::new();
            for name in names {
                insert_mailbox(tx, &name, ms(now))?;
                if update_mailbox_lease(tx, &name, &owner, ms(now), ms(until))? {
                    ours.insert(name);
                }
            }
            Ok(ours)
        })
        .await
    }

    /// Gives the right to watch mailboxes back.
    pub async fn leave_mailboxes(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        self.write(move |tx| clear_mailbox_leases(tx, &owner)).await
    }

    /// Gives back every right to watch a mailbox: their owners are gone for certain (on SQLite, when `run` starts).
    pub async fn free_mailbox_leases(&self) -> Result<u64, StoreError> {
        self.write(free_mailbox_leases).await
    }

    /// Says how Jira is.
    pub async fn save_jira(&self, row: JiraRow) -> Result<(), StoreError> {
        self.write(move |tx| upsert_jira(tx, &row)).await
    }

    /// How Jira was when it was last asked.
    pub async fn jira(&self) -> Result<Option<JiraRow>, StoreError> {
        self.read(select_jira).await
    }

    /// How many messages of each mailbox wait for a person; mailboxes without any are left out.
    pub async fn quarantined(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.read(select_quarantined).await
    }

    /// How many messages there are at each stage.
    pub async fn counts(&self, now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.read(move |tx| select_counts(tx, ms(now))).await
    }
}

fn upsert_node(tx: &mut Tx<'_>, node: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* upsert_node */ INSERT INTO nodes (name, version, heartbeat_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, heartbeat_at = excluded.heartbeat_at",
        &[Arg::Text(node), Arg::Text(env!("CARGO_PKG_VERSION")), Arg::Int(now)],
    )?;
    Ok(())
}

fn delete_node(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    tx.execute("/* delete_node */ DELETE FROM nodes WHERE name = $1", &[Arg::Text(node)])?;
    Ok(())
}

fn select_nodes(tx: &mut Tx<'_>) -> Result<Vec<NodeRow>, StoreError> {
    tx.query("/* select_nodes */ SELECT name, version, heartbeat_at FROM nodes ORDER BY name", &[], |mut row| {
        Ok(NodeRow { name: row.text()?, version: row.text()?, heartbeat_at: timestamp(row.int()?) })
    })
}

fn upsert_mailbox(tx: &mut Tx<'_>, row: &MailboxRow) -> Result<(), StoreError> {
    tx.execute(
        // `backlog` is not said any more: it is counted when it is asked for
        "/* upsert_mailbox */ INSERT INTO mailboxes (name, state, since, last_check, last_message, backlog, error, \
         lease_owner, lease_until) VALUES ($1, $2, $3, $4, $5, 0, $6, '', 0) \
         ON CONFLICT (name) DO UPDATE SET state = excluded.state, since = excluded.since, \
         last_check = CASE WHEN excluded.last_check = 0 THEN mailboxes.last_check ELSE excluded.last_check END, \
         last_message = CASE WHEN excluded.last_message = 0 THEN mailboxes.last_message ELSE excluded.last_message END, \
         error = excluded.error",
        &[
            Arg::Text(&row.name),
            Arg::Text(&row.state),
            Arg::Int(row.since.map_or(0, ms)),
            Arg::Int(row.last_check.map_or(0, ms)),
            Arg::Int(row.last_message.map_or(0, ms)),
            Arg::Text(&row.error),
        ],
    )?;
    Ok(())
}

fn select_mailboxes(tx: &mut Tx<'_>) -> Result<Vec<MailboxRow>, StoreError> {
    let read = |mut row: Row| {
        Ok(MailboxRow {
            name: row.text()?,
            state: row.text()?,
            since: timestamp(row.int()?),
            last_check: timestamp(row.int()?),
            last_message: timestamp(row.int()?),
            error: row.text()?,
        })
    };
    tx.query(
        "/* select_mailboxes */ SELECT name, state, since, last_check, last_message, error FROM mailboxes ORDER BY name",
        &[],
        read,
    )
}

fn insert_mailbox(tx: &mut Tx<'_>, name: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_mailbox */ INSERT INTO mailboxes (name, state, since, last_check, last_message, backlog, error, \
         lease_owner, lease_until) VALUES ($1, 'connecting', $2, 0, 0, 0, '', '', 0) ON CONFLICT (name) DO NOTHING",
        &[Arg::Text(name), Arg::Int(now)],
    )?;
    Ok(())
}

fn update_mailbox_lease(tx: &mut Tx<'_>, name: &str, owner: &str, now: i64, until: i64) -> Result<bool, StoreError> {
    let leased = tx.execute(
        "/* update_mailbox_lease */ UPDATE mailboxes SET lease_owner = $2, lease_until = $4 \
         WHERE name = $1 AND (lease_until <= $3 OR lease_owner = $2)",
        &[Arg::Text(name), Arg::Text(owner), Arg::Int(now), Arg::Int(until)],
    )?;
    Ok(leased == 1)
}

fn clear_mailbox_leases(tx: &mut Tx<'_>, owner: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* clear_mailbox_leases */ UPDATE mailboxes SET lease_owner = '', lease_until = 0 WHERE lease_owner = $1",
        &[Arg::Text(owner)],
    )?;
    Ok(())
}

fn free_mailbox_leases(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    tx.execute(
        "/* free_mailbox_leases */ UPDATE mailboxes SET lease_owner = '', lease_until = 0 WHERE lease_owner <> ''",
        &[],
    )
}

fn upsert_jira(tx: &mut Tx<'_>, row: &JiraRow) -> Result<(), StoreError> {
    tx.execute(
        "/* upsert_jira */ INSERT INTO jira (name, state, deployment, error, retry_at) VALUES ('jira', $1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET state = excluded.state, deployment = excluded.deployment, \
         error = excluded.error, retry_at = excluded.retry_at",
        &[
            Arg::Text(&row.state),
            Arg::Text(&row.deployment),
            Arg::Text(&row.error),
            Arg::Int(row.retry_at.map_or(0, ms)),
        ],
    )?;
    Ok(())
}

fn select_jira(tx: &mut Tx<'_>) -> Result<Option<JiraRow>, StoreError> {
    tx.optional("/* select_jira */ SELECT state, deployment, error, retry_at FROM jira", &[], |mut row| {
        Ok(JiraRow { state: row.text()?, deployment: row.text()?, error: row.text()?, retry_at: timestamp(row.int()?) })
    })
}

fn select_quarantined(tx: &mut Tx<'_>) -> Result<BTreeMap<String, u64>, StoreError> {
    let counts = tx.query(
        "/* select_quarantined */ SELECT mailbox, COUNT(*) FROM messages WHERE stage = 'quarantined' GROUP BY mailbox",
        &[],
        |mut row| Ok((row.text()?, u64::try_from(row.int()?).unwrap_or_default())),
    )?;
    Ok(counts.into_iter().collect())
}

fn select_counts(tx: &mut Tx<'_>, now: i64) -> Result<Vec<Count>, StoreError> {
    let number = |int: i64| u64::try_from(int).unwrap_or_default();
    tx.query(
        // each part by an index of its own, or every message there ever was is read
        "/* select_counts */ SELECT stage, COUNT(*), COUNT(CASE WHEN next_attempt_at > $1 THEN 1 END) FROM messages \
         WHERE settled_at = 0 GROUP BY stage \
         UNION ALL SELECT stage, COUNT(*), 0 FROM messages WHERE settled_at > 0 GROUP BY stage",
        &[Arg::Int(now)],
        |mut row| {
            let (stage, all, deferred) = (Stage::parse(&row.text()?)?, number(row.int()?), number(row.int()?));
            Ok(Count { stage, now: all.saturating_sub(deferred), deferred })
        },
    )
}
