//! What the commands say and do, for programs: the same JSON.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use super::desk::Desk;
use super::pages::{Wanted, failed};
use crate::messages::{Shown, refusal, tell};
use crate::store::StoreError;
use crate::store::entry::EntryId;
use crate::store::queries::Wish;

pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.source.snapshot.borrow().status.clone()).into_response()
}

pub(super) async fn messages(State(desk): State<Arc<Desk>>, Query(wanted): Query<Wanted>) -> Response {
    let now = desk.source.clock.now();
    let Some(filter) = wanted.filter() else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "there is no such state" }))).into_response();
    };
    match desk.ctx.ledger.list(filter, now).await {
        Ok(entries) => Json(entries.into_iter().map(|entry| Shown::of(entry, now)).collect::<Vec<_>>()).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn message(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    match tell(&desk.ctx.ledger, EntryId(id), desk.source.clock.now()).await {
        Ok(Some(story)) => Json(story).into_response(),
        Ok(None) => answer(id, &Wish::NoSuchMessage),
        Err(error) => failed(&error),
    }
}

pub(super) async fn retry(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    let wish = desk.ctx.ledger.retry(EntryId(id), desk.source.clock.now()).await;
    desk.ctx.work.notify_one();
    said(id, wish)
}

pub(super) async fn discard(State(desk): State<Arc<Desk>>, Path(id): Path<i64>) -> Response {
    said(id, desk.ctx.ledger.discard(EntryId(id), desk.source.clock.now()).await)
}

fn said(id: i64, wish: Result<Wish, StoreError>) -> Response {
    match wish {
        Ok(wish) => answer(id, &wish),
        Err(error) => failed(&error),
    }
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
