//! Whether a rule can ever decide anything, told from its conditions and those before it alone. Says "never" only where that is
//! certain. Pure.

use crate::config::MailboxName;
use crate::config::rule::{AddressPattern, Pattern, Reach, When};
use crate::mail::Classification;

/// Into so many cases conditions are taken apart at most; what is left whole is compared as it is.
const MOST_CASES: usize = 10_000;

/// Whether a rule holds for every message for which a later one would: the later one never decides anything.
pub fn shadows(earlier: &When, later: &When) -> bool {
    let headers = earlier
        .header
        .iter()
        .all(|(name, patterns)| later.header.get(name).is_some_and(|later| covers(patterns, later, Pattern::covers)));
    headers
        && covers(&earlier.mailbox, &later.mailbox, |one, other| one == other)
        && covers(&earlier.classification, &later.classification, |one, other| one == other)
        && covers(&earlier.from, &later.from, AddressPattern::covers)
        && covers(&earlier.to, &later.to, AddressPattern::covers)
        && covers(&earlier.cc, &later.cc, AddressPattern::covers)
        && receives(&earlier.recipient, later)
        && (has_all(&earlier.subject) || covers(&earlier.subject, &later.subject, Pattern::covers))
        && (has_all(&earlier.body) || covers(&earlier.body, &later.body, Pattern::covers))
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

/// Whether a rule never decides anything: whatever mailbox a message comes to, whatever kind it is, whether it has files and which
/// entry of a list holds for it, one of the earlier rules holds for it too.
pub fn is_covered(later: &When, earlier: &[&When], mailboxes: &[MailboxName]) -> bool {
    let mut whole = later.clone();
    if whole.mailbox.is_empty() {
        // One that no rule names is like any other such.
        whole.mailbox = mailboxes.to_vec();
    }
    if whole.classification.is_empty() {
        whole.classification = Classification::ALL.to_vec();
    }
    is_covered_in_part(&whole, earlier, &APART, 1)
}

/// Whether an allow list, if it is one, keeps out every sender for whom a pattern holds.
pub fn keeps_out(allowed: &[AddressPattern], patterns: &[AddressPattern]) -> bool {
    let is_out = |pattern: &AddressPattern| allowed.iter().all(|allowed| allowed.excludes(pattern));
    !allowed.is_empty() && !patterns.is_empty() && patterns.iter().all(is_out)
}

/// Whether some pattern holds for every sender for whom one of the others does.
pub fn covers_senders(wide: &[AddressPattern], narrow: &[AddressPattern]) -> bool {
    !wide.is_empty() && covers(wide, narrow, AddressPattern::covers)
}

/// Whoever is in `To` or `Cc` is a recipient.
fn receives(earlier: &[AddressPattern], later: &When) -> bool {
    [&later.recipient, &later.to, &later.cc].into_iter().any(|later| covers(earlier, later, AddressPattern::covers))
}

/// Whether an expression is found in any text, of those that every message has.
fn has_all(patterns: &[Pattern]) -> bool {
    patterns.iter().any(|pattern| pattern.reach() == Reach::Everything)
}

/// Whether a condition holds wherever another one does.
fn covers<T>(earlier: &[T], later: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    earlier.is_empty() || (!later.is_empty() && later.iter().all(|later| earlier.iter().any(|one| covers(one, later))))
}

/// The cases that one condition is made of, each built when it is looked at.
type Cases = Box<dyn ExactSizeIterator<Item = When>>;

/// How conditions are taken apart, one after the other.
const APART: [fn(&When) -> Cases; 9] = [
    by_attachments,
    |when| by_entry(when, |when| &mut when.classification),
    |when| by_entry(when, |when| &mut when.mailbox),
    |when| by_entry(when, |when| &mut when.from),
    |when| by_entry(when, |when| &mut when.recipient),
    |when| by_entry(when, |when| &mut when.to),
    |when| by_entry(when, |when| &mut when.cc),
    |when| by_entry(when, |when| &mut when.subject),
    |when| by_entry(when, |when| &mut when.body),
];

/// Whether earlier rules cover a case, one of so many, as it is or taken further apart. What a rule covers as it is it covers in
/// every part; the first part that none covers ends it.
fn is_covered_in_part(case: &When, earlier: &[&When], apart: &[fn(&When) -> Cases], count: usize) -> bool {
    if earlier.iter().any(|earlier| shadows(earlier, case)) {
        return true;
    }
    let mut apart = apart.iter();
    while let Some(take) = apart.next() {
        let mut parts = take(case);
        let count = count.saturating_mul(parts.len());
        if parts.len() > 1 && count <= MOST_CASES {
            return parts.all(|part| is_covered_in_part(&part, earlier, apart.as_slice(), count));
        }
    }
    false
}

fn by_attachments(when: &When) -> Cases {
    let whole = when.clone();
    let wanted = when.has_attachments.map_or(vec![true, false], |wanted| vec![wanted]);
    Box::new(wanted.into_iter().map(move |wanted| When { has_attachments: Some(wanted), ..whole.clone() }))
}

/// A case for each entry of a list.
fn by_entry<T: Clone + 'static>(when: &When, list: fn(&mut When) -> &mut Vec<T>) -> Cases {
    let mut rest = when.clone();
    let entries = std::mem::take(list(&mut rest));
    Box::new(entries.into_iter().map(move |entry| {
        let mut one = rest.clone();
        *list(&mut one) = vec![entry];
        one
    }))
}
