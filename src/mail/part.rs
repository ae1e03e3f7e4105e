//! A message as a tree of MIME parts and header fields, in our own words. Knows no parsing crate and decides nothing.

use std::borrow::Cow;

use super::flowed::{self, Flow};
use super::{charset, encoding, parse};

/// A MIME part (RFC 2045): a container of others, or a leaf with content.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    /// `type/subtype`, lower case.
    pub(super) media_type: String,
    /// `charset`.
    pub(super) charset: Option<String>,
    /// `format` and `delsp` (RFC 3676).
    pub(super) flow: Flow,
    /// `report-type` (RFC 6522), lower case.
    pub(super) report_type: Option<String>,
    /// Where the sender wants it shown.
    pub(super) disposition: Disposition,
    /// The file name, decoded but not yet safe.
    pub(super) file_name: Option<String>,
    /// `Content-ID` without angle brackets.
    pub(super) content_id: Option<String>,
    /// `Content-Transfer-Encoding`.
    pub(super) encoding: encoding::Transfer,
    /// `Content-Location` (RFC 2557).
    pub(super) content_location: Option<String>,
    /// `smime-type` (RFC 8551), lower case.
    pub(super) smime_type: Option<String>,
    /// Its content as it came over the wire, or as it was unpacked.
    pub(super) encoded: Cow<'a, [u8]>,
    /// The container that it was unpacked from, by its file name.
    pub(super) extracted_from: Option<String>,
    /// What stands before the parts of a container and the boundary above the first, which nobody is shown (RFC 2046, 5.1.1).
    pub(super) preamble: Cow<'a, [u8]>,
    /// What a container holds.
    pub(super) parts: Vec<Part<'a>>,
}

/// RFC 2183.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The header is missing.
    #[default]
    Unsaid,
    /// In place.
    Inline,
    /// As a file; any value that is not known counts as this (RFC 2183, 2.8).
    Attachment,
}

impl Part<'_> {
    /// The content with the transfer encoding undone, and whether that went without a hitch.
    pub(super) fn content(&self) -> encoding::Decoded<'_> {
        encoding::decode(&self.encoded, self.encoding)
    }

    /// The content as text with plain line ends and without control characters, flowing lines joined.
    pub(super) fn text(&self) -> (String, encoding::Fidelity) {
        let decoded = self.content();
        let own = || {
            Some(&decoded.bytes)
                .filter(|_| self.media_type == "text/html")
                .and_then(|html| charset::named_in_html(html))
        };
        let label = self.charset.clone().or_else(own);
        let text = clean_text(&charset::decode(label.as_deref(), &decoded.bytes));
        (flowed::joined(text, self.flow), decoded.fidelity)
    }

    /// The part by itself, without the bytes that it was read from.
    pub(super) fn into_owned(self) -> Part<'static> {
        Part {
            media_type: self.media_type,
            charset: self.charset,
            flow: self.flow,
            report_type: self.report_type,
            smime_type: self.smime_type,
            disposition: self.disposition,
            file_name: self.file_name,
            content_id: self.content_id,
            content_location: self.content_location,
            encoding: self.encoding,
            encoded: Cow::Owned(self.encoded.into_owned()),
            extracted_from: self.extracted_from,
            preamble: Cow::Owned(self.preamble.into_owned()),
            parts: self.parts.into_iter().map(Part::into_owned).collect(),
        }
    }

    /// Whether it is a container.
    pub(super) fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }

    /// The first part, this one included, of one of these media types. Looks into containers, not into nested messages.
    pub(super) fn find(&self, media_types: &[&str]) -> Option<&Self> {
        if media_types.contains(&self.media_type.as_str()) {
            return Some(self);
        }
        self.parts.iter().find_map(|part| part.find(media_types))
    }
}

/// The header fields of a message, in the order they stand.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    /// Name in lower case, and the value as it came.
    pub(super) fields: Vec<(String, &'a [u8])>,
}

impl Fields<'_> {
    /// All values of a field; `name` in lower case.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|&(_, value)| value)
    }

    /// The value that stands first. Where a field stands twice against RFC 5322 (3.6), this is the one that Gmail,
    /// Outlook and Thunderbird show, so the issue says what people saw; mail-parser would take the last.
    pub(super) fn first(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(field, _)| field == name).map(|&(_, value)| value)
    }

    /// The first value as decoded, unfolded text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.first(name).map(parse::text).unwrap_or_default()
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}

/// Text with `\n` for every line end, and no other control character but the tab.
pub(super) fn clean_text(text: &str) -> String {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !may_have_controls(rest.as_bytes()) {
        return rest.replace("\r\n", "\n");
    }
    let mut cleaned = String::with_capacity(rest.len());
    while let Some((before, behind)) = rest.split_once(is_unwanted) {
        cleaned.push_str(before);
        // Before a line feed it belongs to that.
        if rest.get(before.len()..).is_some_and(|from| from.starts_with('\r')) && !behind.starts_with('\n') {
            cleaned.push('\n');
        }
        rest = behind;
    }
    cleaned.push_str(rest);
    cleaned
}

/// Whether there could be control characters beside whole line ends and tabs: those beyond ASCII begin with the byte C2.
/// Looks at all bytes without a branch, many at a time, which nearly all text takes.
fn may_have_controls(text: &[u8]) -> bool {
    let suspicious =
        |byte: u8| (byte < b' ') & !matches!(byte, b'\n' | b'\t' | b'\r') | (byte == 0x7f) | (byte == 0xc2);
    text.iter().fold(false, |found, &byte| found | suspicious(byte))
        || memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n'))
}

fn is_unwanted(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}
