//! What would be done with a message: how it was understood, and what would be written to Jira. Pure: no network, no state,
//! no printing; whoever calls prints [`preview`] as JSON or [`Preview::to_text`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::senders::SenderSettings;
use crate::config::{
    After, AfterFailure, AttachOriginal, AttachmentSettings, CopiedPeople, MailboxName, MailboxSettings, Mechanism,
    Protocol, RemovedText, ReplySettings, RequestSettings, Rule, SecretRef, SignIn, TlsMode,
};
use crate::decide::claim::{ClaimPlace, Claimed, Standing, Tie, claims, projects};
use crate::decide::{Facts, Grounds, decide};
use crate::jira::plan::{self, Marker, PlanFacts};
use crate::jira::{Flavour, Form, IssueRef, Nature, UploadLimit};
use crate::mail::authentication::Dmarc;
use crate::mail::people::Through;
use crate::mail::{self, Address, Attachment, Body, Bounce, Classification, MessageId};

pub use planned::Planned;

pub mod against;
mod planned;

/// One message, as `preview --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Without angle brackets.
    pub message_id: Option<MessageId>,
    /// Empty where there is none.
    pub subject: String,
    /// The `Date` header.
    pub date: Option<Timestamp>,
    /// The `From` header.
    pub from: Vec<Address>,
    /// The `To` header.
    pub to: Vec<Address>,
    /// The `Cc` header.
    pub cc: Vec<Address>,
    /// The `Reply-To` header.
    pub reply_to: Vec<Address>,
    /// Who a reader would say that it is from.
    pub author: Option<Address>,
    /// How it came from them, where not straight.
    pub through: Option<Through>,
    /// The `In-Reply-To` header.
    pub in_reply_to: Vec<MessageId>,
    /// The `References` header.
    pub references: Vec<MessageId>,
    /// What the message is to this mailbox.
    pub classification: Classification,
    /// Why.
    pub classification_reasons: Vec<String>,
    /// What a bounce says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce: Option<Bounce>,
    /// What the sender wrote.
    pub body_text: String,
    /// What was quoted.
    pub quoted_text: String,
    /// The signature.
    pub signature_text: String,
    /// The HTML part.
    pub body_html: Option<String>,
    /// The files.
    pub attachments: Vec<File>,
    /// How far the sender was proved.
    pub authentication: Authentication,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What would be done.
    pub plan: Planned,
    /// The body as an Atlassian Document.
    pub adf: Value,
    /// The body as wiki markup.
    pub wiki: String,
    /// What was wrong with the message.
    pub complaints: Vec<String>,
}

/// A file that came with the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Safe and unique within the message.
    pub name: String,
    /// `type/subtype`.
    pub content_type: String,
    /// Bytes, transfer encoding undone.
    pub size: u64,
    /// Over the same bytes, in hex.
    pub sha256: String,
    /// Whether the text shows it in place.
    pub inline: bool,
    /// Without angle brackets.
    pub content_id: Option<String>,
    /// The container that it was unpacked from.
    pub extracted_from: Option<String>,
}

/// How far the sender was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// The DMARC result.
    pub dmarc: Dmarc,
}

impl Preview {
    /// For people: a line a fact, then the text as it would be written.
    pub fn to_text(&self) -> String {
        let complaints = self.complaints.iter().map(|complaint| ("complaint", complaint.clone()));
        let facts = [
            ("subject", self.subject.clone()),
            ("from", self.from.iter().map(written).collect::<Vec<_>>().join(", ")),
            ("date", self.date.map(|date| date.to_string()).unwrap_or_default()),
            ("kind", format!("{} ({})", self.classification.as_str(), self.classification_reasons.join("; "))),
            ("rule", self.rule.clone().unwrap_or_default()),
            ("action", format!("{}: {}", self.plan.action.as_str(), self.plan.reason)),
            (
                "project",
                [&self.plan.project, &self.plan.issue_type].map(|part| part.clone().unwrap_or_default()).join(" "),
            ),
            ("issue", self.plan.issue.clone().unwrap_or_default()),
        ];
        let facts = facts.into_iter().chain(self.plan.facts()).chain(complaints);
        let lines = facts.filter(|(_, value)| !value.trim().is_empty());
        let lines = lines.map(|(name, value)| format!("{name:>10}  {}\n", printable(&value)));
        format!("{}\n{}\n", lines.collect::<String>(), printable(&self.body_text))
    }
}

/// Understands a message and plans what would be written for it by a ledger that knows no other message. What it answers is
/// known only where that is a notification of Jira's, whose id names the issue, or where it names an issue itself.
pub fn preview(raw: &[u8], settings: &MailboxSettings, rules: &[Rule]) -> Preview {
    let mail = mail::parse(raw);
    let thread_issue =
        mail.jira_ancestors().into_iter().next().map(|id| IssueRef { id: id.issue_id, key: String::new() });
    let size = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    let facts = Facts { thread_issue, claimed: claimed(&mail, settings, rules), ..Facts::default() };
    let decision = decide(&mail, &Grounds { facts: &facts, settings, rules, size });
    // Jira's own limit is not known without asking it; `max_size` is.
    let (flavour, original) = (Flavour::Cloud, size); // the wiki markup is shown besides
    let (existing, pictures, upload_limit) = (&[], &BTreeMap::new(), UploadLimit::Untold);
    let facts = PlanFacts {
        flavour,
        settings,
        original,
        existing,
        pictures,
        upload_limit,
        form: &Form::new(), // what Jira is not asked is shaped by its name
        request_form: None,
        watchers: &[],
        participants: &[],
        nature: Nature::Issue,
    };
    let plan = plan::plan(&decision, &mail, &facts, &mut || Marker(String::new()));
    let (classification, reasons) = mail.origin.as_seen_by(&settings.address);
    Preview {
        classification,
        classification_reasons: reasons.to_vec(),
        attachments: mail.attachments.iter().map(File::of).collect(),
        authentication: Authentication { dmarc: mail.dmarc(&settings.trusted_results()) },
        rule: decision.rule.clone(),
        plan: Planned { removed: removed(&mail, settings), ..Planned::of(decision, plan) },
        adf: plan::body(&mail, Flavour::Cloud).to_value(),
        wiki: wiki(&mail),
        complaints: mail.complaints.iter().map(ToString::to_string).collect(),
        message_id: mail.message_id,
        subject: mail.subject,
        date: mail.date,
        from: mail.from,
        to: mail.to,
        cc: mail.cc,
        reply_to: mail.reply_to,
        author: mail.people.author,
        through: mail.people.through,
        in_reply_to: mail.in_reply_to,
        references: mail.references,
        bounce: mail.origin.bounce,
        body_text: mail.body.text,
        quoted_text: mail.body.quoted,
        signature_text: mail.body.signature,
        body_html: mail.body.html,
    }
}

impl File {
    fn of(attachment: &Attachment) -> Self {
        Self {
            name: attachment.name.clone(),
            content_type: attachment.content_type.clone(),
            size: attachment.size,
            sha256: attachment.sha256.clone(),
            inline: attachment.inline,
            content_id: attachment.content_id.clone(),
            extracted_from: attachment.extracted_from.clone(),
        }
    }
}

/// Where all is quoted, all is shown.
fn removed(mail: &mail::Mail, settings: &MailboxSettings) -> Option<String> {
    let Body { text, quoted, signature, .. } = &mail.body;
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    let parts = [("of quoted text", lines(quoted)), ("of a signature", lines(signature))];
    let parts = parts.into_iter().filter(|(_, lines)| *lines > 0).map(|(what, lines)| format!("{lines} lines {what}"));
    let parts = parts.collect::<Vec<_>>().join(" and ");
    let place = match settings.removed_text {
        RemovedText::Collapsed => "folded up below the text",
        RemovedText::Attached => "in the attached message",
    };
    (!parts.is_empty() && !text.is_empty()).then(|| format!("{parts}: {place}"))
}

/// An issue that the message names; whether there is one, and whether its sender is on it, only Jira could say.
fn claimed(mail: &mail::Mail, settings: &MailboxSettings, rules: &[Rule]) -> Option<Claimed> {
    let claim = claims(mail, &settings.address, &projects(settings, rules)).into_iter().next()?;
    let tie = match claim.place {
        ClaimPlace::AddressTag => Tie::AddressTag,
        ClaimPlace::Subject => Tie::SubjectKey(Standing::Unproven),
    };
    Some(Claimed { issue: IssueRef { id: String::new(), key: claim.key }, tie })
}

fn wiki(mail: &mail::Mail) -> String {
    match plan::body(mail, Flavour::DataCenter).to_value() {
        Value::String(markup) => markup,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

fn written(address: &Address) -> String {
    match (address.name.as_str(), address.address.as_str()) {
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    }
}

/// Text that can do nothing to a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !c.is_control()).collect()
}

/// What stands in for a mailbox's settings where there is no configuration file: the defaults of the contract, and a project
/// that is plainly nobody's.
pub fn default_settings(name: MailboxName) -> MailboxSettings {
    MailboxSettings {
        name,
        address: String::new(),
        login: String::new(),
        sign_in: SignIn::Password { username: String::new(), secret: SecretRef::Env(String::new()) },
        protocol: Protocol::Imap,
        host: String::new(),
        authserv_id: None,
        port: 993,
        tls: TlsMode::Implicit,
        ca_file: None,
        mechanism: Mechanism::Auto,
        folders: vec!["INBOX".to_owned()],
        start: MailboxSettings::DEFAULT_START,
        poll: MailboxSettings::DEFAULT_POLL,
        daily_bytes: None,
        after: After::Seen,
        after_failure: AfterFailure::Keep,
        ignore: MailboxSettings::DEFAULT_IGNORE.to_vec(),
        attach_original: AttachOriginal::Auto,
        removed_text: RemovedText::Collapsed,
        project: Some("PROJECT".to_owned()),
        issue_type: Some("Task".to_owned()),
        replies: ReplySettings::default(),
        default_reporter: None,
        cc: CopiedPeople::Nobody,
        senders: SenderSettings::default(),
        defaults: Map::new(),
        requests: RequestSettings::default(),
        attachments: AttachmentSettings { max_size: AttachmentSettings::DEFAULT_MAX_SIZE, skip: Vec::new() },
    }
}
