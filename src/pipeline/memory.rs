//! A bound on the bytes of mail that are held in memory at once. Who holds some gives it back by dropping it.

use tokio::sync::{Semaphore, SemaphorePermit};

/// An amount of memory, counted in KiB.
pub struct Memory {
    free: Semaphore,
    all: u32,
}

/// A part of the memory, which is free again when this is dropped.
pub struct Held<'m>(Option<SemaphorePermit<'m>>);

impl Memory {
    /// Memory for so many bytes.
    pub fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).max(1);
        Self { free: Semaphore::new((all as usize).min(Semaphore::MAX_PERMITS)), all }
    }

    /// Memory for so many bytes; waits while others hold it. What is larger than all of it gets all of it.
    pub async fn hold(&self, bytes: u64) -> Held<'_> {
        Held(self.free.acquire_many(self.permits(bytes)).await.ok())
    }

    /// Memory for so many bytes, where it is free right now.
    pub fn try_hold(&self, bytes: u64) -> Option<Held<'_>> {
        self.free.try_acquire_many(self.permits(bytes)).ok().map(|permit| Held(Some(permit)))
    }

    /// The whole amount, in bytes.
    pub fn all(&self) -> u64 {
        u64::from(self.all) << 10
    }

    fn permits(&self, bytes: u64) -> u32 {
        u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1).min(self.all)
    }
}

impl<'m> Held<'m> {
    /// Holds nothing yet.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Takes what another one holds.
    pub fn join(&mut self, other: Held<'m>) {
        match (&mut self.0, other.0) {
            (Some(permit), Some(more)) => permit.merge(more),
            (none, more) => *none = more.or(none.take()),
        }
    }
}
