//! What can be typed: every command with its arguments, and nothing of what it does.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::audit::AuditArgs;
use super::authorize::AuthorizeArgs;

/// Where the config file is unless said otherwise.
pub const DEFAULT_CONFIG: &str = "/etc/mail2jira/config.toml";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "mail2jira", version, about, max_term_width = 100, subcommand_required = true)]
#[command(after_help = "Example:\n  mail2jira check-config && mail2jira run")]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// Which command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The config file [default: /etc/mail2jira/config.toml]
    #[arg(long, global = true, env = "MAIL2JIRA_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// How much is logged to stderr
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
}

impl Global {
    /// The config file, by its default name unless another was given.
    pub fn config_file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }
}

/// `--log-level`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What a person should look at
    Error,
    /// And what may become trouble
    Warn,
    /// And what was done
    Info,
    /// And how
    Debug,
    /// And every step of it
    Trace,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch every mailbox and write to Jira
    #[command(after_help = "Example:\n  mail2jira run --once")]
    Run(RunArgs),
    /// Get a person's consent to read a mailbox
    #[command(after_help = "Example:\n  mail2jira authorize support --no-browser")]
    Authorize(AuthorizeArgs),
    /// Revoke a consent at the provider and forget it
    #[command(after_help = "Example:\n  mail2jira revoke support")]
    Revoke(RevokeArgs),
    /// Try every mailbox and Jira, stage by stage, and change nothing
    #[command(after_help = "Example:\n  mail2jira test-connection support --json")]
    TestConnection(TestConnectionArgs),
    /// Find every fault of the config file, without a network
    #[command(after_help = "Example:\n  mail2jira check-config --config ./config.toml")]
    CheckConfig(CheckConfigArgs),
    /// Show what would be done with a message, without a network
    #[command(after_help = "Example:\n  mail2jira preview --json message.eml")]
    Preview(PreviewArgs),
    /// Show how every mailbox and Jira are doing; exit code 1 when a person is needed
    #[command(after_help = "Example:\n  mail2jira status")]
    Status(StatusArgs),
    /// Look into the ledger of messages
    #[command(after_help = "Example:\n  mail2jira messages list --state quarantined", subcommand_required = true)]
    Messages(MessagesArgs),
    /// Compare mailboxes, the ledger and Jira: what is missing, doubled or pending
    #[command(after_help = "Example:\n  mail2jira audit --since 30d")]
    Audit(AuditArgs),
    /// Turn another program's settings into a config file
    #[command(subcommand, after_help = "Example:\n  mail2jira import jira-handlers entities.xml > config.toml")]
    Import(ImportCommand),
    /// Write a config file by answering questions
    #[command(after_help = "Example:\n  mail2jira init --config ./config.toml")]
    Init,
    /// Look after the key that encrypts at rest
    #[command(subcommand, after_help = "Example:\n  mail2jira vault rekey")]
    Vault(VaultCommand),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  mail2jira completions bash > /etc/bash_completion.d/mail2jira")]
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(after_help = "Example:\n  mail2jira man | man -l -")]
    Man,
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Go over every mailbox once and exit: 0 when everything found was settled, 1 otherwise
    #[arg(long)]
    pub once: bool,
}

/// `revoke`
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The mailbox, as the config file names it, or `jira`
    pub name: String,
}

/// `test-connection`
#[derive(Debug, Args)]
pub struct TestConnectionArgs {
    /// Mailboxes, or `jira`; all of them unless some are named
    pub names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `check-config`
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// Print the JSON Schema of the config file instead
    #[arg(long, conflicts_with = "json")]
    pub schema: bool,
    /// Print JSON: a list of problems
    #[arg(long)]
    pub json: bool,
}

/// `preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Messages as files, folders of .eml files, or `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Show instead what the rules in this file would alter
    #[arg(long, value_name = "RULES.toml")]
    pub against: Option<PathBuf>,
    /// Use this mailbox's settings
    #[arg(long, value_name = "NAME")]
    pub mailbox: Option<String>,
    /// Print JSON, one object a message; with --against one for all
    #[arg(long)]
    pub json: bool,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `messages`
#[derive(Debug, Args)]
pub struct MessagesArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: MessagesCommand,
}

/// The commands of `messages`.
#[derive(Debug, Subcommand)]
pub enum MessagesCommand {
    /// List messages, the newest first
    #[command(after_help = "Example:\n  mail2jira messages list --mailbox support --limit 10")]
    List(ListArgs),
    /// Tell the whole story of one message
    #[command(after_help = "Example:\n  mail2jira messages show 42")]
    Show(ShowArgs),
    /// Try quarantined messages again
    #[command(after_help = "Example:\n  mail2jira messages retry 42 43")]
    Retry(IdsArgs),
    /// Give messages up for good
    #[command(after_help = "Example:\n  mail2jira messages discard 42")]
    Discard(IdsArgs),
}

/// `messages list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those in this state
    #[arg(long)]
    pub state: Option<MessageState>,
    /// Only those of this mailbox
    #[arg(long, value_name = "NAME")]
    pub mailbox: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// `--state`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageState {
    /// Received, planned or sent
    Pending,
    /// The same, with a later next attempt
    Deferred,
    /// In Jira
    Delivered,
    /// Nothing was made of it
    Ignored,
    /// A person must look
    Quarantined,
    /// Given up by a person
    Discarded,
}

/// `messages show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// As `messages list` prints it
    pub id: i64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `messages retry` and `messages discard`
#[derive(Debug, Args)]
pub struct IdsArgs {
    /// As `messages list` prints them
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<i64>,
}

/// The commands of `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Jira's own mail handlers, from its backup or a description
    #[command(after_help = "Example:\n  mail2jira import jira-handlers entities.xml > config.toml")]
    JiraHandlers(JiraHandlersArgs),
}

/// `import jira-handlers`
#[derive(Debug, Args)]
pub struct JiraHandlersArgs {
    /// Jira's XML backup, the same tables as JSON, or lines of `key=value`; `-` for stdin
    pub file: PathBuf,
}

/// The commands of `vault`.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Encrypt every stored secret with a new key
    #[command(after_help = "Example:\n  mail2jira vault rekey")]
    Rekey(RekeyArgs),
}

/// `vault rekey`
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// Use the key in this file, 32 bytes in base64; else one is made, and put in the key file's place
    #[arg(long, value_name = "FILE")]
    pub new_key: Option<PathBuf>,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
