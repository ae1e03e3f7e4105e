//! The words by which quotes and signatures are known, from `words.txt`, which is compiled in. Reads that file, and no mail.

use std::sync::LazyLock;

/// The tables.
pub(super) static WORDS: LazyLock<Words> = LazyLock::new(Words::read);

/// What each table is for stands above it in `words.txt`. All words are in lower case.
pub(super) struct Words {
    pub(super) lead: Table,
    pub(super) wrote: Table,
    pub(super) from: Table,
    pub(super) sent: Table,
    pub(super) date: Table,
    pub(super) to: Table,
    pub(super) subject: Table,
    pub(super) other: Table,
    pub(super) original: Table,
    pub(super) forwarded: Table,
    pub(super) forwarded_follows: Table,
    pub(super) answer_above: Table,
    pub(super) advertisement: Table,
    pub(super) advertisement_end: Table,
    pub(super) device: Table,
    pub(super) notice: Table,
    pub(super) disclaimer: Table,
    pub(super) legalese: Table,
    pub(super) closing: Table,
    pub(super) apology: Table,
}

type Table = Vec<&'static str>;

const TEXT: &str = include_str!("words.txt");

impl Words {
    fn read() -> Self {
        Self {
            lead: table("lead"),
            wrote: table("wrote"),
            from: table("from"),
            sent: table("sent"),
            date: table("date"),
            to: table("to"),
            subject: table("subject"),
            other: table("other"),
            original: table("original"),
            forwarded: table("forwarded"),
            forwarded_follows: table("forwarded-follows"),
            answer_above: table("answer-above"),
            advertisement: table("advertisement"),
            advertisement_end: table("advertisement-end"),
            device: table("device"),
            notice: table("notice"),
            disclaimer: table("disclaimer"),
            legalese: table("legalese"),
            closing: table("closing"),
            apology: table("apology"),
        }
    }
}

/// The words of a section; a test holds that each has some.
fn table(section: &str) -> Table {
    let lines = TEXT.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let heading = |line: &&str| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) == Some(section);
    let lines = lines.skip_while(move |line| !heading(line)).skip(1).take_while(|line| !line.starts_with('['));
    lines.flat_map(|line| line.split('|')).map(str::trim).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_read_and_no_word_could_never_match() {
        let headings: Vec<&str> = TEXT.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(headings.len(), 20);
        for heading in headings {
            let words = table(heading.trim_matches(['[', ']']));
            assert!(!words.is_empty(), "{heading}");
            for (index, word) in words.iter().enumerate() {
                assert_eq!(*word, word.to_lowercase(), "{heading}");
                assert!(!words.iter().take(index).any(|earlier| earlier == word), "{heading} {word}");
            }
        }
    }
}
