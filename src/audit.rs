//! What an audit found: the shape of `audit --json`, and the same for people. Finds nothing itself ([`crate::pipeline::audit`]).

use jiff::Timestamp;
use serde::Serialize;

use crate::store::EntryId;
use crate::text::without_controls;

/// What comparing mailboxes, ledger and Jira came to.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// The period begins then.
    pub since: Timestamp,
    /// The period ends then.
    pub until: Timestamp,
    /// Nothing is missing, doubled or pending, and everything could be compared.
    pub healthy: bool,
    /// How much was compared.
    pub compared: Compared,
    /// What is at one place and not where it should be as well.
    pub missing: Vec<Finding>,
    /// What Jira holds twice.
    pub doubled: Vec<Finding>,
    /// What is on its way, or waits for a person.
    pub pending: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
}

/// How much was compared.
#[derive(Debug, Default, Serialize)]
pub struct Compared {
    /// Messages in the mailboxes.
    pub in_mailboxes: usize,
    /// Messages in the ledger.
    pub in_ledger: usize,
    /// Issues in Jira.
    pub issues: usize,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The mailbox holds it, and the ledger never saw it.
    NotInLedger,
    /// The ledger holds it, and its mailbox does not any more, although nobody told it to let go.
    NotInMailbox,
    /// The issue that it became, or went to, is gone.
    IssueGone,
    /// The comment that it became is gone.
    CommentGone,
    /// A file of it is gone from its issue.
    AttachmentGone,
    /// Several issues carry its marker, or one that the ledger does not know tells that it is of this message.
    IssueDoubled,
    /// Several comments carry its marker, or one that the ledger does not know tells that it is of this message.
    CommentDoubled,
    /// It is not settled.
    Pending,
    /// It was set aside, and a person must look.
    Quarantined,
}

impl Kind {
    /// The list that it belongs into.
    pub fn list(self) -> List {
        match self {
            Self::NotInLedger | Self::NotInMailbox | Self::IssueGone | Self::CommentGone | Self::AttachmentGone => {
                List::Missing
            }
            Self::IssueDoubled | Self::CommentDoubled => List::Doubled,
            Self::Pending | Self::Quarantined => List::Pending,
        }
    }
}

/// The three lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `missing`
    Missing,
    /// `doubled`
    Doubled,
    /// `pending`
    Pending,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The mailbox's name.
    pub mailbox: String,
    /// The message's number in the ledger, if it has one.
    pub id: Option<EntryId>,
    /// Its `Message-ID`, where known.
    pub message_id: Option<String>,
    /// Where it sits in its mailbox.
    pub place: String,
    /// When it came to the mailbox.
    pub arrived_at: Option<Timestamp>,
    /// The issues that it is about.
    pub issues: Vec<String>,
    /// In one sentence.
    pub what: String,
}

/// What could not be looked at, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Unchecked {
    /// A mailbox's name, or `jira`.
    pub subject: String,
    /// Why.
    pub reason: String,
}

impl Audit {
    /// Sorts what was found into its lists.
    pub fn new(
        (since, until): (Timestamp, Timestamp),
        compared: Compared,
        findings: Vec<Finding>,
        unchecked: Vec<Unchecked>,
    ) -> Self {
        let healthy = findings.is_empty() && unchecked.is_empty();
        let mut audit = Self {
            since,
            until,
            healthy,
            compared,
            missing: Vec::new(),
            doubled: Vec::new(),
            pending: Vec::new(),
            unchecked,
        };
        for finding in findings {
            let list = match finding.kind.list() {
                List::Missing => &mut audit.missing,
                List::Doubled => &mut audit.doubled,
                List::Pending => &mut audit.pending,
            };
            list.push(finding);
        }
        audit
    }

    /// For people: what was compared, then a line for each finding.
    pub fn to_text(&self) -> String {
        let Compared { in_mailboxes, in_ledger, issues } = self.compared;
        let mut text = format!(
            "{} to {}: {in_mailboxes} messages in the mailboxes, {in_ledger} in the ledger, {issues} issues\n",
            self.since, self.until
        );
        for (name, findings) in [("missing", &self.missing), ("doubled", &self.doubled), ("pending", &self.pending)] {
            text.push_str(&format!("{name}: {}\n", findings.len()));
            findings.iter().for_each(|finding| text.push_str(&format!("  {}\n", finding.to_line())));
        }
        for Unchecked { subject, reason } in &self.unchecked {
            text.push_str(&format!("not compared: {subject}: {reason}\n"));
        }
        text
    }
}

impl Finding {
    fn to_line(&self) -> String {
        let id = self.id.map(|id| format!("message {id}, ")).unwrap_or_default();
        without_controls(&format!("{}: {id}{}: {}", self.mailbox, self.place, self.what))
    }
}
