//! From text to tables, with every fault of syntax and shape at once.
//!
//! serde stops at the first error. So the text is first parsed to a tree; when the tree does not fit the tables, the node
//! that does not fit is reported, taken out, and the rest is tried again.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::FileTable;
use super::document::{KeyPath, Segment, locate, remove, span_of, walk_table};
use super::shape::{Expected, Shape, nearest};
use super::shown::Shown;
use crate::config::problem::{Problem, Severity};
use serde::Deserialize;

/// A parsed file, and what was found wrong with it so far.
pub(in crate::config) struct Findings<'t> {
    tree: Spanned<DeTable<'t>>,
    shape: Shape,
    shown: Shown,
    /// The lines with an error of syntax: the first one on each is enough.
    torn_lines: BTreeSet<usize>,
    /// Paths already complained about: what is missing there is missing because it was wrong.
    faulty: Vec<KeyPath>,
    problems: Vec<(usize, Problem)>,
}

/// More faults than anybody reads at once; it also bounds the tries.
const MOST_FAULTS: usize = 100;

/// Reads the tables of a file.
pub(in crate::config) fn read(text: &str) -> (FileTable, Findings<'_>) {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let shape = Shape::of_file();
    let mut findings = Findings {
        shown: Shown::new(text, tree.get_ref(), &shape, !errors.is_empty()),
        tree,
        shape,
        torn_lines: BTreeSet::new(),
        faulty: Vec::new(),
        problems: Vec::new(),
    };
    for error in errors.into_iter().take(MOST_FAULTS) {
        findings.syntax(&error);
    }
    let rest = findings.tree.clone();
    let table = findings.fit(rest);
    (table, findings)
}

impl Findings<'_> {
    /// Reports a fault at `path`, or at the nearest table above it.
    pub fn error(&mut self, path: &KeyPath, message: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Error, path, message.into(), fix.into());
    }

    /// Reports something that a person should look at.
    pub fn warning(&mut self, path: &KeyPath, message: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Warning, path, message.into(), fix.into());
    }

    /// Reports that a key is missing, unless something there, above or below is already known to be wrong, or a torn line
    /// may have held it.
    pub fn missing(&mut self, path: &KeyPath, fix: impl Into<String>) {
        if !self.is_torn() && !self.is_faulty(path) {
            self.error(path, format!("`{path}` is missing"), fix);
        }
    }

    /// Reports, at the table `path`, that none of these keys is given, unless one is there and wrong.
    pub fn missing_one_of(&mut self, path: &KeyPath, keys: &[&str], message: &str, fix: &str) {
        if !self.is_torn() && !keys.iter().any(|key| self.is_faulty(&path.key(key))) {
            self.error(path, message, fix);
        }
    }

    /// Whether what is at this path, above it or below it has been taken out as wrong.
    pub fn is_faulty(&self, path: &KeyPath) -> bool {
        let path = path.segments();
        let related = |faulty: &KeyPath| path.starts_with(faulty.segments()) || faulty.segments().starts_with(path);
        self.faulty.iter().any(related)
    }

    /// Whether lines with errors of syntax may have held what is not there.
    pub fn is_torn(&self) -> bool {
        !self.torn_lines.is_empty()
    }

    /// Whether the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|(_, problem)| problem.severity == Severity::Error)
    }

    /// All that was found, in the order of the lines.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(position, problem)| (*position, problem.severity));
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }

    fn add(&mut self, severity: Severity, path: &KeyPath, message: String, fix: String) {
        let span = span_of(self.tree.get_ref(), path).unwrap_or(0..0);
        self.add_at(severity, &span, path.to_string(), (message, fix));
    }

    fn add_at(&mut self, severity: Severity, span: &Range<usize>, path: String, (message, fix): (String, String)) {
        let place = self.shown.place(span, &self.shape);
        if self.torn_lines.contains(&place.line) {
            return; // what is wrong with its syntax has been said, and nobody knows what it means
        }
        let problem =
            Problem { severity, place: Some(place), path, message: message.replace(char::is_control, "\u{fffd}"), fix };
        self.problems.push((span.start, problem));
    }

    fn syntax(&mut self, error: &Error) {
        let span = error.span().unwrap_or(0..0);
        let message = format!("this is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", "));
        let fix = "text stands in quotes, tables in [brackets], one key a line; each key once";
        self.add_at(Severity::Error, &span, String::new(), (message, fix.into()));
        self.torn_lines.insert(self.shown.place(&span, &self.shape).line);
    }

    fn fit(&mut self, mut rest: Spanned<DeTable<'_>>) -> FileTable {
        for _ in 0..MOST_FAULTS {
            let error = match FileTable::deserialize(Deserializer::from(rest.clone())) {
                Ok(table) => return table,
                Err(error) => error,
            };
            let span = self.misfit(&error.span().unwrap_or(0..0));
            if !remove(rest.get_mut(), &span) {
                break;
            }
        }
        FileTable::default()
    }

    /// Reports what does not fit, and tells what has to go for the rest to be tried: a value like `{ move = "…" }` goes whole.
    fn misfit(&mut self, span: &Range<usize>) -> Range<usize> {
        let Some(path) = locate(self.tree.get_ref(), span) else {
            let words =
                ("this does not fit the config file".to_owned(), "compare it with config.example.toml".to_owned());
            self.add_at(Severity::Error, span, String::new(), words);
            return span.clone();
        };
        let parent = path.parent();
        let in_value = path.last_key().is_some() && self.shape.at(&parent).is_some_and(|parent| !parent.is_table());
        let whole = if in_value { parent } else { path };
        let found = value_at(self.tree.get_ref(), &whole);
        let words = match self.shape.at(&whole) {
            Some(_) if self.shape.is_secret(&whole) => secret_misfit(&whole, found.map(Spanned::get_ref)),
            Some(expected) => match (self.shape.at(&whole.index(0)), found.map(Spanned::get_ref)) {
                (Some(entry), Some(DeValue::Array(_))) => wrong_entry(&whole, entry),
                (_, found) => wrong_value(&whole, expected, found),
            },
            None => self.unknown_key(&whole),
        };
        let gone = found.filter(|_| in_value).map_or(span.clone(), Spanned::span);
        self.add_at(Severity::Error, span, whole.to_string(), words);
        self.faulty.push(whole);
        gone
    }

    fn unknown_key(&self, path: &KeyPath) -> (String, String) {
        let parent = path.parent();
        let key = path.last_key().unwrap_or_default();
        let message = match parent.segments() {
            [] => format!("there is no key `{key}`"),
            [Segment::Key(_) | Segment::Index(_), ..] => format!("there is no key `{key}` in `{parent}`"),
        };
        let known = self.shape.keys(&parent);
        if let Some(nearest) = nearest(key, &known) {
            return (message, format!("did you mean `{nearest}`?"));
        }
        let homes = self.shape.homes_of(key);
        let fix = match homes.first() {
            Some(home) if home.is_empty() => {
                format!("`{key}` belongs at the top of the file, before the first [table]")
            }
            Some(_) => format!("`{key}` belongs in [{}]", homes.join("] or [")),
            None => format!("known here: {}", known.join(", ")),
        };
        (message, fix)
    }
}

fn secret_misfit(path: &KeyPath, found: Option<&DeValue<'_>>) -> (String, String) {
    let reference = "{ credential = \"NAME\" }, { file = \"PATH\" } or { env = \"VARIABLE\" }";
    if found.is_some_and(DeValue::is_table) {
        return (format!("`{path}` is not a reference to a secret"), format!("write {reference}"));
    }
    let message = format!("a secret stands in clear in `{path}`, where a reference to one belongs");
    (message, format!("put the secret into a file of mode 0600, and write {reference}"))
}

/// A list stands where one may, and something in it does not fit.
fn wrong_entry(path: &KeyPath, entry: Expected<'_>) -> (String, String) {
    let wanted = entry.in_words();
    (
        format!("every entry of `{path}` must be {wanted}"),
        "mend the entry that is not; config.example.toml shows one".to_owned(),
    )
}

fn wrong_value(path: &KeyPath, expected: Expected<'_>, found: Option<&DeValue<'_>>) -> (String, String) {
    let wanted = expected.in_words();
    let choices = expected.choices();
    let message = format!("`{path}` must be {wanted}");
    match found {
        Some(DeValue::String(text)) if !choices.is_empty() => match nearest(text, &choices) {
            Some(nearest) => (message, format!("did you mean \"{nearest}\"?")),
            None => (message, format!("write {wanted}")),
        },
        Some(found) if expected.is_table() => {
            (format!("{message}, not {}", kind(found)), format!("write a table [{path}] with keys of its own"))
        }
        Some(found) if choices.is_empty() => (format!("{message}, not {}", kind(found)), format!("write {wanted}")),
        Some(_) | None => (message, format!("write {wanted}")),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn value_at<'d, 't>(table: &'d DeTable<'t>, path: &KeyPath) -> Option<&'d Spanned<DeValue<'t>>> {
    let mut found = None;
    walk_table(table, &KeyPath::default(), &mut |node| {
        if node.path == *path {
            found = Some(node.value);
        }
    });
    found
}
