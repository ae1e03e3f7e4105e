//! The reads that are no look-up: what an issue has attached, what Jira takes, and what a check of the set-up asks for.

use jiff::Timestamp;
use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::{Call, Operation, path_name};
use super::send::{Content, Request};
use super::{Client, Id};
use crate::failure::Verdict;
use crate::jira::{
    ExistingAttachment, ExistingIssue, FieldSchema, Flavour, Form, FormField, IssueRef, Jira, JiraError, Need, Progress,
};

/// The most pages of a list that are read; no real list comes near it.
const PAGES: usize = 50;

/// What kind of Jira answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// `Cloud`, `Server` or `DataCenter`; empty where it does not say.
    #[serde(default)]
    pub deployment_type: String,
    /// Version of Jira; on Cloud a number without meaning.
    #[serde(default)]
    pub version: String,
    /// The address that Jira takes for its own.
    #[serde(default)]
    pub base_url: String,
}

/// Who we are to Jira.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Myself {
    /// Cloud's account id; Data Center has none.
    #[serde(default)]
    pub account_id: String,
    /// Data Center's user name; Cloud has none.
    #[serde(default)]
    pub name: String,
    /// For people.
    #[serde(default)]
    pub display_name: String,
    /// Whether the account may be used.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// Numeric id, as text.
    pub id: Id,
    /// Its key.
    pub key: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// `software`, `service_desk`, `business`.
    #[serde(default)]
    pub project_type_key: String,
    /// Whether it is archived, and takes no writes.
    #[serde(default)]
    pub archived: bool,
}

/// A field of the form for new issues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateField {
    /// The name it goes by in `fields`.
    pub field_id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Whether an issue cannot be made without it.
    #[serde(default)]
    pub required: bool,
    /// Whether Jira fills it where we do not.
    #[serde(default)]
    pub has_default_value: bool,
    /// What kind of value it takes.
    #[serde(default)]
    pub schema: FieldSchema,
}

impl CreateField {
    /// Whether a create fails unless we fill it.
    pub const fn must_be_given(&self) -> bool {
        self.required && !self.has_default_value
    }

    fn into_form(self) -> (String, FormField) {
        let need = if self.must_be_given() { Need::Required } else { Need::Optional };
        (self.field_id, FormField { name: self.name, schema: self.schema, need })
    }
}

#[derive(Deserialize)]
struct IssueType {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
struct FoundIssue {
    id: Id,
    #[serde(default)]
    key: String,
    #[serde(default)]
    fields: FoundFields,
}

#[derive(Deserialize, Default)]
struct FoundFields {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    attachment: Option<Vec<Attached>>,
}

/// A status, as far as it tells how far the work has come.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(default)]
    status_category: Category,
}

#[derive(Debug, Clone, Deserialize, Default)]
struct Category {
    #[serde(default)]
    key: String,
}

impl Status {
    /// The key of the category is the same in every language, whatever the status is called.
    pub(super) fn progress(&self) -> Progress {
        match self.status_category.key.as_str() {
            "done" => Progress::Finished,
            _ => Progress::Open,
        }
    }
}

#[derive(Deserialize)]
struct Attached {
    id: Id,
    filename: String,
    size: u64,
}

/// A page of a list whose items stand under a name that differs between versions.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total: Option<usize>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

pub(super) const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Projects<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
}

impl Client {
    /// What Jira this is.
    pub async fn server_info(&self) -> Result<ServerInfo, JiraError> {
        self.get(Call::site(Operation::ServerInfo), &["serverInfo"], &[]).await
    }

    /// Who we are; an error where Jira does not know us.
    pub async fn myself(&self) -> Result<Myself, JiraError> {
        self.get(Call::site(Operation::Myself), &["myself"], &[]).await
    }

    /// The project of this key; `None` where there is none that we may see.
    pub async fn project(&self, key: &str) -> Result<Option<Project>, JiraError> {
        // One that is archived is found only by who asks for it.
        let query = [("keys", key), ("status", "live"), ("status", "archived")];
        match self.project_as(key, &query, |project: &Project| &project.key).await {
            Err(error) if error.status == Some(404) => Ok(None),
            answered => answered,
        }
    }

    /// What is told of the project of this key: on Cloud among what a search finds, where there is one.
    pub(super) async fn project_as<T: DeserializeOwned>(
        &self,
        key: &str,
        query: &[(&str, &str)],
        key_of: fn(&T) -> &str,
    ) -> Result<Option<T>, JiraError> {
        let call = Call::project(Operation::ReadProject, key);
        let by_key = async || self.get::<T>(call, &["project", key], &[]).await.map(Some);
        match self.flavour().await? {
            Flavour::Cloud => match self.get::<Projects<T>>(call, &["project", "search"], query).await {
                Ok(found) => Ok(found.values.into_iter().find(|found| key_of(found) == key)),
                Err(error) if error.lacks_what_was_asked() => by_key().await,
                Err(error) => Err(error),
            },
            Flavour::DataCenter => by_key().await,
        }
    }

    /// The fields of the form for new issues of a type, named as in the configuration; `None` where the project has no such
    /// type, or none in which we may create.
    pub async fn create_fields(&self, project: &str, issue_type: &str) -> Result<Option<Vec<CreateField>>, JiraError> {
        let types_path = ["issue", "createmeta", project, "issuetypes"];
        let types: Vec<IssueType> = self
            .all_pages(
                Call::project(Operation::ListIssueTypes, project),
                &types_path,
                &["issueTypes", "createMetaIssueType"],
            )
            .await?;
        let wanted = issue_type.to_lowercase();
        let Some(found) = types.into_iter().find(|candidate| candidate.name.to_lowercase() == wanted) else {
            return Ok(None);
        };
        let id = String::from(found.id);
        let fields_path = ["issue", "createmeta", project, "issuetypes", &id];
        let call = Call::project(Operation::ListCreateFields, project);
        self.all_pages(call, &fields_path, &["fields", "results"]).await.map(Some)
    }

    /// The fields of the form, by their ids; kept for a while.
    pub(super) async fn read_form(&self, project: &str, issue_type: &str) -> Result<Arc<Form>, JiraError> {
        let asked = format!("{project} {issue_type}");
        if let Some(known) = self.forms.get(&asked) {
            return Ok(known);
        }
        let fields = self.create_fields(project, issue_type).await?.unwrap_or_default();
        let form: Arc<Form> = Arc::new(fields.into_iter().map(CreateField::into_form).collect());
        self.forms.put(&asked, form.clone());
        Ok(form)
    }

    pub(super) async fn read_issue(&self, issue: &IssueRef) -> Result<Option<ExistingIssue>, JiraError> {
        let call = Call::issue(Operation::ReadIssue, issue);
        let path = ["issue", path_name(issue)];
        let answer = self.get::<FoundIssue>(call, &path, &[("fields", "created,status,attachment")]).await;
        let Some(found) = self.if_visible(issue, answer).await? else { return Ok(None) };
        let attachments = found.fields.attachment.unwrap_or_default().into_iter().map(|attached| ExistingAttachment {
            id: attached.id.into(),
            name: attached.filename,
            size: attached.size,
        });
        Ok(Some(ExistingIssue {
            issue: IssueRef { id: found.id.into(), key: found.key },
            created: found.fields.created.as_deref().and_then(timestamp),
            progress: found.fields.status.as_ref().map_or(Progress::Open, Status::progress),
            attachments: attachments.collect(),
        }))
    }

    /// Makes sure that a 404 is about the issue before anybody acts on it: where it did not come in Jira's own form, asks
    /// whether Jira is there at all.
    pub(super) async fn checked<T>(&self, issue: &IssueRef, result: Result<T, JiraError>) -> Result<T, JiraError> {
        match result {
            Err(error) if error.status == Some(404) && error.verdict != Verdict::Quarantine => {
                tracing::debug!(issue = %issue, "a 404 that is not in Jira's form; asking whether Jira is there");
                self.myself().await?;
                Err(JiraError { verdict: Verdict::Quarantine, ..error })
            }
            result => result,
        }
    }

    pub(super) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        call: Call<'_>,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, JiraError> {
        let timeout = self.timeouts.read;
        self.send(&Request { call, method: Method::GET, path, query, content: Content::Nothing, timeout }).await
    }

    async fn all_pages<T: serde::de::DeserializeOwned>(
        &self,
        call: Call<'_>,
        path: &[&str],
        names: &[&str],
    ) -> Result<Vec<T>, JiraError> {
        let mut items = Vec::new();
        for _ in 0..PAGES {
            let start = items.len().to_string();
            let page: Page = self.get(call, path, &[("startAt", &start), ("maxResults", "200")]).await?;
            let total = page.total;
            let found = page.items(names);
            let count = found.len();
            items.extend(found);
            if count == 0 || total.is_none_or(|total| items.len() >= total) {
                break;
            }
        }
        Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
    }
}

impl Page {
    /// Cloud's document names the same list twice, and Data Center calls it `values`: whichever is there.
    fn items(mut self, names: &[&str]) -> Vec<Value> {
        let present = names.iter().chain(&["values"]).find_map(|name| self.rest.remove(*name));
        match present {
            Some(Value::Array(items)) => items,
            Some(_) | None => Vec::new(),
        }
    }
}

/// Turns "it is not there" into `None`.
pub(super) fn found<T>(result: Result<T, JiraError>) -> Result<Option<T>, JiraError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.status == Some(404) && error.verdict == Verdict::Quarantine => Ok(None),
        Err(error) => Err(error),
    }
}

/// Jira writes the offset without a colon: `2026-09-27T10:03:11.123+0200`.
fn timestamp(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()
}
