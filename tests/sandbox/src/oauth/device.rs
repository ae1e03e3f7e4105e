//! The device flow (RFC 8628): codes for a client without a browser, and the page where a person types one in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::{Form, Json};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::grants::{Grant, random};
use super::token::{self, Refusal};
use super::{Decision, Endpoint, RefreshTokens, Shared, page};
use crate::clock;

/// How long codes are good, in seconds.
const LIFETIME_S: i64 = 600;

/// Devices that wait for their person.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<String, Device>);

#[derive(Debug)]
struct Device {
    user_code: String,
    scopes: Vec<String>,
    expires_at: Timestamp,
    answer: Answer,
}

#[derive(Debug, Clone)]
enum Answer {
    Awaited,
    Given { account: String },
    Refused,
}

impl Devices {
    fn begin(&mut self, scopes: Vec<String>, now: Timestamp) -> (String, String) {
        let device_code = random("sandbox-device-", 40);
        let user_code: String = std::iter::repeat_with(|| fastrand::char('A'..='Z')).take(8).collect();
        let expires_at = now.saturating_add(SignedDuration::from_secs(LIFETIME_S)).unwrap_or(now);
        let device = Device { user_code: user_code.clone(), scopes, expires_at, answer: Answer::Awaited };
        self.0.insert(device_code.clone(), device);
        (device_code, user_code)
    }

    /// What a person does with a code; `false` where there is no such code.
    pub fn decide(&mut self, user_code: &str, account: &str, decision: Decision) -> bool {
        let Some(device) = self.0.values_mut().find(|device| device.user_code.eq_ignore_ascii_case(user_code)) else {
            return false;
        };
        device.answer = match decision {
            Decision::Allow => Answer::Given { account: account.trim().to_ascii_lowercase() },
            Decision::Deny => Answer::Refused,
        };
        true
    }

    /// The grant that a device code stands for, once.
    pub fn redeem(&mut self, device_code: &str, client_id: &str, now: Timestamp) -> Result<Grant, Refusal> {
        let refuse = |error| Err(Refusal { error, description: "the device flow" });
        let Some(device) = self.0.get(device_code) else {
            return refuse("invalid_grant");
        };
        if device.expires_at < now {
            return refuse("expired_token");
        }
        match device.answer.clone() {
            Answer::Awaited => refuse("authorization_pending"),
            Answer::Refused => refuse("access_denied"),
            Answer::Given { account } => {
                let scopes = device.scopes.clone();
                self.0.remove(device_code);
                let (client_id, nonce, claims) = (client_id.to_owned(), None, None);
                Ok(Grant { account, client_id, scopes, nonce, claims, refreshable: true })
            }
        }
    }
}

/// RFC 8628, 3.1 and 3.2.
pub(super) async fn codes(
    State(shared): State<Arc<Shared>>,
    headers: axum::http::HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut state = shared.state();
    if let Err(refusal) = token::authenticate(&shared, &mut state, &headers, &form) {
        return token::refuse(&refusal, state.settings.dialect);
    }
    let scopes = form.get("scope").map(|scope| scope.split_whitespace().map(str::to_owned).collect());
    let interval = state.settings.device_interval_seconds;
    let (device_code, user_code) = state.devices.begin(scopes.unwrap_or_default(), clock::now());
    Json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": shared.url(Endpoint::Device),
        "expires_in": LIFETIME_S,
        "interval": interval,
    }))
    .into_response()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    user_code: String,
}

/// The page for the code.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Html<String> {
    Html(page::device(&shared.options, &asked.user_code, ""))
}

#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    user_code: String,
    account: String,
    decision: Decision,
}

/// What the person typed.
pub(super) async fn decide(State(shared): State<Arc<Shared>>, Form(typed): Form<Typed>) -> Html<String> {
    let found = shared.state().devices.decide(&typed.user_code, &typed.account, typed.decision);
    let said = if found { "Thank you. You can close this page." } else { "There is no such code." };
    Html(page::device(&shared.options, "", said))
}

impl super::Settings {
    /// Whether a grant given on another device comes with a refresh token.
    pub(super) fn refreshes_devices(&self) -> bool {
        match self.refresh_tokens {
            RefreshTokens::Issued | RefreshTokens::OnlyWithPrompt => true,
            RefreshTokens::Withheld => false,
        }
    }
}
