//! Consents that were begun on the pages and not answered yet: sealed, good for one answer, and only for a while.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::database::{Arg, Tx};
use super::{Ledger, StoreError, ms};
use crate::text::hex;

/// A consent that waits for the answer of whoever was asked.
#[derive(Serialize, Deserialize)]
pub struct Pending<B> {
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// The session that began it; no other may end it.
    pub session: String,
    /// The flow's own secrets.
    pub begun: B,
}

impl Ledger {
    /// Keeps a consent that was begun, until then at most. The answer will name it by `state`.
    pub async fn keep_begun_consent<B: Serialize>(
        &self,
        state: &str,
        pending: &Pending<B>,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let name = name_of(state);
        let json = serde_json::to_vec(pending).map_err(|error| StoreError::corrupt(error.to_string()))?;
        let sealed = self.vault.seal(&context(&name), &zeroize::Zeroizing::new(json))?;
        let subject = pending.subject.clone();
        self.write(move |tx| {
            delete_old(tx, ms(now))?;
            insert(tx, &name, &subject, &sealed, ms(until))
        })
        .await
    }

    /// Takes a consent that was begun in this session: nobody can take it again.
    pub async fn take_begun_consent<B: DeserializeOwned>(
        &self,
        state: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Pending<B>>, StoreError> {
        let name = name_of(state);
        let wanted = name.clone();
        let sealed = self.write(move |tx| {
            delete_old(tx, ms(now))?;
            take(tx, &wanted)
        });
        let Some(sealed) = sealed.await? else { return Ok(None) };
        let json = self.vault.unseal(&context(&name), &sealed)?;
        let pending: Pending<B> = serde_json::from_slice(&json)
            .map_err(|_| StoreError::corrupt("a begun consent has an unknown form".to_owned()))?;
        Ok(Some(pending).filter(|pending| pending.session == session))
    }
}

/// A digest: what stands in the database cannot be used to answer for the provider.
fn name_of(state: &str) -> String {
    hex(digest::digest(&digest::SHA256, state.as_bytes()).as_ref())
}

pub(super) fn context(name: &str) -> String {
    format!("consent:{name}")
}

fn insert(tx: &mut Tx<'_>, name: &str, subject: &str, sealed: &[u8], until: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_begun_consent */ INSERT INTO consents (state, subject, sealed, expires_at) VALUES ($1, $2, $3, $4)",
        &[Arg::Text(name), Arg::Text(subject), Arg::Bytes(sealed), Arg::Int(until)],
    )?;
    Ok(())
}

/// Reading and deleting are one statement: of two that come at once, one gets it.
fn take(tx: &mut Tx<'_>, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    tx.optional(
        "/* take_begun_consent */ DELETE FROM consents WHERE state = $1 RETURNING sealed",
        &[Arg::Text(name)],
        |mut row| row.bytes(),
    )
}

fn delete_old(tx: &mut Tx<'_>, now: i64) -> Result<(), StoreError> {
    tx.execute("/* delete_old_consents */ DELETE FROM consents WHERE expires_at <= $1", &[Arg::Int(now)])?;
    Ok(())
}
