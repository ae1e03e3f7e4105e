//! What the user writes: the tables of the config file, key by key, and nothing of what they mean.
//!
//! Where a key takes one of some words, and they mean what they say, the type is the program's own; all else is turned into the
//! program's types by `meaning`. Every key is optional here: what is missing is a question of meaning, asked in
//! `meaning`, so that one run reports every fault. Places are not kept in these types; `document` finds them again by
//! their path.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Deployment;
use crate::text::without_controls;

pub use document::KeyPath;
pub use jira_auth::{
    ApiTokenTable, BasicTable, JiraAuthTable, OAuth1Table, OAuth2Table, PatTable, ServiceAccountTable,
};
pub use mailbox::{
    AfterFailureName, AfterName, AttachmentsTable, MailboxTable, PasswordTable, RepliesTable, RequestsTable,
    SendersTable, StartValue,
};
pub use provider::{KindName, ProviderTable};
pub use rule::{LinkEntry, LinkTable, OneOrMany, RuleTable, WhenTable};

mod document;
mod jira_auth;
mod mailbox;
pub(super) mod meaning;
mod provider;
pub(super) mod read;
mod rule;
mod shape;
mod shown;
mod values;

/// The JSON Schema of the config file, for editors (`check-config --schema`).
pub fn schema() -> serde_json::Value {
    shape::Shape::of_file().into_json()
}

/// A duration as it is written everywhere: `30s`, `7d`. The error says what to write instead.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    values::duration(text).map_err(|wrong| format!("{}; {}", wrong.message, wrong.fix))
}

/// A text as it stands in the file: a TOML basic string, with spaces for control characters.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", without_controls(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// The whole file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "mail2jira config file")]
pub struct FileTable {
    /// Where the ledger is: `sqlite:///path` or `postgres://user@host/db`. Required.
    pub state: Option<String>,
    /// The database password, for PostgreSQL only.
    pub state_password: Option<SecretTable>,
    /// What encrypts refresh tokens and bodies at rest.
    pub vault: Option<VaultTable>,
    /// The HTTP listener; nothing listens without it.
    pub admin: Option<AdminTable>,
    /// Who hears that a person is needed.
    pub notify: Option<NotifyTable>,
    /// How much at once, and for how long.
    pub limits: Option<LimitsTable>,
    /// Who is asked for the keys of signatures on mail.
    pub dns: Option<DnsTable>,
    /// The Jira to write to. Required.
    pub jira: Option<JiraTable>,
    /// OAuth providers by name.
    pub provider: Option<BTreeMap<String, ProviderTable>>,
    /// Whose mail is taken, for all mailboxes.
    pub senders: Option<SendersTable>,
    /// Mailboxes by name.
    pub mailbox: Option<BTreeMap<String, MailboxTable>>,
    /// What becomes of some mail; tried in order, the first whose `when` holds decides.
    pub rule: Option<Vec<RuleTable>>,
}

/// Where a secret stands; never the secret itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretTable {
    /// The name of a systemd credential.
    Credential(String),
    /// The path of a file.
    File(String),
    /// The name of an environment variable.
    Env(String),
}

/// `[vault]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultTable {
    /// 32 bytes in base64. Left out: `vault.key` beside the SQLite file, made at first use.
    pub key: Option<SecretTable>,
}

/// `[admin]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTable {
    /// Address and port for the pages and health checks. Default: `127.0.0.1:8925`.
    pub listen: Option<String>,
    /// Where browsers reach the pages, `https://mail2jira.example.com`. Left out: consent is by the command line alone.
    pub public_url: Option<String>,
    /// Signs in to the pages and the API. Left out: only health and figures are told.
    pub token: Option<SecretTable>,
}

/// `[notify]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyTable {
    /// A program with its arguments; it gets the event as JSON on stdin.
    pub command: Option<Vec<String>>,
    /// An address that gets the event as a POST.
    pub webhook: Option<String>,
    /// A project in which one issue is opened per trouble, and closed when it is over.
    pub jira_project: Option<String>,
    /// The type of that issue. Default: `Task`.
    pub jira_issue_type: Option<String>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    /// Writes to Jira in flight at once, 1 to 1000. Default: 16.
    pub deliveries: Option<i64>,
    /// Mail held in memory at once, as a size. Default: `256MiB`.
    pub bytes_in_flight: Option<String>,
    /// How long a body is kept after its message is settled, as a duration. Default: `7d`.
    pub keep_bodies: Option<String>,
    /// How long "not found" is not believed after a write of unknown outcome, as a duration. Default: `3m`.
    pub settle: Option<String>,
}

/// `[dns]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsTable {
    /// Name servers, each an IP address, with a port where it is not 53. Default: those of `/etc/resolv.conf`.
    pub servers: Option<Vec<String>>,
}

/// `[jira]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JiraTable {
    /// The site, `https://example.atlassian.net`. Required.
    pub url: Option<String>,
    /// Whether everything is done but writing to Jira and touching mailboxes; it is logged instead. Default: `false`.
    pub shadow: Option<bool>,
    /// What kind of Jira it is. Default: `auto`.
    pub deployment: Option<Deployment>,
    /// Where a person consents, when not at the well-known address.
    pub authorization_url: Option<String>,
    /// Where tokens come from, when not from the well-known address.
    pub token_url: Option<String>,
    /// Where API calls go, when not to the well-known address (gateways, tests).
    pub api_url: Option<String>,
    /// An extra root certificate, a PEM file.
    pub ca_file: Option<String>,
    /// When the token (or client secret) ends; warned about 60, 30, 7 and 1 days ahead.
    pub token_expires: Option<DateValue>,
    /// The way in: exactly one table under it. Required.
    pub auth: Option<JiraAuthTable>,
}

/// `secret_expires`: a date with or without quotes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(with = "String")] // JSON has no dates
pub enum DateValue {
    /// A date as text.
    Text(String),
    /// A date.
    Date(toml::value::Datetime),
}
