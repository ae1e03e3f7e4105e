//! What the user writes under `[[rule]]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::rule::{Reporter, RuleAction};
use crate::mail::Classification;

/// `[[rule]]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    /// What the rule is called, in stories and in `preview`. Required.
    pub name: Option<String>,
    /// The conditions: all of them must hold. None: the rule always holds.
    pub when: Option<WhenTable>,
    /// What is done. Default: `auto`.
    pub action: Option<RuleAction>,
    /// Project key. Default: the mailbox's.
    pub project: Option<String>,
    /// Issue type's name. Default: the mailbox's.
    pub issue_type: Option<String>,
    /// A request type of Service Management, by name or id: issues are requests. Default: the mailbox's, if it has one.
    pub request_type: Option<String>,
    /// The summary, a template. Default: the subject.
    pub summary: Option<String>,
    /// Labels, templates.
    pub labels: Option<Vec<String>>,
    /// Priority's name, a template.
    pub priority: Option<String>,
    /// Components' names, templates.
    pub components: Option<Vec<String>>,
    /// Security level's name, a template.
    pub security: Option<String>,
    /// Days after the message as `7d`, or a date, a template.
    pub due: Option<String>,
    /// The key of the issue that it stands under, a template.
    pub parent: Option<String>,
    /// Who is to work on it: `first-cc`, `project-lead`, an account id (Data Center: a user name), or a mail address.
    pub assignee: Option<String>,
    /// Whom it is from: `sender` where it is proved who that is, else the mailbox's `default_reporter`. Default: `default`.
    pub reporter: Option<Reporter>,
    /// Issues that it is linked to: a key, a template, for a link of the type `Relates`, or `{ type = "Blocks", issue = "OPS-1" }`.
    pub links: Option<Vec<LinkEntry>>,
    /// Any field by its id in Jira's API; text at any depth is a template.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub fields: Option<BTreeMap<String, toml::Value>>,
    /// Who sees a comment: `public`, `internal`, `role:NAME` or `group:NAME`. Default: `public`.
    pub visibility: Option<String>,
}

/// `when`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenTable {
    /// Mailboxes by name.
    pub mailbox: Option<OneOrMany>,
    /// Patterns over the addresses of `From`: `ann@example.com`, `*@example.com`, or `example.com` with all below it.
    pub from: Option<OneOrMany>,
    /// The same over `To`.
    pub to: Option<OneOrMany>,
    /// The same over `Cc`.
    pub cc: Option<OneOrMany>,
    /// The same over `To`, `Cc` and `Delivered-To`.
    pub recipient: Option<OneOrMany>,
    /// Regular expressions over the subject.
    pub subject: Option<OneOrMany>,
    /// Regular expressions over header fields, by name.
    pub header: Option<BTreeMap<String, OneOrMany>>,
    /// Regular expressions over what the sender wrote.
    pub body: Option<OneOrMany>,
    /// Kinds of message.
    #[schemars(with = "Option<ClassificationNames>")]
    pub classification: Option<OneOrMany>,
    /// Whether there are attachments.
    pub has_attachments: Option<bool>,
    /// The message is larger than this size.
    pub size_over: Option<String>,
}

/// A text, or a list of texts of which any may hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any of them.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// One kind of message, or a list of them; for the schema, which knows the words.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "which words there are is checked one by one, so that the wrong one is named")]
enum ClassificationNames {
    /// One.
    One(Classification),
    /// Any of them.
    Many(Vec<Classification>),
}

/// One of `links`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LinkEntry {
    /// A link of the type `Relates` to this issue.
    Related(String),
    /// A link of another type.
    Typed(LinkTable),
}

/// A link with its type
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkTable {
    /// The type's name. With `Blocks` it is the new issue that blocks.
    #[serde(rename = "type")]
    pub kind: String,
    /// The other issue's key, a template.
    pub issue: String,
}
