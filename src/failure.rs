//! What a failure means for the message at hand: the one question that the pipeline asks of any error.

use std::time::Duration;

/// Longer runs of letters and digits are not words but tokens, session ids or base64.
const LONGEST_WORD: usize = 40;

/// What is to be done after a failed step. Every error at a boundary has a `verdict()`; the pipeline looks at nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was written: try again, no earlier than the other side asked for.
    Retry(Option<Duration>),
    /// It may or may not have been written: look before repeating anything.
    Unknown,
    /// This message will never work as planned: set it aside with its reason.
    Quarantine,
    /// Nothing of this kind will work until a person mends the set-up; no message is to blame.
    Halt(Scope),
}

impl Verdict {
    /// For how long the other side wants to be left alone, where it says so.
    pub fn asked(self) -> Option<Duration> {
        match self {
            Self::Retry(asked) => asked,
            Self::Unknown | Self::Quarantine | Self::Halt(_) => None,
        }
    }
}

/// How far a [`Verdict::Halt`] reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of Jira, as when the credentials are refused.
    Everything,
    /// One project, as when its permissions are missing.
    Project,
    /// Everything, until a person has consented: whether that has come about costs next to nothing to ask.
    Consent,
}

/// An error with its causes, in one line; a cause that the error names itself is not said again.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Words of an error as a sentence for somebody who reads no errors.
pub fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}

/// Words of a server as they may stand in an error, a log or on a terminal: without addresses and tokens, and at most so many
/// characters.
pub fn redacted(words: &str, most: usize) -> String {
    let words: Vec<&str> = words.split(|c: char| c.is_whitespace() || c.is_control()).map(redacted_word).collect();
    words.join(" ").trim().chars().take(most).collect()
}

fn redacted_word(word: &str) -> &str {
    let is_link = word.starts_with("https://") || word.starts_with("http://");
    match word {
        word if word.contains('@') => "[address]",
        word if word.len() > LONGEST_WORD && !is_link => "[hidden]",
        word => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_addresses_tokens_and_length() {
        let token = "ya29".repeat(20);
        let words =
            format!("user ann@example.com showed {token}\r\nand lost, see https://support.example.com/answer/1");
        assert_eq!(
            redacted(&words, 200),
            "user [address] showed [hidden]  and lost, see https://support.example.com/answer/1"
        );
        assert_eq!(redacted(&"no ".repeat(1000), 200).len(), 200);
    }
}
