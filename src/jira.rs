//! Jira: what is to be written ([`plan`], [`document`]; pure), and writing it ([`client`]).

use std::fmt;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Verdict;
pub use payload::Payload;
use plan::{Step, Write};

pub mod auth;
pub mod client;
pub mod document;
pub mod json;
pub mod payload;
pub mod plan;

/// What kind of Jira it is, and with it its API, its markup and how it names people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// REST v3, rich text as Atlassian Documents, people by account id.
    Cloud,
    /// REST v2, rich text as wiki markup, people by user name.
    DataCenter,
}

impl Flavour {
    /// The word for it in the configuration and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::DataCenter => "data-center",
        }
    }
}

/// An issue by both its names: the id never changes, the key does when the issue is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRef {
    /// Numeric id, as text.
    pub id: String,
    /// `OPS-123`; empty while only the id is known.
    pub key: String,
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.key.is_empty() { &self.id } else { &self.key })
    }
}

/// What Jira said was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// An issue.
    Issue(IssueRef),
    /// A comment, by its id.
    Comment(String),
    /// An attachment, by its id.
    Attachment(String),
}

/// An issue as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingIssue {
    /// By its current key: issues are moved.
    pub issue: IssueRef,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The files that it has.
    pub attachments: Vec<ExistingAttachment>,
}

/// What kind of value a field takes, as Jira's create metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSchema {
    /// `string`, `array`, `option`, `user` and so on.
    pub kind: String,
    /// What a list is of; empty where it is none.
    pub items: String,
    /// The type of a custom field; empty for a system field.
    pub custom: String,
}

/// A file that an issue already has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingAttachment {
    /// Attachment id.
    pub id: String,
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// The seam between the pipeline and Jira. [`client::Client`] speaks to a real one; the simulation is the other implementation.
pub trait Jira: Send + Sync {
    /// Does one write. `content` is what an [`Write::Attach`] uploads; `issue` is where comments and attachments go.
    fn apply<'a>(
        &'a self,
        step: &'a Step,
        issue: Option<&'a IssueRef>,
        content: Option<Payload>,
    ) -> BoxFuture<'a, Result<Written, JiraError>>;

    /// Looks for what `step` may have written at `sent_at`. `None` means that it is not there to be seen, no more than that.
    /// `claimed` are attachment ids that other steps own.
    fn look_up<'a>(
        &'a self,
        step: &'a Step,
        issue: Option<&'a IssueRef>,
        sent_at: Timestamp,
        claimed: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Written>, JiraError>>;

    /// What an issue is now, or `None` when there is no such issue (or none that may be seen).
    fn issue<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Option<ExistingIssue>, JiraError>>;

    /// The addresses of those who are on an issue (who reported it, works on it, watches it, takes part in it), as far as Jira
    /// shows them to us.
    fn involved<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Vec<String>, JiraError>>;

    /// What kind of Jira it is. Asked once.
    fn flavour(&self) -> BoxFuture<'_, Result<Flavour, JiraError>>;

    /// The same, where it is known already.
    fn known_flavour(&self) -> Option<Flavour>;

    /// The largest file that Jira takes, in bytes; `None` when attachments are switched off.
    fn upload_limit(&self) -> BoxFuture<'_, Result<Option<u64>, JiraError>>;

    /// Moves an issue to a finished status. One that is finished, or gone, is left as it is; one that no transition leads on
    /// from stays open, and that is logged.
    fn finish<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<(), JiraError>>;

    /// Whether Jira answers and knows us; used to leave a halt and for health.
    fn reach(&self) -> BoxFuture<'_, Result<(), JiraError>>;
}

/// Why a call to Jira came to nothing, or to nobody knows what.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct JiraError {
    /// What it means for the message at hand.
    pub verdict: Verdict,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What was attempted and what came back, for people; holds no secret and no HTML.
    pub message: String,
    /// Messages by field, from a 400.
    pub fields: Vec<(String, String)>,
}

impl JiraError {
    /// What the failure means.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The issue that a comment or attachment was meant for is not there, by Jira's own word. A 404 of somebody else (a proxy,
    /// a wrong address) has another verdict and proves nothing.
    pub fn issue_is_gone(&self, write: &Write) -> bool {
        let said_by_jira = self.status == Some(404) && self.verdict == Verdict::Quarantine;
        said_by_jira && !matches!(write, Write::CreateIssue { .. })
    }
}
