//! An issue that Jira did not take: which of its fields is filled in, goes, or becomes less first. Pure. Where people are told of it
//! is not said here.

use serde_json::{Map, Value};

use super::text::{joined, lesser_text, paragraphs};
use super::{Terms, filled_in, in_words, is, is_default, names, shown};
use crate::jira::document::Fit;
use crate::jira::{Flavour, JiraError};

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
    /// Nothing.
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
        return Some(without(fields, &named, error));
    }
    let about_the_text = error.fields.is_empty() || names(error, "description", terms.form);
    let lesser = || lesser_description(fields, error, flavour);
    // Jira does not always say what it minds: then everything goes that an issue can do without.
    let all: Vec<&String> = fields.keys().filter(optional).collect();
    let without_all = || (error.fields.is_empty() && !all.is_empty()).then(|| without(fields, &all, error));
    about_the_text.then(lesser).flatten().or_else(without_all)
}

/// Fills in what Jira asks for and the message does not give.
fn with_defaults(fields: &Map<String, Value>, error: &JiraError, terms: &Terms<'_>) -> Option<LesserIssue> {
    let filled = filled_in(|field| fields.contains_key(field), error, terms)?;
    let mut fields = fields.clone();
    fields.extend(filled.values);
    Some(LesserIssue { fields, told: Told::Note, fit: Fit::Whole, said: filled.said })
}

/// Takes fields away, and says which, and what Jira said.
fn without(fields: &Map<String, Value>, refused: &[&String], error: &JiraError) -> LesserIssue {
    let sentence = |field: &&String| {
        let said = error.fields.iter().find(|(named, _)| named == *field).map_or(&error.message, |(_, said)| said);
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
