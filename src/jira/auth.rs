//! The `Authorization` header: made from the configured way in, kept, and made anew when Jira refuses it. Asks nobody but
//! the place where the secret stands.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::config::{JiraAuth, Secret, SecretError, SecretRef};

/// How a secret is read from where it stands.
pub type ReadSecret = fn(&SecretRef) -> Result<Secret, SecretError>;

/// Why there is no header to show.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// See [`SecretError`].
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret holds characters that no header may hold.
    #[error("the token for Jira holds characters that cannot be sent")]
    Unsendable,
}

/// The way in, and the header made of it last.
#[derive(Debug)]
pub struct Credentials {
    auth: JiraAuth,
    read: ReadSecret,
    kept: Mutex<Option<HeaderValue>>,
}

impl Credentials {
    /// Takes the way in; nothing is read yet.
    pub fn new(auth: JiraAuth, read: ReadSecret) -> Self {
        Self { auth, read, kept: Mutex::new(None) }
    }

    /// The header to show: the kept one, or one made now. Reads in place: a secret is a few bytes of a local file.
    pub fn header(&self) -> Result<HeaderValue, AuthError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.map_or_else(|| self.make(), Ok)
    }

    /// Another header after Jira has refused `refused`: `None` when the secret is still the same. This is how a swapped
    /// secret file is noticed without a restart, and without reading the file for every request.
    pub fn after_refusal(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, AuthError> {
        Ok(Some(self.make()?).filter(|header| header != refused))
    }

    fn make(&self) -> Result<HeaderValue, AuthError> {
        let header = match &self.auth {
            JiraAuth::ApiToken { email, token } => basic(email, &(self.read)(token)?)?,
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(header.clone());
        Ok(header)
    }
}

/// RFC 7617, 2, with the UTF-8 that its section 2.1 allows.
fn basic(user: &str, password: &Secret) -> Result<HeaderValue, AuthError> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::from_str(&text).map_err(|_| AuthError::Unsendable)?;
    header.set_sensitive(true);
    Ok(header)
}
