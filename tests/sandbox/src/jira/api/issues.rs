//! Issues: creating, reading, their properties, and moving them through the workflow.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{Refusal, jira, ok, put};
use super::super::fields;
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{SentProperties, Shelf, Site, Status, Workflow};
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
    if site.shelf(issue) == Some(Shelf::Hidden) {
        return Err(Refusal::hidden(site.product));
    }
    let wanted = Wanted::parse(&query.list("fields"), Wanted::AllBut(Vec::new()));
    Ok(ok(&view::issue(&site, issue, &wanted, &query.list("properties"))))
}

/// A change of an issue; the same bodies as for creating one.
pub(super) async fn edit(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let edit: Create = parse(&body)?;
    let properties = properties(edit.properties)?;
    let mut site = shared.site();
    let project = site.issue(&id).ok_or_else(Refusal::no_issue)?.project.clone();
    if !site.permits("EDIT_ISSUES") {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "You do not have permission to edit issues in this project."));
    }
    fields::check_edit(&site, &project, &edit.fields)?;
    site.edit(&id, (edit.fields, properties), now());
    Ok(empty(StatusCode::NO_CONTENT))
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

/// The way back to work that asks what a program cannot answer.
const ASKING: &str = "41";

/// Every status can be reached from every other, itself excepted, unless a finished issue stays so.
fn ways(site: &Site, status: Status) -> Vec<Status> {
    let stays = status == Status::Done && site.settings.workflow == Workflow::Final;
    let open = Status::ALL.into_iter().filter(|to| *to != status && !stays && site.permits("TRANSITION_ISSUES"));
    open.collect()
}

pub(super) async fn transitions(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let describe = |id: &str, to: Status| {
        json!({"id": id, "name": to.name(), "to": view::status(&site, to), "hasScreen": id == ASKING,
            "isGlobal": true, "isInitial": false, "isAvailable": true, "isConditional": false, "looped": false})
    };
    let open = ways(&site, issue.status);
    let mut transitions = Vec::new();
    if issue.status == Status::Done && !open.is_empty() {
        let mut asking = describe(ASKING, Status::ToDo);
        if query.list("expand").iter().any(|name| name == "transitions.fields") {
            let field = json!({"required": true, "hasDefaultValue": false, "key": "customfield_10099",
                "name": "Why again", "operations": ["set"], "schema": {"type": "string"}});
            put(&mut asking, "fields", json!({"customfield_10099": field}));
        }
        transitions.push(asking);
    }
    transitions.extend(open.into_iter().map(|to| describe(to.transition_id(), to)));
    Ok(ok(&json!({"expand": "transitions", "transitions": transitions})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    transition: Named,
    #[serde(default)]
    properties: Vec<Property>,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: String,
}

pub(super) async fn transition(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let wanted: Move = parse(&body)?;
    let properties = properties(wanted.properties)?;
    let mut site = shared.site();
    let status = site.issue(&id).ok_or_else(Refusal::no_issue)?.status;
    let open = ways(&site, status);
    if wanted.transition.id == ASKING && !open.is_empty() {
        return Err(Refusal::field("customfield_10099", "Why again is required."));
    }
    let kept = site.settings.sent_properties;
    let issue = site.issue_mut(&id, now()).ok_or_else(Refusal::no_issue)?;
    let Some(to) = open.into_iter().find(|to| to.transition_id() == wanted.transition.id) else {
        let id = wanted.transition.id;
        return Err(Refusal::bad(format!("Transition id '{id}' is not valid for this issue.")));
    };
    issue.status = to;
    issue.moves.push(to);
    match kept {
        SentProperties::Kept => issue.properties.extend(properties),
        SentProperties::Dropped => {}
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
