//! Blocks of header lines (`From: … Sent: … To: … Subject: …`), as Outlook and its kin put them above what they quote, in many
//! languages. Their values are not read.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::dates::Date;
use super::words::WORDS;
use super::{Line, dates};

/// Lines that a block may have.
const MAX_LINES: usize = 30;
/// Lines over which one value goes on.
const MAX_CONTINUED: usize = 2;
/// Bytes within which the colon stands.
const MAX_LABEL: usize = 40;
/// Bytes of a line that are searched for further labels.
const MAX_SEARCHED: usize = 500;

/// How sure it is already that a block follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nothing speaks for it: the message answers nothing.
    None,
    /// The message answers another.
    Some,
    /// A separator stands above.
    Full,
}

/// What a label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    From,
    /// `Sent`, which only mail is.
    Sent,
    /// `Date`, which much may have.
    Date,
    To,
    Subject,
    Other,
}

/// What each label names. One that could name several things names the first of them.
static LABELS: LazyLock<HashMap<&'static str, Role>> = LazyLock::new(|| {
    let tables = [
        (Role::Other, &WORDS.other),
        (Role::Subject, &WORDS.subject),
        (Role::To, &WORDS.to),
        (Role::Date, &WORDS.date),
        (Role::Sent, &WORDS.sent),
        (Role::From, &WORDS.from),
    ];
    tables.into_iter().flat_map(|(role, labels)| labels.iter().map(move |label| (*label, role))).collect()
});

/// The line behind the block of header lines that begins at `start`, if one does.
pub(super) fn end(lines: &[Line<'_>], start: usize, trust: Trust) -> Option<usize> {
    colons_end(lines, start, trust).or_else(|| notes_end(lines, start))
}

/// A block as Notes wrote it up to version 6: who wrote, when, and labels without colons, each above its value or, in a
/// table, before it.
fn notes_end(lines: &[Line<'_>], start: usize) -> Option<usize> {
    let rest = lines.get(start..).unwrap_or_default().iter().enumerate().take(MAX_LINES);
    let mut visible = rest.filter(|(_, line)| !line.is_blank()).map(|(offset, line)| (start + offset, line.text));
    let (_, name) = visible.next().filter(|(_, text)| text.contains(['@', '/']) && text.len() <= MAX_SEARCHED)?;
    let (_, date) = visible.next()?;
    let (_, label) = visible.next()?;
    let labelled = |text: &str| named(text.split('\t').next().unwrap_or(text));
    let is_block =
        !name.contains([':', '?', '!']) && dates::date(date) == Date::Day && labelled(label) == Some(Role::To);
    let mut rest = visible.skip_while(|(_, text)| labelled(text) != Some(Role::Subject));
    let (subject, text) = rest.next().filter(|_| is_block)?;
    let value = if text.contains('\t') { Some(subject) } else { rest.next().map(|(value, _)| value) };
    value.map(|value| value + 1)
}

fn colons_end(lines: &[Line<'_>], start: usize, trust: Trust) -> Option<usize> {
    role(lines.get(start)?.text).filter(|role| *role != Role::Other)?;
    let mut block = Block::default();
    let (mut end, mut continued, mut blank) = (start, 0, 0);
    for (at, line) in lines.iter().enumerate().skip(start).take(MAX_LINES) {
        if line.is_quoted() {
            break;
        }
        if line.is_blank() {
            blank += 1;
            continue;
        }
        if role(line.text).is_some() && blank <= 1 {
            block.add(line.text);
            (end, continued, blank) = (at + 1, 0, 0);
        } else if blank == 0 && continued < MAX_CONTINUED {
            continued += 1;
        } else {
            break;
        }
    }
    block.is_header(trust).then_some(end)
}

/// What was seen of a block.
#[derive(Default)]
struct Block {
    roles: Vec<Role>,
    address: bool,
}

impl Block {
    /// Some programs write several fields in one line.
    fn add(&mut self, line: &str) {
        self.address |= dates::has_address(line);
        let searched = line.get(..line.floor_char_boundary(MAX_SEARCHED)).unwrap_or(line);
        self.roles.extend(role(line));
        for (before, _) in
            searched.match_indices([':', '：']).skip(1).filter_map(|(at, _)| searched.split_at_checked(at))
        {
            let words = before.trim_end().rsplit(' ').next().unwrap_or_default();
            self.roles.extend(named(words));
        }
    }

    fn is_header(&self, trust: Trust) -> bool {
        let has = |role| self.roles.contains(&role);
        let others = [Role::Sent, Role::Date, Role::To, Role::Subject].into_iter().filter(|role| has(*role)).count();
        let is_sent = has(Role::From) && others > 0;
        match trust {
            Trust::Full => is_sent || (others > 1 && (has(Role::Sent) || self.address)),
            // What a form on a web page or a person who asks about a mail writes has a sender and a subject, too.
            Trust::None => has(Role::From) && has(Role::Sent) && others > 1,
            // `From: Berlin`, `To: Rome`, `Date: 5 May` is what people write of journeys.
            Trust::Some => {
                (is_sent && (has(Role::Sent) || self.address || (has(Role::Subject) && others > 1)))
                    || (others > 1 && has(Role::To) && self.address)
            }
        }
    }
}

/// What the label at the beginning of a line names.
fn role(line: &str) -> Option<Role> {
    let line =
        line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | '|' | '\u{202a}'..='\u{202e}'));
    let head = line.get(..line.floor_char_boundary(MAX_LABEL)).unwrap_or(line);
    // One sign at a time is searched for faster than either of two, and few lines have any.
    let colon = head.find(':').into_iter().chain(head.find('：')).min()?;
    named(head.get(..colon)?)
}

fn named(label: &str) -> Option<Role> {
    let label = label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_'));
    // No label has a figure in it, as much has that stands before a colon.
    if label.len() > MAX_LABEL || label.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    LABELS.get(label.to_lowercase().as_str()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_passed_over_for_its_look() {
        for (label, role) in LABELS.iter() {
            assert_eq!(named(&format!(" *{}* ", label.to_uppercase())).or(named(label)), Some(*role), "{label}");
        }
        assert_eq!((named("Von"), named("DATA"), named("Line 5 of")), (Some(Role::From), Some(Role::Date), None));
    }
}
