//! Which pictures of mails stand on an issue, so that a signature's logo is attached to it once. Remembers hashes, no
//! pictures; whether Jira still has them, it alone knows.

use super::database::{Arg, Tx};
use super::entry::EntryId;
use super::{Ledger, StoreError};
use crate::jira::{IssueRef, Written};

/// A picture that was attached to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Of its bytes, in lower-case hex.
    pub sha256: String,
    /// Jira's id of the attachment.
    pub attachment_id: String,
}

impl Ledger {
    /// The pictures that mails brought to an issue.
    pub async fn pictures(&self, issue: &IssueRef) -> Result<Vec<Picture>, StoreError> {
        let issue_id = issue.id.clone();
        self.read(move |tx| select(tx, &issue_id)).await
    }
}

fn select(tx: &mut Tx<'_>, issue_id: &str) -> Result<Vec<Picture>, StoreError> {
    tx.query(
        "/* select_pictures */ SELECT sha256, attachment_id FROM pictures WHERE issue_id = $1",
        &[Arg::Text(issue_id)],
        |mut row| Ok(Picture { sha256: row.text()?, attachment_id: row.text()? }),
    )
}

/// Takes note of what Jira wrote for a step, if that is a picture.
pub(super) fn remember(tx: &mut Tx<'_>, id: EntryId, position: u32, written: &Written) -> Result<(), StoreError> {
    let attachment_id = match written {
        Written::Attachment(attachment_id) => attachment_id,
        Written::Issue(_) | Written::Comment(_) | Written::Change => return Ok(()),
    };
    tx.execute(
        "/* insert_picture */ INSERT INTO pictures (issue_id, sha256, attachment_id) \
         SELECT m.issue_id, s.picture, $3 FROM steps s JOIN messages m ON m.id = s.message \
         WHERE s.message = $1 AND s.position = $2 AND s.picture <> '' \
         ON CONFLICT (issue_id, sha256) DO UPDATE SET attachment_id = excluded.attachment_id",
        &[Arg::Int(id.0), Arg::Int(i64::from(position)), Arg::Text(attachment_id)],
    )?;
    Ok(())
}
