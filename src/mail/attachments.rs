//! The files of a message: their names, content and whether the text shows them in place. Which parts are files is said by
//! whoever sorted them.

use std::collections::HashSet;

use aws_lc_rs::digest;
use bytes::Bytes;

use super::encoding::Fidelity;
use super::part::{Disposition, Part};
use super::{Attachment, Complaint, file_name, parse};
use crate::text::hex;

/// Files of one message; Jira takes 2,000 an issue.
const MAX_ATTACHMENTS: usize = 1_000;

/// The files that `parts` hold; `html` is the text that may refer to them.
pub(super) fn attachments(parts: &[&Part<'_>], html: &str, complaints: &mut Vec<Complaint>) -> Vec<Attachment> {
    let referred = if parts.is_empty() { HashSet::new() } else { referred(html) };
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
    referred: &HashSet<String>,
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
    let names = [part.content_id.as_deref(), part.content_location.as_deref()];
    let shown = names.into_iter().flatten().any(|name| referred.contains(name));
    Attachment {
        name: taken.unique(&name),
        content_type: part.media_type.clone(),
        sha256: hex(digest::digest(&digest::SHA256, &decoded.bytes).as_ref()),
        inline: shown || part.disposition == Disposition::Inline,
        content_id: part.content_id.clone(),
        content_location: part.content_location.clone(),
        extracted_from: part.extracted_from.clone(),
        size: decoded.bytes.len() as u64,
        content: Bytes::from(decoded.bytes.into_owned()),
    }
}

/// What HTML refers to: `Content-ID`s (RFC 2392), and addresses of pictures, which may be a `Content-Location`.
fn referred(html: &str) -> HashSet<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')');
    let behind = |sign: &'static str| {
        html.split(sign).skip(1).filter_map(move |behind| behind.trim_start_matches(['"', '\'']).split(ends).next())
    };
    let ids = behind("cid:").chain(behind("CID:"));
    let ids = ids.flat_map(|id| [id.to_owned(), unescaped(id)]);
    ids.chain(behind("src=").map(str::to_owned)).collect()
}

/// `a%40b` → `a@b` (RFC 2392, 2).
pub(super) fn unescaped(id: &str) -> String {
    let mut pieces = id.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let escaped = piece.split_at_checked(2).and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest)));
        match escaped {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The name that the sender gave, or one by what the part is.
fn name(part: &Part<'_>, content: &[u8], index: usize) -> String {
    let given = part.file_name.as_deref().and_then(file_name::safe);
    if is_message(&part.media_type) {
        let subject = || file_name::from_text(&parse::header(content).text("subject"), "eml");
        let given = given.map(|name| if name.contains('.') { name } else { format!("{name}.eml") });
        return given.or_else(subject).unwrap_or_else(|| "message.eml".to_owned());
    }
    let of_kind = match part.media_type.as_str() {
        "text/calendar" => Some("invite.ics".to_owned()),
        _ => None,
    };
    given.or(of_kind).unwrap_or_else(|| format!("attachment-{}.{}", index + 1, extension(&part.media_type)))
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
