//! What machines call themselves and how they put things, from `words.txt`, which is compiled in. Reads that file, and no mail.

use std::sync::LazyLock;

use crate::mail::tables::table;

/// The tables.
pub(super) static WORDS: LazyLock<Words> = LazyLock::new(Words::read);

/// What each table is for stands above it in `words.txt`. All words are in lower case.
pub(super) struct Words {
    pub(super) mail_servers: Table,
    pub(super) machines: Table,
    pub(super) answering_machines: Table,
    pub(super) failures: Table,
    pub(super) failures_in_text: Table,
    pub(super) complaints: Table,
    pub(super) answers_of_machines: Table,
    pub(super) tags_of_machines: Table,
    pub(super) absences: Table,
    pub(super) absences_in_text: Table,
    pub(super) forwards: Table,
    pub(super) replies: Table,
}

type Table = Vec<&'static str>;

const TEXT: &str = include_str!("words.txt");

impl Words {
    fn read() -> Self {
        Self {
            mail_servers: table(TEXT, "mail-servers"),
            machines: table(TEXT, "machines"),
            answering_machines: table(TEXT, "answering-machines"),
            failures: table(TEXT, "failures"),
            failures_in_text: table(TEXT, "failures-in-text"),
            complaints: table(TEXT, "complaints"),
            answers_of_machines: table(TEXT, "answers-of-machines"),
            tags_of_machines: table(TEXT, "tags-of-machines"),
            absences: table(TEXT, "absences"),
            absences_in_text: table(TEXT, "absences-in-text"),
            forwards: table(TEXT, "forwards"),
            replies: table(TEXT, "replies"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::mail::tables::tests::assert_sound;

    #[test]
    fn every_section_is_read_and_no_word_could_never_match() {
        assert_sound(TEXT, 12);
    }
}
