//! What a server says to a command, as far as the session itself is concerned. Knows no mailbox.

use imap_proto::{Outcome, ResponseCode, Status};

/// A server's next answer to a command.
#[derive(Debug)]
pub enum Answer<T> {
    /// Something untagged, as the reader made it.
    Data(T),
    /// `+`, with its text.
    Continue(String),
    /// The tagged answer: the command is over.
    Done(Ended),
}

/// How a command ended.
#[derive(Debug)]
pub enum Ended {
    /// OK.
    Ok,
    /// NO, with the server's words.
    No(String),
    /// BAD, with the server's words.
    Bad(String),
}

/// How a tagged answer ends its command; `None` where it is none.
pub fn ended(status: &Status, outcome: &Outcome<'_>) -> Option<Ended> {
    match status {
        Status::Ok => Some(Ended::Ok),
        Status::No => Some(Ended::No(text_of(outcome))),
        Status::Bad => Some(Ended::Bad(text_of(outcome))),
        Status::PreAuth | Status::Bye => None,
    }
}

/// The server's words, with the code in front again where the parser took it off.
pub fn text_of(outcome: &Outcome<'_>) -> String {
    let text = outcome.information.as_deref().unwrap_or_default();
    match &outcome.code {
        Some(ResponseCode::Alert) => format!("[ALERT] {text}"),
        Some(ResponseCode::TryCreate) => format!("[TRYCREATE] {text}"),
        Some(ResponseCode::Parse) => format!("[PARSE] {text}"),
        Some(_) | None => text.to_owned(),
    }
}
