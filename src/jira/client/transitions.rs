//! Moving an issue to a finished status. Which of several transitions to take is Jira's order, not ours.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Client;
use super::call::{Call, Operation, path_name};
use super::reads::found;
use super::send::{Content, Request};
use crate::jira::{IssueRef, JiraError};

/// The key of the category that every finished status is in, whatever the status is called.
const FINISHED: &str = "done";

#[derive(Deserialize)]
struct Transitions {
    transitions: Vec<Transition>,
}

#[derive(Deserialize)]
struct Transition {
    id: String,
    to: Status,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Deserialize)]
struct Category {
    key: String,
}

#[derive(Deserialize)]
struct Current {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    status: Status,
}

impl Client {
    pub(super) async fn finish_issue(&self, issue: &IssueRef) -> Result<(), JiraError> {
        let path = ["issue", path_name(issue)];
        let read = self.get(Call::issue(Operation::ReadIssue, issue), &path, &[("fields", "status")]).await;
        let current: Option<Current> = found(read)?;
        if current.is_none_or(|current| current.fields.status.category.key == FINISHED) {
            return Ok(());
        }
        let path = ["issue", path_name(issue), "transitions"];
        let call = Call::issue(Operation::ListTransitions, issue);
        let Transitions { transitions } = self.get(call, &path, &[]).await?;
        let Some(way) = transitions.into_iter().find(|transition| transition.to.category.key == FINISHED) else {
            tracing::warn!(issue = %issue, "no transition leads to a finished status; a person has to close the issue");
            return Ok(());
        };
        let request = Request {
            call: Call::issue(Operation::Transition, issue),
            method: Method::POST,
            path: &path,
            query: &[],
            content: Content::Json(json!({ "transition": { "id": way.id } })),
            timeout: self.timeouts.write,
        };
        self.send::<serde_json::Value>(&request).await.map(drop)
    }
}
