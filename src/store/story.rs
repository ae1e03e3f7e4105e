//! The story of a message: every decision and every answer, in order, for the person who asks what became of it.

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::entry::EntryId;
use super::{Ledger, StoreError, ms, timestamp};

/// One line of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Option<Timestamp>,
    /// What happened, in one sentence.
    pub what: String,
}

impl Ledger {
    /// Everything that happened to a message, oldest first.
    pub async fn story(&self, id: EntryId) -> Result<Vec<Event>, StoreError> {
        let sealed = self.read(move |tx| select(tx, id)).await?;
        sealed
            .into_iter()
            .map(|(at, sealed)| {
                let what = self.vault.unseal("story", &sealed)?;
                Ok(Event { at: timestamp(at), what: String::from_utf8_lossy(&what).into_owned() })
            })
            .collect()
    }

    /// Seals one sentence of a story: it may name people.
    pub(super) fn sealed_story(&self, what: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.vault.seal("story", what.as_bytes())?)
    }
}

pub(super) fn insert(tx: &mut Tx<'_>, id: EntryId, at: Timestamp, sealed: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_story */ INSERT INTO story (message, at, sealed) VALUES ($1, $2, $3)",
        &[Arg::Int(id.0), Arg::Int(ms(at)), Arg::Bytes(sealed)],
    )?;
    Ok(())
}

fn select(tx: &mut Tx<'_>, id: EntryId) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    tx.query(
        "/* select_story */ SELECT at, sealed FROM story WHERE message = $1 ORDER BY id",
        &[Arg::Int(id.0)],
        |mut row| Ok((row.int()?, row.bytes()?)),
    )
}
