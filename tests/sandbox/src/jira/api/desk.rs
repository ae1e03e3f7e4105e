//! Service Management: request types, requests, customers, files. It takes only what a request type's form has, and some of it only
//! from those who say that they know it is experimental.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{jira, ok};
use super::super::desk::{Desk, RequestFacts, RequestType, SeenBy};
use super::super::fields::{Field, FieldKind};
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{Account, Issue, NewIssue, Product, Project, Site};
use super::super::view;
use super::{Caller, Parameters, attachments, empty};

/// What handlers answer.
type Answer = Result<Response, Refusal>;

/// A refusal in Service Management's own form.
pub(super) struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    fn gone(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("{what} does not exist, or may not be seen."))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let key = json!({"i18nKey": "sd.error", "parameters": []});
        jira(self.0, &json!({"errorMessage": self.1, "i18nErrorMessage": key}))
    }
}

pub(super) fn router(rest: &str) -> Router<Arc<Shared>> {
    let at = |path: &str| format!("{rest}{path}");
    Router::new()
        .route(&at("/servicedesk/{desk}/requesttype"), get(request_types))
        .route(&at("/servicedesk/{desk}/requesttype/{kind}/field"), get(form))
        .route(&at("/servicedesk/{desk}/customer"), get(customers).post(admit))
        .route(&at("/servicedesk/{desk}/attachTemporaryFile"), post(put_down))
        .route(&at("/customer"), post(create_customer))
        .route(&at("/request"), post(raise))
        .route(&at("/request/{issue}"), get(get_request))
        .route(&at("/request/{issue}/attachment"), post(attach))
        .route(&at("/request/{issue}/participant"), get(participants).post(add_participants))
}

fn desk<'s>(site: &'s Site, name: &str) -> Result<(&'s Project, &'s Desk), Refusal> {
    let found = site.projects.iter().filter_map(|project| Some((project, project.desk.as_ref()?)));
    let mut found = found.filter(|(project, desk)| desk.id == name || project.key == name || project.id == name);
    found.next().ok_or_else(|| Refusal::gone("The service desk"))
}

fn kind<'d>(desk: &'d Desk, id: &str) -> Result<&'d RequestType, Refusal> {
    desk.request_types.iter().find(|kind| kind.id == id).ok_or_else(|| Refusal::gone("The request type"))
}

/// 412 for who does not say that they know it may change.
fn opted_in(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("x-experimentalapi").and_then(|value| value.to_str().ok()) {
        Some("opt-in" | "true") => Ok(()),
        Some(_) | None => Err(Refusal(StatusCode::PRECONDITION_FAILED, "This resource is experimental.".to_owned())),
    }
}

async fn request_types(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let (_, desk) = desk(&site, &name)?;
    let number = |name, default| query.number(name, default).map_err(|_| Refusal::bad("not a number"));
    let (start, limit) = (number("start", 0)?, number("limit", 50)?.clamp(1, 100));
    let page = desk.request_types.iter().skip(start).take(limit).map(
        |kind| json!({"id": kind.id, "name": kind.name, "serviceDeskId": desk.id, "issueTypeId": kind.issue_type}),
    );
    let values: Vec<Value> = page.collect();
    let last = start + values.len() >= desk.request_types.len();
    Ok(ok(&json!({"start": start, "limit": limit, "size": values.len(), "isLastPage": last, "values": values})))
}

async fn form(State(shared): State<Arc<Shared>>, Path((name, id)): Path<(String, String)>) -> Answer {
    let site = shared.site();
    let (project, desk) = desk(&site, &name)?;
    let kind = kind(desk, &id)?;
    let is_required = |field: &String| field == "summary" || kind.required.contains(field);
    let fields = kind.on_form().map(|id| {
        let known = project.fields.iter().find(|field| field.id == *id);
        let name = known.map_or(id, |field| &field.name);
        let schema = known.map_or_else(|| json!({"type": "string"}), Field::schema);
        json!({"fieldId": id, "name": name, "required": is_required(id), "validValues": [], "jiraSchema": schema,
            "visible": true})
    });
    Ok(ok(&json!({"requestTypeFields": fields.collect::<Vec<_>>(),
        "canRaiseOnBehalfOf": kind.raises_for_customers, "canAddRequestParticipants": kind.takes_participants})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raise {
    service_desk_id: String,
    request_type_id: String,
    request_field_values: Map<String, Value>,
    #[serde(default)]
    raise_on_behalf_of: Option<String>,
    #[serde(default)]
    request_participants: Vec<String>,
}

fn body<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("The body cannot be read: {error}")))
}

/// The account of a name as the product uses names.
fn person<'s>(site: &'s Site, name: &str) -> Option<&'s Account> {
    match site.product {
        Product::Cloud => site.account(name),
        Product::DataCenter => site.accounts.iter().find(|account| account.username() == name),
    }
}

async fn raise(State(shared): State<Arc<Shared>>, Extension(caller): Extension<Caller>, sent: Bytes) -> Answer {
    let raise: Raise = body(&sent)?;
    let mut site = shared.site();
    let new = new_request(&site, &raise)?;
    let people: Option<Vec<String>> =
        raise.request_participants.iter().map(|name| person(&site, name).map(|account| account.id.clone())).collect();
    let people = people.ok_or_else(|| Refusal::bad("One of the participants does not exist."))?;
    // Nobody documents who counts as the creator of what is raised for another.
    let customer = new.reporter.clone().filter(|_| site.product == Product::DataCenter);
    let creator = customer.unwrap_or_else(|| caller.0.to_string());
    let key = site.create_issue(new, &creator, now()).map(|issue| issue.key.clone());
    let key = key.ok_or_else(|| Refusal::gone("The project"))?;
    let issue = site.issue_mut(&key, now()).ok_or_else(|| Refusal::gone("The request"))?;
    let request = RequestFacts { kind: raise.request_type_id, participants: people, files: Vec::new() };
    issue.request = Some(request);
    let answer = json!({"issueId": issue.id.to_string(), "issueKey": issue.key});
    Ok(jira(StatusCode::CREATED, &answer))
}

/// What Cloud makes of wiki markup.
fn document(markup: &str) -> Value {
    let line = |line: &str| json!({"type": "paragraph", "content": [{"type": "text", "text": line}]});
    let lines: Vec<Value> = markup.lines().filter(|line| !line.is_empty()).map(line).collect();
    json!({"type": "doc", "version": 1, "content": lines})
}

fn new_request(site: &Site, raise: &Raise) -> Result<NewIssue, Refusal> {
    let (project, desk) = desk(site, &raise.service_desk_id)?;
    let kind = kind(desk, &raise.request_type_id)?;
    if let Some(stray) = raise.request_field_values.keys().find(|field| kind.on_form().all(|known| known != *field)) {
        return Err(Refusal::bad(format!("Field '{stray}' is not on the form of the request type.")));
    }
    let name =
        |id: &String| project.fields.iter().find(|field| field.id == *id).map_or(id, |field| &field.name).clone();
    for (id, value) in &raise.request_field_values {
        let field = project.fields.iter().find(|field| field.id == *id);
        let fault = field.and_then(|field| field.fault_on_a_form(value, site).err());
        fault.map_or(Ok(()), |fault| Err(Refusal::bad(format!("{}: {fault}", name(id)))))?;
    }
    let text = |field: &str| raise.request_field_values.get(field).map(|value| value.as_str().map(str::to_owned));
    let Some(Some(summary)) = text("summary").filter(|summary| summary.as_ref().is_some_and(|text| !text.is_empty()))
    else {
        return Err(Refusal::bad("You must specify a summary."));
    };
    let mut asked = kind.required.iter().chain(&kind.demanded);
    if let Some(lacking) = asked.find(|field| !raise.request_field_values.contains_key(*field)) {
        return Err(Refusal::bad(format!("{} is required.", name(lacking))));
    }
    let mut fields = raise.request_field_values.clone();
    fields.remove("summary");
    let is_rich = |id: &String| project.fields.iter().any(|field| field.id == *id && field.kind == FieldKind::Rich);
    for (_, value) in fields.iter_mut().filter(|(id, _)| is_rich(id)) {
        if let (Product::Cloud, Value::String(text)) = (site.product, &value) {
            *value = document(text);
        }
    }
    let reporter = match &raise.raise_on_behalf_of {
        Some(_) if !kind.raises_for_customers => return Err(Refusal::bad("You may not raise it on behalf of others.")),
        Some(name) => Some(person(site, name).ok_or_else(|| Refusal::bad("The customer does not exist."))?.id.clone()),
        None => None,
    };
    if !raise.request_participants.is_empty() && !kind.takes_participants {
        return Err(Refusal::bad("Participants cannot be added to this request type."));
    }
    let issue_type = project.issue_types.iter().find(|known| known.id == kind.issue_type);
    let issue_type = issue_type.ok_or_else(|| Refusal::gone("The issue type"))?.clone();
    Ok(NewIssue { project: project.key.clone(), issue_type, summary, reporter, fields, properties: Default::default() })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCustomer {
    email: String,
    #[serde(alias = "fullName")]
    display_name: String,
}

async fn create_customer(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>, sent: Bytes) -> Answer {
    let new: NewCustomer = body(&sent)?;
    let mut site = shared.site();
    if !site.permits("ADMINISTER") {
        return Err(Refusal(StatusCode::FORBIDDEN, "Only administrators make customers.".to_owned()));
    }
    if site.accounts.iter().any(|account| account.email.eq_ignore_ascii_case(&new.email)) {
        let strict = query.get("strictConflictStatusCode") == Some("true");
        let status = if strict { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
        return Err(Refusal(status, "An account already exists for this email".to_owned()));
    }
    let account = Account::customer(&new.display_name, &new.email);
    site.accounts.push(account.clone());
    Ok(jira(StatusCode::CREATED, &view::account(&site, &account)))
}

async fn customers(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Answer {
    opted_in(&headers)?;
    let site = shared.site();
    let (_, desk) = desk(&site, &name)?;
    let wanted = query.get("query").unwrap_or_default().to_lowercase();
    let found = site.accounts.iter().filter(|account| desk.customers.contains(&account.id) || account.token.is_none());
    let values: Vec<Value> = found
        .filter(|account| {
            account.email.to_lowercase().contains(&wanted) || account.name.to_lowercase().contains(&wanted)
        })
        .map(|account| view::account(&site, account))
        .collect();
    Ok(ok(&json!({"start": 0, "size": values.len(), "isLastPage": true, "values": values})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Admit {
    #[serde(default, alias = "usernames")]
    account_ids: Vec<String>,
}

async fn admit(State(shared): State<Arc<Shared>>, Path(name): Path<String>, sent: Bytes) -> Answer {
    let admit: Admit = body(&sent)?;
    let mut site = shared.site();
    let ids: Vec<String> = admit.account_ids.iter().filter_map(|name| Some(person(&site, name)?.id.clone())).collect();
    let (key, _) = desk(&site, &name).map(|(project, desk)| (project.key.clone(), desk.id.clone()))?;
    if let Some(desk) = site.projects.iter_mut().find(|project| project.key == key).and_then(|one| one.desk.as_mut()) {
        desk.customers.extend(ids);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A file that belongs to no request yet.
async fn put_down(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    if let Err(refusal) = opted_in(request.headers()).and_then(|()| desk(&shared.site(), &name).map(drop)) {
        return refusal.into_response();
    }
    let files = match attachments::received(&shared, &caller, request).await {
        Ok(files) => files,
        Err(refusal) => return refusal.into_response(),
    };
    let mut site = shared.site();
    let put_down: Vec<Value> = files
        .into_iter()
        .map(|file| {
            let (id, name) = (format!("temp{}", site.next_id()), file.name.clone());
            site.temporary.insert(id.clone(), file);
            json!({"temporaryAttachmentId": id, "fileName": name})
        })
        .collect();
    jira(StatusCode::CREATED, &json!({"temporaryAttachments": put_down}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attach {
    temporary_attachment_ids: Vec<String>,
    public: bool,
}

fn request<'s>(site: &'s Site, name: &str) -> Result<&'s Issue, Refusal> {
    let found = site.issue(name).filter(|issue| issue.request.is_some());
    found.ok_or_else(|| Refusal::gone("The request"))
}

async fn get_request(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let site = shared.site();
    let issue = request(&site, &name)?;
    let kind = issue.request.as_ref().map(|facts| facts.kind.clone());
    Ok(ok(&json!({"issueId": issue.id.to_string(), "issueKey": issue.key, "requestTypeId": kind})))
}

async fn attach(State(shared): State<Arc<Shared>>, Path(name): Path<String>, sent: Bytes) -> Answer {
    let attach: Attach = body(&sent)?;
    let mut site = shared.site();
    let key = request(&site, &name)?.key.clone();
    if attach.temporary_attachment_ids.iter().any(|id| !site.temporary.contains_key(id)) {
        return Err(Refusal::bad("One of the temporary attachments does not exist any more."));
    }
    for id in &attach.temporary_attachment_ids {
        let Some(file) = site.temporary.remove(id) else { continue };
        let seen_by = if attach.public { SeenBy::Customers } else { SeenBy::Agents };
        let name = file.name.clone();
        site.add_attachment(&key, file);
        if let Some(request) = site.issue_mut(&key, now()).and_then(|issue| issue.request.as_mut()) {
            request.files.push((name, seen_by));
        }
    }
    Ok(jira(StatusCode::CREATED, &json!({"comment": {"public": attach.public}, "attachments": {"values": []}})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewParticipants {
    #[serde(alias = "usernames")]
    account_ids: Vec<String>,
}

async fn add_participants(State(shared): State<Arc<Shared>>, Path(name): Path<String>, sent: Bytes) -> Answer {
    let NewParticipants { account_ids } = body(&sent)?;
    {
        let mut site = shared.site();
        let (key, kind_of) = {
            let issue = request(&site, &name)?;
            (issue.key.clone(), issue.request.as_ref().map(|facts| facts.kind.clone()).unwrap_or_default())
        };
        let (project, _) = key.rsplit_once('-').unwrap_or_default();
        if !kind(desk(&site, project)?.1, &kind_of)?.takes_participants {
            return Err(Refusal::bad("Participants cannot be added to this request type."));
        }
        let ids: Option<Vec<String>> =
            account_ids.iter().map(|name| person(&site, name).map(|account| account.id.clone())).collect();
        let ids = ids.ok_or_else(|| Refusal::bad("One of the participants does not exist."))?;
        if let Some(facts) = site.issue_mut(&key, now()).and_then(|issue| issue.request.as_mut()) {
            let known = facts.participants.clone();
            facts.participants.extend(ids.into_iter().filter(|id| !known.contains(id)));
        }
    }
    participants(State(shared), Path(name)).await
}

async fn participants(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let site = shared.site();
    let people = request(&site, &name)?.request.iter().flat_map(|request| &request.participants);
    let people = people.filter_map(|id| site.account(id));
    let values: Vec<Value> = people.map(|account| view::account(&site, account)).collect();
    Ok(ok(&json!({"size": values.len(), "isLastPage": true, "values": values})))
}
