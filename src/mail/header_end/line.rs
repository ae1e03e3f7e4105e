//! What a line in a header is, by itself. Knows nothing of what stands above or below it.

/// Bytes within which the colon behind a field's name stands.
const MAX_NAME: usize = 80;

/// Fields that are known for what they are, in lower case. `-` at the end stands for any that begin so.
const KNOWN: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "sender",
    "reply-to",
    "received",
    "return-path",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-",
    "x-",
    "arc-",
    "list-archive",
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "resent-",
    "thread-",
    "authentication-results",
    "auto-submitted",
    "delivered-to",
    "disposition-notification-to",
    "dkim-signature",
    "domainkey-signature",
    "errors-to",
    "feedback-id",
    "importance",
    "organization",
    "original-recipient",
    "precedence",
    "priority",
    "received-spf",
    "return-receipt-to",
    "sensitivity",
    "user-agent",
];

/// A line with its end.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) at: usize,
    pub(super) bytes: &'a [u8],
}

/// What a line in a header is.
pub(super) enum Kind<'a> {
    /// The end of it.
    Empty,
    /// More of the field above.
    Folded,
    /// The beginning of a field of this name.
    Field(&'a [u8]),
    /// Nothing that belongs there.
    Stray,
}

/// Whether a line, with its end, is the empty one that ends a header. Carriage returns are doubled by programs that end
/// lines with them which have ends already.
pub(in crate::mail) fn is_end(line: &[u8]) -> bool {
    line.strip_suffix(b"\n").is_some_and(|returns| returns.iter().all(|byte| *byte == b'\r'))
}

/// The lines from a place on.
pub(super) fn lines(raw: &[u8], from: usize) -> impl Iterator<Item = Line<'_>> {
    std::iter::successors(Line::of(raw, from), |line| Line::of(raw, line.end()))
}

impl<'a> Line<'a> {
    pub(super) fn of(raw: &'a [u8], at: usize) -> Option<Self> {
        let rest = raw.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        Some(Self { at, bytes: rest.get(..end)? })
    }

    pub(super) fn end(self) -> usize {
        self.at + self.bytes.len()
    }

    /// RFC 5322, 2.2; white space before the colon is obsolete (4.5), and seen.
    pub(super) fn kind(self) -> Kind<'a> {
        match self.bytes {
            empty if is_end(empty) => return Kind::Empty,
            [b' ' | b'\t', ..] => return Kind::Folded,
            [b'-', b'-', ..] | [b'<', ..] => return Kind::Stray, // a boundary, or HTML
            _ => {}
        }
        let head = self.bytes.get(..MAX_NAME).unwrap_or(self.bytes);
        let Some((name, value)) = memchr::memchr(b':', head).and_then(|colon| self.bytes.split_at_checked(colon))
        else {
            return Kind::Stray;
        };
        let name = name.trim_ascii_end();
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic) && !value.starts_with(b"://");
        if is_name { Kind::Field(name) } else { Kind::Stray }
    }

    pub(super) fn is_boundary(self, boundary: &[u8]) -> bool {
        self.bytes.strip_prefix(b"--").map(<[u8]>::trim_ascii_end) == Some(boundary)
    }

    pub(super) fn closes(self, boundary: &[u8]) -> bool {
        let line = self.bytes.trim_ascii_end().strip_suffix(b"--");
        line.and_then(|line| line.strip_prefix(b"--")) == Some(boundary)
    }

    pub(super) fn is_base64(self) -> bool {
        let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        self.bytes.trim_ascii_end().iter().all(is_sign)
    }

    /// What programs that keep mail in mbox files put before a header.
    pub(super) fn is_mbox(self) -> bool {
        self.at == 0 && (self.bytes.starts_with(b"From ") || self.bytes.starts_with(b">From "))
    }
}

/// Whether programs write a field of this name.
pub(super) fn is_known(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    KNOWN.iter().any(|known| match known.strip_suffix('-') {
        Some(_) => name.starts_with(known.as_bytes()),
        None => name == known.as_bytes(),
    })
}
