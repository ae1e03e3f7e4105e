//! `cargo run -p sandbox` as a script uses it: started, read, stopped.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::imap::Connection;

struct Started {
    child: Child,
    facts: Value,
    dir: TempDir,
}

async fn start() -> anyhow::Result<Started> {
    let dir = tempfile::Builder::new().prefix("m2j-").tempdir_in("/tmp")?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.arg("--mails").arg("--dir").arg(dir.path()).stdout(Stdio::null()).kill_on_drop(true);
    let child = command.spawn()?;
    let facts = serde_json::from_slice(&appearing(&dir.path().join("sandbox.json")).await?)?;
    Ok(Started { child, facts, dir })
}

async fn appearing(path: &Path) -> anyhow::Result<Vec<u8>> {
    for _ in 0..1_200 {
        if let Ok(bytes) = fs::read(path) {
            return Ok(bytes);
        }
        sleep(Duration::from_millis(50)).await;
    }
    bail!("{} never appeared", path.display())
}

impl Started {
    fn text(&self, name: &str) -> &str {
        self.facts.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn imaps(&self) -> anyhow::Result<u16> {
        Ok(self.facts.get("imaps").and_then(Value::as_u64).context("no port")?.try_into()?)
    }

    /// Processes die when the kernel gets to it, so that the port may stay open for a moment.
    async fn port_closes(&self) -> anyhow::Result<()> {
        for _ in 0..1_200 {
            if TcpStream::connect(("127.0.0.1", self.imaps()?)).await.is_err() {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("Dovecot still listens")
    }
}

#[tokio::test]
async fn a_script_finds_everything_in_one_file_and_stops_it_by_sigterm() -> anyhow::Result<()> {
    let mut sandbox = start().await?;
    let mut session = Connection::open(sandbox.imaps()?, Path::new(sandbox.text("ca_file"))).await?;
    let login = format!("LOGIN {} {}", sandbox.text("address"), sandbox.text("password"));
    assert!(session.command(&login).await?.contains("t OK"));
    assert!(session.command("SELECT INBOX").await?.contains("* 27 EXISTS"));
    let config = fs::read_to_string(sandbox.text("config"))?;
    for expected in [format!("port = {}", sandbox.imaps()?), format!("issuer = \"{}\"", sandbox.text("issuer"))] {
        assert!(config.contains(&expected), "{expected} is not in\n{config}");
    }
    let secret = fs::read_to_string(sandbox.dir.path().join("client-secret"))?;
    assert_eq!(secret, sandbox.text("client_secret"));

    let pid = sandbox.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("it is gone")?;
    kill_process(pid, Signal::TERM)?;
    assert!(timeout(Duration::from_secs(60), sandbox.child.wait()).await??.success());
    sandbox.port_closes().await
}

#[tokio::test]
async fn killed_without_warning_it_leaves_no_dovecot_behind() -> anyhow::Result<()> {
    let mut sandbox = start().await?;
    sandbox.child.kill().await?;
    sandbox.port_closes().await
}
