//! Which parts of a message are its text and which are files. Does not tell quotes and signatures from new text yet.

use std::collections::HashSet;

use aws_lc_rs::digest;
use bytes::Bytes;

use super::encoding::Fidelity;
use super::part::{Disposition, Part};
use super::{Attachment, Body, Complaint, file_name, html, parse};

/// Files of one message; Jira takes 2,000 an issue.
const MAX_ATTACHMENTS: usize = 1_000;

/// What the parts of a message come to.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The text.
    pub(super) body: Body,
    /// The files.
    pub(super) attachments: Vec<Attachment>,
}

/// Sorts the parts of a message.
pub(super) fn contents(root: &Part<'_>, complaints: &mut Vec<Complaint>) -> Contents {
    let mut sorting = Sorting { complaints, files: Vec::new() };
    let shown = sorting.shown(root, Place::Alone);
    let Sorting { complaints, files } = sorting;
    let body = body(shown, complaints);
    let referred = referred(body.html.as_deref().unwrap_or_default());
    let mut taken = file_name::Taken::default();
    if files.len() > MAX_ATTACHMENTS {
        complaints.push(Complaint::incomplete("it has more than 1,000 attachments: the rest is left out"));
    }
    let files = files.into_iter().take(MAX_ATTACHMENTS).enumerate();
    let attachments = files.map(|(index, part)| attachment(part, index, &referred, &mut taken, complaints)).collect();
    Contents { body, attachments }
}

/// One stretch of visible text, in the forms in which it was sent.
#[derive(Debug, Default)]
struct Shown {
    plain: Option<String>,
    html: Option<String>,
}

/// Where a part stands, which decides whether it is text or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the whole message.
    Alone,
    /// One of several things one after the other.
    Among,
    /// One of several forms of the same thing.
    Alternative,
    /// What the root of a multipart/related refers to (RFC 2387).
    Related,
}

struct Sorting<'c, 'p, 'a> {
    complaints: &'c mut Vec<Complaint>,
    files: Vec<&'p Part<'a>>,
}

impl<'p, 'a> Sorting<'_, 'p, 'a> {
    /// What a part shows; files that it holds are laid aside.
    fn shown(&mut self, part: &'p Part<'a>, place: Place) -> Vec<Shown> {
        match part.media_type.as_str() {
            "multipart/alternative" => self.alternative(part),
            "multipart/related" => {
                let children = part.parts.iter().enumerate();
                let place = |index| if index == 0 { Place::Among } else { Place::Related };
                children.flat_map(|(index, child)| self.shown(child, place(index))).collect()
            }
            _ if part.is_multipart() => part.parts.iter().flat_map(|child| self.shown(child, Place::Among)).collect(),
            "text/html" if is_text(part, place) => vec![Shown { plain: None, html: Some(self.text(part)) }],
            "text/plain" if is_text(part, place) => vec![Shown { plain: Some(self.text(part)), html: None }],
            _ => {
                self.files.push(part);
                Vec::new()
            }
        }
    }

    /// Of several forms of the same text one of each kind is kept: the last, which is the sender's best (RFC 2046, 5.1.4),
    /// unless there is nothing in it.
    fn alternative(&mut self, part: &'p Part<'a>) -> Vec<Shown> {
        let mut chosen = Shown::default();
        for child in &part.parts {
            let forms = self.shown(child, Place::Alternative);
            let plain = joined(forms.iter().filter_map(|form| form.plain.as_deref()));
            let html = joined(forms.iter().filter_map(|form| form.html.as_deref()));
            chosen.plain = plain.filter(|text| !text.trim().is_empty()).or(chosen.plain);
            chosen.html = html.filter(|text| !text.trim().is_empty()).or(chosen.html);
        }
        vec![chosen]
    }

    fn text(&mut self, part: &Part<'_>) -> String {
        let (text, fidelity) = part.text();
        if fidelity == Fidelity::Salvaged {
            let words = "the encoding of its text is broken: only what could be read is shown";
            self.complaints.push(Complaint::incomplete(words));
        }
        text
    }
}

/// A part of text is a file when its sender says so: in words, by giving it a name, or by only referring to it.
fn is_text(part: &Part<'_>, place: Place) -> bool {
    match (part.disposition, place) {
        (Disposition::Attachment, _) | (_, Place::Related) => false,
        (Disposition::Inline | Disposition::Unsaid, Place::Alone | Place::Alternative) => true,
        (Disposition::Inline | Disposition::Unsaid, Place::Among) => part.file_name.is_none(),
    }
}

fn body(shown: Vec<Shown>, complaints: &mut Vec<Complaint>) -> Body {
    let mut texts = Vec::new();
    for Shown { plain, html } in &shown {
        match (plain, html) {
            (Some(plain), _) => texts.push(plain.trim_end().to_owned()),
            (None, Some(html)) => texts.push(html::text(html, complaints)),
            (None, None) => {}
        }
    }
    Body {
        text: joined(texts.iter().map(String::as_str)).unwrap_or_default(),
        html: joined(shown.iter().filter_map(|shown| shown.html.as_deref())),
        ..Body::default()
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let texts: Vec<&str> = texts.collect();
    let visible: Vec<&str> = texts.iter().copied().filter(|text| !text.trim().is_empty()).collect();
    (!texts.is_empty()).then(|| visible.join("\n\n"))
}

fn attachment(
    part: &Part<'_>,
    index: usize,
    referred: &HashSet<&str>,
    taken: &mut file_name::Taken,
    complaints: &mut Vec<Complaint>,
) -> Attachment {
    let decoded = part.content();
    if decoded.fidelity == Fidelity::Salvaged {
        complaints.push(Complaint::incomplete(
            "the encoding of an attachment is broken: only what could be read is attached",
        ));
    }
    let name = name(part, &decoded.bytes, index);
    let shown = part.content_id.as_deref().is_some_and(|id| referred.contains(id));
    Attachment {
        name: taken.unique(&name),
        content_type: part.media_type.clone(),
        sha256: hex(digest::digest(&digest::SHA256, &decoded.bytes).as_ref()),
        inline: shown || part.disposition == Disposition::Inline,
        content_id: part.content_id.clone(),
        extracted_from: None,
        content: Bytes::from(decoded.bytes.into_owned()),
    }
}

/// The `Content-ID`s that HTML refers to (RFC 2392).
fn referred(html: &str) -> HashSet<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '&');
    html.split("cid:").skip(1).filter_map(|behind| behind.split(ends).next()).collect()
}

/// The name that the sender gave, or one by what the part is.
fn name(part: &Part<'_>, content: &[u8], index: usize) -> String {
    let given = part.file_name.as_deref().and_then(file_name::safe);
    if is_message(&part.media_type) {
        let subject = || file_name::from_text(&parse::header(content).text("subject"), "eml");
        let given = given.map(|name| if name.contains('.') { name } else { format!("{name}.eml") });
        return given.or_else(subject).unwrap_or_else(|| "message.eml".to_owned());
    }
    given.unwrap_or_else(|| format!("attachment-{}.{}", index + 1, extension(&part.media_type)))
}

fn is_message(media_type: &str) -> bool {
    matches!(media_type, "message/rfc822" | "message/global")
}

fn extension(media_type: &str) -> &'static str {
    match media_type {
        "text/plain" | "message/delivery-status" | "message/disposition-notification" | "text/rfc822-headers" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        "application/pgp-signature" => "asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/zip" => "zip",
        _ => "bin",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
