//! Which Jira it is, and how it behaves where real ones differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use crate::jira::log::LogBodies;

/// Which Jira it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Cloud: REST v3 at the root of its site.
    Cloud,
    /// Data Center: REST v2 below the context path `/jira`.
    DataCenter,
}

impl Product {
    /// What stands before every path.
    pub fn context(self) -> &'static str {
        match self {
            Self::Cloud => "",
            Self::DataCenter => "/jira",
        }
    }

    /// Where the REST API is, below the context path.
    pub fn api(self) -> &'static str {
        match self {
            Self::Cloud => "/rest/api/3",
            Self::DataCenter => "/rest/api/2",
        }
    }
}

/// Which Data Center it is: the releases with long-term support.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
pub enum Release {
    /// 10.3.
    #[default]
    #[serde(rename = "10.3")]
    #[value(name = "10.3")]
    Jira10,
    /// 11.3: it takes no passwords.
    #[serde(rename = "11.3")]
    #[value(name = "11.3")]
    Jira11,
}

impl Release {
    /// Its version, in words and in numbers.
    pub fn version(self) -> (&'static str, [u32; 3]) {
        match self {
            Self::Jira10 => ("10.3.12", [10, 3, 12]),
            Self::Jira11 => ("11.3.1", [11, 3, 1]),
        }
    }
}

/// Whether a create call's properties are kept, which is told not to be so everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentProperties {
    /// They are kept.
    Kept,
    /// They are taken without a word, and dropped.
    Dropped,
}

/// What is done to a caller whose credentials are no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// 401.
    Refused,
    /// Answered as anonymous, as Data Center does to a bad Bearer.
    Anonymous,
}

/// Where and how API tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiTokens {
    /// At the site.
    Everyday,
    /// At the gateway alone: they are scoped.
    Scoped,
    /// The same, and as Bearer alone: they are a service account's.
    ScopedBearer,
}

/// What can be changed while Jira runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which Data Center it is, where it is one.
    pub release: Release,
    /// What becomes of properties that come with an issue or a comment.
    pub sent_properties: SentProperties,
    /// Where and how API tokens are taken.
    pub api_tokens: ApiTokens,
    /// Whether a refused signature of an application link comes without a word about why.
    pub silent_link: bool,
    /// What is done to who cannot sign in.
    pub strangers: Strangers,
    /// Data Center's budget of requests, told in the headers of every answer: the bucket, and what comes back a second.
    pub budget: Option<(u64, u64)>,
    /// An issue younger than this is not found by search.
    pub search_lag: Duration,
    /// The largest attachment in bytes.
    pub upload_limit: u64,
    /// Redirects to another host before a file's content is where it is.
    pub media_hops: u32,
    /// What [`TEXT_LIMIT`](super::TEXT_LIMIT) counts, which Atlassian does not say.
    pub counted: Counted,
    /// Whether the comment list shows properties, which Atlassian does not promise.
    pub comment_properties: CommentProperties,
    /// Whether who a comment is for is heeded, which nobody promises of a property.
    pub discretion: Discretion,
    /// What a workflow offers for a finished issue.
    pub workflow: Workflow,
    /// Addresses of people to whom no issue can be assigned.
    pub unassignable: BTreeSet<String>,
    /// Permission keys that nobody has, such as `ADD_COMMENTS`.
    pub denied: BTreeSet<String>,
    /// Issues, and projects, that take no comments any more, by their keys.
    pub shelved: BTreeMap<String, Shelf>,
    /// Whether the log keeps bodies.
    pub log_bodies: LogBodies,
}

/// Why one issue takes no comments, or none of a project does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// It is archived, of which its permissions tell nothing.
    Archived,
    /// Its status, or who is on it, forbids it.
    Quiet,
    /// Its level of security hides it from us.
    Hidden,
}

/// What becomes of the audience of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discretion {
    /// It is heeded.
    Kept,
    /// It is taken without a word, and the comment is shown to all.
    Overlooked,
}

/// What can be done with a finished issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workflow {
    /// It can be moved to every other status; the first way on offer asks for a field, and refuses without it.
    Open,
    /// It stays finished.
    Final,
}

/// What a text's length is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The characters that people see.
    Text,
    /// The ADF document as JSON.
    Json,
}

/// Whether `GET …/comment?expand=properties`, of a list or of one, does as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentProperties {
    /// It shows them.
    Listed,
    /// It leaves them out; `POST /comment/list` still shows them, and each can be asked for.
    NotListed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            release: Release::default(),
            sent_properties: SentProperties::Kept,
            api_tokens: ApiTokens::Everyday,
            silent_link: false,
            strangers: Strangers::Refused,
            budget: None,
            search_lag: Duration::ZERO,
            upload_limit: 1 << 30,
            media_hops: 0,
            counted: Counted::Text,
            comment_properties: CommentProperties::Listed,
            discretion: Discretion::Kept,
            workflow: Workflow::Open,
            unassignable: BTreeSet::new(),
            denied: BTreeSet::new(),
            shelved: BTreeMap::new(),
            log_bodies: LogBodies::Off,
        }
    }
}
