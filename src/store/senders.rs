//! How much one sender has sent lately. Addresses are sealed, so that the newest messages are opened and compared.

use jiff::Timestamp;

use super::database::{Arg, Tx};
use super::entry::{EntryId, Stage};
use super::{Ledger, StoreError, ms};

/// How many of the newest messages are looked through.
const NEWEST: i64 = 5_000;

/// What a sender has sent before a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages that went to Jira.
    pub certain: usize,
    /// Messages that went to Jira, and those on their way there: of several at once nobody knows yet what becomes of each.
    pub possible: usize,
}

impl Ledger {
    /// The messages of one sender that came into the ledger before a message, and to a mailbox since then.
    pub async fn sent_by(&self, address: &str, before: EntryId, since: Timestamp) -> Result<Sent, StoreError> {
        let rows = self.read(move |tx| select_senders(tx, before, ms(since))).await?;
        let mut sent = Sent::default();
        for (envelope, stage) in rows {
            let from = self.unsealed_envelope(&envelope)?.from;
            if from.is_some_and(|from| from.address.eq_ignore_ascii_case(address)) {
                sent.possible += 1;
                sent.certain += usize::from(!Stage::parse(&stage)?.is_open());
            }
        }
        Ok(sent)
    }
}

/// POP3 does not say when a message came to the mailbox.
fn select_senders(tx: &mut Tx<'_>, before: EntryId, since: i64) -> Result<Vec<(Vec<u8>, String)>, StoreError> {
    tx.query(
        "/* select_senders */ SELECT envelope, stage FROM (SELECT envelope, stage, issue_id, arrived_at, received_at FROM messages \
         WHERE id < $1 ORDER BY id DESC LIMIT $2) newest \
         WHERE CASE WHEN arrived_at > 0 THEN arrived_at ELSE received_at END >= $3 \
         AND (issue_id <> '' OR stage IN ('received', 'planned', 'sent'))",
        &[Arg::Int(before.0), Arg::Int(NEWEST), Arg::Int(since)],
        |mut row| Ok((row.bytes()?, row.text()?)),
    )
}
