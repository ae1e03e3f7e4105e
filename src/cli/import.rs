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
    let handlers = read(&bytes(&args.file).with_context(reading)?).with_context(reading)?;
    let written = write(&handlers);
    Config::parse(Path::new("imported.toml"), &written.config, MustExist::MayBeElsewhere)?;
    for note in &written.notes {
        report::note(note);
    }
    report::bytes(written.config.as_bytes())
}

fn bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file)
}
