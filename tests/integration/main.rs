//! Integration tests: one binary.

// `cfg(test)` lets clippy's `allow-*-in-tests` cover the helper functions of these modules too.
#[cfg(test)]
mod admin;
#[cfg(test)]
mod against;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
mod dns;
#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod exactly_once;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod imap;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod jira;
#[cfg(test)]
mod jira_documents;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod log_fields;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod pop3;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod store;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod wire;
