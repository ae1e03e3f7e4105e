//! What a maildrop holds, as one session shows it: unique ids, numbers, sizes, and which of them are worth a look. Fetches
//! no body and deletes nothing.

use std::collections::{BTreeMap, VecDeque};

use super::arrival;
use super::seen::{Mark, Seen};
use super::session::Session;
use crate::mailbox::{MailboxError, words};

/// A maildrop with more messages is a server gone wrong.
const MAX_MESSAGES: usize = 1_000_000;
/// How many messages that need a look are kept in mind; the next session finds the rest.
const MAX_FRESH: usize = 100_000;
/// From so many on, one LIST of everything is cheaper than one for each.
const MANY: usize = 16;
/// RFC 1939, 7 allows 70 characters; servers have been seen with more. Beyond this a mark stands for the rest.
const MAX_UIDL: usize = 512;
const MAX_HEADER: usize = 64 << 10;

/// The messages of a session.
#[derive(Debug)]
pub struct Maildrop {
    numbers: BTreeMap<Mark, u32>,
    fresh: VecDeque<Fresh>,
    sizes: Sizes,
}

/// Whether the sizes of what is fresh have been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sizes {
    Unknown,
    Known,
}

/// A message that was not seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Its number in this session.
    pub number: u32,
    /// Its unique id as a [`Place`](crate::mailbox::Place) holds it.
    pub uidl: String,
    /// Its size in bytes, as far as the server says.
    pub size: u64,
}

impl Maildrop {
    /// Asks for all unique ids; what was not `seen` is fresh.
    ///
    /// # Errors
    /// `NotOffered` where the server has no UIDL: without it no message can be told from another.
    pub async fn read(session: &mut Session, seen: &Seen) -> Result<Self, MailboxError> {
        let mut maildrop = Self { numbers: BTreeMap::new(), fresh: VecDeque::new(), sizes: Sizes::Unknown };
        let mut nameless: usize = 0;
        let asked = session.lines("UIDL", "", |line| match listed(line) {
            Some((number, id)) => maildrop.add(number, id, seen),
            None => {
                nameless += 1;
                if nameless > MAX_MESSAGES { Err("a list without end") } else { Ok(()) }
            }
        });
        asked.await.map_err(without_uidl)?;
        if nameless > 0 {
            tracing::warn!(count = nameless, "the server gives no unique id for some messages; they are left alone");
        }
        Ok(maildrop)
    }

    /// The number of a message, if it is there.
    pub fn number(&self, uidl: &str) -> Option<u32> {
        self.numbers.get(&Mark::of(uidl)).copied()
    }

    /// The numbers of all messages, in rising order.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.numbers.values().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether a message is there.
    pub fn has(&self, mark: &Mark) -> bool {
        self.numbers.contains_key(mark)
    }

    /// Leaves everything alone that is there; gives what that is.
    pub fn pass_over(&mut self) -> impl Iterator<Item = Mark> {
        self.fresh.clear();
        self.numbers.keys().copied()
    }

    /// Takes the next fresh messages, in the maildrop's order.
    ///
    /// # Errors
    /// Those of a command.
    pub async fn next(&mut self, session: &mut Session, at_most: usize) -> Result<Vec<Fresh>, MailboxError> {
        if self.sizes == Sizes::Unknown {
            self.learn_sizes(session).await?;
            self.sizes = Sizes::Known;
        }
        Ok(self.fresh.drain(..at_most.min(self.fresh.len())).collect())
    }

    /// How many more there are.
    pub fn left(&self) -> usize {
        self.fresh.len()
    }

    /// RFC 1939, 7 lets identical messages share an id, and some servers are no better about different ones: the second
    /// gets a name of its own, with a space, which no id may hold. Whether it is a copy is seen from its content.
    fn add(&mut self, number: u32, id: String, seen: &Seen) -> Result<(), &'static str> {
        if self.numbers.len() >= MAX_MESSAGES {
            return Err("a list without end");
        }
        let names = std::iter::once(id.clone()).chain((2..).map(|copy| format!("{id} {copy}")));
        let unused = names.take(MAX_MESSAGES).find(|name| !self.numbers.contains_key(&Mark::of(name)));
        let uidl = unused.ok_or("one id for everything")?;
        let mark = Mark::of(&uidl);
        self.numbers.insert(mark, number);
        if !seen.contains(&mark) && self.fresh.len() < MAX_FRESH {
            self.fresh.push_back(Fresh { number, uidl, size: 0 });
        }
        Ok(())
    }

    async fn learn_sizes(&mut self, session: &mut Session) -> Result<(), MailboxError> {
        let mut sizes: BTreeMap<u32, u64> = self.fresh.iter().map(|fresh| (fresh.number, 0)).collect();
        if sizes.len() > MANY {
            let mut lines: usize = 0;
            let asked = session.lines("LIST", "", |line| {
                lines += 1;
                if let Some((number, size)) = scanned(line)
                    && let Some(known) = sizes.get_mut(&number)
                {
                    *known = size;
                }
                if lines > MAX_MESSAGES { Err("a list without end") } else { Ok(()) }
            });
            asked.await?;
        } else {
            for (number, known) in &mut sizes {
                *known = size_of(session, *number).await?;
            }
        }
        for fresh in &mut self.fresh {
            fresh.size = sizes.get(&fresh.number).copied().unwrap_or_default();
        }
        Ok(())
    }
}

/// When a message came, by its header; `None` where that does not tell.
///
/// # Errors
/// `NotOffered` where the server has no TOP; those of a broken session.
pub async fn arrival_of(session: &mut Session, number: u32) -> Result<Option<jiff::Timestamp>, MailboxError> {
    let mut header = Vec::new();
    let arguments = format!("{number} 0");
    let asked = session.lines("TOP", &arguments, |line| {
        if header.len() < MAX_HEADER {
            header.extend_from_slice(line);
            header.extend_from_slice(b"\r\n");
        }
        Ok(())
    });
    match asked.await {
        Ok(()) => Ok(arrival::arrived(&header)),
        Err(MailboxError::Refused { server, .. }) if session.capabilities.have("TOP") != Some(true) => {
            Err(MailboxError::NotOffered { server, what: "TOP, which a `start` with a date needs".to_owned() })
        }
        Err(MailboxError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A refusal is not the message's fault alone: it may have been deleted by another session, and RETR will show.
async fn size_of(session: &mut Session, number: u32) -> Result<u64, MailboxError> {
    match session.command("LIST", &number.to_string()).await {
        Ok(text) => Ok(scanned(text.as_bytes()).map(|(_, size)| size).unwrap_or_default()),
        Err(MailboxError::Refused { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

fn without_uidl(error: MailboxError) -> MailboxError {
    match error {
        MailboxError::Refused { server, words, code, .. } if code.is_none() && !words::is_passing(&words) => {
            let what = format!("UIDL, without which no message can be told from another: {words}");
            MailboxError::NotOffered { server, what }
        }
        other => other,
    }
}

/// A line of UIDL: a number and an id. An id that is no printable ASCII is written so that it is.
fn listed(line: &[u8]) -> Option<(u32, String)> {
    let (number, id) = split(line)?;
    let is_plain = id.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
    let id = if is_plain { String::from_utf8_lossy(id).into_owned() } else { id.escape_ascii().to_string() };
    let id = match id.get(..MAX_UIDL) {
        Some(head) if id.len() > MAX_UIDL => format!("{head}\\{}", Mark::of(&id).to_hex()),
        Some(_) | None => id,
    };
    (!id.is_empty()).then_some((number, id))
}

/// A line of LIST: a number and a size.
fn scanned(line: &[u8]) -> Option<(u32, u64)> {
    let (number, rest) = split(line)?;
    let size = str::from_utf8(rest).ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    Some((number, size))
}

fn split(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace)?;
    let (number, rest) = line.split_at_checked(end)?;
    Some((str::from_utf8(number).ok()?.parse().ok()?, rest.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_bytes_stay_apart() {
        let id = |line: &[u8]| listed(line).map(|(_, id)| id);
        let longest = "x".repeat(70);
        assert_eq!(listed(format!("7 {longest}").as_bytes()), Some((7, longest)));
        assert_eq!(id(b"1 whqtswO00WBw418f9t5JxYwZ").as_deref(), Some("whqtswO00WBw418f9t5JxYwZ"));
        assert_eq!(id(b"1  <a@b>\"'  ").as_deref(), Some("<a@b>\"'"));
        assert_ne!(id(b"1 \xe4"), id(b"1 \xf6"));
        assert_ne!(id(b"1 \\xe4"), id(b"1 \xe4"), "an escape is not what it stands for");
        let [one, other] = ["a", "b"].map(|end| id(format!("1 {}{end}", "x".repeat(3000)).as_bytes()).unwrap());
        assert!(one != other && one.len() < 600, "{one}");
        for line in [&b"1"[..], b"", b"one two", b"1 ", b"-1 x"] {
            assert_eq!(id(line), None);
        }
    }

    #[test]
    fn messages_that_share_an_id_are_two_messages() {
        let mut maildrop = Maildrop { numbers: BTreeMap::new(), fresh: VecDeque::new(), sizes: Sizes::Unknown };
        for number in 1..=3 {
            maildrop.add(number, "same".to_owned(), &Seen::default()).unwrap();
        }
        let names: Vec<String> = maildrop.fresh.iter().cloned().map(|fresh| fresh.uidl).collect();
        assert_eq!(names, ["same", "same 2", "same 3"]);
        assert_eq!((maildrop.number("same"), maildrop.number("same 3")), (Some(1), Some(3)));
    }

    #[test]
    fn a_size_may_be_followed_by_anything() {
        assert_eq!(scanned(b"2 200"), Some((2, 200)));
        assert_eq!(scanned(b"2 200 octets"), Some((2, 200)));
        assert_eq!(scanned(b"2"), None);
    }
}
