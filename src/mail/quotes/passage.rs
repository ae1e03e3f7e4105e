//! A text cut into passages: plain text, what announces a quote, quotes, and what is passed on. Does not say which quotes count.

use std::ops::Range;

use super::attribution::Attributions;
use super::header_block::Trust;
use super::separator::Separator;
use super::{Line, Mark, Occasion, dates, header_block, other_marks, separator};

/// Lines at the head of a quote in which its announcement is looked for.
const HEAD: usize = 8;
/// Characters behind which mail programs break a quoted line, leaving its rest without a `>`.
const BROKEN_AT: usize = 60;

/// Bytes of a line above which people are asked to answer.
const MAX_ANSWER_ABOVE: usize = 60;

/// Some lines that belong together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// What they are.
    pub(super) kind: Kind,
    /// Where they stand.
    pub(super) range: Range<usize>,
}

/// What a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Neither quoted nor passed on.
    Text,
    /// It says that a quote follows.
    Announcement,
    /// Marked as a quote, or all that follows an announcement.
    Quote,
    /// Somebody else's message that is passed on.
    Forwarded,
}

impl Passage {
    /// Its lines.
    pub(super) fn of<'l, 't>(&self, lines: &'l [Line<'t>]) -> &'l [Line<'t>] {
        lines.get(self.range.clone()).unwrap_or_default()
    }
}

/// Cuts a text.
pub(super) fn passages(lines: &[Line<'_>], occasion: Occasion) -> Vec<Passage> {
    let attributions = Attributions::among(lines);
    let trust = match occasion {
        Occasion::Fresh => Trust::None,
        Occasion::Answer | Occasion::Forward => Trust::Some,
    };
    let mut passages: Vec<Passage> = Vec::new();
    let mut other_mark = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let is_announced = passages.last().is_some_and(|last| last.kind == Kind::Announcement);
        let opening = match line.is_quoted() {
            true if is_announced => None,
            true => forward_within(line),
            false => opening(lines, &attributions, at, trust),
        };
        let (kind, end) = match opening {
            Some(Opening::Forwarded) => (Kind::Forwarded, lines.len()),
            Some(Opening::Quoted { .. }) if occasion == Occasion::Forward => (Kind::Forwarded, lines.len()),
            Some(Opening::Quoted { end }) => (Kind::Announcement, next_visible(lines, end)),
            None if line.is_quoted() => (Kind::Quote, quote_end(lines, at)),
            None => match other_mark.and_then(|mark| other_marks::end(lines, at, mark)) {
                Some(end) => (Kind::Quote, end),
                None => (Kind::Text, at + 1),
            },
        };
        match passages.last_mut() {
            Some(last) if last.kind == kind && kind == Kind::Text => last.range.end = end,
            Some(_) | None => passages.push(Passage { kind, range: at..end }),
        }
        at = end;
        if kind == Kind::Announcement && !lines.get(end).is_none_or(Line::is_quoted) {
            other_mark = lines.get(end).and_then(|line| other_marks::mark(line.text));
            if other_mark.is_none() {
                passages.push(Passage { kind: Kind::Quote, range: end..lines.len() });
                at = lines.len();
            }
        }
    }
    passages
}

/// Gmail puts what is passed on into the same mark-up as what is answered, Apple Mail behind the same signs.
fn forward_within(line: &Line<'_>) -> Option<Opening> {
    let text = line.text.trim_start_matches(['>', ' ']);
    (separator::kind(text) == Some(Separator::Forward)).then_some(Opening::Forwarded)
}

/// What begins at a line.
enum Opening {
    /// The announcement of a quote.
    Quoted {
        /// The line behind it.
        end: usize,
    },
    /// A message that is passed on.
    Forwarded,
}

fn opening(lines: &[Line<'_>], attributions: &Attributions<'_, '_>, at: usize, trust: Trust) -> Option<Opening> {
    let line = lines.get(at).filter(|line| !line.is_blank())?;
    let announced = |at, trust| header_block::end(lines, at, trust).or_else(|| attributions.end(at, trust));
    let next = next_visible(lines, at + 1);
    let end = match separator::kind(line.text) {
        Some(Separator::Forward) => return Some(Opening::Forwarded),
        Some(Separator::Original) => announced(next, Trust::Full).unwrap_or(at + 1),
        Some(Separator::Rule) => match lines.get(next).and_then(|line| separator::kind(line.text)) {
            Some(Separator::Forward) => return Some(Opening::Forwarded),
            Some(Separator::Original) => next + 1,
            Some(Separator::Rule | Separator::Title) => return None,
            None => marked_end(lines, next)
                .or_else(|| announced(next, Trust::Full))
                .or_else(|| answer_above_end(lines, next))?,
        },
        titled @ (Some(Separator::Title) | None) => marked_end(lines, at)
            .or_else(|| announced(at, trust))
            .or_else(|| titled.and_then(|_| announced(next, trust)))
            .or_else(|| is_address(line.text).then(|| header_block::end(lines, next, trust)).flatten())?,
    };
    Some(Opening::Quoted { end })
}

/// Whether a line is nothing but an address, as Foxmail puts the one of who wrote above the header that it quotes.
fn is_address(line: &str) -> bool {
    line.contains('@') && !line.trim().contains(char::is_whitespace) && dates::has_address(line)
}

/// The line behind an announcement that is marked as one.
fn marked_end(lines: &[Line<'_>], at: usize) -> Option<usize> {
    let rest = lines.get(at..).unwrap_or_default();
    let is_marked = |line: &Line<'_>| line.mark == Mark::Attribution;
    let first = rest.first().filter(|line| is_marked(line))?;
    let length = rest.iter().take_while(|line| is_marked(line) || line.is_blank()).count();
    (!first.is_blank()).then_some(at + length)
}

/// The line behind Jira's `Reply above this line.`, which stands below a rule.
fn answer_above_end(lines: &[Line<'_>], at: usize) -> Option<usize> {
    let line = lines.get(at).filter(|line| line.text.len() <= MAX_ANSWER_ABOVE)?;
    separator::asks_to_answer_above(&line.text.to_lowercase()).then_some(at + 1)
}

/// Whether the announcement of a quote stands within the quote, as some web mailers write it.
pub(super) fn announces_itself(quote: &[Line<'_>]) -> bool {
    let inside = |line: &Line<'_>| line.text.trim_start_matches(['>', ' ', '\u{a0}']).trim_end().len();
    let head = quote.iter().filter(|line| inside(line) > 0).take(HEAD);
    let head: Vec<Line<'_>> =
        head.map(|line| Line::plain(line.text.trim_start_matches(['>', ' ', '\u{a0}']))).collect();
    !head.is_empty() && opening(&head, &Attributions::among(&head), 0, Trust::Some).is_some()
}

/// The first line from `at` on that is not blank, or the end.
pub(super) fn next_visible(lines: &[Line<'_>], at: usize) -> usize {
    let blank =
        lines.get(at..).unwrap_or_default().iter().take_while(|line| line.is_blank() && !line.is_quoted()).count();
    (at + blank).min(lines.len())
}

/// Whether the first line from `at` on that is not blank is marked as quoted.
pub(super) fn is_quoted_next(lines: &[Line<'_>], at: usize) -> bool {
    lines.get(next_visible(lines, at)).is_some_and(Line::is_quoted)
}

/// The line behind a quote that begins at `at`: blank lines between its lines belong to it, and so do the rests of lines that
/// were broken on the way.
fn quote_end(lines: &[Line<'_>], at: usize) -> usize {
    let mut end = at + 1;
    loop {
        let next = next_visible(lines, end);
        match lines.get(next) {
            Some(line) if line.is_quoted() => end = next + 1,
            Some(line) if next == end && is_rest(lines, next, line) => end = next + 1,
            Some(_) | None => return end,
        }
    }
}

fn is_rest(lines: &[Line<'_>], at: usize, line: &Line<'_>) -> bool {
    let before = at.checked_sub(1).and_then(|before| lines.get(before));
    let between_quotes = before.is_some_and(|line| line.is_quoted() && line.mark == Mark::None)
        && lines.get(at + 1).is_some_and(Line::is_quoted);
    let text = line.text.trim();
    let is_link = text.trim_start_matches(['(', '<', '[']).starts_with("http");
    let is_broken = before.is_some_and(|before| before.text.len() >= BROKEN_AT && text.len() < before.text.len());
    between_quotes && (is_link || is_broken || text.ends_with('>'))
}
