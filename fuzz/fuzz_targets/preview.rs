//! The whole way from bytes to what would be written to Jira.
#![no_main]

use mail2jira::config::MailboxName;
use mail2jira::preview::{default_settings, preview};

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    if let Some(name) = MailboxName::parse("fuzz") {
        let preview = preview(raw, &default_settings(name), &[]);
        assert!(serde_json::to_string(&preview).is_ok());
    }
});
