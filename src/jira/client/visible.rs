//! A comment that is not for all: whether Jira really shows it to those alone, and what is done where it does not. What says so
//! in the request may have been overlooked (a property that this Jira does not know, a project without customers), and what leaks
//! is read within minutes.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, Operation, path_name};
use super::markers::Marked;
use super::reads::found;
use super::send::{Content, Request};
use super::{Client, without_comment};
use crate::config::rule::Visibility;
use crate::failure::Verdict;
use crate::jira::document::render_text;
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Written};

/// The comment property by which Service Management tells what is for agents alone.
pub(super) const INTERNAL_PROPERTY: &str = "sd.public.comment";

/// What an emptied comment says.
const EMPTIED: &str = "This comment was meant for others, and was removed.";

/// A comment, as far as it tells who sees it.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Seen {
    /// Service Management's own word; Cloud always tells it.
    #[serde(default)]
    jsd_public: Option<bool>,
    #[serde(default)]
    visibility: Option<Audience>,
    /// Not told by every Data Center, whatever it is asked.
    #[serde(default)]
    properties: Option<Vec<Property>>,
}

#[derive(Debug, Deserialize)]
struct Audience {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    identifier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Property {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Value,
}

impl Seen {
    fn is_for(&self, visibility: &Visibility) -> bool {
        match visibility {
            Visibility::Public => true,
            Visibility::Internal => match self.jsd_public {
                Some(public) => !public,
                None => self.is_marked_internal(),
            },
            Visibility::Role(name) => self.is_restricted_to("role", name),
            Visibility::Group(name) => self.is_restricted_to("group", name),
        }
    }

    fn is_restricted_to(&self, kind: &str, name: &str) -> bool {
        self.visibility.as_ref().is_some_and(|audience| {
            audience.kind == kind && (audience.value == name || audience.identifier.as_deref() == Some(name))
        })
    }

    /// Nothing in it tells whether it is internal.
    fn is_silent(&self) -> bool {
        self.jsd_public.is_none() && self.properties.is_none()
    }

    /// What a Data Center tells that shows no `jsdPublic`: the property that it goes by itself.
    fn is_marked_internal(&self) -> bool {
        let internal = |property: &Property| property.value.get("internal").cloned();
        let mut properties = self.properties.iter().flatten();
        let flag = properties.find(|property| property.key == INTERNAL_PROPERTY).and_then(internal);
        flag.is_some_and(|flag| flag == Value::Bool(true) || flag == "true")
    }
}

impl Client {
    /// Proves that a comment is seen by those alone that it is for. One that all can see is taken away at once, and the error says
    /// so. Where that cannot be told, it is to be asked again.
    pub(super) async fn prove_visibility(
        &self,
        issue: &IssueRef,
        comment: Option<&str>,
        visibility: &Visibility,
    ) -> Result<Written, JiraError> {
        let id = comment.ok_or_else(without_comment)?;
        let call = Call::issue(Operation::ReadComment, issue);
        let path = ["issue", path_name(issue), "comment", id];
        let read = self.get::<Seen>(call, &path, &[("expand", "properties")]).await;
        let seen = match found(self.checked(issue, read).await).map_err(unproved)? {
            Some(seen) if seen.is_silent() => Some(self.with_mark(issue, id, seen).await.map_err(unproved)?),
            seen => seen,
        };
        match seen {
            Some(seen) if seen.is_for(visibility) => Ok(Written::Change),
            Some(_) => Err(self.take_away(issue, id).await),
            // Whoever removed it may have been ourselves, before the answer was lost. Of an issue that is hidden it tells nothing.
            None => match self.read_issue(issue).await.map_err(unproved)? {
                Some(_) => Err(leaked(issue, "it is not there any more")),
                None => Err(hidden(issue)),
            },
        }
    }

    /// A comment with the property that says whether it is internal, which is asked for by itself.
    async fn with_mark(&self, issue: &IssueRef, id: &str, seen: Seen) -> Result<Seen, JiraError> {
        let value = self.property_of(Marked::Comment(issue, id), INTERNAL_PROPERTY).await?;
        let property = |value| Property { key: INTERNAL_PROPERTY.to_owned(), value };
        Ok(Seen { properties: Some(value.map(property).into_iter().collect()), ..seen })
    }

    async fn take_away(&self, issue: &IssueRef, id: &str) -> JiraError {
        let path = ["issue", path_name(issue), "comment", id];
        let (call, timeout) = (Call::issue(Operation::DeleteComment, issue), self.timeouts.read);
        let delete =
            Request { call, method: Method::DELETE, path: &path, query: &[], content: Content::Nothing, timeout };
        let refused = match self.send_for_nothing(&delete).await {
            Ok(()) => return leaked(issue, "it was deleted at once"),
            Err(error) => error,
        };
        let flavour = self.flavour().await.unwrap_or(Flavour::Cloud);
        let body = render_text(EMPTIED, flavour).to_value();
        let call = Call::issue(Operation::EditComment, issue);
        let content = Content::Json(json!({ "body": body }));
        let empty = Request { call, method: Method::PUT, path: &path, query: &[], content, timeout };
        match self.send_for_nothing(&empty).await {
            Ok(()) => leaked(issue, "its text was removed at once"),
            Err(error) => match (refused.verdict, error.verdict) {
                (Verdict::Quarantine | Verdict::Halt(_), Verdict::Quarantine | Verdict::Halt(_)) => {
                    leaked(issue, &format!("it could not be removed ({error}): delete it by hand now"))
                }
                _ => unproved(error),
            },
        }
    }
}

/// It was written, and must be looked at again before it counts as written. Who is not let in must be told that.
fn unproved(error: JiraError) -> JiraError {
    let verdict = match error.verdict {
        Verdict::Retry(_) | Verdict::Halt(_) => error.verdict,
        Verdict::Unknown | Verdict::Quarantine => Verdict::Unknown,
    };
    JiraError { verdict, ..error }
}

/// Nobody knows any more who sees a comment.
fn hidden(issue: &IssueRef) -> JiraError {
    let message = format!("cannot read {issue} any more, so it is not known who sees the restricted comment on it");
    JiraError::new(Verdict::Quarantine, Some(404), message)
}

fn leaked(issue: &IssueRef, done: &str) -> JiraError {
    let message = format!("Jira showed a restricted comment on {issue} to everybody: {done}");
    JiraError::new(Verdict::Quarantine, None, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(comment: Value, visibility: &Visibility) -> bool {
        serde_json::from_value::<Seen>(comment).unwrap().is_for(visibility)
    }

    #[test]
    fn only_what_jira_shows_is_a_proof() {
        let internal = Visibility::Internal;
        let marked = json!([{"key": "sd.public.comment", "value": {"internal": true}}]);
        assert!(is_for(json!({"jsdPublic": false}), &internal));
        assert!(!is_for(json!({"jsdPublic": true, "properties": marked}), &internal), "Jira overlooked the property");
        assert!(is_for(json!({"properties": marked}), &internal) && !is_for(json!({}), &internal));
        let agents = Visibility::Role("Agents".to_owned());
        assert!(is_for(json!({"visibility": {"type": "role", "value": "Agents"}}), &agents));
        for other in
            [json!({"type": "group", "value": "Agents"}), json!({"type": "role", "value": "Users"}), Value::Null]
        {
            assert!(!is_for(json!({"jsdPublic": false, "visibility": other}), &agents), "{other}");
        }
    }
}
