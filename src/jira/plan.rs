//! What is to be written for one message: steps in order, each idempotent through its marker. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The property key, on issues and comments, that holds a [`Marker`].
pub const MARKER_PROPERTY: &str = "mail2jira.origin";

/// What Jira keeps with what was written, so that it can be found again. Random, made once per step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marker(pub String);

/// One idempotent write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Kept by Jira with what was written.
    pub marker: Marker,
    /// What is written.
    pub write: Write,
}

/// One write to Jira. It goes to the issue that the message creates in its first step, or comments on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// `POST /rest/api/3/issue`.
    CreateIssue {
        /// Project key; it also stands in `fields`.
        project: String,
        /// The `fields` object as it goes over the wire.
        fields: Map<String, Value>,
    },
    /// `POST /rest/api/3/issue/{id}/comment`.
    AddComment {
        /// The comment's `body`, an ADF document.
        body: Value,
    },
    /// `POST /rest/api/3/issue/{id}/attachments`.
    Attach {
        /// The file's name on the issue, unique there.
        name: String,
        /// Media type.
        content_type: String,
        /// Bytes.
        size: u64,
        /// What is uploaded.
        source: Source,
        /// Ids of attachments that the issue already had when this was planned: none of them is ours.
        known: Vec<String>,
    },
}

/// Where the bytes of an upload come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The n-th attachment of the parsed message.
    Attachment(usize),
    /// The message as it came.
    Original,
}
