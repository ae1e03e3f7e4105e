//! `vault rekey`: seals everything that is stored with a new key. Not beside a daemon or another command, which would go on
//! with the old one.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::arguments::RekeyArgs;
use super::{Failure, opened, report};
use crate::config::{Config, SecretRef, StateSettings};
use crate::store::database::Connection;
use crate::store::run_lock::RunLock;
use crate::store::{key, rekey};
use crate::vault::{Vault, VaultKey, next_key};

/// What makes a key, wherever it is to stand.
const OWN_KEY: &str = "run `openssl rand -base64 32 > new-key`, then `mail2jira vault rekey --new-key new-key`";

/// Where the new key comes from.
enum Source {
    /// Made beside the old one, and put in its place.
    Made(PathBuf),
    /// A person has made it, and puts it in its place.
    Given(PathBuf),
}

/// Seals everything anew.
pub fn run(args: &RekeyArgs, config: &Config) -> Result<(), Failure> {
    let source = source(args, config)?;
    let _lock = run_lock(config)?;
    let mut connection = opened::connection(config)?;
    connection.be_alone().context("cannot replace the key now").map_err(busy)?;
    match source {
        Source::Made(path) => to_made(config, &mut connection, &path),
        Source::Given(path) => to_given(config, &mut connection, &path),
    }
}

fn source(args: &RekeyArgs, config: &Config) -> Result<Source, Failure> {
    match (&args.new_key, next_key::key_path(&config.vault, &config.state)) {
        (Some(path), _) => Ok(Source::Given(path.clone())),
        (None, Some(path)) => Ok(Source::Made(path)),
        (None, None) => Err(Failure::new("the vault's key stands where this program cannot write").with_hint(OWN_KEY)),
    }
}

/// A daemon of a version that did not yet hold the key lock has this one.
fn run_lock(config: &Config) -> Result<Option<RunLock>, Failure> {
    match &config.state {
        StateSettings::Sqlite { path } => opened::run_lock(path, "cannot replace the key now").map(Some),
        StateSettings::Postgres { .. } => Ok(None),
    }
}

fn busy(error: anyhow::Error) -> Failure {
    Failure::from(error).with_hint(opened::LET_GO)
}

fn to_made(config: &Config, connection: &mut Connection, path: &Path) -> Result<(), Failure> {
    let old = opened::vault(config, connection)?;
    let prepared = next_key::prepare(path).context("cannot make the new key");
    let new = prepared.map_err(|error| Failure::from(error).with_hint(OWN_KEY))?;
    let count = reseal(connection, &old, &new)?;
    let placed = next_key::finish(path, new.id());
    placed
        .context("everything is sealed with the new key, but it could not be put in its place; the next start will")?;
    report::line(&format!("{count} values are sealed with the new key {} in {}", new.id(), path.display()))
}

fn to_given(config: &Config, connection: &mut Connection, path: &Path) -> Result<(), Failure> {
    let new = read(path)?;
    let (place, id) = (path.display(), new.id());
    let next_step = format!("put {place} where [vault] key points before the next start");
    if key::in_use(connection).context("cannot read the state")? == Some(id) {
        return report::line(&format!("everything is sealed with the key {id} already: {next_step}"));
    }
    let old = opened::vault(config, connection)?;
    let count = reseal(connection, &old, &new)?;
    report::line(&format!("{count} values are sealed with the new key {id}: {next_step}"))
}

fn reseal(connection: &mut Connection, old: &Vault, new: &VaultKey) -> Result<u64, Failure> {
    let new = Vault::from_key(new).context("cannot use the new key")?;
    Ok(rekey::rekey(connection, old, &new).context("cannot seal the state with the new key")?)
}

fn read(path: &Path) -> Result<VaultKey, Failure> {
    let secret = SecretRef::File(path.to_owned()).read().context("cannot read the new key")?;
    let malformed = || Failure::new(format!("the new key in {} is not 32 bytes in base64", path.display()));
    VaultKey::parse(&secret).ok_or_else(|| malformed().with_hint(OWN_KEY))
}
