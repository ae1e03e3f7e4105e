//! Listing what is new in a folder, window by window: which UIDs to ask for next, and what the answers come to. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use jiff::Timestamp;

use super::Cursor;
use crate::mailbox::{Depth, GmailId};

/// A listing names at most so many messages, so that a folder of any size is read in steps.
const MAX_FOUND: usize = 1000;
/// How many UIDs are asked for at once, until they prove sparse.
const FIRST_SPAN: u64 = 1000;
/// A window with fewer messages than this is sparse, and the next one wider.
const SPARSE: usize = 100;
const WIDENING: u64 = 8;
/// A listing asks at most so often, so that a folder full of old mail does not hold up the rest.
const MAX_WINDOWS: u32 = 50;
/// A full check looks back over so many UIDs.
const LOOK_BACK: u64 = 1000;
/// A window whose answers name more messages than this is cut: a wide one may have come to where messages are dense.
const MAX_NAMED: usize = 4 * MAX_FOUND;

/// What an answer says of a message, or what several say of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UID.
    pub uid: u32,
    /// RFC822.SIZE in bytes, or a bound of it; `None` where flags alone were told.
    pub size: Option<u64>,
    /// INTERNALDATE, where it can be read.
    pub arrived: Option<Timestamp>,
    /// Whether it is marked `\Deleted`.
    pub deleted: bool,
    /// What Gmail calls it.
    pub gmail_id: Option<GmailId>,
}

impl Entry {
    /// A server may split what was asked for over several answers, and add flags that have changed (RFC 3501, 7.4.2).
    fn and(self, other: Self) -> Self {
        Self {
            uid: self.uid,
            size: [self.size, other.size].into_iter().flatten().min(),
            arrived: self.arrived.or(other.arrived),
            deleted: self.deleted || other.deleted,
            gmail_id: self.gmail_id.or(other.gmail_id),
        }
    }
}

/// A listing in progress: says which UIDs to ask for, and takes what the server answers.
#[derive(Debug)]
pub struct Reading {
    cursor: Cursor,
    next: u64,
    last: u64,
    span: u64,
    windows: u32,
    /// What was withheld, and is asked for first.
    apart: Vec<u32>,
    /// What the answers in this window name.
    named: BTreeMap<u32, Entry>,
    found: BTreeMap<u32, Entry>,
    /// From this UID on there was no room.
    cut: Option<u32>,
}

impl Reading {
    /// Reads on from `cursor` up to `last_uid`, the folder's last; 0 if it is empty. A full one looks back first.
    pub fn new(mut cursor: Cursor, depth: Depth, last_uid: u32) -> Self {
        let next = u64::from(cursor.next_uid.max(1));
        let back = next.saturating_sub(LOOK_BACK).max(u64::from(cursor.first_uid)).max(1);
        let (next, withheld) = match depth {
            Depth::New => (next, BTreeSet::new()),
            Depth::Full => (back.min(next), std::mem::take(&mut cursor.withheld)),
        };
        let apart = withheld.into_iter().filter(|uid| u64::from(*uid) < next).collect();
        Self {
            cursor,
            next,
            last: u64::from(last_uid),
            span: FIRST_SPAN,
            windows: 0,
            apart,
            named: BTreeMap::new(),
            found: BTreeMap::new(),
            cut: None,
        }
    }

    /// The UIDs to ask for next; `None` when the listing is complete.
    pub fn window(&self) -> Option<RangeInclusive<u32>> {
        if let Some(uid) = self.apart.last() {
            return Some(*uid..=*uid);
        }
        if self.next > self.last || self.windows >= MAX_WINDOWS || self.found.len() >= MAX_FOUND {
            return None;
        }
        Some(as_uid(self.next)..=as_uid(self.window_end()))
    }

    /// Takes an answer. One that was not asked for (`n:*` names the last message even below n) changes nothing.
    pub fn add(&mut self, entry: Entry) {
        let uid = u64::from(entry.uid);
        let is_asked = match self.apart.last() {
            Some(apart) => *apart == entry.uid,
            None => uid >= self.next && uid <= self.window_end(),
        };
        if !is_asked {
            return;
        }
        let entry = match self.named.remove(&entry.uid) {
            Some(known) => known.and(entry),
            None => entry,
        };
        self.named.insert(entry.uid, entry);
        if self.named.len() > MAX_NAMED {
            let surplus = self.named.pop_last().map(|(uid, _)| uid);
            self.cut = [self.cut, surplus].into_iter().flatten().min();
        }
    }

    /// The server has said all there is in the window.
    pub fn end_window(&mut self) {
        let seen = self.named.len();
        for (uid, entry) in std::mem::take(&mut self.named) {
            if entry.size.is_some() && self.cursor.wants(&entry) {
                self.found.insert(uid, entry);
            }
            if self.found.len() > MAX_FOUND {
                let surplus = self.found.pop_last().map(|(uid, _)| uid);
                self.cut = [self.cut, surplus].into_iter().flatten().min();
            }
        }
        if self.apart.pop().is_some() {
            return;
        }
        if let Some(cut) = self.cut {
            self.found.split_off(&cut);
        }
        self.next = self.cut.take().map_or(self.window_end() + 1, u64::from);
        self.span = if seen < SPARSE { self.span.saturating_mul(WIDENING) } else { FIRST_SPAN };
        self.windows += 1;
    }

    /// What was found in UID order, the cursor behind it, and whether there is more.
    pub fn finish(self) -> (Vec<Entry>, Cursor, bool) {
        let next_uid = self.cursor.next_uid.max(as_uid(self.next));
        let more = u64::from(next_uid) <= self.last && self.next <= self.last;
        (self.found.into_values().collect(), Cursor { next_uid, ..self.cursor }, more)
    }

    fn window_end(&self) -> u64 {
        self.next.saturating_add(self.span - 1).min(self.last)
    }
}

fn as_uid(uid: u64) -> u32 {
    u32::try_from(uid).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Start;

    const JANUARY: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

    fn entry(uid: u32) -> Entry {
        let arrived = Timestamp::from_millisecond(JANUARY + i64::from(uid)).ok();
        Entry { uid, size: Some(10), arrived, deleted: false, gmail_id: None }
    }

    fn cursor(first_uid: u32, next_uid: u32) -> Cursor {
        Cursor { uid_validity: 7, first_uid, next_uid, start_ms: None, withheld: BTreeSet::new() }
    }

    /// Lists `folder` like a server would answer, and counts the questions.
    fn list(folder: &[Entry], cursor: Cursor, depth: Depth) -> (Vec<u32>, Cursor, bool, u32) {
        let mut reading = Reading::new(cursor, depth, folder.iter().map(|entry| entry.uid).max().unwrap_or(0));
        let mut questions = 0;
        while let Some(window) = reading.window() {
            questions += 1;
            assert!(questions <= MAX_WINDOWS, "no end in sight");
            for entry in folder.iter().rev().filter(|entry| window.contains(&entry.uid)) {
                reading.add(entry.clone());
            }
            reading.end_window();
        }
        let (found, cursor, more) = reading.finish();
        (found.into_iter().map(|entry| entry.uid).collect(), cursor, more, questions)
    }

    fn list_all(folder: &[Entry], mut at: Cursor) -> (Vec<u32>, Cursor, u32) {
        let mut all = Vec::new();
        for step in 1..10_000 {
            let (found, next, more, _) = list(folder, at, Depth::New);
            assert!(found.len() <= MAX_FOUND);
            all.extend(found);
            at = next;
            if !more {
                return (all, at, step);
            }
        }
        panic!("no end in sight");
    }

    #[test]
    fn now_leaves_alone_what_was_there_and_takes_what_comes() {
        assert_eq!(Cursor::resume(None, 7, Start::Now), None);
        let start = Cursor::starting_now(7, 41, Timestamp::from_millisecond(JANUARY).ok());
        let old: Vec<Entry> = (1..=41).map(entry).collect();
        assert_eq!(list(&old, start.clone(), Depth::Full).0, Vec::<u32>::new());
        let moved_in = Entry { arrived: Timestamp::from_millisecond(0).ok(), ..entry(42) };
        let (found, next, more, _) = list(&[old, vec![moved_in, entry(43)]].concat(), start, Depth::New);
        assert_eq!((found, next.next_uid, more), (vec![42, 43], 44, false));
    }

    #[test]
    fn a_changed_uidvalidity_reads_again_but_for_what_was_old_at_the_start() {
        let start = Cursor::starting_now(7, 41, Timestamp::from_millisecond(JANUARY + 3).ok());
        let again = Cursor::resume(Some(start), 8, Start::Now).unwrap();
        let folder: Vec<Entry> = (1..=6).map(entry).collect();
        let (found, next, _, _) = list(&folder, again, Depth::New);
        assert_eq!(found, [4, 5, 6], "1 to 3 had arrived before the start");
        assert_eq!((next.uid_validity, next.first_uid, next.next_uid), (8, 1, 7));

        let empty_at_the_start = Cursor::starting_now(7, 0, None);
        let again = Cursor::resume(Some(empty_at_the_start), 8, Start::Now).unwrap();
        assert_eq!(list(&folder, again, Depth::New).0, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_date_takes_mail_of_that_day_and_later_and_an_unreadable_date_is_not_old() {
        let start = Cursor::resume(None, 7, Start::Date(jiff::civil::date(2026, 1, 1))).unwrap();
        let at = |uid, ms| Entry { arrived: Timestamp::from_millisecond(ms).ok(), ..entry(uid) };
        let folder = [at(1, JANUARY - 1), at(2, JANUARY), Entry { arrived: None, ..entry(3) }, at(4, JANUARY - 1000)];
        assert_eq!(list(&folder, start, Depth::New).0, [2, 3]);
    }

    #[test]
    fn deleted_mail_is_left_alone_until_it_is_not_deleted_any_more() {
        let start = Cursor::resume(None, 7, Start::All).unwrap();
        let deleted = Entry { deleted: true, ..entry(2) };
        let (found, next, _, _) = list(&[entry(1), deleted, entry(3)], start, Depth::New);
        assert_eq!((found, next.next_uid), (vec![1, 3], 4));
        assert_eq!(list(&[entry(1), entry(2), entry(3)], next, Depth::Full).0, [1, 2, 3], "the ledger drops 1 and 3");
    }

    #[test]
    fn a_big_folder_is_listed_whole_in_steps() {
        let folder: Vec<Entry> = (1..=10_500).map(entry).collect();
        let (all, next, steps) = list_all(&folder, cursor(1, 1));
        assert_eq!((all.len(), next.next_uid, steps), (10_500, 10_501, 11));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn sparse_uids_are_found_with_few_questions_and_a_dense_end_does_not_flood() {
        let sparse = [entry(5), entry(3_000_000_000), entry(u32::MAX)];
        let (found, next, more, questions) = list(&sparse, cursor(1, 1), Depth::New);
        assert_eq!((found, next.next_uid, more), (vec![5, 3_000_000_000, u32::MAX], u32::MAX, false));
        assert!(questions < 12, "{questions} questions");

        let dense: Vec<Entry> = (4_000_000..4_005_000).map(entry).collect();
        let (all, next, _) = list_all(&dense, cursor(1, 1));
        assert_eq!((all.len(), next.next_uid), (5000, 4_005_000));
    }

    #[test]
    fn old_mail_without_end_is_passed_in_steps_that_advance() {
        let start = Cursor { start_ms: Some(i64::MAX), ..cursor(1, 1) };
        let folder: Vec<Entry> = (1..=60_000).map(entry).collect();
        let (found, next, more, questions) = list(&folder, start, Depth::New);
        assert_eq!((found.len(), next.next_uid, more, questions), (0, 50_001, true, MAX_WINDOWS));
    }

    #[test]
    fn a_full_check_looks_back_but_not_behind_the_start_and_never_moves_the_cursor_back() {
        let folder: Vec<Entry> = (1..=3000).map(entry).collect();
        let (found, next, more, _) = list(&folder, cursor(1, 2900), Depth::Full);
        assert_eq!((found.first(), found.last()), (Some(&1900), Some(&2899)));
        assert_eq!((next.next_uid, more), (2900, true));
        assert_eq!(list(&folder, cursor(2500, 3001), Depth::Full).0.first(), Some(&2500));
        let emptied = list(&folder[..10], cursor(1, 2900), Depth::Full);
        assert_eq!((emptied.1.next_uid, emptied.2), (2900, false));
    }

    #[test]
    fn what_is_said_in_pieces_is_put_together_and_flags_alone_are_no_message() {
        let mut reading = Reading::new(cursor(1, 1), Depth::New, 9);
        let nothing = |uid| Entry { size: None, arrived: None, ..entry(uid) };
        let dated = |uid| Entry { size: Some(u64::MAX), ..entry(uid) };
        for piece in [
            Entry { size: Some(5), ..nothing(1) },
            Entry { deleted: true, ..nothing(2) },
            nothing(3),
            Entry { arrived: None, ..entry(2) },
            dated(1),
        ] {
            reading.add(piece);
        }
        reading.end_window();
        assert_eq!(reading.finish().0, [Entry { size: Some(5), ..entry(1) }]);
    }

    #[test]
    fn what_was_withheld_is_asked_for_again_by_a_full_check_alone_however_long_ago_it_was() {
        let folder: Vec<Entry> = (1..=3000).map(entry).collect();
        let withholding = cursor(1, 3001).withholding([7, 9].into_iter()).unwrap();
        let (found, next, _, _) = list(&folder, withholding.clone(), Depth::New);
        assert_eq!((found, &next), (Vec::new(), &withholding));
        let (found, next, _, _) = list(&folder, withholding, Depth::Full);
        assert_eq!((&found[..3], next), (&[7, 9, 2001][..], cursor(1, 3001)));
        assert_eq!(cursor(1, 3001).withholding(1..=101), None);
    }

    #[test]
    fn an_answer_outside_the_window_changes_nothing() {
        let mut reading = Reading::new(cursor(1, 44), Depth::New, 50);
        assert_eq!(reading.window(), Some(44..=50));
        reading.add(entry(43));
        reading.add(entry(51));
        reading.end_window();
        assert_eq!(reading.finish(), (Vec::new(), cursor(1, 51), false));
    }
}
