//! Lines that set one message apart from the next: `-----Original Message-----`, `Begin forwarded message:`, a rule, or the line
//! above which help desks ask people to answer.

use super::dates::{self, Date};
use super::words::WORDS;

/// Signs that a rule is made of at least.
const RULE: usize = 2;
/// Bytes of a separator; what is longer is text.
const MAX_LENGTH: usize = 200;
/// Words between the signs of a rule that may be a title in a language that is not in the tables.
const MAX_TITLE: usize = 6;

/// What a line sets apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// What is answered follows.
    Original,
    /// What is passed on follows.
    Forward,
    /// Anything may follow.
    Rule,
    /// Anything may follow; the rule has words in it that are in no table.
    Title,
}

/// What a line sets apart, if it is a separator.
pub(super) fn kind(line: &str) -> Option<Separator> {
    let line = line.trim();
    if line.len() > MAX_LENGTH {
        return line.chars().all(is_rule_sign).then_some(Separator::Rule);
    }
    let text = line
        .trim_matches(|c: char| is_rule_sign(c) || c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | '<' | '>'));
    let ruled = line.chars().take_while(|c| is_rule_sign(*c)).count() >= RULE;
    if text.is_empty() {
        return ruled.then_some(Separator::Rule);
    }
    if is_framed(line) {
        return Some(Separator::Original);
    }
    if !ruled && !line.ends_with([':', '：']) && !line.starts_with('[') {
        return None;
    }
    let is_title = || ends_with_rule(line) && text.split_whitespace().count() <= MAX_TITLE;
    named(&text.to_lowercase(), ruled).or_else(|| (ruled && is_title()).then_some(Separator::Title))
}

fn ends_with_rule(line: &str) -> bool {
    line.chars().rev().take_while(|c| is_rule_sign(*c)).count() >= RULE
}

/// `>>> Ann Lee <ann@example.com> 16.11.2026 10:23 >>>`, as GroupWise announces a quote.
pub(super) fn is_framed(line: &str) -> bool {
    let inside = line.trim().strip_prefix(">>>").and_then(|line| line.strip_suffix(">>>"));
    inside.is_some_and(|inside| inside.len() <= MAX_LENGTH && dates::date(inside) == Date::Day)
}

fn named(text: &str, ruled: bool) -> Option<Separator> {
    let title = text.trim_end_matches([':', '：', ' ', '\u{a0}']);
    // Notes: `-----Ann Lee/ACME wrote: -----`.
    let is_original = || {
        let mut behind = WORDS.original.iter().filter_map(|words| title.strip_prefix(words));
        behind.any(|behind| behind.is_empty() || (behind.starts_with(' ') && dates::has_address(behind)))
    };
    let quotes = || is_original() || WORDS.wrote.iter().any(|verb| title.ends_with(verb));
    if asks_to_answer_above(text) || (ruled && quotes()) {
        return Some(Separator::Original);
    }
    let forwards = ruled && WORDS.forwarded.iter().any(|words| title.starts_with(words));
    let follows = WORDS.forwarded_follows.iter().any(|words| title.starts_with(words));
    (forwards || follows).then_some(Separator::Forward)
}

/// Whether a line in lower case is the one above which a help desk asks people to answer.
pub(super) fn asks_to_answer_above(line: &str) -> bool {
    WORDS.answer_above.iter().any(|words| line.contains(words))
}

/// Whether a line is nothing but the signs of a rule, an ornament or a tracking mark (`ᐧ`, as one of Gmail's extensions leaves it).
pub(super) fn is_ornament(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.chars().all(|c| is_rule_sign(c) || c == 'ᐧ')
}

pub(super) fn is_rule_sign(c: char) -> bool {
    matches!(c, '-' | '_' | '=' | '*' | '#' | '~' | '+' | '\u{2010}'..='\u{2015}' | '─' | '━' | '═' | '＿' | '－')
}
