//! What ties an issue to people, to other issues and to elsewhere: watchers, links, remote links.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::answer::{Refusal, jira, ok};
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{LINK_TYPES, Link, LinkEnd, Product, RemoteLink, Site};
use super::super::view;
use super::{Answer, Caller, Parameters, empty, parse};

/// Jira's limit for one issue, for links of either kind.
const MOST_LINKS: usize = 2_000;

pub(super) async fn watchers(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let watchers: Vec<Value> = issue.watchers.iter().map(|id| view::user(&site, id)).collect();
    let is_watching = issue.watchers.iter().any(|id| **id == *caller.0);
    Ok(ok(&json!({"self": format!("{}/watchers", view::issue_url(&site, issue)), "isWatching": is_watching,
        "watchCount": watchers.len(), "watchers": watchers})))
}

/// The body is a bare JSON string; without one the caller watches.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let named: Option<String> = if body.is_empty() { None } else { Some(parse(&body)?) };
    let mut site = shared.site();
    let account = match (named, site.product) {
        (None, _) => Some(caller.0.to_string()),
        (Some(id), Product::Cloud) => site.account(&id).map(|account| account.id.clone()),
        (Some(name), Product::DataCenter) => site.named(&json!({"name": name})).map(|account| account.id.clone()),
    };
    let Some(account) = account else { return Err(Refusal::bad("The user does not exist.")) };
    if account != *caller.0 && !site.permits("MANAGE_WATCHERS") {
        let status = match site.product {
            Product::Cloud => StatusCode::FORBIDDEN,
            Product::DataCenter => StatusCode::UNAUTHORIZED,
        };
        return Err(Refusal::new(status, "You do not have permission to manage the watcher list."));
    }
    let issue = site.issue_mut(&id, now()).ok_or_else(Refusal::no_issue)?;
    if !issue.watchers.contains(&account) {
        issue.watchers.push(account);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn link_types(State(shared): State<Arc<Shared>>) -> Response {
    let site = shared.site();
    let types: Vec<Value> = LINK_TYPES.iter().map(|kind| view::link_type(&site, kind)).collect();
    ok(&json!({"issueLinkTypes": types}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewLink {
    r#type: Named,
    inward_issue: Named,
    outward_issue: Named,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: Option<String>,
    key: Option<String>,
    name: Option<String>,
}

impl Named {
    fn issue_key(&self, site: &Site) -> Result<String, Refusal> {
        let name = self.key.as_deref().or(self.id.as_deref()).unwrap_or_default();
        site.issue(name).map(|issue| issue.key.clone()).ok_or_else(Refusal::no_issue)
    }
}

/// The same link again changes nothing, and is answered alike.
pub(super) async fn link(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewLink = parse(&body)?;
    let mut site = shared.site();
    let is_it = |id: &str, name: &str| new.r#type.id.as_deref() == Some(id) || new.r#type.name.as_deref() == Some(name);
    let Some(kind) = LINK_TYPES.iter().find(|kind| is_it(kind.id, kind.name)) else {
        let message = "No issue link type with that name or id was found.";
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    };
    let (inward, outward) = (new.inward_issue.issue_key(&site)?, new.outward_issue.issue_key(&site)?);
    let id = site.next_id();
    let ends = [(&inward, &outward, LinkEnd::Outward), (&outward, &inward, LinkEnd::Inward)];
    for (issue, other, end) in ends {
        let issue = site.issue_mut(issue, now()).ok_or_else(Refusal::no_issue)?;
        let known = |link: &Link| link.kind == kind && link.other == *other && link.end == end;
        if issue.links.len() >= MOST_LINKS {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The issue has reached its limit of links."));
        }
        if !issue.links.iter().any(known) {
            issue.links.push(Link { id, kind, other: other.clone(), end });
        }
    }
    Ok(empty(StatusCode::CREATED))
}

pub(super) async fn remote_links(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let Some(wanted) = query.get("globalId") else {
        return Ok(ok(&issue.remote_links.iter().map(|link| view::remote_link(&site, issue, link)).collect()));
    };
    let link = issue.remote_links.iter().find(|link| link.global_id.as_deref() == Some(wanted));
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "No remote link with that global id was found.");
    link.map(|link| ok(&view::remote_link(&site, issue, link))).ok_or_else(missing)
}

/// A link with the same `globalId` is changed, not doubled.
pub(super) async fn set_remote_link(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let link: Map<String, Value> = parse(&body)?;
    let text = |name: &str| link.get("object").and_then(|object| object.get(name)).and_then(Value::as_str);
    if text("url").is_none_or(str::is_empty) || text("title").is_none_or(str::is_empty) {
        return Err(Refusal::field("object", "A remote link needs a title and a url."));
    }
    let global_id = link.get("globalId").and_then(Value::as_str).map(str::to_owned);
    let mut site = shared.site();
    let link_id = site.next_id();
    let issue = site.issue_mut(&id, now()).ok_or_else(Refusal::no_issue)?;
    let known = issue.remote_links.iter_mut().find(|known| global_id.is_some() && known.global_id == global_id);
    let (status, link_id) = match known {
        Some(known) => {
            known.link = link;
            (StatusCode::OK, known.id)
        }
        None => {
            issue.remote_links.push(RemoteLink { id: link_id, global_id, link });
            (StatusCode::CREATED, link_id)
        }
    };
    let key = issue.key.clone();
    let url = format!("{}/issue/{key}/remotelink/{link_id}", site.rest());
    Ok(jira(status, &json!({"id": link_id, "self": url})))
}
