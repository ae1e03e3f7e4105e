//! One `run` per SQLite state: a lock file beside it, held while the daemon lives. PostgreSQL needs none; nodes share it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The sole right to run on a state, until it is dropped or its process ends in whatever way.
#[derive(Debug)]
pub struct RunLock {
    _file: File, // the lock goes with the file handle
}

/// Why a state is not ours to run on.
#[derive(Debug, thiserror::Error)]
pub enum RunLockError {
    /// Another process runs on it.
    #[error("another mail2jira runs on this state: it holds {}", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {}", path.display())]
    Unlockable {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the right to run on the SQLite state at `state`. Does not wait. The file stays when the lock is given back: to
    /// remove it would let two processes lock two files of one name.
    pub fn take(state: &Path) -> Result<Self, RunLockError> {
        let path = beside(state);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(source) => return Err(RunLockError::Unlockable { path, source }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RunLockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(RunLockError::Unlockable { path, source }),
        }
    }
}

fn beside(state: &Path) -> PathBuf {
    let mut name = OsString::from(state);
    name.push(".lock");
    PathBuf::from(name)
}
