//! A question for TXT records and its answer, as they go over the wire (RFC 1035). Sends nothing.

/// Bytes of an answer by UDP that no network breaks up (DNS Flag Day 2020).
pub(super) const MAX_DATAGRAM: u16 = 1232;
const TXT: u16 = 16;
const OPT: u16 = 41;
/// Bytes of an answer before what it repeats of the question.
const HEAD: usize = 12;

/// One question.
#[derive(Debug)]
pub(super) struct Question {
    /// With recursion desired, and room for more than 512 bytes (RFC 6891).
    pub(super) bytes: Vec<u8>,
    /// Where the name, type and class that an answer repeats end.
    end: usize,
}

impl Question {
    /// For the TXT records of a name; `None` where it is no name.
    pub(super) fn new(id: [u8; 2], name: &str) -> Option<Self> {
        let mut bytes = [&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]].concat();
        for label in name.trim_end_matches('.').split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            bytes.push(length);
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend([TXT, 1].iter().flat_map(|word| word.to_be_bytes()));
        let end = bytes.len();
        bytes.push(0);
        bytes.extend([OPT, MAX_DATAGRAM, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()));
        (name.len() <= 253).then_some(Self { bytes, end })
    }

    /// Whether a datagram answers this question: anybody may send one, and must guess its number.
    pub(super) fn is_answered_by(&self, answer: &[u8]) -> bool {
        let is_response = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
        let repeats_nothing = || answer.get(4..6) == Some(&[0, 0]); // as servers write that cannot read it
        let asked = self.bytes.get(HEAD..self.end).unwrap_or_default();
        let repeats_it = || answer.get(HEAD..self.end).is_some_and(|repeated| repeated.eq_ignore_ascii_case(asked));
        is_response && answer.get(..2) == self.bytes.get(..2) && (repeats_nothing() || repeats_it())
    }
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The records, each as one text; there may be none.
    Records(Vec<String>),
    /// It did not fit into a datagram.
    CutShort,
}

/// Reads an answer; `None` where it is none, or says that something went wrong.
pub(super) fn read(answer: &[u8]) -> Option<Answer> {
    let mut rest = Reader(answer);
    let (_id, flags, questions, answers) = (rest.word()?, rest.word()?, rest.word()?, rest.word()?);
    let (code, is_cut) = (flags & 0xf, flags & 0x200 != 0);
    if !matches!(code, 0 | 3) {
        return None;
    }
    if is_cut {
        return Some(Answer::CutShort);
    }
    rest.take(4)?;
    for _ in 0..questions {
        rest.name()?;
        rest.take(4)?;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        // Of another name where the one that was asked for is an alias.
        rest.name()?;
        let kind = rest.word()?;
        rest.take(6)?;
        let length = rest.word()?;
        let data = rest.take(usize::from(length))?;
        if kind == TXT {
            records.push(text(data));
        }
    }
    Some(Answer::Records(records))
}

/// A record's strings as one (RFC 6376, 3.6.2.2).
fn text(data: &[u8]) -> String {
    let (mut rest, mut text) = (Reader(data), Vec::new());
    while let Some(string) = rest.byte().and_then(|length| rest.take(usize::from(length))) {
        text.extend_from_slice(string);
    }
    String::from_utf8_lossy(&text).into_owned()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Passes over a name, which ends with nothing or with where the rest of it stands (RFC 1035, 4.1.4).
    fn name(&mut self) -> Option<()> {
        loop {
            match self.byte()? {
                0 => return Some(()),
                pointer if pointer >= 0xc0 => return self.byte().map(|_| ()),
                length => self.take(usize::from(length))?,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_answers_the_question_is_its_answer() {
        let question = Question::new([1, 2], "Key.example.com").unwrap();
        let repeating = |question: &Question| {
            let mut answer = question.bytes.clone();
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer
        };
        assert!(question.is_answered_by(&repeating(&Question::new([1, 2], "key.example.com").unwrap())));
        assert!(question.is_answered_by(&[1, 2, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]), "it could not be read");
        assert!(!question.is_answered_by(&question.bytes), "a question is no answer");
        for other in [Question::new([1, 3], "key.example.com"), Question::new([1, 2], "kex.example.com")] {
            assert!(!question.is_answered_by(&repeating(&other.unwrap())));
        }
        assert!(Question::new([0, 0], "a..b").is_none());
    }

    #[test]
    fn an_answer_cut_off_anywhere_or_out_of_any_bytes_is_read_without_harm() {
        let record = [&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 4][..], &[1, b'a', 1, b'b']].concat();
        let head = [1, 2, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        let asked = Question::new([1, 2], "example.com").unwrap();
        let whole = [&head, &asked.bytes[HEAD..asked.end], &record].concat();
        assert_eq!(read(&whole), Some(Answer::Records(vec!["ab".to_owned()])));
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None);
        }
        for (at, byte) in (0..whole.len()).flat_map(|at| [0, 0xc0, 0xff].map(|byte| (at, byte))) {
            let mut changed = whole.clone();
            changed[at] = byte;
            read(&changed);
        }
        let no_such_name = [1, 2, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&no_such_name), Some(Answer::Records(vec![])));
        assert_eq!(
            read(&[1, 2, 0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0]),
            None,
            "a server that failed says nothing of the name"
        );
    }
}
