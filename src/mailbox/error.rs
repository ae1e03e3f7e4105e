//! Why a mailbox could not be opened, or its session broke, and what that means for the mailbox.

use std::fmt;
use std::time::Duration;

use super::{throttle, words};
use crate::config::Secret;
use crate::failure::Verdict;

/// The steps of opening a mailbox, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The name's addresses.
    Dns,
    /// The TCP connection.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// SASL.
    Login,
    /// What the server can do.
    Capabilities,
    /// Opening a folder.
    Select,
    /// How much is in it.
    Count,
}

impl Stage {
    /// Its name in `test-connection`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Login => "login",
            Self::Capabilities => "capabilities",
            Self::Select => "select",
            Self::Count => "count",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a session could not be had, or broke.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// No connection: DNS, TCP or TLS.
    #[error("cannot connect to {server}: {stage}")]
    Connect {
        /// host:port.
        server: String,
        /// How far it came.
        stage: Stage,
        /// Why.
        source: std::io::Error,
    },
    /// The server did not answer in time.
    #[error("{server} did not answer `{command}` within {} s", waited.as_secs())]
    Timeout {
        /// host:port.
        server: String,
        /// The command without its arguments.
        command: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The connection ended.
    #[error("{server} closed the connection{}", words.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
    Closed {
        /// host:port.
        server: String,
        /// The text of its BYE, if it sent one.
        words: Option<String>,
    },
    /// The login was refused for what was shown: a token or password that it does not take.
    #[error("{server} refused to log in: {words}")]
    LoginRefused {
        /// host:port.
        server: String,
        /// What it said, the decoded XOAUTH2 challenge included.
        words: String,
    },
    /// A command was refused (NO or BAD).
    #[error("{server} refused `{command}`: {words}")]
    Refused {
        /// host:port.
        server: String,
        /// The command without its arguments.
        command: String,
        /// What it said.
        words: String,
        /// The response code, as `UNAVAILABLE`, if it sent one.
        code: Option<String>,
    },
    /// The server said something that cannot be understood.
    #[error("{server} broke the protocol: {words}")]
    Protocol {
        /// host:port.
        server: String,
        /// What was wrong; no mail content.
        words: String,
    },
    /// The server offers none of the wanted mechanisms, or no STARTTLS.
    #[error("{server} does not offer {what}")]
    NotOffered {
        /// host:port.
        server: String,
        /// What is missing.
        what: String,
    },
    /// Whoever was to take the fetched pieces is gone; the daemon is stopping.
    #[error("the fetch was given up")]
    GivenUp,
}

impl MailboxError {
    /// Takes out what we have shown the server, which some repeat.
    #[must_use]
    pub fn hiding(mut self, shown: &[Secret]) -> Self {
        match &mut self {
            Self::Closed { words: Some(words), .. }
            | Self::LoginRefused { words, .. }
            | Self::Refused { words, .. }
            | Self::Protocol { words, .. } => *words = Secret::strike(std::mem::take(words), shown),
            Self::Closed { words: None, .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::NotOffered { .. }
            | Self::GivenUp => {}
        }
        self
    }

    /// What the server itself said, without addresses or tokens.
    pub fn server_words(&self) -> Option<&str> {
        match self {
            Self::LoginRefused { words, .. } | Self::Refused { words, .. } => Some(words),
            Self::Closed { words, .. } => words.as_deref(),
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::NotOffered { .. }
            | Self::GivenUp => None,
        }
    }

    /// What the failure means: a login refused concerns the whole mailbox, everything else passes.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::LoginRefused { .. } | Self::NotOffered { .. } => Verdict::Halt(crate::failure::Scope::Everything),
            Self::Refused { command, words, .. } if words::is_full(command, words) => Verdict::Retry(None),
            Self::Refused { words, .. } => Verdict::Retry(throttle::wait(words)),
            Self::Closed { words, .. } => Verdict::Retry(words.as_deref().and_then(throttle::wait)),
            Self::Connect { .. } | Self::Timeout { .. } | Self::Protocol { .. } | Self::GivenUp => Verdict::Retry(None),
        }
    }
}
