//! mail2jira: mail in, Jira issues and comments out, exactly once.

fn main() {}
