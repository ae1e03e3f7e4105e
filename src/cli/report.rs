//! The only printer: data to stdout, everything that is said about it to stderr. A reader that leaves early is no error.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use anyhow::Context;
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use super::Failure;
use crate::config::{ConfigErrors, Problem, Severity};
use crate::text::without_controls;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Where data goes, for a command that writes piece by piece.
pub fn data() -> impl Write {
    io::stdout()
}

/// Where words to a person go, for a command that talks piece by piece.
pub fn words() -> impl Write {
    io::stderr()
}

/// A line of data.
pub fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Data as it is.
pub fn bytes(data: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    forgive(out.write_all(data).and_then(|()| out.flush())).context("cannot write to stdout")?;
    Ok(())
}

/// An object on a line of its own.
pub fn json_line(data: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(data).context("cannot write JSON")?;
    line(&json)
}

/// A document, laid out for reading.
pub fn json_document(data: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(data).context("cannot write JSON")?;
    line(&json)
}

/// A table with aligned columns; the last one is as wide as it likes.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width_of).collect();
    let mut text = table_line(headings.iter().copied(), &widths);
    for row in rows {
        text.push_str(&table_line(row.iter().map(String::as_str), &widths));
    }
    bytes(text.as_bytes())
}

fn table_line<'c>(cells: impl Iterator<Item = &'c str>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        line.push_str(&format!("{:<width$}  ", without_controls(cell)));
    }
    format!("{}\n", line.trim_end())
}

/// Words to a person: a prompt, a note.
pub fn note(text: &str) {
    to_stderr(&format!("{text}\n"));
}

/// How far a long task has come; only where somebody watches.
pub fn progress(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

/// What is wrong with a config file, each problem with its line.
pub fn problems(file: &Path, problems: &[Problem]) {
    for problem in problems {
        to_stderr(&format!("{}\n\n", snippet(file, problem)));
    }
}

/// Why a command failed: what was attempted, the causes, and one hint.
pub fn failure(failure: &Failure) {
    match failure {
        Failure::Config(errors) => config_errors(errors),
        Failure::Failed { error, hint } => to_stderr(&error_text(error, hint.as_deref())),
        Failure::Reported | Failure::ConfigReported => {}
    }
}

/// clap's own words about wrong usage, help or the version.
pub fn usage(error: &clap::Error) -> ExitCode {
    // a reader that has gone needs no help, and there is nobody else to tell
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn config_errors(errors: &ConfigErrors) {
    problems(&errors.file, &errors.problems);
    let faults = errors.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let word = if faults == 1 { "fault" } else { "faults" };
    to_stderr(&format!("{ERROR}error:{ERROR:#} the config file {} has {faults} {word}\n", errors.file.display()));
}

fn error_text(error: &anyhow::Error, hint: Option<&str>) -> String {
    let mut text = format!("{ERROR}error:{ERROR:#} {error}\n");
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // many an error names its source itself
        if !told.contains(&cause) {
            text.push_str(&format!("  {ERROR}cause:{ERROR:#} {cause}\n"));
            told.push_str(&cause);
        }
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\n{HINT}hint:{HINT:#} {hint}\n"));
    }
    text
}

fn snippet(file: &Path, problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.as_str());
    let path = file.display().to_string();
    let group = match &problem.place {
        None => Group::with_title(title),
        Some(place) if place.text.is_empty() => {
            let origin = Origin::path(path.as_str()).line(place.line).char_column(place.column);
            title.element(origin)
        }
        Some(place) => {
            let start = byte_of(&place.text, place.column.saturating_sub(1));
            let end = byte_of(&place.text, (place.column + place.length).saturating_sub(1));
            let annotation = AnnotationKind::Primary.span(start..end);
            let snippet = Snippet::source(place.text.as_str()).line_start(place.line).path(path.as_str());
            title.element(snippet.annotation(annotation))
        }
    };
    let group = group.element(Level::HELP.message(problem.fix.as_str()));
    Renderer::styled().render(&[group])
}

/// Where the n-th character starts, or the text ends.
fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

/// Colours are for terminals, and not where NO_COLOR forbids them: anstream sees to both.
fn to_stderr(text: &str) {
    let mut err = anstream::stderr().lock();
    // when stderr is gone there is nobody left to tell
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
