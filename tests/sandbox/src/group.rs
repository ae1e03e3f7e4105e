//! A group of processes that lives no longer than whoever started it, in whatever way that ends. Knows nothing of what they do.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Waits for the end of its input, which is the end of whoever started it; then kills the group.
const WARDEN: &str = r#"cat >/dev/null; kill -s KILL -- "-$0""#;

/// The group. Dropping it kills every process in it.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Child,
    /// Kills the group when this process dies in a way that runs no destructor: its standard input ends then.
    warden: Child,
}

impl Group {
    /// Starts the first process of a new group.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        let warden = Command::new("sh")
            .args(["-c", WARDEN])
            .arg(leader.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match warden {
            Ok(warden) => Ok(Self { leader, warden }),
            Err(error) => {
                end(&mut { leader });
                Err(error)
            }
        }
    }

    /// The first process.
    pub fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// The group's number, which is the first process's.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The warden first: once the group is gone, its number may come to mean another.
        let _ = self.warden.kill();
        let _ = self.warden.wait();
        end(&mut self.leader);
    }
}

fn end(leader: &mut Child) {
    if let Some(group) = i32::try_from(leader.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = leader.wait();
}
