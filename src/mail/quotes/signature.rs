//! Where the signature of a passage begins. `Regards, Ann` is not one: people write that.

use super::separator::is_ornament;
use super::{Line, dates, footer};

/// Visible lines of what stands below `-- `.
const MAX_LINES: usize = 30;
/// Visible lines of what stands below any other rule.
const MAX_LINES_BELOW_RULE: usize = 8;
/// Bytes of a line below a rule that is no `-- `.
const MAX_LENGTH_BELOW_RULE: usize = 120;
/// Lines of the passage among which a closing is looked for.
const MAX_TAIL: usize = 25;
/// Words of a name.
const MAX_NAME: usize = 5;
/// Bytes, and words, of a line below it.
const MAX_DETAIL: usize = 80;
const MAX_WORDS: usize = 10;
/// Lines of a disclaimer.
const MAX_PARAGRAPH: usize = 60;
/// Figures of a telephone number.
const TELEPHONE: usize = 7;

/// The first line of the signature, or the end. A message does not begin with one.
pub(super) fn start(lines: &[Line<'_>], begins_message: bool) -> usize {
    let mut seen = !begins_message;
    let mut is_code = false;
    let mut start = lines.len();
    for (at, line) in lines.iter().enumerate() {
        let below = lines.get(at + 1..).unwrap_or_default();
        is_code ^= line.text.trim_start().starts_with("```");
        if seen && !is_code && delimiter(line.text).is_some_and(|delimiter| delimiter.holds(below)) {
            start = at;
            break;
        }
        seen |= !line.is_blank();
    }
    loop {
        let kept = kept(lines.get(..start).unwrap_or_default());
        let kept = below_name(lines.get(..kept).unwrap_or_default());
        if kept == start {
            return start;
        }
        start = kept;
    }
}

/// The first of the lines that stand below the closing and the name of who wrote, if they end the passage: post,
/// company, telephone. Where there are blank lines among them, one must be a contact. The name stays: people write it.
fn below_name(lines: &[Line<'_>]) -> usize {
    let tail = lines.len().saturating_sub(MAX_TAIL);
    let is_closing = |line: &Line<'_>| footer::is_closing(line.text);
    let Some(closing) = lines.iter().skip(tail).rposition(is_closing).map(|at| tail + at) else {
        return lines.len();
    };
    let visible = |from: usize| lines.iter().skip(from).position(|line| !line.is_blank()).map(|at| from + at);
    let Some(name) = visible(closing + 1) else { return lines.len() };
    let below = lines.get(name + 1..).unwrap_or_default();
    let last = below.iter().rposition(|line| !line.is_blank()).map_or(0, |at| at + 1);
    let below = below.get(..last).unwrap_or_default();
    let visible = || below.iter().filter(|line| !line.is_blank());
    let is_name = |line: &Line<'_>| line.text.split_whitespace().count() <= MAX_NAME && is_detail(line);
    let hangs_together = visible().count() == below.len() || visible().any(|line| shows_contact(line.text));
    let found = lines.get(name).is_some_and(is_name) && !below.is_empty() && visible().all(is_detail) && hangs_together;
    if found { name + 1 } else { lines.len() }
}

/// Whether a line may name a post, a company or a number: it is short and no sentence.
fn is_detail(line: &Line<'_>) -> bool {
    let text = line.text.trim();
    let words = text.split_whitespace().count();
    let is_sentence = text.ends_with('.') && words > MAX_NAME;
    let is_postscript =
        text.get(..3).is_some_and(|start| matches!(start.to_lowercase().as_str(), "ps:" | "ps " | "p.s"));
    !text.is_empty()
        && text.len() <= MAX_DETAIL
        && words <= MAX_WORDS
        && !text.ends_with(['?', ':', ','])
        && !is_sentence
        && !is_postscript
}

/// What may stand above a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    /// `-- ` (RFC 3676, 4.3), also as programs write it that know dashes better, and as PGP escapes it.
    Dashes,
    /// Some other rule.
    Rule,
}

fn delimiter(line: &str) -> Option<Delimiter> {
    match line.trim() {
        "--" | "—" | "–" | "\u{2015}" | "- -" | "- --" | "--\u{200b}" => Some(Delimiter::Dashes),
        rule if is_ornament(rule) && rule.len() > 1 => Some(Delimiter::Rule),
        _ => None,
    }
}

impl Delimiter {
    /// Whether what stands below is short enough for a signature, and below a mere rule looks like one.
    fn holds(self, below: &[Line<'_>]) -> bool {
        let visible = || below.iter().filter(|line| !line.is_blank());
        match self {
            Self::Dashes => visible().nth(MAX_LINES).is_none(),
            Self::Rule => {
                let short = |line: &Line<'_>| line.text.len() <= MAX_LENGTH_BELOW_RULE;
                let found =
                    visible().any(|line| shows_contact(line.text)) || visible().all(|line| is_ornament(line.text));
                visible().nth(MAX_LINES_BELOW_RULE).is_none() && visible().all(short) && found
            }
        }
    }
}

fn shows_contact(line: &str) -> bool {
    let figures = || line.chars().filter(char::is_ascii_digit).count() >= TELEPHONE;
    line.contains("http")
        || line.contains("www.")
        || dates::has_address(line)
        || (line.contains(['+', '/']) && figures())
}

/// The line behind what is left when one thing that programs put at the end was taken away.
fn kept(lines: &[Line<'_>]) -> usize {
    let Some(last) = lines.iter().rposition(|line| !line.is_blank()) else {
        return lines.len();
    };
    let text_of = |at: usize| lines.get(at).map_or("", |line| line.text);
    let above = last.checked_sub(1).map_or("", text_of);
    if is_ornament(text_of(last)) || footer::is_advertisement(text_of(last)) {
        return last;
    }
    if footer::is_link(text_of(last)) && footer::is_advertisement(above) {
        return last - 1;
    }
    let paragraph = lines.get(..=last).unwrap_or_default();
    let length = paragraph.iter().rev().take(MAX_PARAGRAPH).take_while(|line| !line.is_blank()).count();
    let first = last + 1 - length;
    let words = paragraph.get(first..).unwrap_or_default().iter().map(|line| line.text);
    if footer::is_boilerplate(words) { first } else { lines.len() }
}
