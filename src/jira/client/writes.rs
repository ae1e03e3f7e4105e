//! The writes that can be doubled: an issue, a comment, an attachment, each carrying what it can be found again by.

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer;
use super::call::{Call, Operation, path_name};
use super::markers::Marked;
use super::send::{Content, Request};
use super::upload::Upload;
use super::visible::INTERNAL_PROPERTY;
use super::{Client, Id, upload_timeout};
use crate::config::rule::Visibility;
use crate::failure::Verdict;
use crate::jira::json::Json;
use crate::jira::plan::{Fields, MARKER_PROPERTY, Marker};
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Written};

/// A new issue, as Jira is sent it.
#[derive(Serialize)]
struct Issue<'a> {
    fields: &'a Fields,
    properties: [Value; 1],
}

/// A new comment, as Jira is sent it.
#[derive(Serialize)]
struct Comment<'a> {
    body: &'a Json,
    properties: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<Value>,
}

impl<'a> Comment<'a> {
    /// A comment that customers must not see carries Service Management's own property: nothing else takes rich text, our
    /// marker and that in one call.
    fn new(body: &'a Json, visibility: &Visibility, marker: &Marker) -> Self {
        let internal = json!({ "key": INTERNAL_PROPERTY, "value": { "internal": true } });
        let properties = match visibility {
            Visibility::Public | Visibility::Role(_) | Visibility::Group(_) => vec![property(marker)],
            Visibility::Internal => vec![property(marker), internal],
        };
        Self { body, properties, visibility: restriction(visibility) }
    }
}

#[derive(Deserialize)]
struct Created {
    id: Id,
    #[serde(default)]
    key: String,
}

#[derive(Deserialize)]
struct Identified {
    id: Id,
}

impl Client {
    pub(super) async fn create_issue(
        &self,
        project: &str,
        fields: &Fields,
        marker: &Marker,
    ) -> Result<Written, JiraError> {
        let request = Request {
            call: Call::project(Operation::CreateIssue, project),
            method: Method::POST,
            path: &["issue"],
            query: &[],
            content: Content::Text(Json::of(&Issue { fields, properties: [property(marker)] })),
            timeout: self.timeouts.write,
        };
        let created: Result<Created, _> = self.send(&request).await;
        if created.as_ref().is_err_and(|error| error.status == Some(StatusCode::BAD_REQUEST.as_u16())) {
            self.forms.forget(); // an administrator may have changed the form
        }
        let created = created?;
        let issue = IssueRef { id: created.id.into(), key: created.key };
        self.see_marker(Marked::Issue(&issue), marker).await;
        Ok(Written::Issue(issue))
    }

    pub(super) async fn add_comment(
        &self,
        issue: &IssueRef,
        (body, visibility): (&Json, &Visibility),
        marker: &Marker,
    ) -> Result<Written, JiraError> {
        let request = Request {
            call: Call::issue(Operation::AddComment, issue),
            method: Method::POST,
            path: &["issue", path_name(issue), "comment"],
            query: &[],
            content: Content::Text(Json::of(&Comment::new(body, visibility, marker))),
            timeout: self.timeouts.write,
        };
        let comment: Result<Identified, _> = self.send(&request).await;
        let id = String::from(self.checked(issue, comment).await?.id);
        self.see_marker(Marked::Comment(issue, &id), marker).await;
        Ok(Written::Comment(id))
    }

    pub(super) async fn attach(&self, issue: &IssueRef, upload: Upload) -> Result<Written, JiraError> {
        let call = Call::issue(Operation::Attach, issue);
        let request = Request {
            call,
            method: Method::POST,
            path: &["issue", path_name(issue), "attachments"],
            query: &[],
            timeout: upload_timeout(self.timeouts.write, upload.content.size()),
            content: Content::File(upload),
        };
        let attachments: Result<Vec<Identified>, _> = self.send(&request).await;
        let attachments = match attachments {
            Err(error) if error.status == Some(404) => Err(self.too_large_or_gone(issue, error).await),
            attachments => attachments,
        };
        match self.checked(issue, attachments).await?.into_iter().next() {
            Some(attachment) => Ok(Written::Attachment(attachment.id.into())),
            None => Err(answer::unreadable(&call, StatusCode::OK, "it names no attachment")),
        }
    }
}

impl Client {
    /// Data Center says 404 to a file that is too large as well as to an issue that is gone; Cloud has 413 for the former.
    async fn too_large_or_gone(&self, issue: &IssueRef, error: JiraError) -> JiraError {
        match (self.known_flavour(), self.read_issue(issue).await) {
            (Some(Flavour::DataCenter), Ok(Some(_))) => {
                let status = Some(StatusCode::PAYLOAD_TOO_LARGE.as_u16());
                JiraError { verdict: Verdict::Quarantine, status, ..error }
            }
            (Some(Flavour::Cloud | Flavour::DataCenter) | None, _) => error,
        }
    }
}

/// The role or group that alone sees a comment, as Jira is told.
pub(super) fn restriction(visibility: &Visibility) -> Option<Value> {
    match visibility {
        Visibility::Public | Visibility::Internal => None,
        Visibility::Role(name) => Some(json!({ "type": "role", "value": name })),
        Visibility::Group(name) => Some(json!({ "type": "group", "value": name })),
    }
}

fn property(marker: &Marker) -> Value {
    json!({ "key": MARKER_PROPERTY, "value": { "op": marker } })
}
