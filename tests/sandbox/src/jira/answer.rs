//! What Jira's answers look like: error bodies, JSON, and times as Jira writes them.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::site::Product;

/// Why Jira refuses a request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    messages: Vec<String>,
    errors: BTreeMap<String, String>,
}

impl Refusal {
    /// A status with one message.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, messages: vec![message.into()], errors: BTreeMap::new() }
    }

    /// 400 with one message.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 with messages by field. `INVALID_INPUT` and the like stand for the whole request: Jira gives no field.
    pub(super) fn fields(errors: BTreeMap<String, String>) -> Self {
        let is_whole = |message: &String| message.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
        let (whole, errors): (BTreeMap<_, _>, _) = errors.into_iter().partition(|(_, message)| is_whole(message));
        Self { status: StatusCode::BAD_REQUEST, messages: whole.into_values().collect(), errors }
    }

    /// 400 with a message for one field.
    pub(super) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::fields(BTreeMap::from([(field.to_owned(), message.into())]))
    }

    /// 404 for an issue that is not there, or that one may not see.
    pub(super) fn no_issue() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Issue does not exist or you do not have permission to see it.")
    }

    /// For an issue whose level of security hides it: Cloud does not say that there is one.
    pub(super) fn hidden(product: Product) -> Self {
        match product {
            Product::Cloud => Self::no_issue(),
            Product::DataCenter => {
                Self::new(StatusCode::FORBIDDEN, "You do not have the permission to see the specified issue.")
            }
        }
    }

    /// 400 for a body that is not the JSON it should be.
    pub(super) fn payload() -> Self {
        Self::bad("Invalid request payload. Refer to the REST API documentation and try again.")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        jira(self.status, &json!({"errorMessages": self.messages, "errors": self.errors}))
    }
}

/// A JSON answer.
pub(super) fn jira(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// 200 with JSON.
pub(super) fn ok(body: &Value) -> Response {
    jira(StatusCode::OK, body)
}

/// Adds a member to a JSON object.
pub(super) fn put(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(key.to_owned(), value);
    }
}

/// A page as Jira, or a proxy before it, sends where a program hoped for JSON.
pub(super) fn html(status: StatusCode, text: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{text}</h1></body></html>\n");
    (status, [(header::CONTENT_TYPE, "text/html;charset=UTF-8")], body).into_response()
}

/// `2026-09-27T10:03:11.123+0200`: no colon in the offset.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S.%3f%z").to_string()
}
