//! Which rule a message falls under, and with which words of it. Pure.

use std::collections::BTreeMap;

use crate::config::MailboxName;
use crate::config::rule::{AddressPattern, Pattern, Reach, Rule, When};
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

/// Whether a rule holds for every message for which a later one would: the later one never decides anything.
pub fn shadows(earlier: &When, later: &When) -> bool {
    let headers = earlier
        .header
        .iter()
        .all(|(name, patterns)| later.header.get(name).is_some_and(|later| covers(patterns, later, finds)));
    headers
        && covers(&earlier.mailbox, &later.mailbox, |one, other| one == other)
        && covers(&earlier.classification, &later.classification, |one, other| one == other)
        && covers(&earlier.from, &later.from, wider)
        && covers(&earlier.to, &later.to, wider)
        && covers(&earlier.cc, &later.cc, wider)
        && covers(&earlier.recipient, &later.recipient, wider)
        && (has_all(&earlier.subject) || covers(&earlier.subject, &later.subject, finds))
        && (has_all(&earlier.body) || covers(&earlier.body, &later.body, finds))
        && (earlier.has_attachments.is_none() || earlier.has_attachments == later.has_attachments)
        && earlier.size_over.is_none_or(|limit| later.size_over.is_some_and(|later| later >= limit))
}

/// Whether some condition holds for no message, whatever comes.
pub fn is_contradictory(when: &When) -> bool {
    let expressions = [&when.subject, &when.body].into_iter().chain(when.header.values());
    let is_vain = |patterns: &Vec<Pattern>| {
        !patterns.is_empty() && patterns.iter().all(|pattern| pattern.reach() == Reach::Nothing)
    };
    expressions.into_iter().any(is_vain)
}

/// Whether an expression is found in any text, of those that every message has.
fn has_all(patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| pattern.reach() == Reach::Everything)
}

/// Whether an expression is found wherever another one is.
fn finds(wider: &Pattern, narrower: &Pattern) -> bool {
    wider == narrower || wider.reach() == Reach::Everything || narrower.reach() == Reach::Nothing
}

/// Whether a rule never decides anything: whatever mailbox a message comes to, whatever kind it is and whether it has files, one of
/// the earlier rules holds for it.
pub fn is_covered(later: &When, earlier: &[&When], mailboxes: &[MailboxName]) -> bool {
    cases(later, mailboxes).iter().all(|case| earlier.iter().any(|earlier| shadows(earlier, case)))
}

/// The same conditions for each kind of message apart. A mailbox that no rule names is like any other such.
fn cases(when: &When, mailboxes: &[MailboxName]) -> Vec<When> {
    let mailboxes: Vec<Vec<MailboxName>> = match (when.mailbox.as_slice(), mailboxes) {
        ([], []) => vec![Vec::new()],
        ([], all) => all.iter().map(|name| vec![name.clone()]).collect(),
        (named, _) => named.iter().map(|name| vec![name.clone()]).collect(),
    };
    let classifications = match when.classification.as_slice() {
        [] => Classification::ALL.to_vec(),
        named => named.to_vec(),
    };
    let attachments = when.has_attachments.map_or(vec![true, false], |wanted| vec![wanted]);
    let mut cases = Vec::new();
    for mailbox in &mailboxes {
        for classification in &classifications {
            cases.extend(attachments.iter().map(|wanted| When {
                mailbox: mailbox.clone(),
                classification: vec![*classification],
                has_attachments: Some(*wanted),
                ..when.clone()
            }));
        }
    }
    cases
}

/// Whether an allow list, if it is one, keeps out every sender for whom a pattern holds.
pub fn keeps_out(allowed: &[AddressPattern], patterns: &[AddressPattern]) -> bool {
    let is_address = |pattern: &AddressPattern| pattern.as_str().contains('@') && !pattern.as_str().contains('*');
    let is_out = |pattern: &AddressPattern| {
        is_address(pattern) && !allowed.iter().any(|allowed| allowed.matches(pattern.as_str()))
    };
    !allowed.is_empty() && !patterns.is_empty() && patterns.iter().all(is_out)
}

/// Whether some pattern holds for every sender for whom one of the others does.
pub fn covers_senders(wide: &[AddressPattern], narrow: &[AddressPattern]) -> bool {
    !wide.is_empty() && covers(wide, narrow, wider)
}

/// Whether a condition holds wherever another one does.
fn covers<T>(earlier: &[T], later: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    earlier.is_empty() || (!later.is_empty() && later.iter().all(|later| earlier.iter().any(|one| covers(one, later))))
}

/// A star of the narrower pattern is a character like any other here, which only a star of the wider one takes.
fn wider(wider: &AddressPattern, narrower: &AddressPattern) -> bool {
    wider == narrower || (narrower.as_str().contains('@') && wider.matches(narrower.as_str()))
}
