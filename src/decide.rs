//! What to do with a message, and why. Pure: no clock, no store, no network.
//!
//! [`rules`] says which rule a message falls under, [`values`] what that rule puts into the issue.

use rules::{Seen, first_match};
use values::{Wanted, wanted};

use crate::config::MailboxSettings;
use crate::config::rule::{Rule, RuleAction, Visibility};
use crate::jira::IssueRef;
use crate::mail::{Classification, Mail, MessageId};

pub mod rules;
pub mod values;

/// What the store and Jira already know that bears on the decision, fetched first, so that deciding stays pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The issue that the message's thread belongs to; see [`thread_issue`].
    pub thread_issue: Option<IssueRef>,
    /// A person asked for the message although it would be ignored.
    pub released: bool,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What is to be done.
    pub action: Action,
    /// The rule that decided, if one did.
    pub rule: Option<String>,
    /// One sentence for the message's story.
    pub because: String,
}

/// What a message becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A new issue.
    Create {
        /// Project key.
        project: String,
        /// Issue type's name.
        issue_type: String,
        /// What a rule asks for besides.
        wanted: Box<Wanted>,
    },
    /// A comment on this issue.
    Comment {
        /// The issue.
        issue: IssueRef,
        /// Who sees it.
        visibility: Visibility,
    },
    /// Nothing.
    Ignore,
    /// Set aside for a person.
    Quarantine,
}

/// What a decision rests on besides the message.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// What the store and Jira know.
    pub facts: &'a Facts,
    /// The mailbox that the message came to.
    pub settings: &'a MailboxSettings,
    /// What the user says about some mail.
    pub rules: &'a [Rule],
    /// The message's bytes.
    pub size: u64,
}

/// Decides: what the mailbox ignores makes nothing; else the first rule that holds has the say; else a reply becomes a comment
/// on its thread's issue, and everything else a new issue.
pub fn decide(mail: &Mail, grounds: &Grounds<'_>) -> Decision {
    let settings = grounds.settings;
    let (classification, reasons) = mail.origin.as_seen_by(&settings.address);
    let seen = Seen { mail, mailbox: &settings.name, classification, size: grounds.size };
    let matched = first_match(grounds.rules, &seen);
    let named = matched.as_ref().is_some_and(|(rule, _)| rule.when.classification.contains(&classification));
    if settings.ignore.contains(&classification) && !named && !grounds.facts.released {
        let because = ignored_because(classification, reasons);
        return Decision { action: Action::Ignore, rule: None, because };
    }
    let Some((rule, groups)) = matched else {
        let (action, because) = by_thread(None, mail, grounds, Wanted::default());
        return Decision { action, rule: None, because };
    };
    let wanted = wanted(&rule.set, &seen, &groups);
    let (action, because) = by_rule(rule, mail, grounds, wanted);
    Decision { action, rule: Some(rule.name.clone()), because: format!("rule `{}`: {because}", rule.name) }
}

fn by_rule(rule: &Rule, mail: &Mail, grounds: &Grounds<'_>, wanted: Wanted) -> (Action, String) {
    match (rule.action, &grounds.facts.thread_issue) {
        (RuleAction::Auto, _) => by_thread(Some(rule), mail, grounds, wanted),
        (RuleAction::Create, _) => create(Some(rule), grounds, wanted, "a new issue".to_owned()),
        (RuleAction::Comment, Some(issue)) => comment(issue, wanted),
        (RuleAction::Comment, None) => (Action::Quarantine, "it comments only, and no issue is known".to_owned()),
        // A person who releases a message wants to see it in Jira, or to be asked by it again.
        (RuleAction::Ignore, _) if grounds.facts.released => by_thread(Some(rule), mail, grounds, wanted),
        (RuleAction::Ignore, _) => (Action::Ignore, "nothing is made of it".to_owned()),
        (RuleAction::Quarantine, _) if grounds.facts.released => by_thread(Some(rule), mail, grounds, wanted),
        (RuleAction::Quarantine, _) => (Action::Quarantine, "a person is to look at it".to_owned()),
    }
}

fn by_thread(rule: Option<&Rule>, mail: &Mail, grounds: &Grounds<'_>, wanted: Wanted) -> (Action, String) {
    match &grounds.facts.thread_issue {
        Some(issue) => comment(issue, wanted),
        None if mail.ancestors().is_empty() => {
            create(rule, grounds, wanted, "it answers no message: a new issue".to_owned())
        }
        None => create(rule, grounds, wanted, "it answers messages that led to no issue: a new issue".to_owned()),
    }
}

fn comment(issue: &IssueRef, wanted: Wanted) -> (Action, String) {
    let because = format!("its thread belongs to {issue}: a comment");
    (Action::Comment { issue: issue.clone(), visibility: wanted.visibility }, because)
}

/// The file's check has seen to it that a project and an issue type are always given; they may be gone with a rule since.
fn create(rule: Option<&Rule>, grounds: &Grounds<'_>, wanted: Wanted, because: String) -> (Action, String) {
    let settings = grounds.settings;
    let project = rule.and_then(|rule| rule.set.project.as_ref()).or(settings.project.as_ref());
    let issue_type = rule.and_then(|rule| rule.set.issue_type.as_ref()).or(settings.issue_type.as_ref());
    match (project, issue_type) {
        (Some(project), Some(issue_type)) => {
            let (project, issue_type) = (project.clone(), issue_type.clone());
            (Action::Create { project, issue_type, wanted: Box::new(wanted) }, because)
        }
        (None, _) | (_, None) => (Action::Quarantine, "no project and issue type are given for it".to_owned()),
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
