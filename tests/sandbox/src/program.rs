//! The mail2jira binary as its users have it: started, asked, measured and killed from outside. Sees nothing of its inside.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a command that waits for nobody may take.
const COMMAND: Duration = Duration::from_secs(60);
/// How long the program may take to end when it is asked to.
const DRAIN: Duration = Duration::from_secs(90);
/// How long a person may take to consent.
const CONSENT: Duration = Duration::from_secs(11 * 60);

/// The binary with one configuration.
#[derive(Debug, Clone)]
pub struct Program {
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
}

/// `mail2jira run`. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pid: Pid,
}

impl Program {
    /// The binary at `chosen`, else the one that was built beside this program. Logs go to `mail2jira.log` beside `config`.
    pub fn find(chosen: Option<&Path>, config: &Path) -> anyhow::Result<Self> {
        let binary = match chosen {
            Some(binary) => binary.to_owned(),
            None => std::env::current_exe()?.with_file_name("mail2jira"),
        };
        anyhow::ensure!(binary.exists(), "{} is missing: run `cargo build --workspace` first", binary.display());
        Ok(Self { binary, config: config.to_owned(), log: config.with_file_name("mail2jira.log") })
    }

    /// Where it is.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Where its log goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.config).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        Ok(command)
    }

    /// `authorize NAME --no-browser`; `visit` is given the consent page's address.
    pub async fn authorize<V: Future<Output = anyhow::Result<()>>>(
        &self,
        name: &str,
        visit: impl FnOnce(String) -> V,
    ) -> anyhow::Result<()> {
        let mut command = self.command(&["authorize", name, "--no-browser"])?;
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let url = timeout(COMMAND, lines.next_line()).await.context("authorize prints no address")??;
        match url {
            Some(url) => visit(url).await?,
            None => bail!("authorize printed no address; see {}", self.log.display()),
        }
        let status = timeout(CONSENT, child.wait()).await.context("authorize does not end")??;
        anyhow::ensure!(status.success(), "authorize {name} failed; see {}", self.log.display());
        Ok(())
    }

    /// `run`.
    pub fn run(&self) -> anyhow::Result<Running> {
        let child = self.command(&["run"])?.spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("it ended at once")?;
        Ok(Running { child, pid })
    }

    /// The JSON that a command prints, one value a line or one in all; how it exits does not matter.
    pub async fn ask(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let mut child = self.command(arguments)?.stdout(Stdio::piped()).spawn()?;
        let mut text = String::new();
        let mut stdout = child.stdout.take().context("no standard output")?;
        timeout(COMMAND, stdout.read_to_string(&mut text)).await.context("the command does not end")??;
        timeout(COMMAND, child.wait()).await.context("the command does not end")??;
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
        values.with_context(|| format!("mail2jira {} printed no JSON; see {}", arguments.join(" "), self.log.display()))
    }

    /// The end of the log.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// `kill -9`.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM; it has to end by itself.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        kill_process(self.pid, Signal::TERM)?;
        Ok(timeout(DRAIN, self.child.wait()).await.context("mail2jira does not end after SIGTERM")??)
    }

    /// Fails when it has ended although nobody asked it to.
    pub fn must_run(&mut self, program: &Program) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("mail2jira ended by itself ({status}):\n{}", program.last_words()),
        }
    }
}
