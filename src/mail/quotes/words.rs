//! The words by which quotes and signatures are known, from `words.txt`, which is compiled in. Reads that file, and no mail.

use std::sync::LazyLock;

use crate::mail::tables;

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

fn table(heading: &str) -> Table {
    tables::table(TEXT, heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_read_and_no_word_could_never_match() {
        tables::tests::assert_sound(TEXT, 20);
    }
}
