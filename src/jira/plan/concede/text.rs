//! Texts that Jira did not take: half of one that is too long, one without markup, and words below another one. Pure.

use serde_json::Value;

use crate::jira::document::{Fit, render_text};
use crate::jira::json::Json;
use crate::jira::{Flavour, JiraError};

/// Characters below which a text is not what is too long.
const SHORTEST: usize = 500;

/// Puts a text below another one.
pub fn below(text: &Json, below: &Json) -> Json {
    Json::of(&joined(text.to_value(), &below.to_value()))
}

pub(super) fn joined(text: Value, below: &Value) -> Value {
    match (text, below) {
        (Value::String(text), Value::String(below)) => Value::String(format!("{text}\n\n{below}")),
        (Value::Object(mut document), Value::Object(below)) => {
            let below = below.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
            if let Some(Value::Array(content)) = document.get_mut("content") {
                content.extend(below);
            }
            Value::Object(document)
        }
        (text, _) => text,
    }
}

/// A text with less in it.
pub(super) struct LesserText {
    pub(super) body: Value,
    pub(super) fit: Fit,
    pub(super) said: &'static str,
}

/// Half of a text that is too long; else the same text without any markup.
pub(super) fn lesser_text(body: &Value, error: &JiraError, flavour: Flavour) -> Option<LesserText> {
    let text = plain(body);
    if is_too_long(error) {
        let length = text.chars().count();
        let half: String = text.chars().take(length / 2).collect();
        let cut = paragraphs("This message is too long for Jira: its end is missing here.", flavour);
        let body = joined(rendered(half, flavour), &cut);
        let said = "the text was too long for Jira, and its end was cut";
        return (length >= SHORTEST).then_some(LesserText { body, fit: Fit::Cut, said });
    }
    let said = "Jira did not take the text as it was, and gets it without formatting";
    (!is_plain(body)).then(|| LesserText { body: unmarked(rendered(text, flavour)), fit: Fit::Whole, said })
}

/// Whether nothing could be plainer: paragraphs and line ends only. Wiki markup is one text.
fn is_plain(node: &Value) -> bool {
    let kind = node.get("type").and_then(Value::as_str);
    let children = node.get("content").and_then(Value::as_array);
    match kind {
        None => node.is_string(),
        Some("doc" | "paragraph") => children.is_none_or(|children| children.iter().all(is_plain)),
        Some("text" | "hardBreak") => node.get("marks").is_none(),
        Some(_) => false,
    }
}

/// A document of our own plain text, without the links that were found in it.
fn unmarked(mut node: Value) -> Value {
    if let Value::Object(node) = &mut node {
        node.remove("marks");
        if let Some(Value::Array(content)) = node.get_mut("content") {
            content.iter_mut().for_each(|child| *child = unmarked(child.take()));
        }
    }
    node
}

pub(super) fn paragraphs(text: &str, flavour: Flavour) -> Value {
    render_text(text, flavour).to_value()
}

/// Wiki markup is text already.
fn rendered(text: String, flavour: Flavour) -> Value {
    match flavour {
        Flavour::Cloud => paragraphs(&text, flavour),
        Flavour::DataCenter => Value::String(text),
    }
}

/// "The entered text is too long. It exceeds the allowed limit of 32,767 characters.", `CONTENT_LIMIT_EXCEEDED`, and what a proxy
/// says with a 413.
fn is_too_long(error: &JiraError) -> bool {
    let said = |words: &str| error.message.contains(words);
    error.status == Some(413) || said("too long") || said("exceeds the allowed limit") || said("CONTENT_LIMIT_EXCEEDED")
}

/// The text of a document, a line for each of its lines, a blank line between its blocks.
pub(super) fn plain(body: &Value) -> String {
    if let Value::String(markup) = body {
        return markup.clone();
    }
    let mut text = String::new();
    collect(body, &mut text);
    text.trim().to_owned()
}

/// As deep as our own documents are: they are the only ones that come here.
fn collect(node: &Value, text: &mut String) {
    match node.get("type").and_then(Value::as_str) {
        Some("text") => text.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        Some("hardBreak") => text.push('\n'),
        Some(_) | None => {}
    }
    let Some(content) = node.get("content").and_then(Value::as_array) else { return };
    content.iter().for_each(|child| collect(child, text));
    if content.iter().any(|child| child.get("text").is_some()) {
        text.push_str("\n\n");
    }
}
