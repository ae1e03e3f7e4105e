//! Bytes as text (RFC 2978 names, the Encoding Standard's meanings): by the label, in whose superset mail is really written;
//! where the label is missing or plainly wrong by what the bytes look like; and at last with replacement characters. Never an
//! error.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, GBK, ISO_2022_JP, REPLACEMENT, UTF_8};

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
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return lossy(encoding, bytes.get(mark..).unwrap_or_default());
    }
    let label = label.map(|label| label.trim().trim_matches(['"', '\'']).to_ascii_lowercase()).unwrap_or_default();
    match Written::named(&label) {
        Written::Utf7 => utf_7(bytes),
        Written::Shifted(encoding, shift) => lossy(encoding, &with_high_bits(bytes, shift)),
        Written::In(encoding) => labelled(encoding, bytes),
        Written::Unknown => unlabelled(bytes),
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
    let label = match code_page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        1200 => "utf-16le".to_owned(),
        10_000 => "macintosh".to_owned(),
        20_866 => "koi8-r".to_owned(),
        21_866 => "koi8-u".to_owned(),
        28_591..=28_606 => format!("iso-8859-{}", code_page - 28_590),
        50_220..=50_222 => "iso-2022-jp".to_owned(),
        51_932 => "euc-jp".to_owned(),
        54_936 => "gb18030".to_owned(),
        65_000 => "utf-7".to_owned(),
        65_001 => "utf-8".to_owned(),
        _ => format!("windows-{code_page}"),
    };
    decode(Some(&label), bytes)
}

/// What a label means.
enum Written {
    In(&'static Encoding),
    /// RFC 2152, which browsers have given up and old mail has not.
    Utf7,
    /// Seven bits that stand for eight between two signs.
    Shifted(&'static Encoding, Shift),
    /// It says nothing that is known.
    Unknown,
}

/// How a stretch is marked in which the high bit is left out.
#[derive(Debug, Clone, Copy)]
enum Shift {
    /// ISO-2022-KR (RFC 1557): SO and SI.
    Controls,
    /// HZ (RFC 1843): `~{` and `~}`.
    Tildes,
}

impl Written {
    fn named(label: &str) -> Self {
        match label {
            "utf-7" | "unicode-1-1-utf-7" | "x-unicode-1-1-utf-7" => Self::Utf7,
            "iso-2022-kr" | "csiso2022kr" => Self::Shifted(EUC_KR, Shift::Controls),
            "hz-gb-2312" | "hz" => Self::Shifted(GBK, Shift::Tildes),
            // What says ASCII and is not tells nothing.
            "us-ascii" | "ascii" | "ansi_x3.4-1968" => Self::Unknown,
            _ => match Encoding::for_label(unaliased(label).as_bytes()) {
                Some(encoding) if encoding != REPLACEMENT => Self::In(encoding),
                Some(_) | None => Self::Unknown,
            },
        }
    }
}

/// Names that mail uses and the Encoding Standard does not list.
fn unaliased(label: &str) -> Cow<'_, str> {
    match label {
        "cp932" | "ms932" | "sjis-win" => "shift_jis".into(),
        "cp936" | "ms936" | "gb_2312" | "cn-gb" => "gbk".into(),
        "cp949" | "ms949" | "uhc" => "euc-kr".into(),
        "cp950" | "ms950" => "big5".into(),
        "cp874" => "windows-874".into(),
        "utf_8" | "utf8mb4" | "unicode" => "utf-8".into(),
        "latin-1" | "iso8859_1" | "8859-1" | "ansi" => "windows-1252".into(),
        _ if label.starts_with("iso-2022-jp") => "iso-2022-jp".into(),
        _ => match label.strip_prefix("iso-8859-").and_then(|part| part.strip_suffix("-windows-1252")) {
            Some(_) => "windows-1252".into(),
            None => label.into(),
        },
    }
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
