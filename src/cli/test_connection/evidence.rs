//! What a failed stage shows, as one of the few things that a person can do something about. Pure: reads errors, gives no
//! advice.

use std::io;

use crate::mailbox::{MailboxError, Stage, words};
use crate::tls::TlsFault;
use crate::tls::fault::fault;

/// What a failed stage shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The name leads nowhere.
    NoAddress,
    /// No name server answered in time.
    NoNameServer,
    /// The machine is there, and nothing listens on the port.
    PortClosed,
    /// Nothing answered in time.
    NoAnswer,
    /// The network knows no way there.
    NoRoute,
    /// TLS failed.
    Tls(TlsFault),
    /// The server has no STARTTLS or STLS.
    NoUpgrade,
    /// The server has none of the wanted mechanisms.
    NoMechanism,
    /// The server lacks a command without which nothing can be read: UIDL, or TOP.
    Lacking,
    /// The server speaks another protocol.
    OtherProtocol,
    /// Exchange Online's "User is authenticated but not connected".
    NotConnected,
    /// The protocol is switched off for this mailbox.
    ProtocolOff,
    /// Google wants an app password, since the account has a second factor.
    AppPassword,
    /// The server takes no passwords any more.
    BasicAuthOff,
    /// The credential was refused without a reason.
    CredentialRefused,
    /// The server has no time now, or the maildrop is in use.
    Busy,
    /// A command was refused.
    CommandRefused,
    /// The connection broke.
    Broken,
}

impl Evidence {
    /// What an error shows.
    pub fn of(stage: Stage, error: &MailboxError) -> Self {
        match error {
            MailboxError::Connect { stage: Stage::Dns, source, .. } => match source.kind() {
                io::ErrorKind::TimedOut => Self::NoNameServer,
                _ => Self::NoAddress,
            },
            MailboxError::Connect { stage: Stage::Tls, source, .. } => Self::Tls(fault(source)),
            MailboxError::Connect { source, .. } => match source.kind() {
                io::ErrorKind::ConnectionRefused => Self::PortClosed,
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Self::NoRoute,
                _ => Self::NoAnswer,
            },
            MailboxError::NotOffered { .. } if stage == Stage::Tls => Self::NoUpgrade,
            MailboxError::NotOffered { .. } if stage == Stage::Login => Self::NoMechanism,
            MailboxError::NotOffered { .. } if stage == Stage::Count => Self::Lacking,
            MailboxError::Protocol { .. } if matches!(stage, Stage::Tls | Stage::Login) => Self::OtherProtocol,
            MailboxError::Timeout { .. } if stage == Stage::Tls => Self::Tls(TlsFault::Silent),
            MailboxError::Closed { .. } if stage == Stage::Tls => Self::Tls(TlsFault::HungUp),
            error => error.server_words().map_or(Self::Broken, |words| Self::of_words(error, words)),
        }
    }

    fn of_words(error: &MailboxError, said: &str) -> Self {
        let upper = said.to_ascii_uppercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| upper.contains(phrase));
        if says(&["AUTHENTICATED BUT NOT CONNECTED"]) {
            return Self::NotConnected;
        }
        if says(&[
            "NOT ENABLED FOR IMAP",
            "NOT ENABLED FOR POP",
            "IMAP IS DISABLED",
            "POP IS DISABLED",
            "IMAP ACCESS IS DISABLED",
            "POP ACCESS IS DISABLED",
        ]) {
            return Self::ProtocolOff;
        }
        if says(&["APPLICATION-SPECIFIC PASSWORD", "APP PASSWORD"]) {
            return Self::AppPassword;
        }
        if says(&["BASIC AUTH", "BASICAUTHBLOCKED", "LESS SECURE"]) {
            return Self::BasicAuthOff;
        }
        if words::is_passing(said) || says(&["[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]", "ALREADY LOCKED"]) {
            return Self::Busy;
        }
        match error {
            MailboxError::LoginRefused { .. } => Self::CredentialRefused,
            MailboxError::Refused { .. } => Self::CommandRefused,
            _ => Self::Broken,
        }
    }
}
