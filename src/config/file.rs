//! What the user writes: the tables of the config file, key by key, and nothing of what they mean.
//!
//! Every key is optional here: what is missing is a question of meaning, asked in `meaning`, so that one run
//! reports every fault. Places are not kept in these types; `document` finds them again by their path.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use document::KeyPath;
pub use jira_auth::{
    ApiTokenTable, BasicTable, JiraAuthTable, OAuth1Table, OAuth2Table, PatTable, ServiceAccountTable,
};
pub use rule::{
    ClassificationNames, LinkEntry, LinkTable, OneOrMany, ReporterName, RuleActionName, RuleTable, WhenTable,
};

mod document;
mod jira_auth;
pub(super) mod meaning;
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
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
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
    pub deployment: Option<DeploymentName>,
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

/// `deployment`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentName {
    /// Found out from the server.
    Auto,
    /// Jira Cloud.
    Cloud,
    /// Jira Data Center.
    DataCenter,
}

/// `[provider.NAME]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderTable {
    /// Whose endpoints and customs. Required.
    pub kind: Option<KindName>,
    /// The OpenID issuer, whose discovery document names the endpoints.
    pub issuer: Option<String>,
    /// The authorization endpoint, where there is no issuer.
    pub authorization_url: Option<String>,
    /// The token endpoint, where there is no issuer.
    pub token_url: Option<String>,
    /// The revocation endpoint (RFC 7009), where there is no issuer.
    pub revocation_url: Option<String>,
    /// The device authorization endpoint (RFC 8628), where there is no issuer.
    pub device_url: Option<String>,
    /// Microsoft: the directory, by name or id, or `organizations`, `consumers` or `common`. Default: `common`.
    pub tenant: Option<String>,
    /// Microsoft: which of its clouds. Default: `global`.
    pub cloud: Option<CloudName>,
    /// OAuth client identifier. Required, unless a service account's key holds it.
    pub client_id: Option<String>,
    /// OAuth client secret; a public client has none. With `grant = "service-account"` the account's key, as JSON or PEM.
    pub client_secret: Option<SecretTable>,
    /// Certificate and private key in PEM, in place of a secret.
    pub client_certificate: Option<SecretTable>,
    /// When the client secret ends: a date.
    pub secret_expires: Option<DateValue>,
    /// How the client proves itself at the token endpoint. Default: `auto`.
    pub client_auth: Option<ClientAuthName>,
    /// How access is granted. Default: `authorization-code`.
    pub grant: Option<GrantName>,
    /// Tells who signed in where there is no `id_token`.
    pub userinfo_url: Option<String>,
    /// Sent as written. Default: what reading mail takes at Google and Microsoft, else none.
    pub scopes: Option<Vec<String>>,
    /// Where the provider sends the browser back to; any free port unless one is named. Default: `http://127.0.0.1/oauth/callback`, and `http://localhost` for Microsoft.
    pub redirect_uri: Option<String>,
    /// An extra root certificate, a PEM file.
    pub ca_file: Option<String>,
}

/// `kind`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindName {
    /// Gmail and Google Workspace.
    Google,
    /// Microsoft 365 and Outlook.com.
    Microsoft,
    /// Any OAuth 2.0 server.
    Custom,
}

/// `cloud`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloudName {
    /// The worldwide one, plain GCC included.
    Global,
    /// US Government GCC High.
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// Operated by 21Vianet.
    China,
}

/// `client_auth`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthName {
    /// What the provider takes.
    Auto,
    /// HTTP Basic.
    Basic,
    /// In the request body.
    Post,
    /// Public client.
    None,
}

/// `grant`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrantName {
    /// A person consents in a browser.
    AuthorizationCode,
    /// A person consents on another device.
    Device,
    /// The program has access in its own right.
    ClientCredentials,
    /// A service account acts for the mailbox.
    ServiceAccount,
}

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
    pub protocol: Option<ProtocolName>,
    /// The server's name. Required, unless the provider's is well known.
    pub host: Option<String>,
    /// TCP port. Default: 993, or 143 without implicit TLS; with POP3 995 and 110.
    pub port: Option<i64>,
    /// How the connection is protected. Default: `implicit`.
    pub tls: Option<TlsName>,
    /// An extra root certificate, a PEM file.
    pub ca_file: Option<String>,
    /// The SASL mechanism. Default: `auto`.
    pub mechanism: Option<MechanismName>,
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
    pub ignore: Option<Vec<ClassificationName>>,
    /// When the message itself is attached as `.eml`. Default: `auto`.
    pub attach_original: Option<AttachOriginalName>,
    /// Where quoted text and signatures go. Default: `collapsed`.
    pub removed_text: Option<RemovedTextName>,
    /// The key of the project that issues are made in. Required.
    pub project: Option<String>,
    /// The issue type's name. Required.
    pub issue_type: Option<String>,
    /// What becomes of mail that names an issue.
    pub replies: Option<RepliesTable>,
    /// Whom issues are from whose sender is not named as the reporter: an account id (Data Center: a user name), or a mail address. Default: the account that mail2jira writes as.
    pub default_reporter: Option<String>,
    /// What becomes of the people in `Cc`. Default: `nobody`.
    pub cc: Option<CcName>,
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

/// `cc`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CcName {
    /// Nothing is done about them.
    Nobody,
    /// Those whom Jira knows watch the issue.
    Watchers,
}

/// `[mailbox.NAME.requests]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestsTable {
    /// The request type, by name or id. Left out: only issues of rules with a `request_type` are requests.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whom requests are raised for. Default: `known`.
    pub customers: Option<CustomersName>,
}

/// `customers`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CustomersName {
    /// The sender, where Jira knows them.
    Known,
    /// The sender, who becomes a customer if need be; takes Jira's administration right.
    Create,
    /// The account that raises them.
    None,
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
    pub strangers: Option<StrangersName>,
}

/// `strangers`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StrangersName {
    /// A comment on it.
    Comment,
    /// An issue of its own.
    NewIssue,
    /// Nothing.
    Ignore,
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

/// `protocol`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolName {
    /// IMAP4rev1.
    Imap,
    /// POP3.
    Pop3,
}

/// `tls`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsName {
    /// TLS from the first byte.
    Implicit,
    /// Upgraded by STARTTLS, or STLS with POP3.
    StartTls,
    /// In the clear; loopback addresses only.
    None,
}

/// `mechanism`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MechanismName {
    /// The best that the server offers.
    Auto,
    /// Google's and Microsoft's XOAUTH2.
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
    /// RFC 4616.
    Plain,
    /// LOGIN.
    Login,
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

/// An entry of `ignore`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassificationName {
    /// A person's message that answers nothing.
    New,
    /// An answer.
    Reply,
    /// Something passed on.
    Forward,
    /// A delivery status notification.
    Bounce,
    /// An out-of-office note or the like.
    AutoReply,
    /// Written by a machine.
    AutoGenerated,
    /// A list or a newsletter.
    Bulk,
    /// A complaint about abuse.
    FeedbackReport,
    /// A disposition notification.
    ReadReceipt,
    /// Jira's or our own mail come back.
    Loop,
}

/// `removed_text`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RemovedTextName {
    /// Into a section below the new text that opens on a click.
    Collapsed,
    /// Into the message as it came, which is then attached as `.eml`, whatever `attach_original` says.
    Attached,
}

/// `attach_original`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttachOriginalName {
    /// When text was cut or could not be shown whole.
    Auto,
    /// With every message.
    Always,
    /// With none.
    Never,
}
