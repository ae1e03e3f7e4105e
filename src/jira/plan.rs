//! What is to be written for one message: steps in order, each idempotent through its marker. Pure. A plan is stored and repeated
//! as it is, so that everything a step needs stands in it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::document::{Fit, Pictures, render_text};
use super::json::Json;
use super::{ExistingAttachment, Flavour, Form, RequestForm};
use crate::config::rule::{Visibility, wildcard};
use crate::config::{MailboxSettings, Skip};
use crate::decide::follow::Followed;
use crate::decide::values::Link;
use crate::decide::{Action, Afterwards, Decision};
use crate::mail::rich::Document;
use crate::mail::{Attachment, Mail, file_name};

mod text;

use request::Request;
use text::Opening;
pub use text::body;

pub mod concede;
pub mod fields;
pub mod original;
pub mod request;

/// The property key, on issues and comments, that holds a [`Marker`].
pub const MARKER_PROPERTY: &str = "mail2jira.origin";

/// The property key, on issues, that holds the [`Marker`] of the write that moved them back to work last.
pub const REOPENED_PROPERTY: &str = "mail2jira.reopened";

/// Fields that every new issue gets.
pub const ALWAYS_FILLED: &[&str] = &["project", "issuetype", "summary", "description"];

/// The property key, on issues, that holds the marker of the step that completed them.
pub const COMPLETED_PROPERTY: &str = "mail2jira.completed";

/// UTF-16 units of a summary: Jira counts as the JVM does.
const MAX_SUMMARY: usize = 255;
/// Files that a note lists by name.
const MAX_LISTED: usize = 20;

/// What Jira keeps with what was written, so that it can be found again. Random, made once per step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marker(pub String);

/// All that is written for one message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// In this order; nothing where the message is ignored.
    pub steps: Vec<Step>,
    /// Files that Jira will not hold, by name, size and reason: the message is not delivered whole.
    pub left_out: Vec<String>,
    /// Files that `skip` names.
    pub skipped: Vec<String>,
    /// What of the message, or of what a rule asks for, is not there as it was to be: a sentence each, for its story.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One idempotent write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Kept by Jira with what was written.
    pub marker: Marker,
    /// What is written.
    pub write: Write,
}

/// One write to Jira. It goes to the issue that the message creates in its first step, or comments on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// `POST /issue`.
    CreateIssue {
        /// Project key; it also stands in `fields`.
        project: String,
        /// The `fields` object as it goes over the wire.
        fields: Fields,
    },
    /// `POST /rest/servicedeskapi/request`.
    RaiseRequest {
        /// Project key.
        project: String,
        /// What is raised.
        request: Box<Request>,
    },
    /// `PUT /issue/{id}`: what could not be said when the issue was written.
    Complete {
        /// The marker of the step that wrote the issue.
        origin: Marker,
        /// The `fields` object as it goes over the wire.
        fields: Fields,
    },
    /// `POST /issue/{id}/comment`.
    AddComment {
        /// The comment's `body`: an Atlassian Document on Cloud, wiki markup on Data Center.
        body: Json,
        /// Who sees it.
        #[serde(default)]
        visibility: Visibility,
    },
    /// `POST /issue/{id}/attachments`.
    Attach {
        /// The file's name on the issue, unique there.
        name: String,
        /// Media type.
        content_type: String,
        /// Bytes.
        size: u64,
        /// What is uploaded.
        source: Source,
        /// Ids of attachments that the issue already had when this was planned: none of them is ours.
        known: Vec<String>,
        /// SHA-256 of a picture that the text shows in place: once it is there, the issue needs no other copy of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
        /// Who sees it on a request; `None`: it goes to an issue.
        #[serde(default)]
        audience: Option<Audience>,
    },
    /// `POST /issueLink`.
    Link {
        /// The type's name.
        kind: String,
        /// The issue at its other end, by id or key.
        other: String,
    },
    /// `POST /issue/{id}/watchers`.
    Watch {
        /// As issues name users.
        user: String,
    },
    /// `POST /issue/{id}/transitions`, from a finished status to one that is not.
    Reopen,
}

/// Who sees something on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Its customers, too.
    Customers,
    /// Agents alone.
    Agents,
}

/// The fields of an issue by their names, each as it goes over the wire.
pub type Fields = BTreeMap<String, Json>;

impl Write {
    fn for_audience(mut self, sees: Option<Audience>) -> Self {
        if let Self::Attach { audience, .. } = &mut self {
            *audience = sees;
        }
        self
    }

    /// What kind of write it is, in a word for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateIssue { .. } => "create the issue",
            Self::RaiseRequest { .. } => "raise the request",
            Self::Complete { .. } => "set the rest of the issue",
            Self::AddComment { .. } => "add the comment",
            Self::Attach { .. } => "attach a file",
            Self::Link { .. } => "link the issue",
            Self::Watch { .. } => "add a watcher",
            Self::Reopen => "move the issue back to work",
        }
    }

    /// Whether the message is in Jira without it: it is dropped where Jira does not do it.
    pub fn weight(&self) -> Weight {
        match self {
            Self::CreateIssue { .. }
            | Self::RaiseRequest { .. }
            | Self::Complete { .. }
            | Self::AddComment { .. }
            | Self::Attach { .. } => Weight::Message,
            Self::Link { .. } | Self::Watch { .. } | Self::Reopen => Weight::Extra,
        }
    }
}

/// What a write means to the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It carries a part of it.
    Message,
    /// It does something besides.
    Extra,
}

/// Where the bytes of an upload come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The n-th attachment of the parsed message.
    Attachment(usize),
    /// The message as it came.
    Original,
}

/// What a plan depends on besides the message and the decision.
#[derive(Debug, Clone, Copy)]
pub struct PlanFacts<'a> {
    /// What kind of Jira it is for.
    pub flavour: Flavour,
    /// The mailbox's settings.
    pub settings: &'a MailboxSettings,
    /// Bytes of the message as it came.
    pub original: u64,
    /// Attachments of the issue that is commented on.
    pub existing: &'a [ExistingAttachment],
    /// Pictures that stand on the issue already: their names there by their SHA-256.
    pub pictures: &'a BTreeMap<String, String>,
    /// The largest file that Jira takes, in bytes; `None` when attachments are switched off.
    pub upload_limit: Option<u64>,
    /// What kinds of value fields take, as far as Jira was asked.
    pub form: &'a Form,
    /// Who is to watch the issue, as issues name users.
    pub watchers: &'a [String],
    /// What a request type asks for, where a request is to be raised.
    pub request_form: Option<&'a RequestForm>,
}

/// Plans the writes for a decision. `markers` makes a new marker for each step.
pub fn plan(decision: &Decision, mail: &Mail, facts: &PlanFacts<'_>, markers: &mut dyn FnMut() -> Marker) -> Plan {
    let mut files = Files::of(mail, facts);
    let (mut besides, mut rest) = (Vec::new(), None);
    let first = match &decision.action {
        Action::Create { project, issue_type, wanted } => {
            let (summary, subject) = summary(wanted.summary.as_ref().unwrap_or(&mail.subject));
            let opening = Opening { subject, note: wanted.follows.as_ref().map(Followed::note) };
            let description = text::text(mail, &opening, facts, &mut files);
            let set = fields::shaped(&wanted.fields, facts.form, facts.flavour);
            besides.extend(wanted.links.iter().map(link));
            files.said.extend(wanted.trouble.iter().cloned());
            match (create(project, issue_type, (&summary, description), &set), facts.request_form) {
                (Write::CreateIssue { project, fields }, Some(form)) => {
                    let markup = text::markup(mail, facts, &files);
                    let (request, later) = request::request(fields, markup, form, &people(mail, facts));
                    rest = Some(later);
                    Write::RaiseRequest { project, request: Box::new(request) }
                }
                (issue, _) => issue,
            }
        }
        // A comment shows no subject: that of its issue stands for it.
        Action::Comment { visibility, afterwards, .. } => {
            besides.extend((*afterwards == Afterwards::Reopen).then_some(Write::Reopen));
            let body = text::text(mail, &Opening { subject: Fit::Whole, note: None }, facts, &mut files);
            Write::AddComment { body, visibility: visibility.clone() }
        }
        Action::Ignore | Action::Quarantine => return Plan::default(),
    };
    besides.extend(facts.watchers.iter().map(|user| Write::Watch { user: user.clone() }));
    let first = Step { marker: markers(), write: first };
    let complete = rest.map(|fields| Write::Complete { origin: first.marker.clone(), fields });
    let audience = audience(&decision.action, facts);
    let uploads = files.uploads.into_iter().map(|upload| upload.for_audience(audience));
    let later = complete.into_iter().chain(uploads).chain(besides).map(|write| Step { marker: markers(), write });
    let steps = std::iter::once(first).chain(later).collect();
    let not_attached = files.left_out.iter().map(|file| format!("Not attached: {file}"));
    let notes = files.said.into_iter().chain(not_attached).collect();
    Plan { steps, left_out: files.left_out, skipped: files.skipped, notes }
}

fn people<'m>(mail: &'m Mail, facts: &PlanFacts<'m>) -> request::People<'m> {
    let PlanFacts { settings, .. } = facts;
    let dmarc = mail.dmarc(&settings.trusted_results());
    request::People { mail, settings: &settings.requests, own: &settings.address, dmarc }
}

/// Who sees the files of a message: on a request whoever sees its text.
fn audience(action: &Action, facts: &PlanFacts<'_>) -> Option<Audience> {
    let makes_requests = facts.request_form.is_some() || facts.settings.requests.kind.is_some();
    match action {
        Action::Create { .. } => facts.request_form.map(|_| Audience::Customers),
        Action::Comment { visibility: Visibility::Public, .. } => makes_requests.then_some(Audience::Customers),
        Action::Comment { .. } => makes_requests.then_some(Audience::Agents),
        Action::Ignore | Action::Quarantine => None,
    }
}

fn link(link: &Link) -> Write {
    Write::Link { kind: link.kind.clone(), other: link.issue.clone() }
}

/// An issue that is about no message: plain text, in the program's own words.
pub fn plain_issue(project: &str, issue_type: &str, subject: &str, text: &str, flavour: Flavour) -> Write {
    let (summary, _) = summary(subject);
    create(project, issue_type, (&summary, render_text(text, flavour)), &Map::new())
}

fn create(project: &str, issue_type: &str, (summary, description): (&str, Json), set: &Map<String, Value>) -> Write {
    let own = [
        ("project", Json::of(&json!({"key": project}))),
        ("issuetype", Json::of(&json!({"name": issue_type}))),
        ("summary", Json::of(&summary)),
        ("description", description),
    ];
    let own = own.into_iter().map(|(field, value)| (field.to_owned(), value));
    let set = set.iter().map(|(field, value)| (field.clone(), Json::of(value)));
    let fields = set.chain(own).collect();
    Write::CreateIssue { project: project.to_owned(), fields }
}

/// A subject as Jira takes it: one line, at most 255 UTF-16 units, never empty. And whether it is there whole.
fn summary(subject: &str) -> (String, Fit) {
    let line: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return ("(no subject)".to_owned(), Fit::Whole);
    }
    if line.encode_utf16().count() <= MAX_SUMMARY {
        return (line, Fit::Whole);
    }
    let mut units = 1; // for the sign that says so
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= MAX_SUMMARY
    };
    let cut: String = line.chars().take_while(fits).collect();
    (format!("{}…", cut.trim_end()), Fit::Cut)
}

/// A file that is to be attached.
struct File<'f> {
    name: &'f str,
    content_type: &'f str,
    size: u64,
    source: Source,
    picture: Option<&'f str>,
}

/// What becomes of the files of a message.
struct Files {
    uploads: Vec<Write>,
    left_out: Vec<String>,
    skipped: Vec<String>,
    taken: file_name::Taken,
    known: Vec<String>,
    original: Option<String>,
    /// The names of pictures on the issue, by their SHA-256: those that are there, and those that will be.
    pictures: BTreeMap<String, String>,
    /// Sentences for the message's story.
    said: Vec<String>,
}

impl Files {
    fn of(mail: &Mail, facts: &PlanFacts<'_>) -> Self {
        let mut taken = file_name::Taken::default();
        facts.existing.iter().for_each(|existing| taken.take(&existing.name));
        let known = facts.existing.iter().map(|existing| existing.id.clone()).collect();
        let (uploads, left_out, skipped, said) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let pictures = facts.pictures.clone();
        let mut files = Self { uploads, left_out, skipped, taken, known, original: None, pictures, said };
        let skip = &facts.settings.attachments.skip;
        for (index, attachment) in mail.attachments.iter().enumerate() {
            if skip.iter().any(|skip| names(skip, attachment)) {
                files.skipped.push(attachment.name.clone());
                continue;
            }
            let picture = is_picture(attachment).then_some(attachment.sha256.as_str());
            if picture.is_some_and(|picture| files.pictures.contains_key(picture)) {
                continue; // a signature's picture comes with every mail
            }
            let file = File {
                name: &attachment.name,
                content_type: &attachment.content_type,
                size: attachment.size,
                source: Source::Attachment(index),
                picture,
            };
            if let (Some(name), Some(picture)) = (files.add(file, facts), picture) {
                files.pictures.insert(picture.to_owned(), name);
            }
        }
        files
    }

    fn add_original(&mut self, mail: &Mail, facts: &PlanFacts<'_>) {
        let name = original::named_after(&mail.subject);
        let (size, source) = (facts.original, Source::Original);
        let file = File { name: &name, content_type: "message/rfc822", size, source, picture: None };
        self.original = self.add(file, facts);
    }

    /// Plans an upload, or says why there is none; gives the name that the file gets.
    fn add(&mut self, file: File<'_>, facts: &PlanFacts<'_>) -> Option<String> {
        let reason = match facts.upload_limit {
            None => Some("attachments are switched off in Jira"),
            Some(limit) if file.size > limit => Some("larger than Jira takes"),
            Some(_) if file.size > facts.settings.attachments.max_size => Some("larger than `max_size`"),
            Some(_) => None,
        };
        if let Some(reason) = reason {
            self.left_out.push(format!("{} ({}): {reason}", file.name, human_size(file.size)));
            return None;
        }
        let name = self.taken.unique(file.name);
        self.uploads.push(Write::Attach {
            name: name.clone(),
            content_type: file.content_type.to_owned(),
            size: file.size,
            source: file.source,
            known: self.known.clone(),
            picture: file.picture.map(str::to_owned),
            audience: None,
        });
        Some(name)
    }

    /// The names that pictures in the text have on the issue, by what the text calls them.
    fn pictures(&self, mail: &Mail) -> Pictures {
        let mut names = HashMap::new();
        for attachment in mail.attachments.iter().filter(|attachment| is_picture(attachment)) {
            let Some(name) = self.pictures.get(&attachment.sha256) else { continue };
            for reference in [&attachment.content_id, &attachment.content_location].into_iter().flatten() {
                names.entry(reference.clone()).or_insert_with(|| name.clone());
            }
        }
        Pictures { names }
    }

    /// What a reader of the issue must be told.
    fn notes(&self, lacking: Option<&str>) -> Document {
        let mut notes = Document::default();
        if let Some(lacking) = lacking {
            notes.append(Document::from_text(lacking));
        }
        if let Some(name) = &self.original {
            notes.append(Document::from_text(&format!("The message as it came is attached: {name}")));
        }
        if !self.left_out.is_empty() {
            let more = self.left_out.len().saturating_sub(MAX_LISTED);
            let mut lines = vec!["Not attached:".to_owned()];
            lines.extend(self.left_out.iter().take(MAX_LISTED).cloned());
            lines.extend((more > 0).then(|| format!("and {more} more")));
            notes.append(Document::from_text(&lines.join("\n")));
        }
        notes
    }
}

/// Whether an attachment is a picture that the text shows in place.
fn is_picture(attachment: &Attachment) -> bool {
    attachment.inline && attachment.content_type.starts_with("image/")
}

/// Whether an entry of `skip` names an attachment.
fn names(skip: &Skip, attachment: &Attachment) -> bool {
    let subject = if skip.pattern.contains('/') { &attachment.content_type } else { &attachment.name };
    let small = skip.below.is_none_or(|below| attachment.size < below);
    small && wildcard(&skip.pattern.to_lowercase(), &subject.to_lowercase())
}

/// `2.1 MiB`.
fn human_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}
