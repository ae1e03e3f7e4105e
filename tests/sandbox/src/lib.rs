//! The stand-ins that mail2jira's demo, tests and benchmarks share. Never shipped; nothing of mail2jira is in here.
//!
//! * [`dovecot`]: the real Dovecot, private to one test: IMAP and POP3 over TLS, its mailboxes as files.
//! * [`oauth`]: an OAuth provider with a consent page, and a knob for every fault that a provider can produce.
//! * [`jira`]: a stateful Jira Cloud with a page to look at, a search that lags, and faults before and after the write.
//! * [`mails`]: two dozen realistic mails, and plain ones by the thousand.
//! * [`dns`] and [`dkim`]: a name server that can fail, and who signs mail with the keys that stand there.
//! * [`postgres`]: a real PostgreSQL, private to one test run, which can be stopped and cut off.
//! * [`browser`]: a headless Chromium, used as a person uses one.
//! * [`config_file`]: a configuration for mail2jira that fits them.
//! * [`clock`]: the one clock that they go by.
//! * [`server`]: the HTTP server beneath, which can die in the middle of an answer.
//!
//! `cargo run -p sandbox` starts them together and prints their addresses.

pub mod browser;
pub mod clock;
pub mod config_file;
pub mod dkim;
pub mod dns;
pub mod dovecot;
mod group;
pub mod jira;
pub mod mails;
pub mod oauth;
pub mod postgres;
pub mod server;
