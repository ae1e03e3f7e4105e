//! `completions SHELL`: what a shell needs to complete our commands.

use clap::CommandFactory;

use super::arguments::{Arguments, CompletionsArgs};
use super::{Failure, report};

/// Prints the completions.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "mail2jira", &mut script);
    report::bytes(&script)
}
