//! Content-Transfer-Encoding (RFC 2045, 6) undone, leniently: broken input gives what can be had of it, and says so.
//! Not left to mail-parser, which gives up a part at its first wrong byte, and would decode and enter a nested message.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::uuencoded;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a part's content is written on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Transfer {
    /// 7bit, 8bit, binary, and whatever is not known.
    #[default]
    Identity,
    /// base64.
    Base64,
    /// quoted-printable.
    QuotedPrintable,
    /// x-uuencode, which never was a standard of mail.
    Uuencode,
}

impl Transfer {
    /// Reads the header's value.
    pub(super) fn named(name: &str) -> Self {
        match name.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            "x-uuencode" | "uuencode" | "x-uue" | "uue" => Self::Uuencode,
            _ => Self::Identity,
        }
    }
}

/// Decoded content.
pub(super) struct Decoded<'a> {
    /// The bytes.
    pub(super) bytes: Cow<'a, [u8]>,
    /// How sure they are.
    pub(super) fidelity: Fidelity,
}

/// Whether content was decoded by the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fidelity {
    /// The content is as the sender meant it.
    Exact,
    /// What could be had of a broken encoding.
    Salvaged,
}

/// Undoes a transfer encoding.
pub(super) fn decode(encoded: &[u8], encoding: Transfer) -> Decoded<'_> {
    match encoding {
        Transfer::Identity => Decoded { bytes: Cow::Borrowed(encoded), fidelity: Fidelity::Exact },
        Transfer::Base64 => base64(encoded),
        Transfer::QuotedPrintable => {
            Decoded { bytes: Cow::Owned(quoted_printable(encoded)), fidelity: Fidelity::Exact }
        }
        Transfer::Uuencode if uuencoded::begins_within(encoded) => {
            Decoded { bytes: Cow::Owned(uuencoded::content(encoded)), fidelity: Fidelity::Exact }
        }
        Transfer::Uuencode => Decoded { bytes: Cow::Borrowed(encoded), fidelity: Fidelity::Exact },
    }
}

fn base64(encoded: &[u8]) -> Decoded<'static> {
    let exact = |bytes| Decoded { bytes: Cow::Owned(bytes), fidelity: Fidelity::Exact };
    let mut dense = joined_lines(encoded);
    if let Ok(bytes) = LENIENT.decode(&dense) {
        return exact(bytes);
    }
    dense.retain(|byte| !byte.is_ascii_whitespace());
    match LENIENT.decode(&dense) {
        Ok(bytes) => exact(bytes),
        Err(_) => Decoded { bytes: Cow::Owned(salvage(&dense)), fidelity: Fidelity::Salvaged },
    }
}

/// Lines without what stands around them; base64 hardly ever has white space anywhere else.
fn joined_lines(encoded: &[u8]) -> Vec<u8> {
    let mut dense = Vec::with_capacity(encoded.len());
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', encoded).chain([encoded.len()]) {
        dense.extend_from_slice(encoded.get(from..end).unwrap_or_default().trim_ascii());
        from = end + 1;
    }
    dense
}

/// Foreign characters are skipped (RFC 2045, 6.8); padding in the middle ends one piece and begins another, as
/// programs write that encode block by block.
fn salvage(dense: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(dense.len() / 4 * 3);
    for piece in dense.split(|&byte| byte == b'=') {
        let mut piece: Vec<u8> =
            piece.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).collect();
        if piece.len() % 4 == 1 {
            piece.pop(); // six bits make no byte
        }
        bytes.extend(LENIENT.decode(&piece).unwrap_or_default());
    }
    bytes
}

/// What is no valid escape stays as it is (RFC 2045, 6.7, note 2 to rule 5); spaces at the end of a line go (rule 3).
fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len());
    for line in encoded.split_inclusive(|&byte| byte == b'\n') {
        let end = if line.ends_with(b"\r\n") {
            "\r\n"
        } else if line.ends_with(b"\n") {
            "\n"
        } else {
            ""
        };
        let line = line.trim_ascii_end();
        let (line, end) = match line.strip_suffix(b"=") {
            Some(line) => (line, ""),
            None => (line, end),
        };
        unescape(line, &mut bytes);
        bytes.extend_from_slice(end.as_bytes());
    }
    bytes
}

/// Escapes undone, and everything else as it is.
pub(super) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    unescape(text, &mut bytes);
    bytes
}

fn unescape(line: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = line;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| byte == b'=').and_then(hex_byte);
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &str, encoding: Transfer) -> (String, Fidelity) {
        let decoded = decode(encoded.as_bytes(), encoding);
        (String::from_utf8_lossy(&decoded.bytes).into_owned(), decoded.fidelity)
    }

    #[test]
    fn quoted_printable_survives_what_senders_do_to_it() {
        for (encoded, text) in [
            ("a=C3=A9b=c3=a9", "aébé"),
            ("soft=\r\n break=  \r\nend  \r\n", "soft breakend\r\n"),
            ("5=3 =", "5=3 "),
            ("=ZZ=4", "=ZZ=4"),
        ] {
            assert_eq!(decoded(encoded, Transfer::QuotedPrintable), (text.to_owned(), Fidelity::Exact), "{encoded:?}");
        }
    }

    #[test]
    fn base64_gives_what_can_be_had_and_says_when_that_is_not_all() {
        for (encoded, text, fidelity) in [
            ("aGVs\r\nbG8=", "hello", Fidelity::Exact),
            ("aGVsbG8", "hello", Fidelity::Exact),
            ("aGVs!bG8=", "hello", Fidelity::Salvaged),
            ("aGk=aGk=", "hihi", Fidelity::Salvaged),
            ("aGVsb", "hel", Fidelity::Salvaged),
        ] {
            assert_eq!(decoded(encoded, Transfer::Base64), (text.to_owned(), fidelity), "{encoded:?}");
        }
    }
}
