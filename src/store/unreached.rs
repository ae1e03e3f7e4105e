//! Since when passes (`run --once`) have not reached a mailbox, or Jira: one pass ends long before that is worth an alert, and
//! the next one has to know. A daemon remembers by itself.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::{Ledger, StoreError, ms, timestamp};

impl Ledger {
    /// What the last pass did not reach, and since when.
    pub async fn unreached(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        Ok(self.read(select_unreached).await?.into_iter().collect())
    }

    /// Records what this pass has not reached, and forgets the rest. What was not reached before keeps its time,
    /// whoever saw it first.
    pub async fn save_unreached(&self, unreached: BTreeMap<String, Timestamp>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let reached = select_unreached(tx)?.into_iter().filter(|(subject, _)| !unreached.contains_key(subject));
            reached.map(|(subject, _)| subject).try_for_each(|subject| delete_unreached(tx, &subject))?;
            unreached.iter().try_for_each(|(subject, since)| insert_unreached(tx, subject, *since))
        })
        .await
    }
}

fn select_unreached(tx: &mut Tx<'_>) -> Result<Vec<(String, Timestamp)>, StoreError> {
    tx.query("/* select_unreached */ SELECT subject, since FROM unreached", &[], |mut row| {
        Ok((row.text()?, timestamp(row.int()?).unwrap_or_default()))
    })
}

fn delete_unreached(tx: &mut Tx<'_>, subject: &str) -> Result<(), StoreError> {
    tx.execute("/* delete_unreached */ DELETE FROM unreached WHERE subject = $1", &[Arg::Text(subject)]).map(drop)
}

fn insert_unreached(tx: &mut Tx<'_>, subject: &str, since: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_unreached */ INSERT INTO unreached (subject, since) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING",
        &[Arg::Text(subject), Arg::Int(ms(since))],
    )
    .map(drop)
}
