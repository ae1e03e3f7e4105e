//! How many of a number of places one mailbox may have at once, so that what takes long in one (large files, mail with
//! thousands of parts) leaves room for the others. Places are shared out twice: among the messages under way, and among those
//! of them that ask Jira. Knows neither messages nor Jira.
//!
//! A mailbox begins with a quarter of the places, or its part where there are fewer mailboxes than four. Each delivery that
//! ends soon earns it one more; one that takes long puts it back to where it began. What it has earned may turn out slow all
//! at once, so that a quarter of the places, and of the memory, is kept for mailboxes that have nothing in flight.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::sync::locked;

/// Longer deliveries are slow: that is how long one mailbox may delay another.
const SLOW: Duration = Duration::from_secs(5);
/// The part of places and memory that is kept for mailboxes with nothing in flight.
const KEPT: usize = 4;

/// Everybody's part of the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// How many places there are.
    pub all: usize,
    /// What each mailbox may have without having earned it.
    pub unearned: usize,
    /// What is kept.
    kept: usize,
    /// Bytes of memory that all deliveries together may need, but for those for which it is kept.
    memory: u64,
}

impl Places {
    /// Shares a number of places, and bytes of memory, among a number of mailboxes.
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
    /// Who waits for a place, in the order of their coming.
    waiting: VecDeque<Waiting>,
    is_closed: bool,
}

#[derive(Debug)]
struct Waiting {
    mailbox: String,
    errand: Errand,
    places: Places,
    admit: oneshot::Sender<Place>,
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

    fn give_back(&mut self, place: &Place) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.memory = self.memory.saturating_sub(place.memory);
        let Some(share) = self.shares.get_mut(&place.mailbox) else { return };
        share.in_flight = share.in_flight.saturating_sub(1);
        share.earned = if place.began.elapsed() > SLOW { 0 } else { (share.earned + 1).min(place.places.all) };
        if share.in_flight == 0 && share.earned == 0 {
            self.shares.remove(&place.mailbox);
        }
    }
}

/// What somebody wants a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// For something new, which may as well begin another time.
    Begins,
    /// For going on with what has begun.
    GoesOn,
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

    /// How many may be claimed besides those in flight: what may begin, and half as many again to be at hand.
    pub fn ahead(&self, mailbox: &str, places: Places) -> usize {
        let book = self.book();
        let share = book.shares.get(mailbox);
        let (allowed, in_flight) = share.map_or((places.unearned, 0), |share| (share.allowed(places), share.in_flight));
        (allowed + allowed.div_ceil(2)).saturating_sub(in_flight)
    }

    /// Begins a delivery, where there is room for it.
    pub fn begin(&self, mailbox: &str, memory: u64, places: Places) -> Option<Place> {
        let mut book = self.book();
        book.has_room(mailbox, memory, places).then(|| self.place(&mut book, mailbox, memory, places))
    }

    fn place(&self, book: &mut Book, mailbox: &str, memory: u64, places: Places) -> Place {
        book.in_flight += 1;
        book.memory += memory;
        book.shares.entry(mailbox.to_owned()).or_default().in_flight += 1;
        Place { shares: self.clone(), mailbox: mailbox.to_owned(), memory, places, began: Instant::now() }
    }

    /// A place of those without a bound on memory, as soon as there is one. `None`: nothing begins any more.
    pub async fn wait(&self, mailbox: &str, errand: Errand, places: Places) -> Option<Place> {
        let (admit, admitted) = oneshot::channel();
        {
            let mut book = self.book();
            if book.is_closed && errand == Errand::Begins {
                return None;
            }
            book.waiting.push_back(Waiting { mailbox: mailbox.to_owned(), errand, places, admit });
        }
        self.admit();
        admitted.await.ok()
    }

    /// Lets nothing begin any more: sends away who waits for that, now and from now on.
    pub fn close(&self) {
        let mut book = self.book();
        book.is_closed = true;
        book.waiting.retain(|waiting| waiting.errand == Errand::GoesOn);
    }

    /// Hands out what places there are to those who wait.
    fn admit(&self) {
        while let Some((admit, place)) = self.first_admitted() {
            drop(admit.send(place)); // who waits no more gives it back with this
        }
    }

    fn first_admitted(&self) -> Option<(oneshot::Sender<Place>, Place)> {
        let mut book = self.book();
        book.waiting.retain(|waiting| !waiting.admit.is_closed());
        let has_room = |waiting: &Waiting| book.has_room(&waiting.mailbox, 0, waiting.places);
        let position = book.waiting.iter().position(has_room)?;
        let Waiting { mailbox, errand: _, places, admit } = book.waiting.remove(position)?;
        Some((admit, self.place(&mut book, &mailbox, 0, places)))
    }

    /// The mailboxes that have deliveries in flight, or have earned more places.
    pub fn known(&self) -> Vec<String> {
        self.book().shares.keys().cloned().collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        locked(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shares.book().give_back(self);
        self.shares.admit();
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

    #[tokio::test]
    async fn who_waits_is_let_in_by_their_coming_but_never_held_up_by_a_mailbox_that_has_its_part() {
        let (shares, places) = (Shares::default(), Places::of(4, MEMORY, 9));
        let first = shares.wait("a", Errand::Begins, places).await.unwrap();
        let mut again = std::pin::pin!(shares.wait("a", Errand::Begins, places));
        assert!(futures_util::poll!(again.as_mut()).is_pending(), "its part is one place, and it has earned none");
        assert!(shares.wait("b", Errand::Begins, places).await.is_some());
        drop(first);
        assert!(again.await.is_some());
    }

    #[tokio::test]
    async fn a_place_that_nobody_waits_for_any_more_goes_to_the_next_and_after_the_end_nothing_begins() {
        let (shares, places) = (Shares::default(), Places::of(1, MEMORY, 1));
        let first = shares.wait("a", Errand::Begins, places).await.unwrap();
        let (mut gone, mut next) =
            (Box::pin(shares.wait("a", Errand::Begins, places)), Box::pin(shares.wait("a", Errand::Begins, places)));
        assert!(futures_util::poll!(gone.as_mut()).is_pending() && futures_util::poll!(next.as_mut()).is_pending());
        drop(gone);
        drop(first);
        let held = next.await.unwrap();
        let mut last = Box::pin(shares.wait("a", Errand::Begins, places));
        assert!(futures_util::poll!(last.as_mut()).is_pending());
        shares.close();
        assert!(last.await.is_none() && shares.wait("a", Errand::Begins, places).await.is_none());
        drop(held);
        assert!(shares.wait("a", Errand::GoesOn, places).await.is_some(), "what has begun comes to its end");
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
