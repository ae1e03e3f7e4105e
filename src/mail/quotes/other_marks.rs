//! Quotes whose lines are marked with something else than `>`: `| text`, and `AL> text` with the initials of who wrote. Much else
//! begins like that, so that only an announced quote is looked at.

use super::{Line, passage};

/// Letters of a person's initials.
const MAX_INITIALS: usize = 4;

/// The line behind a quote that begins at `start`, all of whose lines have the mark.
pub(super) fn end(lines: &[Line<'_>], start: usize, mark: &str) -> Option<usize> {
    let is_marked = |at: usize| lines.get(at).is_some_and(|line| line.text.trim_start().starts_with(mark));
    let mut next = start;
    let mut end = None;
    while is_marked(next) {
        end = Some(next + 1);
        next = passage::next_visible(lines, next + 1);
    }
    end
}

/// The mark before a line, if it is no row of a table.
pub(super) fn mark(line: &str) -> Option<&str> {
    let line = line.trim();
    let length = line.find(['|', '>'])? + 1;
    let (mark, text) = line.split_at_checked(length)?;
    let is_initials = |initials: &str| {
        (1..=MAX_INITIALS).contains(&initials.chars().count()) && initials.chars().all(char::is_uppercase)
    };
    let is_mark = match mark.strip_suffix('>') {
        Some(initials) => is_initials(initials),
        None => mark == "|" && !text.ends_with('|'),
    };
    is_mark.then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_reaches_as_far_as_its_mark_over_blank_lines() {
        let end_of = |text: &str| {
            let lines: Vec<Line<'_>> = text.split('\n').map(Line::plain).collect();
            mark(lines[0].text).and_then(|mark| end(&lines, 0, mark))
        };
        assert_eq!(end_of("| old\n| older\n\n| oldest\n\nnew"), Some(4));
        assert_eq!(end_of(" AL> old\n AL>> older\nBL> new"), Some(2));
        assert_eq!(end_of("|\n"), Some(1));
        for other in ["| a | b |\n", "LINUX> ls\n", "a> b\n", "text\n", "1> b\n", ""] {
            assert_eq!(end_of(other), None, "{other}");
        }
    }
}
