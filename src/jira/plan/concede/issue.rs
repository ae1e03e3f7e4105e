//! An issue that Jira did not take: which of its fields is filled in, goes, or becomes less first. Pure. Where people
//! are told of it is not said here.

use serde_json::{Map, Value};

use super::text::{joined, lesser_text, paragraphs};
use super::{Terms, filled_in, in_words, is, is_default, names, said_of, shown};
use crate::jira::document::Fit;
use crate::jira::{Flavour, Form, JiraError};

/// Characters below which a summary is not what is too long.
const SHORTEST_SUMMARY: usize = 20;

/// Fields without which there is no issue.
const KEPT: &[&str] = &["project", "issuetype", "summary"];

/// An issue with less in it.
pub(super) struct LesserIssue {
    pub(super) fields: Map<String, Value>,
    pub(super) told: Told,
    pub(super) fit: Fit,
    pub(super) said: String,
}

/// What people are to read besides the fields.
pub(super) enum Told {
    /// People are told nothing.
    Nothing,
    /// What is not as it was to be.
    Note,
    /// The text of the message, which has no other place.
    Text(Value),
}

impl LesserIssue {
    /// With its note below the description. The rest is what a comment has to say.
    pub(super) fn noted(mut self, flavour: Flavour) -> (Map<String, Value>, Option<Value>) {
        let note = match self.told {
            Told::Nothing => return (self.fields, None),
            Told::Text(text) => return (self.fields, Some(text)),
            Told::Note => paragraphs(&self.said, flavour),
        };
        let Some(description) = self.fields.remove("description") else { return (self.fields, Some(note)) };
        self.fields.insert("description".to_owned(), joined(description, &note));
        (self.fields, None)
    }

    /// With all that a comment has to say: customers read the description.
    pub(super) fn apart(self, flavour: Flavour) -> (Map<String, Value>, Option<Value>) {
        let told = match self.told {
            Told::Nothing => None,
            Told::Note => Some(paragraphs(&self.said, flavour)),
            Told::Text(text) => Some(text),
        };
        (self.fields, told)
    }
}

/// An issue with less in it, or with what Jira asks for; what Jira names first.
pub(super) fn lesser_issue(fields: &Map<String, Value>, error: &JiraError, terms: &Terms<'_>) -> Option<LesserIssue> {
    if !is(error, 400) && !is(error, 413) {
        return None;
    }
    let flavour = terms.flavour;
    if let Some(filled) = with_defaults(fields, error, terms) {
        return Some(filled);
    }
    // A default that is refused cannot be taken away: Jira would ask for the field again.
    let is_kept = |field: &String| KEPT.contains(&field.as_str()) || field == "description";
    let optional = |field: &&String| !is_kept(field) && !is_default(field, fields.get(*field), terms);
    let named: Vec<&String> = fields.keys().filter(optional).filter(|field| names(error, field, terms.form)).collect();
    if !named.is_empty() {
        return Some(without(fields, &named, (error, terms.form)));
    }
    if let Some(shorter) = shorter_summary(fields, error, terms.form) {
        return Some(shorter);
    }
    let about_the_text = error.fields.is_empty() || names(error, "description", terms.form);
    let lesser = || lesser_description(fields, error, flavour);
    // Jira does not always say what it minds: then everything goes that an issue can do without.
    let all: Vec<&String> = fields.keys().filter(optional).collect();
    let is_unclear = !all.is_empty() && names_none_of(fields, error, terms.form);
    let without_all = || is_unclear.then(|| without(fields, &all, (error, terms.form)));
    about_the_text.then(lesser).flatten().or_else(without_all)
}

/// Whether Jira names nothing that was sent, nor asks for anything else.
fn names_none_of(fields: &Map<String, Value>, error: &JiraError, form: &Form) -> bool {
    let asks = |said: &str| said.to_lowercase().contains("required");
    let names_one = || fields.keys().any(|field| said_of(error, field, form).is_some());
    !error.fields.iter().any(|(_, said)| asks(said)) && !names_one()
}

/// A summary that is too long for Jira, cut to what it says it takes, or to half. All of it stands in the note.
fn shorter_summary(fields: &Map<String, Value>, error: &JiraError, form: &Form) -> Option<LesserIssue> {
    let in_a_sentence = || error.message.to_lowercase().contains("summary").then_some(error.message.as_str());
    let said = said_of(error, "summary", form).or_else(|| in_a_sentence().filter(|_| error.fields.is_empty()))?;
    let summary = fields.get("summary")?.as_str()?;
    let length = summary.chars().count();
    let is_about_length = ["exceed", "long", "characters"].iter().any(|word| said.to_lowercase().contains(word));
    if !is_about_length || length < SHORTEST_SUMMARY {
        return None;
    }
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<usize>().ok());
    let limit = numbers.find(|limit| (SHORTEST_SUMMARY..length).contains(limit)).unwrap_or(length / 2);
    let cut: String = summary.chars().take(limit.saturating_sub(1)).collect();
    let said = format!("The summary was too long for Jira: {summary}");
    let mut fields = fields.clone();
    fields.insert("summary".to_owned(), Value::String(format!("{}…", cut.trim_end())));
    Some(LesserIssue { fields, told: Told::Note, fit: Fit::Whole, said })
}

/// Fills in what Jira asks for and the message does not give.
fn with_defaults(fields: &Map<String, Value>, error: &JiraError, terms: &Terms<'_>) -> Option<LesserIssue> {
    let filled = filled_in(|field| fields.contains_key(field), error, terms)?;
    let mut fields = fields.clone();
    fields.extend(filled.values);
    Some(LesserIssue { fields, told: Told::Note, fit: Fit::Whole, said: filled.said })
}

/// Takes fields away, and says which, and what Jira said.
fn without(fields: &Map<String, Value>, refused: &[&String], (error, form): (&JiraError, &Form)) -> LesserIssue {
    let sentence = |field: &&String| {
        let said = said_of(error, field, form).unwrap_or(&error.message);
        let value = fields.get(*field).map(in_words).unwrap_or_default();
        format!("Jira did not take the field {field} ({}): {}", shown(&value), shown(said))
    };
    let said = refused.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let kept = fields.iter().filter(|(field, _)| !refused.contains(field));
    let fields = kept.map(|(field, value)| (field.clone(), value.clone())).collect();
    LesserIssue { fields, told: Told::Note, fit: Fit::Whole, said }
}

fn lesser_description(fields: &Map<String, Value>, error: &JiraError, flavour: Flavour) -> Option<LesserIssue> {
    let description = fields.get("description")?;
    let mut fields = fields.clone();
    if error.message.contains("cannot be set") {
        let told = fields.remove("description").map_or(Told::Nothing, Told::Text);
        let said = "Jira takes no description here: the text becomes a comment".to_owned();
        return Some(LesserIssue { fields, told, fit: Fit::Whole, said });
    }
    let lesser = lesser_text(description, error, flavour)?;
    fields.insert("description".to_owned(), lesser.body);
    Some(LesserIssue { fields, told: Told::Nothing, fit: lesser.fit, said: lesser.said.to_owned() })
}
