//! What programs, employers and mailing lists put under messages: `Sent from my iPhone`, disclaimers, how to unsubscribe. Looks at
//! the words alone, not at where they stand.

use super::words::WORDS;

/// Bytes of an advertisement without its link.
const MAX_LENGTH: usize = 120;
/// Words of an advertisement that names no device.
const MAX_WORDS: usize = 7;
/// Words of one that does, in its first words: `Sent from my Verizon, Samsung Galaxy smartphone`.
const MAX_WORDS_WITH_DEVICE: usize = 15;
/// Words of a name behind a closing.
const MAX_NAME: usize = 2;
/// Bytes of a closing.
const MAX_CLOSING: usize = 50;
/// Bytes of a paragraph that are read.
const MAX_PARAGRAPH: usize = 4_000;
/// Words of [`Words::legalese`](super::words::Words::legalese) in a disclaimer.
const LEGALESE: usize = 2;

/// Whether a line is what a mail program or a telephone says of itself.
pub(super) fn is_advertisement(line: &str) -> bool {
    let is_microsofts = line.contains("//aka.ms/");
    let line = without_link(line).trim_matches(|c: char| c.is_whitespace() || "*_-–—[]()|.。".contains(c));
    if line.is_empty() || line.len() > MAX_LENGTH {
        return false;
    }
    let text = line.to_lowercase().replace('’', "'");
    let text = without_apology(&text);
    // `Get Outlook for iOS<https://aka.ms/o0ukef>`, in any language.
    if is_microsofts && text.contains("outlook") && text.split_whitespace().count() <= MAX_WORDS {
        return true;
    }
    let begins = WORDS.advertisement.iter().any(|words| text.starts_with(words));
    let ends = WORDS.advertisement_end.iter().any(|words| text.ends_with(words));
    let head: Vec<&str> = text.split_whitespace().take(MAX_WORDS).collect();
    let has_device = WORDS.device.iter().any(|device| head.iter().any(|word| word.contains(device)));
    let count = text.split_whitespace().count();
    // `Yahoo!` is a name.
    let is_sentence = text.contains(['?', ';']) || text.contains(". ") || text.contains("! ");
    match (begins, ends) {
        _ if is_sentence => false,
        (true, _) if has_device => count <= MAX_WORDS_WITH_DEVICE,
        (true, _) => count <= MAX_WORDS && !text.contains([',', ':']),
        (false, true) => has_device && count <= MAX_WORDS,
        (false, false) => false,
    }
}

/// `Sent from my phone. Please excuse my brevity.` without its second sentence.
fn without_apology(text: &str) -> &str {
    match text.split_once(". ") {
        Some((first, second)) if WORDS.apology.iter().any(|words| second.contains(words)) => first,
        Some(_) | None => text,
    }
}

/// Whether a line is nothing but a link.
pub(super) fn is_link(line: &str) -> bool {
    !line.trim().is_empty() && without_link(line).trim().is_empty()
}

/// A line up to its first link.
fn without_link(line: &str) -> &str {
    let before = line.split_once("http").map_or(line, |(before, _)| before);
    before.trim_end_matches(['<', '(', '[', ' '])
}

/// Whether a paragraph is a disclaimer or a notice of a list or a virus scanner.
pub(super) fn is_boilerplate<'t>(lines: impl Iterator<Item = &'t str>) -> bool {
    let mut text = String::new();
    for line in lines {
        if text.len() > MAX_PARAGRAPH {
            break;
        }
        let end = line.floor_char_boundary(MAX_PARAGRAPH);
        text.push_str(line.get(..end).unwrap_or_default());
        text.push(' ');
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() || "*_-–—[]|".contains(c)).to_lowercase();
    let begins = |table: &[&str]| table.iter().any(|words| text.starts_with(words));
    let legalese = || WORDS.legalese.iter().filter(|words| text.contains(*words)).count();
    begins(&WORDS.notice) || (begins(&WORDS.disclaimer) && legalese() >= LEGALESE)
}

/// Whether a line is how people end a letter: `Best regards,`, perhaps with a name.
pub(super) fn is_closing(line: &str) -> bool {
    let text = line.trim().trim_end_matches([',', '.', '!', ' ']);
    text.len() <= MAX_CLOSING && {
        let text = text.to_lowercase();
        let mut behind = WORDS.closing.iter().filter_map(|words| text.strip_prefix(words));
        behind.any(|behind| behind.split_whitespace().count() <= MAX_NAME)
    }
}
