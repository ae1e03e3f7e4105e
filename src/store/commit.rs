//! Group commit: many jobs, one transaction, one fsync. Knows nothing of what the jobs do.
//!
//! A job runs inside a savepoint, so that one that fails takes no other with it, and is answered only after the
//! commit: whoever has an answer can rely on it through a power loss.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::vec;

use super::StoreError;
use super::database::{Connection, Lock, Tx};
use crate::sync::locked;

/// Jobs that share a transaction at most.
const BATCH: usize = 256;
/// How long a transaction waits for more jobs at most while many come: most of what a commit costs (the pages, the fsync,
/// waking everybody) is the same for three jobs and for thirty.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is looked for more jobs meanwhile: being woken for each job costs more.
const LOOK: Duration = Duration::from_millis(5);
/// With this many jobs a transaction needs no more company.
const ENOUGH: usize = 24;
/// Many come when one comes more often than this: [`GATHER`] then brings several. A single stream of fifty messages a second,
/// of which each takes four jobs, is just below that, and each of them is in Jira as soon as it can be.
const BUSY: Duration = Duration::from_millis(5);
/// How long jobs are counted before the pressure is judged again.
const MOMENT: Duration = Duration::from_millis(200);
/// How long a thread waits before it tries again to connect to a PostgreSQL that is away.
const RECONNECT: Duration = Duration::from_secs(1);

/// The seam between the ledger and its database. [`Committer`] is the one that the program uses; the simulation has one
/// that fails before and after the commit.
pub trait Transact: Send + Sync {
    /// Takes a job. It will run in a transaction and be told how that ended.
    fn submit(&self, job: Job);
}

/// One unit of work.
pub struct Job {
    work: Work,
    lock: Option<Lock>,
    company: Company,
}

/// Whether a job bears others beside it in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    Any,
    None,
}

/// What a job does with a transaction, or with the reason why there is none.
type Work = Box<dyn FnOnce(Result<&mut Tx<'_>, StoreError>) -> Ran + Send>;

/// A job that has run.
pub struct Ran {
    /// Whether its changes are to be kept.
    pub keep: bool,
    /// Tells whoever waits, once the transaction has ended.
    pub tell: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

impl Job {
    /// A job that runs `work` and hands what comes of it to `answer`.
    pub fn new<T: Send + 'static>(
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Self {
        let work = move |tx: Result<&mut Tx<'_>, StoreError>| {
            let result = tx.and_then(work);
            Ran {
                keep: result.is_ok(),
                tell: Box::new(move |ended| answer(result.and_then(|done| ended.map(|()| done)))),
            }
        };
        Self { work: Box::new(work), lock: None, company: Company::Any }
    }

    /// A job that runs while no other node does what `lock` names.
    pub fn under(mut self, lock: Option<Lock>) -> Self {
        self.lock = lock;
        self
    }

    /// A job with a transaction of its own, because it changes much: what a savepoint keeps of it would be held in memory.
    pub fn alone(mut self) -> Self {
        self.company = Company::None;
        self
    }

    /// Runs the job.
    pub fn run(self, tx: &mut Tx<'_>) -> Ran {
        (self.work)(Ok(tx))
    }

    /// Tells whoever waits why it cannot be run. Nothing was changed.
    fn refuse(self, error: StoreError) {
        ((self.work)(Err(error)).tell)(Ok(()));
    }
}

/// Threads that take jobs from one queue, each with a connection of its own: one for SQLite, several for PostgreSQL.
pub struct Committer {
    queue: Option<Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Committer {
    /// Starts a thread for each connection; `connect` makes a new one where PostgreSQL has dropped it.
    pub fn start(
        connections: Vec<Connection>,
        connect: Arc<dyn Fn() -> Result<Connection, StoreError> + Send + Sync>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::new();
        for connection in connections {
            let worker = Worker { connection, connect: connect.clone(), jobs: jobs.clone() };
            let thread = thread::Builder::new().name("ledger".to_owned()).spawn(move || worker.work());
            threads.push(thread.map_err(StoreError::Thread)?);
        }
        Ok(Self { queue: Some(queue), threads })
    }
}

impl Transact for Committer {
    fn submit(&self, job: Job) {
        let Some(queue) = &self.queue else { return job.refuse(StoreError::Unavailable) };
        if let Err(refused) = queue.send(job) {
            refused.0.refuse(StoreError::Unavailable);
        }
    }
}

impl Drop for Committer {
    /// Finishes what was submitted.
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Worker {
    connection: Connection,
    connect: Arc<dyn Fn() -> Result<Connection, StoreError> + Send + Sync>,
    jobs: Arc<Mutex<Receiver<Job>>>,
}

impl Worker {
    fn work(mut self) {
        let mut traffic = Traffic::at(Instant::now());
        while let Some(jobs) = next_batch(&self.jobs, traffic.pressure) {
            traffic = traffic.with(jobs.len(), Instant::now());
            let (alone, together): (Vec<Job>, Vec<Job>) =
                jobs.into_iter().partition(|job| job.company == Company::None);
            self.run(together);
            alone.into_iter().for_each(|job| self.run(vec![job]));
        }
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let mut jobs = jobs.into_iter();
        // A transaction that is lost takes those jobs with it that had run in it; the rest gets another one.
        while let Some(first) = jobs.next() {
            let lock = first.lock.or_else(|| jobs.as_slice().iter().find_map(|job| job.lock));
            match self.begin(lock) {
                Ok(()) if jobs.as_slice().is_empty() => run_alone(&mut self.connection, first),
                Ok(()) => run_together(&mut self.connection, first, &mut jobs),
                Err(error) => refuse_all(&error, first, &mut jobs),
            }
        }
    }

    /// Opens a transaction. That the server has closed the connection is often noticed only now.
    fn begin(&mut self, lock: Option<Lock>) -> Result<(), StoreError> {
        if self.connection.is_broken() {
            self.reconnect()?;
        }
        match self.connection.begin(lock) {
            Err(_) if self.connection.is_remote() => {
                self.reconnect()?;
                self.connection.begin(lock)
            }
            begun => begun,
        }
    }

    fn reconnect(&mut self) -> Result<(), StoreError> {
        match (self.connect)() {
            Ok(connection) => {
                self.connection = connection;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(error = %error, "cannot reach the ledger's database; trying again");
                thread::sleep(RECONNECT);
                Err(error)
            }
        }
    }
}

fn refuse_all(error: &StoreError, first: Job, jobs: &mut vec::IntoIter<Job>) {
    for job in std::iter::once(first).chain(jobs) {
        job.refuse(StoreError::again(error));
    }
}

/// How many jobs come, counted over a moment at a time.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    since: Instant,
    jobs: u32,
    pressure: Pressure,
}

/// Whether it is worth waiting for more jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressure {
    /// Few come: whoever waits for an answer would wait for nobody.
    Low,
    /// Many come.
    High,
}

impl Traffic {
    fn at(since: Instant) -> Self {
        Self { since, jobs: 0, pressure: Pressure::Low }
    }

    /// After so many more jobs.
    fn with(self, jobs: usize, now: Instant) -> Self {
        let jobs = self.jobs.saturating_add(u32::try_from(jobs).unwrap_or(u32::MAX));
        let passed = now.saturating_duration_since(self.since);
        if passed < MOMENT {
            return Self { jobs, ..self };
        }
        let pressure = if passed < BUSY * jobs { Pressure::High } else { Pressure::Low };
        Self { since: now, jobs: 0, pressure }
    }
}

/// The next jobs: waits for one, then takes what has gathered meanwhile. `None` when nobody can submit any more.
fn next_batch(jobs: &Mutex<Receiver<Job>>, pressure: Pressure) -> Option<Vec<Job>> {
    let jobs = locked(jobs);
    let mut batch = vec![jobs.recv().ok()?];
    match pressure {
        Pressure::Low => {}
        Pressure::High => gather(&jobs, &mut batch),
    }
    batch.extend(jobs.try_iter().take(BATCH.saturating_sub(batch.len())));
    Some(batch)
}

fn gather(jobs: &Receiver<Job>, batch: &mut Vec<Job>) {
    let began = Instant::now();
    batch.extend(jobs.try_iter().take(ENOUGH));
    while batch.len() < ENOUGH && began.elapsed() < GATHER {
        thread::sleep(LOOK);
        batch.extend(jobs.try_iter().take(ENOUGH));
    }
}

/// Runs the only job of a transaction, which needs no savepoint, and tells how it ended.
fn run_alone(connection: &mut Connection, job: Job) {
    let ran = job.run(&mut connection.tx());
    if !ran.keep {
        connection.roll_back();
        return (ran.tell)(Ok(())); // the job tells its own failure
    }
    (ran.tell)(end(connection));
}

/// Runs jobs in one transaction and tells each how it ended. Stops where the transaction is lost.
fn run_together(connection: &mut Connection, first: Job, jobs: &mut vec::IntoIter<Job>) {
    let mut kept = Vec::with_capacity(1 + jobs.len());
    let lost = std::iter::once(first).chain(jobs).find_map(|job| run_job(connection, job, &mut kept).err());
    let ended = match lost {
        None => end(connection),
        Some(error) => {
            connection.roll_back();
            Err(error)
        }
    };
    for ran in kept {
        (ran.tell)(ended.as_ref().copied().map_err(StoreError::again));
    }
}

fn end(connection: &mut Connection) -> Result<(), StoreError> {
    let ended = connection.commit();
    if ended.is_err() {
        connection.roll_back(); // a COMMIT refused by SQLite (disk full) leaves its transaction open
    }
    ended
}

/// Runs one job in its savepoint. An error means that the whole transaction is lost.
fn run_job(connection: &mut Connection, job: Job, kept: &mut Vec<Ran>) -> Result<(), StoreError> {
    if let Err(error) = connection.set_savepoint() {
        job.refuse(StoreError::again(&error));
        return Err(error);
    }
    let ran = job.run(&mut connection.tx());
    let settled = if ran.keep { connection.keep_savepoint() } else { connection.undo_savepoint() };
    match settled {
        Ok(()) if ran.keep => kept.push(ran),
        Ok(()) => (ran.tell)(Ok(())), // the job tells its own failure
        Err(error) => {
            (ran.tell)(Err(StoreError::again(&error)));
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_a_second_of(jobs_each: usize, every: Duration) -> Pressure {
        let start = Instant::now();
        let mut traffic = Traffic::at(start);
        for at in (1..).map(|count| every * count).take_while(|at| *at <= Duration::from_secs(1)) {
            traffic = traffic.with(jobs_each, start + at);
        }
        traffic.pressure
    }

    #[test]
    fn a_transaction_waits_for_company_only_while_much_is_going_on() {
        assert_eq!(after_a_second_of(24, Duration::from_millis(20)), Pressure::High);
        assert_eq!(after_a_second_of(4, Duration::from_millis(50)), Pressure::Low, "twenty messages a second");
        let start = Instant::now();
        let busy = Traffic { since: start, jobs: 0, pressure: Pressure::High };
        assert_eq!(busy.with(1, start + Duration::from_secs(3600)).pressure, Pressure::Low);
    }
}
