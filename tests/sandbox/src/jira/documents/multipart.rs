//! Whether an upload's body is what Jira takes: parts called `file`, each with a file name.

use axum::http::{HeaderMap, header};

use super::Complaint;

pub(super) fn judge(headers: &HeaderMap, body: &[u8]) -> Vec<Complaint> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = content_type.split(';').filter_map(|piece| piece.trim().strip_prefix("boundary=")).next();
    let Some(boundary) = boundary.map(|boundary| boundary.trim_matches('"')) else {
        return vec![Complaint::new("header/content-type", "names no boundary")];
    };
    let heads = heads(body, boundary);
    if heads.is_empty() {
        return vec![Complaint::new("body", "holds no part")];
    }
    let judged = heads.iter().enumerate().filter_map(|(index, head)| {
        let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        let named = |wanted: &str| disposition.is_some_and(|line| line.split(';').any(|piece| piece.trim() == wanted));
        let has_name = disposition.is_some_and(|line| line.contains("filename=\"") || line.contains("filename*="));
        let what = match (named("name=\"file\""), has_name) {
            (true, true) => return None,
            (false, _) => "is not called `file`",
            (true, false) => "has no file name",
        };
        Some(Complaint::new(format!("body/part/{index}"), what))
    });
    judged.collect()
}

/// The header of every part. What is in a part is not looked at: it cannot hold the boundary.
fn heads(body: &[u8], boundary: &str) -> Vec<String> {
    let mark = format!("--{boundary}\r\n").into_bytes();
    let (mut heads, mut rest) = (Vec::new(), body);
    while let Some(after) = after(rest, &mark) {
        let head = before(after, b"\r\n\r\n").unwrap_or_default();
        heads.push(String::from_utf8_lossy(head).into_owned());
        rest = after;
    }
    heads
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn after<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    text.get(find(text, wanted)? + wanted.len()..)
}

fn before<'a>(text: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    text.get(..find(text, wanted)?)
}
