//! Replacing a key file: the next key is made beside it, and becomes the key when everything is sealed with it. What a kill
//! broke off in between is finished, or undone, by whoever opens the state next. Which key that is, others know.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::key::{KeyId, VaultKey};
use super::{VaultError, key_file};
use crate::config::{SecretRef, StateSettings, VaultSettings};

/// The file that the vault's key stands in; `None` where it does not stand in a file of ours.
pub fn key_path(vault: &VaultSettings, state: &StateSettings) -> Option<PathBuf> {
    match (&vault.key, state) {
        (Some(SecretRef::File(path)), _) => Some(path.clone()),
        (None, StateSettings::Sqlite { path }) => Some(VaultSettings::key_beside(path)),
        (Some(SecretRef::Credential(_) | SecretRef::Env(_)), _) | (None, StateSettings::Postgres { .. }) => None,
    }
}

/// Makes the next key, beside the one at `path`.
pub fn prepare(path: &Path) -> Result<VaultKey, VaultError> {
    let next = beside(path);
    let not_made = |source| VaultError::NotMade { place: next.display().to_string(), source };
    remove(&next).map_err(not_made)?;
    let key = VaultKey::generate()?;
    key_file::write_new(&next, key.to_base64().expose()).map_err(not_made)?;
    Ok(key)
}

/// Puts the next key in the place of the one at `path` if the state is sealed with it (`in_use`); takes it away if the state
/// is sealed with the one at `path`. A key that may be the only one to open something is never thrown away.
pub fn finish(path: &Path, in_use: KeyId) -> Result<(), VaultError> {
    let next = beside(path);
    let Ok(prepared) = key_file::read(&next) else { return Ok(()) };
    let finished = if prepared.id() == in_use {
        fs::rename(&next, path).or_else(unless_done).and_then(|()| key_file::sync_directory_of(path))
    } else if key_file::read(path).is_ok_and(|key| key.id() == in_use) {
        remove(&next)
    } else {
        Ok(())
    };
    finished.map_err(|source| VaultError::NotMade { place: path.display().to_string(), source })
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(unless_done)
}

/// Another process may finish the same.
fn unless_done(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}
