//! Whether the vault's key is the one that this ledger was sealed with. Says so at start, not at the first message.

use super::database::{Arg, Connection, Tx};
use super::{Ledger, StoreError};
use crate::vault::Holdings;

/// What is sealed as the proof. No secret.
const KNOWN: &[u8] = b"mail2jira";
/// Stands in the error of a wrong key: "the ledger was sealed with another key".
const CONTEXT: &str = "the ledger";

/// Whether anything in a database is sealed. Needs no vault, and answers what [`crate::vault::Vault::open`] asks.
pub fn holdings(connection: &mut Connection) -> Result<Holdings, StoreError> {
    let sealed = connection.transaction(count_sealed)?;
    Ok(if sealed == 0 { Holdings::Nothing } else { Holdings::Sealed })
}

impl Ledger {
    /// Proves that the vault's key opens what the ledger holds: [`StoreError::Vault`] where it does not. The first use
    /// makes the proof.
    pub async fn prove_key(&self) -> Result<(), StoreError> {
        let sealed = self.vault.seal(CONTEXT, KNOWN)?;
        let stored = self.write(move |tx| {
            insert_proof(tx, &sealed)?;
            select_proof(tx)
        });
        let stored = stored.await?.ok_or_else(|| StoreError::corrupt("the proof of its key is gone".to_owned()))?;
        self.vault.unseal(CONTEXT, &stored)?;
        Ok(())
    }
}

/// Looks beyond the proof: `authorize` may have stored a consent before any daemon ran.
fn count_sealed(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let count = tx.optional(
        "/* count_sealed */ SELECT COUNT(*) FROM (SELECT name FROM vault UNION ALL SELECT subject FROM grants \
         UNION ALL SELECT body FROM (SELECT body FROM messages LIMIT 1) AS message) AS sealed",
        &[],
        |mut row| row.int(),
    )?;
    Ok(count.unwrap_or(0))
}

fn insert_proof(tx: &mut Tx<'_>, sealed: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_proof */ INSERT INTO vault (name, sealed) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING",
        &[Arg::Bytes(sealed)],
    )?;
    Ok(())
}

fn select_proof(tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    tx.optional("/* select_proof */ SELECT sealed FROM vault WHERE name = 'key'", &[], |mut row| row.bytes())
}
