//! What a server says in words: cut short, without addresses or tokens, and what of it a program can use. Pure.

use crate::failure;
use crate::mailbox::{MailboxError, throttle};
use crate::oauth::xoauth2::Challenge;

const MAX_WORDS: usize = 200;

/// The words as they may stand in an error, a log or on a terminal.
pub fn redacted(text: &str) -> String {
    failure::redacted(text, MAX_WORDS)
}

/// Why a login was refused: the server's words, and what its error challenge says where it sent one.
pub fn of_refused_login(text: &str, challenge: Option<&str>) -> String {
    let words = redacted(text);
    match challenge.and_then(Challenge::parse) {
        Some(challenge) => format!("{words} ({})", redacted(&challenge.to_string())),
        None => words,
    }
}

/// The response code at the start of the words, as `UNAVAILABLE`: RFC 3501, 7.1.
pub fn code(text: &str) -> Option<String> {
    let inside = text.trim_start().strip_prefix('[')?.split(']').next()?;
    let name = inside.split(' ').next()?;
    (!name.is_empty()).then(|| name.to_ascii_uppercase())
}

/// The words of a refusal that lasts: it concerns what was asked for (a folder that is gone, a right that we lack), not the
/// server's load or the account as a whole.
pub fn lasting_refusal(error: &MailboxError) -> Option<String> {
    match error {
        MailboxError::Refused { words, command, .. } => {
            let lasts = !words.is_empty() && (!is_passing(words) || is_full(command, words));
            lasts.then(|| words.clone())
        }
        MailboxError::Connect { .. }
        | MailboxError::Timeout { .. }
        | MailboxError::Closed { .. }
        | MailboxError::LoginRefused { .. }
        | MailboxError::Protocol { .. }
        | MailboxError::NotOffered { .. }
        | MailboxError::GivenUp => None,
    }
}

/// Whether there is no room where a message was to go, which is no word about how much we ask (RFC 5530, 3).
pub fn is_full(command: &str, words: &str) -> bool {
    matches!(command, "UID MOVE" | "UID COPY" | "CREATE") && code(words).as_deref() == Some("OVERQUOTA")
}

/// Whether a refusal says nothing about the credentials or what was asked for: RFC 5530's codes, and what Gmail and
/// Exchange Online say without one.
pub fn is_passing(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let codes = ["UNAVAILABLE", "INUSE", "SERVERBUG"];
    let phrases = ["IS THROTTLED", "SERVER UNAVAILABLE", "TEMPORARY", "NOT CONNECTED"];
    throttle::wait(text).is_some()
        || codes.iter().any(|code| upper.contains(&format!("[{code}]")))
        || phrases.iter().any(|phrase| upper.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_refusals_are_told_from_refused_credentials() {
        for text in [
            "[UNAVAILABLE] Temporary authentication failure.",
            "[ALERT] Too many simultaneous connections. (Failure)",
            "Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            "Server Unavailable. 15",
            "User is authenticated but not connected.",
        ] {
            assert!(is_passing(text), "{text}");
        }
        for text in ["[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "AUTHENTICATE failed.", ""] {
            assert!(!is_passing(text), "{text}");
        }
    }

    #[test]
    fn codes_are_read() {
        assert_eq!(code("[trycreate] no such folder").as_deref(), Some("TRYCREATE"));
        assert_eq!(code("[COPYUID 1 2 3] done").as_deref(), Some("COPYUID"));
        assert_eq!(code("failed [really]"), None);
    }
}
