//! npm's `imapflow` in a process of its own, doing with the same mailboxes what mail2jira does: `tests/imapflow/watch.mjs`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::doors::Doors;
use crate::together::{PASSWORD, Together};

const PATIENCE: Duration = Duration::from_secs(600);
/// As many connections as mail2jira opens in a second.
const A_SECOND: u32 = 25;

/// The process. Dropping it kills it.
pub struct Imapflow {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Where `scripts/setup.sh bench` installs it.
///
/// # Errors
/// Says how to install it.
pub fn directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(|profile| profile.parent()).context("where is the target directory?")?;
    let directory = target.join("imapflow");
    if !directory.join("node_modules").is_dir() {
        bail!("imapflow, which the benchmark compares with, is not installed: run `sh scripts/setup.sh bench`");
    }
    Ok(directory)
}

impl Imapflow {
    /// Starts it with its task; it connects nowhere yet.
    pub async fn load(together: &Together, doors: &Doors, addresses: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        // Given as text, so that it finds imapflow where that is installed.
        let script = include_str!("../../../imapflow/watch.mjs");
        command.args(["--expose-gc", "--input-type=module", "--eval", script]).current_dir(directory()?);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut imapflow = Self { child, stdin, lines: BufReader::new(stdout).lines() };
        let access = together.access();
        let mailboxes = addresses.iter().zip(doors.ports());
        let task = json!({
            "ca_file": together.dovecot.ca_file(), "password": PASSWORD, "per_second": A_SECOND,
            "mailboxes": mailboxes.map(|(user, port)| json!({ "user": user, "port": port })).collect::<Vec<_>>(),
            "jira": { "url": access.url, "email": access.email, "token": access.token,
                      "project": access.project, "issue_type": access.issue_type },
        });
        imapflow.say(&task.to_string()).await?;
        imapflow.expect("loaded").await?;
        Ok(imapflow)
    }

    /// Returns once it watches all mailboxes.
    pub async fn watch_all(&mut self) -> anyhow::Result<()> {
        self.say("go").await?;
        self.expect("watching").await
    }

    /// Its process id.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("imapflow has ended")
    }

    async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.stdin.write_all(format!("{line}\n").as_bytes()).await?)
    }

    async fn expect(&mut self, wanted: &str) -> anyhow::Result<()> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("imapflow says nothing")??;
        anyhow::ensure!(line.as_deref() == Some(wanted), "imapflow did not come to `{wanted}`");
        Ok(())
    }
}
