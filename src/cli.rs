//! The command line: which command was meant, and with which code the program ends. A file a command; this one only leads to them.

use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::config::{Config, ConfigErrors, MustExist};
use crate::dumps;
use arguments::{Arguments, Command, Global, ImportCommand, VaultCommand};

pub mod arguments;
pub mod audit;
pub mod authorize;
pub mod check_config;
pub mod completions;
pub mod import;
pub mod init;
mod jira_keys;
pub mod man;
pub mod messages;
mod opened;
pub mod preview;
pub mod report;
pub mod revoke;
pub mod run;
pub mod status;
pub mod test_connection;
pub mod vault;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The config file is wrong: exit code 78, on which systemd does not restart (sysexits.h, EX_CONFIG).
    Config(ConfigErrors),
    /// Something was attempted and failed: exit code 1.
    Failed {
        /// What was attempted, and the causes.
        error: anyhow::Error,
        /// One command or step that may help.
        hint: Option<String>,
    },
    /// It failed, and all that is to be said has been printed: exit code 1.
    Reported,
    /// As `Config`, and all that is to be said has been printed.
    ConfigReported,
}

impl Failure {
    /// A failure with nothing below it.
    pub fn new(message: impl std::fmt::Display + std::fmt::Debug + Send + Sync + 'static) -> Self {
        anyhow::Error::msg(message).into()
    }

    /// Adds a hint, which is best a command.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Failed { error, .. } => Self::Failed { error, hint: Some(hint.into()) },
            Self::Config(_) | Self::Reported | Self::ConfigReported => self,
        }
    }

    /// sysexits.h and contract: 1 failed, 78 the config file is wrong.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed { .. } | Self::Reported => ExitCode::from(1),
            Self::Config(_) | Self::ConfigReported => ExitCode::from(78),
        }
    }
}

impl std::fmt::Display for Failure {
    /// In one line, with its causes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(errors) => errors.fmt(f),
            Self::Failed { error, .. } => write!(f, "{error:#}"),
            Self::Reported | Self::ConfigReported => f.write_str("it failed, as was said"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed { error, hint: None }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

/// Runs the program: its arguments are the process's own.
pub fn main() -> ExitCode {
    if let Err(error) = dumps::forbid() {
        let _ = writeln!(report::words(), "warning: cannot switch core dumps off: {error}");
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report::usage(&error),
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::failure(&failure);
            failure.exit_code()
        }
    }
}

fn dispatch(Arguments { global, command }: Arguments) -> Result<(), Failure> {
    match command {
        Command::CheckConfig(args) => check_config::run(&args, global.config_file()),
        Command::Completions(args) => completions::run(&args),
        Command::Man => man::run(),
        Command::Run(args) => wait_for(run::run(&args, global.log_level, global.config_file())),
        Command::Authorize(args) => wait_for(authorize::run(&args, &config(&global)?)),
        Command::TestConnection(args) => wait_for(test_connection::run(&args, global.config_file())),
        Command::Preview(args) => preview::run(&args, config_if_any(&global)?.as_ref()),
        Command::Status(args) => wait_for(status::run(&args, &config(&global)?)),
        Command::Messages(args) => wait_for(messages::run(&args, &config(&global)?)),
        Command::Audit(args) => wait_for(audit::run(&args, &config(&global)?)),
        Command::Revoke(args) => wait_for(revoke::run(&args, &config(&global)?)),
        Command::Import(ImportCommand::JiraHandlers(args)) => import::jira_handlers(&args),
        Command::Init => init::run(global.config_file()),
        Command::Vault(VaultCommand::Rekey(args)) => vault::run(&args, &config(&global)?),
    }
}

/// The configuration, for commands that cannot do without. Its warnings are for `check-config` and `run`.
pub fn config(global: &Global) -> Result<Config, Failure> {
    let (config, _warnings) = Config::load(global.config_file(), MustExist::MayBeElsewhere)?;
    Ok(config)
}

/// The configuration, for commands that can do without: one that was named must be there, the default one may be missing,
/// or be for other eyes.
pub fn config_if_any(global: &Global) -> Result<Option<Config>, Failure> {
    if global.config.is_none() && std::fs::File::open(Path::new(arguments::DEFAULT_CONFIG)).is_err() {
        return Ok(None);
    }
    config(global).map(Some)
}

/// Waits for what a command does. Commands that wait for nothing never start a runtime. One thread does all the waiting: waking
/// another one costs about as much as what it would then do for a message, and long work has threads of its own.
pub fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| anyhow::Error::new(error).context("cannot start the runtime"))?;
    runtime.block_on(work)
}
