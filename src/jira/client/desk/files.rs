//! Files on requests: put down at the service desk first, and then taken to the request, where its customer sees them
//! or only agents do.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::repeatable;
use crate::failure::Verdict;
use crate::jira::client::call::{Call, Operation, path_name};
use crate::jira::client::send::{Content, Request};
use crate::jira::client::upload::Upload;
use crate::jira::client::{Client, answer, upload_timeout};
use crate::jira::plan::Audience;
use crate::jira::{IssueRef, JiraError, Written};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Temporary {
    temporary_attachments: Vec<PutDown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutDown {
    temporary_attachment_id: String,
}

impl Client {
    /// Attaches a file to a request. An issue that is none takes it as any other issue does.
    pub(in crate::jira::client) async fn attach_to_request(
        &self,
        issue: &IssueRef,
        upload: Upload,
        audience: Audience,
    ) -> Result<Written, JiraError> {
        let Some(project) = issue.project() else { return self.attach(issue, upload).await };
        let (name, size) = (upload.name.clone(), upload.content.size());
        let handed_over = self.hand_over(issue, project, &upload, audience).await;
        match (handed_over, audience) {
            // It is no request, or takes no files put down. On the issue a file is better than nowhere.
            (Err(error), _) if error.status == Some(404) => return self.attach(issue, upload).await,
            (Err(error), Audience::Customers) if error.status == Some(400) => return self.attach(issue, upload).await,
            (handed_over, Audience::Customers | Audience::Agents) => handed_over?,
        }
        // Its id on the platform is not among what is answered.
        let unknown = |error: JiraError| JiraError { verdict: Verdict::Unknown, ..error };
        let existing = self.read_issue(issue).await.map_err(unknown)?;
        let attachments = existing.map(|issue| issue.attachments).unwrap_or_default();
        let newest = attachments.into_iter().rfind(|file| file.name == name && file.size == size);
        newest.map(|file| Written::Attachment(file.id)).ok_or_else(|| {
            answer::unreadable(
                &Call::issue(Operation::AttachToRequest, issue),
                StatusCode::CREATED,
                "the file cannot be seen on the issue",
            )
        })
    }

    /// Puts a file down and takes it to the request; once more where it was gone meanwhile.
    async fn hand_over(
        &self,
        issue: &IssueRef,
        project: &str,
        upload: &Upload,
        audience: Audience,
    ) -> Result<(), JiraError> {
        let put_down = self.put_down(issue, project, upload.clone()).await?;
        match self.pick_up(issue, &put_down, audience).await {
            Err(error) if error.status == Some(400) => {
                let put_down = self.put_down(issue, project, upload.clone()).await?;
                self.pick_up(issue, &put_down, audience).await
            }
            taken => taken,
        }
    }

    async fn pick_up(&self, issue: &IssueRef, put_down: &str, audience: Audience) -> Result<(), JiraError> {
        let is_public = match audience {
            Audience::Customers => true,
            Audience::Agents => false,
        };
        let post = Request {
            call: Call::issue(Operation::AttachToRequest, issue),
            method: Method::POST,
            path: &["request", path_name(issue), "attachment"],
            query: &[],
            content: Content::Json(json!({ "temporaryAttachmentIds": [put_down], "public": is_public })),
            timeout: self.timeouts.write,
        };
        self.send_for_nothing(&post).await
    }

    /// What is only put down belongs to nobody, and is gone after a while.
    async fn put_down(&self, issue: &IssueRef, project: &str, upload: Upload) -> Result<String, JiraError> {
        let call = Call::issue(Operation::PutDownFile, issue);
        let post = Request {
            call,
            method: Method::POST,
            path: &["servicedesk", project, "attachTemporaryFile"],
            query: &[],
            timeout: upload_timeout(self.timeouts.write, upload.content.size()),
            content: Content::File(upload),
        };
        let put_down: Temporary = repeatable(self.send(&post).await)?;
        let first = put_down.temporary_attachments.into_iter().next();
        let first = first.ok_or_else(|| answer::unreadable(&call, StatusCode::CREATED, "it names no file"));
        repeatable(first.map(|file| file.temporary_attachment_id))
    }
}
