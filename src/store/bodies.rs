//! Bodies: personal data, so compressed, sealed with the vault's key, and deleted when their time is over.
//!
//! A body is a row of chunks, so that a message of 150 MB costs no more memory than one chunk on its way in or out.

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::entry::EntryId;
use super::{Ledger, StoreError, ms, steps};

/// Bytes of a body per chunk.
pub const CHUNK: usize = 512 << 10;
/// Chunks read at a time.
const CHUNKS: i64 = 8;

/// Names a body's chunks: its time and something random, so that a fetch that was cut off leaves nothing that a later one
/// could mix with, and that new bodies stand side by side in the index. Names at random alone cost a page of it for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyId(String);

impl BodyId {
    /// The name of a body that begins to come in now. `random` makes it unique.
    pub fn new(now: Timestamp, random: &str) -> Self {
        Self(format!("{:012x}{random}", ms(now)))
    }

    /// Reads the name as it is stored; the empty text stands for a deleted body.
    pub(super) fn parse(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn context(&self, position: i64) -> String {
        context(&self.0, position)
    }
}

/// Binds a chunk to its place: one copied to another does not open.
pub(super) fn context(body: &str, position: i64) -> String {
    format!("body:{body}:{position}")
}

/// A chunk, compressed and sealed, on its way into the database.
pub struct SealedChunk {
    body: BodyId,
    position: i64,
    sealed: Vec<u8>,
}

impl Ledger {
    /// Compresses and seals one chunk, outside the database's thread.
    pub fn seal_chunk(&self, body: &BodyId, position: i64, bytes: &[u8]) -> Result<SealedChunk, StoreError> {
        let compressed = lz4_flex::compress_prepend_size(bytes);
        let sealed = self.vault.seal(&body.context(position), &compressed)?;
        Ok(SealedChunk { body: body.clone(), position, sealed })
    }

    /// Stores chunks ahead of the message that they belong to; those that no message ever names are tidied away.
    pub async fn store_chunks(&self, chunks: Vec<SealedChunk>, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| insert_chunks(tx, &chunks, now)).await
    }

    /// A whole body.
    pub async fn body(&self, body: &BodyId) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let mut position = 0;
        let mut behind = 0;
        while position == behind {
            let (name, from) = (body.clone(), position);
            for sealed in self.read(move |tx| select_chunks(tx, &name, from)).await? {
                bytes.append(&mut self.opened_chunk(body, position, &sealed)?);
                position += 1;
            }
            behind += CHUNKS;
        }
        if position == 0 {
            return Err(StoreError::corrupt(format!("the body {} is missing", body.as_str())));
        }
        Ok(bytes)
    }

    /// One chunk of a body; `None` behind the last.
    pub async fn chunk(&self, body: &BodyId, position: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let name = body.clone();
        let Some(sealed) = self.read(move |tx| select_chunk(tx, &name, position)).await? else { return Ok(None) };
        self.opened_chunk(body, position, &sealed).map(Some)
    }

    fn opened_chunk(&self, body: &BodyId, position: i64, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let compressed = self.vault.unseal(&body.context(position), sealed)?;
        lz4_flex::decompress_size_prepended(&compressed)
            .map_err(|error| StoreError::corrupt(format!("the body {}: {error}", body.as_str())))
    }

    /// Deletes the bodies of messages that were settled and acknowledged before `before` and are whole in Jira. Says how
    /// many messages lost their body.
    pub async fn delete_old_bodies(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let lot = self.write_alone(move |tx| delete_lot(tx, ms(before))).await?;
            deleted += lot;
            if lot == 0 {
                return Ok(deleted);
            }
        }
    }

    /// Deletes chunks stored before `before` that no message names: a fetch broke off. One that still goes on must have
    /// begun later, or its message would lose its beginning.
    pub async fn delete_abandoned_chunks(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write_alone(move |tx| delete_unnamed_chunks(tx, ms(before))).await
    }
}

pub(super) fn insert_chunks(tx: &mut Tx<'_>, chunks: &[SealedChunk], now: Timestamp) -> Result<(), StoreError> {
    for SealedChunk { body, position, sealed } in chunks {
        tx.execute(
            "/* insert_chunk */ INSERT INTO bodies (body, position, stored_at, sealed) VALUES ($1, $2, $3, $4)",
            &[Arg::Text(body.as_str()), Arg::Int(*position), Arg::Int(ms(now)), Arg::Bytes(sealed)],
        )?;
    }
    Ok(())
}

pub(super) fn delete_body(tx: &mut Tx<'_>, body: &BodyId) -> Result<(), StoreError> {
    tx.execute("/* delete_body */ DELETE FROM bodies WHERE body = $1", &[Arg::Text(body.as_str())])?;
    Ok(())
}

fn select_chunk(tx: &mut Tx<'_>, body: &BodyId, position: i64) -> Result<Option<Vec<u8>>, StoreError> {
    tx.optional(
        "/* select_chunk */ SELECT sealed FROM bodies WHERE body = $1 AND position = $2",
        &[Arg::Text(body.as_str()), Arg::Int(position)],
        |mut row| row.bytes(),
    )
}

fn select_chunks(tx: &mut Tx<'_>, body: &BodyId, from: i64) -> Result<Vec<Vec<u8>>, StoreError> {
    tx.query(
        "/* select_chunks */ SELECT sealed FROM bodies WHERE body = $1 AND position >= $2 ORDER BY position LIMIT $3",
        &[Arg::Text(body.as_str()), Arg::Int(from), Arg::Int(CHUNKS)],
        |mut row| row.bytes(),
    )
}

fn delete_unnamed_chunks(tx: &mut Tx<'_>, before: i64) -> Result<u64, StoreError> {
    tx.execute(
        "/* delete_unnamed_chunks */ DELETE FROM bodies WHERE stored_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.body = bodies.body AND m.body <> '')",
        &[Arg::Int(before)],
    )
}

/// Messages that lose their body in one transaction: whoever waits behind it does not wait long.
const LOT: u64 = 200;

/// Bytes of them after which no more are added to it.
const LOT_BYTES: i64 = 64 << 20;

/// A message whose body is not needed any more.
struct Settled {
    id: EntryId,
    body: BodyId,
    size: i64,
}

fn delete_lot(tx: &mut Tx<'_>, before: i64) -> Result<u64, StoreError> {
    let (mut deleted, mut bytes) = (0, 0);
    for Settled { id, body, size } in select_settled(tx, before)? {
        if bytes > LOT_BYTES {
            break;
        }
        delete_body(tx, &body)?;
        steps::delete(tx, id)?; // the plan repeats what the message says
        forget_body(tx, id)?;
        (deleted, bytes) = (deleted + 1, bytes + size);
    }
    Ok(deleted)
}

/// The next lot of messages that need their body no more. No person can bring one back to life from here on, as long as the
/// transaction lasts.
fn select_settled(tx: &mut Tx<'_>, before: i64) -> Result<Vec<Settled>, StoreError> {
    tx.query(
        "/* select_settled */ SELECT id, body, size FROM messages WHERE stage IN ('delivered', 'ignored', 'discarded') \
         AND settled_at < $1 AND body <> '' AND acknowledgement = 'done' AND (left_out = 0 OR stage = 'discarded') \
         ORDER BY settled_at, id LIMIT $2 /*postgres FOR UPDATE*/",
        &[Arg::Int(before), Arg::Int(LOT.cast_signed())],
        |mut row| Ok(Settled { id: EntryId(row.int()?), body: BodyId(row.text()?), size: row.int()? }),
    )
}

fn forget_body(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute("/* forget_body */ UPDATE messages SET body = '' WHERE id = $1", &[Arg::Int(id.0)])?;
    Ok(())
}
