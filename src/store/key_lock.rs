//! Who has an SQLite state open: everybody who uses its key, side by side, or one alone who replaces the key. A value that was
//! sealed with the old key while all others were sealed anew would be lost. On PostgreSQL an advisory lock does the same.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::StoreError;

/// How often a lock is tried for, and how long it is waited in between: two seconds in all. Commands come and go, and
/// PostgreSQL notices a moment later that a session has ended.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// The right to use the key of a state, until it is dropped or its process ends in whatever way.
#[derive(Debug)]
pub struct KeyLock(File);

impl KeyLock {
    /// Takes the right to use the key of the SQLite state at `state`, beside others.
    pub(super) fn share(state: &Path) -> Result<Self, StoreError> {
        let mut path = state.as_os_str().to_owned();
        path.push(".key-lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(StoreError::Locking)?;
        if patiently(|| taken(file.try_lock_shared()))? { Ok(Self(file)) } else { Err(StoreError::Rekeying) }
    }

    /// Takes the right to replace the key, which nobody else has or gets. When it is refused, nothing is held any more.
    pub(super) fn be_alone(&self) -> Result<(), StoreError> {
        self.0.unlock().map_err(StoreError::Locking)?;
        if patiently(|| taken(self.0.try_lock()))? { Ok(()) } else { Err(StoreError::InUse) }
    }
}

/// Tries for a lock until it is taken or it has been long enough. Blocks.
pub(super) fn patiently(mut try_once: impl FnMut() -> Result<bool, StoreError>) -> Result<bool, StoreError> {
    for _ in 1..TRIES {
        if try_once()? {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    try_once()
}

fn taken(tried: Result<(), TryLockError>) -> Result<bool, StoreError> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(StoreError::Locking(error)),
    }
}
