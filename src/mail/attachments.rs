//! The files of a message: their names, content and whether the text shows them in place. Which parts are files is said by
//! whoever sorted them.

use std::collections::HashSet;

use aws_lc_rs::digest;
use bytes::Bytes;

use super::encoding::Fidelity;
use super::part::{Disposition, Part};
use super::{Attachment, Complaint, file_name, parse};

/// Files of one message; Jira takes 2,000 an issue.
const MAX_ATTACHMENTS: usize = 1_000;

/// The files that `parts` hold; `html` is the text that may refer to them.
pub(super) fn attachments(parts: &[&Part<'_>], html: &str, complaints: &mut Vec<Complaint>) -> Vec<Attachment> {
    let referred = referred(html);
    let mut taken = file_name::Taken::default();
    if parts.len() > MAX_ATTACHMENTS {
        complaints.push(Complaint::incomplete("it has more than 1,000 attachments: the rest is left out"));
    }
    let parts = parts.iter().take(MAX_ATTACHMENTS).enumerate();
    parts.map(|(index, part)| attachment(part, index, &referred, &mut taken, complaints)).collect()
}

fn attachment(
    part: &Part<'_>,
    index: usize,
    referred: &HashSet<&str>,
    taken: &mut file_name::Taken,
    complaints: &mut Vec<Complaint>,
) -> Attachment {
    let decoded = part.content();
    if decoded.fidelity == Fidelity::Salvaged {
        complaints.push(Complaint::incomplete(
            "the encoding of an attachment is broken: only what could be read is attached",
        ));
    }
    let name = name(part, &decoded.bytes, index);
    let shown = part.content_id.as_deref().is_some_and(|id| referred.contains(id));
    Attachment {
        name: taken.unique(&name),
        content_type: part.media_type.clone(),
        sha256: hex(digest::digest(&digest::SHA256, &decoded.bytes).as_ref()),
        inline: shown || part.disposition == Disposition::Inline,
        content_id: part.content_id.clone(),
        extracted_from: None,
        content: Bytes::from(decoded.bytes.into_owned()),
    }
}

/// The `Content-ID`s that HTML refers to (RFC 2392).
fn referred(html: &str) -> HashSet<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '&');
    html.split("cid:").skip(1).filter_map(|behind| behind.split(ends).next()).collect()
}

/// The name that the sender gave, or one by what the part is.
fn name(part: &Part<'_>, content: &[u8], index: usize) -> String {
    let given = part.file_name.as_deref().and_then(file_name::safe);
    if is_message(&part.media_type) {
        let subject = || file_name::from_text(&parse::header(content).text("subject"), "eml");
        let given = given.map(|name| if name.contains('.') { name } else { format!("{name}.eml") });
        return given.or_else(subject).unwrap_or_else(|| "message.eml".to_owned());
    }
    given.unwrap_or_else(|| format!("attachment-{}.{}", index + 1, extension(&part.media_type)))
}

fn is_message(media_type: &str) -> bool {
    matches!(media_type, "message/rfc822" | "message/global")
}

fn extension(media_type: &str) -> &'static str {
    match media_type {
        "text/plain" | "message/delivery-status" | "message/disposition-notification" | "text/rfc822-headers" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        "application/pgp-signature" => "asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/zip" => "zip",
        _ => "bin",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
