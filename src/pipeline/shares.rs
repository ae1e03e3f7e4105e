//! How many deliveries of one mailbox may be in flight at once, so that what takes long in one (large files, mail with
//! thousands of parts) leaves room for the others. Knows neither messages nor Jira.
//!
//! A mailbox begins with a quarter of the places, or its part where there are fewer mailboxes than four. Each delivery that
//! ends soon earns it one more, up to all of them; one that takes long puts it back to where it began.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longer deliveries are slow: that is how long one mailbox may delay another.
const SLOW: Duration = Duration::from_secs(5);

/// Everybody's part of so many places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// `limits.deliveries`.
    pub all: usize,
    /// What each mailbox may have without having earned it.
    pub unearned: usize,
}

impl Places {
    /// So many places for so many mailboxes.
    pub fn of(all: usize, mailboxes: usize) -> Self {
        Self { all, unearned: all.div_ceil(mailboxes.clamp(1, 4)) }
    }
}

/// What each mailbox has, and may have.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<BTreeMap<String, Share>>>);

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

/// A delivery in flight. Dropping it ends it.
#[derive(Debug)]
pub struct Place {
    shares: Shares,
    mailbox: String,
    places: Places,
    began: Instant,
}

impl Shares {
    /// How many more of the mailbox's deliveries may begin.
    pub fn room(&self, mailbox: &str, places: Places) -> usize {
        let (allowed, in_flight) = self.of(mailbox, places);
        allowed.saturating_sub(in_flight)
    }

    /// How many may be claimed besides those in flight: what may begin, and as many again to be at hand.
    pub fn ahead(&self, mailbox: &str, places: Places) -> usize {
        let (allowed, in_flight) = self.of(mailbox, places);
        (2 * allowed).saturating_sub(in_flight)
    }

    /// Begins a delivery.
    pub fn begin(&self, mailbox: &str, places: Places) -> Place {
        self.shares().entry(mailbox.to_owned()).or_default().in_flight += 1;
        Place { shares: self.clone(), mailbox: mailbox.to_owned(), places, began: Instant::now() }
    }

    /// The mailboxes that have deliveries in flight, or have earned more places.
    pub fn known(&self) -> Vec<String> {
        self.shares().keys().cloned().collect()
    }

    /// What the mailbox may have, and has.
    fn of(&self, mailbox: &str, places: Places) -> (usize, usize) {
        let shares = self.shares();
        shares.get(mailbox).map_or((places.unearned, 0), |share| (share.allowed(places), share.in_flight))
    }

    fn shares(&self) -> MutexGuard<'_, BTreeMap<String, Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shares = self.shares.shares();
        let Some(share) = shares.get_mut(&self.mailbox) else { return };
        share.in_flight = share.in_flight.saturating_sub(1);
        share.earned = if self.began.elapsed() > SLOW { 0 } else { (share.earned + 1).min(self.places.all) };
        if share.in_flight == 0 && share.earned == 0 {
            shares.remove(&self.mailbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_quick_earns_all_places_and_what_is_slow_leaves_room_for_others() {
        let (shares, places) = (Shares::default(), Places::of(16, 3));
        assert_eq!((places.unearned, shares.room("a", places)), (6, 6));
        for _ in 0..20 {
            drop(shares.begin("a", places));
        }
        assert_eq!((shares.room("a", places), shares.room("b", places)), (16, 6));
        let slow: Vec<Place> = (0..16).map(|_| shares.begin("a", places)).collect();
        assert_eq!(shares.room("a", places), 0);
        tokio::time::advance(SLOW * 2).await;
        drop(slow);
        assert_eq!((shares.room("a", places), shares.known().len()), (6, 0));
    }

    #[test]
    fn a_mailbox_alone_has_all_places_and_a_single_place_is_for_everybody() {
        assert_eq!(Places::of(16, 1).unearned, 16);
        assert_eq!(Places::of(16, 2000).unearned, 4);
        assert_eq!(Places::of(1, 9).unearned, 1);
    }
}
