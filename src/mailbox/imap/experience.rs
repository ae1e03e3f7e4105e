//! What was learnt of a server in earlier sessions, and is of use to the next one: whether its IDLE is worth anything.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::locked;

/// An IDLE that ends sooner by the server's doing was in vain.
const WORTHWHILE: Duration = Duration::from_secs(30);
/// After so many in a row the folder is polled.
const IN_VAIN: u32 = 3;
/// So long, until IDLE gets another chance.
const POLL_FOR: Duration = Duration::from_secs(60 * 60);

/// Shared by all sessions of one mailbox, one after the other.
#[derive(Debug, Default)]
pub struct Experience(Mutex<Idling>);

#[derive(Debug, Default)]
struct Idling {
    in_vain: u32,
    poll_until: Option<Instant>,
}

impl Experience {
    /// Whether to do without IDLE, for some servers offer it and drop whoever uses it.
    pub fn says_poll(&self) -> bool {
        self.idling().poll_until.is_some_and(|until| Instant::now() < until)
    }

    /// The server ended an IDLE that began at `began`, with or without the connection.
    pub fn idle_was_ended(&self, began: Instant) {
        let mut idling = self.idling();
        if began.elapsed() >= WORTHWHILE {
            *idling = Idling::default();
            return;
        }
        idling.in_vain += 1;
        if idling.in_vain >= IN_VAIN {
            *idling = Idling { in_vain: 0, poll_until: Some(Instant::now() + POLL_FOR) };
        }
    }

    /// An IDLE brought news, or lasted for as long as we wanted.
    pub fn idle_was_good(&self) {
        *self.idling() = Idling::default();
    }

    fn idling(&self) -> std::sync::MutexGuard<'_, Idling> {
        locked(&self.0)
    }
}
