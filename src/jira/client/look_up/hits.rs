//! What a search and a list of comments answer, and what of it tells that something is ours: its marker, or its very words.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::jira::client::Id;
use crate::jira::client::markers::marker_in;
use crate::jira::json::Json;
use crate::jira::plan::request::Request;
use crate::jira::plan::{Fields, MARKER_PROPERTY, Marker};
use crate::jira::{Flavour, IssueRef};

/// How far our clock and Jira's may differ, where the text alone says that something is ours.
pub(super) const CLOCKS: SignedDuration = SignedDuration::from_mins(10);

/// Which page of a search comes next.
#[derive(Debug)]
pub(super) enum Next {
    First,
    Token(String),
    Start(usize),
}

impl Next {
    pub(super) const fn first(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Cloud => Self::First,
            Flavour::DataCenter => Self::Start(0),
        }
    }

    pub(super) fn after(&self, hits: &Hits) -> Option<Self> {
        match self {
            Self::First | Self::Token(_) => hits.next_page_token.clone().filter(|_| !hits.is_last).map(Self::Token),
            Self::Start(start) => {
                let start = start + hits.issues.len();
                let more = !hits.issues.is_empty() && hits.total.is_none_or(|total| start < total);
                more.then_some(Self::Start(start))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hits {
    pub(super) issues: Vec<Hit>,
    #[serde(default)]
    next_page_token: Option<String>,
    #[serde(default)]
    is_last: bool,
    #[serde(default)]
    pub(super) total: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Hit {
    pub(super) id: Id,
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) properties: Option<Value>,
    #[serde(default)]
    pub(super) fields: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Comments {
    pub(super) comments: Vec<Comment>,
    #[serde(default)]
    pub(super) total: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: Id,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    pub(super) properties: Option<Value>,
}

impl Comment {
    /// Whether it was written at that time or later. A time that cannot be read excludes nothing.
    pub(super) fn may_be_since(&self, since: Timestamp) -> bool {
        may_be_since(self.created.as_deref(), since)
    }

    pub(super) fn is_twin(&self, body: &Value, sent_at: Timestamp) -> bool {
        may_be_since(self.created.as_deref(), earliest_twin(sent_at)) && same_text(&self.body, body)
    }
}

impl Hit {
    /// Whether it is called as a request was to be called, and was made at the time or later.
    pub(super) fn is_named(&self, request: &Request, sent_at: Timestamp) -> bool {
        let created = self.fields.get("created").and_then(Value::as_str);
        let named = match (self.fields.get("summary"), request.values.get("summary").map(Json::to_value)) {
            (Some(found), Some(sent)) => same_text(found, &sent),
            (_, _) => false,
        };
        may_be_since(created, earliest_twin(sent_at)) && named
    }

    pub(super) fn issue(&self) -> IssueRef {
        IssueRef { id: self.id.clone().into(), key: self.key.clone() }
    }

    pub(super) fn shows_marker(&self) -> bool {
        self.properties.as_ref().and_then(marker_among).is_some()
    }

    pub(super) fn is_twin(&self, fields: &Fields, sent_at: Timestamp) -> bool {
        let created = self.fields.get("created").and_then(Value::as_str);
        let same = |name: &str| match (self.fields.get(name), fields.get(name).map(Json::to_value).as_ref()) {
            (Some(found), Some(sent)) => same_text(found, sent),
            (_, _) => false,
        };
        may_be_since(created, earliest_twin(sent_at)) && same("summary") && same("description")
    }
}

/// A twin was written after the request left; the clocks may differ by so much.
fn earliest_twin(sent_at: Timestamp) -> Timestamp {
    sent_at.checked_sub(CLOCKS).unwrap_or(Timestamp::MIN)
}

fn may_be_since(created: Option<&str>, since: Timestamp) -> bool {
    created.and_then(|text| text.parse::<Timestamp>().ok()).is_none_or(|created| created >= since)
}

/// Whether both hold the same letters: Jira writes line ends and blanks at the edges as it likes, and adds attributes to
/// documents.
fn same_text(found: &Value, sent: &Value) -> bool {
    let letters = letters(sent);
    !letters.is_empty() && letters == self::letters(found)
}

/// What can be read in a text or a document, without blanks.
fn letters(text: &Value) -> String {
    match text {
        Value::String(text) => text.split_whitespace().collect(),
        Value::Array(nodes) => nodes.iter().map(letters).collect(),
        Value::Object(node) => ["text", "content"].iter().filter_map(|key| node.get(*key)).map(letters).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// The marker among the properties of an issue (an object by key) or a comment (a list of key and value).
pub(super) fn marker_among(properties: &Value) -> Option<Marker> {
    match properties {
        Value::Object(by_key) => marker_in(by_key.get(MARKER_PROPERTY)?),
        Value::Array(list) => {
            let ours = |property: &&Value| property.get("key").and_then(Value::as_str) == Some(MARKER_PROPERTY);
            marker_in(list.iter().find(ours)?.get("value")?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_marker_is_found_in_both_shapes_and_nowhere_else() {
        let ours = Some(Marker("m1".to_owned()));
        assert_eq!(marker_among(&json!({ MARKER_PROPERTY: {"op": "m1"}, "x": 1 })), ours);
        assert_eq!(marker_among(&json!([{"key": "x"}, {"key": MARKER_PROPERTY, "value": {"op": "m1"}}])), ours);
        for other in [json!({}), json!([]), json!(null), json!({ MARKER_PROPERTY: "m1" }), json!({"op": "m1"})] {
            assert_eq!(marker_among(&other), None, "{other}");
        }
    }

    #[test]
    fn a_comment_whose_time_cannot_be_read_stays_in_question() {
        let since = at("2026-11-20T10:00:00Z");
        let comment = |created: Option<&str>| Comment {
            id: Id("1".to_owned()),
            created: created.map(str::to_owned),
            body: Value::Null,
            properties: None,
        };
        assert!(comment(Some("2026-11-20T11:00:00.000+0100")).may_be_since(since));
        assert!(!comment(Some("2026-11-20T10:59:59.999+0100")).may_be_since(since));
        assert!(comment(Some("1763632800000")).may_be_since(since));
        assert!(comment(None).may_be_since(since));
    }
}
