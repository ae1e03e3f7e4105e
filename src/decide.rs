//! What to do with a message, and why. Pure: no clock, no store, no network.
//!
//! [`rules`] says which rule a message falls under, [`values`] what that rule puts into the issue, [`thread`] which issue its
//! thread belongs to, [`claim`] which issue it says itself that it belongs to, and [`follow`] what becomes of it where that issue
//! takes nothing any more. [`covered`] finds rules that can never decide anything.

use serde::Serialize;

use claim::{Claimed, Standing, Tie};
use follow::{Followed, Unfit};
use rules::{Seen, first_match};
use senders::{Traffic, refused, too_many};
use values::{Wanted, wanted};

use crate::config::rule::{Rule, RuleAction, Visibility};
use crate::config::{MailboxSettings, Strangers};
use crate::jira::IssueRef;
use crate::mail::{Classification, Mail};
pub use thread::{Candidate, Kinship, thread_issue};

/// Messages of one sender that one issue takes in an hour: one a minute. No person writes so many; two machines that answer one
/// another would fill the issue.
const MOST_PER_HOUR: usize = 60;
/// Messages of one sender that one issue takes in an hour, where machines send them by themselves as answers and a rule
/// lets them through: those are what loops are made of.
const MOST_ANSWERS_PER_HOUR: usize = 5;

pub mod claim;
pub mod covered;
pub mod follow;
pub mod rules;
pub mod senders;
pub mod thread;
pub mod values;

/// What the store and Jira already know that bears on the decision, fetched first, so that deciding stays pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The issue that the message's thread belongs to; see [`thread_issue`].
    pub thread_issue: Option<IssueRef>,
    /// Where that leads to none, the issue that the message names itself.
    pub claimed: Option<Claimed>,
    /// What has become of the issue that it belongs to.
    pub condition: Condition,
    /// The issue that it would belong to, if that still took anything.
    pub follows: Option<Followed>,
    /// How many messages of the same sender went to that issue in the hour before.
    pub recent: usize,
    /// What else has come within the hour, as far as it is limited.
    pub traffic: Traffic,
    /// A person asked for the message although it would be ignored.
    pub released: bool,
}

/// What has become of an issue that takes comments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Condition {
    /// There is work left on it, or nothing is to be done about it.
    #[default]
    Open,
    /// The issue is finished, and is to be moved back to work.
    Finished,
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
    /// A comment on an issue.
    Comment {
        /// The issue.
        issue: IssueRef,
        /// Who sees it.
        visibility: Visibility,
        /// What is done to the issue then.
        afterwards: Afterwards,
    },
    /// Nothing is made of the message.
    Ignore,
    /// The message is set aside for a person.
    Quarantine,
}

/// What a message becomes, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// See [`Action::Create`].
    Create,
    /// See [`Action::Comment`].
    Comment,
    /// See [`Action::Ignore`].
    Ignore,
    /// See [`Action::Quarantine`].
    Quarantine,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Create, Self::Comment, Self::Ignore, Self::Quarantine];

    /// The word for it, in the ledger and to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Comment => "comment",
            Self::Ignore => "ignore",
            Self::Quarantine => "quarantine",
        }
    }
}

impl Action {
    /// Which kind of action it is.
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Create { .. } => ActionKind::Create,
            Self::Comment { .. } => ActionKind::Comment,
            Self::Ignore => ActionKind::Ignore,
            Self::Quarantine => ActionKind::Quarantine,
        }
    }
}

/// What is done to an issue after a comment on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Nothing is done to the issue.
    Nothing,
    /// The issue is moved from its finished status back to work.
    Reopen,
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

/// Decides: what the mailbox ignores makes nothing; else the first rule that holds has the say; else what belongs to
/// an issue becomes a comment on it, and everything else a new issue.
pub fn decide(mail: &Mail, grounds: &Grounds<'_>) -> Decision {
    let settings = grounds.settings;
    if let Some(because) = refused(&mail.from, &settings.senders).filter(|_| !grounds.facts.released) {
        return Decision { action: Action::Ignore, rule: None, because };
    }
    let (classification, reasons) = mail.origin.as_seen_by(&settings.address);
    let seen = Seen { mail, mailbox: &settings.name, classification, size: grounds.size };
    let matched = first_match(grounds.rules, &seen);
    let named = matched.as_ref().is_some_and(|(rule, _)| rule.when.classification.contains(&classification));
    if settings.ignore.contains(&classification) && !named && !grounds.facts.released {
        let because = ignored_because(classification, reasons);
        return Decision { action: Action::Ignore, rule: None, because };
    }
    let Some((rule, groups)) = matched else {
        let (action, because) = by_issue(None, mail, grounds, Wanted::default());
        return held(Decision { action, rule: None, because }, classification, grounds);
    };
    let wanted = wanted(&rule.set, &seen, &groups);
    let (action, because) = by_rule(rule, mail, grounds, wanted);
    let because = format!("rule `{}`: {because}", rule.name);
    held(Decision { action, rule: Some(rule.name.clone()), because }, classification, grounds)
}

/// Holds what comes too fast for a person to have sent it, or faster than is allowed. A person may release it.
fn held(decision: Decision, classification: Classification, grounds: &Grounds<'_>) -> Decision {
    let facts = grounds.facts;
    if facts.released || !matches!(decision.action, Action::Create { .. } | Action::Comment { .. }) {
        return decision;
    }
    let is_comment = matches!(decision.action, Action::Comment { .. });
    let to_issue = if is_comment { facts.traffic.to_issue } else { 0 };
    let traffic = Traffic { to_issue, ..facts.traffic };
    if let Some(because) = too_many(traffic, &grounds.settings.senders) {
        return Decision { action: Action::Quarantine, because, ..decision };
    }
    match &decision.action {
        Action::Comment { issue, .. } if facts.recent >= most_per_hour(classification) => {
            let recent = facts.recent;
            let because = format!("its sender has sent {recent} messages to {issue} within an hour: it may be a loop");
            Decision { action: Action::Quarantine, because, ..decision }
        }
        Action::Comment { .. } | Action::Create { .. } | Action::Ignore | Action::Quarantine => decision,
    }
}

const fn most_per_hour(classification: Classification) -> usize {
    match classification {
        Classification::Bounce
        | Classification::AutoReply
        | Classification::FeedbackReport
        | Classification::ReadReceipt
        | Classification::Loop => MOST_ANSWERS_PER_HOUR,
        Classification::New
        | Classification::Reply
        | Classification::Forward
        | Classification::AutoGenerated
        | Classification::Bulk => MOST_PER_HOUR,
    }
}

fn by_rule(rule: &Rule, mail: &Mail, grounds: &Grounds<'_>, wanted: Wanted) -> (Action, String) {
    let released = grounds.facts.released;
    match rule.action {
        RuleAction::Auto => by_issue(Some(rule), mail, grounds, wanted),
        RuleAction::Create => create(Some(rule), grounds, wanted, "a new issue".to_owned()),
        // A person who releases a message wants to see it in Jira.
        RuleAction::Comment | RuleAction::Ignore | RuleAction::Quarantine if released => {
            by_issue(Some(rule), mail, grounds, wanted)
        }
        RuleAction::Comment => comment_only(grounds, wanted),
        RuleAction::Ignore => (Action::Ignore, "nothing is made of it".to_owned()),
        RuleAction::Quarantine => (Action::Quarantine, "a person is to look at it".to_owned()),
    }
}

fn comment_only(grounds: &Grounds<'_>, wanted: Wanted) -> (Action, String) {
    let quarantine = |why: &str| (Action::Quarantine, format!("it comments only, and {why}"));
    match belongs(grounds) {
        Belongs::To(issue, because) => comment(issue, grounds, wanted, because),
        Belongs::Unproven(issue) => match grounds.settings.replies.strangers {
            Strangers::Comment => comment(issue, grounds, wanted, unproven(issue)),
            Strangers::Ignore => (Action::Ignore, unproven(issue)),
            Strangers::NewIssue => quarantine(&unproven(issue)),
        },
        Belongs::After(followed) => quarantine(&followed.in_words()),
        Belongs::Nowhere => quarantine("no issue is known"),
    }
}

fn unproven(issue: &IssueRef) -> String {
    format!("its subject names {issue}, and its sender is not known to be on that")
}

fn by_issue(rule: Option<&Rule>, mail: &Mail, grounds: &Grounds<'_>, mut wanted: Wanted) -> (Action, String) {
    let because = match belongs(grounds) {
        Belongs::To(issue, because) => return comment(issue, grounds, wanted, because),
        Belongs::After(followed) => {
            let because = followed.in_words();
            // A new issue is for all: what is for some stays with the issue that it is about, where that takes it.
            if wanted.visibility != Visibility::Public && followed.why == Unfit::Closed {
                return comment(&followed.issue, grounds, wanted, because);
            }
            wanted.links.extend(followed.link());
            wanted.follows = Some(followed.clone());
            because
        }
        Belongs::Unproven(issue) => {
            let because = unproven(issue);
            match grounds.settings.replies.strangers {
                Strangers::Comment => return comment(issue, grounds, wanted, because),
                Strangers::Ignore if !grounds.facts.released => return (Action::Ignore, because),
                Strangers::Ignore | Strangers::NewIssue => because,
            }
        }
        Belongs::Nowhere if mail.ancestors().is_empty() => "it answers no message".to_owned(),
        Belongs::Nowhere => "it answers messages that led to no issue".to_owned(),
    };
    create(rule, grounds, wanted, format!("{because}: a new issue"))
}

/// The issue that a message belongs to.
enum Belongs<'f> {
    /// To this one, and why.
    To(&'f IssueRef, String),
    /// The message says so, and nothing stands behind that.
    Unproven(&'f IssueRef),
    /// To one that takes nothing any more.
    After(&'f Followed),
    /// To none that is known.
    Nowhere,
}

fn belongs<'f>(grounds: &Grounds<'f>) -> Belongs<'f> {
    if let (None, Some(followed)) = (&grounds.facts.thread_issue, &grounds.facts.follows) {
        return Belongs::After(followed);
    }
    match (&grounds.facts.thread_issue, &grounds.facts.claimed) {
        (Some(issue), _) => Belongs::To(issue, format!("its thread belongs to {issue}")),
        (None, Some(Claimed { issue, tie: Tie::AddressTag })) => {
            Belongs::To(issue, format!("it was sent to the address of {issue}"))
        }
        (None, Some(Claimed { issue, tie: Tie::SubjectKey(Standing::OnIssue) })) => {
            Belongs::To(issue, format!("its subject names {issue}, and its sender is on that"))
        }
        (None, Some(Claimed { issue, tie: Tie::SubjectKey(Standing::Unproven) })) => Belongs::Unproven(issue),
        (None, None) => Belongs::Nowhere,
    }
}

fn comment(issue: &IssueRef, grounds: &Grounds<'_>, wanted: Wanted, because: String) -> (Action, String) {
    let (afterwards, because) = match grounds.facts.condition {
        Condition::Open => (Afterwards::Nothing, format!("{because}: a comment")),
        Condition::Finished => (Afterwards::Reopen, format!("{because}: a comment, and the issue is reopened")),
    };
    (Action::Comment { issue: issue.clone(), visibility: wanted.visibility, afterwards }, because)
}

/// The file's check has seen to it that a project and an issue type are always given; they may be gone with a rule since.
fn create(rule: Option<&Rule>, grounds: &Grounds<'_>, mut wanted: Wanted, because: String) -> (Action, String) {
    let settings = grounds.settings;
    wanted.request_type = wanted.request_type.or_else(|| settings.requests.kind.clone());
    let project = rule.and_then(|rule| rule.set.project.as_ref()).or(settings.project.as_ref());
    let issue_type = rule.and_then(|rule| rule.set.issue_type.as_ref()).or(settings.issue_type.as_ref());
    let issue_type = issue_type.or(wanted.request_type.as_ref()); // which says what type its issues are
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
