//! What people ask of the ledger, and what they tell it: the list, one entry, retry and discard.

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::entry::{Entry, EntryId, SealedEntry, Stage, entry_columns};
use super::{Ledger, StoreError, ms, steps, story};

/// Which entries a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these stages; all where empty.
    pub stages: Vec<Stage>,
    /// Only open entries whose time has not come.
    pub deferred: Option<Deferred>,
    /// Only this mailbox.
    pub mailbox: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Whether open entries are wanted that are due, or those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// Due now, or being worked on.
    No,
    /// With a later `next_attempt_at`.
    Yes,
}

/// What came of a person's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Done.
    Granted,
    /// There is no such message.
    NoSuchMessage,
    /// The message is at a stage where that cannot be done.
    NotNow(Stage),
    /// Its bytes are gone: it was settled too long ago.
    BodyGone,
    /// The message is a copy; the other one is the one to retry.
    Copy(EntryId),
}

impl Ledger {
    /// Entries, newest first.
    pub async fn list(&self, filter: Filter, now: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let sealed = self.read(move |tx| select_list(tx, &filter, ms(now))).await?;
        sealed.into_iter().map(|sealed| self.unsealed(sealed)).collect()
    }

    /// One entry.
    pub async fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        let sealed = self.read(move |tx| select_entry(tx, id)).await?;
        sealed.map(|sealed| self.unsealed(sealed)).transpose()
    }

    /// Revives a quarantined message, or has an ignored one made into something after all.
    pub async fn retry(&self, id: EntryId, now: Timestamp) -> Result<Wish, StoreError> {
        let event = self.sealed_story("a person asked for another try")?;
        self.write(move |tx| {
            lock_entry(tx, id)?;
            let Some(entry) = select_entry(tx, id)? else { return Ok(Wish::NoSuchMessage) };
            let (stage, has_body, duplicate_of) = entry.retry_facts();
            if let Some(original) = duplicate_of {
                return Ok(Wish::Copy(original));
            }
            let wish = match stage {
                Stage::Quarantined | Stage::Ignored | Stage::Discarded if !has_body => Wish::BodyGone,
                Stage::Quarantined | Stage::Ignored | Stage::Discarded => {
                    revive(tx, id, now)?;
                    Wish::Granted
                }
                Stage::Received | Stage::Planned | Stage::Sent => {
                    make_due(tx, id, ms(now))?;
                    Wish::Granted
                }
                Stage::Delivered => return Ok(Wish::NotNow(stage)),
            };
            story::insert(tx, id, now, &event)?;
            Ok(wish)
        })
        .await
    }

    /// Makes due what is put off until after `latest`, which no wait reaches: the clock was set back since. Says how many it were.
    pub async fn recall_misdated(&self, now: Timestamp, latest: Timestamp) -> Result<u64, StoreError> {
        self.write(move |tx| update_misdated(tx, ms(now), ms(latest))).await
    }

    /// Gives a message up: nothing more is written, and its mailbox gets what `after` says.
    pub async fn discard(&self, id: EntryId, now: Timestamp) -> Result<Wish, StoreError> {
        let event = self.sealed_story("a person discarded it")?;
        self.write(move |tx| {
            lock_entry(tx, id)?;
            let Some(entry) = select_entry(tx, id)? else { return Ok(Wish::NoSuchMessage) };
            let (stage, ..) = entry.retry_facts();
            let given_up = match stage {
                Stage::Quarantined | Stage::Received | Stage::Planned | Stage::Sent => set_discarded(tx, id, ms(now))?,
                Stage::Delivered if entry.is_left_out() => set_discarded(tx, id, ms(now))?,
                Stage::Delivered | Stage::Ignored | Stage::Discarded => return Ok(Wish::NotNow(stage)),
            };
            if given_up == 0 {
                return Ok(Wish::NotNow(stage));
            }
            story::insert(tx, id, now, &event)?;
            Ok(Wish::Granted)
        })
        .await
    }
}

/// What was begun is gone on with (and looked for first where nobody knows); else it is decided on anew.
fn revive(tx: &mut Tx<'_>, id: EntryId, now: Timestamp) -> Result<(), StoreError> {
    let stage = if steps::count_sent(tx, id)? > 0 {
        Stage::Sent
    } else if steps::count_begun(tx, id)? > 0 {
        Stage::Planned
    } else {
        steps::delete(tx, id)?;
        Stage::Received
    };
    tx.execute(
        "/* revive */ UPDATE messages SET stage = $2, released = 1, reason = 'a person asked for another try', \
         next_attempt_at = $3, attempts = 0, unknowns = 0, panics = 0, settled_at = 0, acknowledgement = 'none' WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(stage.as_str()), Arg::Int(ms(now))],
    )?;
    Ok(())
}

fn make_due(tx: &mut Tx<'_>, id: EntryId, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* make_due */ UPDATE messages SET next_attempt_at = $2 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Int(now)],
    )?;
    Ok(())
}

fn update_misdated(tx: &mut Tx<'_>, now: i64, latest: i64) -> Result<u64, StoreError> {
    tx.execute(
        "/* update_misdated */ UPDATE messages SET next_attempt_at = $1 WHERE settled_at = 0 AND next_attempt_at > $2",
        &[Arg::Int(now), Arg::Int(latest)],
    )
}

/// Not while somebody works on it: that write may be on its way. A lease that has run out is void from here on, or its
/// holder could bring the message back.
fn set_discarded(tx: &mut Tx<'_>, id: EntryId, now: i64) -> Result<u64, StoreError> {
    tx.execute(
        "/* set_discarded */ UPDATE messages SET stage = 'discarded', reason = 'a person discarded it', \
         settled_at = $2, acknowledgement = 'owed', lease_owner = '', lease_until = 0 WHERE id = $1 AND lease_until <= $2",
        &[Arg::Int(id.0), Arg::Int(now)],
    )
}

/// On PostgreSQL, keeps others from changing an entry between reading it and changing it.
fn lock_entry(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.query(
        "/* lock_entry */ SELECT id FROM messages WHERE id = $1 /*postgres FOR UPDATE */",
        &[Arg::Int(id.0)],
        |mut row| row.int(),
    )?;
    Ok(())
}

fn select_entry(tx: &mut Tx<'_>, id: EntryId) -> Result<Option<SealedEntry>, StoreError> {
    tx.optional(
        concat!("/* select_entry */ SELECT ", entry_columns!(), " FROM messages WHERE id = $1"),
        &[Arg::Int(id.0)],
        |mut row| Ledger::sealed_entry(&mut row),
    )
}

fn select_list(tx: &mut Tx<'_>, filter: &Filter, now: i64) -> Result<Vec<SealedEntry>, StoreError> {
    let stages = Stage::ALL.into_iter().filter(|stage| filter.stages.is_empty() || filter.stages.contains(stage));
    let stages: String = stages.flat_map(|stage| [" ", stage.as_str()]).chain([" "]).collect();
    let deferred = match filter.deferred {
        None => -1,
        Some(Deferred::No) => 0,
        Some(Deferred::Yes) => 1,
    };
    tx.query(
        concat!(
            "/* select_list */ SELECT ",
            entry_columns!(),
            " FROM messages WHERE ($1 = '' OR mailbox = $1) AND $2 LIKE '% ' || stage || ' %' \
             AND (CAST($3 AS BIGINT) = -1 OR CAST($3 AS BIGINT) = CASE WHEN next_attempt_at > $4 THEN 1 ELSE 0 END) ORDER BY id DESC LIMIT $5"
        ),
        &[
            Arg::Text(filter.mailbox.as_deref().unwrap_or_default()),
            Arg::Text(&stages),
            Arg::Int(deferred),
            Arg::Int(now),
            Arg::Int(i64::try_from(filter.limit).unwrap_or(i64::MAX)),
        ],
        |mut row| Ledger::sealed_entry(&mut row),
    )
}
