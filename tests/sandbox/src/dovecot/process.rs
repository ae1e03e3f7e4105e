//! Dovecot's processes: started in a group of their own, found in it and killed with it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::DovecotError;
use crate::group::Group;

/// What an installation needs; the second and third come with packages of their own.
const PROGRAMS: [&str; 3] = ["/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3"];

/// One kind of Dovecot's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Serves one mailbox (or many, under [`Load::Many`](super::Load::Many)). Killed, its client sees a clean end of TLS.
    Imap,
    /// Holds the TLS side of every IMAP session. Killed, all clients see their connections break off.
    ImapLogin,
    /// The same as [`Service::Imap`] for POP3.
    Pop3,
    /// The same as [`Service::ImapLogin`] for POP3.
    Pop3Login,
}

impl Service {
    fn command(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::ImapLogin => "imap-login",
            Self::Pop3 => "pop3",
            Self::Pop3Login => "pop3-login",
        }
    }
}

/// A running Dovecot. Dropping it kills all of it.
#[derive(Debug)]
pub(super) struct Running(Group);

/// The version, once it is known to be one whose configuration language we speak.
pub(super) fn check_installed() -> Result<(), DovecotError> {
    if let Some(missing) = PROGRAMS.into_iter().map(Path::new).find(|path| !path.exists()) {
        return Err(DovecotError::NotInstalled { missing: missing.to_owned() });
    }
    let output = Command::new(dovecot()).arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if version.starts_with("2.3.") { Ok(()) } else { Err(DovecotError::Version { version }) }
}

fn dovecot() -> PathBuf {
    PathBuf::from("/usr/sbin/dovecot")
}

impl Running {
    /// Starts Dovecot in the foreground; its complaints about the configuration go to `stderr` in `dir`.
    pub fn start(config: &Path, dir: &Path) -> io::Result<Self> {
        let stderr = File::create(dir.join("stderr"))?;
        // Dovecot wants as many descriptors as it may have clients; the shell raises the limit for it alone.
        let mut master = Command::new("sh");
        master
            .args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$0" -F -c "$1""#])
            .arg(dovecot())
            .arg(config)
            .stdin(Stdio::null())
            .stdout(stderr.try_clone()?)
            .stderr(stderr);
        Ok(Self(Group::start(&mut master)?))
    }

    /// Its exit status, when it has ended by itself.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.leader().try_wait()
    }

    /// Kills every process of this kind that belongs to this instance, and says how many.
    pub fn kill(&self, service: Service) -> io::Result<usize> {
        let pids = self.pids(service)?;
        for pid in &pids {
            kill_process(*pid, Signal::KILL)?;
        }
        Ok(pids.len())
    }

    fn pids(&self, service: Service) -> io::Result<Vec<Pid>> {
        let group = self.0.id();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // One that ended since it was listed is as dead as wanted.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            if is_of(&stat, service.command(), group) {
                pids.extend(Pid::from_raw(pid));
            }
        }
        Ok(pids)
    }
}

/// Reads a line of `/proc/PID/stat`: `pid (command) state parent group …`.
fn is_of(stat: &str, command: &str, group: u32) -> bool {
    let Some((_, rest)) = stat.split_once('(') else {
        return false;
    };
    let Some((name, rest)) = rest.rsplit_once(") ") else {
        return false;
    };
    name == command && rest.split(' ').nth(2) == Some(group.to_string().as_str())
}
