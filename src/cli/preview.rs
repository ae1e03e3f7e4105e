//! `preview`: what would be done with messages in files, without a network and without any state; and what other rules would
//! alter.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::arguments::PreviewArgs;
use super::{Failure, report};
use crate::config::{Config, MailboxName, MailboxSettings};
use crate::preview::against::{Comparison, Rules};
use crate::preview::{default_settings, preview};

/// How many messages are compared between two words about it.
const PROGRESS: usize = 100;

/// Shows what would be done with each file. Whatever stands in it, it is shown.
pub fn run(args: &PreviewArgs, config: Option<&Config>) -> Result<(), Failure> {
    let settings = settings(args.mailbox.as_deref(), config)?;
    let rules = config.map_or(&[][..], |config| &config.rules);
    let files = messages_in(&args.files)?;
    if let Some(against) = &args.against {
        let (others, warnings) = Config::load_rules(against)?;
        report::problems(against, &warnings);
        return compare(&files, &settings, Rules { before: rules, after: &others }, args.json);
    }
    let mut unreadable = Vec::new();
    for file in &files {
        let raw = match read(file) {
            Ok(raw) => raw,
            Err(error) => {
                unreadable.push(format!("{}: {error}", file.display()));
                continue;
            }
        };
        let shown = preview(&raw, &settings, rules);
        match (args.json, files.len()) {
            (false, 1) => report::bytes(shown.to_text().as_bytes())?,
            (false, _) => report::bytes(format!("{}\n{}\n", file.display(), shown.to_text()).as_bytes())?,
            (true, 1) => report::json_document(&shown)?,
            (true, _) => report::json_line(&shown)?,
        }
    }
    all_read(&unreadable)
}

/// A file that cannot be read keeps no other from being shown.
fn all_read(unreadable: &[String]) -> Result<(), Failure> {
    unreadable.iter().for_each(|file| report::note(&format!("cannot read {file}")));
    if unreadable.is_empty() { Ok(()) } else { Err(Failure::Reported) }
}

/// Shows what other rules would alter.
fn compare(files: &[PathBuf], settings: &MailboxSettings, rules: Rules<'_>, json: bool) -> Result<(), Failure> {
    let mut comparison = Comparison::default();
    for (done, file) in files.iter().enumerate() {
        if done > 0 && done % PROGRESS == 0 {
            report::progress(&format!("{done} of {} messages compared", files.len()));
        }
        match read(file) {
            Ok(raw) => comparison.add(&file.display().to_string(), &raw, settings, rules),
            Err(error) => comparison.unreadable.push(format!("{}: {error}", file.display())),
        }
    }
    if json {
        report::json_document(&comparison)?;
    } else {
        report::bytes(comparison.to_text().as_bytes())?;
    }
    all_read(&comparison.unreadable)
}

/// The files that were named, and every `.eml` file below the folders that were named, in the order of their names.
fn messages_in(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        collect(path, &mut files).with_context(|| format!("cannot look into {}", path.display()))?;
        if files.len() == before {
            return Err(Failure::new(format!("there is no .eml file in {}", path.display())));
        }
    }
    Ok(files)
}

/// Links are not followed: they could lead in a circle.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml")) {
            files.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut raw = Vec::new();
        std::io::stdin().lock().read_to_end(&mut raw)?;
        return Ok(raw);
    }
    std::fs::read(file)
}

/// The settings of the mailbox that was named, or of the only one, or the defaults.
fn settings(mailbox: Option<&str>, config: Option<&Config>) -> Result<MailboxSettings, Failure> {
    let mailboxes = || config.iter().flat_map(|config| config.mailboxes.values());
    if let Some(name) = mailbox {
        let named = mailboxes().find(|settings| settings.name.as_str() == name);
        return named
            .cloned()
            .ok_or_else(|| Failure::new(format!("there is no mailbox `{name}` in the configuration")));
    }
    let mut all = mailboxes();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => {
            report::note("several mailboxes are configured, and none is named: shown with the defaults; see --mailbox");
            without_mailbox()
        }
        (None, _) => without_mailbox(),
    }
}

fn without_mailbox() -> Result<MailboxSettings, Failure> {
    let name = MailboxName::parse("preview").ok_or_else(|| Failure::new("there is no name for a mailbox"))?;
    Ok(default_settings(name))
}
