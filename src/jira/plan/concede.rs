//! What is sent instead of a write that Jira refused for what stands in it: as much of it as Jira may take. Pure. It takes things
//! away and says so where people read; it never shows a text to more people than were meant to see it.

use serde_json::{Map, Value};

use super::super::document::Fit;
use super::super::json::Json;
use super::super::{Flavour, Form, JiraError};
use super::files::human_size;
use super::request::marker_line;
use super::{Fields, Marker, Write};
use issue::{LesserIssue, lesser_issue};
use request::{LesserRequest, lesser_request};
use text::{lesser_text, paragraphs, plain};

pub use text::below;

mod issue;
mod request;
mod text;

/// Characters of a value, and of Jira's words about it, that people are shown.
const SHOWN: usize = 300;

/// What a concession depends on besides the write and its refusal.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// What kind of Jira it is for.
    pub flavour: Flavour,
    /// Values for fields that Jira requires, each in its shape.
    pub defaults: &'t Map<String, Value>,
    /// What the fields are called: some refusals say no more.
    pub form: &'t Form,
}

/// What is done about a write that was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Concession {
    /// The write with less in it; `None`: it is given up.
    pub instead: Option<Write>,
    /// What a comment has to say, where the write itself cannot; Jira's own words are in it.
    pub told: Option<Json>,
    /// The same for whoever may be a customer.
    pub told_to_customers: Option<Json>,
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
            let write = |fields| Write::CreateIssue { project: project.clone(), fields };
            with_lesser(fields, error, terms, LesserIssue::noted, write)
        }
        Write::RaiseRequest { project, request } => {
            let LesserRequest { request, told, fit, said } = lesser_request(request, error, terms)?;
            let told = told.map(|told| Json::of(&paragraphs(&told, flavour)));
            let instead = Some(Write::RaiseRequest { project: project.clone(), request: Box::new(request) });
            Some(Concession { instead, told, told_to_customers: None, fit, said })
        }
        Write::Complete { origin, fields } if is(error, 403) || is(error, 404) => {
            let said = unchanged(fields, origin, error);
            let told = Some(Json::of(&paragraphs(&said, flavour)));
            Some(Concession { instead: None, told, told_to_customers: None, fit: Fit::Whole, said })
        }
        Write::Complete { origin, fields } => {
            let write = |fields| Write::Complete { origin: origin.clone(), fields };
            with_lesser(fields, error, terms, LesserIssue::apart, write)
        }
        Write::AddComment { body, visibility } => {
            let about_the_text = error.fields.iter().all(|(field, _)| matches!(field.as_str(), "comment" | "body"));
            let lesser = lesser_text(&body.to_value(), error, flavour).filter(|_| about_the_text && is(error, 400))?;
            let instead = Some(Write::AddComment { body: Json::of(&lesser.body), visibility: visibility.clone() });
            let (fit, said) = (lesser.fit, lesser.said.to_owned());
            Some(Concession { instead, told: None, told_to_customers: None, fit, said })
        }
        // A comment that all see is not what the message was to become.
        Write::Prove { .. } => None,
        Write::Attach { name, size, .. } => {
            let plainly = format!("Not attached: {name} ({})", human_size(*size));
            let said = format!("{plainly}: {}", shown(&error.message));
            let [told, told_to_customers] = [&said, &plainly].map(|text| Some(Json::of(&paragraphs(text, flavour))));
            Some(Concession { instead: None, told, told_to_customers, fit: Fit::Cut, said })
        }
        Write::ShowPictures { .. } => given_up("the pictures are named and not shown in their places", error),
        Write::Link { kind, other } => given_up(&format!("not linked to {other} ({kind})"), error),
        Write::Watch { .. } => given_up("a person in Cc was not added as a watcher", error),
        Write::AddParticipants { .. } => given_up("the people in Cc were not added to the request", error),
        Write::Reopen => given_up("the issue was not reopened", error),
    }
}

/// The write with lesser fields.
fn with_lesser(
    fields: &Fields,
    error: &JiraError,
    terms: &Terms<'_>,
    tell: impl Fn(LesserIssue, Flavour) -> (Map<String, Value>, Option<Value>),
    write: impl Fn(Fields) -> Write,
) -> Option<Concession> {
    let fields = fields.iter().map(|(field, value)| (field.clone(), value.to_value())).collect();
    let lesser = lesser_issue(&fields, error, terms)?;
    let (fit, said) = (lesser.fit, lesser.said.clone());
    let (fields, told) = tell(lesser, terms.flavour);
    let fields = fields.iter().map(|(field, value)| (field.clone(), Json::of(value))).collect();
    let told = told.as_ref().map(Json::of);
    Some(Concession { instead: Some(write(fields)), told, told_to_customers: None, fit, said })
}

/// The request is there with its text; who may raise one may not always change it.
fn unchanged(fields: &Fields, origin: &Marker, error: &JiraError) -> String {
    let left = fields.iter().filter(|(field, _)| field.as_str() != "description");
    let left: Vec<String> =
        left.map(|(field, value)| format!("{field} ({})", shown(&in_words(&value.to_value())))).collect();
    let not_set = if left.is_empty() { String::new() } else { format!("; not set: {}", left.join(", ")) };
    let (line, why) = (marker_line(origin), shown(&error.message));
    format!("Jira does not let us change the request, whose text ends with our mark `{line}`{not_set}: {why}")
}

/// A write that the message can do without is given up.
fn given_up(what: &str, error: &JiraError) -> Option<Concession> {
    let said = format!("{what}: {}", shown(&error.message));
    Some(Concession { instead: None, told: None, told_to_customers: None, fit: Fit::Whole, said })
}

fn is(error: &JiraError, status: u16) -> bool {
    error.status == Some(status)
}

/// What Jira asks for and the message does not give, as far as there are defaults.
struct FilledIn {
    values: Map<String, Value>,
    said: String,
}

/// The defaults of fields that Jira names and the message does not give; `None` where there are none.
fn filled_in(has: impl Fn(&str) -> bool, error: &JiraError, terms: &Terms<'_>) -> Option<FilledIn> {
    let lacking = |field: &String| !has(field) && names(error, field, terms.form);
    let lacking = terms.defaults.iter().filter(|(field, _)| lacking(field));
    let values: Map<String, Value> = lacking.map(|(field, value)| (field.clone(), value.clone())).collect();
    let sentence = |(field, value): (&String, &Value)| {
        format!("Jira requires the field {field}, and the message does not give it: {}", shown(&in_words(value)))
    };
    let said = values.iter().map(sentence).collect::<Vec<_>>().join("\n");
    (!values.is_empty()).then_some(FilledIn { values, said })
}

/// A default that is refused cannot be taken away: Jira would ask for the field again.
fn is_default(field: &str, value: Option<&Value>, terms: &Terms<'_>) -> bool {
    terms.defaults.get(field).is_some_and(|default| value == Some(default))
}

/// Whether Jira minds a field. Some refusals name it in a sentence alone: by its id in quotes, or as people call it.
fn names(error: &JiraError, field: &str, form: &Form) -> bool {
    let by_id = || error.message.contains(&format!("'{field}'"));
    let said = |name: &str| !name.is_empty() && error.message.to_lowercase().contains(&name.to_lowercase());
    let by_name = || said(form.get(field).map_or_else(|| usual_name(field), |field| field.name.as_str()));
    said_of(error, field, form).is_some()
        || by_id()
        || error.fields.is_empty() && (by_name() || said(usual_name(field)))
}

/// What Jira says of a field that it names by itself: by its id, or as people call it.
fn said_of<'e>(error: &'e JiraError, field: &str, form: &Form) -> Option<&'e str> {
    let called = form.get(field).map_or("", |field| field.name.as_str());
    let is_it = |named: &str| [field, called, usual_name(field)].iter().any(|name| named.eq_ignore_ascii_case(name));
    error.fields.iter().find(|(named, _)| !named.is_empty() && is_it(named)).map(|(_, said)| said.as_str())
}

/// What a system field is called in Jira's sentences; nothing for a field whose name stands in any of them.
fn usual_name(field: &str) -> &str {
    match field {
        "priority" | "reporter" | "assignee" | "environment" => field,
        "components" => "component",
        "labels" => "label",
        "fixVersions" | "versions" => "version",
        "security" => "security level",
        "duedate" => "due date",
        "parent" => "parent issue",
        _ => "",
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
            let below = object.get("child").map(|child| format!(" / {}", in_words(child))).unwrap_or_default();
            named.map_or_else(|| value.to_string(), |named| format!("{named}{below}"))
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
    use crate::jira::{FieldSchema, FormField, Need};

    fn refusal(status: u16, fields: &[(&str, &str)], words: &str) -> JiraError {
        let fields = fields.iter().map(|(field, said)| ((*field).to_owned(), (*said).to_owned())).collect();
        JiraError { fields, ..JiraError::new(Verdict::Quarantine, Some(status), words.to_owned()) }
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

    static NO_FORM: Form = Form::new();

    fn terms(flavour: Flavour) -> Terms<'static> {
        Terms { flavour, defaults: &NO_DEFAULTS, form: &NO_FORM }
    }

    #[test]
    fn a_required_field_gets_its_default_once_and_the_issue_says_so() {
        let defaults = Map::from_iter([("customfield_7".to_owned(), json!({"value": "General"}))]);
        let terms = Terms { flavour: Flavour::Cloud, defaults: &defaults, form: &NO_FORM };
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
    fn a_field_that_jira_names_in_a_sentence_alone_goes_and_the_rest_stays_as_it_is() {
        let named = FormField { name: "Cost centre".to_owned(), schema: FieldSchema::default(), need: Need::Optional };
        let form = Form::from([("customfield_7".to_owned(), named)]);
        let defaults = Map::from_iter([("customfield_7".to_owned(), json!("General"))]);
        let terms = Terms { flavour: Flavour::Cloud, defaults: &defaults, form: &form };
        let write = issue(Flavour::Cloud, "see https://example.com");
        let without = concede(&write, &refusal(400, &[], "Priority name 'Urgent' is not valid"), &terms).unwrap();
        assert!(!fields(&without).contains_key("priority") && fields(&without).contains_key("labels"));
        assert!(fields(&without)["description"].as_str().contains("marks"), "its links are left alone");
        let filled = concede(&write, &refusal(400, &[], "Cost centre is required."), &terms).unwrap();
        assert_eq!(fields(&filled)["customfield_7"].to_value(), json!("General"));
    }

    #[test]
    fn a_field_that_jira_names_as_people_do_goes_and_one_that_nobody_sent_costs_what_can_be_done_without() {
        let named = FormField { name: "Cost centre".to_owned(), schema: FieldSchema::default(), need: Need::Optional };
        let form = Form::from([("labels".to_owned(), named)]);
        let terms = Terms { flavour: Flavour::Cloud, defaults: &NO_DEFAULTS, form: &form };
        let write = issue(Flavour::Cloud, "hello");
        let kept = |minded: &str, said: &str| {
            let concession = concede(&write, &refusal(400, &[(minded, said)], "400"), &terms)?;
            let has = |field: &str| fields(&concession).contains_key(field);
            Some((has("priority"), has("labels")))
        };
        assert_eq!(kept("Priority", "It is not valid."), Some((false, true)));
        assert_eq!(kept("cost centre", "It is not valid."), Some((true, false)));
        assert_eq!(kept("parentId", "It is no sub-task."), Some((false, false)));
        assert_eq!(kept("customfield_9", "Team is required."), None, "nothing of what was sent is to blame");
    }

    #[test]
    fn a_summary_that_is_too_long_is_cut_to_what_jira_says_and_stands_whole_in_the_text() {
        let long = "word ".repeat(40);
        let mut write = issue(Flavour::Cloud, "hello");
        let Write::CreateIssue { fields: sent, .. } = &mut write else { panic!("no issue") };
        sent.insert("summary".to_owned(), Json::of(&long));
        for (said, left) in
            [("Summary can't exceed 100 characters.", 100), ("It is too long.", 100), ("Not like that.", 0)]
        {
            let concession = concede(&write, &refusal(400, &[("summary", said)], "400"), &terms(Flavour::Cloud));
            let Some(concession) = concession else {
                assert_eq!(left, 0, "{said}");
                continue;
            };
            let summary = fields(&concession)["summary"].to_value();
            assert!(summary.as_str().is_some_and(|summary| summary.chars().count() <= left), "{summary}");
            assert!(plain(&fields(&concession)["description"].to_value()).contains(long.trim()));
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
                    assert!(
                        ["project", "issuetype", "summary"]
                            .iter()
                            .all(|field| fields(&concession).contains_key(*field))
                    );
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

    #[test]
    fn what_is_not_set_on_a_request_is_told_beside_its_description() {
        let Write::CreateIssue { fields, .. } = issue(Flavour::Cloud, "hello") else { panic!("no issue") };
        let text = fields.get("description").cloned();
        let complete = Write::Complete { origin: Marker("m".to_owned()), fields };
        let minded = refusal(400, &[("priority", "no such priority")], "400");
        let concession = concede(&complete, &minded, &terms(Flavour::Cloud)).unwrap();
        let Some(Write::Complete { fields, .. }) = concession.instead else { panic!("{concession:?}") };
        assert_eq!((fields.get("description").cloned(), fields.contains_key("priority")), (text, false));
        assert!(plain(&concession.told.unwrap().to_value()).contains("no such priority"));
    }
}
