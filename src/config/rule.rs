//! `[[rule]]`: what the user says about some mail, as values. Whether a rule holds is asked in
//! [`decide`](mod@crate::decide).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::MailboxName;
use crate::mail::Classification;
use crate::template::Template;
pub use address::{AddressPattern, wildcard};
pub use pattern::{Pattern, Reach};

mod address;
mod pattern;

/// One rule. They are tried in order; the first whose conditions hold decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// For the message's story.
    pub name: String,
    /// Every one of these must hold.
    pub when: When,
    /// What is done.
    pub action: RuleAction,
    /// What the issue or comment is given.
    pub set: RuleValues,
}

impl Rule {
    /// Whether an issue may come of it.
    pub fn may_create(&self) -> bool {
        match self.action {
            RuleAction::Auto | RuleAction::Create => true,
            RuleAction::Comment | RuleAction::Ignore | RuleAction::Quarantine => false,
        }
    }
}

/// Conditions. An empty list is no condition; of a list, any one must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When {
    /// The mailbox that the message came to.
    pub mailbox: Vec<MailboxName>,
    /// An address of `From`.
    pub from: Vec<AddressPattern>,
    /// An address of `To`.
    pub to: Vec<AddressPattern>,
    /// An address of `Cc`.
    pub cc: Vec<AddressPattern>,
    /// An address of `To`, `Cc` or `Delivered-To`.
    pub recipient: Vec<AddressPattern>,
    /// The subject.
    pub subject: Vec<Pattern>,
    /// Header fields by name, in lower case.
    pub header: BTreeMap<String, Vec<Pattern>>,
    /// What the sender wrote, without quotes and signature.
    pub body: Vec<Pattern>,
    /// What kind of message it is.
    pub classification: Vec<Classification>,
    /// Whether it has attachments.
    pub has_attachments: Option<bool>,
    /// Bytes; the message is larger.
    pub size_over: Option<u64>,
}

impl When {
    /// Whether the rule looks at a mailbox's messages at all: where it names none, it looks at those of all.
    pub fn is_for(&self, mailbox: &MailboxName) -> bool {
        self.mailbox.is_empty() || self.mailbox.contains(mailbox)
    }
}

/// What a rule does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// A comment on a known thread, else a new issue.
    #[default]
    Auto,
    /// A new issue, even for a reply.
    Create,
    /// A comment; where no issue is known, a person decides.
    Comment,
    /// Nothing.
    Ignore,
    /// Set aside for a person.
    Quarantine,
}

/// What an issue or comment is given, as far as a rule says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleValues {
    /// Project key.
    pub project: Option<String>,
    /// Issue type's name.
    pub issue_type: Option<String>,
    /// Request type of Service Management, by name or id.
    pub request_type: Option<String>,
    /// The summary.
    pub summary: Option<Template>,
    /// Labels; Jira takes no spaces in them.
    pub labels: Vec<Template>,
    /// Priority's name.
    pub priority: Option<Template>,
    /// Components' names.
    pub components: Vec<Template>,
    /// Security level's name.
    pub security: Option<Template>,
    /// When it is due.
    pub due: Option<Due>,
    /// The key of the issue that it stands under.
    pub parent: Option<Template>,
    /// Who is to work on it.
    pub assignee: Option<Assignee>,
    /// Whom it is from.
    pub reporter: Reporter,
    /// The issues that it is linked to.
    pub links: Vec<LinkTemplate>,
    /// Any field by its id.
    pub fields: BTreeMap<String, FieldValue>,
    /// Who sees the comment.
    pub visibility: Visibility,
}

impl RuleValues {
    /// The fields, by their ids in Jira's API, that an issue gets when all goes well.
    pub fn filled(&self) -> impl Iterator<Item = &str> {
        let named = [
            ("labels", !self.labels.is_empty()),
            ("priority", self.priority.is_some()),
            ("components", !self.components.is_empty()),
            ("security", self.security.is_some()),
            ("duedate", self.due.is_some()),
            ("parent", self.parent.is_some()),
            ("assignee", self.assignee.is_some()),
        ];
        let named = named.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field);
        named.chain(self.fields.keys().map(String::as_str))
    }

    /// Those of them that a message may leave empty: their templates come to nothing where it lacks what they name.
    pub fn unsure(&self) -> impl Iterator<Item = &str> {
        let may_all = |field: &str| match field {
            "labels" => self.labels.iter().all(Template::may_be_empty),
            "components" => self.components.iter().all(Template::may_be_empty),
            "priority" => self.priority.as_ref().is_some_and(Template::may_be_empty),
            "security" => self.security.as_ref().is_some_and(Template::may_be_empty),
            "parent" => self.parent.as_ref().is_some_and(Template::may_be_empty),
            "duedate" => self.due.as_ref().is_some_and(Due::may_be_empty),
            field => self.fields.get(field).is_some_and(FieldValue::may_be_empty),
        };
        self.filled().filter(move |field| may_all(field))
    }
}

/// The type of a link that says no more than that there is one: every Jira has it from the start.
pub const RELATES: &str = "Relates";

/// One of `links`: the new issue is the one that, for the type `Blocks`, blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplate {
    /// The type's name.
    pub kind: String,
    /// The other issue's key.
    pub issue: Template,
}

/// `assignee`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignee {
    /// The first of `Cc` to whom Jira can assign an issue of the project.
    FirstCc,
    /// Who leads the project.
    ProjectLead,
    /// A user by name (Cloud: account id), or by mail address.
    Named(String),
}

/// `reporter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reporter {
    /// The sender.
    Sender,
    /// The mailbox's `default_reporter`.
    #[default]
    Default,
}

/// `due`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A number of days after the message.
    Days(i64),
    /// A date as `2026-11-21`.
    Date(Template),
}

impl Due {
    fn may_be_empty(&self) -> bool {
        match self {
            Self::Days(_) => false,
            Self::Date(template) => template.may_be_empty(),
        }
    }
}

/// `visibility` of a comment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Whoever sees the issue.
    #[default]
    Public,
    /// Agents of a service project, not its customers.
    Internal,
    /// A project role.
    Role(String),
    /// A group.
    Group(String),
}

/// The value of a field: text in it is a template, at any depth.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// Text.
    Text(Template),
    /// A number, truth value or null, as it is.
    Plain(serde_json::Value),
    /// A list.
    List(Vec<FieldValue>),
    /// An object.
    Table(BTreeMap<String, FieldValue>),
}

impl FieldValue {
    fn may_be_empty(&self) -> bool {
        match self {
            Self::Text(template) => template.may_be_empty(),
            Self::Plain(value) => value.is_null(),
            Self::List(list) => list.iter().all(Self::may_be_empty),
            Self::Table(table) => table.values().all(Self::may_be_empty),
        }
    }
}
