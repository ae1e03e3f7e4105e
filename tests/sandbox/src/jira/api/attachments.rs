//! Files: uploading them, reading them back, and the media service that Jira redirects to.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::super::answer::{Refusal, ok, put};
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{Attachment, Product, Site};
use super::super::view;
use super::{Answer, Caller, Parameters};

/// Jira's limits: for one issue, and for one call.
const MOST_ATTACHMENTS: usize = 2_000;
const MOST_FILES: usize = 60;

/// The address at the media service is good for whoever holds it, for a while; here, for ever.
const MEDIA_TOKEN: &str = "sandbox-media-token";

/// What a part of the upload holds.
struct Upload {
    name: String,
    content_type: String,
    content: Vec<u8>,
}

pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let files = received(&shared, &caller, request).await?;
    let mut site = shared.site();
    let issue = site.issue(&id).ok_or_else(Refusal::no_issue)?;
    if !site.permits("CREATE_ATTACHMENTS") {
        let message = "You do not have permission to create attachments for this issue";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    if issue.attachments.len() + files.len() > MOST_ATTACHMENTS || files.len() > MOST_FILES {
        let message = "The issue has reached its limit of attachments.";
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let (key, mut answer) = (issue.key.clone(), Vec::new());
    for file in files {
        let added = site.add_attachment(&key, file).map(|added| added.id);
        answer.extend(added.and_then(|id| site.attachment(id)).map(|added| view::attachment(&site, added)));
    }
    Ok(ok(&Value::Array(answer)))
}

/// The files that a request brings.
pub(super) async fn received(shared: &Shared, caller: &Caller, request: Request) -> Result<Vec<Attachment>, Refusal> {
    check_token(request.headers())?;
    let (limit, too_large) = {
        let site = shared.site();
        // Data Center has no 413.
        let status = match site.product {
            Product::Cloud => StatusCode::PAYLOAD_TOO_LARGE,
            Product::DataCenter => StatusCode::NOT_FOUND,
        };
        (site.settings.upload_limit, status)
    };
    let multipart = Multipart::from_request(request, &()).await;
    let multipart =
        multipart.map_err(|rejection| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, rejection.body_text()))?;
    let uploads = read(multipart, limit, too_large).await?;
    Ok(uploads.into_iter().map(|upload| attachment(upload, caller)).collect())
}

/// Jira takes a browser's form for an attack unless this header stands there.
fn check_token(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("x-atlassian-token").and_then(|value| value.to_str().ok()) {
        Some("no-check" | "nocheck") => Ok(()),
        Some(_) | None => Err(Refusal::new(StatusCode::FORBIDDEN, "XSRF check failed")),
    }
}

/// Reads to the end even when something is too large: the client should get to hear of it.
async fn read(mut multipart: Multipart, limit: u64, refusal: StatusCode) -> Result<Vec<Upload>, Refusal> {
    let broken = |_| Refusal::bad("The request body could not be read.");
    let (mut uploads, mut too_large) = (Vec::new(), None);
    while let Some(mut part) = multipart.next_field().await.map_err(broken)? {
        if part.name() != Some("file") {
            return Err(Refusal::bad("The part of a file must be called 'file'."));
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let content_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let mut content = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            if (content.len() + chunk.len()) as u64 > limit {
                too_large = Some(name.clone());
                content.clear();
            } else if too_large.is_none() {
                content.extend_from_slice(&chunk);
            }
        }
        uploads.push(Upload { name, content_type, content });
    }
    if let Some(name) = too_large {
        let message = format!("The file {name} exceeds its maximum permitted size of {limit} bytes.");
        return Err(Refusal::new(refusal, message));
    }
    if uploads.is_empty() || uploads.iter().any(|upload| upload.name.is_empty()) {
        return Err(Refusal::bad("No file with a name was sent."));
    }
    Ok(uploads)
}

fn attachment(upload: Upload, caller: &Caller) -> Attachment {
    let bits = fastrand::u128(..);
    let hex = format!("{bits:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    Attachment {
        id: 0,
        media_id: groups.join("-"),
        name: upload.name,
        content_type: upload.content_type,
        content: upload.content.into(),
        author: caller.0.to_string(),
        created: now(),
    }
}

pub(super) async fn meta(State(shared): State<Arc<Shared>>) -> Response {
    ok(&json!({"enabled": true, "uploadLimit": shared.site().settings.upload_limit}))
}

pub(super) async fn get_one(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Answer {
    let site = shared.site();
    let mut answer = view::attachment(&site, site.attachment(id).ok_or_else(no_file)?);
    put(&mut answer, "id", json!(id));
    Ok(ok(&answer))
}

/// A redirect to the media service, unless `redirect=false`.
pub(super) async fn content(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
    Query(query): Query<Parameters>,
) -> Answer {
    let site = shared.site();
    let attachment = site.attachment(id).ok_or_else(no_file)?;
    if query.get("redirect") == Some("false") {
        return Ok(bytes(attachment));
    }
    Ok(see_other(&site, &attachment.media_id, site.settings.media_hops))
}

/// So many redirects before the media service itself; in between on a host of another name.
fn see_other(site: &Site, media_id: &str, hops: u32) -> Response {
    let location = match hops.checked_sub(1) {
        None => format!("{}/_media/file/{media_id}/binary?token={MEDIA_TOKEN}", site.url),
        Some(left) => {
            let elsewhere = site.url.replace("127.0.0.1", "localhost");
            format!("{elsewhere}/_media/hop/{left}/{media_id}?token={MEDIA_TOKEN}")
        }
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A redirect on the way, which is nobody's to see without the token, and has no business with anybody's credentials.
async fn hop(
    State(shared): State<Arc<Shared>>,
    Path((left, media_id)): Path<(u32, String)>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Answer {
    if query.get("token") != Some(MEDIA_TOKEN) || headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "The token is not valid."));
    }
    Ok(see_other(&shared.site(), &media_id, left))
}

fn bytes(attachment: &Attachment) -> Response {
    let headers = [(header::CONTENT_TYPE, attachment.content_type.clone())];
    (headers, attachment.content.clone()).into_response()
}

/// The media service: no account, only the token in the address.
pub(super) fn media_router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_media/hop/{left}/{media_id}", get(hop))
        .route("/_media/file/{media_id}/binary", get(media))
        .with_state(shared)
}

async fn media(
    State(shared): State<Arc<Shared>>,
    Path(media_id): Path<String>,
    Query(query): Query<Parameters>,
) -> Answer {
    if query.get("token") != Some(MEDIA_TOKEN) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "The token is not valid."));
    }
    let site = shared.site();
    Ok(bytes(site.media(&media_id).ok_or_else(no_file)?))
}

fn no_file() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "The attachment does not exist.")
}
