//! Secrets by reference: where they stand, reading them, and never printing them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A secret value: wiped when dropped, hidden when printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Strikes every one of `secrets` out of `text`, for servers that repeat what they were sent.
    pub fn strike<'s>(text: String, secrets: impl IntoIterator<Item = &'s Self>) -> String {
        let known = secrets.into_iter().map(Self::expose).filter(|secret| !secret.is_empty());
        known.fold(text, |text, secret| text.replace(secret, "[hidden]"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Where a secret stands: `{ credential = "NAME" }`, `{ file = "PATH" }` or `{ env = "VAR" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A systemd credential.
    Credential(String),
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Something about a secret's place that a person should mend, though it can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretWarning {
    /// Users other than the file's owner and group may read it.
    #[error("{} can be read by every user of this machine (mode {mode:04o})", path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Why a secret could not be read. Names the place, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file or credential cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The variable is not set, or not UTF-8.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// There is nothing in it.
    #[error("the secret in {0} is empty")]
    Empty(String),
    /// It is not UTF-8.
    #[error("the secret in {0} is not text")]
    NotText(String),
    /// No secret is that long: a wrong path, most likely.
    #[error("the secret in {0} is longer than 64 KiB")]
    TooLarge(String),
    /// A credential's name is one path component (systemd.exec(5), `LoadCredential=`).
    #[error("`{0}` cannot be the name of a credential")]
    BadName(String),
}

const MAX_LEN: u64 = 64 << 10;

/// Where systemd keeps this service's credentials, for commands that run outside the service.
const SERVICE_CREDENTIALS: &str = "/run/credentials/mail2jira.service";

impl SecretRef {
    /// Reads the secret, without the newline that editors leave at its end.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let bytes = match self {
            Self::Credential(name) => read_credential(name, &credential_directories())?,
            Self::File(path) => read_file(path)?,
            Self::Env(name) => environment(name).ok_or_else(|| SecretError::Unset(name.clone()))?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText(self.to_string()))?;
        let text = text.trim_end_matches(['\n', '\r']);
        if bytes.len() as u64 > MAX_LEN {
            return Err(SecretError::TooLarge(self.to_string()));
        }
        if text.is_empty() {
            return Err(SecretError::Empty(self.to_string()));
        }
        Ok(Secret::new(text))
    }

    /// What a person should mend about the place. Credentials are left to systemd, which guards them by other means than modes.
    pub fn warning(&self) -> Option<SecretWarning> {
        match self {
            Self::File(path) => {
                let mode = path.metadata().ok()?.mode() & 0o7777;
                (mode & 0o004 != 0).then(|| SecretWarning::ReadableByOthers { path: path.clone(), mode })
            }
            Self::Credential(_) | Self::Env(_) => None,
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "the credential `{name}`"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
        }
    }
}

/// The first directory that has the credential gives it. Under another service's `$CREDENTIALS_DIRECTORY`, as in a cron
/// job that systemd started, ours is still found; an error names the first directory.
fn read_credential(name: &str, directories: &[PathBuf]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(SecretError::BadName(name.to_owned()));
    }
    let mut first = None;
    for directory in directories {
        match read_file(&directory.join(name)) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| SecretError::BadName(name.to_owned())))
}

fn credential_directories() -> Vec<PathBuf> {
    let service =
        environment("CREDENTIALS_DIRECTORY").and_then(|path| String::from_utf8(path.to_vec()).ok()).map(PathBuf::from);
    service.into_iter().chain([PathBuf::from(SERVICE_CREDENTIALS)]).collect()
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1)); // never grows, so leaves no copies behind
    let read = File::open(path).and_then(|file| file.take(MAX_LEN + 1).read_to_end(&mut bytes));
    read.map_err(|source: io::Error| SecretError::Unreadable { path: path.to_owned(), source })?;
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that the ban points to")]
fn environment(name: &str) -> Option<Zeroizing<Vec<u8>>> {
    std::env::var(name).ok().map(|value| Zeroizing::new(value.into_bytes()))
}
