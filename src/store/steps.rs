//! The steps of a plan: what is to be written to Jira, sealed, and how far each write has come.

use jiff::Timestamp;

use super::database::{Arg, Row, Tx};
use super::entry::EntryId;
use super::{Ledger, StoreError, timestamp};
use crate::jira::Written;
use crate::jira::plan::{Marker, Step, Write};

/// A step with how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStep {
    /// Its place in the plan, from 0.
    pub position: u32,
    /// What is written.
    pub step: Step,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a step has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Jira has not been asked; or it has said, or it was found out, that nothing was written.
    Planned,
    /// Jira was asked, and what came of it is not known.
    Sent(Sent),
    /// Jira holds it.
    Done(Written),
}

/// When a write of unknown outcome may have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// From then on.
    pub at: Timestamp,
    /// Until then. `None`: whoever sent it is gone, and nobody has looked for it yet.
    pub over: Option<Timestamp>,
}

/// A step, sealed, on its way into the database.
pub(super) struct SealedStep {
    marker: String,
    sealed: Vec<u8>,
    /// SHA-256 of a picture that it attaches, or nothing.
    picture: String,
}

impl Ledger {
    /// The plan of a message, in order.
    pub async fn steps(&self, id: EntryId) -> Result<Vec<PlannedStep>, StoreError> {
        let rows = self.read(move |tx| select(tx, id)).await?;
        rows.into_iter().map(|row| self.unsealed_step(row)).collect()
    }

    pub(super) fn seal_steps(&self, steps: &[Step]) -> Result<Vec<SealedStep>, StoreError> {
        steps
            .iter()
            .map(|step| {
                let json = serde_json::to_vec(&step.write).map_err(|error| StoreError::corrupt(error.to_string()))?;
                let compressed = lz4_flex::compress_prepend_size(&json);
                let picture = step.write.picture().unwrap_or_default().to_owned();
                let marker = step.marker.0.clone();
                Ok(SealedStep { marker, sealed: self.vault.seal("step", &compressed)?, picture })
            })
            .collect()
    }

    fn unsealed_step(&self, row: StepRow) -> Result<PlannedStep, StoreError> {
        let unreadable = |error: &dyn std::fmt::Display| StoreError::corrupt(format!("a step: {error}"));
        let compressed = self.vault.unseal("step", &row.sealed)?;
        let json = lz4_flex::decompress_size_prepended(&compressed).map_err(|error| unreadable(&error))?;
        let write: Write = serde_json::from_slice(&json).map_err(|error| unreadable(&error))?;
        let progress = match (row.written.as_str(), row.state.as_str(), timestamp(row.sent_at)) {
            ("", "planned", _) => Progress::Planned,
            ("", "sent", Some(at)) => Progress::Sent(Sent { at, over: timestamp(row.over_at) }),
            ("", state, _) => return Err(unreadable(&format!("there is no state `{state}`"))),
            (written, _, _) => Progress::Done(serde_json::from_str(written).map_err(|error| unreadable(&error))?),
        };
        Ok(PlannedStep { position: row.position, step: Step { marker: Marker(row.marker), write }, progress })
    }
}

struct StepRow {
    position: u32,
    marker: String,
    sealed: Vec<u8>,
    state: String,
    sent_at: i64,
    over_at: i64,
    /// Empty while Jira is not known to hold it.
    written: String,
}

fn select(tx: &mut Tx<'_>, id: EntryId) -> Result<Vec<StepRow>, StoreError> {
    let read = |mut row: Row| {
        Ok(StepRow {
            position: u32::try_from(row.int()?).unwrap_or_default(),
            marker: row.text()?,
            sealed: row.bytes()?,
            state: row.text()?,
            sent_at: row.int()?,
            over_at: row.int()?,
            written: row.text()?,
        })
    };
    tx.query(
        "/* select_steps */ SELECT s.position, s.marker, s.sealed, s.state, s.sent_at, s.over_at, COALESCE(o.written, '') FROM steps s \
         LEFT JOIN outcomes o ON o.message = s.message AND o.position = s.position \
         WHERE s.message = $1 ORDER BY s.position",
        &[Arg::Int(id.0)],
        read,
    )
}

/// Puts a plan in place. With `first_sent_at`, its first step is being sent from then on.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    id: EntryId,
    steps: &[SealedStep],
    first_sent_at: Option<i64>,
) -> Result<(), StoreError> {
    (0..).zip(steps).try_for_each(|(position, step)| {
        let sent_at = first_sent_at.filter(|_| position == 0);
        insert_one(tx, id, (position, sent_at), step)
    })
}

fn insert_one(
    tx: &mut Tx<'_>,
    id: EntryId,
    (position, sent_at): (u32, Option<i64>),
    step: &SealedStep,
) -> Result<(), StoreError> {
    let SealedStep { marker, sealed, picture } = step;
    tx.execute(
        "/* insert_step */ INSERT INTO steps (message, position, marker, sealed, picture, state, sent_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            Arg::Int(id.0),
            Arg::Int(i64::from(position)),
            Arg::Text(marker),
            Arg::Bytes(sealed),
            Arg::Text(picture),
            Arg::Text(if sent_at.is_some() { "sent" } else { "planned" }),
            Arg::Int(sent_at.unwrap_or_default()),
        ],
    )?;
    Ok(())
}

/// Puts a step behind the one at `position`; those that follow come one place later. Places are unique at every moment, so that
/// they move by way of numbers that nobody has.
pub(super) fn insert_behind(tx: &mut Tx<'_>, id: EntryId, position: u32, step: &SealedStep) -> Result<(), StoreError> {
    let (message, behind) = (Arg::Int(id.0), Arg::Int(i64::from(position)));
    for away in [
        "/* move_steps_away */ UPDATE steps SET position = -position WHERE message = $1 AND position > $2",
        "/* move_outcomes_away */ UPDATE outcomes SET position = -position WHERE message = $1 AND position > $2",
    ] {
        tx.execute(away, &[message, behind])?;
    }
    for back in [
        "/* move_steps_back */ UPDATE steps SET position = 1 - position WHERE message = $1 AND position < 0",
        "/* move_outcomes_back */ UPDATE outcomes SET position = 1 - position WHERE message = $1 AND position < 0",
    ] {
        tx.execute(back, &[message])?;
    }
    insert_one(tx, id, (position + 1, None), step)
}

/// Puts another step, or none, in the place of one of which nothing is written.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    id: EntryId,
    position: u32,
    instead: Option<&SealedStep>,
) -> Result<(), StoreError> {
    tx.execute(
        "/* delete_step */ DELETE FROM steps WHERE message = $1 AND position = $2",
        &[Arg::Int(id.0), Arg::Int(i64::from(position))],
    )?;
    delete_outcome(tx, id, position)?;
    instead.map_or(Ok(()), |step| insert_one(tx, id, (position, None), step))
}

pub(super) fn delete(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute("/* delete_steps */ DELETE FROM steps WHERE message = $1", &[Arg::Int(id.0)])?;
    tx.execute("/* delete_outcomes */ DELETE FROM outcomes WHERE message = $1", &[Arg::Int(id.0)])?;
    Ok(())
}

pub(super) fn mark_sent(tx: &mut Tx<'_>, id: EntryId, position: u32, at: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* mark_sent */ UPDATE steps SET state = 'sent', sent_at = $3, over_at = 0 WHERE message = $1 AND position = $2",
        &[Arg::Int(id.0), Arg::Int(i64::from(position)), Arg::Int(at)],
    )?;
    Ok(())
}

/// Records that a request is over for certain.
pub(super) fn mark_over(tx: &mut Tx<'_>, id: EntryId, position: u32, at: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* mark_over */ UPDATE steps SET over_at = $3 WHERE message = $1 AND position = $2",
        &[Arg::Int(id.0), Arg::Int(i64::from(position)), Arg::Int(at)],
    )?;
    Ok(())
}

/// Records that nothing is written of a step: Jira refused it, does not have it, or has it no more.
pub(super) fn mark_planned(tx: &mut Tx<'_>, id: EntryId, position: u32) -> Result<(), StoreError> {
    tx.execute(
        "/* mark_planned */ UPDATE steps SET state = 'planned', sent_at = 0 WHERE message = $1 AND position = $2",
        &[Arg::Int(id.0), Arg::Int(i64::from(position))],
    )?;
    delete_outcome(tx, id, position)
}

fn delete_outcome(tx: &mut Tx<'_>, id: EntryId, position: u32) -> Result<(), StoreError> {
    tx.execute(
        "/* delete_outcome */ DELETE FROM outcomes WHERE message = $1 AND position = $2",
        &[Arg::Int(id.0), Arg::Int(i64::from(position))],
    )?;
    Ok(())
}

/// Records that Jira holds what a step writes.
pub(super) fn insert_outcome(tx: &mut Tx<'_>, id: EntryId, position: u32, written: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_outcome */ INSERT INTO outcomes (message, position, written) VALUES ($1, $2, $3) \
         ON CONFLICT (message, position) DO UPDATE SET written = excluded.written",
        &[Arg::Int(id.0), Arg::Int(i64::from(position)), Arg::Text(written)],
    )?;
    Ok(())
}

/// How many steps of a message are past the point at which they could be planned anew.
pub(super) fn count_begun(tx: &mut Tx<'_>, id: EntryId) -> Result<i64, StoreError> {
    let count = tx.optional(
        "/* count_begun */ SELECT COUNT(*) FROM steps WHERE message = $1 AND state <> 'planned'",
        &[Arg::Int(id.0)],
        |mut row| row.int(),
    )?;
    Ok(count.unwrap_or(0))
}

/// How many steps of a message nobody knows the outcome of.
pub(super) fn count_sent(tx: &mut Tx<'_>, id: EntryId) -> Result<i64, StoreError> {
    let count = tx.optional(
        "/* count_sent */ SELECT COUNT(*) FROM steps s WHERE s.message = $1 AND s.state = 'sent' AND NOT EXISTS \
         (SELECT 1 FROM outcomes o WHERE o.message = s.message AND o.position = s.position)",
        &[Arg::Int(id.0)],
        |mut row| row.int(),
    )?;
    Ok(count.unwrap_or(0))
}
