//! What ties an issue to other issues and to people: links and watchers. Either may be written twice and is there once.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Client;
use super::call::{Call, Operation, path_name};
use super::reads::found;
use super::send::{Content, Request};
use crate::failure::Verdict;
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Written};

#[derive(Deserialize, Default)]
struct Linked {
    #[serde(default)]
    fields: LinkFields,
}

#[derive(Deserialize, Default)]
struct LinkFields {
    #[serde(default)]
    issuelinks: Vec<Link>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    #[serde(rename = "type")]
    kind: LinkKind,
    #[serde(default)]
    outward_issue: Option<OtherIssue>,
    #[serde(default)]
    inward_issue: Option<OtherIssue>,
}

#[derive(Deserialize)]
struct LinkKind {
    name: String,
}

#[derive(Deserialize)]
struct OtherIssue {
    id: super::Id,
    #[serde(default)]
    key: String,
}

#[derive(Deserialize, Default)]
struct Watchers {
    #[serde(default)]
    watchers: Vec<Watcher>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Watcher {
    #[serde(default)]
    account_id: String,
    #[serde(default)]
    name: String,
}

impl Client {
    /// Links an issue to another one. With the type `Blocks` it is ours that blocks: Jira's `inwardIssue` is the one whose link
    /// is shown with the outward words. No comment goes along: the same link again is no second link, but would be a second
    /// comment.
    pub(super) async fn link(&self, issue: &IssueRef, kind: &str, other: &str) -> Result<Written, JiraError> {
        let request = Request {
            call: Call::issue(Operation::LinkIssues, issue),
            method: Method::POST,
            path: &["issueLink"],
            query: &[],
            content: Content::Json(json!({ "type": { "name": kind }, "inwardIssue": named(path_name(issue)),
                "outwardIssue": named(other) })),
            timeout: self.timeouts.write,
        };
        self.send_for_nothing(&request).await.map(|()| Written::Change)
    }

    /// Adds a watcher. Data Center answers 401, as to somebody that it does not know, where the permission is missing.
    pub(super) async fn watch(&self, issue: &IssueRef, user: &str) -> Result<Written, JiraError> {
        let request = Request {
            call: Call::issue(Operation::Watch, issue),
            method: Method::POST,
            path: &["issue", path_name(issue), "watchers"],
            query: &[],
            content: Content::Json(Value::String(user.to_owned())),
            timeout: self.timeouts.write,
        };
        match self.send_for_nothing(&request).await {
            Err(error) if error.status == Some(StatusCode::UNAUTHORIZED.as_u16()) && self.myself().await.is_ok() => {
                Err(JiraError { verdict: Verdict::Quarantine, ..error })
            }
            answered => answered.map(|()| Written::Change),
        }
    }

    /// Whether a link is there. Gone issues have none.
    pub(super) async fn is_linked(&self, issue: &IssueRef, kind: &str, other: &str) -> Result<bool, JiraError> {
        let call = Call::issue(Operation::ReadIssue, issue);
        let path = ["issue", path_name(issue)];
        let answer = self.get::<Linked>(call, &path, &[("fields", "issuelinks")]).await;
        let Some(linked) = found(self.checked(issue, answer).await)? else { return Ok(false) };
        let is_it = |link: &Link| {
            let ends = [&link.outward_issue, &link.inward_issue];
            let there = ends.into_iter().flatten().any(|end| end.key == other || String::from(end.id.clone()) == other);
            there && link.kind.name.eq_ignore_ascii_case(kind)
        };
        Ok(linked.fields.issuelinks.iter().any(is_it))
    }

    /// Whether somebody watches an issue.
    pub(super) async fn is_watched_by(&self, issue: &IssueRef, user: &str) -> Result<bool, JiraError> {
        let flavour = self.flavour().await?;
        let call = Call::issue(Operation::ListWatchers, issue);
        let answer = self.get::<Watchers>(call, &["issue", path_name(issue), "watchers"], &[]).await;
        let Some(watchers) = found(self.checked(issue, answer).await)? else { return Ok(false) };
        Ok(watchers.watchers.iter().any(|watcher| match flavour {
            Flavour::Cloud => watcher.account_id == user,
            Flavour::DataCenter => watcher.name == user,
        }))
    }
}

/// An issue by its id or its key; Jira takes a number for the former alone.
fn named(issue: &str) -> Value {
    if issue.bytes().all(|byte| byte.is_ascii_digit()) { json!({ "id": issue }) } else { json!({ "key": issue }) }
}
