//! An error as OAuth words it, made fit for people: with a sentence of ours where the code is known, and without secrets.

use std::fmt;

use super::refusal::{self, Remedy};
use crate::config::Secret;
use crate::failure::redacted;
use crate::text::without_controls;

/// An error as OAuth words it (RFC 6749, 4.1.2.1 and 5.2), made fit for a terminal and a log: no control
/// characters, no addresses, not long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// `error`.
    pub code: String,
    /// The provider's own code behind it: `AADSTS50173`, `invalid_rapt`.
    pub own_code: Option<String>,
    /// `error_description`.
    pub description: Option<String>,
}

impl OAuthError {
    /// Takes what the other side wrote.
    pub fn new(code: &str, description: Option<&str>) -> Self {
        let own_code = description.and_then(microsoft_code);
        let description = description.map(|text| redacted(text, 400)).filter(|text| !text.is_empty());
        Self { code: fit(code, 60), own_code, description }
    }

    /// Who can do something about it, and one sentence, where the provider's code is known.
    pub fn known(&self) -> Option<(Remedy, &'static str)> {
        self.own_code.as_deref().and_then(refusal::known).or_else(|| refusal::known(&self.code))
    }

    /// Strikes out secrets, for a provider that repeats in its error what it was sent.
    pub(super) fn without(self, secrets: &[&Secret]) -> Self {
        Self {
            code: Secret::strike(self.code, secrets.iter().copied()),
            own_code: self.own_code.map(|text| Secret::strike(text, secrets.iter().copied())),
            description: self.description.map(|text| Secret::strike(text, secrets.iter().copied())),
        }
    }
}

impl fmt::Display for OAuthError {
    /// A sentence of ours where the code is known, else the provider's own words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known(), &self.own_code, &self.description) {
            (Some((_, sentence)), Some(own_code), _) => write!(f, "{sentence} [{}, {own_code}]", self.code),
            (Some((_, sentence)), None, Some(description)) => write!(f, "{sentence} [{}: {description}]", self.code),
            (Some((_, sentence)), None, None) => write!(f, "{sentence} [{}]", self.code),
            (None, _, Some(description)) => write!(f, "{}: {description}", self.code),
            (None, _, None) => f.write_str(&self.code),
        }
    }
}

impl std::error::Error for OAuthError {}

/// Microsoft begins its descriptions with the code: `AADSTS50173: The provided grant …`.
fn microsoft_code(description: &str) -> Option<String> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(12).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// Printable, and at most so many characters.
pub(super) fn fit(text: &str, limit: usize) -> String {
    without_controls(text).chars().take(limit).collect::<String>().trim().to_owned()
}
