//! What all parts of a running Jira hold in common. It only keeps things; what they mean is said elsewhere.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Availability;
use super::door::Switch;
use super::faults::Faults;
use super::log::RequestLog;
use super::site::Site;
use super::ways::Ways;

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    site: Mutex<Site>,
    faults: Mutex<Faults>,
    log: Mutex<RequestLog>,
    work: Mutex<JoinSet<()>>,
    connections: Mutex<Vec<Weak<Switch>>>,
    wanted: watch::Sender<Availability>,
    actual: watch::Sender<Availability>,
    ways: Mutex<Ways>,
    /// What is left of the budget of requests, and when that was reckoned.
    budget: Mutex<Option<(f64, std::time::Instant)>>,
    in_progress: AtomicUsize,
    most_in_progress: AtomicUsize,
}

/// Counts a request as in progress while it lives.
pub(super) struct Visit(Arc<Shared>);

impl Shared {
    pub(super) fn new(site: Site, ways: Ways) -> Self {
        Self {
            site: Mutex::new(site),
            faults: Mutex::default(),
            log: Mutex::default(),
            work: Mutex::default(),
            connections: Mutex::default(),
            wanted: watch::Sender::new(Availability::Up),
            actual: watch::Sender::new(Availability::Up),
            ways: Mutex::new(ways),
            budget: Mutex::default(),
            in_progress: AtomicUsize::new(0),
            most_in_progress: AtomicUsize::new(0),
        }
    }

    pub(super) fn site(&self) -> MutexGuard<'_, Site> {
        locked(&self.site)
    }

    pub(super) fn ways(&self) -> MutexGuard<'_, Ways> {
        locked(&self.ways)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, RequestLog> {
        locked(&self.log)
    }

    /// Runs `task` to its end whether or not a client waits for it, but no longer than Jira runs.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut work = locked(&self.work);
        while work.try_join_next().is_some() {}
        work.spawn(task);
    }

    /// Takes one request out of a bucket that refills by so many a second; says how many are left.
    pub(super) fn spend(&self, bucket: u64, refill: u64) -> u64 {
        let mut budget = locked(&self.budget);
        let now = std::time::Instant::now();
        let (left, at) = budget.unwrap_or((bucket as f64, now));
        let left = (left + now.duration_since(at).as_secs_f64() * refill as f64).min(bucket as f64) - 1.0;
        *budget = Some((left.max(0.0), now));
        left.max(0.0) as u64
    }

    pub(super) fn enter(self: &Arc<Self>) -> Visit {
        let in_progress = self.in_progress.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_progress.fetch_max(in_progress, Ordering::Relaxed);
        Visit(Arc::clone(self))
    }

    pub(super) fn max_concurrent(&self) -> usize {
        self.most_in_progress.load(Ordering::Relaxed)
    }

    pub(super) fn watch_connection(&self, switch: &Arc<Switch>) {
        let mut connections = locked(&self.connections);
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Arc::downgrade(switch));
    }

    pub(super) fn cut_all(&self) {
        for switch in locked(&self.connections).drain(..).filter_map(|connection| connection.upgrade()) {
            switch.cut();
        }
    }

    pub(super) fn wanted(&self) -> watch::Receiver<Availability> {
        self.wanted.subscribe()
    }

    pub(super) fn report(&self, availability: Availability) {
        self.actual.send_replace(availability);
    }

    pub(super) fn availability(&self) -> Availability {
        *self.actual.borrow()
    }

    pub(super) async fn set_availability(&self, availability: Availability) {
        self.wanted.send_replace(availability);
        let mut actual = self.actual.subscribe();
        // The sender lives as long as `self`: the wait ends with the change.
        let _ = actual.wait_for(|actual| *actual == availability).await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A panic in one request's handler must not poison all others.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
