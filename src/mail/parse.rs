//! From bytes to a [`Mail`]. The only file that knows mail-parser (0.11; 1.x asks for a newer compiler): it is asked where
//! parts begin and end and what header fields mean; what parts hold is decoded by us from the original bytes.
//! Nothing here fails: mail-parser panicking on a message costs that message its structure, not the line its worker.

use std::borrow::Cow;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use jiff::Timestamp;
use mail_parser::decoders::html;
use mail_parser::parsers::MessageStream;
use mail_parser::{Header, HeaderName, HeaderValue, Message, MessageParser, MessagePart, PartType};

use super::encoding::Transfer;
use super::flowed::Flow;
use super::header_end::Shape;
use super::part::{Disposition, Fields, Part};
use super::{
    Address, Complaint, Mail, MessageId, apart, authentication, automatic, body, charset, encoded_word, extended,
    guard, header_end, people, thread, unpack,
};
use crate::text::one_line;

/// How deep containers are followed.
const MAX_DEPTH: usize = 100;
/// Header fields that are kept of one message.
const MAX_FIELDS: usize = 10_000;
/// Bytes of one header field that are looked at.
const MAX_FIELD: usize = 64 << 10;
/// Addresses that are kept of one header.
const MAX_ADDRESSES: usize = 1_000;

/// Only the content type is wanted of the parser; with it, `Content-Transfer-Encoding` stays unknown to it, so that it
/// never decodes anything, nor enters an encoded nested message.
static PARSER: LazyLock<MessageParser> =
    LazyLock::new(|| MessageParser::new().header_content_type(HeaderName::ContentType).default_header_ignore());

/// Understands a message. Never fails and never panics, whatever the bytes; says in [`Mail::complaints`] what was wrong.
pub fn parse(raw: &[u8]) -> Mail {
    let raw = guard::without_nuls(raw);
    let raw = guard::with_line_feeds(&raw);
    let mut complaints = Vec::new();
    let header_end::Ended { message, header } = header_end::ended(&raw, &mut complaints);
    let guard::Admitted { original, view } = guard::admit(&message, &mut complaints);
    let (fields, root) = read(original, &view, &mut complaints);
    repeated(&fields, &mut complaints);
    let root = unpack::unpacked(root, &mut complaints);
    let contents = body::contents(&root, &mut complaints);
    let mut said = HashSet::new();
    complaints.retain(|complaint| said.insert(complaint.words.clone()));
    let from = fields.first("from").map(addresses).unwrap_or_default();
    let reply_to = all_addresses(&fields, "reply-to");
    let mut mail = Mail {
        message_id: fields.first("message-id").and_then(first_message_id),
        in_reply_to: all_message_ids(&fields, "in-reply-to"),
        references: all_message_ids(&fields, "references"),
        people: people::people(&fields, &from, &reply_to),
        from,
        to: all_addresses(&fields, "to"),
        cc: all_addresses(&fields, "cc"),
        reply_to,
        subject: fields.text("subject"),
        date: fields.first("date").and_then(date),
        body: contents.body,
        attachments: contents.attachments,
        authentication: match header {
            Shape::Whole => authentication::read(&fields),
            Shape::Mended => Vec::new(), // what the server has checked may be less than what is shown
        },
        origin: automatic::unknown(),
        header: super::Header::of(original),
        complaints,
    };
    mail.origin = automatic::origin(&automatic::Evidence::new(&fields, &root, &mail));
    apart::tell_apart(&mut mail.body, contents.words, automatic::occasion(&mail.origin));
    mail
}

/// A MIME entity that was found within a part, as a tree that stands by itself.
pub(super) fn entity(bytes: &[u8], complaints: &mut Vec<Complaint>) -> Part<'static> {
    let header_end::Ended { message, header: _ } = header_end::ended(bytes, complaints);
    let guard::Admitted { original, view } = guard::admit(&message, complaints);
    read(original, &view, complaints).1.into_owned()
}

/// The header of a nested message or of a block of a report.
pub(super) fn header(bytes: &[u8]) -> Fields<'_> {
    let parsed = shielded(|| PARSER.parse_headers(bytes)).flatten();
    parsed
        .as_ref()
        .and_then(|message| message.parts.first())
        .map(|part| fields(&part.headers, bytes))
        .unwrap_or_default()
}

/// A header field's value as unfolded text, encoded words (RFC 2047) decoded.
pub(super) fn text(value: &[u8]) -> String {
    one_line(&encoded_word::decoded(&unicode(value)))
}

/// A header field's value as a list of addresses, groups dissolved.
pub(super) fn addresses(value: &[u8]) -> Vec<Address> {
    let value = with_commas(readable(value));
    let Some(HeaderValue::Address(parsed)) = shielded(|| MessageStream::new(&value).parse_address()) else {
        return Vec::new();
    };
    let addresses = parsed.iter().map(|address| Address {
        name: one_line(address.name().unwrap_or_default()),
        address: one_line(address.address().unwrap_or_default()),
    });
    addresses.filter(|address| !address.name.is_empty() || !address.address.is_empty()).take(MAX_ADDRESSES).collect()
}

/// Addresses that stand side by side without the comma between them (`A <a@b.c>B <b@b.c>`), as some programs join them.
fn with_commas(value: Vec<u8>) -> Vec<u8> {
    let Some(last) = memchr::memrchr(b'@', &value).filter(|_| memchr::memchr(b'>', &value).is_some()) else {
        return value;
    };
    let (mut spaced, mut quoted) = (Vec::with_capacity(value.len() + 8), false);
    for (at, &byte) in value.iter().enumerate() {
        spaced.push(byte);
        quoted ^= byte == b'"';
        if byte == b'>' && !quoted && at < last {
            let mut behind = value.iter().skip(at + 1);
            let next = behind.find(|byte| !byte.is_ascii_whitespace());
            if next.is_some_and(|next| !matches!(next, b',' | b';' | b'>' | b'(')) {
                spaced.push(b',');
            }
        }
    }
    spaced
}

/// The text that HTML shows; a line end only for `<br>` and `</p>`.
pub(super) fn html_text(source: &str) -> String {
    shielded(|| html::html_to_text(source)).unwrap_or_default()
}

/// The header and the tree of parts. A message without any structure is one part of plain text.
fn read<'a>(original: &'a [u8], view: &[u8], complaints: &mut Vec<Complaint>) -> (Fields<'a>, Part<'a>) {
    let whole = || Part { media_type: "text/plain".to_owned(), encoded: Cow::Borrowed(original), ..Part::default() };
    let Some(parsed) = shielded(|| PARSER.parse(view)) else {
        complaints.push(Complaint::incomplete("the parser broke down over it: it is shown as it came"));
        return (Fields::default(), whole());
    };
    let Some(message) = parsed else {
        return (Fields::default(), whole());
    };
    let mut tree = Tree { message: &message, original, complaints };
    let root = tree.part(0, 0).unwrap_or_else(whole);
    if root.is_multipart() && message.parts.iter().any(|part| part.is_encoding_problem) {
        complaints.push(Complaint::odd("a part of it has no end: it may have been cut off on its way"));
    }
    let fields = message.parts.first().map(|part| fields(&part.headers, original)).unwrap_or_default();
    (fields, root)
}

/// What is needed to turn the parser's flat list of parts into a tree.
struct Tree<'a, 'm> {
    message: &'m Message<'m>,
    original: &'a [u8],
    complaints: &'m mut Vec<Complaint>,
}

impl<'a> Tree<'a, '_> {
    fn part(&mut self, id: usize, depth: usize) -> Option<Part<'a>> {
        let parsed = self.message.parts.get(id)?;
        let mut part = self.leaf(parsed);
        let PartType::Multipart(children) = &parsed.body else {
            if part.is_multipart() {
                self.complaints
                    .push(Complaint::odd("the boundary between its parts never occurs: it is shown as one text"));
                part.media_type = "text/plain".to_owned();
            }
            return Some(part);
        };
        if depth == MAX_DEPTH {
            self.complaints
                .push(Complaint::incomplete("its parts are nested more than 100 deep: the deepest are left out"));
            return Some(part);
        }
        // A child stands behind its container, so that following only greater ids must end.
        let children = children.iter().filter_map(|&child| usize::try_from(child).ok()).filter(|&child| child > id);
        let first = children.clone().next().and_then(|first| self.message.parts.get(first));
        let end = first.map_or(parsed.offset_end, |first| first.offset_header);
        part.preamble = between(self.original, parsed.offset_body, end).into();
        part.parts = children.filter_map(|child| self.part(child, depth + 1)).collect();
        Some(part)
    }

    fn leaf(&self, parsed: &MessagePart<'_>) -> Part<'a> {
        let fields = fields(&parsed.headers, self.original);
        let content_type = fields.first("content-type").and_then(Typed::read);
        let disposition = fields.first("content-disposition").and_then(Typed::read);
        let attribute = |of: &Option<Typed>, name: &str| of.as_ref().and_then(|typed| typed.attribute(name));
        let file_name = |of: &Option<Typed>, name: &str| of.as_ref().and_then(|typed| typed.last_attribute(name));
        let unsaid = if matches!(parsed.body, PartType::Message(_)) { "message/rfc822" } else { "text/plain" };
        Part {
            charset: attribute(&content_type, "charset"),
            flow: Flow::named(
                attribute(&content_type, "format").as_deref(),
                attribute(&content_type, "delsp").as_deref(),
            ),
            report_type: attribute(&content_type, "report-type").map(|kind| kind.to_ascii_lowercase()),
            file_name: file_name(&disposition, "filename")
                .or_else(|| file_name(&content_type, "name"))
                .map(extended::without_escapes),
            disposition: disposition.map(|typed| typed.disposition()).unwrap_or_default(),
            content_id: fields.first("content-id").and_then(first_message_id).map(|id| id.as_str().to_owned()),
            encoding: fields
                .first("content-transfer-encoding")
                .map(|value| Transfer::named(&text(value)))
                .unwrap_or_default(),
            content_location: fields.first("content-location").map(text).filter(|location| !location.is_empty()),
            smime_type: attribute(&content_type, "smime-type").map(|kind| kind.to_ascii_lowercase()),
            encoded: Cow::Borrowed(between(self.original, parsed.offset_body, parsed.offset_end)),
            extracted_from: None,
            preamble: Cow::default(),
            parts: Vec::new(),
            media_type: content_type.map_or_else(|| unsaid.to_owned(), |typed| typed.media_type()),
        }
    }
}

/// A `Content-Type` or `Content-Disposition` header.
struct Typed {
    /// `type/subtype`, or the disposition; lower case.
    kind: String,
    /// Names in lower case.
    attributes: Vec<(String, String)>,
}

impl Typed {
    fn read(value: &[u8]) -> Option<Self> {
        let value = readable(value);
        let HeaderValue::ContentType(parsed) = shielded(|| MessageStream::new(&value).parse_content_type())? else {
            return None;
        };
        let kind = match parsed.subtype() {
            Some(subtype) => format!("{}/{subtype}", parsed.ctype()),
            None => parsed.ctype().to_owned(),
        };
        let attributes = parsed.attributes().unwrap_or_default();
        let attributes = attributes.iter().map(|attribute| (attribute.name.to_string(), attribute.value.to_string()));
        let mut attributes: Vec<(String, String)> = attributes.collect();
        let field = String::from_utf8_lossy(&value);
        for name in ["filename", "name"] {
            attributes.extend(extended::parameter(&field, name).map(|value| (name.to_owned(), value)));
        }
        let kind = kind.chars().filter(char::is_ascii_graphic).collect::<String>().to_ascii_lowercase();
        Some(Self { kind, attributes })
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let value = self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| one_line(value));
        value.filter(|value| !value.is_empty())
    }

    /// Where a name stands twice, the last one is that in the extended form, with all its characters (RFC 2231, 4).
    fn last_attribute(&self, name: &str) -> Option<String> {
        let values = self.attributes.iter().rev().filter(|(attribute, _)| attribute == name);
        values.map(|(_, value)| one_line(value)).find(|value| !value.is_empty())
    }

    /// A type without subtype (`text`, as old programs write it) is what RFC 2045 (5.2) calls the default.
    fn media_type(&self) -> String {
        match self.kind.split_once('/') {
            Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => self.kind.clone(),
            None if self.kind.contains("html") => "text/html".to_owned(), // `Content-Type: <html>`
            Some(_) | None => "text/plain".to_owned(),
        }
    }

    fn disposition(&self) -> Disposition {
        match self.kind.as_str() {
            "inline" => Disposition::Inline,
            _ => Disposition::Attachment,
        }
    }
}

/// The header fields with the bytes of their values.
fn fields<'a>(headers: &[Header<'_>], original: &'a [u8]) -> Fields<'a> {
    let field = |header: &Header<'_>| {
        let value = between(original, header.offset_start, header.offset_end);
        (header.name.as_str().to_ascii_lowercase(), value)
    };
    Fields { fields: headers.iter().take(MAX_FIELDS).map(field).collect() }
}

/// A header's value as the parser's functions want it: UTF-8, with a line feed at its end.
fn readable(value: &[u8]) -> Vec<u8> {
    let mut readable = encoded_word::normalized(&unicode(value)).into_owned().into_bytes();
    if !readable.ends_with(b"\n") {
        readable.push(b'\n');
    }
    readable
}

/// Raw 8-bit bytes are no valid header outside of RFC 6532, nor is Japanese behind escapes, but both are seen all the same.
fn unicode(value: &[u8]) -> Cow<'_, str> {
    let value = value.get(..MAX_FIELD).unwrap_or(value);
    match std::str::from_utf8(value) {
        Ok(text) if memchr::memchr(0x1b, value).is_none() => Cow::Borrowed(text),
        Ok(_) | Err(_) => Cow::Owned(charset::decode(None, value)),
    }
}

fn all_addresses(fields: &Fields<'_>, name: &str) -> Vec<Address> {
    fields.all(name).flat_map(addresses).take(MAX_ADDRESSES).collect()
}

fn all_message_ids(fields: &Fields<'_>, name: &str) -> Vec<MessageId> {
    fields.all(name).flat_map(|value| thread::message_ids(&text(value))).take(thread::MAX_MESSAGE_IDS).collect()
}

fn first_message_id(value: &[u8]) -> Option<MessageId> {
    thread::message_ids(&text(value)).into_iter().next()
}

fn date(value: &[u8]) -> Option<Timestamp> {
    let value = readable(value);
    match shielded(|| MessageStream::new(&value).parse_date())? {
        HeaderValue::DateTime(date) if date.is_valid() => Timestamp::from_second(date.to_timestamp()).ok(),
        _ => None,
    }
}

/// RFC 5322 (3.6) allows these fields once; see [`Fields::first`] for what is done where they stand twice.
fn repeated(fields: &Fields<'_>, complaints: &mut Vec<Complaint>) {
    for name in ["from", "subject", "message-id", "date"] {
        if fields.all(name).nth(1).is_some() {
            complaints.push(Complaint::odd(format!("it has more than one `{name}` header: the first counts")));
        }
    }
}

fn between(bytes: &[u8], start: u32, end: u32) -> &[u8] {
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
        return &[];
    };
    bytes.get(start..end.min(bytes.len())).unwrap_or_default()
}

/// Runs a function of mail-parser's; `None` when it panics, as its unwraps might one day.
pub(super) fn shielded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
