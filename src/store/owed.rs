//! What is owed to a mailbox: messages that are settled and have not been marked there yet.

use std::collections::BTreeMap;

use super::database::{Arg, Row, Tx};
use super::entry::{EntryId, Stage, at_place, read_place};
use super::{Ledger, StoreError};
use crate::mailbox::Place;

/// A message whose mailbox is yet to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The message.
    pub id: EntryId,
    /// Where it sits.
    pub place: Place,
    /// What it is to be told.
    pub why: Why,
}

/// How the message was settled, as far as its mailbox is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Jira holds every part of it, or a person discarded it.
    Delivered,
    /// Nothing was made of it.
    Ignored,
    /// It, or a part of it, could not be brought into Jira.
    Failed,
}

/// A message whose mailbox has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The message.
    pub id: EntryId,
    /// Where it sat when its mailbox was told.
    pub at: Place,
    /// Where it sits now, if it was moved and the server said where to.
    pub moved_to: Option<Place>,
}

impl Ledger {
    /// What is owed to a mailbox, oldest first.
    pub async fn owed(&self, mailbox: &str, limit: usize) -> Result<Vec<Owed>, StoreError> {
        self.owed_behind(mailbox, EntryId(0), limit).await
    }

    /// What is owed to a mailbox for messages that came after `behind`, oldest first.
    pub async fn owed_behind(&self, mailbox: &str, behind: EntryId, limit: usize) -> Result<Vec<Owed>, StoreError> {
        let mailbox = mailbox.to_owned();
        self.read(move |tx| select_owed(tx, &mailbox, behind, limit)).await
    }

    /// Records that a mailbox has been told. A message that was found at another place meanwhile stays owed there.
    pub async fn record_acknowledged(&self, told: Vec<Told>) -> Result<(), StoreError> {
        self.write(move |tx| {
            for told in &told {
                if update_acknowledged(tx, told.id, &told.at)?
                    && let Some(place) = &told.moved_to
                {
                    update_place(tx, told.id, place)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// How many messages of each mailbox are received and not settled.
    pub async fn backlogs(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.read(select_backlogs).await
    }

    /// How many messages (of a mailbox) are worth waiting for: those due until `horizon` (ms since 1970), unless something
    /// before them in their thread is due later, and those whose write is of unknown outcome, whenever they are due.
    pub async fn open_until(&self, mailbox: Option<&str>, horizon: i64) -> Result<i64, StoreError> {
        let mailbox = mailbox.unwrap_or_default().to_owned();
        self.read(move |tx| count_open_until(tx, &mailbox, horizon)).await
    }
}

fn select_owed(tx: &mut Tx<'_>, mailbox: &str, behind: EntryId, limit: usize) -> Result<Vec<Owed>, StoreError> {
    let read = |mut row: Row| {
        let (id, stage, left_out) = (EntryId(row.int()?), Stage::parse(&row.text()?)?, row.int()? != 0);
        Ok(Owed { id, why: why(stage, left_out), place: read_place(&mut row)? })
    };
    tx.query(
        "/* select_owed */ SELECT id, stage, left_out, folder, uid_validity, uid, uidl FROM messages \
         WHERE mailbox = $1 AND acknowledgement = 'owed' AND id > $2 ORDER BY id LIMIT $3",
        &[Arg::Text(mailbox), Arg::Int(behind.0), Arg::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        read,
    )
}

pub(super) fn why(stage: Stage, left_out: bool) -> Why {
    match stage {
        Stage::Delivered if left_out => Why::Failed,
        Stage::Delivered | Stage::Discarded => Why::Delivered,
        Stage::Ignored => Why::Ignored,
        Stage::Quarantined | Stage::Received | Stage::Planned | Stage::Sent => Why::Failed,
    }
}

/// Where another entry holds the new place already (a race with a listing of that folder), the old one is kept.
fn update_place(tx: &mut Tx<'_>, id: EntryId, place: &Place) -> Result<(), StoreError> {
    tx.execute(
        "/* update_place */ UPDATE messages SET folder = $2, uid_validity = $3, uid = $4, uidl = $5 WHERE id = $1 \
         AND NOT EXISTS (SELECT 1 FROM messages o WHERE o.mailbox = messages.mailbox AND o.folder = $2 \
         AND o.uid_validity = $3 AND o.uid = $4 AND o.uidl = $5)",
        &at_place(Arg::Int(id.0), place),
    )?;
    Ok(())
}

fn update_acknowledged(tx: &mut Tx<'_>, id: EntryId, at: &Place) -> Result<bool, StoreError> {
    let updated = tx.execute(
        "/* update_acknowledged */ UPDATE messages SET acknowledgement = 'done' WHERE id = $1 \
         AND acknowledgement = 'owed' AND folder = $2 AND uid_validity = $3 AND uid = $4 AND uidl = $5",
        &at_place(Arg::Int(id.0), at),
    )?;
    Ok(updated == 1)
}

fn select_backlogs(tx: &mut Tx<'_>) -> Result<BTreeMap<String, u64>, StoreError> {
    let counts = tx.query(
        // grouped by an expression, or SQLite walks an index of every message there ever was for its order
        "/* select_backlogs */ SELECT mailbox || '', COUNT(*) FROM messages \
         WHERE settled_at = 0 GROUP BY mailbox || ''",
        &[],
        |mut row| Ok((row.text()?, u64::try_from(row.int()?).unwrap_or_default())),
    )?;
    Ok(counts.into_iter().collect())
}

fn count_open_until(tx: &mut Tx<'_>, mailbox: &str, horizon: i64) -> Result<i64, StoreError> {
    let count = tx.optional(
        "/* count_open_until */ SELECT COUNT(*) FROM messages m WHERE ($1 = '' OR m.mailbox = $1) \
         AND m.settled_at = 0 \
         AND (m.stage = 'sent' OR m.next_attempt_at <= $2 OR m.lease_owner <> '') \
         AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.thread = m.thread AND e.id < m.id \
         AND e.stage IN ('received', 'planned') AND e.next_attempt_at > $2 AND e.lease_owner = '')",
        &[Arg::Text(mailbox), Arg::Int(horizon)],
        |mut row| row.int(),
    )?;
    Ok(count.unwrap_or(0))
}
