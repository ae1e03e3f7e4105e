//! Pictures in their places in an Atlassian Document. Pure.
//!
//! A document names a picture by the id that the upload gave it at the media service, and there is nothing to upload to before
//! there is an issue. So a text is written first with the pictures' names, and once more when their ids are known. Both are made
//! from one document in which every picture has the id [`PENDING`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::jira::json::Json;

/// Stands for an id that is not known yet, and takes as much room.
pub const PENDING: &str = "00000000-0000-0000-0000-000000000000";

/// The names of the pictures that a document has in place, each once.
pub fn names(document: &Json) -> Vec<String> {
    // Most texts show none, and need not be read for that.
    if !document.as_str().contains(PENDING) {
        return Vec::new();
    }
    let mut names = Vec::new();
    gather(&document.to_value(), &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

fn gather(node: &Value, names: &mut Vec<String>) {
    names.extend(pending(node).map(str::to_owned));
    children(node).for_each(|child| gather(child, names));
}

/// The document with the pictures whose ids (by name) are known. In the place of another one stands its name.
pub fn with_ids(document: &Json, ids: &BTreeMap<String, String>) -> Json {
    let mut document = document.to_value();
    fill(&mut document, ids);
    Json::of(&document)
}

fn fill(node: &mut Value, ids: &BTreeMap<String, String>) {
    if let Some(name) = pending(node).map(str::to_owned) {
        match (ids.get(&name), node.pointer_mut("/content/0/attrs/id")) {
            (Some(known), Some(id)) => *id = known.as_str().into(),
            (_, _) => {
                *node = json!({"type": "paragraph", "content": [{"type": "text", "text": format!("[{name}]")}]});
            }
        }
    } else if let Some(Value::Array(content)) = node.get_mut("content") {
        content.iter_mut().for_each(|child| fill(child, ids));
    }
}

/// The name of the picture that this node is to show.
fn pending(node: &Value) -> Option<&str> {
    let attributes = node.get("content")?.get(0)?.get("attrs")?;
    (attributes.get("id")? == PENDING).then(|| attributes.get("alt")?.as_str())?
}

/// The document once more after something was written below the text that was made of it. `None`: the text is another one.
pub fn carried_over(document: &Json, text: &Json) -> Option<Json> {
    let (before, after) = (with_ids(document, &BTreeMap::new()).to_value(), text.to_value());
    let below = content(&after)?.strip_prefix(content(&before)?)?;
    let mut document = document.to_value();
    document.get_mut("content")?.as_array_mut()?.extend(below.iter().cloned());
    Some(Json::of(&document))
}

/// Whether a document that Jira shows is the one that was sent. Jira may add attributes of its own, and join or part texts that
/// look alike.
pub fn is_same(found: &Value, sent: &Value) -> bool {
    let (found_lines, sent_lines) = (joined(found), joined(sent));
    found.get("type") == sent.get("type")
        && has_all(found.get("attrs"), sent.get("attrs"))
        && found_lines.len() == sent_lines.len()
        && found_lines.iter().zip(&sent_lines).all(|(found, sent)| match (found, sent) {
            (Piece::Text(found, found_marks), Piece::Text(sent, sent_marks)) => {
                found == sent && found_marks == sent_marks
            }
            (Piece::Node(found), Piece::Node(sent)) => is_same(found, sent),
            (Piece::Text(..), Piece::Node(_)) | (Piece::Node(_), Piece::Text(..)) => false,
        })
}

/// What a node holds, with neighbouring texts that look alike as one.
enum Piece<'v> {
    Text(String, Vec<Value>),
    Node(&'v Value),
}

fn joined<'v>(node: &'v Value) -> Vec<Piece<'v>> {
    let nodes: Vec<&Value> = children(node).collect();
    let text = |node: &Value| node.get("text").and_then(Value::as_str).map(str::to_owned);
    let alike =
        |one: &&Value, other: &&Value| text(one).is_some() && text(other).is_some() && marks(one) == marks(other);
    let piece = |run: &[&'v Value]| {
        let first = run.first()?;
        let words: Option<String> = run.iter().map(|node| text(node)).collect();
        Some(words.map_or(Piece::Node(first), |words| Piece::Text(words, marks(first))))
    };
    nodes.chunk_by(alike).filter_map(piece).collect()
}

/// What a text looks like, whatever the order in which that is said.
fn marks(node: &Value) -> Vec<Value> {
    let mark =
        |mark: &Value| json!([mark.get("type"), mark.get("attrs").and_then(|attributes| attributes.get("href"))]);
    let mut marks: Vec<Value> = node.get("marks").and_then(Value::as_array).into_iter().flatten().map(mark).collect();
    marks.sort_by_key(ToString::to_string);
    marks
}

fn has_all(found: Option<&Value>, sent: Option<&Value>) -> bool {
    let sent = sent.and_then(Value::as_object);
    sent.into_iter().flatten().all(|(key, value)| found.and_then(|found| found.get(key)) == Some(value))
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    content(node).into_iter().flatten()
}

fn content(node: &Value) -> Option<&[Value]> {
    node.get("content")?.as_array().map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(content: &Value) -> Json {
        Json::of(&json!({"type": "doc", "version": 1, "content": content}))
    }

    fn paragraph(text: &str) -> Value {
        json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
    }

    fn picture(name: &str, id: &str) -> Value {
        let attributes = json!({"type": "file", "id": id, "collection": "", "alt": name});
        json!({"type": "mediaSingle", "attrs": {"layout": "center", "width": 320, "widthType": "pixel"},
            "content": [{"type": "media", "attrs": attributes}]})
    }

    fn ids() -> BTreeMap<String, String> {
        BTreeMap::from([("a.png".to_owned(), "5f1c".to_owned())])
    }

    #[test]
    fn a_picture_whose_id_is_known_is_shown_and_another_one_named() {
        let pending = document(
            &json!([{"type": "blockquote", "content": [picture("a.png", PENDING), picture("b.png", PENDING)]}]),
        );
        assert_eq!(names(&pending), ["a.png", "b.png"]);
        let shown =
            document(&json!([{"type": "blockquote", "content": [picture("a.png", "5f1c"), paragraph("[b.png]")]}]));
        assert_eq!(with_ids(&pending, &ids()), shown);
        assert!(names(&document(&json!([paragraph(PENDING)]))).is_empty(), "a sender may write what they like");
    }

    #[test]
    fn what_is_written_below_a_text_is_kept_and_another_text_has_no_pictures() {
        let pending = document(&json!([picture("a.png", PENDING)]));
        let noted = document(&json!([paragraph("[a.png]"), paragraph("a note")]));
        let carried = carried_over(&pending, &noted).unwrap();
        assert_eq!(with_ids(&carried, &ids()), document(&json!([picture("a.png", "5f1c"), paragraph("a note")])));
        assert_eq!(carried_over(&pending, &document(&json!([paragraph("plain")]))), None);
    }

    #[test]
    fn what_jira_adds_by_itself_changes_no_text_and_what_people_do_does() {
        let text = |text: &str, marks: Value| json!({"type": "text", "text": text, "marks": marks});
        let line = |content: Value| json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]});
        let strong = json!([{"type": "strong"}]);
        let sent =
            line(json!([text("one ", json!([])), {"type": "text", "text": "two"}, text("three", strong.clone())]));
        let mut found = line(json!([{"type": "text", "text": "one two"}, text("three", strong.clone())]));
        found["content"][0]["attrs"] = json!({"localId": "7"});
        assert!(is_same(&found, &sent));
        for other in [
            line(json!([{"type": "text", "text": "one two"}, text("four", strong.clone())])),
            line(json!([{"type": "text", "text": "one twothree"}])),
            line(json!([])),
            Value::Null,
        ] {
            assert!(!is_same(&other, &sent), "{other}");
        }
    }
}
