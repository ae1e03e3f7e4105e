//! What is encrypted at rest, and its key: seals values with AES-256-GCM. It knows neither what it seals nor where that is kept.
//!
//! A sealed value is `version (1) | key id (8) | nonce (12) | ciphertext | tag (16)`. Version, key id and the caller's
//! context are authenticated with it, so that a value moved to another row, or one that names another key, does not open.
//! The key id stands with every value so that a wrong key is told from damage, and by its name.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::config::{SecretError, StateSettings, VaultSettings};
pub use key::{KeyId, VaultKey};

mod key;
mod key_file;
pub mod next_key;

const VERSION: u8 = 1;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + KeyId::LEN;
const OVERHEAD: usize = HEADER_LEN + NONCE_LEN + TAG_LEN;

/// Seals and opens values. Made once and shared: the key schedule is computed here, not per value.
///
/// Nonces are random, so a key should be replaced before it has sealed 2³² values (NIST SP 800-38D, 8.3).
pub struct Vault {
    id: KeyId,
    key: RandomizedNonceKey,
}

/// Whether the store holds anything that only the vault's key opens: then a missing key is never made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holdings {
    /// Nothing is sealed yet.
    Nothing,
    /// Something is.
    Sealed,
}

/// Why the vault or a value in it could not be opened. Names keys by id and values by context, never their content.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key stands where it cannot be read.
    #[error("cannot read the vault's key")]
    Unreadable(#[from] SecretError),
    /// What stands there is no key.
    #[error("the vault's key in {place} is not 32 bytes in base64")]
    Malformed {
        /// Where the key was read.
        place: String,
    },
    /// The key file is gone, and making another would lose what it sealed.
    #[error("the vault's key {place} is missing, but the state holds values sealed with it: restore that file")]
    Missing {
        /// The key file.
        place: String,
    },
    /// The key file could not be made.
    #[error("cannot make the vault's key {place}")]
    NotMade {
        /// The key file.
        place: String,
        /// Why not.
        source: std::io::Error,
    },
    /// PostgreSQL has no directory to keep a key file in.
    #[error("state on PostgreSQL needs a key under [vault]")]
    NoPlace,
    /// The value was sealed with a key that this vault does not have.
    #[error("{context} was sealed with another key: it needs key {sealed_with}, the vault has {has}")]
    OtherKey {
        /// The value's context.
        context: String,
        /// The key that would open it.
        sealed_with: KeyId,
        /// The vault's key.
        has: KeyId,
    },
    /// The value was changed, cut off, or belongs to another context.
    #[error("{context} does not open: it was damaged or moved from another place")]
    Tampered {
        /// The value's context.
        context: String,
    },
    /// The value is in a form that this version does not know.
    #[error("{context} was sealed by a newer version of mail2jira (form {version})")]
    Version {
        /// The value's context.
        context: String,
        /// The version byte found.
        version: u8,
    },
    /// The machine gave no randomness, or the value is larger than AES-GCM takes.
    #[error("the cryptography library failed")]
    Library,
}

impl Vault {
    /// Opens the vault that the configuration describes; makes its key file at first use.
    pub fn open(vault: &VaultSettings, state: &StateSettings, holdings: Holdings) -> Result<Self, VaultError> {
        let key = match (&vault.key, state) {
            (Some(place), _) => key::parse(&place.read()?, &place.to_string())?,
            (None, StateSettings::Sqlite { path }) => {
                key_file::read_or_make(&VaultSettings::key_beside(path), holdings)?
            }
            (None, StateSettings::Postgres { .. }) => return Err(VaultError::NoPlace),
        };
        Self::from_key(&key)
    }

    /// A vault that seals and opens with this key.
    pub fn from_key(key: &VaultKey) -> Result<Self, VaultError> {
        let id = key.id();
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_bytes()).map_err(|_| VaultError::Library)?;
        Ok(Self { id, key })
    }

    /// The key that a value was sealed with, as its header tells; `None` where it is no sealed value.
    pub fn key_of(sealed: &[u8]) -> Option<KeyId> {
        KeyId::from_slice(sealed.get(1..HEADER_LEN)?)
    }

    /// The key that values are sealed with.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Seals `plain` so that it opens under the same `context` alone. `context` is no secret: `grant:support`.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(self.id.as_bytes());
        let aad = Aad::from(associated_data(&sealed, context));
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        let (head, body) = sealed.split_at_mut_checked(HEADER_LEN + NONCE_LEN).ok_or(VaultError::Library)?;
        let (nonce, tag) = self.key.seal_in_place_separate_tag(aad, body).map_err(|_| VaultError::Library)?;
        if let Some((_, place)) = head.split_at_mut_checked(HEADER_LEN) {
            place.copy_from_slice(nonce.as_ref());
        }
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made under the same `context`.
    pub fn unseal(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let tampered = || VaultError::Tampered { context: context.to_owned() };
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or_else(tampered)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(tampered)?;
        self.check(context, header)?;
        let aad = Aad::from(associated_data(header, context));
        let mut plain = Zeroizing::new(body.to_vec());
        let opened = self.key.open_in_place(Nonce::from(nonce), aad, &mut plain);
        let length = opened.map_err(|_| tampered())?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn check(&self, context: &str, header: &[u8]) -> Result<(), VaultError> {
        let context = || context.to_owned();
        let (version, id) = header.split_first().ok_or_else(|| VaultError::Tampered { context: context() })?;
        if *version != VERSION {
            return Err(VaultError::Version { context: context(), version: *version });
        }
        let id = KeyId::from_slice(id).ok_or_else(|| VaultError::Tampered { context: context() })?;
        if id == self.id {
            return Ok(());
        }
        Err(VaultError::OtherKey { context: context(), sealed_with: id, has: self.id })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key_id", &self.id).finish_non_exhaustive()
    }
}

/// The header has a fixed length, so that no two pairs of header and context make the same bytes.
fn associated_data(header: &[u8], context: &str) -> Vec<u8> {
    [header, context.as_bytes()].concat()
}
