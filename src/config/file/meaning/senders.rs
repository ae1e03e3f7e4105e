//! `[senders]` and `[mailbox.NAME.senders]`: whose mail is taken.

use super::super::SendersTable;
use super::super::document::KeyPath;
use super::super::values::Wrong;
use super::Checker;
use super::rule::address_pattern;
use crate::config::senders::SenderSettings;

/// The largest `per_hour` and `per_issue`.
const MOST: i64 = 1_000;

impl Checker<'_> {
    pub(super) fn senders(&mut self, path: &KeyPath, table: SendersTable) -> Option<SenderSettings> {
        let allow = self.each(&path.key("allow"), &table.allow.unwrap_or_default(), address_pattern);
        let block = self.each(&path.key("block"), &table.block.unwrap_or_default(), address_pattern);
        let per_hour = self.optional(&path.key("per_hour"), table.per_hour.as_ref(), count);
        let per_issue = self.optional(&path.key("per_issue"), table.per_issue.as_ref(), count);
        Some(SenderSettings { allow: allow?, block: block?, per_hour: per_hour?, per_issue: per_issue? })
    }
}

fn count(count: &i64) -> Result<usize, Wrong> {
    let fitting = usize::try_from(*count).ok().filter(|_| (1..=MOST).contains(count));
    fitting.ok_or_else(|| Wrong {
        message: "this is out of range".into(),
        fix: format!("write a number from 1 to {MOST}, or leave the key out"),
    })
}
