//! What the program uses of the configuration: values, checked once. What the user writes stands in [`file`](mod@file).

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

pub use jira::{Deployment, JiraAuth, JiraOAuth2, JiraSettings, Writing};
pub use mailbox::{
    After, AfterFailure, AttachOriginal, AttachmentSettings, CopiedPeople, Customers, MailboxSettings, Mechanism,
    Protocol, RemovedText, Reopen, ReplySettings, RequestSettings, SignIn, Skip, Start, Strangers, TlsMode,
};
pub use problem::{ConfigErrors, Place, Problem, Severity};
pub use provider::{
    ClientAuth, Cloud, Endpoints, GrantType, ProviderKind, ProviderSettings, Tenancy, loopback_redirect,
};
pub use rule::Rule;
pub use secret::{Secret, SecretError, SecretRef, SecretWarning};

pub mod file;
mod jira;
mod mailbox;
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
    /// Who is asked for the keys of signatures on mail.
    pub name_servers: NameServers,
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

    /// A mailbox by its name.
    pub fn mailbox(&self, name: &str) -> Option<&MailboxSettings> {
        self.mailboxes.get(name)
    }
}

impl Config {
    /// Reads the rules of a file. Whatever else stands there, as in a whole config file, is passed over.
    pub fn load_rules(path: &Path) -> Result<(Vec<Rule>, Vec<Problem>), ConfigErrors> {
        let bytes = std::fs::read(path).map_err(|error| ConfigErrors::unreadable_rules(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|error| ConfigErrors::not_text(path, &error))?;
        let (table, findings) = file::read::read(&text);
        file::meaning::rules(path, table, findings)
    }

    /// Whether any new issue is a request of Service Management.
    pub fn raises_requests(&self) -> bool {
        let by_mailbox = self.mailboxes.values().any(|mailbox| mailbox.requests.kind.is_some());
        by_mailbox || self.rules.iter().any(|rule| rule.set.request_type.is_some())
    }

    /// Where new issues may go, with what is filled in there whatever the message says.
    pub fn issue_targets(&self) -> BTreeSet<IssueTarget<'_>> {
        let mut targets = BTreeSet::new();
        for mailbox in self.mailboxes.values() {
            let (project, issue_type) = (mailbox.project.as_deref(), mailbox.issue_type.as_deref());
            let defaults = mailbox.defaults.keys().map(String::as_str);
            let filled: BTreeSet<&str> =
                defaults.chain(mailbox.default_reporter.is_some().then_some("reporter")).collect();
            let request_type = mailbox.requests.kind.as_deref();
            let issues = project.zip(TargetForm::new(request_type, issue_type));
            targets.extend(issues.map(|(project, form)| IssueTarget {
                project,
                form,
                by: mailbox.name.as_str(),
                filled: filled.clone(),
                unsure: BTreeSet::new(),
            }));
            let theirs = self.rules.iter().filter(|rule| rule.when.is_for(&mailbox.name));
            let rules = theirs.filter(|rule| rule.may_create());
            targets.extend(rules.filter_map(|rule| {
                let project = rule.set.project.as_deref().or(project)?;
                let issue_type = rule.set.issue_type.as_deref().or(issue_type);
                let form = TargetForm::new(rule.set.request_type.as_deref().or(request_type), issue_type)?;
                let unsure = rule.set.unsure().filter(|field| !filled.contains(field)).collect();
                let filled = rule.set.filled().chain(filled.iter().copied()).collect();
                Some(IssueTarget { project, form, by: &rule.name, filled, unsure })
            }));
        }
        targets
    }
}

/// A kind of new issue that the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssueTarget<'c> {
    /// Project key.
    pub project: &'c str,
    /// What is filled in.
    pub form: TargetForm<'c>,
    /// The rule, or the mailbox, that asks for it.
    pub by: &'c str,
    /// Ids of the fields that it fills.
    pub filled: BTreeSet<&'c str>,
    /// Those of them that some message may leave empty.
    pub unsure: BTreeSet<&'c str>,
}

/// The form that a new issue is made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetForm<'c> {
    /// Of an issue type, by its name.
    IssueType(&'c str),
    /// Of a request type, by its name or id; it says itself what type its issues are.
    RequestType(&'c str),
}

impl<'c> TargetForm<'c> {
    /// A request type comes before an issue type.
    fn new(request_type: Option<&'c str>, issue_type: Option<&'c str>) -> Option<Self> {
        request_type.map(Self::RequestType).or(issue_type.map(Self::IssueType))
    }

    /// Its name, whatever it is of.
    pub const fn name(&self) -> &'c str {
        match self {
            Self::IssueType(name) | Self::RequestType(name) => name,
        }
    }
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

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
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
    /// 32 bytes in base64; without it [`VaultSettings::key_beside`] the SQLite file.
    pub key: Option<SecretRef>,
}

impl VaultSettings {
    /// The key's file where none is configured, for the SQLite state at `state`.
    pub fn key_beside(state: &Path) -> PathBuf {
        state.with_file_name("vault.key")
    }
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

/// `[dns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// The servers that `/etc/resolv.conf` names.
    OfSystem,
    /// The servers that the file names.
    Named(Vec<SocketAddr>),
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
