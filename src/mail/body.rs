//! Which parts of a message are its text and which are files. Does not say whose words the text is.

use super::encoding::Fidelity;
use super::part::{Disposition, Part};
use super::rich::Document;
use super::{Attachment, Body, Complaint, Parts, attachments, crypto, embedded, html, uuencoded};

/// Bytes of the words that tell programs of old about MIME.
const MAX_NOTICE: usize = 500;

/// What the parts of a message come to.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The text, not yet told apart.
    pub(super) body: Body,
    /// Where its words come from.
    pub(super) words: Words,
    /// The files.
    pub(super) attachments: Vec<Attachment>,
}

/// Where the words of a text come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Words {
    /// From what was sent as plain text.
    #[default]
    Plain,
    /// From HTML alone.
    Html,
}

/// Sorts the parts of a message.
pub(super) fn contents(root: &Part<'_>, complaints: &mut Vec<Complaint>) -> Contents {
    let mut sorting = Sorting { complaints, files: Vec::new(), embedded: Vec::new() };
    let mut shown = sorting.shown(root, Place::Alone);
    if shown.iter().all(Shown::is_empty) {
        let before = preambles(root);
        shown.extend(joined(before.iter().map(String::as_str)).map(|text| sorting.text_before_parts(text)));
    }
    let Sorting { complaints, files, embedded } = sorting;
    let files: Vec<&Part<'_>> = files.into_iter().chain(&embedded).collect();
    let words = if shown.iter().any(|shown| shown.plain().is_some()) { Words::Plain } else { Words::Html };
    let locations: Vec<&str> = files.iter().filter_map(|file| file.content_location.as_deref()).collect();
    let body = body(shown, &locations, complaints);
    let attachments = attachments::attachments(&files, body.html.as_deref().unwrap_or_default(), complaints);
    Contents { body, words, attachments }
}

/// One stretch of visible text, in the forms in which it was sent.
#[derive(Debug, Default)]
struct Shown {
    plain: Option<String>,
    html: Option<String>,
}

impl Shown {
    fn is_empty(&self) -> bool {
        [&self.plain, &self.html].into_iter().flatten().all(|text| text.trim().is_empty())
    }

    /// The plain text, if there is anything in it.
    fn plain(&self) -> Option<&str> {
        self.plain.as_deref().map(str::trim_end).filter(|text| !text.is_empty())
    }
}

/// Where a part stands, which decides whether it is text or a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The part is the whole message.
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
    /// Pictures that stood in HTML itself, and files in plain text.
    embedded: Vec<Part<'static>>,
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
            "text/html" if is_text(part, place) => {
                let html = embedded::without_pictures(self.text(part), &mut self.embedded);
                vec![Shown { plain: None, html: Some(html) }]
            }
            "text/plain" if is_text(part, place) => {
                let plain = uuencoded::without_files(noted(self.text(part)), &mut self.embedded);
                vec![Shown { plain: Some(plain), html: None }]
            }
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

    /// Of a message that shows nothing else: a boundary may have been lost, or its sender knows no parts.
    fn text_before_parts(&mut self, text: String) -> Shown {
        self.complaints.push(Complaint::odd("its text stands before its parts, where most programs show none"));
        Shown { plain: Some(text), html: None }
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

/// A text that takes a key, called what it is.
fn noted(text: String) -> String {
    match crypto::is_armored(&text) {
        true => format!("This message is encrypted (PGP). What it says takes its reader's key.\n\n{text}"),
        false => text,
    }
}

/// The texts before the parts of containers, but those that only tell programs of old what they do not understand.
fn preambles(part: &Part<'_>) -> Vec<String> {
    let bytes = part.preamble.trim_ascii_end();
    let last = bytes.rsplit(|byte| *byte == b'\n').next().filter(|line| line.starts_with(b"--")).map_or(0, <[u8]>::len);
    let encoded = bytes.get(..bytes.len() - last).unwrap_or_default();
    let (text, _) = Part { encoded: encoded.into(), ..Part::default() }.text();
    let is_notice = text.len() < MAX_NOTICE && text.to_ascii_lowercase().contains("mime");
    let own = Some(text).filter(|text| !text.trim().is_empty() && !is_notice);
    own.into_iter().chain(part.parts.iter().flat_map(preambles)).collect()
}

/// A part of text is a file when its sender says so: in words, by giving it a name, or by only referring to it.
fn is_text(part: &Part<'_>, place: Place) -> bool {
    match (part.disposition, place) {
        (Disposition::Attachment, _) | (_, Place::Related) => false,
        (Disposition::Inline | Disposition::Unsaid, Place::Alone | Place::Alternative) => true,
        (Disposition::Inline | Disposition::Unsaid, Place::Among) => part.file_name.is_none(),
    }
}

/// `locations` are the addresses that attached pictures go by.
fn body(shown: Vec<Shown>, locations: &[&str], complaints: &mut Vec<Complaint>) -> Body {
    // Plain text alone is told apart as text, and becomes a document only then.
    let is_structured = shown.iter().any(|shown| shown.html.is_some());
    let mut texts = Vec::new();
    let mut written = Document::default();
    for shown in &shown {
        let plain = shown.plain();
        let document =
            shown.html.as_deref().map(|html| html::document(html, locations, complaints)).unwrap_or_default();
        texts.push(plain.map_or_else(|| document.text(), str::to_owned));
        written.append(match plain {
            Some(plain) if document.is_empty() && is_structured => Document::from_text(plain),
            Some(_) | None => document,
        });
    }
    Body {
        text: joined(texts.iter().map(String::as_str)).unwrap_or_default(),
        html: joined(shown.iter().filter_map(|shown| shown.html.as_deref())),
        parts: Parts { written, ..Parts::default() },
        ..Body::default()
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let texts: Vec<&str> = texts.collect();
    let visible: Vec<&str> = texts.iter().copied().filter(|text| !text.trim().is_empty()).collect();
    (!texts.is_empty()).then(|| visible.join("\n\n"))
}
