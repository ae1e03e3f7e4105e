//! Which rule a message falls under, and with which words of it. Pure.

use std::collections::BTreeMap;

use crate::config::MailboxName;
use crate::config::rule::{AddressPattern, Pattern, Rule, When};
use crate::mail::{Address, Classification, Mail};

/// A message as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'m> {
    /// What it says.
    pub mail: &'m Mail,
    /// The mailbox that it came to.
    pub mailbox: &'m MailboxName,
    /// What it is to that mailbox.
    pub classification: Classification,
    /// Its bytes.
    pub size: u64,
}

/// What the named groups of a rule's expressions hold.
pub type Groups = BTreeMap<String, String>;

/// The first rule that holds, and what its named groups hold.
pub fn first_match<'r>(rules: &'r [Rule], seen: &Seen<'_>) -> Option<(&'r Rule, Groups)> {
    rules.iter().find_map(|rule| Some((rule, holds(&rule.when, seen)?)))
}

/// `None` where a condition does not hold.
fn holds(when: &When, seen: &Seen<'_>) -> Option<Groups> {
    let mail = seen.mail;
    let cheap = any(&when.mailbox, |name| name == seen.mailbox)
        && any(&when.classification, |classification| *classification == seen.classification)
        && when.has_attachments.is_none_or(|wanted| wanted != mail.attachments.is_empty())
        && when.size_over.is_none_or(|limit| seen.size > limit)
        && addressed(&when.from, mail.from.iter())
        && addressed(&when.to, mail.to.iter())
        && addressed(&when.cc, mail.cc.iter());
    if !cheap || !received_by(&when.recipient, mail) {
        return None;
    }
    let mut groups = Groups::new();
    let found = found_in(&when.subject, &mail.subject, &mut groups)
        && when.header.iter().all(|(name, patterns)| found_in_header(patterns, &mail.header.all(name), &mut groups))
        && found_in(&when.body, &mail.body.text, &mut groups);
    found.then_some(groups)
}

/// Whether there is no condition, or one of it holds.
fn any<T>(conditions: &[T], holds: impl Fn(&T) -> bool) -> bool {
    conditions.is_empty() || conditions.iter().any(holds)
}

fn addressed<'a>(patterns: &[AddressPattern], mut addresses: impl Iterator<Item = &'a Address>) -> bool {
    patterns.is_empty() || addresses.any(|address| patterns.iter().any(|pattern| pattern.matches(&address.address)))
}

/// `Delivered-To` is where a message went that only names a list, or is a blind copy.
fn received_by(patterns: &[AddressPattern], mail: &Mail) -> bool {
    let delivered = || mail.header.all("delivered-to");
    patterns.is_empty()
        || addressed(patterns, mail.to.iter().chain(&mail.cc))
        || delivered().iter().any(|address| patterns.iter().any(|pattern| pattern.matches(address.trim())))
}

fn found_in(patterns: &[Pattern], text: &str, groups: &mut Groups) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let found = patterns.iter().find_map(|pattern| pattern.captures(text));
    let holds = found.is_some();
    groups.extend(found.into_iter().flatten());
    holds
}

fn found_in_header(patterns: &[Pattern], values: &[String], groups: &mut Groups) -> bool {
    values.iter().any(|value| found_in(patterns, value, groups))
}
