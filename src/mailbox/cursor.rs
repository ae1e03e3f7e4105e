//! How far a folder has been read, and what is to be listed next. Pure.

use serde::{Deserialize, Serialize};

/// How far a folder has been read. Stored as JSON beside the ledger's messages, per mailbox and folder.
///
/// `start = "now"` is fixed at the first select, twice over: as the UID that comes next, and as the newest INTERNALDATE
/// that the folder then held, by the server's own clock. The date takes over when UIDVALIDITY changes and UIDs mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// UIDVALIDITY that the UIDs below belong to.
    pub uid_validity: u32,
    /// The first UID that this program cares about: everything below it is older than the start.
    pub first_uid: u32,
    /// Every message below it that is not `\Deleted` is in the ledger or older than the start.
    pub next_uid: u32,
    /// After a UIDVALIDITY change: mail that arrived at or before this time (ms since 1970) is older than the start.
    pub start_ms: Option<i64>,
}
