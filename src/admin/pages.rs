//! What people look at: the status, the messages, and the story of one. What they may do here is what the commands do too.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::desk::{Desk, Peer, is_foreign, is_right, sign_in_form};
use super::page::{Frame, headers};
use super::session;
use super::timeline::Timeline;
use crate::messages::{Shown, refusal, tell};
use crate::store::StoreError;
use crate::store::entry::{EntryId, Stage};
use crate::store::queries::{Deferred, Filter, Wish};

/// Messages that a list shows unless told otherwise, and at most.
const LISTED: usize = 50;
const MOST_LISTED: usize = 1_000;

/// The sign-in form's fields.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

/// Which messages are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    state: Option<String>,
    mailbox: Option<String>,
    limit: Option<String>,
}

impl Wanted {
    /// The ledger's words for it, or what is wrong with it.
    pub fn filter(self) -> Result<Filter, &'static str> {
        let open = vec![Stage::Received, Stage::Planned, Stage::Sent];
        let (stages, deferred) = match self.state.as_deref() {
            None | Some("" | "all") => (Vec::new(), None),
            Some("pending") => (open, Some(Deferred::No)),
            Some("deferred") => (open, Some(Deferred::Yes)),
            Some("delivered") => (vec![Stage::Delivered], None),
            Some("ignored") => (vec![Stage::Ignored], None),
            Some("quarantined") => (vec![Stage::Quarantined], None),
            Some("discarded") => (vec![Stage::Discarded], None),
            Some(_) => return Err("there is no such state"),
        };
        let limit = match self.limit.as_deref().map(str::parse) {
            None => LISTED,
            Some(Ok(limit @ 1..)) => limit.min(MOST_LISTED),
            Some(Ok(_) | Err(_)) => return Err("`limit` is a number above zero"),
        };
        Ok(Filter { stages, deferred, mailbox: self.mailbox.filter(|name| !name.is_empty()), limit })
    }
}

pub(super) async fn sign_in(
    State(desk): State<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    request_headers: axum::http::HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let next = if form.next.starts_with('/') && !form.next.starts_with("//") { form.next.as_str() } else { "/" };
    if is_foreign(&desk, &request_headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let session = match is_right(&desk, peer.map(|Extension(peer)| peer), form.token.trim()) {
        Ok(true) => desk.token().and_then(|token| session::new(&token, desk.source.clock.now())),
        Ok(false) => {
            return sign_in_form(&desk, StatusCode::UNAUTHORIZED, next, Some("This is not the admin token."));
        }
        Err(status) => {
            return sign_in_form(&desk, status, next, Some("Not now. Please wait a minute and try again."));
        }
    };
    match session {
        Some(session) => {
            let target = format!("{}{}", desk.pages.base, next.strip_prefix(desk.pages.base.as_str()).unwrap_or(next));
            ([(header::SET_COOKIE, desk.cookie(&session))], Redirect::to(&target)).into_response()
        }
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

pub(super) async fn sign_out(State(desk): State<Arc<Desk>>) -> Response {
    ([(header::SET_COOKIE, desk.cookie(""))], Redirect::to(&format!("{}/", desk.pages.base))).into_response()
}

pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Response {
    let (status, now) = (desk.source.snapshot.borrow().status.clone(), desk.source.clock.now());
    let timeline = Timeline::of(&status, now);
    let can_consent = desk.public_url.is_some();
    let title = if status.healthy { "mail2jira: all is well" } else { "mail2jira: a person is needed" };
    let jira_consents = desk.ctx.config().jira.auth.takes_consent();
    let values = json!({
        "counts": status.messages.by_state(), "status": status, "timeline": timeline, "now": now,
        "can_consent": can_consent, "jira_consents": jira_consents,
    });
    desk.pages.show(StatusCode::OK, Frame::Live, title, ("status.html", values))
}

pub(super) async fn messages(State(desk): State<Arc<Desk>>, Query(wanted): Query<Wanted>) -> Response {
    const STATES: [&str; 7] = ["all", "pending", "deferred", "delivered", "ignored", "quarantined", "discarded"];
    let now = desk.source.clock.now();
    let shown = wanted.state.clone().filter(|state| !state.is_empty()).unwrap_or_else(|| "all".to_owned());
    let filter = match wanted.filter() {
        Ok(filter) => filter,
        Err(wrong) => return notice(&desk, StatusCode::BAD_REQUEST, Notice::new("Not possible", wrong)),
    };
    match desk.ctx.ledger.list(filter, now).await {
        Ok(entries) => {
            let messages: Vec<Shown> = entries.into_iter().map(|entry| Shown::of(entry, now)).collect();
            let values = json!({ "messages": messages, "states": STATES, "shown": shown, "now": now });
            desk.pages.show(StatusCode::OK, Frame::Live, "Messages", ("messages.html", values))
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn message(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    let now = desk.source.clock.now();
    match tell(&desk.ctx.ledger, EntryId(id), now).await {
        Ok(Some(story)) => {
            let values = json!({ "m": story, "now": now });
            desk.pages.show(StatusCode::OK, Frame::Still, "A message", ("message.html", values))
        }
        Ok(None) => notice(&desk, StatusCode::NOT_FOUND, Notice::new("Not there", "There is no such message.")),
        Err(error) => failed(&error),
    }
}

pub(super) async fn retry(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    let wish = desk.ctx.ledger.retry(EntryId(id), desk.source.clock.now()).await;
    desk.ctx.work.notify_one();
    granted(&desk, id, wish)
}

pub(super) async fn discard(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    let wish = desk.ctx.ledger.discard(EntryId(id), desk.source.clock.now()).await;
    granted(&desk, id, wish)
}

fn granted(desk: &Desk, id: i64, wish: Result<Wish, StoreError>) -> Response {
    match wish.map(|wish| refusal(&wish)) {
        Ok(None) => Redirect::to(&format!("{}/messages/{id}", desk.pages.base)).into_response(),
        Ok(Some(words)) => notice(desk, StatusCode::CONFLICT, Notice::new("Not possible", &words)),
        Err(error) => failed(&error),
    }
}

/// A page that says one thing.
pub(super) struct Notice<'a> {
    pub heading: &'a str,
    pub text: &'a str,
    pub next: &'a str,
    pub tone: &'static str,
    pub again: Option<Again>,
}

/// How what did not work is tried once more.
#[derive(serde::Serialize)]
pub(super) struct Again {
    pub page: String,
    pub command: String,
}

impl<'a> Notice<'a> {
    pub(super) fn new(heading: &'a str, text: &'a str) -> Self {
        Self { heading, text, next: "", tone: "", again: None }
    }
}

pub(super) fn notice(desk: &Desk, status: StatusCode, notice: Notice<'_>) -> Response {
    let Notice { heading, text, next, tone, again } = notice;
    desk.pages.show(
        status,
        Frame::Still,
        heading,
        ("notice.html", json!({ "heading": heading, "text": text, "next": next, "tone": tone, "again": again })),
    )
}

/// What people and programs are told where the ledger fails.
pub(super) const SILENT: &str = "the ledger does not answer; try again in a moment";

pub(super) fn failed(error: &StoreError) -> Response {
    tracing::warn!(error = %error, "the pages cannot read the ledger");
    (StatusCode::SERVICE_UNAVAILABLE, format!("{SILENT}\n")).into_response()
}

pub(super) async fn style() -> Response {
    (headers("text/css; charset=utf-8"), include_str!("assets/style.css")).into_response()
}

pub(super) async fn script() -> Response {
    (headers("text/javascript; charset=utf-8"), include_str!("assets/live.js")).into_response()
}
