//! A mailbox: where it is, what is taken from it, and what becomes of that.

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::senders::SenderSettings;
use super::{MailboxName, ProviderName, SecretRef};
use crate::mail::Classification;
use crate::mail::authentication::Trusted;

/// `[mailbox.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct MailboxSettings {
    /// Its name.
    pub name: MailboxName,
    /// The address, XOAUTH2's `user=`.
    pub address: String,
    /// Under which name the receiving server writes `Authentication-Results`: `authserv_id`.
    pub authserv_id: Option<String>,
    /// Who consents: `login`, else `address`.
    pub login: String,
    /// What is shown to the server.
    pub sign_in: SignIn,
    /// How mail is fetched.
    pub protocol: Protocol,
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
    /// SASL mechanism.
    pub mechanism: Mechanism,
    /// Folders to watch; with POP3 one without a name.
    pub folders: Vec<String>,
    /// Which mail counts as new at the first start.
    pub start: Start,
    /// How often to look where the server does not push.
    pub poll: Duration,
    /// Bytes that may be fetched in a day (UTC); `None`: as many as there are.
    pub daily_bytes: Option<u64>,
    /// What is done to a message that is in Jira.
    pub after: After,
    /// What is done to a message that could not be brought into Jira whole.
    pub after_failure: AfterFailure,
    /// Classifications that make nothing in Jira.
    pub ignore: Vec<Classification>,
    /// When the message itself is attached as `.eml`.
    pub attach_original: AttachOriginal,
    /// Where quoted text and signatures go.
    pub removed_text: RemovedText,
    /// Project key; `None` where a rule always gives one.
    pub project: Option<String>,
    /// Issue type's name; `None` where a rule always gives one.
    pub issue_type: Option<String>,
    /// What becomes of mail that names an issue.
    pub replies: ReplySettings,
    /// Whom issues are from whose sender is not named as the reporter: a user of Jira's, or a mail address.
    pub default_reporter: Option<String>,
    /// What becomes of the people in `Cc`.
    pub cc: CopiedPeople,
    /// Values for fields that Jira requires and nothing else gives, as they stand in the file.
    pub defaults: serde_json::Map<String, serde_json::Value>,
    /// Whose mail it takes; what is said for all mailboxes is in it.
    pub senders: SenderSettings,
    /// Issues that are requests of Service Management.
    pub requests: RequestSettings,
    /// Which attachments are too big.
    pub attachments: AttachmentSettings,
}

/// `[mailbox.NAME.requests]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestSettings {
    /// `type`: the request type, by name or id; without it issues are issues, unless a rule says otherwise.
    pub kind: Option<String>,
    /// Whom requests are raised for.
    pub customers: Customers,
}

/// `customers`: whom requests are raised for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Customers {
    /// The sender, where Jira knows them.
    #[default]
    Known,
    /// The sender, who becomes a customer if need be; takes Jira's administration right.
    Create,
    /// The account that raises them.
    None,
}

impl MailboxSettings {
    /// Whose `Authentication-Results` count.
    pub fn trusted_results(&self) -> Trusted {
        Trusted::of(self.authserv_id.as_deref(), &self.host)
    }

    /// `start`, unless given.
    pub const DEFAULT_START: Start = Start::Now;
    /// `poll`, unless given.
    pub const DEFAULT_POLL: Duration = Duration::from_secs(60);

    /// `daily_bytes`, unless given: what Gmail allows an account to download in a day, over IMAP and over POP, before it shuts
    /// the account's mailbox for up to 24 hours (support.google.com/a/answer/1071518). No other provider publishes a figure.
    pub fn default_daily_bytes(host: &str) -> Option<u64> {
        match host.to_ascii_lowercase().as_str() {
            "imap.gmail.com" | "imap.googlemail.com" => Some(2_500_000_000),
            "pop.gmail.com" | "pop.googlemail.com" => Some(1_250_000_000),
            _ => None,
        }
    }

    /// `ignore`, unless given.
    pub const DEFAULT_IGNORE: [Classification; 6] = [
        Classification::AutoReply,
        Classification::Bounce,
        Classification::Bulk,
        Classification::FeedbackReport,
        Classification::ReadReceipt,
        Classification::Loop,
    ];
}

/// What a mailbox is opened with.
#[derive(Debug, Clone, PartialEq)]
pub enum SignIn {
    /// An access token of this provider.
    OAuth(ProviderName),
    /// A server without OAuth.
    Password {
        /// The user name.
        username: String,
        /// The password.
        secret: SecretRef,
    },
}

/// `protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// IMAP4rev1 (RFC 3501).
    #[default]
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
}

impl Protocol {
    /// The word for it in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }

    /// The port that goes with it (RFC 8314, 7.1; RFC 3501, 2.1; RFC 1939, 3).
    pub fn default_port(self, tls: TlsMode) -> u16 {
        match (self, tls) {
            (Self::Imap, TlsMode::Implicit) => 993,
            (Self::Imap, TlsMode::StartTls | TlsMode::None) => 143,
            (Self::Pop3, TlsMode::Implicit) => 995,
            (Self::Pop3, TlsMode::StartTls | TlsMode::None) => 110,
        }
    }
}

/// `tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Implicit,
    /// Upgraded by STARTTLS, or STLS with POP3.
    StartTls,
    /// In the clear; loopback addresses only.
    None,
}

/// `mechanism`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// The best that the server offers for the secret at hand.
    #[default]
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

/// `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Mail that comes after the first select.
    Now,
    /// All that is there.
    All,
    /// Mail that arrived on that day (UTC) or later.
    Date(Date),
}

/// `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Leave it as it is.
    Keep,
    /// Set `\Seen`.
    Seen,
    /// Delete it.
    Delete,
    /// Move it to this folder.
    Move(String),
}

/// `after_failure`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterFailure {
    /// Leave it as it is.
    Keep,
    /// Move it to this folder.
    Move(String),
}

/// `removed_text`. Folded up it costs a reader nothing; an attachment holds the message's files a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RemovedText {
    /// Into a section below the new text that opens on a click.
    #[default]
    Collapsed,
    /// Into the message as it came, which is then attached as `.eml`, whatever `attach_original` says.
    Attached,
}

/// `attach_original`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttachOriginal {
    /// When text was cut or could not be shown whole.
    #[default]
    Auto,
    /// With every message.
    Always,
    /// With none.
    Never,
}

/// `cc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CopiedPeople {
    /// Nothing is done about them.
    #[default]
    Nobody,
    /// Those whom Jira knows watch the issue.
    Watchers,
}

/// `[mailbox.NAME.replies]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplySettings {
    /// What becomes of a finished issue that a reply came to.
    pub reopen: Reopen,
    /// What becomes of a message whose subject alone names an issue, and whose sender is not known to be on it.
    pub strangers: Strangers,
}

impl Default for ReplySettings {
    fn default() -> Self {
        Self { reopen: Reopen::WherePossible, strangers: Strangers::NewIssue }
    }
}

/// `reopen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopen {
    /// The issue is moved back to work; where no transition leads there, the reply becomes an issue that is linked to it.
    WherePossible,
    /// The issue stays finished, with the comment.
    Never,
}

/// `strangers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strangers {
    /// A comment on it.
    Comment,
    /// An issue of its own.
    #[default]
    NewIssue,
    /// Nothing.
    Ignore,
}

/// `[mailbox.NAME.attachments]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AttachmentSettings {
    /// Bytes; and never more than Jira's own limit.
    pub max_size: u64,
    /// What is left out on purpose.
    pub skip: Vec<Skip>,
}

impl AttachmentSettings {
    /// `max_size`, unless given, in bytes.
    pub const DEFAULT_MAX_SIZE: u64 = 25 << 20;
}

/// One entry of `skip`: `*.p7s`, `image/*`, `image/* < 4KiB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// A pattern over the file's name, or over its media type where it holds a `/`; `*` stands for anything.
    pub pattern: String,
    /// Only files smaller than so many bytes.
    pub below: Option<u64>,
}
