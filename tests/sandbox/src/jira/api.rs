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
use serde_json::{Value, json};

use super::answer::{self, Refusal};
use super::shared::Shared;
use super::site::{Account, ApiTokens, Product, Release, Site, Strangers};
use super::{control, page, ways};

mod about;
mod attachments;
mod comments;
mod desk;
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
    let (product, rest) = {
        let site = shared.site();
        (site.product, format!("{}{}", site.product.context(), site.product.api()))
    };
    let routes = match product {
        Product::Cloud => {
            let gateway = format!("/ex/jira/{}{}", ways::CLOUD_ID, product.api());
            let at = |rest: &str| common_routes(rest).merge(cloud_routes(rest));
            let desks = desk::router("/rest/servicedeskapi");
            let beside = desk::router(&format!("/ex/jira/{}/rest/servicedeskapi", ways::CLOUD_ID));
            at(&rest)
                .merge(at(&gateway))
                .merge(desks)
                .merge(beside)
                .route("/rest/api/2/serverInfo", get(about::server_info))
        }
        Product::DataCenter => {
            let desks = desk::router(&format!("{}/rest/servicedeskapi", product.context()));
            common_routes(&rest).merge(data_center_routes(&rest)).merge(desks)
        }
    };
    let dead = format!("{}/rest/api/{{*path}}", product.context());
    let rest = routes
        .route(&dead, any(dead_link))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), authenticate))
        .merge(ways::router(product))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), front::front))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&shared));
    let beside = control::router(Arc::clone(&shared), control::Entrance::Main);
    rest.merge(beside).merge(page::router(Arc::clone(&shared))).merge(attachments::media_router(shared))
}

fn common_routes(rest: &str) -> Router<Arc<Shared>> {
    about_routes(rest).merge(issue_routes(rest)).merge(comment_and_file_routes(rest))
}

fn about_routes(rest: &str) -> Router<Arc<Shared>> {
    let at = |path: &str| format!("{rest}{path}");
    Router::new()
        .route(&at("/serverInfo"), get(about::server_info))
        .route(&at("/myself"), get(about::myself))
        .route(&at("/mypermissions"), get(about::my_permissions))
        .route(&at("/project/{project}"), get(about::project))
        .route(&at("/field"), get(about::fields))
        .route(&at("/issue/createmeta/{project}/issuetypes"), get(about::issue_types))
        .route(&at("/issue/createmeta/{project}/issuetypes/{issue_type}"), get(about::create_fields))
        .route(&at("/user"), get(about::user))
        .route(&at("/user/search"), get(about::search_users))
        .route(&at("/user/assignable/search"), get(about::search_assignable))
}

fn cloud_routes(rest: &str) -> Router<Arc<Shared>> {
    let at = |path: &str| format!("{rest}{path}");
    Router::new()
        .route(&at("/project/search"), get(about::projects))
        .route(&at("/issue/bulkfetch"), post(issues::bulk_fetch))
        .route(&at("/comment/list"), post(comments::by_ids))
        .route(&at("/search/jql"), get(search::by_query).post(search::by_body))
        .route(&at("/search"), any(search::gone))
}

fn data_center_routes(rest: &str) -> Router<Arc<Shared>> {
    Router::new().route(&format!("{rest}/search"), post(search::by_page))
}

fn issue_routes(rest: &str) -> Router<Arc<Shared>> {
    let at = |path: &str| format!("{rest}{path}");
    Router::new()
        .route(&at("/issue"), post(issues::create))
        .route(&at("/issue/{issue}"), get(issues::get).put(issues::edit))
        .route(&at("/issue/{issue}/properties"), get(issues::property_keys))
        .route(&at("/issue/{issue}/properties/{key}"), get(issues::property).put(issues::set_property))
        .route(&at("/issue/{issue}/transitions"), get(issues::transitions).post(issues::transition))
        .route(&at("/issue/{issue}/watchers"), get(links::watchers).post(links::watch))
        .route(&at("/issue/{issue}/remotelink"), get(links::remote_links).post(links::set_remote_link))
        .route(&at("/issueLink"), post(links::link))
        .route(&at("/issueLinkType"), get(links::link_types))
}

fn comment_and_file_routes(rest: &str) -> Router<Arc<Shared>> {
    let at = |path: &str| format!("{rest}{path}");
    Router::new()
        .route(&at("/issue/{issue}/comment"), get(comments::list).post(comments::add))
        .route(&at("/issue/{issue}/comment/{comment}"), get(comments::get).put(comments::edit).delete(comments::delete))
        .route(&at("/comment/{comment}/properties"), get(comments::property_keys))
        .route(&at("/comment/{comment}/properties/{key}"), get(comments::property).put(comments::set_property))
        .route(&at("/issue/{issue}/attachments"), post(attachments::add))
        .route(&at("/attachment/meta"), get(attachments::meta))
        .route(&at("/attachment/{attachment}"), get(attachments::get_one))
        .route(&at("/attachment/content/{attachment}"), get(attachments::content))
}

/// Jira tells anonymous callers what kind of server it is. Of the rest Cloud tells them nothing, and Data Center what
/// everybody may see: here, that there is nothing.
async fn authenticate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if authorization.is_some_and(|text| text.starts_with("Basic ")) && takes_no_passwords(&shared.site()) {
        let message = "Basic Authentication has been disabled on this instance.";
        return answer::jira(StatusCode::FORBIDDEN, &json!({ "message": message }));
    }
    let account = authorization.and_then(|text| caller(&shared, text, &request));
    let (product, strangers, budget, silent) = {
        let site = shared.site();
        (site.product, site.settings.strangers, site.settings.budget, site.settings.silent_link)
    };
    let by_link = authorization.is_some_and(|text| text.starts_with("OAuth ") && !silent);
    let Some(account) = account else {
        let path = request.uri().path();
        if authorization.is_none() && path.ends_with("/serverInfo") {
            return next.run(request).await;
        }
        let mut response = match (strangers, path) {
            (Strangers::Anonymous, path) if !path.ends_with("/myself") => stranger(request, next).await,
            (Strangers::Refused | Strangers::Anonymous, _) => unauthorized(),
        };
        if product == Product::DataCenter {
            response.headers_mut().insert("x-ausername", HeaderValue::from_static("anonymous"));
        }
        if by_link {
            let problem = HeaderValue::from_static("OAuth realm=\"sandbox\", oauth_problem=\"token_rejected\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, problem);
        }
        return response;
    };
    let (name, value) = match product {
        Product::Cloud => ("x-aaccountid", account.id.as_str()),
        Product::DataCenter => ("x-ausername", account.username()),
    };
    let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
    request.extensions_mut().insert(Caller(account.id.into()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(name, value);
    if let Some((bucket, refill)) = budget {
        tell_budget(&shared, &mut response, bucket, refill);
    }
    response
}

/// By default since 11.0.
fn takes_no_passwords(site: &Site) -> bool {
    site.product == Product::DataCenter && site.settings.release == Release::Jira11
}

/// Who calls. Passwords and tokens are for the site itself, unless they are scoped; what was given by OAuth is for Atlassian's
/// gateway, and on Data Center for the site, which has no gateway. It all speaks for the first account.
fn caller(shared: &Shared, authorization: &str, request: &Request) -> Option<Account> {
    let site = shared.site();
    let gateway = request.uri().path().starts_with("/ex/jira/");
    let origin = site.url.trim_end_matches("/jira");
    let url = format!("{origin}{}", request.uri());
    let given = shared.ways().knows(authorization, request.method().as_str(), &url);
    if given && (gateway || site.product == Product::DataCenter) {
        return site.accounts.first().cloned();
    }
    let by_itself = authorization.starts_with("Bearer ");
    let right_door = match site.settings.api_tokens {
        ApiTokens::Everyday => !gateway && (site.product == Product::DataCenter || !by_itself),
        ApiTokens::Scoped => gateway,
        ApiTokens::ScopedBearer => gateway && by_itself,
    };
    site.account_by_authorization(authorization).filter(|_| right_door).cloned()
}

/// What somebody without an account gets: nobody's issues, and no right to write.
async fn stranger(mut request: Request, next: Next) -> Response {
    if request.method() == axum::http::Method::GET || request.uri().path().ends_with("/search") {
        request.extensions_mut().insert(Caller("".into()));
        return next.run(request).await;
    }
    let message =
        "Anonymous users do not have permission to create issues in this project. Please try logging in first.";
    Refusal::bad(message).into_response()
}

/// What Data Center's rate limiting tells with every answer.
fn tell_budget(shared: &Shared, response: &mut Response, bucket: u64, refill: u64) {
    let left = shared.spend(bucket, refill);
    let headers = [
        ("x-ratelimit-limit", bucket),
        ("x-ratelimit-remaining", left),
        ("x-ratelimit-fillrate", refill),
        ("x-ratelimit-interval-seconds", 1),
        ("retry-after", 0),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from(value));
    }
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
    let keys = properties.keys().map(|key| json!({"self": format!("{url}/{key}"), "key": key}));
    json!({"keys": keys.collect::<Vec<_>>()})
}

/// One property of an issue or a comment.
fn read_property(properties: &BTreeMap<String, Value>, key: &str) -> Answer {
    let value = properties.get(key).ok_or_else(|| no_property(key))?;
    Ok(answer::ok(&json!({"key": key, "value": value})))
}

/// Sets a property of an issue or a comment; whoever calls has checked it.
fn write_property(properties: &mut BTreeMap<String, Value>, key: String, value: Value) -> Answer {
    let before = properties.insert(key, value);
    Ok(answer::jira(if before.is_some() { StatusCode::OK } else { StatusCode::CREATED }, &Value::Null))
}

fn no_property(key: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("The property with key '{key}' does not exist."))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
