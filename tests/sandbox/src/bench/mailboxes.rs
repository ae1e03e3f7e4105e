//! Configurations with mailboxes that are opened by password: consents for all of them would take longer than what is
//! measured. Knows the program's keys by its documented interface alone.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::program::{Program, Running};
use crate::together::{PASSWORD, Together, Wanted, mailbox_name};

const PATIENCE: Duration = Duration::from_secs(600);

/// A mailbox of the configuration.
#[derive(Debug)]
pub struct Mailbox {
    address: String,
    /// Keys and values, a line each.
    server: String,
    /// The same, for what may stand at the end of its table.
    more: String,
}

impl Mailbox {
    /// A mailbox at the Dovecot, behind a loopback port that leads there over TLS.
    pub fn at_dovecot(together: &Together, address: &str, port: u16) -> Self {
        let ca_file = together.dovecot.ca_file().display();
        let server = format!("host = \"localhost\"\nport = {port}\nca_file = \"{ca_file}\"");
        Self { address: address.to_owned(), server, more: String::new() }
    }

    /// A mailbox at a server on loopback that knows no TLS.
    pub fn in_the_clear(address: &str, port: u16) -> Self {
        let server = format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"");
        Self { address: address.to_owned(), server, more: String::new() }
    }

    /// With further keys, a line each.
    pub fn with(mut self, keys: &str) -> Self {
        self.server = format!("{}\n{keys}", self.server);
        self
    }

    /// With further tables of its own.
    pub fn with_tables(mut self, tables: &str) -> Self {
        tables.clone_into(&mut self.more);
        self
    }
}

/// Writes a configuration with these mailboxes into a directory of its own; the ledger will be there too.
pub fn config(together: &Together, dir: &str, mailboxes: impl Iterator<Item = Mailbox>) -> anyhow::Result<PathBuf> {
    let dir = together.dir.join(dir);
    let wanted = Wanted { addresses: &[], dir: None, product: Product::Cloud, load: Load::Many, settle: None };
    let config = together.write_config(&dir, &wanted)?;
    let secret = dir.join("mailbox-password");
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&secret)?.write_all(PASSWORD.as_bytes())?;
    // Without pages, whose address another listener may have taken meanwhile.
    let pages = format!("[admin]\nlisten = \"{}\"\n", together.admin);
    let mut text = fs::read_to_string(&config)?.replace(&pages, "");
    for Mailbox { address, server, more } in mailboxes {
        let (name, secret) = (mailbox_name(&address), secret.display());
        write!(
            text,
            "\n[mailbox.{name}]\naddress = \"{address}\"\n{server}\nproject = \"SUP\"\nissue_type = \"Task\"\n\
             password = {{ username = \"{address}\", secret = {{ file = \"{secret}\" }} }}\n{more}\n"
        )?;
    }
    fs::write(&config, text)?;
    Ok(config)
}

/// Waits until so many mailboxes whose names begin so are watched by IDLE.
pub async fn until_watched(program: &Program, daemon: &mut Running, names: &str, count: usize) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut watched = 0;
    while Instant::now() < until {
        daemon.must_run(program)?;
        let status = program.ask(&["--log-level", "error", "status", "--json"]).await?;
        let mailboxes = status.first().and_then(|status| status.get("mailboxes")).and_then(Value::as_array);
        let text = |mailbox: &Value, key: &str| mailbox.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_watched =
            |mailbox: &&Value| text(mailbox, "name").starts_with(names) && text(mailbox, "state") == "watching";
        watched = mailboxes.into_iter().flatten().filter(is_watched).count();
        if watched == count {
            return Ok(());
        }
        sleep(Duration::from_secs(5)).await;
    }
    bail!("only {watched} of {count} mailboxes are watched:\n{}", program.last_words())
}
