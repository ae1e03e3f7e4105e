//! What to do with a message, and why. Pure: no clock, no store, no network.

use crate::jira::IssueRef;

/// What the store and Jira already know that bears on the decision, fetched first, so that deciding stays pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The issue that the message's thread belongs to.
    pub thread_issue: Option<IssueRef>,
    /// That issue is known to be gone (404): what would be a comment becomes a create.
    pub thread_issue_gone: bool,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is to be done.
    pub action: Action,
    /// The rule that decided, if one did.
    pub rule: Option<String>,
    /// One sentence for the message's story.
    pub because: String,
}

/// What a message becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new issue.
    Create {
        /// Project key.
        project: String,
        /// Issue type's name.
        issue_type: String,
    },
    /// A comment on this issue.
    Comment {
        /// The issue.
        issue: IssueRef,
    },
    /// Nothing.
    Ignore,
    /// Set aside for a person.
    Quarantine,
}
