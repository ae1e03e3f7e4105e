//! Whether the vault's key is the one that a state is sealed with. Says so at start, not at the first message.

use super::StoreError;
use super::database::{Arg, Connection, Tx};
use crate::vault::{Holdings, KeyId, Vault, VaultError};

/// What is sealed as the proof. No secret.
const KNOWN: &[u8] = b"mail2jira";
/// Stands in the error of a wrong key: "the ledger was sealed with another key".
pub(super) const CONTEXT: &str = "the ledger";

/// The key that a state is sealed with; `None` where nothing is. Needs no vault.
pub fn in_use(connection: &mut Connection) -> Result<Option<KeyId>, StoreError> {
    let Some(sealed) = connection.transaction(select_sealed)? else { return Ok(None) };
    let id = Vault::key_of(&sealed);
    id.map(Some).ok_or_else(|| StoreError::corrupt("the proof of its key is none".to_owned()))
}

/// Whether anything in a state is sealed, which is what [`Vault::open`] asks.
pub fn holdings(connection: &mut Connection) -> Result<Holdings, StoreError> {
    Ok(match in_use(connection)? {
        None => Holdings::Nothing,
        Some(_) => Holdings::Sealed,
    })
}

/// Proves that the vault's key is the one that the state is sealed with: [`StoreError::Vault`] where it is not. The first use
/// makes the proof.
pub fn prove(connection: &mut Connection, vault: &Vault) -> Result<(), StoreError> {
    check(connection, vault)?;
    let proof = vault.seal(CONTEXT, KNOWN)?;
    connection.transaction(|tx| insert_proof(tx, &proof))
}

/// Checks that the vault's key is the one that the state is sealed with, and makes no proof.
pub fn check(connection: &mut Connection, vault: &Vault) -> Result<(), StoreError> {
    match in_use(connection)?.filter(|id| *id != vault.key_id()) {
        None => Ok(()),
        Some(sealed_with) => {
            let context = CONTEXT.to_owned();
            Err(VaultError::OtherKey { context, sealed_with, has: vault.key_id() }.into())
        }
    }
}

/// Anything that is sealed. Looks beyond the proof, which version 0.1 did not make.
fn select_sealed(tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    tx.optional(
        "/* select_sealed */ SELECT sealed FROM vault UNION ALL SELECT sealed FROM grants \
         UNION ALL SELECT envelope FROM messages LIMIT 1",
        &[],
        |mut row| row.bytes(),
    )
}

fn insert_proof(tx: &mut Tx<'_>, sealed: &[u8]) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_proof */ INSERT INTO vault (name, sealed) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING",
        &[Arg::Bytes(sealed)],
    )?;
    Ok(())
}
