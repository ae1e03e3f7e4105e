//! Answers that are believed for a while, so that not every message asks again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::locked;

/// How long an answer is believed.
const KEPT: Duration = Duration::from_secs(600);
/// Answers that are kept at most; with more, all are asked for again.
const MOST: usize = 10_000;

/// Answers, each with the time at which it came, by what was asked.
pub struct Kept<T>(Mutex<HashMap<String, (Instant, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Kept<T> {
    /// What was answered not too long ago.
    pub fn get(&self, asked: &str) -> Option<T> {
        let answers = self.answers();
        let (at, answer) = answers.get(asked)?;
        (at.elapsed() < KEPT).then(|| answer.clone())
    }

    /// Keeps an answer.
    pub fn put(&self, asked: &str, answer: T) {
        let mut answers = self.answers();
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(asked.to_owned(), (Instant::now(), answer));
    }

    /// Believes nothing any more: something has turned out to be different.
    pub fn forget(&self) {
        self.answers().clear();
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        locked(&self.0)
    }
}
