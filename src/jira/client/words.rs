//! The body of a refusal: whether Jira itself speaks, and its words for people.

use serde_json::Value;

use crate::text::one_line;

/// How much of Jira's own words goes into an error, in characters.
const WORDS: usize = 600;

/// How many fields are named where their messages are not shown.
const NAMED: usize = 10;

/// What an error's body holds.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// Jira's own error form.
    Json(Value),
    /// A page, from Jira or from something before it. Never shown.
    Html,
    /// Something else that people can read.
    Text(String),
    /// Nothing, or nothing readable.
    None,
}

impl Body {
    /// Tells what the bytes are; the content type is only a hint, for proxies label as they like.
    pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::None;
        };
        let text = text.trim();
        let html = content_type.is_some_and(|content_type| content_type.contains("html")) || text.starts_with('<');
        match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) => Self::Json(value),
            Ok(_) | Err(_) if text.is_empty() => Self::None,
            Ok(_) | Err(_) if html => Self::Html,
            Ok(_) | Err(_) => Self::Text(text.to_owned()),
        }
    }

    /// Whether Jira itself speaks, rather than a proxy or another server.
    pub const fn is_jiras_own(&self) -> bool {
        match self {
            Self::Json(_) => true,
            Self::Html | Self::Text(_) | Self::None => false,
        }
    }
}

/// Atlassian's gateway says `{"code":403,"message":"… scope does not match"}`, and RFC 6750, 3.1 `insufficient_scope`.
pub(super) fn lacks_scope(body: &Body) -> bool {
    says(body, "scope")
}

/// `{"message":"Basic Authentication has been disabled on this instance."}`: what a Data Center says to every password, since 8.16
/// where an administrator wants it so, and since 11.0 unless one wants it otherwise.
pub(super) fn takes_no_passwords(body: &Body) -> bool {
    says(body, "basic authentication has been disabled")
}

/// Whether some words, in lower case, are in the one sentence of a body that names no fields.
fn says(body: &Body, words: &str) -> bool {
    match body {
        Body::Json(Value::Object(object)) => ["message", "errorMessage", "error"]
            .iter()
            .filter_map(|key| object.get(*key)?.as_str())
            .any(|text| text.to_ascii_lowercase().contains(words)),
        Body::Json(_) | Body::Html | Body::Text(_) | Body::None => false,
    }
}

/// What it says, to stand behind an error of ours.
pub(super) fn words(body: &Body) -> String {
    match body {
        Body::Json(value) => prefixed(&jiras_words(value)),
        Body::Text(text) => prefixed(text),
        Body::Html => " with an HTML page".to_owned(),
        Body::None => String::new(),
    }
}

/// What it says without any of its words: the fields that it names. Of a name only what an id may hold.
pub(super) fn outline(body: &Body) -> String {
    let is_id = |field: &String| field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let named: Vec<String> = fields(body).into_iter().map(|(field, _)| field).filter(is_id).take(NAMED).collect();
    match body {
        Body::Json(_) if !named.is_empty() => format!(" about {}", named.join(", ")),
        Body::Html => words(body),
        Body::Json(_) | Body::Text(_) | Body::None => String::new(),
    }
}

fn prefixed(text: &str) -> String {
    let text = bounded(text);
    if text.is_empty() { text } else { format!(": {text}") }
}

/// `errorMessages` and `errors` of the platform, `message` of the gateway and of Data Center's 401, `errorMessage` of
/// Service Management.
fn jiras_words(value: &Value) -> String {
    let general = value.get("errorMessages").and_then(Value::as_array).into_iter().flatten().map(plain);
    let single = ["message", "errorMessage"].iter().filter_map(|key| value.get(*key)).map(plain);
    let by_field = pairs(value).into_iter().map(|(field, message)| format!("{field}: {message}"));
    general.chain(single).chain(by_field).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What it says of each field.
pub(super) fn fields(body: &Body) -> Vec<(String, String)> {
    match body {
        Body::Json(value) => pairs(value).into_iter().map(|(field, message)| (field, bounded(&message))).collect(),
        Body::Html | Body::Text(_) | Body::None => Vec::new(),
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let errors = value.get("errors").and_then(Value::as_object);
    errors.into_iter().flatten().map(|(field, message)| (field.clone(), plain(message))).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One line of bounded length, without control characters.
pub(super) fn bounded(text: &str) -> String {
    let line = one_line(text);
    let mut short: String = line.chars().take(WORDS).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}
