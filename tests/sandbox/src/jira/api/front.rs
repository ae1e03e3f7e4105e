//! What every call goes through before and after its handler: counting, logging, and the faults that are set.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::answer::{self, Refusal};
use super::super::door::Cable;
use super::super::faults::{Effect, Looks, Orders, When};
use super::super::log::{Entry, LogBodies, without_credentials};
use super::super::now;
use super::super::shared::Shared;
use super::unauthorized;

/// Between the first half of an answer and the cut: long enough for the half to be sent.
const MID_BODY: Duration = Duration::from_millis(5);

/// What is known of a call when it comes in.
struct Call {
    at: Timestamp,
    method: String,
    path: String,
    headers: HeaderMap,
    body: Option<Bytes>,
    fault: Option<&'static str>,
}

/// How a call ended.
struct Outcome {
    answer: Sent,
    handled: Option<StatusCode>,
}

/// What the client gets.
enum Sent {
    Whole(Response),
    Half(Response),
    Nothing,
}

/// See the module. A call that is delayed or hit by a fault runs on when its client gives up, as it does at a real
/// server: the write that nobody waited for still takes place.
pub(super) async fn front(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cable): ConnectInfo<Cable>,
    request: Request,
    next: Next,
) -> Response {
    let visit = shared.enter();
    let mut call = Call::begin(&request);
    let orders = shared.faults().orders(&call.method, request.uri().path());
    let log_bodies = shared.site().settings.log_bodies;
    if orders.are_plain() && log_bodies == LogBodies::Off {
        let response = next.run(request).await;
        let handled = Some(response.status());
        return call.end(&shared, &cable, Outcome { answer: Sent::Whole(response), handled }).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return answer::html(StatusCode::BAD_REQUEST, "Bad Request");
    };
    call.body = matches!(log_bodies, LogBodies::UpTo(limit) if body.len() <= limit).then(|| body.clone());
    call.fault = orders.effect.as_ref().map(Effect::name);
    let request = Request::from_parts(parts, Body::from(body));
    let (tell, told) = oneshot::channel();
    let own = Arc::clone(&shared);
    shared.spawn(async move {
        let outcome = carry_out(orders, request, next).await;
        let response = call.end(&own, &cable, outcome).await;
        drop(visit);
        // Nobody listens when the client gave up.
        let _ = tell.send(response);
    });
    told.await.unwrap_or_else(|_| Response::default())
}

impl Call {
    fn begin(request: &Request) -> Self {
        let path = request.uri().path_and_query().map(|path| path.as_str()).unwrap_or_default();
        Self {
            at: now(),
            method: request.method().as_str().to_owned(),
            path: path.to_owned(),
            headers: without_credentials(request.headers()),
            body: None,
            fault: None,
        }
    }

    async fn end(self, shared: &Shared, cable: &Cable, outcome: Outcome) -> Response {
        let (response, status) = match outcome.answer {
            Sent::Whole(response) => {
                let status = response.status().as_u16();
                (response, Some(status))
            }
            Sent::Half(response) => (half(response, cable).await, None),
            Sent::Nothing => {
                cable.cut();
                (Response::default(), None)
            }
        };
        shared.log().push(Entry {
            at: self.at,
            ended: now(),
            method: self.method,
            path: self.path,
            headers: self.headers,
            body: self.body,
            status,
            handled: outcome.handled.map(|status| status.as_u16()),
            fault: self.fault,
        });
        response
    }
}

async fn carry_out(orders: Orders, request: Request, next: Next) -> Outcome {
    wait(orders.delay_before).await;
    let writes = match &orders.effect {
        None | Some(Effect::CutMidBody | Effect::Delay { .. }) => true,
        Some(Effect::Busy { .. }) => false,
        Some(Effect::Status { when, .. } | Effect::Cut { when } | Effect::Hang { when, .. }) => {
            *when == When::AfterWrite
        }
    };
    let response = if writes { Some(next.run(request).await) } else { None };
    let handled = response.as_ref().map(Response::status);
    wait(orders.delay_after).await;
    let answer = match orders.effect {
        None | Some(Effect::Delay { .. }) => response.map_or(Sent::Nothing, Sent::Whole),
        Some(Effect::Busy { retry_after_s, reason }) => Sent::Whole(busy(retry_after_s, &reason)),
        Some(Effect::Status { status, looks, .. }) => Sent::Whole(failure(status, looks)),
        Some(Effect::Cut { .. }) => Sent::Nothing,
        Some(Effect::CutMidBody) => response.map_or(Sent::Nothing, Sent::Half),
        Some(Effect::Hang { ms, .. }) => {
            wait(Duration::from_millis(ms)).await;
            Sent::Nothing
        }
    };
    Outcome { answer, handled }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// 429 with all the header fields that Jira Cloud sends along.
fn busy(retry_after_s: u64, reason: &str) -> Response {
    let mut response = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.").into_response();
    let reset = now().as_second().saturating_add_unsigned(retry_after_s);
    let reset = Timestamp::from_second(reset).map(|reset| reset.to_string()).unwrap_or_default();
    for (name, value) in [
        ("retry-after", retry_after_s.to_string()),
        ("ratelimit-reason", reason.to_owned()),
        ("x-ratelimit-limit", "100".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", reset),
        ("x-ratelimit-nearlimit", "true".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn failure(status: u16, looks: Looks) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Error");
    match looks {
        Looks::Html => answer::html(status, reason),
        Looks::Empty => super::empty(status),
        Looks::Jira => match status {
            StatusCode::UNAUTHORIZED => unauthorized(),
            StatusCode::NOT_FOUND => Refusal::no_issue().into_response(),
            other => Refusal::new(other, reason).into_response(),
        },
    }
}

/// An answer whose header promises more than comes: its body breaks off. One without a body does not come at all.
async fn half(response: Response, cable: &Cable) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if bytes.is_empty() {
        cable.cut();
        return Response::default();
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let first = bytes.slice(..bytes.len() / 2);
    let cable = cable.clone();
    let cut = stream::once(async move {
        tokio::time::sleep(MID_BODY).await;
        cable.cut();
        Ok::<Bytes, Infallible>(Bytes::from_static(b" "))
    });
    Response::from_parts(parts, Body::from_stream(stream::once(async { Ok(first) }).chain(cut)))
}
