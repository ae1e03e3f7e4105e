//! Who is on an issue, by e-mail address. Jira Cloud hides the addresses of people who wish it so: whoever is not found here may
//! be on the issue all the same.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Client;
use super::call::{Call, Operation, path_name};
use crate::jira::{IssueRef, JiraError};

/// All fields in which people may stand, those of plug-ins included (Service Management's request participants), but none that
/// holds long texts, nor `creator`: that is whoever wrote for somebody else.
const FIELDS: &str = "*all,-comment,-attachment,-worklog,-description,-environment,-issuelinks,-creator";

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct Watchers {
    #[serde(default)]
    watchers: Vec<Value>,
}

impl Client {
    pub(super) async fn read_involved(&self, issue: &IssueRef) -> Result<Vec<String>, JiraError> {
        let path = path_name(issue);
        let call = Call::issue(Operation::ReadIssue, issue);
        let found: Found = self.get(call, &["issue", path], &[("fields", FIELDS)]).await?;
        let call = Call::issue(Operation::ListWatchers, issue);
        let watchers = match self.get::<Watchers>(call, &["issue", path, "watchers"], &[]).await {
            Ok(watchers) => watchers.watchers,
            // Seeing the watchers takes a permission of its own.
            Err(error) if matches!(error.status, Some(403 | 404)) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(found.fields.values().chain(&watchers).flat_map(addresses).collect())
    }
}

/// The address of a person, or of each in a list of people.
fn addresses(value: &Value) -> Vec<String> {
    let people = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let address = |person: &Value| person.get("emailAddress").and_then(Value::as_str).map(str::to_owned);
    people.iter().filter_map(address).collect()
}
