//! What becomes of the files of a message: which are attached, under which names, and which Jira will not hold. Pure.

use std::collections::{BTreeMap, HashMap};

use super::{PlanFacts, Source, Write, original};
use crate::config::Skip;
use crate::config::rule::wildcard;
use crate::jira::UploadLimit;
use crate::jira::document::{Pictures, Shown};
use crate::mail::rich::Document;
use crate::mail::{Attachment, Mail, file_name, picture};

/// Files that a note lists by name.
const MAX_LISTED: usize = 20;

/// A file that is to be attached.
struct File<'f> {
    name: &'f str,
    content_type: &'f str,
    size: u64,
    source: Source,
    picture: Option<&'f str>,
}

/// What becomes of the files of a message.
pub(super) struct Files {
    pub(super) uploads: Vec<Write>,
    pub(super) left_out: Vec<String>,
    pub(super) skipped: Vec<String>,
    taken: file_name::Taken,
    known: Vec<String>,
    original: Option<String>,
    /// The names of pictures on the issue, by their SHA-256: those that are there, and those that will be.
    pictures: BTreeMap<String, String>,
    /// Sentences for the message's story.
    pub(super) said: Vec<String>,
}

impl Files {
    pub(super) fn of(mail: &Mail, facts: &PlanFacts<'_>) -> Self {
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

    pub(super) fn add_original(&mut self, mail: &Mail, facts: &PlanFacts<'_>) {
        let name = original::named_after(&mail.subject);
        let (size, source) = (facts.original, Source::Original);
        let file = File { name: &name, content_type: "message/rfc822", size, source, picture: None };
        self.original = self.add(file, facts);
    }

    /// Plans an upload, or says why there is none; gives the name that the file gets.
    fn add(&mut self, file: File<'_>, facts: &PlanFacts<'_>) -> Option<String> {
        let is_within_ours = file.size <= facts.settings.attachments.max_size;
        let reason = match facts.upload_limit {
            UploadLimit::Off => Some("attachments are switched off in Jira"),
            UploadLimit::Bytes(limit) if file.size > limit => Some("larger than Jira takes"),
            UploadLimit::Bytes(_) | UploadLimit::Untold => (!is_within_ours).then_some("larger than `max_size`"),
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
    pub(super) fn pictures(&self, mail: &Mail) -> Pictures {
        let (mut names, mut widths) = (HashMap::new(), HashMap::new());
        for attachment in mail.attachments.iter().filter(|attachment| is_picture(attachment)) {
            let Some(name) = self.pictures.get(&attachment.sha256) else { continue };
            widths.extend(picture::width(&attachment.content).map(|width| (name.clone(), width)));
            for reference in [&attachment.content_id, &attachment.content_location].into_iter().flatten() {
                names.entry(reference.clone()).or_insert_with(|| name.clone());
            }
        }
        Pictures { names, widths, shown: Shown::Placed }
    }

    /// What a reader of the issue must be told.
    pub(super) fn notes(&self, lacking: Option<&str>) -> Document {
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
pub(super) fn human_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}
