//! `[[rule]]`: the rules beside one another and beside the mailboxes. Finds rules that can never decide anything, and
//! mailboxes that no rule gives what they lack.

use std::collections::BTreeMap;

use super::super::document::KeyPath;
use super::Checker;
use crate::config::rule::{Rule, RuleAction, RuleValues, When};
use crate::config::{MailboxName, MailboxSettings};
use crate::decide::covered::{covers_senders, is_contradictory, is_covered, keeps_out, shadows};

impl Checker<'_> {
    /// A rule behind others of which one always holds where it does never decides anything, and neither does one for senders who
    /// are blocked.
    pub(super) fn warn_of_idle(
        &mut self,
        rules: &[Option<Rule>],
        mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>,
    ) {
        let root = KeyPath::default().key("rule");
        let known = told_apart(rules, mailboxes);
        for (index, rule) in rules.iter().enumerate() {
            let Some(rule) = rule else { continue };
            let earlier: Vec<&Rule> = rules.iter().take(index).flatten().collect();
            let whens: Vec<&When> = earlier.iter().map(|rule| &rule.when).collect();
            let (why, fix) = if is_contradictory(&rule.when) {
                let fix = "mend the expression, or take the rule out";
                ("an expression of its `when` is found in no text".to_owned(), fix)
            } else if let Some(one) = earlier.iter().find(|earlier| shadows(&earlier.when, &rule.when)) {
                let fix = "put it further up, or narrow the other one's `when`";
                (format!("`{}` always decides before it", one.name), fix)
            } else if is_covered(&rule.when, &whens, &known) {
                let fix = "put it further up, or narrow the `when` of the others";
                ("the rules before it decide on everything together".to_owned(), fix)
            } else if is_blocked(&rule.when, mailboxes) {
                let fix = "change the `block` and `allow` lists, or take the rule out";
                ("its senders are all blocked, or not on the allow list".to_owned(), fix)
            } else {
                continue;
            };
            self.findings.warning(&root.index(index), format!("the rule `{}` can never match: {why}", rule.name), fix);
        }
    }

    /// A rule may be for mailboxes that exist; a mailbox without project or issue type needs rules that give them.
    pub(super) fn check_rules_of(
        &mut self,
        mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>,
        rules: &[Option<Rule>],
    ) {
        let root = KeyPath::default().key("rule");
        for (index, rule) in rules.iter().enumerate() {
            for (position, name) in rule.iter().flat_map(|rule| &rule.when.mailbox).enumerate() {
                if !mailboxes.contains_key(name) && !self.findings.is_torn() {
                    let path = root.index(index).key("when").key("mailbox").index(position);
                    self.findings.error(&path, format!("there is no mailbox `{name}`"), "name one that this file has");
                }
            }
        }
        self.warn_of_idle(rules, mailboxes);
        if rules.iter().any(Option::is_none) {
            return;
        }
        let rules: Vec<&Rule> = rules.iter().flatten().collect();
        for (mailbox, given) in std::mem::take(&mut self.given) {
            let path = KeyPath::default().key("mailbox").key(mailbox.as_str());
            let wants = |given: fn(&RuleValues) -> bool| !always_given(&rules, &mailbox, given);
            if !given.project && wants(|set| set.project.is_some()) {
                self.findings.missing(&path.key("project"), "write project = \"KEY\"");
            }
            if !given.issue_type && wants(|set| set.issue_type.is_some() || set.request_type.is_some()) {
                self.findings.missing(&path.key("issue_type"), "write issue_type = \"Task\"");
            }
        }
    }
}

/// The mailboxes that rules name, and one that stands for all others.
fn told_apart(rules: &[Option<Rule>], mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>) -> Vec<MailboxName> {
    let is_named = |name: &&MailboxName| rules.iter().flatten().any(|rule| rule.when.mailbox.contains(name));
    let (named, others): (Vec<_>, Vec<_>) = mailboxes.keys().partition(is_named);
    named.into_iter().chain(others.into_iter().take(1)).cloned().collect()
}

/// Whether every mailbox that a rule is for keeps out all senders that it is for.
fn is_blocked(when: &When, mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>) -> bool {
    let mut theirs = mailboxes.values().flatten().filter(|mailbox| when.is_for(&mailbox.name)).peekable();
    theirs.peek().is_some()
        && theirs.all(|mailbox| {
            let senders = &mailbox.senders;
            covers_senders(&senders.block, &when.from) || keeps_out(&senders.allow, &when.from)
        })
}

/// Whether every message of a mailbox falls under a rule that gives something, or makes no issue.
fn always_given(rules: &[&Rule], mailbox: &MailboxName, given: fn(&RuleValues) -> bool) -> bool {
    let whole = When { mailbox: vec![mailbox.clone()], ..When::default() };
    let enough = |rule: &Rule| match rule.action {
        RuleAction::Auto | RuleAction::Create => given(&rule.set),
        RuleAction::Comment | RuleAction::Ignore | RuleAction::Quarantine => true,
    };
    let mut theirs = rules.iter().filter(|rule| rule.when.is_for(mailbox));
    let last = theirs.clone().position(|rule| shadows(&rule.when, &whole));
    last.is_some_and(|last| theirs.by_ref().take(last + 1).all(|rule| enough(rule)))
}
