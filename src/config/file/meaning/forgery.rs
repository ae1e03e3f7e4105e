//! What a forged sender could be taken for, where nothing says whose `Authentication-Results` count.

use std::collections::BTreeMap;

use super::super::document::KeyPath;
use super::Checker;
use crate::config::rule::Reporter;
use crate::config::{Customers, MailboxName, MailboxSettings, Rule};
use crate::mail::authentication::Trusted;

impl Checker<'_> {
    /// Where issues are raised in the name of their senders, the topmost results count unless a server is named: right where the
    /// mailbox's own server writes some into every message. It cannot be seen from here whether it does, and where it does not,
    /// what a sender wrote stands topmost.
    pub(super) fn warn_of_forgery(
        &mut self,
        mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>,
        rules: &[Option<Rule>],
    ) {
        for mailbox in mailboxes.values().flatten() {
            let names_sender = |rule: &&Rule| names_sender(rule, mailbox);
            let rule = rules.iter().flatten().find(names_sender).map(|rule| format!("the rule `{}`", rule.name));
            let requests = mailbox.requests.kind.as_ref().filter(|_| mailbox.requests.customers != Customers::None);
            let by = rule.or_else(|| requests.map(|_| "`requests`".to_owned()));
            if let Some(by) = by.filter(|_| mailbox.trusted_results() == Trusted::Topmost) {
                let path = KeyPath::default().key("mailbox").key(mailbox.name.as_str());
                let message = format!(
                    "{by} raises issues in the name of senders, and any sender can forge their `Authentication-Results` \
                     unless the server writes its own into every message"
                );
                let fix = "write authserv_id = \"NAME\", as it stands first in that header of mail that you received";
                self.findings.warning(&path, message, fix);
            }
        }
    }
}

/// Whether a rule makes the senders of a mailbox's mail the reporters of issues, or customers.
fn names_sender(rule: &Rule, mailbox: &MailboxSettings) -> bool {
    let requests = rule.set.request_type.is_some() && mailbox.requests.customers != Customers::None;
    let applies = rule.when.is_for(&mailbox.name);
    applies && rule.may_create() && (requests || rule.set.reporter == Reporter::Sender)
}
