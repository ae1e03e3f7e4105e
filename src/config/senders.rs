//! `[senders]` and `[mailbox.NAME.senders]`: whose mail is taken, and how much of it, as values. Whether a message is
//! refused is asked in [`decide`](mod@crate::decide).

use super::rule::AddressPattern;

/// Whose mail a mailbox takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SenderSettings {
    /// Only theirs; empty: everybody's.
    pub allow: Vec<AddressPattern>,
    /// Not theirs, whatever else is allowed.
    pub block: Vec<AddressPattern>,
    /// Messages of one sender within an hour.
    pub per_hour: Option<usize>,
    /// Messages to one issue within an hour.
    pub per_issue: Option<usize>,
}

impl SenderSettings {
    /// The settings of a mailbox, where `all` holds for every one: who is blocked there is blocked here too, and all else is said
    /// by the mailbox where it says anything.
    pub fn within(self, all: &Self) -> Self {
        Self {
            allow: if self.allow.is_empty() { all.allow.clone() } else { self.allow },
            block: all.block.iter().cloned().chain(self.block).collect(),
            per_hour: self.per_hour.or(all.per_hour),
            per_issue: self.per_issue.or(all.per_issue),
        }
    }
}
