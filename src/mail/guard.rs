//! What is kept from mail-parser because it could not bear it. Knows bytes only; cuts, masks and complains, never refuses.
//!
//! mail-parser 0.11.9 keeps nested messages as nested values and drops them by recursion: 50,000 nested message/rfc822
//! parts (a mail of 2 MB) overflow the stack and abort the process, again after every restart. So:
//!
//! * every `message/…` content type is masked by one letter, which makes such a part opaque to the parser. The parser only
//!   says where parts begin and end; what they hold is read from the original bytes;
//! * what may still nest (multipart/digest, whose parts are messages without saying so) is bounded, since each
//!   level needs a `Content-Type` of its own: behind the 10,000th nothing is handed in. 30,000 levels were measured to be safe.
//!
//! And it takes a boundary for one wherever it stands, also within a line of text (RFC 2046, 5.1.1: at its beginning
//! alone), where the rest of the text would be lost: there, one of its signs is masked.
//!
//! What is text under a charset's name it would decode, which nobody reads: in a message of one part the name is masked.
//!
//! The rest of its limits need no guard here: 200,000 headers, parts or encoded words take it milliseconds.

use std::borrow::Cow;

use memchr::memmem;

use super::Complaint;

/// Bytes handed to the parser; its offsets have 32 bits.
const MAX_SIZE: usize = 256 << 20;
/// Content types in one message, and with them parts and levels.
const MAX_CONTENT_TYPES: usize = 10_000;
/// Content types of one header that are read.
const MAX_TYPES_OF_HEADER: usize = 100;
/// Boundaries that are looked for within lines; the whole message is searched for each.
pub(super) const MAX_BOUNDARIES: usize = 20;
/// Bytes at the beginning of a line in which a boundary may stand that holds a shorter one; it has at most 70 (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 200;
/// Bytes of a content type that are read.
const MAX_FIELD: usize = 2 << 10;

/// A message that the parser can bear.
pub(super) struct Admitted<'a> {
    /// The message as it came, up to where it was cut.
    pub(super) original: &'a [u8],
    /// What the parser gets: equally long, with nested messages masked.
    pub(super) view: Cow<'a, [u8]>,
}

/// Makes a message fit for the parser, and complains of what was cut.
pub(super) fn admit<'a>(raw: &'a [u8], complaints: &mut Vec<Complaint>) -> Admitted<'a> {
    let mut original = raw;
    if let Some(front) = original.get(..MAX_SIZE).filter(|_| raw.len() > MAX_SIZE) {
        complaints.push(Complaint::incomplete("it is larger than 256 MiB: what stands behind that was not read"));
        original = front;
    }
    let mut types = content_types(original);
    if let Some(&end) = types.get(MAX_CONTENT_TYPES) {
        complaints.push(Complaint::incomplete("it has more than 10,000 parts: what stands behind them was not read"));
        original = original.get(..end).unwrap_or(original);
        types.truncate(MAX_CONTENT_TYPES);
    }
    let mut view = masked(original, &types);
    if let &[only] = types.as_slice()
        && let Some(letter) = charset(original, only).and_then(|at| view.to_mut().get_mut(at))
    {
        *letter = b'x';
    }
    for at in boundaries_within_lines(original, &boundaries(original, &types)) {
        if let Some(sign) = view.to_mut().get_mut(at) {
            *sign = b'x';
        }
    }
    Admitted { original, view }
}

/// NULs mean nothing in a header, and would break its fields and the boundaries between parts. In the text of parts
/// they stay: it may be UTF-16.
pub(super) fn without_nuls(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0, raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut kept: Vec<u8> = Vec::with_capacity(raw.len());
    let mut boundaries: Vec<Vec<u8>> = Vec::new();
    let mut header = Some(0); // where the one begins, among what is kept, that is being read
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let without: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
        let inside = without.strip_prefix(b"--");
        if inside.is_some_and(|line| boundaries.iter().any(|boundary| line.starts_with(boundary))) {
            header = Some(kept.len());
        }
        kept.extend_from_slice(if header.is_some() { &without } else { line });
        if let Some(start) = header.filter(|_| without.trim_ascii().is_empty()) {
            let named = boundaries_of(kept.get(start..).unwrap_or_default()).into_iter().map(<[u8]>::to_vec);
            boundaries.extend(named.take(MAX_BOUNDARIES.saturating_sub(boundaries.len())));
            header = None;
        }
    }
    Cow::Owned(kept)
}

/// The boundaries that a header names. It has one content type; a few more may stand before it.
pub(super) fn boundaries_of(header: &[u8]) -> Vec<&[u8]> {
    let types = content_types(header);
    boundaries(header, types.get(..MAX_TYPES_OF_HEADER).unwrap_or(&types))
}

/// Messages of old Macs end their lines with a bare CR, which no parser of today takes for one.
pub(super) fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', raw).is_some() || memchr::memchr(b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect())
}

/// Where the values of all content types begin. Goes by the colon and takes white space anywhere in the name, as
/// mail-parser does; text that merely looks like such a header counts too, which errs on the safe side.
fn content_types(raw: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b':', raw)
        .filter(|&at| raw.get(..at).is_some_and(ends_a_content_type))
        .map(|at| at + 1)
        .collect()
}

fn ends_a_content_type(before: &[u8]) -> bool {
    let mut letters = before.iter().rev().filter(|byte| !byte.is_ascii_whitespace());
    b"content-type".iter().rev().all(|wanted| letters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(wanted)))
}

/// The bytes with the first letter of each nested message's type replaced.
fn masked<'a>(raw: &'a [u8], types: &[usize]) -> Cow<'a, [u8]> {
    let mut view = Cow::Borrowed(raw);
    for &value in types {
        if let Some(at) = nested_message(raw, value)
            && let Some(letter) = view.to_mut().get_mut(at)
        {
            *letter = b'x';
        }
    }
    view
}

/// Where a content type that names no boundary names a charset.
fn charset(raw: &[u8], value: usize) -> Option<usize> {
    const NAME: &[u8] = b"charset";
    let field = raw.get(value..)?;
    let field = field.get(..MAX_FIELD).unwrap_or(field);
    let at = field.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    boundary(field).is_none().then_some(value + at)
}

/// The boundaries that content types name.
fn boundaries<'a>(raw: &'a [u8], types: &[usize]) -> Vec<&'a [u8]> {
    let mut boundaries: Vec<&[u8]> = Vec::new();
    let mut named = types.iter().filter_map(|&value| boundary(raw.get(value..)?));
    while let Some(boundary) = named.next().filter(|_| boundaries.len() < MAX_BOUNDARIES) {
        if !boundary.is_empty() && !boundaries.contains(&boundary) {
            boundaries.push(boundary);
        }
    }
    boundaries
}

/// The boundary that the content type at the beginning of these bytes names.
fn boundary(field: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"boundary=";
    let field = field.get(..MAX_FIELD).unwrap_or(field);
    let at = field.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let (before, behind) = field.split_at_checked(at)?;
    let mut ends = memchr::memchr_iter(b'\n', before).map(|end| before.get(end + 1).or(field.get(end + 1)));
    if !ends.all(|next| next.is_some_and(|next| matches!(next, b' ' | b'\t'))) {
        return None; // it belongs to another field
    }
    let value = behind.get(NAME.len()..)?;
    match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|&byte| byte == b'"').next(),
        None => value.split(|&byte| byte == b';' || byte.is_ascii_whitespace()).next(),
    }
}

/// Where boundaries stand that do not begin their line.
fn boundaries_within_lines(raw: &[u8], boundaries: &[&[u8]]) -> Vec<usize> {
    let begins_line = |at: usize| at == 0 || raw.get(at - 1) == Some(&b'\n');
    let is_boundary = |line: &[u8]| {
        line.strip_prefix(b"--").is_some_and(|line| boundaries.iter().any(|boundary| line.starts_with(boundary)))
    };
    let stands_within = |&at: &usize| {
        let first = at.saturating_sub(MAX_BOUNDARY);
        let end = raw.get(first..at).and_then(|before| memchr::memrchr(b'\n', before));
        let line = end.map(|end| first + end + 1).or((first == 0).then_some(0));
        !begins_line(at) && !line.and_then(|line| raw.get(line..)).is_some_and(is_boundary)
    };
    let found = |boundary: &&[u8]| {
        let needle = [b"--", *boundary].concat();
        memmem::find_iter(raw, &needle).filter(stands_within).collect::<Vec<_>>()
    };
    boundaries.iter().flat_map(found).collect()
}

/// Where `message/` stands if the content type whose value begins at `value` is one of a nested message.
fn nested_message(raw: &[u8], value: usize) -> Option<usize> {
    let rest = raw.get(value..)?;
    let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let kind = rest.get(space..space + b"message/".len())?;
    kind.eq_ignore_ascii_case(b"message/").then_some(value + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_messages_are_opaque_to_the_parser_however_the_header_is_spelt() {
        for header in
            ["Content-Type: message/rfc822", "content -TYPE :\r\n\tMessage/global", "--bContent-Type:message/rfc822"]
        {
            let admitted = admit(header.as_bytes(), &mut Vec::new());
            assert_eq!(admitted.view.len(), header.len());
            assert!(!admitted.view.to_ascii_lowercase().windows(8).any(|window| window == b"message/"), "{header}");
        }
    }

    #[test]
    fn ordinary_mail_is_handed_in_as_it_came_without_a_copy() {
        let raw = b"Content-Type: text/plain\r\nSubject: Content-Type: nothing\r\n\r\nmessage/rfc822";
        let mut complaints = Vec::new();
        assert!(matches!(admit(raw, &mut complaints).view, Cow::Borrowed(view) if view == raw));
        assert!(complaints.is_empty());
    }

    #[test]
    fn text_is_not_decoded_by_the_parser_unless_its_charset_could_be_a_boundary() {
        let view = |raw: &str| String::from_utf8(admit(raw.as_bytes(), &mut Vec::new()).view.into_owned()).unwrap();
        assert_eq!(
            view("Content-Type: text/plain;\n CHARSET=latin1\n\ncharset"),
            "Content-Type: text/plain;\n xHARSET=latin1\n\ncharset"
        );
        let container = "Content-Type: multipart/mixed; boundary=charset\n\n--charset\n\na\n--charset--";
        assert_eq!(view(container), container);
    }

    #[test]
    fn a_boundary_within_a_line_is_text_and_one_that_begins_another_stays() {
        let raw = b"Content-Type: multipart/mixed;\r\n boundary=\"b\"\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=--b2\r\n\r\n\
            ----b2\r\n\r\nthe --b in a line, --b--\r\n----b2--\r\n--b--\r\n";
        let view = String::from_utf8(admit(raw, &mut Vec::new()).view.into_owned()).unwrap();
        assert!(view.contains("the x-b in a line, x-b--\r\n----b2--\r\n--b--\r\n"), "{view}");
        assert_eq!(boundaries(raw, &content_types(raw)), [&b"b"[..], b"--b2"]);
        assert_eq!(boundary(b" text/plain\r\nX: boundary=no\r\n"), None);
        // In time proportional to the text.
        let flood = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b".repeat(1 << 17));
        assert_eq!(admit(flood.as_bytes(), &mut Vec::new()).view.len(), flood.len());
    }

    #[test]
    fn nuls_go_from_headers_and_boundaries_and_from_nothing_else() {
        let raw =
            b"Su\0bject: a\nContent-Type: multipart/mixed; bound\0ary=b\n\n-\0-b\n\0\n-\0-\0H\0i\0\n\0--c\0\n--b\0--\n";
        let without = b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n-\0-\0H\0i\0\n\0--c\0\n--b--\n";
        assert_eq!(String::from_utf8_lossy(&without_nuls(raw)), String::from_utf8_lossy(without));
    }

    #[test]
    fn what_stands_behind_ten_thousand_parts_is_cut_and_said() {
        let raw = "Content-Type: multipart/digest\n\n".repeat(50_000);
        let mut complaints = Vec::new();
        assert_eq!(content_types(admit(raw.as_bytes(), &mut complaints).original).len(), MAX_CONTENT_TYPES + 1);
        assert_eq!(complaints.len(), 1);
    }
}
