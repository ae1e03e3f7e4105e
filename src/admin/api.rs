//! What the commands say and do, for programs: the same JSON.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use super::desk::Desk;
use super::pages::{SILENT, Wanted};
use crate::messages::{Shown, refusal, tell};
use crate::store::StoreError;
use crate::store::entry::EntryId;
use crate::store::queries::Wish;

const NO_SUCH_MESSAGE: &str = "there is no such message";

pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.source.snapshot.borrow().status.clone()).into_response()
}

pub(super) async fn messages(State(desk): State<Arc<Desk>>, Query(wanted): Query<Wanted>) -> Response {
    let now = desk.source.clock.now();
    let filter = match wanted.filter() {
        Ok(filter) => filter,
        Err(wrong) => return refuse(StatusCode::BAD_REQUEST, wrong),
    };
    match desk.ctx.ledger.list(filter, now).await {
        Ok(entries) => Json(entries.into_iter().map(|entry| Shown::of(entry, now)).collect::<Vec<_>>()).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn message(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else { return refuse(StatusCode::NOT_FOUND, NO_SUCH_MESSAGE) };
    match tell(&desk.ctx.ledger, EntryId(id), desk.source.clock.now()).await {
        Ok(Some(story)) => Json(story).into_response(),
        Ok(None) => answer(id, &Wish::NoSuchMessage),
        Err(error) => failed(&error),
    }
}

pub(super) async fn retry(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else { return refuse(StatusCode::NOT_FOUND, NO_SUCH_MESSAGE) };
    let wish = desk.ctx.ledger.retry(EntryId(id), desk.source.clock.now()).await;
    desk.ctx.work.notify_one();
    said(id, wish)
}

pub(super) async fn discard(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else { return refuse(StatusCode::NOT_FOUND, NO_SUCH_MESSAGE) };
    said(id, desk.ctx.ledger.discard(EntryId(id), desk.source.clock.now()).await)
}

fn said(id: i64, wish: Result<Wish, StoreError>) -> Response {
    match wish {
        Ok(wish) => answer(id, &wish),
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Response {
    tracing::warn!(error = %error, "the API cannot read the ledger");
    refuse(StatusCode::SERVICE_UNAVAILABLE, SILENT)
}

/// Every answer is JSON, a refusal too.
pub(super) fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

fn answer(id: i64, wish: &Wish) -> Response {
    let status = match wish {
        Wish::Granted => StatusCode::OK,
        Wish::NoSuchMessage => StatusCode::NOT_FOUND,
        Wish::NotNow(_) | Wish::BodyGone | Wish::Copy(_) => StatusCode::CONFLICT,
    };
    let error = refusal(wish);
    (status, Json(json!({ "id": id, "done": error.is_none(), "error": error }))).into_response()
}
