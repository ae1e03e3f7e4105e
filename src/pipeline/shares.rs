//! How many deliveries of one mailbox may be in flight at once, so that what takes long in one (large files, mail with
//! thousands of parts) leaves room for the others. Knows neither messages nor Jira.
//!
//! A mailbox begins with a quarter of the places, or its part where there are fewer mailboxes than four. Each delivery that
//! ends soon earns it one more; one that takes long puts it back to where it began. What it has earned may turn out slow all
//! at once, so that a quarter of the places, and of the memory, is kept for mailboxes that have nothing in flight.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longer deliveries are slow: that is how long one mailbox may delay another.
const SLOW: Duration = Duration::from_secs(5);
/// The part of places and memory that is kept for mailboxes with nothing in flight.
const KEPT: usize = 4;

/// Everybody's part of so many places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// `limits.deliveries`.
    pub all: usize,
    /// What each mailbox may have without having earned it.
    pub unearned: usize,
    /// What is kept.
    kept: usize,
    /// Bytes of memory that all deliveries together may need, but for those for which it is kept.
    memory: u64,
}

impl Places {
    /// So many places, and bytes of memory, for so many mailboxes.
    pub fn of(all: usize, memory: u64, mailboxes: usize) -> Self {
        let unearned = all.div_ceil(mailboxes.clamp(1, KEPT));
        if mailboxes <= 1 {
            return Self { all, unearned, kept: 0, memory };
        }
        let kept = all.div_ceil(KEPT).min(all.saturating_sub(1));
        Self { all, unearned, kept, memory: memory - memory / KEPT as u64 }
    }
}

/// What each mailbox has, and may have.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    in_flight: usize,
    memory: u64,
    shares: BTreeMap<String, Share>,
}

#[derive(Debug, Default)]
struct Share {
    in_flight: usize,
    earned: usize,
}

impl Share {
    fn allowed(&self, places: Places) -> usize {
        (places.unearned + self.earned).min(places.all)
    }
}

impl Book {
    fn has_room(&self, mailbox: &str, memory: u64, places: Places) -> bool {
        match self.shares.get(mailbox) {
            Some(share) if share.in_flight > 0 => {
                let fits = self.memory.saturating_add(memory) <= places.memory;
                fits && share.in_flight < share.allowed(places) && self.in_flight + places.kept < places.all
            }
            Some(_) | None => self.in_flight < places.all,
        }
    }
}

/// A delivery in flight. Dropping it ends it.
#[derive(Debug)]
pub struct Place {
    shares: Shares,
    mailbox: String,
    memory: u64,
    places: Places,
    began: Instant,
}

impl Shares {
    /// Whether one of the mailbox's deliveries may begin that needs so many bytes of memory.
    pub fn have_room(&self, mailbox: &str, memory: u64, places: Places) -> bool {
        self.book().has_room(mailbox, memory, places)
    }

    /// How many may be claimed besides those in flight: what may begin, and as many again to be at hand.
    pub fn ahead(&self, mailbox: &str, places: Places) -> usize {
        let book = self.book();
        let share = book.shares.get(mailbox);
        let (allowed, in_flight) = share.map_or((places.unearned, 0), |share| (share.allowed(places), share.in_flight));
        (2 * allowed).saturating_sub(in_flight)
    }

    /// Begins a delivery, where there is room for it.
    pub fn begin(&self, mailbox: &str, memory: u64, places: Places) -> Option<Place> {
        let mut book = self.book();
        if !book.has_room(mailbox, memory, places) {
            return None;
        }
        book.in_flight += 1;
        book.memory += memory;
        book.shares.entry(mailbox.to_owned()).or_default().in_flight += 1;
        let (shares, mailbox, began) = (self.clone(), mailbox.to_owned(), Instant::now());
        Some(Place { shares, mailbox, memory, places, began })
    }

    /// The mailboxes that have deliveries in flight, or have earned more places.
    pub fn known(&self) -> Vec<String> {
        self.book().shares.keys().cloned().collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.shares.book();
        book.in_flight = book.in_flight.saturating_sub(1);
        book.memory = book.memory.saturating_sub(self.memory);
        let Some(share) = book.shares.get_mut(&self.mailbox) else { return };
        share.in_flight = share.in_flight.saturating_sub(1);
        share.earned = if self.began.elapsed() > SLOW { 0 } else { (share.earned + 1).min(self.places.all) };
        if share.in_flight == 0 && share.earned == 0 {
            book.shares.remove(&self.mailbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 1 << 20;

    /// Begins as many as there is room for.
    fn begin_all(shares: &Shares, mailbox: &str, places: Places) -> Vec<Place> {
        std::iter::from_fn(|| shares.begin(mailbox, 1, places)).collect()
    }

    fn of_each(shares: &Shares, mailboxes: &[&str], places: Places) -> Vec<Place> {
        mailboxes.iter().flat_map(|mailbox| begin_all(shares, mailbox, places)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_earned_and_turns_out_slow_leaves_room_for_those_who_come_later() {
        let (shares, places) = (Shares::default(), Places::of(16, MEMORY, 9));
        (0..16).for_each(|_| drop(shares.begin("a", 1, places)));
        let slow = begin_all(&shares, "a", places);
        assert_eq!(slow.len(), 12);
        let others = of_each(&shares, &["b", "c", "d", "e"], places);
        assert_eq!(others.len(), 4, "one each while the rest is busy");
        tokio::time::advance(SLOW * 2).await;
        drop((slow, others));
        let again = of_each(&shares, &["a", "b", "c", "d", "e"], places);
        assert_eq!(again.len(), 14, "four each as long as some are left, and one each of those that are kept");
        assert_eq!(begin_all(&shares, "new", places).len(), 1);
    }

    #[test]
    fn mail_that_needs_much_memory_leaves_some_for_others_and_begins_even_where_it_needs_more_than_all() {
        let (shares, places) = (Shares::default(), Places::of(16, MEMORY, 2));
        let first = shares.begin("a", MEMORY / 2, places).unwrap();
        assert!(!shares.have_room("a", MEMORY / 2, places) && shares.have_room("a", MEMORY / 4, places));
        assert!(shares.have_room("b", 9 * MEMORY, places), "that has to begin at some time all the same");
        drop(first);
        assert!(shares.have_room("a", 9 * MEMORY, places));
    }

    #[test]
    fn a_mailbox_alone_has_all_places_and_a_single_place_is_for_everybody() {
        let alone = Places::of(16, MEMORY, 1);
        assert_eq!(begin_all(&Shares::default(), "a", alone).len(), 16);
        assert_eq!(begin_all(&Shares::default(), "a", Places::of(16, MEMORY, 2000)).len(), 4);
        let (shares, single) = (Shares::default(), Places::of(1, MEMORY, 9));
        let begun = begin_all(&shares, "a", single);
        assert!(begun.len() == 1 && !shares.have_room("b", 1, single));
    }
}
