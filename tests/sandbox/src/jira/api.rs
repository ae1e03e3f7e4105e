//! The REST API's paths, who may call them, and what every call goes through: log, faults, then the handler.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;
use serde_json::Value;

use super::answer::{self, Refusal};
use super::shared::Shared;
use super::{control, page};

mod about;
mod attachments;
mod comments;
mod front;
mod issues;
mod links;
mod search;

/// The signed-in account's id.
#[derive(Debug, Clone)]
struct Caller(Arc<str>);

/// What handlers answer.
type Answer = Result<Response, Refusal>;

/// Everything that Jira's port answers.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let rest = Router::new()
        .merge(about_routes())
        .merge(issue_routes())
        .merge(comment_and_file_routes())
        .route("/rest/{*path}", any(dead_link))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), authenticate))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), front::front))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&shared));
    let beside = control::router(Arc::clone(&shared), control::Entrance::Main);
    rest.merge(beside).merge(page::router(Arc::clone(&shared))).merge(attachments::media_router(shared))
}

fn about_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/serverInfo", get(about::server_info))
        .route("/rest/api/3/myself", get(about::myself))
        .route("/rest/api/3/mypermissions", get(about::my_permissions))
        .route("/rest/api/3/project/search", get(about::projects))
        .route("/rest/api/3/project/{project}", get(about::project))
        .route("/rest/api/3/field", get(about::fields))
        .route("/rest/api/3/issue/createmeta/{project}/issuetypes", get(about::issue_types))
        .route("/rest/api/3/issue/createmeta/{project}/issuetypes/{issue_type}", get(about::create_fields))
        .route("/rest/api/3/user", get(about::user))
        .route("/rest/api/3/user/search", get(about::search_users))
        .route("/rest/api/3/search/jql", get(search::by_query).post(search::by_body))
        .route("/rest/api/3/search", any(search::gone))
}

fn issue_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue", post(issues::create))
        .route("/rest/api/3/issue/bulkfetch", post(issues::bulk_fetch))
        .route("/rest/api/3/issue/{issue}", get(issues::get))
        .route("/rest/api/3/issue/{issue}/properties", get(issues::property_keys))
        .route("/rest/api/3/issue/{issue}/properties/{key}", get(issues::property).put(issues::set_property))
        .route("/rest/api/3/issue/{issue}/transitions", get(issues::transitions).post(issues::transition))
        .route("/rest/api/3/issue/{issue}/watchers", get(links::watchers).post(links::watch))
        .route("/rest/api/3/issue/{issue}/remotelink", get(links::remote_links).post(links::set_remote_link))
        .route("/rest/api/3/issueLink", post(links::link))
        .route("/rest/api/3/issueLinkType", get(links::link_types))
}

fn comment_and_file_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rest/api/3/issue/{issue}/comment", get(comments::list).post(comments::add))
        .route("/rest/api/3/issue/{issue}/comment/{comment}", get(comments::get))
        .route("/rest/api/3/comment/list", post(comments::by_ids))
        .route("/rest/api/3/comment/{comment}/properties", get(comments::property_keys))
        .route("/rest/api/3/comment/{comment}/properties/{key}", get(comments::property).put(comments::set_property))
        .route("/rest/api/3/issue/{issue}/attachments", post(attachments::add))
        .route("/rest/api/3/attachment/meta", get(attachments::meta))
        .route("/rest/api/3/attachment/{attachment}", get(attachments::get_one))
        .route("/rest/api/3/attachment/content/{attachment}", get(attachments::content))
}

/// Jira Cloud tells anonymous callers what kind of server it is, and nothing else.
async fn authenticate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let account = authorization.and_then(|text| Some(shared.site().account_by_authorization(text)?.id.clone()));
    let Some(account) = account else {
        if authorization.is_none() && request.uri().path() == "/rest/api/3/serverInfo" {
            return next.run(request).await;
        }
        return unauthorized();
    };
    let header = HeaderValue::from_str(&account).unwrap_or_else(|_| HeaderValue::from_static(""));
    request.extensions_mut().insert(Caller(account.into()));
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-aaccountid", header);
    response
}

fn unauthorized() -> Response {
    let message = "Client must be authenticated to access this resource.";
    let mut response = Refusal::new(StatusCode::UNAUTHORIZED, message).into_response();
    let headers = response.headers_mut();
    headers.insert("x-seraph-loginreason", HeaderValue::from_static("AUTHENTICATED_FAILED"));
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("OAuth realm=\"sandbox\""));
    response
}

async fn dead_link() -> Response {
    answer::html(StatusCode::NOT_FOUND, "Oops, you've found a dead link.")
}

/// The query's parameters, repeated ones too.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated or hold several with commas.
    fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().map_err(|_| Refusal::bad(format!("The value '{text}' of '{name}' is not a number.")))
    }
}

/// A JSON body as `T`; unknown keys are `T`'s affair.
fn parse<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::payload())
}

/// A property in a create request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Property {
    key: String,
    value: Value,
}

fn properties(list: Vec<Property>) -> Result<BTreeMap<String, Value>, Refusal> {
    for property in &list {
        check_property(&property.key, &property.value)?;
    }
    Ok(list.into_iter().map(|property| (property.key, property.value)).collect())
}

fn check_property(key: &str, value: &Value) -> Result<(), Refusal> {
    if key.is_empty() || key.chars().count() > 255 {
        return Err(Refusal::bad("The property key cannot be empty or longer than 255 characters."));
    }
    if value.to_string().chars().count() > 32_768 {
        return Err(Refusal::bad("The property value cannot be longer than 32768 characters."));
    }
    Ok(())
}

fn property_keys(url: &str, properties: &BTreeMap<String, Value>) -> Value {
    let keys = properties.keys().map(|key| serde_json::json!({"self": format!("{url}/{key}"), "key": key}));
    serde_json::json!({"keys": keys.collect::<Vec<_>>()})
}

fn no_property(key: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("The property with key '{key}' does not exist."))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
