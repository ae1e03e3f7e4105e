//! A sieve between the socket and async-imap: hands on whole lines, leaves out what we never ask for, and stops what
//! would hurt the parser behind it. Interprets nothing else.
//!
//! async-imap 0.12 ends the session over one line that its parser (imap-proto 0.17) does not know, such as NAMESPACE or
//! ESEARCH, or an empty one; knows no `~{3}` (RFC 3516) and no `{3+}`, which is a client's (RFC 7888), for a literal; allocates up
//! to 512 MiB on the announcement of one; overflows the stack, which aborts the process, on a deeply nested BODYSTRUCTURE
//! that a server may send unasked; and fails on an ID response that arrives in two parts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What we ask for makes lines of a few hundred bytes; a server's CAPABILITY is the longest.
const MAX_LINE: usize = 64 << 10;
/// Bigger messages are asked for in chunks. The rest is room for servers whose RFC822.SIZE is an estimate (Exchange).
const MAX_LITERAL: u64 = 16 << 20;
/// What we ask for nests two deep.
const MAX_DEPTH: usize = 16;
const READ_SIZE: usize = 4096;

/// Why the server's bytes were not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A line without an end in sight.
    #[error("a line of more than {MAX_LINE} bytes")]
    LongLine,
    /// A literal (RFC 3501, 4.3) bigger than anything that was asked for.
    #[error("a literal of more than {MAX_LITERAL} bytes")]
    BigLiteral,
    /// Parentheses within parentheses.
    #[error("lists nested more than {MAX_DEPTH} deep")]
    DeepNesting,
}

/// Cuts the server's bytes into responses. Pure.
#[derive(Debug, Default)]
pub struct Framer {
    line: BytesMut,
    literal: u64,
    /// Whether the next line goes on with the response that the last literal belongs to.
    within: bool,
    kind: Kind,
    depth: usize,
    hold: Option<Box<Hold>>,
}

/// What is not handed on because it stands behind a line that changes what bytes mean.
#[derive(Debug)]
struct Hold {
    tag: String,
    /// `None`: the tagged line has not come yet.
    behind: Option<BytesMut>,
}

/// What to do with a response.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Handed on; braces at the end of its line are words.
    #[default]
    Status,
    /// Handed on, with its literals.
    Data,
    /// Left out, with its literals.
    Unwanted,
}

impl Framer {
    /// Takes the next bytes off the wire and appends to `output` what may be handed on.
    ///
    /// # Errors
    /// What a sane server never sends; nothing can be read after it.
    pub fn take(&mut self, mut input: &[u8], output: &mut BytesMut) -> Result<(), FramingError> {
        while !input.is_empty() {
            if let Some(behind) = self.hold.as_mut().and_then(|hold| hold.behind.as_mut()) {
                behind.extend_from_slice(input);
                return Ok(());
            }
            if self.literal > 0 {
                input = self.take_literal(input, output);
                continue;
            }
            let end = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
            let (part, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
            self.line.extend_from_slice(part);
            input = rest;
            if self.line.len() > MAX_LINE {
                return Err(FramingError::LongLine);
            }
            if part.ends_with(b"\n") {
                self.end_line(output)?;
            }
        }
        Ok(())
    }

    /// Whether the bytes so far end between two responses.
    pub fn is_between_responses(&self) -> bool {
        self.line.is_empty() && self.literal == 0 && !self.within
    }

    /// Hands on nothing that stands behind the answer with this tag, until [`Framer::let_go`].
    pub fn hold_behind(&mut self, tag: &str) {
        self.hold = Some(Box::new(Hold { tag: format!("{tag} "), behind: None }));
    }

    /// What was held back.
    pub fn let_go(&mut self) -> BytesMut {
        self.hold.take().and_then(|hold| hold.behind).unwrap_or_default()
    }

    fn take_literal<'a>(&mut self, input: &'a [u8], output: &mut BytesMut) -> &'a [u8] {
        let wanted = usize::try_from(self.literal).unwrap_or(usize::MAX).min(input.len());
        let (part, rest) = input.split_at_checked(wanted).unwrap_or((input, &[]));
        self.literal = self.literal.saturating_sub(part.len() as u64);
        match self.kind {
            Kind::Status | Kind::Data => output.extend_from_slice(part),
            Kind::Unwanted => {}
        }
        rest
    }

    fn end_line(&mut self, output: &mut BytesMut) -> Result<(), FramingError> {
        let line = std::mem::take(&mut self.line);
        if !self.within {
            if line.trim_ascii().is_empty() {
                return Ok(());
            }
            self.kind = Kind::of(&line);
            self.depth = 0;
        }
        match self.kind {
            Kind::Status => {
                output.extend_from_slice(&line);
                if let Some(hold) = self.hold.as_mut().filter(|hold| line.starts_with(hold.tag.as_bytes())) {
                    hold.behind = Some(BytesMut::new());
                }
                return Ok(());
            }
            Kind::Data => self.count_depth(&line)?,
            Kind::Unwanted => {}
        }
        let literal = announced_literal(&line);
        if literal.as_ref().is_some_and(|literal| literal.size > MAX_LITERAL) {
            return Err(FramingError::BigLiteral);
        }
        match (self.kind, &literal) {
            (Kind::Data, None) => output.extend_from_slice(&line),
            (Kind::Data, Some(literal)) => {
                output.extend_from_slice(literal.before);
                output.extend_from_slice(format!("{{{}}}\r\n", literal.size).as_bytes());
            }
            (Kind::Status | Kind::Unwanted, _) => {}
        }
        self.within = literal.is_some();
        self.literal = literal.map_or(0, |literal| literal.size);
        Ok(())
    }

    fn count_depth(&mut self, line: &[u8]) -> Result<(), FramingError> {
        for byte in line {
            match byte {
                b'(' => self.depth += 1,
                b')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth > MAX_DEPTH {
                return Err(FramingError::DeepNesting);
            }
        }
        Ok(())
    }
}

impl Kind {
    fn of(line: &[u8]) -> Self {
        let Some(rest) = line.strip_prefix(b"* ") else {
            return Self::Status; // tagged, a continuation, or nothing that the parser will take
        };
        let mut words = rest.split(|byte| byte.is_ascii_whitespace());
        let keyword = words.next().unwrap_or_default();
        if keyword.first().is_some_and(u8::is_ascii_digit) {
            let wanted: [&[u8]; 3] = [b"EXISTS", b"EXPUNGE", b"FETCH"];
            return if is_one_of(words.next().unwrap_or_default(), &wanted) { Self::Data } else { Self::Unwanted };
        }
        let status: [&[u8]; 7] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH", b"CAPABILITY", b"SEARCH"];
        if is_one_of(keyword, &status) { Self::Status } else { Self::Unwanted }
    }
}

fn is_one_of(word: &[u8], wanted: &[&[u8]]) -> bool {
    wanted.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// What follows a line.
struct Literal<'l> {
    /// The line without its announcement.
    before: &'l [u8],
    size: u64,
}

/// `… {123}`, at the end of a line: RFC 3501, 4.3. One beyond 64 bits is still too big.
fn announced_literal(line: &[u8]) -> Option<Literal<'_>> {
    let announced = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let announced = announced.strip_suffix(b"+").unwrap_or(announced);
    let open = announced.iter().rposition(|byte| *byte == b'{')?;
    let (before, digits) = announced.split_at_checked(open)?;
    let digits = str::from_utf8(digits.get(1..)?).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let before = before.strip_suffix(b"~").unwrap_or(before);
    is_number.then(|| Literal { before, size: digits.parse().unwrap_or(u64::MAX) })
}

/// A stream whose reading side goes through a [`Framer`].
#[derive(Debug)]
pub struct Framed<S> {
    stream: S,
    framer: Framer,
    output: BytesMut,
    received: u64,
}

impl<S> Framed<S> {
    /// Frames what `stream` reads.
    pub fn new(stream: S) -> Self {
        Self { stream, framer: Framer::default(), output: BytesMut::new(), received: 0 }
    }

    /// How many bytes came over the wire so far, so that slowness can be told from silence.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What stands between the socket and the server's lines.
    pub fn parts_mut(&mut self) -> (&mut S, &mut Framer) {
        (&mut self.stream, &mut self.framer)
    }

    /// Takes bytes that were held back, and mean after all what they always meant.
    ///
    /// # Errors
    /// As [`Framer::take`].
    pub fn take_back(&mut self, held: &[u8]) -> Result<(), FramingError> {
        self.framer.take(held, &mut self.output)
    }

    /// The stream underneath; what was read ahead is lost, as it must be before TLS (RFC 9051, 6.2.1).
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Framed<S> {
    fn poll_more(&mut self, ctx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; READ_SIZE];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(ctx, &mut buffer))?;
        let bytes = buffer.filled();
        self.received += bytes.len() as u64;
        self.framer.take(bytes, &mut self.output).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Poll::Ready(Ok(bytes.len()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framed<S> {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.output.is_empty() {
            if ready!(this.poll_more(ctx))? == 0 {
                let ended_well = this.framer.is_between_responses();
                return Poll::Ready(if ended_well { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
            }
        }
        let size = this.output.len().min(buffer.remaining());
        buffer.put_slice(this.output.get(..size).unwrap_or_default());
        this.output.advance(size);
        if this.output.is_empty() {
            this.output = BytesMut::new(); // an idle session keeps no buffer here
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framed<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(ctx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(input: &[u8], step: usize) -> Result<Vec<u8>, FramingError> {
        let mut framer = Framer::default();
        let mut output = BytesMut::new();
        for part in input.chunks(step) {
            framer.take(part, &mut output)?;
        }
        Ok(output.to_vec())
    }

    #[test]
    fn what_we_never_ask_for_is_left_out_with_its_literals_however_the_bytes_are_cut() {
        let input = b"* 3 EXISTS\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n* LIST () \"/\" {9}\r\na\r\n* OK x\r\n\
            * 1 FETCH (UID 1 BODY[] {12}\r\n* LIST no\r\n!)\r\n* 3 RECENT\r\n* ID (\"name\" \"x\")\r\n\r\n+ idling {3}\r\na1 OK {2}\r\n";
        let wanted = b"* 3 EXISTS\r\n* 1 FETCH (UID 1 BODY[] {12}\r\n* LIST no\r\n!)\r\n+ idling {3}\r\na1 OK {2}\r\n";
        for step in 1..input.len() {
            let output = framed(input, step).unwrap();
            assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(wanted), "in steps of {step}");
        }
    }

    #[test]
    fn every_form_of_a_literal_is_handed_on_in_the_plainest() {
        for form in ["~{2}", "{2+}", "~{02+}"] {
            let input = format!("* 1 FETCH (UID 1 BODY[] {form}\r\n)\n)\r\n* 2 EXISTS\r\n");
            let output = framed(input.as_bytes(), 5).unwrap();
            assert_eq!(output, b"* 1 FETCH (UID 1 BODY[] {2}\r\n)\n)\r\n* 2 EXISTS\r\n", "{form}");
        }
    }

    #[test]
    fn whatever_a_server_sends_the_sieve_stays_small_and_adds_nothing() {
        let sound: &[u8] = b"* 3 EXISTS\r\n* LIST () \"/\" {9}\r\na\r\n* OK x\r\n* 1 FETCH (UID 1 BODY[] {12}\r\n\
            * LIST no\r\n!)\r\n* ID (\"name\" NIL)\r\n+ idling\r\na1 OK [READ-WRITE] {2}\r\n";
        let telling: [&[u8]; 8] = [b"\r\n", b"{99999999}\r\n", b"{0}\r\n", b"((((((((", b"* ", b"}", b"\n", b"FETCH"];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut input = sound.repeat(random.usize(1..4));
            for _ in 0..random.usize(1..8) {
                let at = random.usize(..input.len());
                match random.u8(..3) {
                    0 => input[at] = random.u8(..),
                    1 => drop(input.splice(at..at, telling[random.usize(..telling.len())].iter().copied())),
                    _ => input.truncate(at.max(1)),
                }
            }
            let (mut framer, mut output) = (Framer::default(), BytesMut::new());
            for piece in input.chunks(random.usize(1..200)) {
                if framer.take(piece, &mut output).is_err() {
                    break;
                }
                assert!(framer.line.len() <= MAX_LINE && framer.literal <= MAX_LITERAL && framer.depth <= MAX_DEPTH);
            }
            let mut rest = input.iter();
            assert!(output.iter().all(|byte| rest.any(|sent| sent == byte)), "more than was sent");
        }
    }

    #[test]
    fn what_stands_behind_a_tagged_answer_is_held_however_it_is_cut() {
        let input = b"* OK m1 no\r\nm12 OK no\r\nm1 OK deflating\r\n\x00\n\r\n* 1 EXISTS\r\n";
        for step in 1..input.len() {
            let (mut framer, mut output) = (Framer::default(), BytesMut::new());
            framer.hold_behind("m1");
            input.chunks(step).for_each(|part| framer.take(part, &mut output).unwrap());
            assert!(output.ends_with(b"m1 OK deflating\r\n"), "in steps of {step}");
            assert_eq!(&framer.let_go()[..], b"\x00\n\r\n* 1 EXISTS\r\n", "in steps of {step}");
        }
    }

    #[test]
    fn a_line_is_held_back_until_it_is_whole() {
        let mut framer = Framer::default();
        let mut output = BytesMut::new();
        framer.take(b"a1 OK do", &mut output).unwrap();
        assert!(output.is_empty() && !framer.is_between_responses());
        framer.take(b"ne\r\n", &mut output).unwrap();
        assert!(framer.is_between_responses());
        assert_eq!(&output[..], b"a1 OK done\r\n");
    }

    #[test]
    fn what_would_hurt_the_parser_is_stopped() {
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {})\r\n", "(".repeat(100_000));
        assert_eq!(framed(&deep.as_bytes()[..60_000], 4096), Ok(Vec::new()), "not whole yet");
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(1000));
        assert_eq!(framed(deep.as_bytes(), 4096), Err(FramingError::DeepNesting));
        assert_eq!(framed(&[b'x'; 70_000], 4096), Err(FramingError::LongLine));
        assert_eq!(framed(b"* 1 FETCH (BODY[] {500000000}\r\n", 99), Err(FramingError::BigLiteral));
        let absurd = b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n";
        assert_eq!(framed(absurd, 99), Err(FramingError::BigLiteral));
    }
}
