//! The stand-ins themselves, tried over their sockets: a fake that lies makes every test above it worthless.

mod binary;
mod browser;
mod dovecot;
mod imap;
mod jira;
mod mails;
mod oauth;
