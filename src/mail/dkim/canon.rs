//! A message as signatures see it (RFC 6376, 3.4): its fields in their canonical form, and the hashes of its text. It
//! is taken piece by piece, so that one of any size can be checked. Says nothing of signatures but which forms they ask
//! for.

use aws_lc_rs::digest::{Context, Digest, SHA256};

use super::super::header_end;
use super::tag;

/// Bytes of a header that are read.
const MAX_HEADER: usize = 256 << 10;
/// Bytes of a line that is hashed; SMTP allows 1,000 (RFC 5321, 4.5.3.1.6).
const MAX_LINE: usize = 1 << 20;

/// RFC 6376, 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Canon {
    Simple,
    Relaxed,
}

/// A header field as it stands in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'m> {
    pub(super) name: &'m [u8],
    /// Behind the colon, with line ends.
    pub(super) value: &'m [u8],
    pub(super) whole: &'m [u8],
}

/// What the signatures on a message are about: its header, and the hashes of its text in the forms that they ask for.
#[derive(Default)]
pub struct Digests {
    header: Vec<u8>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    state: State,
    texts: Vec<Text>,
}

/// How far a message was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Header,
    Text,
    /// There was too much of something: no signature holds.
    GivenUp,
}

impl Digests {
    /// Of a whole message, as it came.
    pub fn of(message: &[u8]) -> Self {
        let mut digests = Self::default();
        digests.take(message);
        digests
    }

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.state == State::GivenUp {
                return;
            }
            if self.line.is_empty() && piece.ends_with(b"\n") {
                self.end_line(piece);
            } else {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    let line = std::mem::take(&mut self.line);
                    self.end_line(&line);
                } else if self.line.len() > MAX_LINE {
                    self.give_up();
                }
            }
        }
    }

    /// After the last bytes.
    pub(super) fn finish(mut self) -> Finished {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line);
        }
        if self.state == State::Header {
            self.give_up(); // it has no end
        }
        let texts = self.texts.into_iter().map(|text| (text.canon, text.finish()));
        Finished { header: self.header, texts: texts.collect() }
    }

    fn end_line(&mut self, line: &[u8]) {
        match self.state {
            State::Header if matches!(line, b"\r\n" | b"\n") => self.end_header(),
            State::Header if self.header.len() + line.len() > MAX_HEADER => self.give_up(),
            State::Header => self.header.extend_from_slice(line),
            State::Text => self.texts.iter_mut().for_each(|text| text.line(line)),
            State::GivenUp => {}
        }
    }

    fn end_header(&mut self) {
        if !header_end::is_whole(&self.header) {
            return self.give_up(); // what a verifier passes over, a reader may be shown as text; nobody signed it
        }
        self.state = State::Text;
        for field in fields(&self.header).iter().filter(|field| field.is("dkim-signature")) {
            let wanted = Canon::of_signature(&field.text()).map(|(_, body)| body);
            if let Some(canon) = wanted.filter(|canon| self.texts.iter().all(|text| text.canon != *canon)) {
                self.texts.push(Text::new(canon));
            }
        }
    }

    fn give_up(&mut self) {
        *self = Self { state: State::GivenUp, ..Self::default() };
    }
}

/// What was found.
pub(super) struct Finished {
    header: Vec<u8>,
    texts: Vec<(Canon, Digest)>,
}

impl Finished {
    pub(super) fn fields(&self) -> Vec<Field<'_>> {
        fields(&self.header)
    }

    /// The hash of the text.
    pub(super) fn text(&self, canon: Canon) -> Option<&[u8]> {
        self.texts.iter().find(|(of, _)| *of == canon).map(|(_, digest)| digest.as_ref())
    }
}

/// A text that is being hashed (RFC 6376, 3.4.3 and 3.4.4).
struct Text {
    canon: Canon,
    context: Context,
    /// Empty lines that count only if another follows.
    blank: usize,
    is_empty: bool,
    relaxed: Vec<u8>,
}

impl Text {
    fn new(canon: Canon) -> Self {
        Self { canon, context: Context::new(&SHA256), blank: 0, is_empty: true, relaxed: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let canonical = match self.canon {
            Canon::Simple => line,
            Canon::Relaxed => {
                self.relaxed.clear();
                relax(line, &mut self.relaxed);
                &self.relaxed
            }
        };
        if canonical.is_empty() {
            self.blank += 1;
            return;
        }
        for _ in 0..std::mem::take(&mut self.blank) {
            self.context.update(b"\r\n");
        }
        self.context.update(canonical);
        self.context.update(b"\r\n");
        self.is_empty = false;
    }

    fn finish(mut self) -> Digest {
        if self.is_empty && self.canon == Canon::Simple {
            self.context.update(b"\r\n");
        }
        self.context.finish()
    }
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.value).into_owned()
    }
}

fn fields(header: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut lines = header.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        at += line.len();
        if lines.peek().is_some_and(|next| next.starts_with(b" ") || next.starts_with(b"\t")) {
            continue;
        }
        let whole = header.get(start..at).unwrap_or_default();
        let colon = whole.iter().position(|byte| *byte == b':');
        if let Some((name, value)) = colon.and_then(|colon| whole.split_at_checked(colon)) {
            fields.push(Field { name, value: value.get(1..).unwrap_or_default(), whole });
        }
        start = at;
    }
    fields
}

impl Canon {
    /// The forms of header and text that a signature asks for.
    pub(super) fn of_signature(text: &str) -> Option<(Self, Self)> {
        let canon = tag(text, "c").unwrap_or_default();
        let (header, body) = canon.split_once('/').unwrap_or((&canon, "simple"));
        Some((Self::named(header)?, Self::named(body)?))
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "simple" | "" => Some(Self::Simple),
            "relaxed" => Some(Self::Relaxed),
            _ => None,
        }
    }

    pub(super) fn field(self, field: Field<'_>) -> Vec<u8> {
        match self {
            Self::Simple => with_crlf(field.whole),
            Self::Relaxed => {
                let mut line = field.name.trim_ascii().to_ascii_lowercase();
                line.push(b':');
                let words = field.value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                line.extend(words.collect::<Vec<_>>().join(&b' '));
                line.extend_from_slice(b"\r\n");
                line
            }
        }
    }
}

/// White space within a line as one space, none at its end.
fn relax(line: &[u8], into: &mut Vec<u8>) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = line.iter().rposition(|byte| !is_space(byte)).map_or(0, |at| at + 1);
    let line = line.get(..end).unwrap_or(line);
    let mut was_space = false;
    for &byte in line {
        match (is_space(&byte), was_space) {
            (true, true) => {}
            (true, false) => into.push(b' '),
            (false, _) => into.push(byte),
        }
        was_space = is_space(&byte);
    }
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let line = |line: &[u8]| match line.strip_suffix(b"\n") {
        Some(line) => [line.strip_suffix(b"\r").unwrap_or(line), b"\r\n"].concat(),
        None => line.to_vec(),
    };
    lines.flat_map(line).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::digest;

    use super::*;

    const HEADER: &str =
        "DKIM-Signature: c=relaxed/relaxed\r\nDKIM-Signature: c=relaxed\r\nDKIM-Signature: c=odd/odd\r\n";

    #[test]
    fn both_canonical_forms_are_those_of_the_rfc() {
        let fields = fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
        let header = |canon: Canon| fields.iter().flat_map(|field| canon.field(*field)).collect::<Vec<u8>>();
        assert_eq!(header(Canon::Relaxed), b"a:X\r\nb:Y Z\r\n");
        assert_eq!(header(Canon::Simple), b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
        for (text, relaxed, simple) in [
            (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n", " C \r\nD \t E\r\n"),
            ("", "", "\r\n"),
            ("a\n\n\nb", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"),
        ] {
            let found = Digests::of(format!("{HEADER}\r\n{text}").as_bytes()).finish();
            assert_eq!(found.text(Canon::Relaxed), Some(digest(&SHA256, relaxed.as_bytes()).as_ref()), "{text}");
            assert_eq!(found.text(Canon::Simple), Some(digest(&SHA256, simple.as_bytes()).as_ref()), "{text}");
        }
    }

    #[test]
    fn a_message_is_the_same_however_it_is_cut_and_too_much_of_it_proves_nothing() {
        let message = format!("{HEADER}\r\n{}", "words and  words \r\n\r\n".repeat(1_000));
        let whole = Digests::of(message.as_bytes()).finish();
        for step in [1, 2, 7, 1_000] {
            let mut digests = Digests::default();
            message.as_bytes().chunks(step).for_each(|piece| digests.take(piece));
            let finished = digests.finish();
            assert_eq!(finished.text(Canon::Relaxed), whole.text(Canon::Relaxed), "in steps of {step}");
            assert_eq!(finished.text(Canon::Simple), whole.text(Canon::Simple), "in steps of {step}");
        }
        for much in [
            format!("{HEADER}{}\r\n", "A: b\r\n".repeat(MAX_HEADER)),
            format!("{HEADER}\r\n{}", "x".repeat(MAX_LINE + 1)),
        ] {
            assert_eq!(Digests::of(much.as_bytes()).finish().text(Canon::Simple), None);
        }
    }
}
