//! What an audit asks of the ledger: the messages of a mailbox that came in a period, with what their mailbox was told.

use jiff::Timestamp;

use super::database::{Arg, Row, Tx};
use super::entry::{Entry, EntryId, SealedEntry, entry_columns};
use super::owed::{Why, why};
use super::{Ledger, StoreError, ms};

/// A time from which on, and one up to which, the latter not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// From then on.
    pub since: Timestamp,
    /// Before then.
    pub until: Timestamp,
}

impl Period {
    /// Whether a time is within it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}

/// A message, and what its mailbox was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The message.
    pub entry: Entry,
    /// How it was settled, once the mailbox has been told.
    pub told: Option<Why>,
}

impl Ledger {
    /// Messages that came to a mailbox within a period, in the order of the ledger, behind `behind`.
    pub async fn arrived(
        &self,
        mailbox: &str,
        period: Period,
        behind: EntryId,
        limit: usize,
    ) -> Result<Vec<Standing>, StoreError> {
        let mailbox = mailbox.to_owned();
        let sealed = self.read(move |tx| select_arrived(tx, &mailbox, period, (behind, limit))).await?;
        let standing = sealed.into_iter().map(|(sealed, told)| {
            let entry = self.unsealed(sealed)?;
            let told = told.then(|| why(entry.stage, entry.left_out));
            Ok(Standing { entry, told })
        });
        standing.collect()
    }
}

fn select_arrived(
    tx: &mut Tx<'_>,
    mailbox: &str,
    period: Period,
    (behind, limit): (EntryId, usize),
) -> Result<Vec<(SealedEntry, bool)>, StoreError> {
    let read = |mut row: Row| Ok((Ledger::sealed_entry(&mut row)?, row.text()? == "done"));
    tx.query(
        concat!(
            "/* select_arrived */ SELECT ",
            entry_columns!(),
            ", acknowledgement FROM messages WHERE mailbox = $1 AND arrived_at >= $2 AND arrived_at < $3 AND id > $4 \
             ORDER BY id LIMIT $5"
        ),
        &[
            Arg::Text(mailbox),
            Arg::Int(ms(period.since)),
            Arg::Int(ms(period.until)),
            Arg::Int(behind.0),
            Arg::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
        read,
    )
}
