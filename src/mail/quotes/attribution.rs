//! Attribution lines, which say who wrote what is quoted below: `On Tue, 5 Mar 2020 at 10:23, Ann <ann@example.com> wrote:` in many
//! languages, over as many as five lines. What they say is not read.

use super::dates::{self, Date};
use super::header_block::Trust;
use super::words::WORDS;
use super::{Line, passage};

/// Lines over which mail programs break an attribution.
const MAX_LINES: usize = 5;
/// Bytes of one of its lines; what is longer is no attribution.
const MAX_LENGTH: usize = 300;
/// Words before the name of who wrote, where that comes first.
const MAX_NAME: usize = 8;
/// Words among which the first figure of a date stands behind a word of the table.
const LEAD: usize = 8;

/// Lines among which attributions are looked for.
pub(super) struct Attributions<'l, 't> {
    lines: &'l [Line<'t>],
    /// How many lines behind each one an attribution could end at the earliest. Most text is passed over by it, at little cost.
    ends: Vec<usize>,
}

impl<'l, 't> Attributions<'l, 't> {
    /// Looks at each line once.
    pub(super) fn among(lines: &'l [Line<'t>]) -> Self {
        let mut ends = Vec::with_capacity(lines.len());
        let (mut end, mut quote_follows) = (usize::MAX, false);
        for line in lines.iter().rev() {
            if line.is_quoted() {
                (end, quote_follows) = (usize::MAX, true);
            } else if line.is_blank() {
                end = usize::MAX;
            } else {
                end = if quote_follows || may_end(line.text) { 0 } else { end.saturating_add(1) };
                quote_follows = false;
            }
            ends.push(end);
        }
        ends.reverse();
        Self { lines, ends }
    }

    /// The line behind the attribution that begins at `start`, if one does.
    pub(super) fn end(&self, start: usize, trust: Trust) -> Option<usize> {
        self.ends.get(start).filter(|end| **end < MAX_LINES).and_then(|_| end(self.lines, start, trust))
    }
}

fn end(lines: &[Line<'_>], start: usize, trust: Trust) -> Option<usize> {
    let first = lines.get(start)?;
    let address_follows = || lines.get(start + 1).is_some_and(|line| line.text.trim_start().starts_with('<'));
    let lead = Lead::of(first.text).or_else(|| address_follows().then_some(Lead::Name))?;
    let mut joined = String::new();
    for at in start..start + MAX_LINES {
        let line =
            lines.get(at).filter(|line| !line.is_quoted() && !line.is_blank() && line.text.len() <= MAX_LENGTH)?;
        if at > start && is_nearer(lead, &joined, line.text) {
            return None;
        }
        joined.push_str(line.text.trim());
        joined.push(' ');
        let quote_follows = || passage::is_quoted_next(lines, at + 1);
        if (may_end(line.text) || quote_follows())
            && announces(&joined, lead, Below { is_quoted: quote_follows(), trust })
        {
            return Some(at + 1);
        }
    }
    None
}

/// How an attribution begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// With a word before a date: `On 5 March`.
    Word,
    /// With a date.
    Date,
    /// With who wrote, by the look of the line.
    Name,
}

impl Lead {
    fn of(line: &str) -> Option<Self> {
        let first = bare(line);
        if first.len() > MAX_LENGTH {
            return None;
        }
        let has_figure = |word: &str| word.contains(|c: char| c.is_numeric());
        let mut words = first.split_whitespace();
        let word = words.next()?;
        if is_lead(word) && (words.clone().take(LEAD).any(has_figure) || has_figure(word)) {
            return Some(Self::Word);
        }
        if std::iter::once(word).chain(words.take(2)).any(has_figure) && dates::date(first) > Date::None {
            return Some(Self::Date);
        }
        let shows_name = first.contains(['@', '<', '"']) || may_end(line);
        shows_name.then_some(Self::Name)
    }
}

fn is_lead(word: &str) -> bool {
    let figures_follow = ["在", "于", "於", "ב"].iter().any(|lead| word.starts_with(lead));
    figures_follow || (word.len() <= 18 && WORDS.lead.contains(&word.trim_end_matches(',').to_lowercase().as_str()))
}

/// Whether an attribution begins anew on a later line, so that what stands before it, `above`, is no part of it.
fn is_nearer(lead: Lead, above: &str, line: &str) -> bool {
    // The address of the name before it.
    if line.trim_start().starts_with('<') {
        return false;
    }
    match Lead::of(line) {
        Some(Lead::Word) => dates::date(line) == Date::Day,
        // `Ann <ann@example.com> schrieb am 4. März` goes on with its year, and the name that it has is enough.
        Some(Lead::Date) => {
            lead == Lead::Name && dates::date(line) == Date::Day && (shows_author(line) || !shows_author(above))
        }
        Some(Lead::Name) | None => false,
    }
}

/// Whether a text says that somebody wrote, or names an address.
fn shows_author(text: &str) -> bool {
    dates::has_address(text) || has_verb(&text.to_lowercase())
}

fn has_verb(lower: &str) -> bool {
    WORDS.wrote.iter().any(|verb| lower.contains(verb))
}

/// A line without the ornaments that some programs put around an attribution (`---- On … wrote ----`, `*On … wrote:*`), and
/// without the marks that tell in which direction it is written.
fn bare(line: &str) -> &str {
    let is_ornament = |c: char| matches!(c, '-' | '*' | '_' | '|' | '\u{2010}'..='\u{2015}');
    line.trim_matches(|c: char| super::is_invisible(c) || is_ornament(c))
}

fn ends_with_colon(text: &str) -> bool {
    text.trim_end_matches(|c: char| super::is_invisible(c) || matches!(c, '*' | '_')).ends_with([':', '：'])
}

fn ends_with_dashes(text: &str) -> bool {
    text.trim_end().ends_with("---")
}

fn may_end(line: &str) -> bool {
    ends_with_colon(line) || ends_with_dashes(line)
}

/// What stands below the lines that may be an attribution.
#[derive(Debug, Clone, Copy)]
struct Below {
    is_quoted: bool,
    trust: Trust,
}

/// Whether joined lines are an attribution. Without a `>` below it takes a verb or an address, and a date, to be one: all
/// that follows will be taken for a quote. Where the message answers nothing it takes the address: `On 4 May your colleague
/// wrote:` is what people write themselves.
fn announces(joined: &str, lead: Lead, below: Below) -> bool {
    let closed = may_end(joined);
    let is_end = |c: char| super::is_invisible(c) || matches!(c, ':' | '：');
    let text = bare(joined).trim_end_matches(is_end).to_lowercase();
    let date = dates::date(&text);
    let address = dates::has_address(&text);
    let verb = has_verb(&text);
    let quote_follows = below.is_quoted;
    let is_dated = date == Date::Day && below.trust > Trust::None;
    // `2026-11-16 10:00:01 ann@example.com wrote:` is a line of a log. Mail programs put an address into brackets or quotes.
    if lead == Lead::Date && !quote_follows && dates::has_seconds(&text) && !text.contains(['<', '(', '[', '"']) {
        return false;
    }
    let ends_with_address = text.ends_with(['>', ')', ']']) || text.rsplit(' ').next().is_some_and(dates::has_address);
    match lead {
        Lead::Name if !is_named(&text) => false,
        Lead::Word | Lead::Date | Lead::Name if verb && closed => quote_follows || address || is_dated,
        Lead::Word | Lead::Date if verb => quote_follows && (address || date > Date::None),
        Lead::Word | Lead::Date if closed && quote_follows && is_dated && is_short(&text) => true,
        Lead::Word | Lead::Date | Lead::Name if closed => address && ends_with_address && date > Date::None,
        Lead::Word | Lead::Date => quote_follows && address && ends_with_address && date > Date::None,
        Lead::Name => false,
    }
}

/// Whether there is little beside a date: `04.11.2024, Ann:`.
fn is_short(text: &str) -> bool {
    text.split_whitespace().count() <= MAX_NAME
}

/// Whether what begins with neither a date nor a word before one begins with a name: few words, no sentence.
fn is_named(text: &str) -> bool {
    let verb = WORDS.wrote.iter().filter_map(|verb| text.find(verb)).min();
    let end = [text.find('<'), text.find('@'), verb].into_iter().flatten().min().unwrap_or(text.len());
    let name = text.get(..end).unwrap_or(text);
    let is_clock = |(before, behind): (&str, &str)| {
        before.ends_with(|c: char| c.is_ascii_digit()) && behind.starts_with(|c: char| c.is_ascii_digit())
    };
    let is_sentence = name.contains(['?', '!', ';']) || name.contains(". ");
    let is_heading = name.split_once(':').is_some_and(|around| !is_clock(around));
    name.split_whitespace().count() <= MAX_NAME && !is_sentence && !is_heading
}
