//! The one clock. Everything that needs the time takes it from here or as an argument, so that a simulation can own it.

use jiff::Timestamp;

/// Tells the time. The system's clock in the program, a simulated one in the simulation.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the ban points to")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
