//! Issues and all that hangs on them.

use std::collections::BTreeMap;

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::jira::desk::RequestFacts;
use crate::jira::fields::Choice;

/// Where an issue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// New.
    ToDo,
    /// Being worked on.
    InProgress,
    /// Finished.
    Done,
}

/// An issue with all that hangs on it.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Never changes, and is unlike the number in the key.
    pub id: u64,
    /// `SUP-1`.
    pub key: String,
    /// The project's key.
    pub project: String,
    /// What kind of issue.
    pub issue_type: Choice,
    /// One line.
    pub summary: String,
    /// Every other field as it was sent, `description` among them.
    pub fields: Map<String, Value>,
    /// Account id of who created it.
    pub creator: String,
    /// Account id of who it is from.
    pub reporter: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it or what hangs on it last changed.
    pub updated: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Where callers of the API have moved it to, oldest first.
    pub moves: Vec<Status>,
    /// Issue properties by key.
    pub properties: BTreeMap<String, Value>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Oldest first.
    pub attachments: Vec<Attachment>,
    /// Account ids.
    pub watchers: Vec<String>,
    /// Links with other issues.
    pub links: Vec<Link>,
    /// Links to elsewhere.
    pub remote_links: Vec<RemoteLink>,
    /// What makes it a request, if it is one.
    pub request: Option<RequestFacts>,
}

/// A comment on an issue.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Account id.
    pub author: String,
    /// ADF.
    pub body: Value,
    /// When it was added.
    pub created: Timestamp,
    /// Comment properties by key.
    pub properties: BTreeMap<String, Value>,
    /// `{"type": "role", "value": "…"}`, where it is not for all.
    pub visibility: Option<Value>,
}

/// A file on an issue.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its id.
    pub id: u64,
    /// The id that ADF names it by, at the media service.
    pub media_id: String,
    /// As it was sent.
    pub name: String,
    /// As it was sent.
    pub content_type: String,
    /// What is in it.
    pub content: Bytes,
    /// Account id.
    pub author: String,
    /// When it was added.
    pub created: Timestamp,
}

/// How one issue is tied to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: u64,
    /// One of [`LINK_TYPES`].
    pub kind: &'static LinkType,
    /// The other issue's key.
    pub other: String,
    /// Which end the other issue is.
    pub end: LinkEnd,
}

/// The ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// The other one is the inward issue.
    Inward,
    /// The other one is the outward issue.
    Outward,
}

/// A kind of link between issues.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkType {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What the outward issue says of the inward one.
    pub inward: &'static str,
    /// What the inward issue says of the outward one.
    pub outward: &'static str,
}

/// The kinds of link that there are.
pub const LINK_TYPES: &[LinkType] = &[
    LinkType { id: "10000", name: "Blocks", inward: "is blocked by", outward: "blocks" },
    LinkType { id: "10001", name: "Cloners", inward: "is cloned by", outward: "clones" },
    LinkType { id: "10002", name: "Duplicate", inward: "is duplicated by", outward: "duplicates" },
    LinkType { id: "10003", name: "Relates", inward: "relates to", outward: "relates to" },
];

/// A link from an issue to elsewhere.
#[derive(Debug, Clone)]
pub struct RemoteLink {
    /// Its id.
    pub id: u64,
    /// The writer's own name for it: the same one again changes this link.
    pub global_id: Option<String>,
    /// The request as it was sent.
    pub link: Map<String, Value>,
}

/// What a new issue is made from, once it has been found to be right.
#[derive(Debug)]
pub(in crate::jira) struct NewIssue {
    pub(in crate::jira) project: String,
    pub(in crate::jira) issue_type: Choice,
    pub(in crate::jira) summary: String,
    pub(in crate::jira) reporter: Option<String>,
    pub(in crate::jira) fields: Map<String, Value>,
    pub(in crate::jira) properties: BTreeMap<String, Value>,
}

impl Status {
    /// All of them, in the order of the workflow.
    pub const ALL: [Self; 3] = [Self::ToDo, Self::InProgress, Self::Done];

    /// Status id.
    pub fn id(self) -> &'static str {
        match self {
            Self::ToDo => "10000",
            Self::InProgress => "10001",
            Self::Done => "10002",
        }
    }

    /// The id of the transition that leads here.
    pub fn transition_id(self) -> &'static str {
        match self {
            Self::ToDo => "11",
            Self::InProgress => "21",
            Self::Done => "31",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToDo => "To Do",
            Self::InProgress => "In Progress",
            Self::Done => "Done",
        }
    }

    /// `new`, `indeterminate` or `done`.
    pub fn category(self) -> &'static str {
        match self {
            Self::ToDo => "new",
            Self::InProgress => "indeterminate",
            Self::Done => "done",
        }
    }
}
