//! The lines of the file as they may be shown: a secret that stands in clear is starred out, character by character, so
//! that columns keep their places. What is in doubt is hidden.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::document::{KeyPath, Node, walk_table};
use super::shape::Shape;
use crate::config::problem::Place;

/// The text with its secrets starred out.
pub(super) struct Shown {
    text: String,
    /// The lines that a syntax error may have torn from their keys are shown by their own looks alone.
    torn: bool,
}

impl Shown {
    pub fn new(text: &str, table: &DeTable<'_>, shape: &Shape, torn: bool) -> Self {
        let mut hidden = Vec::new();
        walk_table(table, &KeyPath::default(), &mut |node| hidden.extend(hidden_part(&node, text, shape)));
        Self { text: star_out(text, &hidden), torn }
    }

    /// The place that starts at this byte; what goes beyond the line is cut off.
    pub fn place(&self, span: &Range<usize>, shape: &Shape) -> Place {
        let (before, after) = self.text.split_at_checked(floor(&self.text, span.start)).unwrap_or((&self.text, ""));
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let head = before.get(line_start..).unwrap_or_default();
        let tail = after.lines().next().unwrap_or_default();
        let wanted = after.get(..floor(after, span.len())).unwrap_or_default();
        let length = wanted.lines().next().unwrap_or_default().trim_end().chars().count();
        let line = format!("{head}{tail}");
        Place {
            line: before.matches('\n').count() + 1,
            column: head.chars().count() + 1,
            length: length.max(1),
            text: if self.torn { harmless(&line, shape) } else { line },
        }
    }
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

fn hidden_part(node: &Node<'_, '_>, text: &str, shape: &Shape) -> Option<Range<usize>> {
    let span = node.value.span();
    match node.value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => None,
        DeValue::String(value) if shape.is_secret(&node.path.parent()) => {
            let tags = shape.at(&node.path.parent()).map(|reference| reference.tags()).unwrap_or_default();
            let names_a_place = node.path.last_key().is_some_and(|key| tags.contains(&key)) && is_place_name(value);
            (!names_a_place).then_some(span)
        }
        DeValue::String(value) => {
            let expected = shape.at(&node.path);
            let misplaced = expected.is_none_or(|expected| expected.is_table()) || shape.is_secret(&node.path);
            if misplaced {
                return Some(span);
            }
            let (start, end) = secret_in_url(value)?;
            let offset = text.get(span.clone())?.find(value.as_ref())?;
            Some(span.start + offset + start..span.start + offset + end)
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            shape.is_secret(&node.path).then_some(span)
        }
    }
}

/// Whether this may be the name of a credential, a variable or a file, and not a secret that stands in its place.
pub(super) fn is_place_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control())
}

/// Where the credentials of `https://token@host` or the password of `scheme://user:password@host` stand, or may stand in an
/// address that is not quite one.
pub(super) fn secret_in_url(text: &str) -> Option<(usize, usize)> {
    let start = text.find("//").map_or(0, |slashes| slashes + 2);
    let rest = text.get(start..)?;
    let at = rest.rfind('@');
    let Some(colon) = rest.find(':').map(|colon| colon + 1).filter(|colon| at.is_none_or(|at| *colon <= at)) else {
        return at.filter(|_| text.starts_with("http")).map(|at| (start, start + at));
    };
    if let Some(at) = at {
        return Some((start + colon, start + at));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_port =
        rest.starts_with('[') || rest.get(colon..end).is_none_or(|port| port.chars().all(|c| c.is_ascii_digit()));
    (start > 0 && !is_port).then_some((start + colon, start + end))
}

fn star_out(text: &str, hidden: &[Range<usize>]) -> String {
    let star = |(byte, character): (usize, char)| {
        let secret = hidden.iter().any(|range| range.contains(&byte));
        if secret && !matches!(character, '\n' | '\r' | '"' | '\'') { '*' } else { character }
    };
    text.char_indices().map(star).collect()
}

/// In a file with a syntax error a value may be torn from its key: only headers and the whole values of known keys that hold
/// no secret are left as they are.
fn harmless(line: &str, shape: &Shape) -> String {
    let Some((key, value)) = line.split_once('=') else {
        let is_header = line.trim_start().starts_with('[') && !line.contains(['"', '\'', ',']);
        return if is_header { line.to_owned() } else { stars(line) };
    };
    let name = key.trim().rsplit('.').next().unwrap_or_default();
    let known = !shape.homes_of(name).is_empty();
    let tells = SECRET_WORDS.iter().any(|word| line.contains(word)) && !name.ends_with("_url");
    let credentials = secret_in_url(value).is_some() || value.matches(':').count() > 1;
    let plain = known && !tells && !credentials && is_one_value(line, value);
    let key = if known || name.len() <= 24 { key.to_owned() } else { stars(key) };
    let value = if plain { value.to_owned() } else { stars(value) };
    format!("{key}={value}")
}

/// Whether a line holds one value and not the ruins of two.
fn is_one_value(line: &str, value: &str) -> bool {
    let unfinished = !value.contains(['=', '{', '[', ',']) && value.matches(['"', '\'']).count() <= 1;
    unfinished || line.parse::<toml::Table>().is_ok()
}

const SECRET_WORDS: [&str; 4] = ["secret", "token", "passw", "key"];

fn stars(text: &str) -> String {
    let star = |character: char| {
        let structure = character.is_whitespace() || "\"'{}[],=".contains(character);
        if structure { character } else { '*' }
    };
    text.chars().map(star).collect()
}
