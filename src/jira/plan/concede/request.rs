//! A request of Service Management that Jira did not take: what of it is given up first. Pure.

use super::{is, names, shown};
use crate::jira::plan::request::Request;
use crate::jira::{Form, JiraError};

/// A request with less in it: without those who take part, without whom it is for, without what its form minds; what Jira names
/// first, else one after the other. Fields that the form does not take are not lost: they are among what is set afterwards.
pub(super) fn lesser_request(request: &Request, error: &JiraError, form: &Form) -> Option<(Request, String)> {
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
        request.values.keys().filter(optional).filter(|field| names(error, field, form)).cloned().collect();
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
