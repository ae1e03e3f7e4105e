//! `import`: another program's settings as a config file on stdout; what cannot be carried over on stderr, line by line.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context;

use super::arguments::JiraHandlersArgs;
use super::{Failure, report};
use crate::config::{Config, MustExist};
use crate::import::{read, write};

/// Jira's own mail handlers. What is printed passes `check-config`, or nothing is.
pub fn jira_handlers(args: &JiraHandlersArgs) -> Result<(), Failure> {
    let reading = || format!("cannot read {}", args.file.display());
    let handlers = read(&text(&args.file).with_context(reading)?).with_context(reading)?;
    let written = write(&handlers);
    Config::parse(Path::new("imported.toml"), &written.config, MustExist::MayBeElsewhere)?;
    for note in &written.notes {
        report::note(note);
    }
    report::bytes(written.config.as_bytes())
}

/// A backup may hold bytes that are no UTF-8, in texts that do not matter here.
fn text(file: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
