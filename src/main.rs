//! mail2jira: mail in, Jira issues and comments out, exactly once.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    mail2jira::cli::main()
}
