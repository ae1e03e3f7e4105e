//! What was asked of Jira and what came of it, the last requests only. Credentials are not kept.

use std::collections::VecDeque;

use axum::body::Bytes;
use axum::http::header::InvalidHeaderValue;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many requests are remembered.
const KEPT: usize = 100_000;

/// Whether request bodies are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBodies {
    /// Never.
    Off,
    /// Those of at most so many bytes.
    UpTo(usize),
}

/// One request to the API.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it had come in.
    pub at: Timestamp,
    /// When it was answered or given up.
    pub ended: Timestamp,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as they came.
    pub path: String,
    /// Header fields; of `authorization` only the scheme.
    pub headers: HeaderMap,
    /// The body, where [`LogBodies`] asks for it.
    pub body: Option<Bytes>,
    /// The status that went out; `None` when no whole answer did.
    pub status: Option<u16>,
    /// The status that Jira itself came to, whatever a fault made of it; `None` when it never saw the request.
    pub handled: Option<u16>,
    /// The fault that applied, by its name in `/_control`.
    pub fault: Option<&'static str>,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    entries: VecDeque<Entry>,
    dropped: u64,
}

impl RequestLog {
    pub(super) fn push(&mut self, entry: Entry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many there were in all.
    pub(super) fn total(&self) -> u64 {
        self.dropped + self.entries.len() as u64
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.dropped = 0;
    }
}

/// `headers` without the credentials in them. Copied byte by byte: a plain clone would share, and keep, the whole
/// buffer that the request was read into.
pub(super) fn without_credentials(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let shown =
            if *name == header::AUTHORIZATION { hidden(value) } else { HeaderValue::from_bytes(value.as_bytes()) };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_str().as_bytes()), shown) {
            kept.append(name, value);
        }
    }
    kept
}

fn hidden(authorization: &HeaderValue) -> Result<HeaderValue, InvalidHeaderValue> {
    let scheme = authorization.to_str().ok().and_then(|text| text.split(' ').next());
    HeaderValue::from_str(&format!("{} [hidden]", scheme.unwrap_or_default()))
}
