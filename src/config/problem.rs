//! What is wrong with a config file, and where: the one form in which every check reports. Holds no secret's value.

use std::fmt;
use std::path::{Path, PathBuf};

/// One fault of a config file, or something in it that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// Where; nowhere when the file cannot be read at all.
    pub place: Option<Place>,
    /// The key, as `mailbox.support.host`; empty where a line is not understood.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used.
    Warning,
}

/// A place in the file, with the line as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters, within the line; at least 1.
    pub length: usize,
    /// The line, with every secret in it hidden.
    pub text: String,
}

/// A config file that cannot be used: all that is wrong with it, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub file: PathBuf,
    /// At least one [`Severity::Error`]; the warnings too.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    /// The file could not even be read.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot read the config file {}: {error}", file.display());
        Self::nowhere(file, message, "name the right file with --config, or write one from config.example.toml")
    }

    /// A file that is read for its rules alone could not be read.
    pub fn unreadable_rules(file: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot read the rules in {}: {error}", file.display());
        Self::nowhere(file, message, "name a file with [[rule]] tables, or a whole config file, with --against")
    }

    fn nowhere(file: &Path, message: String, fix: &str) -> Self {
        let (severity, place, path) = (Severity::Error, None, String::new());
        let problem = Problem { severity, place, path, message, fix: fix.to_owned() };
        Self { file: file.to_owned(), problems: vec![problem] }
    }

    /// The file is not text in UTF-8, as TOML must be.
    pub fn not_text(file: &Path, error: &std::string::FromUtf8Error) -> Self {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let newlines = sound.iter().filter(|byte| **byte == b'\n').count();
        let column =
            sound.rsplit(|byte| *byte == b'\n').next().map_or(0, |line| String::from_utf8_lossy(line).chars().count());
        let place = Place { line: newlines + 1, column: column + 1, length: 1, text: String::new() };
        let problem = Problem {
            severity: Severity::Error,
            place: Some(place),
            path: String::new(),
            message: "this is not text in UTF-8".into(),
            fix: "save the file as UTF-8".into(),
        };
        Self { file: file.to_owned(), problems: vec![problem] }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the config file {} is wrong", self.file.display())?;
        for problem in &self.problems {
            write!(f, "; ")?;
            if let Some(place) = &problem.place {
                write!(f, "line {}: ", place.line)?;
            }
            write!(f, "{}", problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
