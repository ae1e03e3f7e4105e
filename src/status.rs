//! What the daemon says about itself: the shape of `status --json`, and what follows from it. Values only; gathering them is
//! the business of the pipeline and the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::forecast::Forecast;

/// The whole answer to "how are you", for `status`, the admin pages and the metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Whether nothing needs a person; `status` exits by it.
    pub healthy: bool,
    /// The node that tells this.
    pub node: String,
    /// Every mailbox, in the order of the configuration.
    pub mailboxes: Vec<MailboxStatus>,
    /// The Jira that is written to.
    pub jira: JiraStatus,
    /// How many messages there are in each state.
    pub messages: MessageCounts,
}

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxStatus {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// What its worker is doing.
    pub state: WorkState,
    /// Since when.
    pub since: Timestamp,
    /// When the mailbox was last looked through without an error.
    pub last_check: Option<Timestamp>,
    /// When the newest message was found.
    pub last_message: Option<Timestamp>,
    /// Messages of this mailbox that are not settled yet.
    pub backlog: u64,
    /// Messages of this mailbox that wait for a person.
    pub quarantined: u64,
    /// What the right to open it rests on.
    pub consent: Consent,
    /// What of it is known to end by itself, the nearest first.
    pub forecast: Vec<Forecast>,
    /// Why the state is not a good one.
    pub error: Option<String>,
}

/// What a mailbox worker is doing; Jira's state uses the same words where they fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// On the way in.
    Connecting,
    /// The server pushes (IDLE).
    Watching,
    /// Looked at in intervals.
    Polling,
    /// Waiting after a failure that will pass.
    BackingOff,
    /// A person has to consent again.
    NeedsConsent,
    /// An administrator of the other side has to act.
    NeedsAdmin,
    /// The configuration does not fit the server.
    Misconfigured,
    /// No daemon is at work.
    Stopped,
}

impl WorkState {
    /// Every state, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::Connecting,
        Self::Watching,
        Self::Polling,
        Self::BackingOff,
        Self::NeedsConsent,
        Self::NeedsAdmin,
        Self::Misconfigured,
        Self::Stopped,
    ];

    /// The word for it in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Watching => "watching",
            Self::Polling => "polling",
            Self::BackingOff => "backing_off",
            Self::NeedsConsent => "needs_consent",
            Self::NeedsAdmin => "needs_admin",
            Self::Misconfigured => "misconfigured",
            Self::Stopped => "stopped",
        }
    }

    /// Whether new mail is noticed in this state.
    const fn is_ready(self) -> bool {
        match self {
            Self::Watching | Self::Polling => true,
            Self::Connecting
            | Self::BackingOff
            | Self::NeedsConsent
            | Self::NeedsAdmin
            | Self::Misconfigured
            | Self::Stopped => false,
        }
    }

    /// Whether this state lasts until somebody does something.
    const fn needs_a_person(self) -> bool {
        match self {
            Self::NeedsConsent | Self::NeedsAdmin | Self::Misconfigured | Self::Stopped => true,
            Self::Connecting | Self::Watching | Self::Polling | Self::BackingOff => false,
        }
    }
}

/// The right to open a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Whether it is there.
    pub state: ConsentState,
    /// When it was given.
    pub granted_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Why it ends then.
    pub expiry_reason: Option<String>,
}

/// Whether there is consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// Given, and not known to be refused since.
    Granted,
    /// Never given, or dead.
    Needed,
    /// The mailbox is opened with a password.
    NotUsed,
}

/// Jira as seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JiraStatus {
    /// Whether it takes what we write.
    pub state: JiraState,
    /// `cloud` or `data-center`.
    pub deployment: String,
    /// Why the state is not a good one; one halted project shows here too.
    pub error: Option<String>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// What of it is known to end by itself, the nearest first.
    pub forecast: Vec<Forecast>,
}

/// Whether Jira takes what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JiraState {
    /// Jira was not asked yet.
    Connecting,
    /// Jira answers and knows us.
    Ok,
    /// Jira does not answer, or asked us to wait.
    BackingOff,
    /// A person has to consent again.
    NeedsConsent,
    /// An administrator of Jira has to act.
    NeedsAdmin,
    /// The configuration does not fit this Jira.
    Misconfigured,
    /// No daemon is at work.
    Stopped,
}

impl JiraState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Connecting,
        Self::Ok,
        Self::BackingOff,
        Self::NeedsConsent,
        Self::NeedsAdmin,
        Self::Misconfigured,
        Self::Stopped,
    ];

    /// The word for it in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ok => "ok",
            Self::BackingOff => "backing_off",
            Self::NeedsConsent => "needs_consent",
            Self::NeedsAdmin => "needs_admin",
            Self::Misconfigured => "misconfigured",
            Self::Stopped => "stopped",
        }
    }

    /// The other way round.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    const fn is_ready(self) -> bool {
        match self {
            Self::Ok => true,
            Self::Connecting
            | Self::BackingOff
            | Self::NeedsConsent
            | Self::NeedsAdmin
            | Self::Misconfigured
            | Self::Stopped => false,
        }
    }

    const fn needs_a_person(self) -> bool {
        match self {
            Self::NeedsConsent | Self::NeedsAdmin | Self::Misconfigured | Self::Stopped => true,
            Self::Connecting | Self::Ok | Self::BackingOff => false,
        }
    }
}

/// Messages by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCounts {
    /// Received, planned or sent, and due.
    pub pending: u64,
    /// Received, planned or sent, and to be tried again later.
    pub deferred: u64,
    /// In Jira.
    pub delivered: u64,
    /// Nothing was made of them; duplicates too.
    pub ignored: u64,
    /// A person has to look.
    pub quarantined: u64,
    /// A person has settled them.
    pub discarded: u64,
}

impl MessageCounts {
    /// Each count with the word for its state.
    pub const fn by_state(self) -> [(&'static str, u64); 6] {
        [
            ("pending", self.pending),
            ("deferred", self.deferred),
            ("delivered", self.delivered),
            ("ignored", self.ignored),
            ("quarantined", self.quarantined),
            ("discarded", self.discarded),
        ]
    }
}

/// One reason for not being ready, as `/readyz` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// Its state.
    pub state: &'static str,
    /// What is known about the cause.
    pub reason: Option<String>,
}

impl Status {
    /// A status whose `healthy` follows from the rest.
    pub fn new(node: String, mailboxes: Vec<MailboxStatus>, jira: JiraStatus, messages: MessageCounts) -> Self {
        let person_needed = mailboxes.iter().any(|mailbox| mailbox.state.needs_a_person())
            || jira.state.needs_a_person()
            || messages.quarantined > 0;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { version, healthy: !person_needed, node, mailboxes, jira, messages }
    }

    /// What keeps the daemon from being ready: a mailbox that is neither watched nor polled, a Jira that does not answer.
    /// Quarantined messages do not: a load balancer cannot mend them.
    pub fn unready(&self) -> Vec<Reason> {
        let mailboxes = self.mailboxes.iter().filter(|mailbox| !mailbox.state.is_ready()).map(|mailbox| Reason {
            subject: mailbox.name.clone(),
            state: mailbox.state.as_str(),
            reason: mailbox.error.clone(),
        });
        let jira = (!self.jira.state.is_ready()).then(|| Reason {
            subject: "jira".to_owned(),
            state: self.jira.state.as_str(),
            reason: self.jira.error.clone(),
        });
        mailboxes.chain(jira).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(name: &str, state: WorkState) -> MailboxStatus {
        let consent = Consent { state: ConsentState::Granted, granted_at: None, expires_at: None, expiry_reason: None };
        MailboxStatus {
            name: name.to_owned(),
            address: "a@example.com".to_owned(),
            protocol: "imap".to_owned(),
            state,
            since: Timestamp::UNIX_EPOCH,
            last_check: None,
            last_message: None,
            backlog: 0,
            quarantined: 0,
            consent,
            forecast: Vec::new(),
            error: None,
        }
    }

    fn jira(state: JiraState) -> JiraStatus {
        JiraStatus { state, deployment: "cloud".to_owned(), error: None, retry_at: None, forecast: Vec::new() }
    }

    fn status(mailboxes: Vec<MailboxStatus>, jira: JiraStatus, quarantined: u64) -> Status {
        Status::new("node".to_owned(), mailboxes, jira, MessageCounts { quarantined, ..MessageCounts::default() })
    }

    #[test]
    fn ready_needs_every_mailbox_watched_or_polled_and_jira_answering() {
        for state in WorkState::ALL {
            let status = status(vec![mailbox("a", WorkState::Watching), mailbox("b", state)], jira(JiraState::Ok), 0);
            let ready = matches!(state, WorkState::Watching | WorkState::Polling);
            assert_eq!(status.unready().is_empty(), ready, "{state:?}");
        }
        for state in JiraState::ALL {
            let reasons = status(vec![mailbox("a", WorkState::Polling)], jira(state), 0).unready();
            assert_eq!(reasons.is_empty(), state == JiraState::Ok, "{state:?}");
        }
    }

    #[test]
    fn what_waits_for_a_person_is_unhealthy_and_what_passes_by_itself_is_not() {
        let healthy = |mailbox_state, jira_state, quarantined| {
            status(vec![mailbox("a", mailbox_state)], jira(jira_state), quarantined).healthy
        };
        assert!(healthy(WorkState::BackingOff, JiraState::BackingOff, 0));
        assert!(!healthy(WorkState::NeedsConsent, JiraState::Ok, 0));
        assert!(!healthy(WorkState::Watching, JiraState::Misconfigured, 0));
        assert!(!healthy(WorkState::Watching, JiraState::Ok, 1));
        assert!(status(vec![mailbox("a", WorkState::Watching)], jira(JiraState::Ok), 1).unready().is_empty());
    }

    #[test]
    fn the_words_in_json_are_the_words_in_metrics() {
        for state in WorkState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for state in JiraState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        let counts = serde_json::to_value(MessageCounts::default()).unwrap();
        assert_eq!(counts.as_object().unwrap().len(), MessageCounts::default().by_state().len());
        assert!(MessageCounts::default().by_state().iter().all(|(word, _)| counts.get(word).is_some()));
    }
}
