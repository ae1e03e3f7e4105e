//! The sandbox's one clock: the machine's own, since what it stands in for has no simulated time either.

use jiff::Timestamp;

/// The time.
#[expect(clippy::disallowed_methods, reason = "this is the sandbox's one clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
