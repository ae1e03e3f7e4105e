//! Moving an issue through its workflow: to a finished status, and back from one. Which of several transitions to take is Jira's
//! order, not ours.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, Operation, path_name};
use super::markers::{Marked, marker_in};
use super::reads::{Status, found};
use super::send::{Content, Request};
use super::{Client, unfit};
use crate::failure::Verdict;
use crate::jira::plan::{Marker, REOPENED_PROPERTY};
use crate::jira::{IssueRef, JiraError, Progress, Written};

#[derive(Deserialize)]
struct Transitions {
    #[serde(default)]
    transitions: Vec<Transition>,
}

/// A step of a workflow that is open to us.
#[derive(Debug, Deserialize)]
pub(super) struct Transition {
    id: String,
    #[serde(default)]
    to: Status,
    /// The fields of its screen, where it has one.
    #[serde(default)]
    fields: BTreeMap<String, ScreenField>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScreenField {
    #[serde(default)]
    required: bool,
    #[serde(default)]
    has_default_value: bool,
}

impl Transition {
    /// Whether it asks for something that only a person can tell.
    fn wants_answers(&self) -> bool {
        self.fields.values().any(|field| field.required && !field.has_default_value)
    }
}

#[derive(Deserialize)]
struct Current {
    fields: CurrentFields,
}

#[derive(Deserialize)]
struct CurrentFields {
    status: Status,
}

/// The ways from a finished status back to work that ask nothing.
pub(super) fn ways_back(transitions: &[Transition]) -> impl Iterator<Item = &Transition> {
    transitions.iter().filter(|transition| transition.to.progress() == Progress::Open && !transition.wants_answers())
}

impl Client {
    pub(super) async fn finish_issue(&self, issue: &IssueRef) -> Result<(), JiraError> {
        if self.progress(issue).await?.is_none_or(|progress| progress == Progress::Finished) {
            return Ok(());
        }
        let transitions = self.transitions(issue).await?;
        let Some(way) = transitions.iter().find(|transition| transition.to.progress() == Progress::Finished) else {
            tracing::warn!(issue = %issue, "no transition leads to a finished status; a person has to close the issue");
            return Ok(());
        };
        self.take(issue, json!({ "transition": { "id": way.id } })).await
    }

    /// Moves a finished issue back to work, by the first way that Jira lets us take: a validator may mind what no screen asks for.
    /// An issue that is not finished is left as it is. Our marker goes along, for the issue may be finished again before anybody
    /// looks whether this was done.
    pub(super) async fn reopen(&self, issue: &IssueRef, marker: &Marker) -> Result<Written, JiraError> {
        if self.progress(issue).await? != Some(Progress::Finished) {
            return Ok(Written::Change);
        }
        let transitions = self.transitions(issue).await?;
        let properties = json!([{ "key": REOPENED_PROPERTY, "value": { "op": marker } }]);
        let mut refused = unfit("no transition leads the issue back to work");
        for way in ways_back(&transitions) {
            match self.take(issue, json!({ "transition": { "id": way.id }, "properties": properties })).await {
                Ok(()) => return Ok(Written::Change),
                Err(error) if error.verdict == Verdict::Quarantine => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// Whether an issue was moved back by us, or needs no moving.
    pub(super) async fn was_reopened(&self, issue: &IssueRef, marker: &Marker) -> Result<bool, JiraError> {
        if self.progress(issue).await? != Some(Progress::Finished) {
            return Ok(true);
        }
        let kept = self.property_of(Marked::Issue(issue), REOPENED_PROPERTY).await?;
        Ok(kept.as_ref().and_then(marker_in).as_ref() == Some(marker))
    }

    /// How far the work on an issue has come; `None`: it is gone.
    async fn progress(&self, issue: &IssueRef) -> Result<Option<Progress>, JiraError> {
        let path = ["issue", path_name(issue)];
        let read = self.get::<Current>(Call::issue(Operation::ReadIssue, issue), &path, &[("fields", "status")]).await;
        Ok(found(self.checked(issue, read).await)?.map(|current| current.fields.status.progress()))
    }

    /// The transitions that are open to us now; none where we may take none.
    pub(super) async fn transitions(&self, issue: &IssueRef) -> Result<Vec<Transition>, JiraError> {
        let path = ["issue", path_name(issue), "transitions"];
        let call = Call::issue(Operation::ListTransitions, issue);
        let listed: Transitions = self.get(call, &path, &[("expand", "transitions.fields")]).await?;
        Ok(listed.transitions)
    }

    async fn take(&self, issue: &IssueRef, content: Value) -> Result<(), JiraError> {
        let request = Request {
            call: Call::issue(Operation::Transition, issue),
            method: Method::POST,
            path: &["issue", path_name(issue), "transitions"],
            query: &[],
            content: Content::Json(content),
            timeout: self.timeouts.write,
        };
        self.send_for_nothing(&request).await
    }
}
