//! What the user writes under `[mailbox.NAME]`, and under `[senders]`, which holds for all mailboxes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretTable;
use crate::config::{AttachOriginal, CopiedPeople, Customers, Mechanism, Protocol, RemovedText, Strangers, TlsMode};
use crate::mail::Classification;

/// `[mailbox.NAME]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxTable {
    /// The mailbox's address. Required.
    pub address: Option<String>,
    /// Who consents, where that is not `address` (shared mailboxes). Default: `address`.
    pub login: Option<String>,
    /// Under which name the receiving server writes `Authentication-Results`.
    pub authserv_id: Option<String>,
    /// The OAuth provider's name; either this or `[mailbox.NAME.password]`.
    pub provider: Option<String>,
    /// For a server without OAuth.
    pub password: Option<PasswordTable>,
    /// How mail is fetched. Default: `imap`.
    pub protocol: Option<Protocol>,
    /// The server's name. Required, unless the provider's is well known.
    pub host: Option<String>,
    /// TCP port. Default: 993, or 143 without implicit TLS; with POP3 995 and 110.
    pub port: Option<i64>,
    /// How the connection is protected. Default: `implicit`.
    pub tls: Option<TlsMode>,
    /// An extra root certificate, a PEM file.
    pub ca_file: Option<String>,
    /// The SASL mechanism. Default: `auto`.
    pub mechanism: Option<Mechanism>,
    /// The folders to watch, with IMAP. Default: `["INBOX"]`.
    pub folders: Option<Vec<String>>,
    /// `now`, `all` or a date: mail older than this is left alone. Default: `now`.
    pub start: Option<StartValue>,
    /// How often to look where the server does not push, as a duration. Default: `60s`.
    pub poll: Option<String>,
    /// How much is fetched in a day (UTC) at most, as a size. Default: Gmail's own limits, else none.
    pub daily_bytes: Option<String>,
    /// What is done to a message that is in Jira. Default: `seen`; with POP3 `keep`, and else only `delete`.
    pub after: Option<AfterName>,
    /// What is done to a message that could not be brought into Jira whole. Default: `keep`.
    pub after_failure: Option<AfterFailureName>,
    /// Kinds of message that make nothing in Jira. Default: `["auto_reply", "bounce", "bulk", "feedback_report", "read_receipt", "loop"]`.
    pub ignore: Option<Vec<Classification>>,
    /// When the message itself is attached as `.eml`. Default: `auto`.
    pub attach_original: Option<AttachOriginal>,
    /// Where quoted text and signatures go. Default: `collapsed`.
    pub removed_text: Option<RemovedText>,
    /// The key of the project that issues are made in. Required.
    pub project: Option<String>,
    /// The issue type's name. Required.
    pub issue_type: Option<String>,
    /// What becomes of mail that names an issue.
    pub replies: Option<RepliesTable>,
    /// Whom issues are from whose sender is not named as the reporter: an account id (Data Center: a user name), or a mail address. Default: the account that mail2jira writes as.
    pub default_reporter: Option<String>,
    /// What becomes of the people in `Cc`. Default: `nobody`.
    pub cc: Option<CopiedPeople>,
    /// Values for fields, by their ids in Jira's API, that Jira requires and nothing else gives.
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub defaults: Option<BTreeMap<String, toml::Value>>,
    /// Whose mail is taken: who is blocked here is blocked beside those of `[senders]`, the rest stands in place of what is said there.
    pub senders: Option<SendersTable>,
    /// Issues are requests of Service Management.
    pub requests: Option<RequestsTable>,
    /// Which attachments come along.
    pub attachments: Option<AttachmentsTable>,
}

/// `[senders]` and `[mailbox.NAME.senders]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendersTable {
    /// Patterns over addresses, as in `when.from`: of all others nothing is made. Default: everybody is allowed.
    pub allow: Option<Vec<String>>,
    /// Patterns of those of whom nothing is made. Default: nobody.
    pub block: Option<Vec<String>>,
    /// How many messages of one sender go to Jira within an hour; what is more is set aside. Default: as many as there are.
    pub per_hour: Option<i64>,
    /// How many messages go to one issue within an hour; what is more is set aside. Default: as many as there are.
    pub per_issue: Option<i64>,
}

/// `[mailbox.NAME.requests]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestsTable {
    /// The request type, by name or id. Left out: only issues of rules with a `request_type` are requests.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whom requests are raised for. Default: `known`.
    pub customers: Option<Customers>,
}

/// `[mailbox.NAME.password]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordTable {
    /// The user name. Required.
    pub username: Option<String>,
    /// The password. Required.
    pub secret: Option<SecretTable>,
}

/// `[mailbox.NAME.replies]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepliesTable {
    /// Whether a reply moves a finished issue back to work. Where no transition leads there, the reply becomes an issue of its own that is linked to it. Default: `true`.
    pub reopen: Option<bool>,
    /// What becomes of a message whose subject alone names an issue, and whose sender is not known to be on it. Default: `new-issue`.
    pub strangers: Option<Strangers>,
}

/// `[mailbox.NAME.attachments]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentsTable {
    /// The largest file that is attached, as a size; and never more than Jira's own limit. Default: `25MiB`.
    pub max_size: Option<String>,
    /// Files left out on purpose: `*.p7s`, `image/*`, `image/* < 4KiB`. Default: none.
    pub skip: Option<Vec<String>>,
}

/// `start`: a word, or a date with or without quotes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(with = "String")] // JSON has no dates
pub enum StartValue {
    /// `now`, `all`, or a date as text.
    Text(String),
    /// A date.
    Date(toml::value::Datetime),
}

/// `after`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AfterName {
    /// Leave it as it is.
    Keep,
    /// Mark it as read.
    Seen,
    /// Delete it.
    Delete,
    /// Move it to this folder.
    Move(String),
}

/// `after_failure`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AfterFailureName {
    /// Leave it as it is.
    Keep,
    /// Move it to this folder.
    Move(String),
}
