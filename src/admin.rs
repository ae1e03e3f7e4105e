//! What the daemon answers over HTTP: to everybody whether it lives, whether it works, and its figures; to whoever shows the
//! admin token the pages and the API as well. Decides nothing: it shows and does what the commands show and do.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::jira::client::Client;
use crate::pipeline::Ctx;
use crate::pipeline::supervise::MakeDoor;
use crate::status::{Reason, Status};
use desk::Desk;
use page::Pages;

mod api;
mod consent;
mod desk;
mod metrics;
mod page;
mod pages;
mod server;
mod session;
mod timeline;

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

/// What the pages work with, beside the [`Source`].
pub struct Back {
    /// The ledger and the configuration.
    pub ctx: Arc<Ctx>,
    /// Opens a mailbox, to prove a consent.
    pub make_door: MakeDoor,
    /// Opens Jira, for the same.
    pub make_jira: MakeJira,
}

/// Makes a client of the Jira that is configured.
pub type MakeJira = Arc<dyn Fn(&Config) -> anyhow::Result<Client> + Send + Sync>;

/// Serves `/healthz`, `/readyz` and `/metrics` on `listener` until `stop`; then finishes the answers under way, briefly. With
/// an admin token in the settings, the pages and the API as well.
pub async fn serve(listener: TcpListener, source: Source, back: Option<Back>, stop: CancellationToken) {
    let router = health(source.clone());
    match back.and_then(|back| desk(source, back)) {
        None => server::serve(listener, router, stop).await,
        Some(desk) => {
            server::serve(listener, router.merge(people(desk.clone())).merge(programs(desk.clone())), stop).await;
            desk.tasks.close();
            desk.tasks.wait().await;
        }
    }
}

fn desk(source: Source, back: Back) -> Option<Arc<Desk>> {
    let admin = back.ctx.config().admin.clone()?;
    let base = admin.public_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let pages = Pages::new(base).inspect_err(|error| tracing::error!(error = %error, "the pages are broken")).ok()?;
    let Back { ctx, make_door, make_jira } = back;
    let (token, public_url) = (admin.token?, admin.public_url);
    let (attempts, tasks) = Default::default();
    Some(Arc::new(Desk { source, ctx, make_door, make_jira, token, public_url, pages, attempts, tasks }))
}

fn health(source: Source) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(source)
}

fn people(desk: Arc<Desk>) -> Router {
    let open = Router::new()
        .route("/sign-in", post(pages::sign_in))
        .route("/assets/style.css", get(pages::style))
        .route("/assets/live.js", get(pages::script));
    let consent = match desk.public_url {
        Some(_) => Router::new()
            .route("/mailboxes/{name}/authorize", get(consent::ask).post(consent::begin))
            .route("/jira/authorize", get(consent::ask_jira).post(consent::begin_jira))
            .route("/oauth/callback", get(consent::callback)),
        None => Router::new(),
    };
    let closed = consent
        .route("/", get(pages::status))
        .route("/sign-out", post(pages::sign_out))
        .route("/messages", get(pages::messages))
        .route("/messages/{id}", get(pages::message))
        .route("/messages/{id}/retry", post(pages::retry))
        .route("/messages/{id}/discard", post(pages::discard))
        .route_layer(from_fn_with_state(desk.clone(), desk::signed_in));
    open.merge(closed).with_state(desk)
}

fn programs(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/messages", get(api::messages))
        .route("/api/v1/messages/{id}", get(api::message))
        .route("/api/v1/messages/{id}/retry", post(api::retry))
        .route("/api/v1/messages/{id}/discard", post(api::discard))
        .route_layer(from_fn_with_state(desk.clone(), desk::trusted))
        .with_state(desk)
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
