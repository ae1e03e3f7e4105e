//! The key file beside an SQLite state, for whoever configured no key: made once, whole or not at all, never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

use super::key::{self, VaultKey};
use super::{Holdings, VaultError};
use crate::config::{SecretError, SecretRef};

/// Reads the key file; makes it where there is none and nothing needs an older one.
pub(super) fn read_or_make(path: &Path, holdings: Holdings) -> Result<VaultKey, VaultError> {
    match (read(path), holdings) {
        (Err(VaultError::Unreadable(error)), Holdings::Nothing) if is_missing(&error) => make(path),
        (Err(VaultError::Unreadable(error)), Holdings::Sealed) if is_missing(&error) => {
            Err(VaultError::Missing { place: path.display().to_string() })
        }
        (read, _) => read,
    }
}

pub(super) fn read(path: &Path) -> Result<VaultKey, VaultError> {
    let place = SecretRef::File(path.to_owned());
    key::parse(&place.read()?, &place.to_string())
}

fn is_missing(error: &SecretError) -> bool {
    matches!(error, SecretError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Another process may be making it too: both then use the one that was first.
fn make(path: &Path) -> Result<VaultKey, VaultError> {
    let key = VaultKey::generate()?;
    match write_new(path, key.to_base64().expose()) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(source) => Err(VaultError::NotMade { place: path.display().to_string(), source }),
    }
}

/// Written and synced under another name first and then linked, so that a crash cannot leave half a key, and a link
/// never replaces what is there. Synced with its directory, because what it seals must not outlive it.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft_path(path)?;
    let linked = write_synced(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    sync_directory_of(path)
}

fn draft_path(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(io::Error::other)?;
    Ok(path.with_extension(format!("key.{:016x}", u64::from_ne_bytes(random))))
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
