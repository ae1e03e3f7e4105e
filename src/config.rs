//! What the program uses of the configuration: values, checked once. What the user writes stands in [`file`](mod@file).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use url::Url;

use crate::mail::Classification;
use crate::mail::authentication::Trusted;
pub use problem::{ConfigErrors, Place, Problem, Severity};
pub use provider::{ClientAuth, Cloud, Endpoints, GrantType, ProviderKind, ProviderSettings, Tenancy};
pub use rule::Rule;
pub use secret::{Secret, SecretError, SecretRef, SecretWarning};
use senders::SenderSettings;

pub mod file;
pub mod problem;
pub mod rule;
pub mod provider;
pub mod secret;
pub mod senders;

/// Everything the configuration file says, with its defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the ledger is.
    pub state: StateSettings,
    /// What encrypts at rest.
    pub vault: VaultSettings,
    /// The HTTP listener; nothing listens without it.
    pub admin: Option<AdminSettings>,
    /// Who hears that a person is needed.
    pub notify: NotifySettings,
    /// How much at once, and for how long.
    pub limits: Limits,
    /// The Jira to write to.
    pub jira: JiraSettings,
    /// OAuth providers by name.
    pub providers: BTreeMap<ProviderName, ProviderSettings>,
    /// Mailboxes by name.
    pub mailboxes: BTreeMap<MailboxName, MailboxSettings>,
    /// Rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
}

/// Whether the files that the configuration names, of secrets and certificates, must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MustExist {
    /// What is missing is an error: the daemon is about to need it.
    Yes,
    /// What is missing is a warning: the configuration may be for another machine.
    MayBeElsewhere,
}

impl Config {
    /// Reads a config file; with it come the warnings. Every fault is reported at once.
    pub fn load(path: &Path, must_exist: MustExist) -> Result<(Self, Vec<Problem>), ConfigErrors> {
        let bytes = std::fs::read(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|error| ConfigErrors::not_text(path, &error))?;
        Self::parse(path, &text, must_exist)
    }

    /// Takes the text of a config file; `path` is for messages.
    pub fn parse(path: &Path, text: &str, must_exist: MustExist) -> Result<(Self, Vec<Problem>), ConfigErrors> {
        let (table, findings) = file::read::read(text);
        file::meaning::convert(path, table, findings, must_exist)
    }
}

impl Config {
    /// Reads the rules of a file. Whatever else stands there, as in a whole config file, is passed over.
    pub fn load_rules(path: &Path) -> Result<(Vec<Rule>, Vec<Problem>), ConfigErrors> {
        let bytes = std::fs::read(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|error| ConfigErrors::not_text(path, &error))?;
        let (table, findings) = file::read::read(&text);
        file::meaning::rules(path, table, findings)
    }

    /// Where new issues may go, with what is filled in there whatever the message says.
    pub fn issue_targets(&self) -> BTreeSet<IssueTarget<'_>> {
        let mut targets = BTreeSet::new();
        for mailbox in self.mailboxes.values() {
            let (project, issue_type) = (mailbox.project.as_deref(), mailbox.issue_type.as_deref());
            let defaults = mailbox.defaults.keys().map(String::as_str);
            let filled: BTreeSet<&str> =
                defaults.chain(mailbox.default_reporter.is_some().then_some("reporter")).collect();
            // A request type says itself what it needs, and what type its issues are.
            let issues = project.zip(issue_type).filter(|_| mailbox.requests.kind.is_none());
            targets.extend(issues.map(|(project, issue_type)| IssueTarget {
                project,
                issue_type,
                by: mailbox.name.as_str(),
                filled: filled.clone(),
            }));
            let theirs = |rule: &&Rule| rule.when.mailbox.is_empty() || rule.when.mailbox.contains(&mailbox.name);
            let rules = self.rules.iter().filter(theirs).filter(|rule| makes_issues(rule, mailbox));
            targets.extend(rules.filter_map(|rule| {
                let project = rule.set.project.as_deref().or(project)?;
                let issue_type = rule.set.issue_type.as_deref().or(issue_type)?;
                let filled = rule.set.filled().chain(filled.iter().copied()).collect();
                Some(IssueTarget { project, issue_type, by: &rule.name, filled })
            }));
        }
        targets
    }
}

/// Whether a rule makes issues that are no requests.
fn makes_issues(rule: &Rule, mailbox: &MailboxSettings) -> bool {
    rule.may_create() && rule.set.request_type.is_none() && mailbox.requests.kind.is_none()
}

/// A kind of new issue that the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssueTarget<'c> {
    /// Project key.
    pub project: &'c str,
    /// Issue type's name.
    pub issue_type: &'c str,
    /// The rule, or the mailbox, that asks for it.
    pub by: &'c str,
    /// Ids of the fields that it fills.
    pub filled: BTreeSet<&'c str>,
}

/// The name by which commands, alerts and the ledger know Jira; no mailbox may have it.
pub const JIRA: &str = "jira";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a name as it stands in the file: letters, digits, `-` and `_`, at most 64 of them.
            pub fn parse(text: &str) -> Option<Self> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                (!text.is_empty() && text.len() <= 64 && text.chars().all(allowed)).then(|| Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a mailbox, as used in commands, logs and metrics.
    MailboxName
}
name! {
    /// The name of an OAuth provider.
    ProviderName
}

/// `state` and `state_password`.
#[derive(Debug, Clone, PartialEq)]
pub enum StateSettings {
    /// `sqlite:///path`.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// `postgres://user@host/db`.
    Postgres {
        /// The URL without a password.
        url: Url,
        /// The password, if one is needed.
        password: Option<SecretRef>,
    },
}

/// `[vault]`.
#[derive(Debug, Clone, PartialEq)]
pub struct VaultSettings {
    /// 32 bytes in base64; without it `vault.key` beside the SQLite file.
    pub key: Option<SecretRef>,
}

/// `[admin]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminSettings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Where browsers reach the pages, without a trailing slash; without it consent is by the command line alone.
    pub public_url: Option<Url>,
    /// Opens the pages and the API; without it only health and figures are told.
    pub token: Option<SecretRef>,
}

impl AdminSettings {
    /// What is listened on where `[admin]` does not say.
    pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8925);
}

/// `[notify]`: every channel that is set hears of every event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NotifySettings {
    /// A program with its arguments; it gets the event on stdin.
    pub command: Option<Vec<String>>,
    /// An address that gets the event as a POST. Such addresses often hold a token, so it is treated as a secret.
    pub webhook: Option<Secret>,
    /// A project in which an issue stands open for as long as a trouble lasts.
    pub jira: Option<NotifyProject>,
}

/// Where troubles become issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyProject {
    /// Project key.
    pub project: String,
    /// Issue type's name.
    pub issue_type: String,
}

impl NotifyProject {
    /// `jira_issue_type`, unless given.
    pub const DEFAULT_ISSUE_TYPE: &str = "Task";
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Writes to Jira in flight at once.
    pub deliveries: usize,
    /// Bytes of mail held in memory at once.
    pub bytes_in_flight: u64,
    /// How long a settled message's body is kept.
    pub keep_bodies: Duration,
    /// How long "not found" is not believed after a write of unknown outcome.
    pub settle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deliveries: 16,
            bytes_in_flight: 256 << 20,
            keep_bodies: Duration::from_secs(7 * 24 * 3600),
            settle: Duration::from_secs(180),
        }
    }
}

/// `[jira]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JiraSettings {
    /// The site, maybe with a context path, without a trailing slash.
    pub url: Url,
    /// What kind of Jira it is.
    pub deployment: Deployment,
    /// Overrides where a person consents.
    pub authorization_url: Option<Url>,
    /// Overrides where tokens come from.
    pub token_url: Option<Url>,
    /// Overrides where API calls go.
    pub api_url: Option<Url>,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
    /// When the token ends, where a person has said so.
    pub token_expires: Option<Date>,
    /// Whether it is written to.
    pub writing: Writing,
    /// The way in.
    pub auth: JiraAuth,
}

/// `shadow`: whether Jira is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It is.
    Real,
    /// It is only read, and no mailbox is touched: what would be written is told instead.
    Shadow,
}

/// `deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// Jira is asked.
    Auto,
    /// Jira Cloud.
    Cloud,
    /// Jira Data Center.
    DataCenter,
}

/// `[jira.auth.…]`: how the program signs in to Jira.
#[derive(Debug, Clone, PartialEq)]
pub enum JiraAuth {
    /// Cloud: an account's e-mail address and its API token, as HTTP Basic.
    ApiToken {
        /// The account.
        email: String,
        /// Its token.
        token: SecretRef,
    },
    /// Cloud: a service account's OAuth 2.0 client credentials (RFC 6749, 4.4).
    ServiceAccount {
        /// OAuth client identifier.
        client_id: String,
        /// OAuth client secret.
        client_secret: SecretRef,
    },
    /// Data Center: a personal access token, as Bearer.
    Pat {
        /// The token.
        token: SecretRef,
    },
    /// A person's consent: Atlassian's OAuth 2.0 (3LO) for Cloud, Data Center's own provider.
    OAuth2(JiraOAuth2),
    /// Data Center: a legacy application link, OAuth 1.0a with RSA-SHA1.
    OAuth1 {
        /// As it stands in the application link.
        consumer_key: String,
        /// RSA, as PEM.
        private_key: SecretRef,
    },
    /// Data Center: a user name and its password, as HTTP Basic.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretRef,
    },
}

/// `[jira.auth.oauth2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JiraOAuth2 {
    /// OAuth client identifier.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: SecretRef,
    /// Asked for in place of what the product needs by itself.
    pub scopes: Option<Vec<String>>,
    /// Where the browser is sent back to.
    pub redirect_uri: Url,
}

impl JiraAuth {
    /// Whether a person has to consent to it.
    pub const fn takes_consent(&self) -> bool {
        match self {
            Self::OAuth2(_) | Self::OAuth1 { .. } => true,
            Self::ApiToken { .. } | Self::ServiceAccount { .. } | Self::Pat { .. } | Self::Basic { .. } => false,
        }
    }
}

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Customers {
    /// The sender, where Jira knows them.
    #[default]
    Known,
    /// The sender, who becomes a customer if need be.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// IMAP4rev1 (RFC 3501).
    Imap,
    /// RFC 1939.
    Pop3,
}

impl Protocol {
    /// As it stands in the file.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// Upgraded by STARTTLS, or STLS with POP3.
    StartTls,
    /// In the clear; loopback addresses only.
    None,
}

/// `mechanism`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The best that the server offers for the secret at hand.
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

/// `removed_text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedText {
    /// Below the new text, folded up.
    Collapsed,
    /// Into the message as it came, which is then attached.
    Attached,
}

/// `attach_original`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachOriginal {
    /// When text was cut or could not be shown whole.
    Auto,
    /// With every message.
    Always,
    /// With none.
    Never,
}

/// `cc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopiedPeople {
    /// Nothing is done about them.
    Nothing,
    /// Those whom Jira knows watch the issue.
    Watch,
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
    /// It is moved back to work; where no transition leads there, the reply becomes an issue that is linked to it.
    WherePossible,
    /// It stays finished, with the comment.
    Never,
}

/// `strangers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// They may comment on it.
    Comment,
    /// What they send is an issue of its own.
    NewIssue,
    /// Nothing is made of it.
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
