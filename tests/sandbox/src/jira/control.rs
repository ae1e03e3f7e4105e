//! What the methods of `JiraCloud` do, over HTTP: `POST /_control` changes how Jira behaves, `GET /_state` tells what
//! it holds, `GET /_log` what it was asked. No credentials are needed: it listens on loopback.
//!
//! ```text
//! curl -d '{"chaos": {"seed": 7, "error_after": 0.1, "cut_after": 0.1}, "search_lag_ms": 2000}' URL/_control
//! curl -d '{"add_faults": [{"method": "POST", "path": "/rest/api/3/issue", "times": 1,
//!           "effect": {"status": {"status": 503, "when": "after_write"}}}]}' URL/_control
//! curl -d '{"heal": true}' URL/_control
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Availability;
use super::adf;
use super::answer::{jira, ok};
use super::faults::{Chaos, Effect, Fault};
use super::log::{Entry, LogBodies};
use super::shared::Shared;
use super::site::{Attachment, Comment, CommentProperties, Counted, Issue, Shelf};

/// The property that mail2jira marks its writes with.
const MARKER: &str = "mail2jira.origin";

/// How long an answer that announces the end of all connections may take to get out.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// By which door a control request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// Jira's own port, which closes when Jira goes down.
    Main,
    /// The port that stays open.
    Side,
}

/// A change of how Jira behaves; what is left out stays as it is. Applied from top to bottom.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Control {
    /// Ends faults and chaos.
    heal: bool,
    /// Sets these faults instead of those that are set.
    faults: Option<Vec<Fault>>,
    /// Sets these faults too.
    add_faults: Vec<Fault>,
    /// Makes every request take so long from now on (until `heal`).
    latency_ms: Option<u64>,
    chaos: Option<Chaos>,
    search_lag_ms: Option<u64>,
    upload_limit: Option<u64>,
    /// `text` or `json`.
    counted: Option<CountedName>,
    comment_list_shows_properties: Option<bool>,
    /// Permission keys that nobody has.
    denied: Option<Vec<String>>,
    /// Issues and projects that take no comments, by their keys: `archived`, `quiet` or `hidden`.
    shelved: Option<BTreeMap<String, Shelf>>,
    log_bodies: Option<LogBodies>,
    clear_log: bool,
    /// Token by address.
    tokens: BTreeMap<String, String>,
    plant: Vec<Plant>,
    down: Option<bool>,
    /// Down for so long, then up again.
    down_for_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CountedName {
    Text,
    Json,
}

/// An issue that somebody else makes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plant {
    project: String,
    summary: String,
}

pub(super) fn router(shared: Arc<Shared>, entrance: Entrance) -> Router {
    let change = move |State(shared): State<Arc<Shared>>, body: Bytes| control(shared, entrance, body);
    Router::new()
        .route("/_control", post(change))
        .route("/_state", get(async |State(shared): State<Arc<Shared>>| ok(&state(&shared))))
        .route("/_log", get(log))
        .with_state(shared)
}

async fn control(shared: Arc<Shared>, entrance: Entrance, body: Bytes) -> Response {
    let control: Control = match serde_json::from_slice(&body) {
        Ok(control) => control,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    set_faults(&shared, &control);
    set_site(&shared, &control);
    let down = control.down.map(|down| if down { Availability::Down } else { Availability::Up });
    if let Some(ms) = control.down_for_ms {
        let own = Arc::clone(&shared);
        shared.spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            own.set_availability(Availability::Down).await;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            own.set_availability(Availability::Up).await;
        });
    } else if let Some(availability) = down {
        match entrance {
            Entrance::Side => shared.set_availability(availability).await,
            Entrance::Main => {
                let own = Arc::clone(&shared);
                shared.spawn(async move {
                    tokio::time::sleep(LAST_WORDS).await;
                    own.set_availability(availability).await;
                });
            }
        }
    }
    ok(&settings(&shared))
}

fn set_faults(shared: &Shared, control: &Control) {
    let mut faults = shared.faults();
    if control.heal {
        faults.heal();
    }
    if let Some(list) = &control.faults {
        faults.replace(list.clone());
    }
    for fault in &control.add_faults {
        faults.add(fault.clone());
    }
    if let Some(ms) = control.latency_ms {
        faults.add(Fault::always(Effect::delay(Duration::from_millis(ms))));
    }
    if let Some(chaos) = &control.chaos {
        faults.set_chaos(chaos.clone());
    }
}

fn set_site(shared: &Shared, control: &Control) {
    let mut site = shared.site();
    let settings = &mut site.settings;
    if let Some(ms) = control.search_lag_ms {
        settings.search_lag = Duration::from_millis(ms);
    }
    if let Some(bytes) = control.upload_limit {
        settings.upload_limit = bytes;
    }
    match control.counted {
        Some(CountedName::Text) => settings.counted = Counted::Text,
        Some(CountedName::Json) => settings.counted = Counted::Json,
        None => {}
    }
    if let Some(shows) = control.comment_list_shows_properties {
        settings.comment_properties = if shows { CommentProperties::Listed } else { CommentProperties::NotListed };
    }
    if let Some(denied) = &control.denied {
        settings.denied = denied.iter().cloned().collect();
    }
    if let Some(shelved) = &control.shelved {
        settings.shelved = shelved.clone();
    }
    if let Some(log_bodies) = control.log_bodies {
        settings.log_bodies = log_bodies;
    }
    for (email, token) in &control.tokens {
        site.set_token(email, token);
    }
    for plant in &control.plant {
        site.plant(&plant.project, &plant.summary, super::now());
    }
    if control.clear_log {
        shared.log().clear();
    }
}

fn settings(shared: &Shared) -> Value {
    let (faults, chaos) = {
        let set = shared.faults();
        let (faults, chaos) = set.list();
        (json!(faults), json!(chaos))
    };
    let site = shared.site();
    let settings = &site.settings;
    json!({"faults": faults, "chaos": chaos, "search_lag_ms": settings.search_lag.as_millis(),
        "upload_limit": settings.upload_limit, "denied": settings.denied, "log_bodies": settings.log_bodies,
        "comment_list_shows_properties": settings.comment_properties == CommentProperties::Listed,
        "up": shared.availability() == Availability::Up})
}

/// All that Jira holds, with counts; a marker that stands on two things shows in `markers` with a count above one.
pub(super) fn state(shared: &Shared) -> Value {
    let settings = settings(shared);
    let requests = requests(shared);
    let site = shared.site();
    let mut markers: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut count = |marker: Option<&Value>, kind: &str| {
        let Some(marker) = marker else { return };
        let name = marker.as_str().map_or_else(|| marker.to_string(), str::to_owned);
        let entry = markers.entry(name).or_default().entry(kind).or_insert(json!(0));
        *entry = json!(entry.as_u64().unwrap_or_default() + 1);
    };
    for issue in site.issues() {
        count(issue.properties.get(MARKER), "issues");
        issue.comments.iter().for_each(|comment| count(comment.properties.get(MARKER), "comments"));
    }
    let sum = |count: fn(&Issue) -> usize| site.issues().iter().map(count).sum::<usize>();
    json!({
        "counts": {"issues": site.issues().len(), "comments": sum(|issue| issue.comments.len()),
            "attachments": sum(|issue| issue.attachments.len())},
        "markers": markers,
        "requests": requests,
        "settings": settings,
        "issues": site.issues().iter().map(issue_state).collect::<Vec<_>>(),
    })
}

fn requests(shared: &Shared) -> Value {
    let log = shared.log();
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    for entry in log.iter() {
        let status = entry.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        *by_status.entry(status).or_default() += 1;
    }
    json!({"total": log.total(), "max_concurrent": shared.max_concurrent(), "by_status": by_status})
}

fn issue_state(issue: &Issue) -> Value {
    json!({"id": issue.id.to_string(), "key": issue.key, "project": issue.project, "summary": issue.summary,
        "issue_type": issue.issue_type.name, "status": issue.status.name(), "created": issue.created.to_string(),
        "reporter": issue.reporter, "fields": issue.fields, "properties": issue.properties,
        "text": issue.fields.get("description").map(adf::text),
        "marker": issue.properties.get(MARKER),
        "comments": issue.comments.iter().map(comment_state).collect::<Vec<_>>(),
        "attachments": issue.attachments.iter().map(attachment_state).collect::<Vec<_>>()})
}

fn comment_state(comment: &Comment) -> Value {
    json!({"id": comment.id.to_string(), "created": comment.created.to_string(), "text": adf::text(&comment.body),
        "body": comment.body, "properties": comment.properties, "visibility": comment.visibility,
        "marker": comment.properties.get(MARKER)})
}

fn attachment_state(attachment: &Attachment) -> Value {
    let hash = digest(&SHA256, &attachment.content);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"id": attachment.id.to_string(), "filename": attachment.name, "content_type": attachment.content_type,
        "size": attachment.content.len(), "sha256": hex, "created": attachment.created.to_string()})
}

async fn log(State(shared): State<Arc<Shared>>) -> Response {
    let describe = |entry: &Entry| {
        let headers = entry.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().ok())));
        json!({"at": entry.at.to_string(), "ended": entry.ended.to_string(), "method": entry.method,
            "path": entry.path, "headers": headers.collect::<Map<_, _>>(), "status": entry.status,
            "handled": entry.handled, "fault": entry.fault,
            "body": entry.body.as_ref().map(|body| String::from_utf8_lossy(body))})
    };
    let entries: Vec<Value> = shared.log().iter().map(describe).collect();
    jira(StatusCode::OK, &Value::Array(entries))
}
