//! Which messages of a maildrop need no second look. Pure.
//!
//! The ledger alone decides what is new; this keeps a maildrop of 50,000 messages from being asked about one by one at
//! every look, and remembers what was there before the start. Ids are kept as marks of fixed length: two ids that share
//! one would have to collide in 96 bits of SHA-256.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::hex;

const LENGTH: usize = 12;

/// What stands for a message's unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark([u8; LENGTH]);

impl Mark {
    /// In hex.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// The mark of an id.
    pub fn of(uidl: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, uidl.as_bytes());
        let mut mark = [0; LENGTH];
        mark.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(mark)
    }
}

/// How far a maildrop has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What is older than the start. Kept for good: a server that shows an empty maildrop by mistake would otherwise make
    /// all of it new.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    old: BTreeSet<Mark>,
    /// What is in the ledger, and was there at the last look.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    taken: BTreeSet<Mark>,
    /// Where the start is a date: whether the first look has counted all that came later, before any of it is taken.
    #[serde(default, skip_serializing_if = "Counting::is_over")]
    counting: Counting,
}

/// How far a first look since a date has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counting {
    UnderWay,
    #[default]
    Over,
}

impl Counting {
    fn is_over(&self) -> bool {
        *self == Self::Over
    }
}

impl Seen {
    /// A start from now: all that is there is old.
    pub fn starting_now(there: impl Iterator<Item = Mark>) -> Self {
        Self { old: there.collect(), ..Self::default() }
    }

    /// A start since a date: what is older is found by counting.
    pub fn starting_to_count() -> Self {
        Self { counting: Counting::UnderWay, ..Self::default() }
    }

    /// Whether a first look is still counting.
    pub fn is_counting(&self) -> bool {
        self.counting == Counting::UnderWay
    }

    /// All that came since the date has been counted.
    pub fn has_counted(&mut self) {
        self.counting = Counting::Over;
    }

    /// Whether the message needs no look.
    pub fn contains(&self, mark: &Mark) -> bool {
        self.old.contains(mark) || self.taken.contains(mark)
    }

    /// How many are older than the start.
    pub fn old(&self) -> usize {
        self.old.len()
    }

    /// The message proved to be older than the start.
    pub fn add_old(&mut self, mark: Mark) {
        self.old.insert(mark);
    }

    /// The message is in the ledger.
    pub fn add_taken(&mut self, mark: Mark) {
        self.taken.insert(mark);
    }

    /// Forgets messages that the server did not give after all: the next session asks for them again.
    pub fn withholding<'a>(mut self, uidls: impl Iterator<Item = &'a str>) -> Self {
        for uidl in uidls {
            self.taken.remove(&Mark::of(uidl));
        }
        self
    }

    /// Keeps the start, and has everything since looked at again.
    pub fn rewound(self) -> Self {
        Self { taken: BTreeSet::new(), ..self }
    }

    /// Forgets what is not there any more; should it come back, the ledger knows it.
    pub fn keep_taken(&mut self, is_there: impl Fn(&Mark) -> bool) {
        self.taken.retain(is_there);
    }
}

fn write<S: Serializer>(marks: &BTreeSet<Mark>, serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = marks.iter().flat_map(|mark| mark.0).collect();
    serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Mark>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = STANDARD_NO_PAD.decode(text).map_err(serde::de::Error::custom)?;
    let (marks, rest) = bytes.as_chunks::<LENGTH>();
    if !rest.is_empty() {
        return Err(serde::de::Error::custom("half a mark"));
    }
    Ok(marks.iter().map(|mark| Mark(*mark)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_stays_old_whatever_a_server_shows_meanwhile() {
        let (old, taken, new) = (Mark::of("a"), Mark::of("b"), Mark::of("c"));
        let mut seen = Seen::starting_now([old].into_iter());
        seen.add_taken(taken);
        seen.keep_taken(|_| false);
        assert!(seen.contains(&old));
        assert!(!seen.contains(&taken) && !seen.contains(&new));
    }

    #[test]
    fn fifty_thousand_messages_come_back_from_text_of_less_than_a_mebibyte() {
        let mut seen = Seen::starting_now((0..50_000).map(|number| Mark::of(&format!("{number:070}"))));
        seen.add_taken(Mark::of("new"));
        let text = serde_json::to_string(&seen).unwrap();
        assert!(text.len() < 1 << 20, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
        let counting = Seen::starting_to_count();
        assert_eq!(serde_json::from_str::<Seen>(&serde_json::to_string(&counting).unwrap()).unwrap(), counting);
        assert!(serde_json::from_str::<Seen>(r#"{"old":"AAAA","taken":""}"#).is_err());
    }
}
