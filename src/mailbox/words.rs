//! What a server says in words: cut short, without addresses or tokens, and what of it a program can use. Pure.

use std::time::Duration;

const MAX_WORDS: usize = 200;
/// Longer runs of letters and digits are not words but tokens, session ids or base64.
const MAX_WORD: usize = 40;

/// The words as they may stand in an error, a log or on a terminal.
pub fn redacted(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).map(redacted_word).collect();
    words.join(" ").trim().chars().take(MAX_WORDS).collect()
}

fn redacted_word(word: &str) -> &str {
    let is_link = word.starts_with("https://") || word.starts_with("http://");
    match word {
        word if word.contains('@') => "[address]",
        word if word.len() > MAX_WORD && !is_link => "[hidden]",
        word => word,
    }
}

/// The response code at the start of the words, as `UNAVAILABLE`: RFC 3501, 7.1.
pub fn code(text: &str) -> Option<String> {
    let inside = text.trim_start().strip_prefix('[')?.split(']').next()?;
    let name = inside.split(' ').next()?;
    (!name.is_empty()).then(|| name.to_ascii_uppercase())
}

/// Whether a refused login says nothing about the credentials: RFC 5530's codes, and what Gmail and Exchange Online say
/// without one.
pub fn is_passing(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let codes = ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "THROTTLED", "OVERQUOTA"];
    let phrases = ["TOO MANY SIMULTANEOUS CONNECTIONS", "IS THROTTLED", "SERVER UNAVAILABLE", "TEMPORARY"];
    codes.iter().any(|code| upper.contains(&format!("[{code}]"))) || phrases.iter().any(|phrase| upper.contains(phrase))
}

/// Exchange Online's `Suggested Backoff Time: N milliseconds`.
pub fn suggested_backoff(text: &str) -> Option<Duration> {
    let (_, rest) = text.split_once("Suggested Backoff Time: ")?;
    rest.split(' ').next()?.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_addresses_tokens_and_length() {
        let token = "ya29".repeat(20);
        assert_eq!(
            redacted(&format!(
                "user ann@example.com showed {token}\r\nand lost, see https://support.example.com/answer/1"
            )),
            "user [address] showed [hidden]  and lost, see https://support.example.com/answer/1"
        );
        assert_eq!(redacted(&"no ".repeat(1000)).len(), MAX_WORDS);
    }

    #[test]
    fn passing_refusals_are_told_from_refused_credentials() {
        for text in [
            "[UNAVAILABLE] Temporary authentication failure.",
            "[ALERT] Too many simultaneous connections. (Failure)",
            "Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            "Server Unavailable. 15",
        ] {
            assert!(is_passing(text), "{text}");
        }
        for text in ["[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "AUTHENTICATE failed.", ""] {
            assert!(!is_passing(text), "{text}");
        }
    }

    #[test]
    fn codes_and_backoff_are_read() {
        assert_eq!(code("[trycreate] no such folder").as_deref(), Some("TRYCREATE"));
        assert_eq!(code("[COPYUID 1 2 3] done").as_deref(), Some("COPYUID"));
        assert_eq!(code("failed [really]"), None);
        let words = "Request is throttled. Suggested Backoff Time: 299961 milliseconds";
        assert_eq!(suggested_backoff(words), Some(Duration::from_millis(299_961)));
        assert_eq!(suggested_backoff("Suggested Backoff Time: soon"), None);
    }
}
