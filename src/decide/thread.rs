//! Which issue a message's thread belongs to, by the messages that are in the ledger already. Pure.

use crate::jira::IssueRef;
use crate::mail::MessageId;

/// A message of the same thread in the ledger that went to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its `Message-ID`.
    pub message_id: Option<MessageId>,
    /// Where it went.
    pub issue: IssueRef,
    /// Which mailbox it came through.
    pub mailbox: Kinship,
    /// Later ones have greater numbers.
    pub order: u64,
}

/// Whether two messages came through the same mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinship {
    /// Through different ones.
    Other,
    /// Through the same.
    Same,
}

/// The issue that a message's thread belongs to: that of the nearest ancestor which led to one; else, since siblings of one
/// conversation belong together although nobody has seen what they answer, the latest of the thread in the same mailbox.
/// Where a copy of an ancestor came through several mailboxes, or again after its issue was gone, the same mailbox counts
/// first, and then the latest. `ancestors` as [`Mail::ancestors`](crate::mail::Mail::ancestors) gives them.
pub fn thread_issue<'c>(ancestors: &[&MessageId], candidates: &'c [Candidate]) -> Option<&'c IssueRef> {
    let best = |ancestor: &&MessageId| {
        let copies = candidates.iter().filter(|candidate| candidate.message_id.as_ref() == Some(*ancestor));
        copies.max_by_key(|candidate| (candidate.mailbox, candidate.order))
    };
    let sibling = || {
        let siblings = candidates.iter().filter(|candidate| candidate.mailbox == Kinship::Same);
        siblings.max_by_key(|candidate| candidate.order)
    };
    ancestors.iter().find_map(best).or_else(sibling).map(|candidate| &candidate.issue)
}
