//! A vault's key: 32 bytes in base64, known by an id that gives nothing of it away.

use std::fmt;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use zeroize::Zeroizing;

use super::VaultError;
use crate::config::Secret;
use crate::text::hex;

/// A key for AES-256-GCM: wiped when dropped, hidden when printed.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; 32]>);

/// The first 8 bytes of the SHA-256 of a key: tells keys apart, in errors too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; Self::LEN]);

impl VaultKey {
    /// A new random key.
    pub fn generate() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| VaultError::Library)?;
        Ok(Self(bytes))
    }

    /// Reads 32 bytes in base64 (RFC 4648, 4), with or without padding.
    pub fn parse(text: &Secret) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD_PAD_INDIFFERENT.decode(text.expose().trim()).ok()?);
        Some(Self(Zeroizing::new(decoded.as_slice().try_into().ok()?)))
    }

    /// The key in base64, as it stands in a key file.
    pub fn to_base64(&self) -> Secret {
        Secret::new(STANDARD.encode(self.as_bytes()))
    }

    /// What names this key.
    pub fn id(&self) -> KeyId {
        let digest = digest::digest(&digest::SHA256, self.as_bytes());
        let mut id = KeyId([0; KeyId::LEN]);
        id.0.iter_mut().zip(digest.as_ref()).for_each(|(byte, digested)| *byte = *digested);
        id
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// Reads a key, or says where there is none.
pub(super) fn parse(text: &Secret, place: &str) -> Result<VaultKey, VaultError> {
    VaultKey::parse(text).ok_or_else(|| VaultError::Malformed { place: place.to_owned() })
}

impl KeyId {
    pub(super) const LEN: usize = 8;

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
