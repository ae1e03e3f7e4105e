//! A request of Service Management that Jira did not take: what of it is filled in, or given up, first. Pure.

use serde_json::Value;

use super::text::lesser_text;
use super::{FilledIn, Terms, filled_in, in_words, is, is_default, names, shown};
use crate::jira::document::Fit;
use crate::jira::json::Json;
use crate::jira::plan::request::Request;
use crate::jira::{Flavour, JiraError};

/// A request with less in it, or with what its form asks for.
pub(super) struct LesserRequest {
    pub(super) request: Request,
    /// What whoever works on it has to know: a field is not as it was to be.
    pub(super) told: Option<String>,
    /// Whether the text is there whole.
    pub(super) fit: Fit,
    /// For the story.
    pub(super) said: String,
}

/// What Jira names first: a default for what it asks for, without a field, with half of its text, without whom it is for; else one
/// after the other without those who take part, without whom it is for, and without all that is filled in besides the text.
pub(super) fn lesser_request(request: &Request, error: &JiraError, terms: &Terms<'_>) -> Option<LesserRequest> {
    if !is(error, 400) && !is(error, 413) {
        return None;
    }
    // A form takes its own fields alone.
    let has = |field: &str| request.values.contains_key(field) || !terms.form.contains_key(field);
    if let Some(FilledIn { values, said }) = filled_in(has, error, terms) {
        let mut request = request.clone();
        request.values.extend(values.iter().map(|(field, value)| (field.clone(), Json::of(value))));
        return Some(LesserRequest { request, told: Some(said.clone()), fit: Fit::Whole, said });
    }
    let optional = |field: &&String| {
        let value = request.values.get(*field).map(Json::to_value);
        !matches!(field.as_str(), "summary" | "description") && !is_default(field, value.as_ref(), terms)
    };
    let optional: Vec<&String> = request.values.keys().filter(optional).collect();
    let named: Vec<&String> = optional.iter().copied().filter(|field| names(error, field, terms.form)).collect();
    if !named.is_empty() {
        return Some(without(request, &named, error));
    }
    let about_the_text = error.fields.is_empty() || names(error, "description", terms.form);
    if let Some(shorter) = about_the_text.then(|| shorter(request, error)).flatten() {
        return Some(shorter);
    }
    let is_about_the_customer = is_about(error, &["raiseOnBehalfOf", "behalf", "customer"]);
    match (&request.customer, request.participants.is_empty()) {
        (Some(_), _) if is_about_the_customer => Some(without_customer(request, error)),
        (_, false) => Some(without_participants(request, error)),
        (Some(_), true) => Some(without_customer(request, error)),
        (None, true) => (!optional.is_empty()).then(|| without(request, &optional, error)),
    }
}

/// With half of a text that is too long: a form takes wiki markup, on either product.
fn shorter(request: &Request, error: &JiraError) -> Option<LesserRequest> {
    let text = request.values.get("description")?.to_value();
    let lesser = lesser_text(&text, error, Flavour::DataCenter)?;
    let mut request = request.clone();
    request.values.insert("description".to_owned(), Json::of(&lesser.body));
    Some(LesserRequest { request, told: None, fit: lesser.fit, said: lesser.said.to_owned() })
}

fn is_about(error: &JiraError, words: &[&str]) -> bool {
    let named = error.fields.iter().any(|(named, _)| words.contains(&named.as_str()));
    let message = error.message.to_lowercase();
    named || words.iter().any(|word| message.contains(&word.to_lowercase()))
}

fn without(request: &Request, refused: &[&String], error: &JiraError) -> LesserRequest {
    let mut lesser = request.clone();
    lesser.values.retain(|field, _| !refused.contains(&field));
    let value = |field: &str| request.values.get(field).map(Json::to_value).unwrap_or(Value::Null);
    let named = refused.iter().map(|field| format!("{field} ({})", shown(&in_words(&value(field)))));
    let named = named.collect::<Vec<_>>().join(", ");
    let said = format!("Jira did not take {named} with the request: {}", shown(&error.message));
    LesserRequest { request: lesser, told: Some(said.clone()), fit: Fit::Whole, said }
}

fn without_customer(request: &Request, error: &JiraError) -> LesserRequest {
    let said = format!("the request is not raised for its sender: {}", shown(&error.message));
    LesserRequest { request: Request { customer: None, ..request.clone() }, told: None, fit: Fit::Whole, said }
}

fn without_participants(request: &Request, error: &JiraError) -> LesserRequest {
    let said = format!("nobody in copy takes part in the request: {}", shown(&error.message));
    LesserRequest {
        request: Request { participants: Vec::new(), ..request.clone() },
        told: None,
        fit: Fit::Whole,
        said,
    }
}
