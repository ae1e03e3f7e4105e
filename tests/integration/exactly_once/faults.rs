//! Where all trouble comes from, and by which clock.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use mail2jira::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A bug that is planted in the seams around the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    RepeatWithoutLooking,
    IntentNotRecorded,
    ServerErrorTakenAsNotWritten,
    FailedLookUpTakenAsNotThere,
    LeakNotNoticed,
    EditsOverwritten,
}

impl Sabotage {
    pub const BUGS: [Self; 6] = [
        Self::RepeatWithoutLooking,
        Self::IntentNotRecorded,
        Self::ServerErrorTakenAsNotWritten,
        Self::FailedLookUpTakenAsNotThere,
        Self::LeakNotNoticed,
        Self::EditsOverwritten,
    ];
}

/// Where all trouble comes from. Deterministic: the same seed, the same trouble.
pub struct Faults {
    random: Mutex<fastrand::Rng>,
    healed: Mutex<bool>,
    kill: Notify,
    pub struck: Mutex<BTreeMap<&'static str, u64>>,
}

impl Faults {
    pub fn new(random: fastrand::Rng) -> Self {
        Self { random: Mutex::new(random), healed: Mutex::new(false), kill: Notify::new(), struck: Mutex::default() }
    }

    pub fn strike(&self, fault: &'static str, probability: f64) -> bool {
        let strikes = !*self.healed.lock().unwrap() && self.chance() < probability;
        if strikes {
            *self.struck.lock().unwrap().entry(fault).or_insert(0) += 1;
        }
        strikes
    }

    pub fn chance(&self) -> f64 {
        self.random.lock().unwrap().f64()
    }

    pub async fn pause(&self, seconds: f64) {
        let pause = Duration::from_secs_f64(seconds * self.chance());
        tokio::time::sleep(pause).await;
    }

    /// Ends every process, now.
    pub fn kill(&self) {
        self.kill.notify_one();
    }

    /// Waits for that.
    pub async fn killed(&self) {
        self.kill.notified().await;
    }

    pub fn heal(&self) {
        *self.healed.lock().unwrap() = true;
    }
}

/// Simulated time: tokio's, which jumps to the next timer when nothing can run.
#[derive(Clone, Copy)]
pub struct SimulatedClock(pub Instant);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        start.checked_add(self.0.elapsed()).unwrap()
    }
}
