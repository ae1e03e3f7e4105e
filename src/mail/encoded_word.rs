//! Encoded words (RFC 2047) in header fields, as programs really write them: characters cut in two between words,
//! spaces within them, wrong charsets. Not left to mail-parser, which decodes each word by itself and by its label
//! alone.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::charset;
use super::encoding::{self, Transfer};

/// Bytes of a word that are looked for its end; the RFC allows 75.
const MAX_WORD: usize = 4 << 10;

/// A field's text with its words decoded.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    rewritten(text, |words, into| into.push_str(words))
}

/// A field with each run of words as one word in UTF-8, which any parser understands.
pub(super) fn normalized(text: &str) -> Cow<'_, str> {
    rewritten(text, |words, into| {
        into.push_str("=?utf-8?B?");
        into.push_str(&STANDARD.encode(words));
        into.push_str("?=");
    })
}

fn rewritten(text: &str, mut write: impl FnMut(&str, &mut String)) -> Cow<'_, str> {
    if memmem::find(text.as_bytes(), b"=?").is_none() {
        return Cow::Borrowed(text);
    }
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = split_at_word(rest) {
        rewritten.push_str(before);
        let (words, after) = run(behind);
        write(&words, &mut rewritten);
        rest = after;
    }
    rewritten.push_str(rest);
    Cow::Owned(rewritten)
}

/// What stands before the first word, and the rest from it on.
fn split_at_word(text: &str) -> Option<(&str, &str)> {
    let starts = text.match_indices("=?").map(|(at, _)| at);
    let mut words = starts.filter_map(|at| text.split_at_checked(at)).filter(|(_, behind)| word(behind).is_some());
    words.next()
}

/// Words that follow one another, decoded, and the text behind them. White space between words means nothing (RFC 2047, 6.2).
fn run(text: &str) -> (String, &str) {
    let mut runs: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut rest = text;
    while let Some((Word { charset, bytes }, behind)) = word(if runs.is_empty() { rest } else { rest.trim_start() }) {
        match runs.last_mut() {
            // A character may be cut in two; where a charset has states, each word begins anew.
            Some((last, run)) if last.eq_ignore_ascii_case(charset) && !has_states(charset) => run.extend(bytes),
            Some(_) | None => runs.push((charset, bytes)),
        }
        rest = behind;
    }
    (runs.iter().map(|(charset, bytes)| charset::decode(Some(charset), bytes)).collect(), rest)
}

fn has_states(charset: &str) -> bool {
    let charset = charset.to_ascii_lowercase();
    ["iso-2022", "csiso2022", "hz", "utf-7"].iter().any(|start| charset.starts_with(start))
}

struct Word<'t> {
    charset: &'t str,
    bytes: Vec<u8>,
}

/// The word at the beginning of a text, and what stands behind it.
fn word(text: &str) -> Option<(Word<'_>, &str)> {
    let behind = text.strip_prefix("=?")?;
    let (charset, behind) = behind.split_once('?')?;
    let (encoding, behind) = behind.split_once('?')?;
    let end = behind.get(..behind.floor_char_boundary(MAX_WORD)).and_then(|near| near.find("?="))?;
    let (content, behind) = behind.split_at_checked(end)?;
    let behind = behind.strip_prefix("?=")?;
    let charset = charset.split('*').next().unwrap_or(charset); // RFC 2231, 5: a language may follow
    if charset.is_empty() || charset.contains(char::is_whitespace) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => encoding::decode(content.as_bytes(), Transfer::Base64).bytes.into_owned(),
        "Q" | "q" => encoding::unescaped(content.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((Word { charset, bytes }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_however_programs_cut_and_label_them() {
        for (text, expected) in [
            ("a =?utf-8?Q?b=20c?= =?utf-8?Q?d?= e", "a b cd e"),
            ("=?UTF-8?B?w4Q=?=\r\n =?utf-8?B?w5Y=?=", "ÄÖ"),
            ("=?utf-8?Q?=C3?= =?utf-8?Q?=84rger?=", "Ärger"),
            ("=?utf-8?Q?a_b c?=", "a b c"),
            ("x=?utf-8?Q?y?=z", "xyz"),
            ("\"=?iso-8859-1*de?Q?=C4?=\"", "\"Ä\""),
            ("=?us-ascii?Q?=C3=84rger?=", "Ärger"),
            ("=?x-unknown?Q?Gr=FC=DFe?=", "Grüße"),
            (
                "=?iso-2022-jp?B?GyRCNEE7ehsoQg==?= =?ISO-2022-JP?B?GyRCNEE7ehsoQg==?= =?iso-8859-1?Q?_=FC?=",
                "漢字漢字 ü",
            ),
            ("=?utf-8?X?a?= =?utf-8?Q?a =??= =?=", "=?utf-8?X?a?= a =? =?="),
            ("=?utf-8?b?w4RyZ2Vy", "=?utf-8?b?w4RyZ2Vy"),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
        assert_eq!(normalized("=?gbk?B?xOM=?= <a@b>"), "=?utf-8?B?5L2g?= <a@b>");
        assert!(matches!(decoded("plain = ? text"), Cow::Borrowed(_)));
    }
}
