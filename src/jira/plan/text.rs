//! What an issue or a comment says of a message: who wrote, what they wrote, and what of it is missing there.

use super::PlanFacts;
use super::files::Files;
use crate::config::{AttachOriginal, RemovedText};
use crate::jira::Flavour;
use crate::jira::document::{self, Fit, Page, Pictures, Section, render};
use crate::jira::json::Json;
use crate::mail::people::{People, Through};
use crate::mail::rich::Document;
use crate::mail::{Address, Harm, Mail};

/// What of a message is shown at once, and what is folded up below.
struct Shown<'m> {
    body: &'m Document,
    sections: Vec<Section<'m>>,
}

/// The text of a message as an issue or comment shows it, without who wrote it and without notes.
pub fn body(mail: &Mail, flavour: Flavour) -> Json {
    let Shown { body, sections } = shown(mail);
    let (head, notes) = (Document::default(), Document::default());
    render(&Page { head, body, sections, notes, pictures: Pictures::default() }, flavour).json
}

/// Where everything is quoted, everything is shown: no message may come out empty.
fn shown(mail: &Mail) -> Shown<'_> {
    let parts = &mail.body.parts;
    let sections = [
        Section { title: "Message", document: &parts.written },
        Section { title: "Quoted text", document: &parts.quoted },
        Section { title: "Signature", document: &parts.signature },
    ];
    let mut sections = sections.into_iter().filter(|section| !section.document.is_empty());
    let body = sections.next().map_or(&parts.written, |first| first.document);
    Shown { body, sections: sections.collect() }
}

/// What stands above the text of a message.
pub(super) struct Opening {
    /// Whether the subject is there whole.
    pub(super) subject: Fit,
    /// A sentence of our own.
    pub(super) note: Option<String>,
}

/// All of it, within Jira's limits; plans the message as it came for an attachment where something is missing. The bot's
/// account is the author in Jira, so the sender stands in the first line.
pub(super) fn text(mail: &Mail, opening: &Opening, facts: &PlanFacts<'_>, files: &mut Files) -> Json {
    let Shown { body, sections } = shown(mail);
    let (sections, elsewhere) = match facts.settings.removed_text {
        RemovedText::Collapsed => (sections, Vec::new()),
        RemovedText::Attached => (Vec::new(), sections),
    };
    let mut head = sender(mail);
    if let Some(note) = &opening.note {
        head.append(Document::from_text(note));
    }
    let subject = opening.subject;
    let mut page = Page { head, body, sections, notes: files.notes(None), pictures: files.pictures(mail) };
    let whole = render(&page, facts.flavour);
    let complete = mail.complaints.iter().all(|complaint| complaint.harm == Harm::None);
    let lacking = match (whole.body, whole.sections, subject) {
        (Fit::Cut, _, _) => Some("This message is too long for Jira: its end is missing here."),
        _ if !complete => Some("Not all of this message could be understood: something is missing here."),
        (Fit::Whole, _, Fit::Cut) => Some("The subject is too long for Jira: its end is missing here."),
        (Fit::Whole, Fit::Cut, Fit::Whole) => Some("The quoted text is too long for Jira: its end is missing here."),
        (Fit::Whole, Fit::Whole, Fit::Whole) if body.is_empty() => Some("This message has no text."),
        (Fit::Whole, Fit::Whole, Fit::Whole) => None,
    };
    files.said.extend(lacking.map(str::to_owned));
    let is_cut = [whole.body, whole.sections, subject].contains(&Fit::Cut);
    let wanted = match facts.settings.attach_original {
        AttachOriginal::Always => true,
        AttachOriginal::Auto => is_cut || !complete,
        AttachOriginal::Never => false,
    };
    if wanted || !elsewhere.is_empty() {
        files.add_original(mail, facts);
    } else if lacking.is_none() {
        return whole.json;
    }
    page.notes = files.notes(lacking);
    render(&page, facts.flavour).json
}

/// The text as wiki markup, which the forms of requests take on either product.
pub(super) fn markup(mail: &Mail, facts: &PlanFacts<'_>, files: &Files) -> Json {
    let Shown { body, sections } = shown(mail);
    let sections = match facts.settings.removed_text {
        RemovedText::Collapsed => sections,
        RemovedText::Attached => Vec::new(),
    };
    let page = Page { head: sender(mail), body, sections, notes: files.notes(None), pictures: Pictures::default() };
    render(&page, Flavour::DataCenter).json
}

fn sender(mail: &Mail) -> Document {
    let unknown = Address { name: "unknown sender".to_owned(), address: String::new() };
    let People { author, through, answers_to } = &mail.people;
    let through = through.as_ref().map(|through| match through {
        Through::List(list) => ("Through:", list),
        Through::Sender(sender) => ("Sent by:", sender),
        Through::Resent(other) => ("Passed on by:", other),
    });
    let answers = answers_to.iter().map(|address| ("Answers to:", address));
    document::people(std::iter::once(("From:", author.as_ref().unwrap_or(&unknown))).chain(through).chain(answers))
}
