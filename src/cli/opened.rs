//! Opening the state that a command works on: its database, the vault's key, the ledger, and what to say where that fails.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::Failure;
use crate::config::{Config, Secret, StateSettings};
use crate::store::database::Connection;
use crate::store::run_lock::{RunLock, RunLockError};
use crate::store::{Database, Ledger, key};
use crate::vault::{Vault, next_key};

/// Opens the ledger, and makes it where there is none.
pub async fn ledger(config: &Config) -> Result<Ledger, Failure> {
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || open(&config).map_err(|error| hinted(error, &config)));
    opened.await.context("cannot open the state")?
}

/// Opens the ledger if there is one: a question about it makes none.
pub async fn ledger_if_any(config: &Config) -> Result<Option<Ledger>, Failure> {
    match &config.state {
        StateSettings::Sqlite { path } if !path.try_exists().unwrap_or(true) => Ok(None),
        StateSettings::Sqlite { .. } | StateSettings::Postgres { .. } => ledger(config).await.map(Some),
    }
}

/// How a state comes free.
pub const LET_GO: &str = "stop every daemon on this state (`systemctl stop mail2jira`) and let other commands end";

/// Takes the sole right to run on the SQLite state at `path`.
pub fn run_lock(path: &Path, attempt: &'static str) -> Result<RunLock, Failure> {
    RunLock::take(path).map_err(|error| {
        let hint = match &error {
            RunLockError::Held { .. } => Some(LET_GO.to_owned()),
            RunLockError::Unlockable { .. } => owners_hint(path),
        };
        let failure = Failure::from(anyhow::Error::new(error).context(attempt));
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })
}

fn open(config: &Config) -> anyhow::Result<Ledger> {
    let password = password(config)?;
    let (database, name) = database(config, password.as_ref());
    let opening = || format!("cannot open the state {name}");
    let mut connection = database.connect().with_context(opening)?;
    let vault = vault(config, &mut connection).with_context(opening)?;
    Ledger::open(database, connection, Arc::new(vault)).with_context(opening)
}

/// Opens the state's database alone, without its vault. Blocks.
pub fn connection(config: &Config) -> Result<Connection, Failure> {
    let connect = || {
        let password = password(config)?;
        let (database, name) = database(config, password.as_ref());
        database.connect().with_context(|| format!("cannot open the state {name}"))
    };
    connect().map_err(|error| hinted(error, config))
}

/// Opens the vault, and proves that its key is the one that the state is sealed with. What a killed `vault rekey` left is
/// finished first. Blocks.
pub fn vault(config: &Config, connection: &mut Connection) -> anyhow::Result<Vault> {
    let in_use = key::in_use(connection)?;
    if let (Some(path), Some(in_use)) = (next_key::key_path(&config.vault, &config.state), in_use) {
        next_key::finish(&path, in_use)?;
    }
    let vault = Vault::open(&config.vault, &config.state, key::holdings(connection)?)?;
    key::prove(connection, &vault)?;
    Ok(vault)
}

fn database<'a>(config: &'a Config, password: Option<&'a Secret>) -> (Database<'a>, String) {
    match &config.state {
        StateSettings::Sqlite { path } => (Database::Sqlite(path), path.display().to_string()),
        StateSettings::Postgres { url, .. } => (Database::Postgres { url: url.as_str(), password }, url.to_string()),
    }
}

fn password(config: &Config) -> anyhow::Result<Option<Secret>> {
    match &config.state {
        StateSettings::Postgres { password: Some(password), .. } => {
            Ok(Some(password.read().context("cannot sign in to PostgreSQL")?))
        }
        StateSettings::Postgres { password: None, .. } | StateSettings::Sqlite { .. } => Ok(None),
    }
}

fn hinted(error: anyhow::Error, config: &Config) -> Failure {
    match hint(config) {
        Some(hint) => Failure::from(error).with_hint(hint),
        None => Failure::from(error),
    }
}

fn hint(config: &Config) -> Option<String> {
    match &config.state {
        StateSettings::Sqlite { path } => owners_hint(path),
        StateSettings::Postgres { .. } => Some("check `state` in the config file, and that PostgreSQL runs".to_owned()),
    }
}

/// Who may open it is who owns it: mostly the account of the service. To that account itself the error says enough.
fn owners_hint(path: &Path) -> Option<String> {
    let ours = Some(rustix::process::geteuid().as_raw());
    match owner_of(path).or_else(|| path.parent().and_then(owner_of)) {
        owner @ Some(_) if owner == ours => None,
        Some(owner) => {
            Some(format!("run the command as the user that runs the daemon: `sudo -u '#{owner}' mail2jira …`"))
        }
        None => Some(format!("make the directory of {} and let the daemon's user write to it", path.display())),
    }
}

fn owner_of(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|metadata| metadata.uid())
}
