//! What the pages and the API work with, and the questions that each request is asked first: who are you, and did one of our
//! own pages send you.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio_util::task::TaskTracker;
use url::Url;

use super::api::refuse;
use super::page::{Frame, Pages};
use super::{MakeJira, Source, session};
use crate::config::{Secret, SecretRef};
use crate::pipeline::Ctx;
use crate::pipeline::supervise::MakeDoor;

/// The name of the session's cookie.
const COOKIE: &str = "mail2jira";

/// What the pages and the API work with.
pub struct Desk {
    /// Health, figures and the latest status.
    pub source: Source,
    /// The ledger and the configuration.
    pub ctx: Arc<Ctx>,
    /// Opens a mailbox, to prove a consent.
    pub make_door: MakeDoor,
    /// Opens Jira, for the same.
    pub make_jira: MakeJira,
    /// Where the admin token stands; read anew each time, so that it can be swapped.
    pub token: SecretRef,
    /// Where browsers reach the pages.
    pub public_url: Option<Url>,
    /// The templates.
    pub pages: Pages,
    /// Wrong tokens.
    pub attempts: session::Attempts,
    /// What goes on although the browser has gone away.
    pub tasks: TaskTracker,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Desk {
    /// The admin token; `None` where it cannot be read.
    pub fn token(&self) -> Option<Secret> {
        self.token.read().inspect_err(|error| tracing::error!(error = %error, "the admin token cannot be read")).ok()
    }

    /// The cookie of a session; an empty one ends it. `Lax`, not `Strict`: the provider sends people back here.
    pub fn cookie(&self, session: &str) -> String {
        let seconds = if session.is_empty() { 0 } else { session::LIFETIME.as_secs() };
        let secure = if self.public_url.as_ref().is_some_and(|url| url.scheme() == "https") { "; Secure" } else { "" };
        format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
    }

    /// The session of a request, where it is a good one.
    pub fn session<'r>(&self, headers: &'r HeaderMap) -> Option<&'r str> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let named = |cookie: &'r str| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('=');
        let cookie = cookies.split(';').find_map(named)?;
        session::is_good(cookie, &self.token()?, self.source.clock.now()).then_some(cookie)
    }
}

/// Lets only those to the pages who are signed in; others get the form, at the same address.
pub async fn signed_in(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    if desk.session(request.headers()).is_none() {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return sign_in_form(&desk, StatusCode::UNAUTHORIZED, path, None);
    }
    if request.method() == Method::POST && is_foreign(&desk, request.headers()) {
        return (StatusCode::FORBIDDEN, "this form was sent by another site\n").into_response();
    }
    next.run(request).await
}

/// Lets programs in by the token itself, and the pages by their session.
pub async fn trusted(
    State(desk): State<Arc<Desk>>,
    peer: Option<Extension<Peer>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(shown) = shown.and_then(bearer) else {
        let foreign = request.method() == Method::POST && is_foreign(&desk, request.headers());
        return match desk.session(request.headers()) {
            Some(_) if !foreign => next.run(request).await,
            Some(_) | None => refuse(StatusCode::UNAUTHORIZED, "show the admin token: `Authorization: Bearer TOKEN`"),
        };
    };
    match is_right(&desk, peer.map(|Extension(peer)| peer), shown) {
        Ok(true) => next.run(request).await,
        Ok(false) => refuse(StatusCode::UNAUTHORIZED, "this is not the admin token"),
        Err(status) => refuse(status, "too many wrong tokens, or the token cannot be read; wait a minute"),
    }
}

/// The token of `Authorization: Bearer TOKEN`; the scheme in any case (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// Whether a token is the right one; an error where it is not even looked at.
pub fn is_right(desk: &Desk, peer: Option<Peer>, shown: &str) -> Result<bool, StatusCode> {
    let now = desk.source.clock.now();
    let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |Peer(address)| address);
    if desk.attempts.are_too_many(address, now) {
        return Err(StatusCode::TOO_MANY_REQUESTS);
    }
    let token = desk.token().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let right = session::is_token(shown, &token);
    if !right {
        desk.attempts.wrong(address, now);
        tracing::warn!("somebody showed a wrong admin token");
    }
    Ok(right)
}

/// Browsers say where a form comes from (Fetch, 3.2): from here, or it is not ours. Programs say nothing.
pub fn is_foreign(desk: &Desk, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    let public = desk.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let here = Url::parse(origin).is_ok_and(|url| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        url.host_str().is_some_and(|name| format!("{name}{port}") == host)
    });
    public.as_deref() != Some(origin) && !here
}

/// The form that asks for the token, and leads to `next` afterwards.
pub fn sign_in_form(desk: &Desk, status: StatusCode, next: &str, problem: Option<&str>) -> Response {
    let values = json!({ "next": next, "problem": problem });
    desk.pages.show(status, Frame::Bare, "Sign in", ("sign-in.html", values))
}

/// The session of a request that [`signed_in`] has let through.
pub struct Session(pub String);

impl FromRequestParts<Arc<Desk>> for Session {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        desk: &Arc<Desk>,
    ) -> Result<Self, Self::Rejection> {
        desk.session(&parts.headers).map(|session| Self(session.to_owned())).ok_or(StatusCode::UNAUTHORIZED)
    }
}
