//! Any bytes are a message: nothing may panic, and names of files must stay safe.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| {
    let mail = mail2jira::mail::parse(raw);
    for attachment in &mail.attachments {
        assert!(!attachment.name.is_empty() && !attachment.name.contains(['/', '\\', '\0']));
    }
});
