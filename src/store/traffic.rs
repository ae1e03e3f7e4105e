//! How many bytes each mailbox was made to send in a day, so that a restart does not begin a provider's daily limit anew.

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::{Ledger, StoreError, ms};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(i64);

impl Day {
    /// The day of a moment.
    pub fn of(at: Timestamp) -> Self {
        Self(ms(at).div_euclid(DAY_MS))
    }

    /// When the next one begins.
    pub fn end(self) -> Timestamp {
        Timestamp::from_millisecond((self.0 + 1).saturating_mul(DAY_MS)).unwrap_or(Timestamp::MAX)
    }
}

impl Ledger {
    /// Bytes that were fetched from a mailbox on that day.
    pub async fn traffic(&self, mailbox: &str, day: Day) -> Result<u64, StoreError> {
        let mailbox = mailbox.to_owned();
        self.read(move |tx| select_traffic(tx, &mailbox, day)).await
    }

    /// Adds to them. Days that are over are forgotten.
    pub async fn add_traffic(&self, mailbox: &str, day: Day, bytes: u64) -> Result<(), StoreError> {
        let mailbox = mailbox.to_owned();
        self.write(move |tx| {
            delete_old_traffic(tx, &mailbox, day)?;
            upsert_traffic(tx, &mailbox, day, bytes)
        })
        .await
    }
}

fn select_traffic(tx: &mut Tx<'_>, mailbox: &str, day: Day) -> Result<u64, StoreError> {
    let bytes = tx.optional(
        "/* select_traffic */ SELECT bytes FROM traffic WHERE mailbox = $1 AND day = $2",
        &[Arg::Text(mailbox), Arg::Int(day.0)],
        |mut row| row.int(),
    )?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default())
}

fn delete_old_traffic(tx: &mut Tx<'_>, mailbox: &str, day: Day) -> Result<(), StoreError> {
    tx.execute(
        "/* delete_old_traffic */ DELETE FROM traffic WHERE mailbox = $1 AND day < $2",
        &[Arg::Text(mailbox), Arg::Int(day.0)],
    )?;
    Ok(())
}

fn upsert_traffic(tx: &mut Tx<'_>, mailbox: &str, day: Day, bytes: u64) -> Result<(), StoreError> {
    tx.execute(
        "/* upsert_traffic */ INSERT INTO traffic (mailbox, day, bytes) VALUES ($1, $2, $3) \
         ON CONFLICT (mailbox, day) DO UPDATE SET bytes = traffic.bytes + excluded.bytes",
        &[Arg::Text(mailbox), Arg::Int(day.0), Arg::Int(i64::try_from(bytes).unwrap_or(i64::MAX))],
    )?;
    Ok(())
}
