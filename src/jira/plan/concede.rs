//! What is sent instead of a write that Jira refused for what stands in it: as much of it as Jira may take. Pure. It takes things
//! away and says so where people read; it never shows a text to more people than were meant to see it.

use serde_json::{Map, Value};

use super::super::document::{Fit, render_text};
use super::super::json::Json;
use super::super::{Flavour, JiraError};
use super::files::human_size;
use super::request::Request;
use super::{Fields, Write};

/// Fields without which there is no issue.
const KEPT: &[&str] = &["project", "issuetype", "summary"];
/// Characters below which a text is not what is too long.
const SHORTEST: usize = 500;
/// Characters of a value, and of Jira's words about it, that people are shown.
const SHOWN: usize = 300;

/// What a concession depends on besides the write and its refusal.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// What kind of Jira it is for.
    pub flavour: Flavour,
    /// Values for fields that Jira requires, each in its shape.
    pub defaults: &'t Map<String, Value>,
}

/// What is done about a write that was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Concession {
    /// The write with less in it; `None`: it is given up.
    pub instead: Option<Write>,
    /// What a comment has to say, where the write itself cannot.
    pub told: Option<Json>,
    /// Whether Jira still gets every part of the message.
    pub fit: Fit,
    /// One sentence for the message's story.
    pub said: String,
}

/// What to do about `write`, of which Jira has written nothing. `None` where there is nothing left to give up. Whoever repeats
/// this comes to an end: every concession takes a field, a file or half of a text away, or makes rich text plain.
pub fn concede(write: &Write, error: &JiraError, terms: &Terms<'_>) -> Option<Concession> {
    let flavour = terms.flavour;
    match write {
        Write::CreateIssue { project, fields } => {
            let fields = fields.iter().map(|(field, value)| (field.clone(), value.to_value())).collect();
            let lesser = lesser_issue(&fields, error, terms)?;
            let fields = lesser.fields.iter().map(|(field, value)| (field.clone(), Json::of(value))).collect();
            let instead = Some(Write::CreateIssue { project: project.clone(), fields });
            Some(Concession { instead, told: lesser.told.as_ref().map(Json::of), fit: lesser.fit, said: lesser.said })
        }
        Write::RaiseRequest { project, request } => {
            let (lesser, said) = lesser_request(request, error)?;
            let instead = Some(Write::RaiseRequest { project: project.clone(), request: Box::new(lesser) });
            Some(Concession { instead, told: None, fit: Fit::Whole, said })
        }
        Write::Complete { origin, fields } => {
            let fields = fields.iter().map(|(field, value)| (field.clone(), value.to_value())).collect();
            let lesser = lesser_issue(&fields, error, terms)?;
            let fields: Fields = lesser.fields.iter().map(|(field, value)| (field.clone(), Json::of(value))).collect();
            let instead = Some(Write::Complete { origin: origin.clone(), fields });
            Some(Concession { instead, told: lesser.told.as_ref().map(Json::of), fit: lesser.fit, said: lesser.said })
        }
        Write::AddComment { body, visibility } => {
            let about_the_text = error.fields.iter().all(|(field, _)| matches!(field.as_str(), "comment" | "body"));
            let lesser = lesser_text(&body.to_value(), error, flavour).filter(|_| about_the_text && is(error, 400))?;
            let instead = Some(Write::AddComment { body: Json::of(&lesser.body), visibility: visibility.clone() });
            Some(Concession { instead, told: None, fit: lesser.fit, said: lesser.said.to_owned() })
        }
        // A comment that all see is not what the message was to become.
        Write::Prove { .. } => None,
        Write::Attach { name, size, .. } => {
            let said = format!("Not attached: {name} ({}): {}", human_size(*size), shown(&error.message));
            let told = Some(Json::of(&paragraphs(&said, flavour)));
            Some(Concession { instead: None, told, fit: Fit::Cut, said })
        }
        Write::ShowPictures { .. } => given_up("the pictures are named and not shown in their places", error),
        Write::Link { kind, other } => given_up(&format!("not linked to {other} ({kind})"), error),
        Write::Watch { .. } => given_up("somebody of Cc does not watch the issue", error),
        Write::AddParticipants { .. } => given_up("nobody in copy was added to the request", error),
        Write::Reopen => given_up("the issue was not reopened", error),
    }
}

/// A write that the message can do without is given up.
fn given_up(what: &str, error: &JiraError) -> Option<Concession> {
    let said = format!("{what}: {}", shown(&error.message));
    Some(Concession { instead: None, told: None, fit: Fit::Whole, said })
}

/// Puts a text below another one.
pub fn below(text: &Json, below: &Json) -> Json {
    Json::of(&joined(text.to_value(), &below.to_value()))
}

fn joined(text: Value, below: &Value) -> Value {
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

fn is(error: &JiraError, status: u16) -> bool {
    error.status == Some(status)
}

/// A request with less in it: without those who take part, without whom it is for, without what its form minds; what Jira names
/// first, else one after the other. Fields that the form does not take are not lost: they are among what is set afterwards.
fn lesser_request(request: &Request, error: &JiraError) -> Option<(Request, String)> {
    if !is(error, 400) {
        return None;
    }
    let mut lesser = request.clone();
    let why = shown(&error.message);
    let about = |words: &[&str]| {
        let named = error.fields.iter().any(|(named, _)| words.contains(&named.as_str()));
        named || words.iter().any(|word| error.message.to_lowercase().contains(&word.to_lowercase()))
    };
    let optional = |field: &&String| !matches!(field.as_str(), "summary" | "description");
    let named: Vec<String> =
        request.values.keys().filter(optional).filter(|field| names(error, field)).cloned().collect();
    let is_for_somebody = request.customer.is_some();
    if !named.is_empty() {
        lesser.values.retain(|field, _| !named.contains(field));
        return Some((lesser, format!("Jira did not take {} with the request: {why}", named.join(", "))));
    }
    if is_for_somebody && about(&["raiseOnBehalfOf", "behalf", "customer"]) {
        lesser.customer = None;
        return Some((lesser, format!("the request is not raised for its sender: {why}")));
    }
    if !request.participants.is_empty() {
        lesser.participants.clear();
        return Some((lesser, format!("nobody in copy takes part in the request: {why}")));
    }
    if is_for_somebody {
        lesser.customer = None;
        return Some((lesser, format!("the request is not raised for its sender: {why}")));
    }
    lesser.values.retain(|field, _| !optional(&field));
    (lesser.values.len() < request.values.len())
        .then(|| (lesser, format!("Jira did not take what was filled in besides the text: {why}")))
}

/// An issue with less in it.
struct LesserIssue {
    fields: Map<String, Value>,
    told: Option<Value>,
    fit: Fit,
    said: String,
}

fn lesser_issue(fields: &Map<String, Value>, error: &JiraError, terms: &Terms<'_>) -> Option<LesserIssue> {
    if !is(error, 400) && !is(error, 413) {
        return None;
    }
    let flavour = terms.flavour;
    if let Some(filled) = with_defaults(fields, error, terms) {
        return Some(filled);
    }
    // A default that is refused cannot be taken away: Jira would ask for the field again.
    let is_default = |field: &String| terms.defaults.get(field).is_some_and(|value| fields.get(field) == Some(value));
    let optional = |field: &&String| !KEPT.contains(&field.as_str()) && *field != "description" && !is_default(field);
    let named: Vec<&String> = fields.keys().filter(optional).filter(|field| names(error, field)).collect();
    if !named.is_empty() {
        return Some(without(fields, &named, error, flavour));
    }
    let about_the_text = error.fields.is_empty() || names(error, "description");
    let lesser = || lesser_description(fields, error, flavour);
    // Jira does not always say what it minds: then everything goes that an issue can do without.
    let all: Vec<&String> = fields.keys().filter(optional).collect();
    let without_all = || (error.fields.is_empty() && !all.is_empty()).then(|| without(fields, &all, error, flavour));
    about_the_text.then(lesser).flatten().or_else(without_all)
}

/// Fills in what Jira asks for and the message does not give, and says so below the description.
fn with_defaults(fields: &Map<String, Value>, error: &JiraError, terms: &Terms<'_>) -> Option<LesserIssue> {
    let lacking = error.fields.iter().filter(|(field, _)| !fields.contains_key(field));
    let filled: Vec<(&String, &Value)> =
        lacking.filter_map(|(field, _)| Some((field, terms.defaults.get(field)?))).collect();
    if filled.is_empty() {
        return None;
    }
    let sentence = |(field, value): &(&String, &Value)| {
        format!("Jira requires the field {field}, and the message does not give it: {}", shown(&in_words(value)))
    };
    let said = filled.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let mut fields = fields.clone();
    fields.extend(filled.into_iter().map(|(field, value)| (field.clone(), value.clone())));
    Some(noted(fields, said, terms.flavour))
}

/// An issue with a sentence below its description, or in a comment where it has none.
fn noted(mut fields: Map<String, Value>, said: String, flavour: Flavour) -> LesserIssue {
    let note = paragraphs(&said, flavour);
    let told = match fields.remove("description") {
        Some(description) => {
            fields.insert("description".to_owned(), joined(description, &note));
            None
        }
        None => Some(note),
    };
    LesserIssue { fields, told, fit: Fit::Whole, said }
}

/// Whether Jira minds a field. Some versions put its id, in quotes, into a sentence.
fn names(error: &JiraError, field: &str) -> bool {
    error.fields.iter().any(|(named, _)| named == field) || error.message.contains(&format!("'{field}'"))
}

/// Takes fields away, and says below the description which, and what Jira said.
fn without(fields: &Map<String, Value>, refused: &[&String], error: &JiraError, flavour: Flavour) -> LesserIssue {
    let sentence = |field: &&String| {
        let said = error.fields.iter().find(|(named, _)| named == *field).map_or(&error.message, |(_, said)| said);
        let value = fields.get(*field).map(in_words).unwrap_or_default();
        format!("Jira did not take the field {field} ({}): {}", shown(&value), shown(said))
    };
    let said = refused.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let kept = fields.iter().filter(|(field, _)| !refused.contains(field));
    noted(kept.map(|(field, value)| (field.clone(), value.clone())).collect(), said, flavour)
}

fn lesser_description(fields: &Map<String, Value>, error: &JiraError, flavour: Flavour) -> Option<LesserIssue> {
    let description = fields.get("description")?;
    let mut fields = fields.clone();
    if error.message.contains("cannot be set") {
        let told = fields.remove("description");
        let said = "Jira takes no description here: the text becomes a comment".to_owned();
        return Some(LesserIssue { fields, told, fit: Fit::Whole, said });
    }
    let lesser = lesser_text(description, error, flavour)?;
    fields.insert("description".to_owned(), lesser.body);
    Some(LesserIssue { fields, told: None, fit: lesser.fit, said: lesser.said.to_owned() })
}

/// A text with less in it.
struct LesserText {
    body: Value,
    fit: Fit,
    said: &'static str,
}

/// Half of a text that is too long; else the same text without any markup.
fn lesser_text(body: &Value, error: &JiraError, flavour: Flavour) -> Option<LesserText> {
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

fn paragraphs(text: &str, flavour: Flavour) -> Value {
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
    is(error, 413) || said("too long") || said("exceeds the allowed limit") || said("CONTENT_LIMIT_EXCEEDED")
}

/// The text of a document, a line for each of its lines, a blank line between its blocks.
fn plain(body: &Value) -> String {
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

/// A field's value as a person would write it.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::Object(object) if object.contains_key("type") => plain(value),
        Value::Object(object) => {
            let named = ["name", "value", "key", "id"].iter().find_map(|key| object.get(*key)?.as_str());
            named.map_or_else(|| value.to_string(), str::to_owned)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;
    use crate::config::rule::Visibility;
    use crate::failure::Verdict;

    fn refusal(status: u16, fields: &[(&str, &str)], words: &str) -> JiraError {
        let fields = fields.iter().map(|(field, said)| ((*field).to_owned(), (*said).to_owned())).collect();
        JiraError { verdict: Verdict::Quarantine, status: Some(status), message: words.to_owned(), fields }
    }

    fn issue(flavour: Flavour, text: &str) -> Write {
        let fields = json!({"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "s",
            "priority": {"name": "Urgent"}, "labels": ["a", "b"],
            "description": paragraphs(text, flavour)});
        let fields = fields.as_object().unwrap().iter().map(|(field, value)| (field.clone(), Json::of(value)));
        Write::CreateIssue { project: "SUP".to_owned(), fields: fields.collect() }
    }

    fn fields(concession: &Concession) -> &super::super::Fields {
        match &concession.instead {
            Some(Write::CreateIssue { fields, .. }) => fields,
            other => panic!("{other:?}"),
        }
    }

    static NO_DEFAULTS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

    fn terms(flavour: Flavour) -> Terms<'static> {
        Terms { flavour, defaults: &NO_DEFAULTS }
    }

    #[test]
    fn a_required_field_gets_its_default_once_and_the_issue_says_so() {
        let defaults = Map::from_iter([("customfield_7".to_owned(), json!({"value": "General"}))]);
        let terms = Terms { flavour: Flavour::Cloud, defaults: &defaults };
        let required = refusal(400, &[("customfield_7", "Cost centre is required.")], "400");
        let filled = concede(&issue(Flavour::Cloud, "hello"), &required, &terms).unwrap();
        assert_eq!(fields(&filled)["customfield_7"].to_value(), json!({"value": "General"}));
        assert!(plain(&fields(&filled)["description"].to_value()).contains("requires the field customfield_7"));
        let wrong = refusal(400, &[("customfield_7", "Option value 'General' is not valid")], "400");
        assert_eq!(concede(&filled.instead.unwrap(), &wrong, &terms), None, "it would be asked for again, for ever");
    }

    #[test]
    fn a_field_that_jira_names_goes_and_the_issue_says_so() {
        for flavour in [Flavour::Cloud, Flavour::DataCenter] {
            let said = refusal(400, &[("priority", "The priority selected is invalid.")], "400");
            let concession = concede(&issue(flavour, "hello"), &said, &terms(flavour)).unwrap();
            let fields = fields(&concession);
            assert!(!fields.contains_key("priority") && fields.contains_key("labels"));
            let description = plain(&fields["description"].to_value());
            assert!(description.starts_with("hello\n\n"), "{description}");
            assert!(description.contains("Urgent): The priority selected is invalid."), "{description}");
            assert_eq!((concession.fit, concession.told), (Fit::Whole, None));
        }
    }

    #[test]
    fn conceding_comes_to_an_end_and_keeps_what_makes_an_issue() {
        let texts = ["see https://example.com", &"long ".repeat(4_000)];
        let refusals = [
            refusal(400, &[], "INVALID_INPUT"),
            refusal(400, &[("summary", "no"), ("description", "no")], "400"),
            refusal(400, &[("description", "It is too long.")], "description: It is too long."),
            refusal(400, &[("customfield_7", "Cost centre is required.")], "400"),
            refusal(413, &[], "413"),
        ];
        for (text, refusal) in texts.iter().flat_map(|text| refusals.iter().map(move |refusal| (text, refusal))) {
            for flavour in [Flavour::Cloud, Flavour::DataCenter] {
                let mut write = issue(flavour, text);
                let mut rounds = 0;
                while let Some(concession) = concede(&write, refusal, &terms(flavour)) {
                    assert!(KEPT.iter().all(|field| fields(&concession).contains_key(*field)));
                    write = concession.instead.unwrap();
                    rounds += 1;
                    assert!(rounds < 20, "{refusal:?}");
                }
            }
        }
        let required = &refusals[3];
        assert_eq!(
            concede(&issue(Flavour::Cloud, "x"), required, &terms(Flavour::Cloud)),
            None,
            "nothing of ours is minded"
        );
    }

    #[test]
    fn a_comment_is_never_shown_to_more_people_than_it_was_meant_for() {
        let visibility = Visibility::Role("Agents".to_owned());
        let body = Json::of(&paragraphs("see https://example.com", Flavour::Cloud));
        let comment = Write::AddComment { body, visibility: visibility.clone() };
        let said = refusal(400, &[("commentLevel", "There is no role Agents.")], "400");
        assert_eq!(concede(&comment, &said, &terms(Flavour::Cloud)), None);
        let plain = concede(&comment, &refusal(400, &[], "INVALID_INPUT"), &terms(Flavour::Cloud));
        match plain.and_then(|plain| plain.instead) {
            Some(Write::AddComment { visibility: kept, .. }) => assert_eq!(kept, visibility),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_that_may_not_be_the_description_becomes_a_comment() {
        let said = "description: Field 'description' cannot be set. It is not on the appropriate screen, or unknown.";
        let concession = concede(
            &issue(Flavour::Cloud, "hello"),
            &refusal(400, &[("description", said)], said),
            &terms(Flavour::Cloud),
        );
        let concession = concession.unwrap();
        assert!(!fields(&concession).contains_key("description"));
        assert_eq!(plain(&concession.told.unwrap().to_value()), "hello");
    }
}
