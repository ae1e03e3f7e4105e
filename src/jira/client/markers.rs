//! Markers where they are in doubt. Both products document that a create call may set properties; of Data Center it is also
//! told that some do not keep them. So the first writes to one are looked at again, and a marker that is missing is set
//! afterwards. What carries no marker at all, yet is letter for letter what was sent, is taken for ours (`look_up`).

use std::sync::atomic::Ordering;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Client;
use super::call::{Call, Operation, path_name};
use super::reads::found;
use super::send::{Content, Request};
use crate::jira::plan::{COMPLETED_PROPERTY, MARKER_PROPERTY, Marker};
use crate::jira::{Flavour, IssueRef, Jira, JiraError};

/// Something that ought to carry a marker.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marked<'a> {
    /// An issue.
    Issue(&'a IssueRef),
    /// A comment on an issue, by its id.
    Comment(&'a IssueRef, &'a str),
}

/// Whether what was sent with a write is kept with it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    issues: std::sync::atomic::AtomicBool,
    comments: std::sync::atomic::AtomicBool,
}

#[derive(Deserialize)]
struct Property {
    value: Value,
}

impl Marked<'_> {
    fn path<'p>(&'p self, key: &'p str) -> [&'p str; 4] {
        match self {
            Self::Issue(issue) => ["issue", path_name(issue), "properties", key],
            Self::Comment(_, id) => ["comment", id, "properties", key],
        }
    }

    const fn issue(&self) -> &IssueRef {
        match self {
            Self::Issue(issue) | Self::Comment(issue, _) => issue,
        }
    }
}

impl Client {
    /// Looks whether a marker came along with a write, until once it did, and sets it where it did not. Best effort: the
    /// write itself has succeeded, and is recorded by its id.
    pub(super) async fn see_marker(&self, marked: Marked<'_>, marker: &Marker) {
        let kept = match marked {
            Marked::Issue(_) => &self.markers.issues,
            Marked::Comment(..) => &self.markers.comments,
        };
        if self.known_flavour() != Some(Flavour::DataCenter) || kept.load(Ordering::Relaxed) {
            return;
        }
        match self.marker_of(marked).await {
            Ok(Some(_)) => kept.store(true, Ordering::Relaxed),
            Ok(None) => self.mark(marked, marker).await,
            Err(error) => tracing::debug!(issue = %marked.issue(), error = %error, "cannot see the marker"),
        }
    }

    /// Sets a marker where none came along with the write. Best effort, likewise.
    pub(super) async fn mark(&self, marked: Marked<'_>, marker: &Marker) {
        if let Err(error) = self.set_marker(marked, marker).await {
            tracing::warn!(issue = %marked.issue(), error = %error, "cannot mark what was written");
        }
    }

    /// The marker that something carries, by its own word; `None`: none, or it is gone. One that was seen stays what it is, so that
    /// a look-up that was broken off goes on where it was.
    pub(super) async fn marker_of(&self, marked: Marked<'_>) -> Result<Option<Marker>, JiraError> {
        let place = marked.path(MARKER_PROPERTY).join("/");
        if let Some(seen) = self.seen_markers.get(&place) {
            return Ok(Some(seen));
        }
        let marker = self.property_of(marked, MARKER_PROPERTY).await?.as_ref().and_then(marker_in);
        if let Some(marker) = &marker {
            self.seen_markers.put(&place, marker.clone());
        }
        Ok(marker)
    }

    /// A property of something; `None`: it has none of that name, or is gone.
    pub(super) async fn property_of(&self, marked: Marked<'_>, key: &str) -> Result<Option<Value>, JiraError> {
        let operation = match marked {
            Marked::Issue(_) => Operation::ReadIssueProperty,
            Marked::Comment(..) => Operation::ReadCommentProperty,
        };
        let issue = marked.issue();
        let property = self.get::<Property>(Call::issue(operation, issue), &marked.path(key), &[]).await;
        Ok(found(self.checked(issue, property).await)?.map(|property| property.value))
    }

    /// The marker of the step that completed an issue.
    pub(super) async fn completion_of(&self, issue: &IssueRef) -> Result<Option<Marker>, JiraError> {
        let path = ["issue", path_name(issue), "properties", COMPLETED_PROPERTY];
        let property = self.get::<Property>(Call::issue(Operation::ReadIssueProperty, issue), &path, &[]).await;
        Ok(found(self.checked(issue, property).await)?.and_then(|property| marker_in(&property.value)))
    }

    pub(super) async fn set_marker(&self, marked: Marked<'_>, marker: &Marker) -> Result<(), JiraError> {
        let request = Request {
            call: Call::issue(Operation::SetMarker, marked.issue()),
            method: Method::PUT,
            path: &marked.path(MARKER_PROPERTY),
            query: &[],
            content: Content::Json(json!({ "op": marker })),
            timeout: self.timeouts.read,
        };
        self.send_for_nothing(&request).await
    }
}

/// The marker in the value of our property.
pub(super) fn marker_in(value: &Value) -> Option<Marker> {
    Some(Marker(value.get("op")?.as_str()?.to_owned()))
}
