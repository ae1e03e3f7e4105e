//! PostgreSQL's server process: started by us, stopped by its own id, and never left behind.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for the end of its input, which is the end of whoever started it; then ends the server and removes its directory.
const WARDEN: &str = r#"
cat >/dev/null
kill -s QUIT "$0"
for _ in $(seq 100); do kill -s 0 "$0" 2>/dev/null || break; sleep 0.05; done
rm -rf "$1"
"#;

/// A running server. Dropping it ends it at once, with all its connections.
#[derive(Debug)]
pub(super) struct Running {
    server: Child,
    /// A cluster that many tests share is never dropped; this ends it with the process.
    warden: Child,
}

impl Running {
    /// Starts the server in the foreground; what it says goes to `log`.
    pub fn start(mut server: Command, log: &Path, dir: &Path) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut server = server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let warden = Command::new("sh")
            .args(["-c", WARDEN, &server.id().to_string()])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match warden {
            Ok(warden) => Ok(Self { server, warden }),
            Err(error) => {
                end(&mut server);
                Err(error)
            }
        }
    }

    /// Its exit status, when it has ended by itself.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.server.try_wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The warden first: once the server is gone, its number may come to mean another.
        let _ = self.warden.kill();
        let _ = self.warden.wait();
        end(&mut self.server);
    }
}

/// SIGQUIT is PostgreSQL's immediate shutdown: it takes its children along, which SIGKILL would leave behind.
fn end(server: &mut Child) {
    if let Some(pid) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::QUIT);
    }
    let _ = server.wait();
}
