//! Comments and their properties. What is written is there to be read at once: lists do not come from the index.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Refusal, jira, ok};
use super::super::fields;
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{Comment, CommentProperties, Discretion, Issue, Product, SentProperties, Shelf, Site};
use super::super::view;
use super::{
    Answer, Caller, Parameters, Property, check_property, empty, parse, properties, read_property, write_property,
};

/// Jira's limit for one issue.
const MOST_COMMENTS: usize = 5_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    body: Value,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    visibility: Option<Visibility>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Visibility {
    r#type: Audience,
    value: Option<String>,
    identifier: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Audience {
    Role,
    Group,
}

impl Visibility {
    fn json(self) -> Result<Value, Refusal> {
        let Some(name) = self.value.as_ref().or(self.identifier.as_ref()) else {
            return Err(Refusal::field("commentLevel", "A visibility must name a role or a group."));
        };
        let kind = match self.r#type {
            Audience::Role => "role",
            Audience::Group => "group",
        };
        Ok(json!({"type": kind, "value": name, "identifier": self.identifier.as_ref().unwrap_or(name)}))
    }
}

pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let add: Add = parse(&body)?;
    let mut properties = properties(add.properties)?;
    let mut visibility = add.visibility.map(Visibility::json).transpose()?;
    let mut site = shared.site();
    if site.settings.discretion == Discretion::Overlooked {
        properties.remove("sd.public.comment");
        visibility = None;
    }
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    may_comment(&site, issue, &caller)?;
    if issue.comments.len() >= MOST_COMMENTS {
        let message = "The issue has reached the limit of 5000 comments.";
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let is_empty = add.body.get("content").and_then(Value::as_array).is_some_and(Vec::is_empty)
        || add.body.as_str().is_some_and(|text| text.trim().is_empty());
    if is_empty {
        return Err(Refusal::field("comment", "Comment body can not be empty!"));
    }
    fields::rich(&add.body, &site).map_err(|message| Refusal::field("comment", message))?;
    let properties = match site.settings.sent_properties {
        SentProperties::Kept => properties,
        SentProperties::Dropped => Default::default(),
    };
    let key = issue.key.clone();
    let author = caller.0.to_string();
    let comment = Comment { id: 0, author, body: add.body, created: now(), properties, visibility };
    let id = site.add_comment(&key, comment).ok_or_else(Refusal::no_issue)?.id;
    let (issue, comment) = site.comment(id).ok_or_else(Refusal::no_issue)?;
    Ok(jira(StatusCode::CREATED, &view::comment(&site, issue, comment, &["properties"])))
}

/// Data Center says 400 to who may not.
fn may_comment(site: &Site, issue: &Issue, caller: &Caller) -> Result<(), Refusal> {
    let status = match site.product {
        Product::Cloud => StatusCode::FORBIDDEN,
        Product::DataCenter => StatusCode::BAD_REQUEST,
    };
    let not_allowed = || format!("{}, you do not have the permission to comment on this issue.", caller.0);
    match site.shelf(issue) {
        Some(Shelf::Hidden) => Err(Refusal::hidden(site.product)),
        Some(Shelf::Archived) => Err(Refusal::new(status, "You can't comment on an archived issue.")),
        Some(Shelf::Quiet) => Err(Refusal::new(status, not_allowed())),
        None if site.permits("ADD_COMMENTS") => Ok(()),
        None => Err(Refusal::new(status, not_allowed())),
    }
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let (start, most) = (query.number("startAt", 0)?, query.number("maxResults", 100)?.min(5_000));
    let mut comments: Vec<&Comment> = issue.comments.iter().collect();
    match query.get("orderBy") {
        None | Some("created" | "+created") => {}
        Some("-created") => comments.reverse(),
        Some(other) => return Err(Refusal::bad(format!("Cannot order comments by '{other}'."))),
    }
    let expand = expanded(&site, &query);
    let expand: Vec<&str> = expand.iter().map(String::as_str).collect();
    let page = comments.iter().skip(start).take(most).map(|comment| view::comment(&site, issue, comment, &expand));
    let page: Vec<Value> = page.collect();
    Ok(ok(&json!({"startAt": start, "maxResults": most, "total": comments.len(), "comments": page})))
}

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path((id, comment)): Path<(String, String)>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    let comment = issue.comments.iter().find(|found| found.id.to_string() == comment).ok_or_else(no_comment)?;
    let expand = expanded(&site, &query);
    let expand: Vec<&str> = expand.iter().map(String::as_str).collect();
    Ok(ok(&view::comment(&site, issue, comment, &expand)))
}

/// What is shown besides, as far as this Jira shows it.
fn expanded(site: &Site, query: &Parameters) -> Vec<String> {
    let mut expand = query.list("expand");
    match site.settings.comment_properties {
        CommentProperties::Listed => {}
        CommentProperties::NotListed => expand.retain(|name| name != "properties"),
    }
    expand
}

/// Properties that are not sent stay as they are; without a visibility the comment is for all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    body: Value,
    #[serde(default)]
    visibility: Option<Visibility>,
}

pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Path((id, comment)): Path<(String, u64)>,
    body: Bytes,
) -> Answer {
    let Edit { body, visibility } = parse(&body)?;
    let visibility = visibility.map(Visibility::json).transpose()?;
    let mut site = shared.site();
    site.issue(&id).ok_or_else(Refusal::no_issue)?;
    if !site.permits("EDIT_OWN_COMMENTS") {
        return Err(Refusal::bad("You do not have the permission to edit this comment."));
    }
    fields::rich(&body, &site).map_err(|message| Refusal::field("comment", message))?;
    let edited = site.comment_mut(comment).ok_or_else(no_comment)?;
    (edited.body, edited.visibility) = (body, visibility);
    let (issue, comment) = site.comment(comment).ok_or_else(no_comment)?;
    Ok(ok(&view::comment(&site, issue, comment, &[])))
}

pub(super) async fn delete(State(shared): State<Arc<Shared>>, Path((id, comment)): Path<(String, u64)>) -> Answer {
    let mut site = shared.site();
    site.issue(&id).ok_or_else(Refusal::no_issue)?;
    site.comment(comment).ok_or_else(no_comment)?;
    if !site.permits("DELETE_OWN_COMMENTS") {
        return Err(Refusal::bad("You do not have the permission to delete this comment."));
    }
    site.delete_from_issue(&id, comment, now());
    Ok(empty(StatusCode::NO_CONTENT))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ids {
    ids: Vec<u64>,
}

pub(super) async fn by_ids(State(shared): State<Arc<Shared>>, Query(query): Query<Parameters>, body: Bytes) -> Answer {
    let Ids { ids } = parse(&body)?;
    if ids.len() > 1_000 {
        return Err(Refusal::bad("The number of ids must not be greater than 1000."));
    }
    let site = shared.site();
    let expand = query.list("expand");
    let expand: Vec<&str> = expand.iter().map(String::as_str).collect();
    let found = ids.iter().filter_map(|id| site.comment(*id));
    let values: Vec<Value> = found.map(|(issue, comment)| view::comment(&site, issue, comment, &expand)).collect();
    Ok(ok(&json!({"startAt": 0, "maxResults": 1_000, "total": values.len(), "isLast": true, "values": values})))
}

pub(super) async fn property_keys(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Answer {
    let site = shared.site();
    let (_, comment) = site.comment(id).ok_or_else(no_comment)?;
    let url = format!("{}/comment/{id}/properties", site.rest());
    Ok(ok(&super::property_keys(&url, &comment.properties)))
}

pub(super) async fn property(State(shared): State<Arc<Shared>>, Path((id, key)): Path<(u64, String)>) -> Answer {
    let site = shared.site();
    let (_, comment) = site.comment(id).ok_or_else(no_comment)?;
    read_property(&comment.properties, &key)
}

pub(super) async fn set_property(
    State(shared): State<Arc<Shared>>,
    Path((id, key)): Path<(u64, String)>,
    body: Bytes,
) -> Answer {
    let value: Value = parse(&body)?;
    check_property(&key, &value)?;
    let mut site = shared.site();
    let comment = site.comment_mut(id).ok_or_else(no_comment)?;
    write_property(&mut comment.properties, key, value)
}

fn no_comment() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "Can not find a comment for the id.")
}
