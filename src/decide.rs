//! What to do with a message, and why. Pure: no clock, no store, no network.
//!
//! Three answers so far: nothing, for the kinds of mail that the mailbox ignores; a comment, where the thread has an issue;
//! else a new issue. Rules that a user writes will be asked first, in [`decide`]; none exist yet.

use crate::config::MailboxSettings;
use crate::jira::IssueRef;
use crate::mail::{Classification, Mail, MessageId};

/// What the store and Jira already know that bears on the decision, fetched first, so that deciding stays pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The issue that the message's thread belongs to; see [`thread_issue`].
    pub thread_issue: Option<IssueRef>,
    /// A person asked for the message although it would be ignored.
    pub released: bool,
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

/// Decides.
pub fn decide(mail: &Mail, facts: &Facts, settings: &MailboxSettings) -> Decision {
    let without_rule = |action, because| Decision { action, rule: None, because };
    let (classification, reasons) = mail.origin.as_seen_by(&settings.address);
    if settings.ignore.contains(&classification) && !facts.released {
        return without_rule(Action::Ignore, ignored_because(classification, reasons));
    }
    let create = Action::Create { project: settings.project.clone(), issue_type: settings.issue_type.clone() };
    match &facts.thread_issue {
        Some(issue) => {
            let because = format!("its thread belongs to {issue}: a comment");
            without_rule(Action::Comment { issue: issue.clone() }, because)
        }
        None if mail.ancestors().is_empty() => without_rule(create, "it answers no message: a new issue".to_owned()),
        None => without_rule(create, "it answers messages that led to no issue: a new issue".to_owned()),
    }
}

fn ignored_because(classification: Classification, reasons: &[String]) -> String {
    let kind = classification.as_str();
    match reasons {
        [] => format!("the mailbox ignores `{kind}`"),
        reasons => format!("the mailbox ignores `{kind}`: {}", reasons.join("; ")),
    }
}

/// A message of the same thread in the ledger that went to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its `Message-ID`.
    pub message_id: Option<MessageId>,
    /// Where it went.
    pub issue: IssueRef,
    /// Which mailbox it came through.
    pub mailbox: Kinship,
    /// Later ones have greater numbers.
    pub order: u64,
}

/// Whether two messages came through the same mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinship {
    /// Through different ones.
    Other,
    /// Through the same.
    Same,
}

/// The issue that a message's thread belongs to: that of the nearest ancestor which led to one; else, since siblings of one
/// conversation belong together although nobody has seen what they answer, the latest of the thread in the same mailbox.
/// Where a copy of an ancestor came through several mailboxes, or again after its issue was gone, the same mailbox counts
/// first, and then the latest. `ancestors` as [`Mail::ancestors`] gives them.
pub fn thread_issue<'c>(ancestors: &[&MessageId], candidates: &'c [Candidate]) -> Option<&'c IssueRef> {
    let best = |ancestor: &&MessageId| {
        let copies = candidates.iter().filter(|candidate| candidate.message_id.as_ref() == Some(*ancestor));
        copies.max_by_key(|candidate| (candidate.mailbox, candidate.order))
    };
    let sibling = || {
        let siblings = candidates.iter().filter(|candidate| candidate.mailbox == Kinship::Same);
        siblings.max_by_key(|candidate| candidate.order)
    };
    ancestors.iter().find_map(best).or_else(sibling).map(|candidate| &candidate.issue)
}
