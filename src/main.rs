//! mail2jira: mail in, Jira issues and comments out, exactly once.

use std::process::ExitCode;

fn main() -> ExitCode {
    mail2jira::cli::main()
}
