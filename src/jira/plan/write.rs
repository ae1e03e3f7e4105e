//! One write to Jira, as it is kept in the ledger until it is done. Says what is written, not how.

use serde::{Deserialize, Serialize};

use super::request::Request;
use super::{Fields, Marker};
use crate::config::rule::Visibility;
use crate::jira::json::Json;

/// One write to Jira. It goes to the issue that the message creates in its first step, or comments on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// `POST /issue`.
    CreateIssue {
        /// Project key; it also stands in `fields`.
        project: String,
        /// The `fields` object as it goes over the wire.
        fields: Fields,
    },
    /// `POST /rest/servicedeskapi/request`.
    RaiseRequest {
        /// Project key.
        project: String,
        /// What is raised.
        request: Box<Request>,
    },
    /// `PUT /issue/{id}`: what could not be said when the issue was written.
    Complete {
        /// The marker of the step that wrote the issue.
        origin: Marker,
        /// The `fields` object as it goes over the wire.
        fields: Fields,
    },
    /// `POST /issue/{id}/comment`.
    AddComment {
        /// The comment's `body`: an Atlassian Document on Cloud, wiki markup on Data Center.
        body: Json,
        /// Who sees it.
        #[serde(default)]
        visibility: Visibility,
    },
    /// Sees to it that the comment written before is seen by those alone that it is for.
    Prove {
        /// Who sees it.
        visibility: Visibility,
    },
    /// `POST /issue/{id}/attachments`.
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
        /// SHA-256 of a picture that the text shows in place: once it is there, the issue needs no other copy of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
        /// Who sees it on a request; `None`: it goes to an issue.
        #[serde(default)]
        audience: Option<Audience>,
    },
    /// `PUT` of a text that was written before, with the pictures that have been attached since in their places. Only for who
    /// finds the text as it was written.
    ShowPictures {
        /// The text, with pictures whose ids are not known yet ([`placed`](crate::jira::document::placed)).
        text: Json,
        /// Where it stands.
        place: TextPlace,
    },
    /// `POST /issueLink`.
    Link {
        /// The type's name.
        kind: String,
        /// The issue at its other end, by id or key.
        other: String,
    },
    /// `POST /issue/{id}/watchers`.
    Watch {
        /// The user, in the way that issues name users.
        user: String,
    },
    /// `POST /request/{id}/participant` of Service Management.
    AddParticipants {
        /// The user, in the way that issues name users.
        users: Vec<String>,
    },
    /// `POST /issue/{id}/transitions`, from a finished status to one that is not.
    Reopen,
}

/// Where the text of a message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPlace {
    /// In the description of the issue.
    Description,
    /// In the comment written before, for these people.
    Comment(Visibility),
}

/// Who sees something on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Its customers, too.
    Customers,
    /// Agents alone.
    Agents,
}

impl Write {
    /// A file for these people; any other write is as it was.
    pub fn for_audience(mut self, sees: Option<Audience>) -> Self {
        if let Self::Attach { audience, .. } = &mut self {
            *audience = sees;
        }
        self
    }

    /// What kind of write it is, in a word for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateIssue { .. } => "create the issue",
            Self::RaiseRequest { .. } => "raise the request",
            Self::Complete { .. } => "set the rest of the issue",
            Self::AddComment { .. } => "add the comment",
            Self::Prove { .. } => "prove who sees the comment",
            Self::Attach { .. } => "attach a file",
            Self::ShowPictures { .. } => "show the pictures in their places",
            Self::Link { .. } => "link the issue",
            Self::Watch { .. } => "add a watcher",
            Self::AddParticipants { .. } => "add participants to the request",
            Self::Reopen => "move the issue back to work",
        }
    }

    /// Whether the message is in Jira without it: it is dropped where Jira does not do it.
    pub fn weight(&self) -> Weight {
        match self {
            Self::CreateIssue { .. }
            | Self::RaiseRequest { .. }
            | Self::Complete { .. }
            | Self::AddComment { .. }
            | Self::Prove { .. }
            | Self::Attach { .. } => Weight::Message,
            Self::ShowPictures { .. }
            | Self::Link { .. }
            | Self::Watch { .. }
            | Self::AddParticipants { .. }
            | Self::Reopen => Weight::Extra,
        }
    }

    /// The text of a message, or what is told of it.
    pub fn text(&self) -> Option<&Json> {
        match self {
            Self::CreateIssue { fields, .. } | Self::Complete { fields, .. } => fields.get("description"),
            Self::AddComment { body, .. } => Some(body),
            Self::RaiseRequest { .. }
            | Self::Prove { .. }
            | Self::Attach { .. }
            | Self::ShowPictures { .. }
            | Self::Link { .. }
            | Self::Watch { .. }
            | Self::AddParticipants { .. }
            | Self::Reopen => None,
        }
    }

    /// Who sees a comment.
    pub fn audience(&self) -> Option<&Visibility> {
        match self {
            Self::AddComment { visibility, .. } => Some(visibility),
            Self::CreateIssue { .. }
            | Self::RaiseRequest { .. }
            | Self::Complete { .. }
            | Self::Prove { .. }
            | Self::Attach { .. }
            | Self::ShowPictures { .. }
            | Self::Link { .. }
            | Self::Watch { .. }
            | Self::AddParticipants { .. }
            | Self::Reopen => None,
        }
    }

    /// What is uploaded.
    pub fn upload(&self) -> Option<Source> {
        if let Self::Attach { source, .. } = self { Some(*source) } else { None }
    }

    /// SHA-256 of a picture that is attached for the text to show it.
    pub fn picture(&self) -> Option<&str> {
        if let Self::Attach { picture, .. } = self { picture.as_deref() } else { None }
    }

    /// Who is to see a comment that it writes, or writes anew.
    pub fn shows_to(&self) -> Option<&Visibility> {
        if let Self::ShowPictures { place: TextPlace::Comment(visibility), .. } = self {
            return Some(visibility);
        }
        self.audience()
    }

    /// Whether it is about a comment, and undone when that is taken away.
    pub fn is_about_a_comment(&self) -> bool {
        matches!(self, Self::Prove { .. }) || self.shows_to().is_some()
    }

    /// The project that it concerns as a whole; what goes to an issue concerns that issue alone.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::CreateIssue { project, .. } | Self::RaiseRequest { project, .. } => Some(project),
            Self::Complete { .. }
            | Self::AddComment { .. }
            | Self::Prove { .. }
            | Self::Attach { .. }
            | Self::ShowPictures { .. }
            | Self::Link { .. }
            | Self::Watch { .. }
            | Self::AddParticipants { .. }
            | Self::Reopen => None,
        }
    }
}

/// What a write means to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It carries a part of the message.
    Message,
    /// It carries nothing of the message, and does something besides.
    Extra,
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
