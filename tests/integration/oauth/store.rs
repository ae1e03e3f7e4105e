//! Grants in memory, shared by several "processes", with a fault at whichever call a test names.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use mail2jira::clock::Clock;
use mail2jira::oauth::Grant;
use mail2jira::oauth::tokens::{GrantState, Grants, StoreError, StoredGrant};
use tokio::sync::{Notify, Semaphore};

/// A clock that stands still until it is told otherwise.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap())))
    }

    pub fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What lasts when a process dies.
#[derive(Default)]
pub struct Disk {
    pub grants: HashMap<String, StoredGrant>,
    pub locks: HashMap<String, (String, Timestamp)>,
    pub consents_needed: u32,
    pub refreshes_saved: u32,
}

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing was done, and the caller is told of an error.
    FailBefore,
    /// It was done, and the caller is told of an error.
    FailAfter,
    /// The process dies before it was done.
    KillBefore,
    /// The process dies after it was done.
    KillAfter,
}

/// One process's connection to the disk.
pub struct Store {
    pub disk: Arc<Mutex<Disk>>,
    clock: TestClock,
    plan: Mutex<Plan>,
    pub killed: Notify,
}

#[derive(Default)]
struct Plan {
    calls: usize,
    mishaps: HashMap<usize, Mishap>,
    held: HashMap<usize, Arc<Semaphore>>,
}

impl Store {
    pub fn new(disk: &Arc<Mutex<Disk>>, clock: &TestClock) -> Arc<Self> {
        let (disk, clock) = (disk.clone(), clock.clone());
        Arc::new(Self { disk, clock, plan: Mutex::default(), killed: Notify::new() })
    }

    /// Lets the n-th call from now go wrong.
    pub fn plan(&self, call: usize, mishap: Mishap) {
        let mut plan = self.plan.lock().unwrap();
        let call = plan.calls + call;
        plan.mishaps.insert(call, mishap);
    }

    /// Lets the n-th call from now wait until the gate is opened.
    pub fn hold(&self, call: usize, gate: &Arc<Semaphore>) {
        let mut plan = self.plan.lock().unwrap();
        let call = plan.calls + call;
        plan.held.insert(call, gate.clone());
    }

    async fn call<T>(&self, act: impl FnOnce(&mut Disk, Timestamp) -> T) -> Result<T, StoreError> {
        let (mishap, held) = {
            let mut plan = self.plan.lock().unwrap();
            let call = plan.calls;
            plan.calls += 1;
            (plan.mishaps.remove(&call), plan.held.remove(&call))
        };
        if let Some(gate) = held {
            gate.acquire().await.unwrap().forget();
        }
        let broken = || Err(StoreError("disk I/O error".into()));
        let done = match mishap {
            Some(Mishap::FailBefore) => return broken(),
            Some(Mishap::KillBefore) => return self.die().await,
            Some(Mishap::FailAfter | Mishap::KillAfter) | None => act(&mut self.disk.lock().unwrap(), self.clock.now()),
        };
        match mishap {
            Some(Mishap::FailAfter) => broken(),
            Some(Mishap::KillAfter) => self.die().await,
            Some(Mishap::FailBefore | Mishap::KillBefore) | None => Ok(done),
        }
    }

    /// A dead process hears nothing any more.
    async fn die<T>(&self) -> T {
        self.killed.notify_one();
        pending().await
    }
}

impl Grants for Store {
    fn grant<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Option<StoredGrant>, StoreError>> {
        self.call(move |disk, _| disk.grants.get(subject).cloned()).boxed()
    }

    fn save_consent<'a>(&'a self, subject: &'a str, grant: &'a Grant) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(move |disk, _| {
            let generation = disk.grants.get(subject).map_or(0, |stored| stored.generation) + 1;
            let stored = StoredGrant { grant: grant.clone(), generation, state: GrantState::Granted };
            disk.grants.insert(subject.to_owned(), stored);
        })
        .boxed()
    }

    fn lock_refresh<'a>(
        &'a self,
        subject: &'a str,
        owner: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.call(move |disk, now| {
            let taken = disk.locks.get(subject).is_some_and(|(holder, until)| holder != owner && *until > now);
            if !taken {
                disk.locks.insert(subject.to_owned(), (owner.to_owned(), until));
            }
            !taken
        })
        .boxed()
    }

    fn save_refreshed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.call(move |disk, _| {
            let stored = disk.grants.get_mut(subject).unwrap();
            if stored.generation != generation {
                return false;
            }
            stored.grant = grant.clone();
            stored.generation += 1;
            disk.locks.remove(subject);
            disk.refreshes_saved += 1;
            true
        })
        .boxed()
    }

    fn unlock_refresh<'a>(&'a self, subject: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call(move |disk, _| {
            if disk.locks.get(subject).is_some_and(|(holder, _)| holder == owner) {
                disk.locks.remove(subject);
            }
        })
        .boxed()
    }

    fn record_consent_needed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.call(move |disk, now| {
            let stored = disk.grants.get_mut(subject).unwrap();
            if stored.generation != generation {
                return false;
            }
            stored.state = GrantState::Needed { reason: reason.to_owned(), since: now };
            disk.consents_needed += 1;
            true
        })
        .boxed()
    }
}
