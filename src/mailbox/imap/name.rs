//! Strings as IMAP writes them: folder names in modified UTF-7, quoted strings, sets of UIDs, dates. Pure.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use jiff::Timestamp;
use jiff::fmt::strtime;

const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A folder's name as an argument: modified UTF-7 (RFC 3501, 5.1.3), quoted.
pub fn folder(name: &str) -> String {
    let encoded = modified_utf7(name);
    quoted(&encoded).unwrap_or_else(|| "\"\"".to_owned())
}

/// A quoted string (RFC 3501, 4.3); `None` where the text cannot stand in one.
pub fn quoted(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0));
    fits.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn modified_utf7(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut shifted = Vec::new();
    for character in name.chars() {
        match character {
            ' '..='~' => {
                unshift(&mut encoded, &mut shifted);
                encoded.push(character);
                if character == '&' {
                    encoded.push('-');
                }
            }
            other => shifted.extend(other.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes())),
        }
    }
    unshift(&mut encoded, &mut shifted);
    encoded
}

fn unshift(encoded: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        encoded.push('&');
        encoded.push_str(&MODIFIED_BASE64.encode(&shifted));
        encoded.push('-');
        shifted.clear();
    }
}

/// A sequence-set (RFC 3501, 9): `1:3,7`.
pub fn uid_set(uids: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            Some(_) | None => ranges.push((*uid, *uid)),
        }
    }
    let parts: Vec<String> = ranges
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}:{last}") })
        .collect();
    parts.join(",")
}

/// A date-time (RFC 3501, 9), as INTERNALDATE gives it; `None` where it is none.
pub fn date(text: &str) -> Option<Timestamp> {
    strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?.to_timestamp().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_written_in_modified_utf7() {
        // The second and third are RFC 3501's own examples.
        for (name, encoded) in [
            ("INBOX", "\"INBOX\""),
            ("~peter/mail/台北/日本語", "\"~peter/mail/&U,BTFw-/&ZeVnLIqe-\""),
            ("☺!", "\"&Jjo-!\""),
            ("Entwürfe & Notizen", "\"Entw&APw-rfe &- Notizen\""),
            ("📥", "\"&2D3c5Q-\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("tab\tline\r\n", "\"tab&AAk-line&AA0ACg-\""),
        ] {
            assert_eq!(folder(name), encoded);
        }
    }

    #[test]
    fn what_a_quoted_string_cannot_carry_is_refused() {
        assert_eq!(quoted("pa\"ss\\").unwrap(), "\"pa\\\"ss\\\\\"");
        for text in ["a\r\nb LOGOUT", "nul\0", "pässword"] {
            assert_eq!(quoted(text), None);
        }
    }

    #[test]
    fn sets_are_short() {
        assert_eq!(uid_set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(uid_set(&[u32::MAX]), "4294967295");
        assert_eq!(uid_set(&[5, 3]), "5,3");
    }

    #[test]
    fn dates_are_read_with_their_zone_and_nonsense_is_none() {
        let expected: Timestamp = "2026-11-01T08:02:03Z".parse().unwrap();
        assert_eq!(date(" 1-Nov-2026 10:02:03 +0200"), Some(expected));
        assert_eq!(date("01-Nov-2026 10:02:03 +0200"), Some(expected));
        for text in ["", "yesterday", "31-Feb-2026 00:00:00 +0000", "01-Nov-2026 10:02:03"] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
