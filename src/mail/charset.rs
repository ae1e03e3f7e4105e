//! Bytes as text (RFC 2978 names, the Encoding Standard's meanings): by the label, in whose superset mail is really written;
//! where the label is missing or plainly wrong by what the bytes look like; and at last with replacement characters. Never an
//! error.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};

use label::{Order, Shift, Written};

mod label;
mod code_pages;

/// Bytes of HTML in which it may name its charset (the HTML standard's own limit).
const MAX_HEAD: usize = 1024;
/// Bytes that are looked at to guess what they are written in.
const MAX_GUESSED: usize = 64 << 10;
/// Characters beyond ASCII that are all valid UTF-8 by chance as seldom as makes no difference.
const BEYOND_CHANCE: usize = 3;
/// A label is not believed when more than one in this many characters beyond ASCII makes no sense under it.
const WRONG_IN: usize = 10;

/// Bytes as text. `label` is the charset that the sender names.
pub(super) fn decode(label: Option<&str>, bytes: &[u8]) -> String {
    let label = label.map(|label| label.trim().trim_matches(['"', '\'']).to_ascii_lowercase()).unwrap_or_default();
    match (Written::named(&label), Encoding::for_bom(bytes)) {
        // Its mark begins like that of UTF-16.
        (Written::Utf32(order), _) => utf_32(bytes, order),
        (_, Some((encoding, mark))) => lossy(encoding, bytes.get(mark..).unwrap_or_default()),
        (Written::Utf7, None) => utf_7(bytes),
        (Written::Shifted(encoding, shift), None) => lossy(encoding, &with_high_bits(bytes, shift)),
        (Written::InPage(characters), None) => code_pages::decode(characters, bytes),
        (Written::In(encoding), None) => labelled(encoding, bytes),
        (Written::Unknown, None) => unlabelled(bytes),
    }
}

/// The charset that HTML names itself (`<meta charset=…>`), for where its header names none.
pub(super) fn named_in_html(html: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(html.get(..MAX_HEAD).unwrap_or(html)).to_ascii_lowercase();
    let (_, behind) = head.split_once("<meta")?;
    let (_, behind) = behind.split_once("charset")?;
    let value = behind.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\''));
    let label: String = value.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c)).collect();
    // What could be read so far is not written in it.
    (!label.is_empty() && !label.starts_with("utf-16") && label != "unicode").then_some(label)
}

/// Bytes in one of Microsoft's code pages as text.
pub(super) fn of_code_page(code_page: u32, bytes: &[u8]) -> String {
    decode(Some(&format!("cp{code_page}")), bytes)
}

/// Text whose label is known, unless the bytes say otherwise.
fn labelled(encoding: &'static Encoding, bytes: &[u8]) -> String {
    if encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
        && !is_iso_2022_jp(bytes)
    {
        return text.to_owned();
    }
    // Programs put the label of their own locale on what they pass on in UTF-8.
    if encoding.is_ascii_compatible()
        && let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().filter(|c| !c.is_ascii()).nth(BEYOND_CHANCE - 1).is_some()
    {
        return text.to_owned();
    }
    let text = lossy(encoding, bytes);
    let wrong = text.chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count();
    let foreign = text.chars().filter(|c| !c.is_ascii()).count();
    if wrong * WRONG_IN > foreign || (encoding == UTF_8 && is_iso_2022_jp(bytes)) { unlabelled(bytes) } else { text }
}

/// Text of which only the bytes are known.
fn unlabelled(bytes: &[u8]) -> String {
    if is_iso_2022_jp(bytes) {
        return lossy(ISO_2022_JP, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes.get(..MAX_GUESSED).unwrap_or(bytes), true);
    lossy(detector.guess(None, Utf8Detection::Allow), bytes)
}

fn lossy(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Seven bits with one of the escape sequences that begin Japanese (RFC 1468).
fn is_iso_2022_jp(bytes: &[u8]) -> bool {
    let begins = |sequence: &[u8]| bytes.windows(sequence.len()).any(|window| window == sequence);
    bytes.contains(&0x1b) && bytes.is_ascii() && (begins(b"\x1b$B") || begins(b"\x1b$@"))
}

fn with_high_bits(bytes: &[u8], shift: Shift) -> Vec<u8> {
    let (mut high, mut widened) = (0, Vec::with_capacity(bytes.len()));
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match (shift, byte, rest.peek().copied()) {
            (Shift::Controls, 0x0e, _) => high = 0x80,
            (Shift::Controls, 0x0f, _) => high = 0,
            (Shift::Tildes, b'~', Some(next @ (b'{' | b'}'))) => {
                high = if next == b'{' { 0x80 } else { 0 };
                rest.next();
            }
            (Shift::Controls, 0x1b, Some(b'$')) => rest.by_ref().take(3).for_each(drop), // ESC $ ) C
            (Shift::Controls | Shift::Tildes, byte, _) if byte.is_ascii_graphic() => widened.push(byte | high),
            (Shift::Controls | Shift::Tildes, byte, _) => widened.push(byte),
        }
    }
    widened
}

/// Four bytes a character; a mark at the beginning tells which comes first.
fn utf_32(bytes: &[u8], order: Order) -> String {
    let (bytes, order) = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] => (rest, Order::Big),
        [0xff, 0xfe, 0, 0, rest @ ..] => (rest, Order::Little),
        bytes => (bytes, order),
    };
    let character = |four: &[u8; 4]| {
        let number = match order {
            Order::Big => u32::from_be_bytes(*four),
            Order::Little => u32::from_le_bytes(*four),
        };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    bytes.as_chunks().0.iter().map(character).collect()
}

/// RFC 2152: `+` begins UTF-16 in base64, and anything else ends it.
fn utf_7(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'+' {
            text.push(if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
            continue;
        }
        let digits = rest.iter().map_while(|&byte| base64_digit(byte)).collect::<Vec<_>>();
        rest = rest.get(digits.len()..).unwrap_or_default();
        if digits.is_empty() {
            text.push('+');
        }
        text.push_str(&String::from_utf16_lossy(&utf_16(&digits)));
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
    }
    text
}

fn base64_digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Six bits a digit; what does not fill a unit is padding.
fn utf_16(digits: &[u8]) -> Vec<u16> {
    let (mut held, mut bits, mut units) = (0_u32, 0, Vec::new());
    for digit in digits {
        held = (held << 6 | u32::from(*digit)) & 0x3f_ffff;
        bits += 6;
        if bits >= 16 {
            bits -= 16;
            units.extend(u16::try_from(held >> bits & 0xffff));
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stands_for_what_mail_is_really_written_in() {
        for (label, bytes, text) in [
            ("iso-8859-1", &b"\x93quoted\x94 \x80 5"[..], "“quoted” € 5"),
            ("gb2312", b"\xe9\x46 \xc4\xe3", "镕 你"),
            ("ks_c_5601-1987", b"\x8c\x63\xb9\xe6", "똠방"),
            ("shift_jis", b"\x87\x40", "①"),
            ("CP932", b"\x87\x40", "①"),
            ("utf-7", b"Hi Mom -+Jjo--! 1 +- 1 +2D3eAA-", "Hi Mom -☺-! 1 + 1 😀"),
            ("hz-gb-2312", b"~{<:Ky2;S{~} ok", "己所不欲 ok"),
            ("iso-2022-kr", b"\x1b$)C\x0e>H3g\x0f!", "안녕!"),
            ("\"utf-8\"", "naïve".as_bytes(), "naïve"),
            ("cp850", b"Gr\x81\xe1e", "Grüße"),
            ("IBM437", b"caf\x82 \xc4\xc4", "café ──"),
            ("x-cp-852", b"\xa5", "ą"),
            ("csPC850Multilingual", b"\x84", "ä"),
            ("windows_1251", b"\xcf\xf0", "Пр"),
            ("x-mac-ce", b"\x88", "ą"),
            ("utf-32le", b"\xe4\0\0\0", "ä"),
            ("utf-32", b"\0\0\xfe\xff\0\x01\xf6\0", "😀"),
        ] {
            assert_eq!(decode(Some(label), bytes), text, "{label}");
        }
    }

    #[test]
    fn bytes_count_where_the_label_is_missing_or_wrong() {
        let japanese = b"\x1b$B4A;z\x1b(B";
        for label in [None, Some("us-ascii"), Some("utf-8"), Some("x-unknown")] {
            assert_eq!(decode(label, japanese), "漢字", "{label:?}");
            assert_eq!(decode(label, b"Gr\xfc\xdfe aus M\xfcnchen"), "Grüße aus München", "{label:?}");
            assert_eq!(decode(label, "Grüße".as_bytes()), "Grüße", "{label:?}");
        }
        assert_eq!(decode(Some("iso-8859-1"), "Grüße, Ärger".as_bytes()), "Grüße, Ärger");
        assert_eq!(decode(Some("iso-8859-1"), "Â".as_bytes()), "Ã‚");
        let russian = b"\xd0\xd2\xc9\xd7\xc5\xd4, \xcb\xc1\xcb \xc4\xc5\xcc\xc1? \xd0\xcf\xcd\xcf\xc7\xc9\xd4\xc5 \xd0\xcf\xd6\xc1\xcc\xd5\xca\xd3\xd4\xc1";
        assert_eq!(decode(None, russian), "привет, как дела? помогите пожалуйста");
    }

    #[test]
    fn what_fits_nothing_costs_its_bytes_and_no_more() {
        assert_eq!(decode(Some("gb2312"), "你好世界你好世界你好世界".as_bytes()), "你好世界你好世界你好世界");
        let cut = [encoding_rs::GBK.encode("一二三四五六七八九十百千").0.as_ref(), b"\xff"].concat();
        assert_eq!(decode(Some("gb2312"), &cut), "一二三四五六七八九十百千\u{fffd}");
        assert_eq!(decode(Some("utf-16"), b""), "");
    }
}
