//! Files in plain text as mail carried them before MIME: `begin 644 name`, lines of printable characters, `end` (POSIX
//! `uuencode`). Takes them out of text and makes them into parts; says what such lines hold. What is not whole stays
//! text.

use std::borrow::Cow;

use memchr::memmem;

use super::part::{Disposition, Part};
use super::unpack;

/// Files of one text that are taken out.
const MAX_FILES: usize = 100;
/// Bytes of a line's content: its first character says how many.
const LONGEST: usize = 63;

/// Takes the files out of a text; `taken` gets them.
pub(super) fn without_files(text: String, taken: &mut Vec<Part<'static>>) -> String {
    if memmem::find(text.as_bytes(), b"begin ").is_none() {
        return text;
    }
    let mut without = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((line, behind)) = next_line(rest) {
        let file = name(line).filter(|_| taken.len() < MAX_FILES).and_then(|name| file(name, behind));
        rest = match file {
            Some((part, behind)) => {
                taken.push(part);
                behind
            }
            None => {
                without.push_str(rest.get(..rest.len() - behind.len()).unwrap_or_default());
                behind
            }
        };
    }
    without
}

/// What encoded lines hold. Of those that are none, `begin` and `end` among them, nothing.
pub(super) fn content(encoded: &[u8]) -> Vec<u8> {
    let lines = encoded.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter_map(decoded).flatten().collect()
}

/// Whether a file begins somewhere in there.
pub(super) fn begins_within(encoded: &[u8]) -> bool {
    let mut lines = encoded.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    lines.any(|line| name(line.trim_end()).is_some())
}

fn next_line(text: &str) -> Option<(&str, &str)> {
    let end = memchr::memchr(b'\n', text.as_bytes()).map_or(text.len(), |at| at + 1);
    let (line, behind) = text.split_at_checked(end).filter(|(line, _)| !line.is_empty())?;
    Some((line.trim_end_matches(['\r', '\n']), behind))
}

/// `begin 644 report.pdf` → `report.pdf`.
fn name(line: &str) -> Option<&str> {
    let (mode, name) = line.strip_prefix("begin ")?.trim_start().split_once(' ')?;
    let is_mode = (3..=4).contains(&mode.len()) && mode.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    (is_mode && !name.trim().is_empty()).then_some(name.trim())
}

/// The file that begins here, and what stands behind its end. Each line up to there must be one of the encoding's.
fn file<'t>(name: &str, text: &'t str) -> Option<(Part<'static>, &'t str)> {
    let (mut content, mut rest) = (Vec::new(), text);
    loop {
        let (line, behind) = next_line(rest)?;
        rest = behind;
        match line.trim_end() {
            "end" => break,
            "" | "`" => {}
            _ => content.extend(decoded(line.as_bytes())?),
        }
    }
    let part = Part {
        media_type: unpack::kind_of(name).to_owned(),
        disposition: Disposition::Attachment,
        file_name: Some(name.to_owned()),
        encoded: Cow::Owned(content),
        ..Part::default()
    };
    Some((part, rest))
}

/// What a line holds, `None` where it is none: its first character counts the bytes, and each other one stands for six
/// bits. Spaces at its end may have been lost, and some programs put a checksum there.
fn decoded(line: &[u8]) -> Option<Vec<u8>> {
    let (first, digits) = line.split_first()?;
    let length = bits(*first).map(usize::from)?;
    let needed = length.div_ceil(3) * 4;
    let shown = digits.trim_ascii_end().len();
    if length > LONGEST || shown > needed + 1 || (length > 0 && shown == 0) {
        return None;
    }
    let digits: Vec<u8> = digits.iter().map(|byte| bits(*byte)).collect::<Option<_>>()?;
    let digits = digits.into_iter().chain(std::iter::repeat(0)).take(needed).collect::<Vec<_>>();
    let mut content: Vec<u8> = Vec::with_capacity(LONGEST);
    for &[a, b, c, d] in digits.as_chunks().0 {
        content.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    content.truncate(length);
    Some(content)
}

fn bits(byte: u8) -> Option<u8> {
    matches!(byte, b' '..=b'`').then(|| byte.wrapping_sub(b' ') & 0x3f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf 'The quick brown fox\n' | uuencode fox.txt` prints it.
    const FOX: &str = "begin 644 fox.txt\n45&AE('%U:6-K(&)R;W=N(&9O>`H`\n`\nend\n";

    #[test]
    fn a_file_is_taken_out_of_the_text_around_it() {
        let mut taken = Vec::new();
        let without = without_files(format!("See below.\n\n{FOX}\nAnn\n"), &mut taken);
        assert_eq!(without, "See below.\n\n\nAnn\n");
        let [file] = taken.as_slice() else { panic!("{taken:?}") };
        assert_eq!((file.file_name.as_deref(), file.media_type.as_str()), (Some("fox.txt"), "text/plain"));
        assert_eq!(&*file.encoded, b"The quick brown fox\n");
        let mail = crate::mail::parse(format!("Subject: x\n\nSee below.\n\n{FOX}").as_bytes());
        assert_eq!((mail.body.text.as_str(), mail.attachments[0].name.as_str()), ("See below.", "fox.txt"));
        let encoded =
            format!("Content-Type: application/octet-stream; name=a\nContent-Transfer-Encoding: x-uuencode\n\n{FOX}");
        assert_eq!(&*crate::mail::parse(encoded.as_bytes()).attachments[0].content, b"The quick brown fox\n");
        assert_eq!(content(FOX.replace('\n', "\r\n").as_bytes()), b"The quick brown fox\n");
    }

    #[test]
    fn what_is_no_whole_file_stays_text() {
        for text in [
            "begin 644 fox.txt\n45&AE('%U:6-K",
            "begin 644 fox.txt\nlower case is no digit\nend\n",
            "begin 1999 with a plan\nend",
            "we begin 644 things\n",
            "> begin 644 fox.txt\n> 45&AE\n> end\n",
        ] {
            let mut taken = Vec::new();
            assert_eq!(without_files(text.to_owned(), &mut taken), text);
            assert!(taken.is_empty(), "{text}");
        }
    }
}
