//! Undoing the byte-stuffing of a multi-line answer (RFC 1939, 3), however its bytes are cut into reads. Pure.
//!
//! Lines end with CRLF and with nothing else: where a bare LF or CR stands in a message, a sender must not be able to
//! write the end of the answer, and answers of his own behind it, into the middle of his mail.

/// Where in a line the last byte was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Inside,
    /// Behind a CR.
    Cr,
    /// Behind a dot that starts a line, and is either stuffing or the beginning of the end.
    Dot,
    /// Behind such a dot and a CR.
    DotCr,
}

/// How much of the bytes belonged to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// All of them, and more must come.
    All,
    /// This many; the answer ended with them.
    End(usize),
}

/// Takes an answer's bytes as they come.
#[derive(Debug)]
pub struct Unstuffer {
    state: State,
}

impl Unstuffer {
    /// At the beginning of an answer, behind its `+OK` line.
    pub fn new() -> Self {
        Self { state: State::LineStart }
    }

    /// Takes the next bytes, and appends to `plain` what they say.
    pub fn take(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Taken {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first() {
            if self.state == State::Inside {
                let length = rest.iter().position(|byte| *byte == b'\r').unwrap_or(rest.len());
                let (text, from_cr) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                plain.extend_from_slice(text);
                rest = from_cr;
                if !rest.is_empty() {
                    self.state = State::Cr;
                    plain.push(b'\r');
                    rest = rest.get(1..).unwrap_or_default();
                }
                continue;
            }
            rest = behind;
            if self.step(*byte, plain) {
                return Taken::End(bytes.len() - rest.len());
            }
        }
        Taken::All
    }

    /// One byte outside the middle of a line; says whether it ended the answer.
    fn step(&mut self, byte: u8, plain: &mut Vec<u8>) -> bool {
        self.state = match (self.state, byte) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => return true,
            (State::Cr, b'\n') => {
                plain.push(byte);
                State::LineStart
            }
            (State::DotCr, _) => {
                plain.push(b'\r'); // it was no end: the dot was stuffing, the CR is the message's
                self.state = State::Cr;
                return self.step(byte, plain);
            }
            (State::LineStart | State::Dot | State::Cr | State::Inside, _) => {
                plain.push(byte);
                if byte == b'\r' { State::Cr } else { State::Inside }
            }
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a server sends it.
    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for line in message.split_inclusive_crlf() {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    trait SplitCrlf {
        fn split_inclusive_crlf(&self) -> Vec<&[u8]>;
    }

    impl SplitCrlf for [u8] {
        fn split_inclusive_crlf(&self) -> Vec<&[u8]> {
            let mut lines = Vec::new();
            let mut rest = self;
            while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
                lines.push(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
            lines
        }
    }

    fn unstuffed(wire: &[u8], piece: usize) -> (Vec<u8>, Option<usize>) {
        let (mut unstuffer, mut plain) = (Unstuffer::new(), Vec::new());
        for (index, bytes) in wire.chunks(piece).enumerate() {
            if let Taken::End(taken) = unstuffer.take(bytes, &mut plain) {
                return (plain, Some(index * piece + taken));
            }
        }
        (plain, None)
    }

    #[test]
    fn a_bare_line_feed_or_return_ends_no_line() {
        for text in ["a\n.\nb\r\n", "a\r.\r\rb\r\n", "a\n.\r\nb\r\n", ".\r\r\n", "\r\n\r\n..\r\n"] {
            let wire = stuffed(text.as_bytes());
            for piece in 1..=wire.len() {
                let (plain, end) = unstuffed(&wire, piece);
                assert_eq!((String::from_utf8(plain).unwrap().as_str(), end), (text, Some(wire.len())), "by {piece}");
            }
        }
    }

    #[test]
    fn an_answer_without_its_end_never_ends_and_what_follows_the_end_is_left_alone() {
        assert_eq!(unstuffed(b"text\r\n.", 3).1, None);
        assert_eq!(unstuffed(b"text\r\n.\n", 3).1, None);
        assert_eq!(unstuffed(b".\r\n+OK next\r\n", 100), (Vec::new(), Some(3)));
    }

    proptest! {
        #[test]
        fn every_message_survives_in_pieces_of_any_size(
            parts in prop::collection::vec(prop::sample::select(vec!["\r\n", "\n", "\r", ".", "..", "x", "ü"]), 0..40),
            piece in 1_usize..7,
        ) {
            let message = format!("{}\r\n", parts.concat());
            let wire = stuffed(message.as_bytes());
            let (plain, end) = unstuffed(&wire, piece);
            prop_assert_eq!((plain, end), (message.into_bytes(), Some(wire.len())));
        }
    }
}
