//! Who takes part in a request beside whoever it is for. Adding somebody twice adds them once.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::jira::client::Client;
use crate::jira::client::call::{Call, Operation, path_name};
use crate::jira::client::people::FoundUser;
use crate::jira::client::reads::{found, yes};
use crate::jira::client::send::{Content, Request};
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Written};

/// Participants asked for at once.
const PAGE: usize = 50;
/// Pages of them; no request has so many.
const PAGES: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Participants {
    values: Vec<FoundUser>,
    #[serde(default = "yes")]
    is_last_page: bool,
}

impl Client {
    /// Adds people to a request, all at once.
    pub(in crate::jira::client) async fn add_participants(
        &self,
        issue: &IssueRef,
        users: &[String],
    ) -> Result<Written, JiraError> {
        let names = match self.flavour().await? {
            Flavour::Cloud => "accountIds",
            Flavour::DataCenter => "usernames",
        };
        let post = Request {
            call: Call::issue(Operation::AddParticipants, issue),
            method: Method::POST,
            path: &["request", path_name(issue), "participant"],
            query: &[],
            content: Content::Json(json!({ names: users })),
            timeout: self.timeouts.write,
        };
        let added = self.send_for_nothing(&post).await;
        self.checked(issue, added).await.map(|()| Written::Change)
    }

    /// Whether all of these people take part in a request. In what is no request nobody does.
    pub(in crate::jira::client) async fn take_part(
        &self,
        issue: &IssueRef,
        users: &[String],
    ) -> Result<bool, JiraError> {
        let flavour = self.flavour().await?;
        let path = ["request", path_name(issue), "participant"];
        let (mut missing, mut start) = (users.to_vec(), 0);
        for _ in 0..PAGES {
            let (from, limit) = (start.to_string(), PAGE.to_string());
            let query = [("start", from.as_str()), ("limit", limit.as_str())];
            let page = self.get::<Participants>(Call::issue(Operation::ListParticipants, issue), &path, &query).await;
            let Some(page) = found(self.checked(issue, page).await)? else { return Ok(false) };
            start += page.values.len();
            let ends = page.is_last_page || page.values.is_empty();
            let here: Vec<String> = page.values.into_iter().filter_map(|person| person.into_name(flavour)).collect();
            missing.retain(|user| !here.contains(user));
            if ends || missing.is_empty() {
                break;
            }
        }
        Ok(missing.is_empty())
    }
}
