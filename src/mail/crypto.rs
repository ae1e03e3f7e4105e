//! Which parts are signatures, and what an S/MIME envelope holds (RFC 8551, RFC 5652). Proves no signature and opens nothing
//! that takes a key.

use super::part::Part;

/// Tags and lengths within one another that are entered.
const MAX_DEPTH: usize = 32;

/// Whether a part is nothing but a signature of another: of no use to a reader.
pub(super) fn is_signature(part: &Part<'_>) -> bool {
    match part.media_type.as_str() {
        "application/pkcs7-signature" | "application/x-pkcs7-signature" | "application/pgp-signature" => true,
        // Gateways that do not know the type send it as bytes.
        "application/octet-stream" => is_named(part, &["smime.p7s", "signature.asc"]),
        _ => false,
    }
}

/// Whether a part wraps the message in S/MIME.
pub(super) fn is_envelope(part: &Part<'_>) -> bool {
    match part.media_type.as_str() {
        // Certificates alone wrap nothing.
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => part.smime_type.as_deref() != Some("certs-only"),
        // RFC 8551, 3.2.1: gateways that do not know the type leave the name.
        "application/octet-stream" => is_named(part, &["smime.p7m"]),
        _ => false,
    }
}

/// Whether a text is one that PGP encrypted (RFC 9580, 6.2). People who ask about one write something above it.
pub(super) fn is_armored(text: &str) -> bool {
    text.trim_start().lines().next().map(str::trim_end) == Some("-----BEGIN PGP MESSAGE-----")
}

fn is_named(part: &Part<'_>, names: &[&str]) -> bool {
    part.file_name.as_deref().is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// What an envelope holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// Content that is only signed: a MIME entity.
    Signed(Vec<u8>),
    /// Content that takes a key to read.
    Encrypted,
    /// Something else, or something broken.
    Unknown,
}

/// Looks into an envelope (RFC 5652, 3).
pub(super) fn sealed(bytes: &[u8]) -> Sealed {
    const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
    const AUTH_ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];
    let Some((kind, content)) = content_info(bytes) else { return Sealed::Unknown };
    match kind {
        ENVELOPED_DATA | AUTH_ENVELOPED_DATA => Sealed::Encrypted,
        SIGNED_DATA => signed_content(content).map_or(Sealed::Unknown, Sealed::Signed),
        _ => Sealed::Unknown,
    }
}

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const EXPLICIT: u8 = 0xa0;
const OCTETS: u8 = 0x04;
const OCTETS_IN_PIECES: u8 = 0x24;

/// `ContentInfo`: the kind of content, and the content.
fn content_info(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = element(bytes, 0)?.with_tag(SEQUENCE)?;
    let kind = element(info.content, 0)?.with_tag(OBJECT_ID)?;
    let content = element(kind.rest, 0)?.with_tag(EXPLICIT)?;
    Some((kind.content, content.content))
}

/// `SignedData`: a version, digests, and then what was signed.
fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let signed = element(bytes, 0)?.with_tag(SEQUENCE)?;
    let version = element(signed.content, 0)?;
    let digests = element(version.rest, 0)?;
    let encapsulated = element(digests.rest, 0)?.with_tag(SEQUENCE)?;
    let kind = element(encapsulated.content, 0)?.with_tag(OBJECT_ID)?;
    let content = element(kind.rest, 0)?.with_tag(EXPLICIT)?;
    octets(element(content.content, 0)?, 0)
}

/// An element of ASN.1 in BER (X.690, 8.1), and what stands behind it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl Element<'_> {
    fn with_tag(self, tag: u8) -> Option<Self> {
        (self.tag == tag).then_some(self)
    }
}

fn element(bytes: &[u8], depth: usize) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    match length {
        0x80 => open_ended(tag, rest, depth),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = length.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
            let (content, rest) = rest.split_at_checked(length)?;
            Some(Element { tag, content, rest })
        }
        0x00..=0x7f => {
            let (content, rest) = rest.split_at_checked(usize::from(length))?;
            Some(Element { tag, content, rest })
        }
        0x85..=0xff => None,
    }
}

/// An element that was written before its length was known: two zeroes end it (X.690, 8.1.3.6).
fn open_ended(tag: u8, bytes: &[u8], depth: usize) -> Option<Element<'_>> {
    if depth == MAX_DEPTH {
        return None;
    }
    let mut left = bytes;
    loop {
        if let Some(rest) = left.strip_prefix(&[0, 0]) {
            let content = bytes.get(..bytes.len() - left.len())?;
            return Some(Element { tag, content, rest });
        }
        left = element(left, depth + 1)?.rest;
    }
}

/// Bytes in one piece or in several.
fn octets(element_of_bytes: Element<'_>, depth: usize) -> Option<Vec<u8>> {
    match element_of_bytes.tag {
        OCTETS => Some(element_of_bytes.content.to_vec()),
        OCTETS_IN_PIECES if depth < MAX_DEPTH => {
            let (mut bytes, mut left) = (Vec::new(), element_of_bytes.content);
            while !left.is_empty() {
                let piece = element(left, 0)?;
                left = piece.rest;
                bytes.extend(octets(piece, depth + 1)?);
            }
            Some(bytes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    }

    fn streamed(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    const PKCS7: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

    #[test]
    fn signed_content_is_found_however_its_length_is_written() {
        for wrap in [der, streamed] {
            let pieces = [der(OCTETS, b"Subject: a\r\n"), der(OCTETS, b"\r\nhello")].concat();
            let data = [PKCS7, &[1], &wrap(EXPLICIT, &wrap(OCTETS_IN_PIECES, &pieces))].concat();
            let signed = [&[2, 1, 1][..], &der(0x31, b""), &wrap(SEQUENCE, &data)].concat();
            let info = wrap(SEQUENCE, &[PKCS7, &[2], &wrap(EXPLICIT, &wrap(SEQUENCE, &signed))].concat());
            assert_eq!(sealed(&info), Sealed::Signed(b"Subject: a\r\n\r\nhello".to_vec()));
        }
    }

    #[test]
    fn encrypted_content_is_known_as_such_and_rubbish_as_nothing() {
        let info = der(SEQUENCE, &[PKCS7, &[3], &der(EXPLICIT, b"secret")].concat());
        assert_eq!(sealed(&info), Sealed::Encrypted);
        assert_eq!(sealed(b"rubbish"), Sealed::Unknown);
        assert_eq!(sealed(&[0x30, 0x80].repeat(100_000)), Sealed::Unknown);
    }
}
