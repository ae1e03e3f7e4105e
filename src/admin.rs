//! What the daemon answers over HTTP: whether it lives, whether it works, and its figures. Changes nothing and shows no mail.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::status::{Reason, Status};

mod metrics;
mod server;

/// How old a [`Snapshot`] may be before the process counts as unsound: whoever takes them is stuck.
const STALE: SignedDuration = SignedDuration::from_secs(60);

/// The status as it was a moment ago. The daemon's heartbeat replaces it every few seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What was found.
    pub status: Status,
    /// When.
    pub taken_at: Timestamp,
}

/// What the pages are made from.
#[derive(Clone)]
pub struct Source {
    /// The latest snapshot.
    pub snapshot: watch::Receiver<Snapshot>,
    /// Tells how old it is.
    pub clock: Arc<dyn Clock>,
}

/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` until `stop`; then finishes the answers under way, briefly.
pub async fn serve(listener: TcpListener, source: Source, stop: CancellationToken) {
    server::serve(listener, router(source), stop).await;
}

fn router(source: Source) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(source)
}

async fn healthz(State(source): State<Source>) -> Response {
    match source.stuck() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reason.state)).into_response(),
    }
}

async fn readyz(State(source): State<Source>) -> Response {
    let mut reasons = source.snapshot.borrow().status.unready();
    reasons.extend(source.stuck());
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn metrics(State(source): State<Source>) -> Response {
    let text = metrics::text(&source.snapshot.borrow().status, source.clock.now());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

impl Source {
    /// Why the process is not sound, if so.
    fn stuck(&self) -> Option<Reason> {
        let age = self.clock.now().duration_since(self.snapshot.borrow().taken_at);
        let reason = || format!("no heartbeat for {} s", age.as_secs());
        (age > STALE).then(|| Reason { subject: "mail2jira".to_owned(), state: "stuck", reason: Some(reason()) })
    }
}
