//! Whatever a mail server sends, and however the network cuts it: the sieve hands on the same, and never more than was sent.
#![no_main]

use bytes::BytesMut;
use mail2jira::mailbox::imap::framing::{Framer, FramingError};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (step, sent) = input;
    let whole = framed(sent, sent.len().max(1));
    let cut = framed(sent, usize::from(step).max(1));
    assert_eq!(whole, cut);
    assert!(whole.is_err() || whole.is_ok_and(|handed_on| handed_on.len() <= sent.len()));
});

fn framed(sent: &[u8], step: usize) -> Result<BytesMut, FramingError> {
    let (mut framer, mut handed_on) = (Framer::default(), BytesMut::new());
    for part in sent.chunks(step) {
        framer.take(part, &mut handed_on)?;
    }
    Ok(handed_on)
}
