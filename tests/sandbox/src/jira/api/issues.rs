//! Issues: creating, reading, their properties, and moving them through the workflow.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{Refusal, jira, ok};
use super::super::fields;
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{SentProperties, Status};
use super::super::view::{self, Wanted};
use super::{
    Answer, Caller, Parameters, Property, check_property, empty, parse, properties, read_property, write_property,
};

/// A create request. Unlike Jira, which overlooks unknown keys, it refuses them: the stand-in shows typing errors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    fields: Map<String, Value>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default, rename = "update")]
    _update: Map<String, Value>,
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let create: Create = parse(&body)?;
    let properties = properties(create.properties)?;
    let mut site = shared.site();
    let mut new = fields::check(&site, create.fields)?;
    match site.settings.sent_properties {
        SentProperties::Kept => new.properties = properties,
        SentProperties::Dropped => {}
    }
    let created = site.create_issue(new, &caller.0, now()).map(|issue| issue.key.clone());
    let issue = created.as_deref().and_then(|key| site.issue(key)).ok_or_else(Refusal::no_issue)?;
    let body = json!({"id": issue.id.to_string(), "key": issue.key, "self": view::issue_url(&site, issue)});
    Ok(jira(StatusCode::CREATED, &body))
}

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let wanted = Wanted::parse(&query.list("fields"), Wanted::AllBut(Vec::new()));
    Ok(ok(&view::issue(&site, issue, &wanted, &query.list("properties"))))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BulkFetch {
    issue_ids_or_keys: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default, rename = "fieldsByKeys")]
    _fields_by_keys: bool,
    #[serde(default, rename = "expand")]
    _expand: Vec<String>,
}

pub(super) async fn bulk_fetch(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let request: BulkFetch = parse(&body)?;
    if request.issue_ids_or_keys.is_empty() || request.issue_ids_or_keys.len() > 100 {
        return Err(Refusal::bad("The number of issues must be between 1 and 100."));
    }
    let site = shared.site();
    let wanted = Wanted::parse(&request.fields, Wanted::AllBut(Vec::new()));
    let found = request.issue_ids_or_keys.iter().filter_map(|id| site.issue(id));
    let issues: Vec<Value> = found.map(|issue| view::issue(&site, issue, &wanted, &request.properties)).collect();
    Ok(ok(&json!({"issues": issues, "issueErrors": []})))
}

pub(super) async fn property_keys(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let url = format!("{}/properties", view::issue_url(&site, issue));
    Ok(ok(&super::property_keys(&url, &issue.properties)))
}

pub(super) async fn property(State(shared): State<Arc<Shared>>, Path((id, key)): Path<(String, String)>) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    read_property(&issue.properties, &key)
}

pub(super) async fn set_property(
    State(shared): State<Arc<Shared>>,
    Path((id, key)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let value: Value = parse(&body)?;
    check_property(&key, &value)?;
    let mut site = shared.site();
    let issue = site.issue_mut(&id, now()).ok_or_else(Refusal::no_issue)?;
    write_property(&mut issue.properties, key, value)
}

/// Every status can be reached from every other, itself excepted.
pub(super) async fn transitions(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let open = Status::ALL.into_iter().filter(|to| *to != issue.status && site.permits("TRANSITION_ISSUES"));
    let transitions: Vec<Value> = open
        .map(|to| {
            json!({"id": to.transition_id(), "name": to.name(), "to": view::status(&site, to), "hasScreen": false,
                "isGlobal": true, "isInitial": false, "isAvailable": true, "isConditional": false, "looped": false})
        })
        .collect();
    Ok(ok(&json!({"expand": "transitions", "transitions": transitions})))
}

#[derive(Debug, Deserialize)]
struct Move {
    transition: Named,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: String,
}

pub(super) async fn transition(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let wanted: Move = parse(&body)?;
    let mut site = shared.site();
    let permitted = site.permits("TRANSITION_ISSUES");
    let issue = site.issue_mut(&id, now()).ok_or_else(Refusal::no_issue)?;
    let leads_to = |to: &Status| to.transition_id() == wanted.transition.id && *to != issue.status && permitted;
    let Some(to) = Status::ALL.into_iter().find(leads_to) else {
        let id = wanted.transition.id;
        return Err(Refusal::bad(format!("Transition id '{id}' is not valid for this issue.")));
    };
    issue.status = to;
    Ok(empty(StatusCode::NO_CONTENT))
}
