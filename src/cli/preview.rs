//! `preview`: what would be done with messages in files, without a network and without any state.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

use super::arguments::PreviewArgs;
use super::{Failure, report};
use crate::config::{Config, MailboxName, MailboxSettings};
use crate::preview::{default_settings, preview};

/// Shows what would be done with each file. Whatever stands in it, it is shown.
pub fn run(args: &PreviewArgs, config: Option<&Config>) -> Result<(), Failure> {
    let settings = settings(args.mailbox.as_deref(), config)?;
    let rules = config.map_or(&[][..], |config| &config.rules);
    for file in &args.files {
        let raw = read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let shown = preview(&raw, &settings, rules);
        match (args.json, args.files.len()) {
            (false, _) => report::bytes(shown.to_text().as_bytes())?,
            (true, 1) => report::json_document(&shown)?,
            (true, _) => report::json_line(&shown)?,
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
        (Some(_), Some(_)) | (None, _) => {
            let name = MailboxName::parse("preview").ok_or_else(|| Failure::new("there is no name for a mailbox"))?;
            Ok(default_settings(name))
        }
    }
}
