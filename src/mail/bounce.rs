//! What a bounce says: status, action, recipients and what bounced. From the fields that are meant for machines (RFC 3464),
//! and where a server sent none, from its words.

use super::part::{Fields, Part};
use super::{Bounce, Mail, MessageId, parse, thread};

const REPORTS: &[&str] = &["message/delivery-status", "message/global-delivery-status"];
/// What a bounce gives back of the mail that failed.
pub(super) const ORIGINALS: &[&str] =
    &["message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"];
/// Blocks of a report that are read: one for the message, and one for each recipient.
const MAX_BLOCKS: usize = 100;
/// Recipients that are taken from words.
const MAX_RECIPIENTS: usize = 20;
/// Parts of subjects of mail about mail that is late.
const DELAYS: &[&str] = &["delay", "could not send message for past", "verzöger", "retard", "still trying"];
/// Replies of a server that refuses a mail (RFC 5321, 4.2.3).
const REPLY_CODES: &[&str] =
    &["421", "450", "451", "452", "500", "501", "503", "504", "550", "551", "552", "553", "554", "556"];

/// Reads what a bounce says.
pub(super) fn read(root: &Part<'_>, mail: &Mail, fields: &Fields<'_>) -> Bounce {
    let report = report(root);
    let blocks = blocks(&report);
    let first = |name: &str| blocks.iter().map(|block| block.text(name)).find(|text| !text.is_empty());
    let words = words(mail);
    let status = first("status").and_then(|text| status(&text)).or_else(|| status_in_text(words));
    let action = first("action").and_then(|text| text.split_whitespace().next().map(str::to_lowercase));
    let temporary = match &status {
        Some(status) => status.starts_with('4'),
        None => is_delay(&mail.subject),
    };
    let mut recipients: Vec<String> = blocks.iter().filter_map(recipient).collect();
    if recipients.is_empty() {
        recipients = parse_failed_recipients(fields).unwrap_or_else(|| recipients_in(words, mail));
    }
    recipients.dedup();
    Bounce {
        action: action.or_else(|| Some(if temporary { "delayed" } else { "failed" }.to_owned())),
        status,
        recipients,
        original_message_id: attached_id(root).or_else(|| pasted_id(mail)),
    }
}

/// Whether it reports nothing but success: a delivery receipt that somebody asked for.
pub(super) fn reports_success(root: &Part<'_>) -> bool {
    let report = report(root);
    let actions: Vec<String> = blocks(&report).iter().map(|block| block.text("action").to_lowercase()).collect();
    let mut actions = actions.iter().filter(|action| !action.is_empty()).peekable();
    let is_success = |action: &String| ["delivered", "relayed", "expanded"].iter().any(|word| action.starts_with(word));
    actions.peek().is_some() && actions.all(is_success)
}

/// The first enhanced status code that says failure or delay (RFC 3463) among words.
pub(super) fn status_in_text(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    let is_failure = |code: &String| (code.starts_with("4.") || code.starts_with("5.")) && code.len() <= 9;
    words.filter_map(status).find(is_failure)
}

/// Whether a text names the code with which a server refused a mail.
pub(super) fn names_reply_code(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| REPLY_CODES.contains(&word))
}

/// Whether a subject tells of a mail that is still on its way: Exim's says no more than that.
fn is_delay(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    let subject = subject.strip_prefix("warning: ").unwrap_or(&subject);
    // Behind a colon stands the subject of the mail that it is about: "Undeliverable: Delay in production".
    let own = subject.split_once(": ").map_or(subject, |(own, _)| own);
    DELAYS.iter().any(|word| own.contains(word))
}

fn report(root: &Part<'_>) -> String {
    root.find(REPORTS).map(|part| part.text().0).unwrap_or_default()
}

fn blocks(report: &str) -> Vec<Fields<'_>> {
    report.split("\n\n").take(MAX_BLOCKS).map(|block| parse::header(block.as_bytes())).collect()
}

/// `5.1.1 (bad mailbox)` → `5.1.1`.
fn status(text: &str) -> Option<String> {
    let code: String = text.trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let well_formed =
        code.split('.').count() == 3 && code.split('.').all(|piece| !piece.is_empty() && piece.len() <= 3);
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

/// Exim's and Gmail's header.
fn parse_failed_recipients(fields: &Fields<'_>) -> Option<Vec<String>> {
    let addresses = fields.first("x-failed-recipients").map(parse::addresses)?;
    let addresses: Vec<String> = addresses.into_iter().map(|address| address.address).collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// The server's own words: what stands before the mail that it gives back.
fn words(mail: &Mail) -> &str {
    let text = mail.body.text.as_str();
    ["\nReceived: ", "\nReturn-Path: ", "\nReturn-path: "]
        .iter()
        .filter_map(|header| text.find(header))
        .min()
        .and_then(|end| text.get(..end))
        .unwrap_or(text)
}

fn recipients_in(words: &str, mail: &Mail) -> Vec<String> {
    let is_ours = |address: &str| mail.to.iter().chain(&mail.from).any(|own| own.address.eq_ignore_ascii_case(address));
    let pieces =
        words.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '"' | ',' | ';' | '[' | ']'));
    let pieces = pieces.map(|piece| piece.trim_matches([':', '.', '\'']).trim_start_matches("mailto:"));
    let mut recipients: Vec<String> = Vec::new();
    for piece in pieces {
        let is_address = piece.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
        if is_address && !is_ours(piece) && !recipients.iter().any(|known| known == piece) {
            recipients.push(piece.to_owned());
        }
        if recipients.len() == MAX_RECIPIENTS {
            break;
        }
    }
    recipients
}

fn attached_id(root: &Part<'_>) -> Option<MessageId> {
    let content = root.find(ORIGINALS)?.content();
    thread::message_ids(&parse::header(&content.bytes).text("message-id")).into_iter().next()
}

fn pasted_id(mail: &Mail) -> Option<MessageId> {
    let mut lines = [&mail.body.text, &mail.body.quoted].into_iter().flat_map(|text| text.lines());
    lines.find_map(|line| {
        let line = line.trim_start_matches(['>', ' ']);
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id").then(|| thread::message_ids(value).into_iter().next())?
    })
}
