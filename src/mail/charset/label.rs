//! What a charset's label means: the names of the Encoding Standard, and those beyond it that mail is labelled with. Reads no text.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding, GBK, REPLACEMENT};

use super::code_pages;

/// What a label means.
pub(super) enum Written {
    /// What the Encoding Standard says of it.
    In(&'static Encoding),
    /// RFC 2152, which browsers have given up and old mail has not.
    Utf7,
    /// Seven bits that stand for eight between two signs.
    Shifted(&'static Encoding, Shift),
    /// One of the code pages that the Encoding Standard leaves out: its characters behind ASCII.
    InPage(&'static str),
    /// Four bytes a character, which the Encoding Standard leaves out as well.
    Utf32(Order),
    /// It says nothing that is known.
    Unknown,
}

/// Which byte comes first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// The greatest.
    Big,
    /// The least.
    Little,
}

/// How a stretch is marked in which the high bit is left out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shift {
    /// ISO-2022-KR (RFC 1557): SO and SI.
    Controls,
    /// HZ (RFC 1843): `~{` and `~}`.
    Tildes,
}

impl Written {
    /// Reads a label, which is in lower case.
    pub(super) fn named(label: &str) -> Self {
        match label {
            "utf-7" | "unicode-1-1-utf-7" | "x-unicode-1-1-utf-7" | "cp65000" => Self::Utf7,
            "utf-32" | "utf-32be" | "ucs-4" | "iso-10646-ucs-4" => Self::Utf32(Order::Big),
            "utf-32le" => Self::Utf32(Order::Little),
            "iso-2022-kr" | "csiso2022kr" => Self::Shifted(EUC_KR, Shift::Controls),
            "hz-gb-2312" | "hz" => Self::Shifted(GBK, Shift::Tildes),
            // What says ASCII and is not tells nothing.
            "us-ascii" | "ascii" | "ansi_x3.4-1968" => Self::Unknown,
            _ => Self::aliased(label),
        }
    }

    fn aliased(label: &str) -> Self {
        let known = |label: &str| Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT);
        if let Some(encoding) = known(&unaliased(label)) {
            return Self::In(encoding);
        }
        let Some(page) = page_named(label).or_else(|| mac_page(label)) else { return Self::Unknown };
        match code_pages::beyond_ascii(page) {
            Some(characters) => Self::InPage(characters),
            None => known(&name_of_page(page)).map_or(Self::Unknown, Self::In),
        }
    }
}

/// The number of a script of old Macs.
fn mac_page(label: &str) -> Option<u32> {
    let script = label.strip_prefix("x-mac-").or_else(|| label.strip_prefix("mac"))?;
    Some(match script {
        "roman" => 10_000,
        "greek" => 10_006,
        "centraleurroman" | "ce" | "latin2" => 10_029,
        "icelandic" | "iceland" => 10_079,
        "turkish" => 10_081,
        _ => return None,
    })
}

/// Names that mail uses and the Encoding Standard does not list.
fn unaliased(label: &str) -> Cow<'_, str> {
    match label {
        "sjis-win" => "shift_jis".into(),
        "gb_2312" | "cn-gb" => "gbk".into(),
        "uhc" => "euc-kr".into(),
        "utf_8" | "utf8mb4" | "unicode" => "utf-8".into(),
        "latin-1" | "iso8859_1" | "8859-1" | "ansi" => "windows-1252".into(),
        _ if label.starts_with("iso-2022-jp") => "iso-2022-jp".into(),
        _ => match label.strip_prefix("iso-8859-").and_then(|part| part.strip_suffix("-windows-1252")) {
            Some(_) => "windows-1252".into(),
            None => label.into(),
        },
    }
}

/// The name of one of Microsoft's code pages in the Encoding Standard.
fn name_of_page(code_page: u32) -> Cow<'static, str> {
    match code_page {
        874 => "windows-874".into(),
        932 | 943 => "shift_jis".into(),
        936 => "gbk".into(),
        949 => "euc-kr".into(),
        950 => "big5".into(),
        1200 => "utf-16le".into(),
        1201 => "utf-16be".into(),
        10_000 => "macintosh".into(),
        10_007 => "x-mac-cyrillic".into(),
        20_127 => "us-ascii".into(),
        20_866 => "koi8-r".into(),
        21_866 => "koi8-u".into(),
        28_591..=28_606 => format!("iso-8859-{}", code_page - 28_590).into(),
        50_220..=50_222 => "iso-2022-jp".into(),
        20_932 | 51_932 => "euc-jp".into(),
        51_949 => "euc-kr".into(),
        54_936 => "gb18030".into(),
        65_000 => "utf-7".into(),
        65_001 => "utf-8".into(),
        _ => format!("windows-{code_page}").into(),
    }
}

/// The number in `cp850`, `IBM-437`, `windows_1251`, `x-cp1252`.
fn page_named(label: &str) -> Option<u32> {
    const PREFIXES: [&str; 9] = ["codepage", "windows", "cspc", "oem", "ibm", "dos", "win", "cp", "ms"];
    let label = label.strip_prefix("x-").unwrap_or(label);
    let number = PREFIXES.iter().find_map(|prefix| label.strip_prefix(prefix))?.trim_start_matches(['-', '_', ' ']);
    number.trim_end_matches("multilingual").trim_start_matches('0').parse().ok()
}
