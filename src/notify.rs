//! Telling people: hands one event to a program or to an address, once, within a limit. What there is to tell, and trying
//! again, is decided elsewhere; so is the issue in Jira.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::config::{NotifySettings, Secret};
use crate::http;
use crate::incident::Channel;

/// How long a program or an address may take for one event.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program that tells people needs a place to find others in, and nothing else of ours: the environment may hold secrets.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why an event did not arrive. Names neither the address nor the program's arguments: they may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The program cannot be started, or did not take what it was told.
    #[error("the command of [notify] cannot be run")]
    Command(#[source] std::io::Error),
    /// The program ended with a code other than 0, or by a signal.
    #[error("the command of [notify] failed ({0})")]
    CommandFailed(std::process::ExitStatus),
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// No HTTP client could be made.
    #[error("cannot call the webhook of [notify]")]
    Http(#[from] http::HttpError),
    /// The address did not answer.
    #[error("the webhook of [notify] cannot be reached: {0}")]
    Unreachable(String),
    /// The address answered with something else than success.
    #[error("the webhook of [notify] answered {0}")]
    Refused(u16),
}

impl NotifySettings {
    /// Every channel that is set.
    pub fn channels(&self) -> Vec<Channel> {
        let command = self.command.as_ref().map(|_| Channel::Command);
        let webhook = self.webhook.as_ref().map(|_| Channel::Webhook);
        let jira = self.jira.as_ref().map(|_| Channel::Jira);
        [command, webhook, jira].into_iter().flatten().collect()
    }
}

/// Runs `words` with the event on its stdin. A program that takes too long is killed.
pub async fn run_command(words: &[String], event: &str) -> Result<(), NotifyError> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(NotifyError::Command)?;
    let told = async {
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(format!("{event}\n").as_bytes()).await {
                // It need not read what it is told; its exit code says whether it is content.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                written => written.map_err(NotifyError::Command)?,
            }
        }
        child.wait().await.map_err(NotifyError::Command)
    };
    let status = timeout(PATIENCE, told).await.map_err(|_| NotifyError::TimedOut)??;
    if status.success() { Ok(()) } else { Err(NotifyError::CommandFailed(status)) }
}

/// Posts the event to `address`.
pub async fn post(address: &Secret, event: &str) -> Result<(), NotifyError> {
    let client = http::client(None, PATIENCE)?;
    let request = client.post(address.expose()).header("Content-Type", "application/json").body(event.to_owned());
    let response = request.send().await.map_err(|error| NotifyError::Unreachable(http::cause(&error)))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(NotifyError::Refused(status.as_u16())) }
}
