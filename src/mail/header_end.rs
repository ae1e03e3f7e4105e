//! Where headers end. An empty line says so (RFC 5322, 2.1), and some senders leave it out: what they wrote would pass
//! for fields, of which a reader is shown nothing. Puts that line in before the first line that is no field, and says
//! so; understands no field.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memmem;

use super::{Complaint, guard};
use line::{Kind, Line, is_known, lines};

pub(super) use line::is_end;

mod line;

/// Lines within which a header must go on, where lines in it are no fields: pieces of a field that was broken on its way.
const MAX_STRAYS: usize = 3;
/// As many where the header goes on with a field of which nobody writes in a text, as their names with a `-` show.
const MAX_STRAYS_BEFORE_TECHNICAL: usize = 50;
/// How often a header may be interrupted by such lines. Each time it is read again.
const MAX_INTERRUPTIONS: usize = 10;
/// Bytes of a header in which it is mended; what stands behind them is text from the first line on that is no field.
const MAX_MENDED: usize = 64 << 10;
/// Parts whose headers are looked at.
const MAX_PARTS: usize = 10_000;
/// A message in which every header has its end.
pub(super) struct Ended<'a> {
    /// All of it.
    pub(super) message: Cow<'a, [u8]>,
    /// How its own header was, the parts' aside.
    pub(super) header: Shape,
}

/// How a header was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Every program takes it for the same.
    Whole,
    /// Programs disagree on where it ends: what one takes for a part of it, another shows as text.
    Mended,
}

/// Puts in what is missing, and complains of it.
pub(super) fn ended<'a>(raw: &'a [u8], complaints: &mut Vec<Complaint>) -> Ended<'a> {
    let begins = without_blank_beginning(raw);
    let mut repairs = Repairs::default();
    let (mut boundaries, end) = header(begins, 0, &[], &mut repairs);
    let is_whole = begins.len() == raw.len() && repairs.made.is_empty() && repairs.is_silent();
    let mut start = next_part(begins, end, &boundaries);
    for _ in 0..MAX_PARTS {
        let Some(from) = start else { break };
        let (named, end) = header(begins, from, &boundaries, &mut repairs);
        boundaries.extend(named.into_iter().take(guard::MAX_BOUNDARIES.saturating_sub(boundaries.len())));
        start = next_part(begins, end, &boundaries);
    }
    repairs.complain(complaints);
    Ended { message: repairs.made(begins), header: if is_whole { Shape::Whole } else { Shape::Mended } }
}

/// Whether every line of a header, its empty line left out, is a field or the rest of one.
pub(super) fn is_whole(header: &[u8]) -> bool {
    lines(header, 0).enumerate().all(|(index, line)| match line.kind() {
        Kind::Field(_) => true,
        Kind::Folded => index > 0,
        Kind::Stray => line.is_mbox(),
        Kind::Empty => false,
    })
}

/// The boundaries that the header at `start` names, and where it ends.
fn header<'a>(raw: &'a [u8], start: usize, outer: &[&'a [u8]], repairs: &mut Repairs) -> (Vec<&'a [u8]>, usize) {
    let end = Header { raw, start, outer }.end(repairs);
    (guard::boundaries_of(raw.get(start..end).unwrap_or_default()), end)
}

/// Some programs put an empty line before the header as well.
fn without_blank_beginning(raw: &[u8]) -> &[u8] {
    let begins = raw.trim_ascii_start();
    let blank = raw.len() - begins.len();
    let is_line = blank.checked_sub(1).and_then(|last| raw.get(last)) == Some(&b'\n');
    let is_header = || matches!(Line::of(begins, 0).map(|line| line.kind()), Some(Kind::Field(name)) if is_known(name));
    if is_line && is_header() { begins } else { raw }
}

/// Where the header of the next part begins.
fn next_part(raw: &[u8], end: usize, boundaries: &[&[u8]]) -> Option<usize> {
    if boundaries.is_empty() {
        return None;
    }
    let from = end.saturating_sub(1); // the line end before it
    let behind = raw.get(from..)?;
    memmem::find_iter(behind, b"\n--").find_map(|at| {
        let line = Line::of(raw, from + at + 1)?;
        boundaries.iter().any(|boundary| line.is_boundary(boundary)).then_some(line.end())
    })
}

/// What has to be put in, in order, and what is to be said of it.
#[derive(Default)]
struct Repairs {
    made: Vec<(usize, &'static [u8])>,
    was_interrupted: bool,
    lacks_end: bool,
}

impl Repairs {
    fn put(&mut self, at: usize, bytes: &'static [u8]) {
        self.made.push((at, bytes));
    }

    fn is_silent(&self) -> bool {
        !self.was_interrupted && !self.lacks_end
    }

    fn complain(&self, complaints: &mut Vec<Complaint>) {
        let interrupted = "lines within its header are no header fields";
        let endless = "the empty line between a header and its text is missing";
        for (is_so, words) in [(self.was_interrupted, interrupted), (self.lacks_end, endless)] {
            complaints.extend(is_so.then(|| Complaint::incomplete(words)));
        }
    }

    fn made(self, raw: &[u8]) -> Cow<'_, [u8]> {
        if self.made.is_empty() {
            return Cow::Borrowed(raw);
        }
        let (mut whole, mut from) = (Vec::with_capacity(raw.len() + 2 * self.made.len()), 0);
        for (at, bytes) in self.made {
            whole.extend_from_slice(raw.get(from..at).unwrap_or_default());
            whole.extend_from_slice(bytes);
            from = at;
        }
        whole.extend_from_slice(raw.get(from..).unwrap_or_default());
        Cow::Owned(whole)
    }
}

/// A header whose end is looked for.
struct Header<'a, 'b> {
    raw: &'a [u8],
    start: usize,
    /// The boundaries of the containers that it stands in.
    outer: &'b [&'a [u8]],
}

impl<'a> Header<'a, '_> {
    /// Where the header ends, with its empty line if it has one.
    fn end(&self, repairs: &mut Repairs) -> usize {
        let (mut at, mut interruptions) = (self.start, 0);
        while let Some(line) = Line::of(self.raw, at) {
            at = line.end();
            match self.kind(line) {
                Kind::Empty => return at,
                Kind::Folded | Kind::Field(_) => {}
                Kind::Stray if line.is_mbox() => {}
                Kind::Stray if interruptions == MAX_INTERRUPTIONS || line.at - self.start > MAX_MENDED => {
                    return self.cut(line.at, at, repairs);
                }
                Kind::Stray => match (Above { header: self, lines: self.above(line) }).judge(line) {
                    Judgement::Header { goes_on_at } => {
                        self.interrupted(line, goes_on_at, repairs);
                        (at, interruptions) = (goes_on_at, interruptions + 1);
                    }
                    Judgement::Text => return self.cut(line.at, at, repairs),
                    Judgement::Boundary => return self.cut(line.at, line.at, repairs),
                },
            }
        }
        self.cut(at, at, repairs)
    }

    /// What a line is; nothing stands above the first one that it could belong to.
    fn kind(&self, line: Line<'a>) -> Kind<'a> {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let indentation = if line.at == self.start { line.bytes.iter().take_while(is_space).count() } else { 0 };
        Line { bytes: line.bytes.get(indentation..).unwrap_or_default(), ..line }.kind()
    }

    /// The bytes from the beginning to a line.
    fn above(&self, line: Line<'a>) -> &'a [u8] {
        self.raw.get(self.start..line.at).unwrap_or_default()
    }

    /// Lines up to `next` that are no fields stand within the header: those behind a subject are the rest of it.
    fn interrupted(&self, stray: Line<'a>, next: usize, repairs: &mut Repairs) {
        let fields = fields(self.above(stray));
        if is_rest(self.above(stray), stray) || fields.last().is_some_and(|name| name.eq_ignore_ascii_case(b"subject"))
        {
            let strays =
                lines(self.raw, stray.at).take_while(|line| line.at < next && matches!(line.kind(), Kind::Stray));
            strays.for_each(|line| repairs.put(line.at, b" "));
        }
        repairs.was_interrupted = true;
    }

    /// Puts the empty line in before `at`, and before the fields right above it that nobody knows: people write `Note: …`, too.
    /// `text` is where the first line ends that is no field.
    fn cut(&self, at: usize, text: usize, repairs: &mut Repairs) -> usize {
        let mut unknown = None;
        for line in lines(self.raw, self.start).take_while(|line| line.at < at) {
            match line.kind() {
                Kind::Field(name) if !is_known(name) => unknown = unknown.or(Some(line.at)),
                Kind::Folded => {}
                Kind::Empty | Kind::Field(_) | Kind::Stray => unknown = None,
            }
        }
        let end = unknown.unwrap_or(at);
        // Without any field there is nothing that text could have been taken for.
        repairs.lacks_end |= (self.start + 1..text).contains(&end);
        let is_whole_line = end == self.start || self.raw.get(..end).is_some_and(|header| header.ends_with(b"\n"));
        if self.start < self.raw.len() {
            repairs.put(end, if is_whole_line { b"\n" } else { b"\n\n" });
        }
        end
    }
}

/// What a line is that is no field.
enum Judgement {
    /// It stands within the header.
    Header { goes_on_at: usize },
    /// The text begins there.
    Text,
    /// The next part begins there.
    Boundary,
}

/// What stands above a line that is no field.
struct Above<'h, 'a, 'b> {
    header: &'h Header<'a, 'b>,
    lines: &'a [u8],
}

impl<'a> Above<'_, 'a, '_> {
    /// Behind a line within it the header goes on with a field that it does not have yet. Text may hold the header of
    /// what it quotes, but that repeats fields.
    fn judge(&self, stray: Line<'a>) -> Judgement {
        let own = guard::boundaries_of(self.lines);
        let is_boundary = |line: Line<'a>| {
            let is_it = |boundary: &&[u8]| line.is_boundary(boundary) || line.closes(boundary);
            self.header.outer.iter().any(is_it) || own.iter().any(is_it)
        };
        if is_boundary(stray) {
            return Judgement::Boundary;
        }
        if is_rest(self.lines, stray) {
            return Judgement::Header { goes_on_at: stray.end() };
        }
        let has: HashSet<Vec<u8>> = fields(self.lines).map(<[u8]>::to_ascii_lowercase).collect();
        for (strays, line) in lines(self.header.raw, stray.at).take(MAX_STRAYS_BEFORE_TECHNICAL + 1).enumerate() {
            match line.kind() {
                Kind::Empty if self.is_base64() && !stray.is_base64() => {
                    return Judgement::Header { goes_on_at: line.at };
                }
                Kind::Empty => return Judgement::Text,
                Kind::Stray if is_boundary(line) => return Judgement::Text,
                Kind::Field(name)
                    if (strays <= MAX_STRAYS || name.contains(&b'-'))
                        && is_known(name)
                        && !has.contains(&name.to_ascii_lowercase()) =>
                {
                    return Judgement::Header { goes_on_at: line.at };
                }
                Kind::Field(_) | Kind::Folded | Kind::Stray => {}
            }
        }
        Judgement::Text
    }

    /// Whether the text is announced as base64, of which nothing can be read that does not begin where it begins.
    fn is_base64(&self) -> bool {
        let encoding = |line: &[u8]| line.to_ascii_lowercase().starts_with(b"content-transfer-encoding");
        let mut lines = self.lines.split(|byte| *byte == b'\n');
        lines.any(|line| encoding(line) && line.trim_ascii_end().to_ascii_lowercase().ends_with(b"base64"))
    }
}

/// Whether a line is the rest of a field above that was broken before a parameter or an address, and not indented.
fn is_rest(above: &[u8], stray: Line<'_>) -> bool {
    let above = above.trim_ascii_end();
    above.ends_with(b";") && stray.bytes.contains(&b'=') || above.ends_with(b",") && stray.bytes.contains(&b'@')
}

/// The names of the fields in a header.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(header, 0).filter_map(|line| match line.kind() {
        Kind::Field(name) => Some(name),
        Kind::Empty | Kind::Folded | Kind::Stray => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(raw: &str) -> (String, usize) {
        let mut complaints = Vec::new();
        let mended = ended(raw.as_bytes(), &mut complaints).message.into_owned();
        (String::from_utf8(mended).unwrap(), complaints.len())
    }

    #[test]
    fn whole_headers_are_left_as_they_are() {
        for raw in [
            "From ann Mon Nov 16 10:00:00 2026\nFrom: a\r\nX-Odd/Name : b\r\n c\r\n\r\nText\r\n\r\nand: more",
            "Content-Type: multipart/mixed; boundary=--b:c\n\n----b:c\n\nA\n----b:c\nContent-Type: text/plain\n\nb\n----b:c--\n",
            " From: a\n\n",
            "\nTo be or not",
            "Subject: a\r\r\n\r\r\nCc: b\r\r\n",
            "",
        ] {
            let mut complaints = Vec::new();
            assert!(matches!(ended(raw.as_bytes(), &mut complaints).message, Cow::Borrowed(_)), "{raw}");
            assert_eq!(complaints, []);
        }
        assert_eq!(mended("\r\n\nFrom: a\n\nb"), ("From: a\n\nb".into(), 0));
        assert_eq!(mended("From: a\nSubject: b"), ("From: a\nSubject: b\n\n".into(), 0));
    }

    #[test]
    fn text_right_below_a_header_begins_with_the_first_line_that_is_no_field_or_that_nobody_knows() {
        for (header, text) in [
            ("From: a\nX-B: c\n", "Hello: there\nit is broken\n\nFrom: d\n"),
            ("From: a\n \n", "https://example.com is down"),
            ("From: a\nTo: b\n", "Help\nFrom: c\nSent: d\nTo: e\n\nf"),
            ("Subject: a\n", "Note: urgent\n"),
            ("From: a\n", "<p>Hello</p>"),
        ] {
            assert_eq!(mended(&format!("{header}{text}")), (format!("{header}\n{text}"), 1), "{text}");
        }
        for text in ["Hello,\nSubject matter: none\n", "  indented\n", "Hello: there\nyou two\n"] {
            assert_eq!(mended(text), (format!("\n{text}"), 0));
        }
    }

    #[test]
    fn a_header_goes_on_behind_pieces_of_its_fields() {
        for (raw, whole) in [
            ("Subject: a\nb\nTo: c\n\nd", "Subject: a\n b\nTo: c\n\nd"),
            (
                "Content-Type: multipart/mixed;\nboundary=b\n\n--b--",
                "Content-Type: multipart/mixed;\n boundary=b\n\n--b--",
            ),
            ("To: a@b,\nc@d\n\ne", "To: a@b,\n c@d\n\ne"),
            ("250 OK\nFrom: a\n\nb", "250 OK\nFrom: a\n\nb"),
            ("Subject: a\nb\nX-Own: c\nd\nTo: e\n\nf", "Subject: a\n b\nX-Own: c\nd\nTo: e\n\nf"),
            (
                "Content-Transfer-Encoding: base64\nX-Sender Ip: 1\n* SCORE\n\nSGVsbG8=\n",
                "Content-Transfer-Encoding: base64\nX-Sender Ip: 1\n* SCORE\n\nSGVsbG8=\n",
            ),
        ] {
            assert_eq!(mended(raw), (whole.into(), 1), "{raw}");
        }
    }

    #[test]
    fn the_headers_of_parts_end_as_well_at_their_text_or_at_the_next_boundary() {
        let message = |part: &str, more: &str| {
            format!("Content-Type: multipart/mixed; boundary=\"b\"\n{more}--b\nContent-Type: text/plain\n{part}--b--\n")
        };
        assert_eq!(mended(&message("Hello\n", "\n")), (message("\nHello\n", "\n"), 1));
        assert_eq!(mended(&message("", "")), (message("\n", "\n"), 0));
        let first = "Content-Type: multipart/mixed; boundary=b\n\n--b\n";
        let rest = "Hello\n--b\nContent-ID: c\n\nd\n--b--";
        assert_eq!(mended(&format!("{first}{rest}")), (format!("{first}\n{rest}"), 0));
        assert_eq!(mended(&message("--bold--\n", "\n")), (message("\n--bold--\n", "\n"), 1));
    }

    #[test]
    fn only_a_header_that_all_programs_take_for_the_same_is_whole() {
        let shape = |raw: &str| ended(raw.as_bytes(), &mut Vec::new()).header;
        assert_eq!(shape("From a Mon\nFrom: a\n b\n\ntext: c"), Shape::Whole);
        assert_eq!(shape("Content-Type: multipart/mixed; boundary=b\n\n--b\nX: a\ntext\n--b--"), Shape::Whole);
        for mended in ["From: a\ntext\n\n", "\nFrom: a\n\n", "From: a\nNote: b", "a b\nFrom: c\n\n"] {
            assert_eq!(shape(mended), Shape::Mended, "{mended}");
        }
        assert!(is_whole(b"From: a\n b\n") && !is_whole(b"From: a\ntext\n") && !is_whole(b" From: a\n"));
    }

    #[test]
    fn the_time_that_it_takes_is_proportional_to_the_message() {
        let rounds: String = (0..10).map(|round| format!("{}X-{round}: y\n", "--x\n".repeat(49))).collect();
        let types = format!("{}{rounds}", "content-type:\n".repeat(20_000));
        let parts = "--b\nContent-Type: text/plain\nHello\n".repeat(20_000);
        let floods = ["X-1: a\nb\n", "a\n", "a: b\n", "From: a\nb c\n", "--\n", "\n--b\n", "\r\n"];
        let floods = floods.into_iter().map(|flood| flood.repeat(200_000)).chain([types, parts]);
        for flood in floods {
            let raw = format!("Content-Type: multipart/mixed; boundary=b\n{flood}");
            assert!(mended(&raw).0.len() >= raw.len());
        }
    }
}
