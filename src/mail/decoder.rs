//! Content-Transfer-Encoding undone piece by piece, for content that is never held whole. Means the same as
//! [`super::encoding`] does for content that is.

use super::encoding::{Transfer, decode};
use super::uuencoded;

/// Quoted-printable lines have 76 characters (RFC 2045, 6.7); a line without an end in sight is decoded as it comes.
const LONGEST: usize = 64 << 10;

/// Decodes content that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    encoding: Transfer,
    waiting: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(encoding: Transfer) -> Self {
        Self { encoding, waiting: Vec::new() }
    }

    /// Takes the next encoded bytes, cut anywhere; gives what is certain of the content.
    pub fn update(&mut self, encoded: &[u8]) -> Vec<u8> {
        match self.encoding {
            Transfer::Identity => encoded.to_vec(),
            Transfer::Base64 => {
                self.waiting.extend(encoded.iter().filter(|byte| is_base64(**byte)));
                let padded = self.waiting.iter().rposition(|byte| *byte == b'=').map_or(0, |at| at + 1);
                let groups = (self.waiting.len() - padded) / 4 * 4;
                self.decode_up_to(padded + groups)
            }
            Transfer::QuotedPrintable | Transfer::Uuencode => {
                self.waiting.extend_from_slice(encoded);
                let lines = self.waiting.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let is_endless = lines == 0 && self.waiting.len() > LONGEST;
                self.decode_up_to(if is_endless { self.waiting.len() } else { lines })
            }
        }
    }

    /// After the last piece: what is left.
    pub fn finish(mut self) -> Vec<u8> {
        self.decode_up_to(self.waiting.len())
    }

    fn decode_up_to(&mut self, end: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(end);
        let ready = std::mem::replace(&mut self.waiting, rest);
        match self.encoding {
            Transfer::Uuencode => uuencoded::content(&ready),
            Transfer::Identity | Transfer::Base64 | Transfer::QuotedPrintable => {
                decode(&ready, self.encoding).bytes.into_owned()
            }
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_pieces_the_content_is_the_same_as_at_once_wherever_it_is_cut() {
        for (encoded, encoding) in [
            ("aGVs\r\nbG8=", Transfer::Base64),
            ("aGk=aG==!b G8", Transfer::Base64),
            ("a=C3=A9b  \r\nsoft=\r\n break=  \r\nend \r\n=ZZ", Transfer::QuotedPrintable),
            ("as it is\r\n=41", Transfer::Identity),
            ("begin 644 a\r\n#86)C\r\n`\r\nend\r\n", Transfer::Uuencode),
        ] {
            let whole = decode(encoded.as_bytes(), encoding).bytes;
            for step in 1..encoded.len() {
                let mut decoder = Decoder::new(encoding);
                let mut content: Vec<u8> =
                    encoded.as_bytes().chunks(step).flat_map(|piece| decoder.update(piece)).collect();
                content.extend(decoder.finish());
                assert_eq!(content, *whole, "{encoded:?} in steps of {step}");
            }
        }
    }
}
