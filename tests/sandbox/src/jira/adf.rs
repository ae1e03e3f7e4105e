//! Atlassian Document Format as Jira's server looks at it: the coarse faults that it refuses, and the length. The
//! full schema is `documents`' affair.

use serde_json::Value;

use super::site::Counted;

const NOT_ADF: &str = "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
const INVALID: &str = "INVALID_INPUT";
const INLINE: [&str; 8] = ["text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "mediaInline"];

/// What Jira would say against `document`. `is_media` tells whether a media id is known.
pub(super) fn check(document: &Value, is_media: impl Fn(&str) -> bool) -> Result<(), String> {
    let kind = document.get("type").and_then(Value::as_str);
    if kind != Some("doc") || document.get("content").and_then(Value::as_array).is_none() {
        return Err(NOT_ADF.to_owned());
    }
    if document.get("version") != Some(&Value::from(1)) {
        return Err(INVALID.to_owned());
    }
    check_children(document, "doc", &is_media)
}

fn check_children(node: &Value, parent: &str, is_media: &impl Fn(&str) -> bool) -> Result<(), String> {
    let Some(content) = node.get("content") else {
        return Ok(());
    };
    for child in content.as_array().ok_or(INVALID)? {
        let kind = child.get("type").and_then(Value::as_str).ok_or(INVALID)?;
        if INLINE.contains(&kind) != holds_inline(parent) {
            return Err(INVALID.to_owned());
        }
        if kind == "text" && child.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(INVALID.to_owned());
        }
        let attribute = |name: &str| child.get("attrs").and_then(|attrs| attrs.get(name)).and_then(Value::as_str);
        if kind == "media" && attribute("type") == Some("file") && !attribute("id").is_some_and(is_media) {
            return Err("ATTACHMENT_VALIDATION_ERROR".to_owned());
        }
        check_children(child, kind, is_media)?;
    }
    Ok(())
}

fn holds_inline(kind: &str) -> bool {
    matches!(kind, "paragraph" | "heading" | "codeBlock" | "taskItem" | "decisionItem" | "caption")
}

/// How long Jira thinks that `document` is, in UTF-16 units: Jira is Java.
pub(super) fn length(document: &Value, counted: Counted) -> usize {
    match counted {
        Counted::Text => text(document).encode_utf16().count(),
        Counted::Json => document.to_string().encode_utf16().count(),
    }
}

/// The words of a document, a line for each block.
pub(super) fn text(document: &Value) -> String {
    if let Some(markup) = document.as_str() {
        return markup.to_owned(); // Data Center's
    }
    let mut text = String::new();
    gather(document, &mut text);
    text.truncate(text.trim_end().len());
    text
}

fn gather(node: &Value, text: &mut String) {
    match node.get("type").and_then(Value::as_str) {
        Some("text") => text.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        Some("hardBreak") => text.push('\n'),
        _ => {}
    }
    for child in node.get("content").and_then(Value::as_array).into_iter().flatten() {
        gather(child, text);
    }
    if node.get("type").and_then(Value::as_str).is_some_and(holds_inline) {
        text.push('\n');
    }
}
