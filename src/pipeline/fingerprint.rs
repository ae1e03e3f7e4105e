//! What makes a message the same message wherever it sits, taken while its bytes pass by. Pure.
//!
//! With a Message-ID it is the body alone: the copy that comes through an alias has other `Received` headers. Without
//! one it is everything, so that two machine-made messages of the same second are told apart by their headers.

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

use crate::mail::MessageId;
use crate::store::entry::Entry;
use crate::text::hex;

/// Bytes of header that are kept for reading; what is longer is not read by people either.
const HEAD: usize = 256 << 10;

/// Takes a message piece by piece.
pub struct Fingerprint {
    head: Vec<u8>,
    line: Line,
    whole: Context,
    body: Context,
    size: u64,
}

/// Where in the header the last byte was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Before the header: some programs put empty lines there.
    Before,
    /// In a line that has nothing in it yet.
    Empty,
    /// In a line with something in it.
    Begun,
    /// Behind the empty line that ends the header (RFC 5322, 2.1).
    Over,
}

/// A message's fingerprint, with its header for reading.
pub struct Fingerprinted {
    /// The header, its empty line included.
    pub head: Vec<u8>,
    /// Bytes in all.
    pub size: u64,
    whole: Digest,
    body: Digest,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self {
            head: Vec::new(),
            line: Line::Before,
            whole: Context::new(&SHA256),
            body: Context::new(&SHA256),
            size: 0,
        }
    }
}

impl Fingerprint {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.whole.update(piece);
        let (head, body) = piece.split_at_checked(self.head_part(piece)).unwrap_or((piece, &[]));
        let room = HEAD.saturating_sub(self.head.len());
        self.head.extend(head.iter().take(room));
        self.body.update(body);
    }

    /// How many bytes of the piece still belong to the header.
    fn head_part(&mut self, piece: &[u8]) -> usize {
        for (position, byte) in piece.iter().enumerate() {
            self.line = match (self.line, byte) {
                (Line::Over, _) => return position,
                (Line::Before, b'\n') => Line::Before,
                (Line::Empty, b'\n') => Line::Over,
                (Line::Begun, b'\n') => Line::Empty,
                (line, b'\r') => line,
                (Line::Before | Line::Empty | Line::Begun, _) => Line::Begun,
            };
        }
        piece.len()
    }

    /// After the last piece.
    pub fn finish(self) -> Fingerprinted {
        Fingerprinted { head: self.head, size: self.size, whole: self.whole.finish(), body: self.body.finish() }
    }
}

impl Fingerprinted {
    /// The hash that, with the mailbox and the Message-ID, is the message's identity. Lower-case hex.
    pub fn body_hash(&self, message_id: Option<&MessageId>) -> String {
        let digest = if message_id.is_some() { &self.body } else { &self.whole };
        hex(digest.as_ref())
    }
}

/// A few letters that tell a message from others, for [`Marker::with_print`](crate::jira::plan::Marker::with_print);
/// `None` where it has no name.
pub fn print(entry: &Entry) -> Option<String> {
    let message_id = entry.message_id.as_ref()?;
    let told = format!("{}\n{}\n{}", entry.mailbox, message_id.as_str(), entry.size);
    digest(&SHA256, told.as_bytes()).as_ref().get(..8).map(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pieces: &[&[u8]]) -> Fingerprinted {
        let mut fingerprint = Fingerprint::default();
        pieces.iter().for_each(|piece| fingerprint.update(piece));
        fingerprint.finish()
    }

    #[test]
    fn the_same_body_under_other_headers_is_the_same_message_only_where_it_has_a_message_id() {
        let id = MessageId::parse("<1@example.com>").unwrap();
        let one = taken(&[b"Received: a\r\nSubject: x\r\n\r\nbody\r\n"]);
        let other = taken(&[b"Received: b\r\nSubject: x\r\n\r\nbody\r\n"]);
        assert_eq!(one.body_hash(Some(&id)), other.body_hash(Some(&id)));
        assert_ne!(one.body_hash(None), other.body_hash(None));
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        let message: &[u8] = b"Subject: x\r\n\r\n\r\nbody";
        let (whole, id) = (taken(&[message]), MessageId::parse("<1@example.com>").unwrap());
        for cut in 0..=message.len() {
            let (first, second) = message.split_at(cut);
            let pieced = taken(&[first, second]);
            assert_eq!(pieced.body_hash(Some(&id)), whole.body_hash(Some(&id)), "cut at {cut}");
            assert_eq!(pieced.head, b"Subject: x\r\n\r\n", "cut at {cut}");
        }
    }

    #[test]
    fn a_message_without_a_header_or_without_a_body_has_a_fingerprint_too() {
        assert_eq!(taken(&[b"\r\nbody"]).head, b"\r\nbody");
        assert_eq!(taken(&[b"\r\n\nSubject: x\r\n\r\nbody"]).head, b"\r\n\nSubject: x\r\n\r\n");
        assert_eq!(taken(&[b"Subject: x\n\nbody"]).head, b"Subject: x\n\n");
        assert_eq!(taken(&[b"Subject: x"]).head, b"Subject: x");
        assert_eq!(taken(&[]).size, 0);
    }
}
