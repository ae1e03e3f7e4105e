//! What is to be written for one message: steps in order, each idempotent through its marker. Pure. A plan is stored and repeated
//! as it is, so that everything a step needs stands in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::document::{Fit, placed, render_text};
use super::json::Json;
use super::{ExistingAttachment, Flavour, Form, Nature, RequestForm, UploadLimit};
use crate::config::MailboxSettings;
use crate::config::rule::Visibility;
use crate::decide::follow::Followed;
use crate::decide::values::Link;
use crate::decide::{Action, Afterwards, Decision};
use crate::mail::Mail;
use crate::text::one_line;

mod files;
mod proof;
mod text;
mod write;

use files::Files;
pub use proof::{Unproved, proof_of, unproved};
use text::Opening;
pub use text::body;
pub use write::{Audience, Source, TextPlace, Weight, Write};

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

/// What Jira keeps with what was written, so that it can be found again. Random, made once per step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marker(pub String);

impl Marker {
    /// One that also tells what message it is for: what a ledger that was lost, or set back, has written is known by that.
    pub fn with_print(random: &str, print: &str) -> Self {
        Self(format!("{random}-{print}"))
    }

    /// What tells the message, where it was given.
    pub fn print(&self) -> Option<&str> {
        self.0.split_once('-').map(|(_, print)| print)
    }
}

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

/// The fields of an issue by their names, each as it goes over the wire.
pub type Fields = BTreeMap<String, Json>;

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
    /// How large a file Jira takes.
    pub upload_limit: UploadLimit,
    /// What kinds of value fields take, as far as Jira was asked.
    pub form: &'a Form,
    /// Who is to watch the issue, as issues name users.
    pub watchers: &'a [String],
    /// Who is to take part in the request that is commented on, likewise.
    pub participants: &'a [String],
    /// What it is that the message goes to.
    pub nature: Nature,
    /// What a request type asks for, where a request is to be raised.
    pub request_form: Option<&'a RequestForm>,
}

/// Plans the writes for a decision. `markers` makes a new marker for each step.
pub fn plan(decision: &Decision, mail: &Mail, facts: &PlanFacts<'_>, markers: &mut dyn FnMut() -> Marker) -> Plan {
    let mut files = Files::of(mail, facts);
    let Some(beginning) = begin(&decision.action, mail, facts, &mut files) else { return Plan::default() };
    let Beginning { write, rest, shown, proof, besides } = beginning;
    let first = Step { marker: markers(), write };
    let audience = audience(visibility(&decision.action), facts.nature);
    let mut later = Vec::new();
    later.extend(rest.map(|fields| Write::Complete { origin: first.marker.clone(), fields }));
    later.extend(proof.clone());
    later.extend(files.uploads.into_iter().map(|upload| upload.for_audience(audience)));
    if let Some(shown) = shown {
        later.push(shown);
        later.extend(proof); // whoever writes a comment anew may show it to others than before
    }
    later.extend(besides);
    later.extend(facts.watchers.iter().map(|user| Write::Watch { user: user.clone() }));
    if !facts.participants.is_empty() {
        later.push(Write::AddParticipants { users: facts.participants.to_vec() });
    }
    let later = later.into_iter().map(|write| Step { marker: markers(), write });
    let steps = std::iter::once(first).chain(later).collect();
    let not_attached = files.left_out.iter().map(|file| format!("Not attached: {file}"));
    let notes = files.said.into_iter().chain(not_attached).collect();
    Plan { steps, left_out: files.left_out, skipped: files.skipped, notes }
}

fn visibility(action: &Action) -> &Visibility {
    match action {
        Action::Comment { visibility, .. } => visibility,
        Action::Create { .. } | Action::Ignore | Action::Quarantine => &Visibility::Public,
    }
}

/// What the text of a message becomes, and what follows from that.
struct Beginning {
    write: Write,
    /// What a request is to hold besides.
    rest: Option<Fields>,
    /// The text with its pictures.
    shown: Option<Write>,
    /// That the text is seen by those alone that it is for.
    proof: Option<Write>,
    /// What is done besides.
    besides: Vec<Write>,
}

fn begin(action: &Action, mail: &Mail, facts: &PlanFacts<'_>, files: &mut Files) -> Option<Beginning> {
    match action {
        Action::Create { project, issue_type, wanted } => {
            let (summary, subject) = summary(wanted.summary.as_ref().unwrap_or(&mail.subject));
            let opening = Opening { subject, note: wanted.follows.as_ref().map(Followed::note) };
            let text = text::text(mail, &opening, facts, files);
            let (description, shown) = in_two(text, TextPlace::Description);
            let mut set = fields::shaped(&wanted.fields, facts.form, facts.flavour);
            let on_form = fields::shaped_for_request(&wanted.fields, facts.form, facts.flavour);
            let is_on_form = |field: &String| facts.request_form.is_some_and(|form| form.fields.contains_key(field));
            set.extend(on_form.into_iter().filter(|(field, _)| is_on_form(field)));
            files.said.extend(wanted.trouble.iter().cloned());
            let fields = issue_fields(project, issue_type, (&summary, description), &set);
            let (write, rest) = match facts.request_form {
                Some(form) => {
                    let markup = text::markup(mail, facts, files);
                    let (request, rest) = request::request(fields, markup, form, &people(mail, facts));
                    (Write::RaiseRequest { project: project.clone(), request: Box::new(request) }, Some(rest))
                }
                None => (Write::CreateIssue { project: project.clone(), fields }, None),
            };
            Some(Beginning { write, rest, shown, proof: None, besides: wanted.links.iter().map(link).collect() })
        }
        Action::Comment { visibility, afterwards, .. } => {
            // A comment shows no subject: that of its issue stands for it.
            let text = text::text(mail, &Opening { subject: Fit::Whole, note: None }, facts, files);
            let (body, shown) = in_two(text, TextPlace::Comment(visibility.clone()));
            let write = Write::AddComment { body, visibility: visibility.clone() };
            let besides = (*afterwards == Afterwards::Reopen).then_some(Write::Reopen).into_iter().collect();
            Some(Beginning { write, rest: None, shown, proof: proof_of(visibility), besides })
        }
        Action::Ignore | Action::Quarantine => None,
    }
}

/// A text as it is written first, and the write that puts its pictures into it.
fn in_two(text: Json, place: TextPlace) -> (Json, Option<Write>) {
    match placed::names(&text).is_empty() {
        true => (text, None),
        false => (placed::with_ids(&text, &BTreeMap::new()), Some(Write::ShowPictures { text, place })),
    }
}

fn people<'m>(mail: &'m Mail, facts: &PlanFacts<'m>) -> request::People<'m> {
    let PlanFacts { settings, .. } = facts;
    let dmarc = mail.dmarc(&settings.trusted_results());
    request::People { mail, settings: &settings.requests, own: &settings.address, dmarc }
}

/// Who sees the files of a message: on a request whoever sees its text. Where nobody tells whether it is one, what is
/// for some is not risked.
pub fn audience(visibility: &Visibility, nature: Nature) -> Option<Audience> {
    match (visibility, nature) {
        (Visibility::Public, Nature::Request) => Some(Audience::Customers),
        (Visibility::Public, Nature::Untold) | (_, Nature::Issue) => None,
        (Visibility::Internal | Visibility::Role(_) | Visibility::Group(_), Nature::Request | Nature::Untold) => {
            Some(Audience::Agents)
        }
    }
}

fn link(link: &Link) -> Write {
    Write::Link { kind: link.kind.clone(), other: link.issue.clone() }
}

/// An issue that is about no message: plain text, in the program's own words.
pub fn plain_issue(project: &str, issue_type: &str, subject: &str, text: &str, flavour: Flavour) -> Write {
    let (summary, _) = summary(subject);
    let fields = issue_fields(project, issue_type, (&summary, render_text(text, flavour)), &Map::new());
    Write::CreateIssue { project: project.to_owned(), fields }
}

fn issue_fields(
    project: &str,
    issue_type: &str,
    (summary, description): (&str, Json),
    set: &Map<String, Value>,
) -> Fields {
    let own = [
        ("project", Json::of(&json!({"key": project}))),
        ("issuetype", Json::of(&json!({"name": issue_type}))),
        ("summary", Json::of(&summary)),
        ("description", description),
    ];
    let own = own.into_iter().map(|(field, value)| (field.to_owned(), value));
    let set = set.iter().map(|(field, value)| (field.clone(), Json::of(value)));
    set.chain(own).collect()
}

/// A subject as Jira takes it: one line, at most 255 UTF-16 units, never empty. And whether it is there whole.
fn summary(subject: &str) -> (String, Fit) {
    let line = one_line(subject);
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
