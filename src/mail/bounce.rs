//! What a delivery status notification says (RFC 3464): status, action, recipients and what bounced.
//! Reads the fields that are meant for machines; the many wordings of old mail servers are not read yet.

use super::part::{Fields, Part};
use super::{Bounce, parse, thread};

const REPORTS: &[&str] = &["message/delivery-status", "message/global-delivery-status"];
const ORIGINALS: &[&str] = &["message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"];
/// Blocks of a report that are read: one for the message, and one for each recipient.
const MAX_BLOCKS: usize = 100;

/// Reads what a bounce says.
pub(super) fn read(root: &Part<'_>) -> Bounce {
    let report = root.find(REPORTS).map(|part| part.text().0).unwrap_or_default();
    let blocks: Vec<Fields<'_>> =
        report.split("\n\n").take(MAX_BLOCKS).map(|block| parse::header(block.as_bytes())).collect();
    let first = |name: &str| blocks.iter().map(|block| block.text(name)).find(|text| !text.is_empty());
    Bounce {
        status: first("status").and_then(|text| status(&text)),
        action: first("action").and_then(|text| text.split_whitespace().next().map(str::to_lowercase)),
        recipients: blocks.iter().filter_map(recipient).collect(),
        original_message_id: root.find(ORIGINALS).and_then(|part| {
            let content = part.content();
            thread::message_ids(&parse::header(&content.bytes).text("message-id")).into_iter().next()
        }),
    }
}

/// `5.1.1 (bad mailbox)` → `5.1.1`.
fn status(text: &str) -> Option<String> {
    let code: String = text.trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let well_formed = code.split('.').count() == 3 && code.split('.').all(|piece| !piece.is_empty());
    well_formed.then_some(code)
}

/// `rfc822; ann@example.com` → `ann@example.com`.
fn recipient(block: &Fields<'_>) -> Option<String> {
    let text = ["final-recipient", "original-recipient"]
        .map(|name| block.text(name))
        .into_iter()
        .find(|text| !text.is_empty())?;
    let address = text.split_once(';').map_or(text.as_str(), |(_, address)| address);
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    (!address.is_empty()).then(|| address.to_owned())
}
