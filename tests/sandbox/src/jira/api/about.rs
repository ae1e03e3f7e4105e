//! What Jira tells about itself: server, people, permissions, projects, fields. Nothing here writes.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, response::Response};
use serde_json::{Map, Value, json};

use super::super::answer::{Refusal, ok, put, time};
use super::super::fields::{Field, FieldKind, Need};
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{Account, Product, Project, Shelf, Site};
use super::super::view;
use super::{Answer, Caller, Parameters};

const PERMISSIONS: [&str; 20] = [
    "ADMINISTER",
    "ADMINISTER_PROJECTS",
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "ADD_COMMENTS",
    "EDIT_OWN_COMMENTS",
    "CREATE_ATTACHMENTS",
    "DELETE_OWN_ATTACHMENTS",
    "MODIFY_REPORTER",
    "ASSIGN_ISSUES",
    "ASSIGNABLE_USER",
    "TRANSITION_ISSUES",
    "RESOLVE_ISSUES",
    "CLOSE_ISSUES",
    "LINK_ISSUES",
    "MANAGE_WATCHERS",
    "VIEW_VOTERS_AND_WATCHERS",
    "USER_PICKER",
    "SCHEDULE_ISSUES",
];

pub(super) async fn server_info(State(shared): State<Arc<Shared>>) -> Response {
    let site = shared.site();
    let ((version, numbers), deployment) = match site.product {
        Product::Cloud => (("1001.0.0-SNAPSHOT", [1001, 0, 0]), "Cloud"),
        Product::DataCenter => (site.settings.release.version(), "DataCenter"),
    };
    ok(&json!({"baseUrl": site.url, "displayUrl": site.url, "version": version,
        "versionNumbers": numbers, "deploymentType": deployment, "buildNumber": 100_287,
        "buildDate": "2026-11-01T00:00:00.000+0000", "serverTime": time(now(), &site.time_zone),
        "scmInfo": "sandbox", "serverTitle": "Jira (sandbox)", "serverTimeZone": view::zone_name(&site.time_zone)}))
}

pub(super) async fn myself(State(shared): State<Arc<Shared>>, Extension(caller): Extension<Caller>) -> Response {
    let site = shared.site();
    let Some(account) = site.account(&caller.0) else {
        return super::unauthorized();
    };
    let mut answer = view::account(&site, account);
    put(&mut answer, "emailAddress", json!(account.email));
    put(&mut answer, "locale", json!("en_GB"));
    ok(&answer)
}

pub(super) async fn my_permissions(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>) -> Answer {
    let site = shared.site();
    let asked = match site.product {
        Product::Cloud => query.list("permissions"),
        Product::DataCenter => PERMISSIONS.map(str::to_owned).to_vec(), // it has no such parameter, and tells all
    };
    if asked.is_empty() {
        return Err(Refusal::bad("The 'permissions' query parameter is required."));
    }
    if let Some(key) = query.get("projectKey").or_else(|| query.get("projectId"))
        && site.project(key).is_none()
    {
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("No project could be found with key '{key}'.")));
    }
    let issue =
        query.get("issueKey").or_else(|| query.get("issueId")).map(|id| site.issue(id).ok_or_else(Refusal::no_issue));
    let quiet = issue.transpose()?.is_some_and(|issue| site.shelf(issue) == Some(Shelf::Quiet));
    let mut permissions = Map::new();
    for key in asked {
        let Some(index) = PERMISSIONS.iter().position(|known| *known == key) else {
            return Err(Refusal::bad(format!("Unrecognized permission: {key}")));
        };
        let kind = if key == "ADMINISTER" || key == "USER_PICKER" { "GLOBAL" } else { "PROJECT" };
        let permission = json!({"id": (10 + index).to_string(), "key": key, "name": key, "type": kind,
            "description": "", "havePermission": site.permits(&key) && key != "ADMINISTER" && !(quiet && key == "ADD_COMMENTS")});
        permissions.insert(key, permission);
    }
    Ok(ok(&json!({"permissions": permissions})))
}

pub(super) async fn projects(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>) -> Answer {
    let site = shared.site();
    let (start, most) = (query.number("startAt", 0)?, query.number("maxResults", 50)?);
    let keys = query.list("keys");
    let wanted = query.get("query").unwrap_or_default().to_lowercase();
    let fits = |project: &&Project| {
        (keys.is_empty() || keys.contains(&project.key))
            && (project.key.to_lowercase().contains(&wanted) || project.name.to_lowercase().contains(&wanted))
    };
    let with_lead = query.list("expand").iter().any(|name| name == "lead");
    let show = |project: &Project| {
        let mut shown = view::project(&site, project);
        if let Some(lead) = site.accounts.last().filter(|_| with_lead) {
            put(&mut shown, "lead", view::account(&site, lead));
        }
        shown
    };
    let statuses = query.list("status");
    let wants = |status: &str| statuses.iter().any(|wanted| wanted == status);
    let has_status = |project: &&Project| match site.settings.shelved.get(&project.key) {
        Some(Shelf::Archived) => wants("archived"),
        Some(Shelf::Quiet | Shelf::Hidden) | None => wants("live") || statuses.is_empty(),
    };
    let found: Vec<Value> = site.projects.iter().filter(fits).filter(has_status).map(show).collect();
    let total = found.len();
    let values: Vec<Value> = found.into_iter().skip(start).take(most).collect();
    Ok(ok(&json!({"self": format!("{}/project/search", site.rest()), "startAt": start, "maxResults": most,
        "total": total, "isLast": start + values.len() >= total, "values": values})))
}

pub(super) async fn project(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Answer {
    let site = shared.site();
    let project = find(&site, &key)?;
    let mut answer = view::project(&site, project);
    if let Some(lead) = site.accounts.last() {
        put(&mut answer, "lead", view::account(&site, lead));
    }
    put(&mut answer, "issueTypes", project.issue_types.iter().map(|kind| view::issue_type(&site, kind)).collect());
    Ok(ok(&answer))
}

fn find<'a>(site: &'a Site, key: &str) -> Result<&'a Project, Refusal> {
    let missing = || Refusal::new(StatusCode::NOT_FOUND, format!("No project could be found with key '{key}'."));
    site.project(key).ok_or_else(missing)
}

pub(super) async fn fields(State(shared): State<Arc<Shared>>) -> Response {
    let site = shared.site();
    let mut seen: Vec<&Field> = Vec::new();
    for field in site.projects.iter().flat_map(|project| &project.fields) {
        if !seen.iter().any(|known| known.id == field.id) {
            seen.push(field);
        }
    }
    let describe = |field: &Field| {
        json!({"id": field.id, "key": field.id, "name": field.name, "custom": field.id.starts_with("customfield_"),
            "orderable": true, "navigable": true, "searchable": true, "clauseNames": [field.id],
            "schema": field.schema()})
    };
    ok(&seen.into_iter().map(describe).collect())
}

pub(super) async fn issue_types(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let project = find(&site, &key)?;
    let (start, most) = (query.number("startAt", 0)?, query.number("maxResults", 50)?);
    let page = project.issue_types.iter().skip(start).take(most).map(|kind| view::issue_type(&site, kind));
    let page: Vec<Value> = page.collect();
    Ok(ok(&json!({"startAt": start, "maxResults": most, "total": project.issue_types.len(),
        list_key(&site, "issueTypes"): page})))
}

pub(super) async fn create_fields(
    State(shared): State<Arc<Shared>>,
    Path((key, issue_type)): Path<(String, String)>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let project = find(&site, &key)?;
    if !project.issue_types.iter().any(|known| known.id == issue_type) {
        return Err(Refusal::bad("Specify a valid issue type"));
    }
    let (start, most) = (query.number("startAt", 0)?, query.number("maxResults", 50)?);
    let shown = project.fields.iter().filter(|field| field.id != "reporter" || site.permits("MODIFY_REPORTER"));
    let fields: Vec<Value> = shown.map(|field| create_field(&site, project, field)).collect();
    let total = fields.len();
    let page: Vec<Value> = fields.into_iter().skip(start).take(most).collect();
    Ok(ok(&json!({"startAt": start, "maxResults": most, "total": total, list_key(&site, "fields"): page})))
}

fn list_key(site: &Site, cloud: &'static str) -> &'static str {
    match site.product {
        Product::Cloud => cloud,
        Product::DataCenter => "values",
    }
}

fn create_field(site: &Site, project: &Project, field: &Field) -> Value {
    let has_default = matches!(field.id.as_str(), "reporter" | "priority");
    let mut answer = json!({"fieldId": field.id, "key": field.id, "name": field.name, "operations": ["set"],
        "required": field.need == Need::Required, "hasDefaultValue": has_default, "schema": field.schema()});
    let name_key = if matches!(field.kind, FieldKind::Option(_) | FieldKind::Options(_) | FieldKind::Cascading(..)) {
        "value"
    } else {
        "name"
    };
    if let Some(choices) = field.choices() {
        put(
            &mut answer,
            "allowedValues",
            choices.iter().map(|choice| json!({"id": choice.id, name_key: choice.name})).collect(),
        );
    }
    match field.id.as_str() {
        "project" => put(&mut answer, "allowedValues", json!([view::project(site, project)])),
        "issuetype" => {
            put(
                &mut answer,
                "allowedValues",
                project.issue_types.iter().map(|kind| view::issue_type(site, kind)).collect(),
            );
        }
        _ => {}
    }
    answer
}

pub(super) async fn user(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>) -> Answer {
    let site = shared.site();
    let account = match site.product {
        Product::Cloud => query.get("accountId").and_then(|id| site.account(id)),
        Product::DataCenter => query.get("username").and_then(|name| site.named(&json!({"name": name}))),
    };
    let missing =
        || Refusal::new(StatusCode::NOT_FOUND, "Specified user does not exist or you do not have required permissions");
    account.map(|account| ok(&view::account(&site, account))).ok_or_else(missing)
}

/// Jira compares the beginnings of words of the name, and of the address. Without the permission it finds nobody,
/// which is no error.
pub(super) async fn search_users(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>) -> Answer {
    let site = shared.site();
    found_users(&site, &query, |_| site.permits("USER_PICKER"))
}

pub(super) async fn search_assignable(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>) -> Answer {
    let site = shared.site();
    find(&site, query.get("project").unwrap_or_default())?;
    found_users(&site, &query, |account| !site.settings.unassignable.contains(&account.email))
}

fn found_users(site: &Site, query: &Parameters, may_be: impl Fn(&Account) -> bool) -> Answer {
    let (start, most) = (query.number("startAt", 0)?, query.number("maxResults", 50)?);
    let parameter = match site.product {
        Product::Cloud => "query",
        Product::DataCenter => "username",
    };
    let Some(wanted) = query.get(parameter).map(str::to_lowercase) else {
        return Err(Refusal::bad("A search parameter must be specified: 'query', 'accountId' or 'property'."));
    };
    let fits = |account: &&Account| {
        let name = account.name.to_lowercase();
        let by_name = name.starts_with(&wanted) || name.split(' ').any(|word| word.starts_with(&wanted));
        let by_username = site.product == Product::DataCenter && account.username().starts_with(&wanted);
        may_be(account) && (by_name || by_username || account.email.to_lowercase().starts_with(&wanted))
    };
    let found = site.accounts.iter().filter(fits).skip(start).take(most);
    Ok(ok(&found.map(|account| view::account(site, account)).collect()))
}
