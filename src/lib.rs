//! mail2jira: mail in, Jira issues and comments out, exactly once.

pub mod clock;
pub mod config;
pub mod decide;
pub mod failure;
pub mod http;
pub mod jira;
pub mod mail;
pub mod mailbox;
pub mod oauth;
pub mod tls;
