//! Core dumps: none are made of this program. Its memory holds tokens, passwords and mail.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Switches core dumps off, for good. An error means that nothing of it could be done.
pub fn forbid() -> io::Result<()> {
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // A dump that is piped to a collector knows no limit (core(5)); this holds it off too, and debuggers of the same user.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Ok(limited.or(hidden)?)
}
