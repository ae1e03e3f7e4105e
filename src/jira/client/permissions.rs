//! What we may do: in a project, and with one issue. An issue that refuses a comment, or to be seen, counts as closed to us only on
//! Jira's word; otherwise the permissions in its project are at fault, which a person has to mend.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Client;
use super::call::{Call, Operation, path_name};
use super::reads::found;
use crate::failure::{Scope, Verdict};
use crate::jira::{Commenting, IssueRef, JiraError, project_of};

/// An issue, as far as it tells whether it is archived.
#[derive(Deserialize)]
struct Shelved {
    #[serde(default)]
    key: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

impl Shelved {
    /// Data Center dates it; whatever else is called so means the same.
    fn is_archived(&self) -> bool {
        let says_so = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        self.fields.iter().any(|(name, value)| name.to_ascii_lowercase().starts_with("archived") && says_so(value))
    }
}

#[derive(Deserialize)]
struct Permissions {
    permissions: HashMap<String, Granted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    have_permission: bool,
}

impl Client {
    /// Whether an issue that has refused a comment takes any of ours.
    pub(super) async fn read_commenting(&self, issue: &IssueRef) -> Result<Commenting, JiraError> {
        let call = Call::issue(Operation::ReadIssue, issue);
        let path = ["issue", path_name(issue)];
        let answer = self.get::<Shelved>(call, &path, &[("fields", "archiveddate,archivedby")]).await;
        let Some(shelved) = self.if_visible(issue, answer).await? else { return Ok(Commenting::NotHere) };
        let Some(project) = project_of(&shelved.key) else { return Ok(Commenting::Allowed) };
        if shelved.is_archived() || self.project(project).await?.is_some_and(|project| project.archived) {
            return Ok(Commenting::NotHere);
        }
        let call = Call::issue(Operation::ReadPermissions, issue);
        if self.may(call, Some(("issueKey", &shelved.key)), "ADD_COMMENTS").await?.unwrap_or(true) {
            return Ok(Commenting::Allowed);
        }
        let elsewhere = self.may(call, Some(("projectKey", project)), "ADD_COMMENTS").await?;
        Ok(if elsewhere == Some(true) { Commenting::NotHere } else { Commenting::NotInProject })
    }

    /// What was asked of an issue, or `None` where there is no such issue, or none that we may see. Data Center answers
    /// the latter with 403; that is the issue's own level of security only when we may see its project.
    pub(super) async fn if_visible<T>(
        &self,
        issue: &IssueRef,
        answer: Result<T, JiraError>,
    ) -> Result<Option<T>, JiraError> {
        let refused = match self.checked(issue, answer).await {
            Err(error) if error.status == Some(403) && error.verdict == Verdict::Halt(Scope::Project) => error,
            answer => return found(answer),
        };
        let project = issue.project().map(|project| ("projectKey", project));
        let call = Call::issue(Operation::ReadPermissions, issue);
        match self.may(call, project, "BROWSE_PROJECTS").await {
            Ok(Some(true)) => Ok(None),
            Ok(Some(false) | None) => Err(refused),
            Err(error) if error.is_refusal() => Err(refused),
            Err(error) => Err(error),
        }
    }

    /// Whether we have a permission somewhere: on an issue, in a project, or anywhere. `None`: Jira does not tell.
    async fn may(
        &self,
        call: Call<'_>,
        place: Option<(&str, &str)>,
        permission: &str,
    ) -> Result<Option<bool>, JiraError> {
        let answer = self.granted(call, place, permission).await?;
        Ok(answer.get(permission).map(|granted| granted.have_permission))
    }

    /// Which of `wanted` we have in a project. A key that Jira does not know is a 400.
    pub async fn permissions(&self, project: &str, wanted: &[&str]) -> Result<Vec<Permission>, JiraError> {
        let call = Call::project(Operation::ReadPermissions, project);
        let answer = self.granted(call, Some(("projectKey", project)), &wanted.join(",")).await?;
        let granted = |key: &str| answer.get(key).map(|answered| answered.have_permission);
        Ok(wanted.iter().map(|key| Permission { key: (*key).to_owned(), granted: granted(key) }).collect())
    }

    async fn granted(
        &self,
        call: Call<'_>,
        place: Option<(&str, &str)>,
        keys: &str,
    ) -> Result<HashMap<String, Granted>, JiraError> {
        let query: Vec<(&str, &str)> = place.into_iter().chain([("permissions", keys)]).collect();
        let answer: Permissions = self.get(call, &["mypermissions"], &query).await?;
        Ok(answer.permissions)
    }
}

/// A permission in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// `CREATE_ISSUES`, `ADD_COMMENTS`, …
    pub key: String,
    /// Whether we have it. `None`: Jira does not tell.
    pub granted: Option<bool>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_archived_issue_is_known_by_its_date() {
        let archived = |fields: Value| {
            serde_json::from_value::<Shelved>(json!({"key": "SUP-1", "fields": fields})).unwrap().is_archived()
        };
        assert!(archived(json!({"archiveddate": "2026-11-21T10:00:00.000+0000"})));
        assert!(archived(json!({"archivedBy": {"name": "ann"}})) && archived(json!({"archived": true})));
        assert!(!archived(json!({"archiveddate": null, "archived": false, "status": {}})) && !archived(json!({})));
    }
}
