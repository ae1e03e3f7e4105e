//! Sealing with another key everything that is sealed: in one transaction, so that a kill at any moment leaves all of it under
//! one key, the old one or the new one.
//!
//! There is no key that wraps another, which would make it quick: whoever had the old key and a copy of the database could
//! unwrap the inner one for ever. Bodies are deleted after days, so there is never much to seal anew.

use super::database::{Arg, Connection, Row, Tx};
use super::{StoreError, bodies, consents, grants, key};
use crate::vault::Vault;

/// Rows that are held in memory at once: 16 MiB of bodies.
const TOGETHER: i64 = 32;

/// A table with sealed values, whose rows are gone through in the order of their keys.
struct Table<K> {
    /// Comes before every key.
    start: K,
    /// The next rows behind a key.
    select: fn(&mut Tx<'_>, &K) -> Result<Rows<K>, StoreError>,
    /// What binds a value to its place.
    context: fn(&K) -> String,
    /// Puts a value in the place of the one there.
    update: fn(&mut Tx<'_>, &K, &[u8]) -> Result<u64, StoreError>,
}

/// The key of each row, and what is sealed in it.
type Rows<K> = Vec<(K, Vec<u8>)>;

/// From one key to another.
struct Change<'v> {
    old: &'v Vault,
    new: &'v Vault,
}

/// Seals everything anew. Says how many values that were. Blocks; the connection must be alone ([`Connection::be_alone`]).
pub fn rekey(connection: &mut Connection, old: &Vault, new: &Vault) -> Result<u64, StoreError> {
    let change = Change { old, new };
    connection.transaction(|tx| {
        let mut count = change.apply(tx, PROOF)?;
        count += change.apply(tx, GRANTS)?;
        count += change.apply(tx, CONSENTS)?;
        count += change.apply(tx, BODIES)?;
        count += change.apply(tx, ENVELOPES)?;
        count += change.apply(tx, STEPS)?;
        Ok(count + change.apply(tx, STORY)?)
    })
}

impl Change<'_> {
    fn apply<K>(&self, tx: &mut Tx<'_>, table: Table<K>) -> Result<u64, StoreError> {
        let (mut count, mut last) = (0, table.start);
        loop {
            let rows = (table.select)(tx, &last)?;
            if rows.is_empty() {
                return Ok(count);
            }
            for (key, sealed) in rows {
                let context = (table.context)(&key);
                let resealed = self.new.seal(&context, &self.old.unseal(&context, &sealed)?)?;
                count += (table.update)(tx, &key, &resealed)?;
                last = key;
            }
        }
    }
}

const PROOF: Table<String> = Table {
    start: String::new(),
    select: |tx, last| {
        let sql = "/* rekey_proof */ SELECT name, sealed FROM vault WHERE name > $1 ORDER BY name LIMIT $2";
        tx.query(sql, &[Arg::Text(last), Arg::Int(TOGETHER)], named)
    },
    context: |_| key::CONTEXT.to_owned(),
    update: |tx, name, sealed| {
        let sql = "/* reseal_proof */ UPDATE vault SET sealed = $2 WHERE name = $1";
        tx.execute(sql, &[Arg::Text(name), Arg::Bytes(sealed)])
    },
};

const GRANTS: Table<String> = Table {
    start: String::new(),
    select: |tx, last| {
        let sql = "/* rekey_grants */ SELECT subject, sealed FROM grants WHERE subject > $1 ORDER BY subject LIMIT $2";
        tx.query(sql, &[Arg::Text(last), Arg::Int(TOGETHER)], named)
    },
    context: |subject| grants::context(subject),
    update: |tx, subject, sealed| {
        let sql = "/* reseal_grant */ UPDATE grants SET sealed = $2 WHERE subject = $1";
        tx.execute(sql, &[Arg::Text(subject), Arg::Bytes(sealed)])
    },
};

const CONSENTS: Table<String> = Table {
    start: String::new(),
    select: |tx, last| {
        let sql = "/* rekey_consents */ SELECT state, sealed FROM consents WHERE state > $1 ORDER BY state LIMIT $2";
        tx.query(sql, &[Arg::Text(last), Arg::Int(TOGETHER)], named)
    },
    context: |state| consents::context(state),
    update: |tx, state, sealed| {
        let sql = "/* reseal_consent */ UPDATE consents SET sealed = $2 WHERE state = $1";
        tx.execute(sql, &[Arg::Text(state), Arg::Bytes(sealed)])
    },
};

const BODIES: Table<(String, i64)> = Table {
    start: (String::new(), -1),
    select: |tx, (body, position)| {
        let sql = "/* rekey_bodies */ SELECT body, position, sealed FROM bodies \
                   WHERE body > $1 OR (body = $1 AND position > $2) ORDER BY body, position LIMIT $3";
        let args = [Arg::Text(body), Arg::Int(*position), Arg::Int(TOGETHER)];
        tx.query(sql, &args, |mut row| Ok(((row.text()?, row.int()?), row.bytes()?)))
    },
    context: |(body, position)| bodies::context(body, *position),
    update: |tx, (body, position), sealed| {
        let sql = "/* reseal_body */ UPDATE bodies SET sealed = $3 WHERE body = $1 AND position = $2";
        tx.execute(sql, &[Arg::Text(body), Arg::Int(*position), Arg::Bytes(sealed)])
    },
};

const ENVELOPES: Table<i64> = Table {
    start: 0,
    select: |tx, last| {
        let sql = "/* rekey_envelopes */ SELECT id, envelope FROM messages WHERE id > $1 ORDER BY id LIMIT $2";
        tx.query(sql, &[Arg::Int(*last), Arg::Int(TOGETHER)], numbered)
    },
    context: |_| "envelope".to_owned(),
    update: |tx, id, sealed| {
        let sql = "/* reseal_envelope */ UPDATE messages SET envelope = $2 WHERE id = $1";
        tx.execute(sql, &[Arg::Int(*id), Arg::Bytes(sealed)])
    },
};

const STEPS: Table<(i64, i64)> = Table {
    start: (0, -1),
    select: |tx, (message, position)| {
        let sql = "/* rekey_steps */ SELECT message, position, sealed FROM steps \
                   WHERE message > $1 OR (message = $1 AND position > $2) ORDER BY message, position LIMIT $3";
        let args = [Arg::Int(*message), Arg::Int(*position), Arg::Int(TOGETHER)];
        tx.query(sql, &args, |mut row| Ok(((row.int()?, row.int()?), row.bytes()?)))
    },
    context: |_| "step".to_owned(),
    update: |tx, (message, position), sealed| {
        let sql = "/* reseal_step */ UPDATE steps SET sealed = $3 WHERE message = $1 AND position = $2";
        tx.execute(sql, &[Arg::Int(*message), Arg::Int(*position), Arg::Bytes(sealed)])
    },
};

const STORY: Table<i64> = Table {
    start: 0,
    select: |tx, last| {
        let sql = "/* rekey_story */ SELECT id, sealed FROM story WHERE id > $1 ORDER BY id LIMIT $2";
        tx.query(sql, &[Arg::Int(*last), Arg::Int(TOGETHER)], numbered)
    },
    context: |_| "story".to_owned(),
    update: |tx, id, sealed| {
        let sql = "/* reseal_story */ UPDATE story SET sealed = $2 WHERE id = $1";
        tx.execute(sql, &[Arg::Int(*id), Arg::Bytes(sealed)])
    },
};

fn named(mut row: Row) -> Result<(String, Vec<u8>), StoreError> {
    Ok((row.text()?, row.bytes()?))
}

fn numbered(mut row: Row) -> Result<(i64, Vec<u8>), StoreError> {
    Ok((row.int()?, row.bytes()?))
}
