//! The endpoints that programs ask: token, revocation, introspection and userinfo.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::faults::error_answer;
use super::grants::{Grant, Redemption, Refused, Tokens};
use super::{
    ClientAuth, Dialect, Endpoint, ScopeInAnswer, Settings, Shared, State as ProviderState, app, dialect, jwt,
};
use crate::clock;

type Parameters = HashMap<String, String>;

/// Why a token request is refused (RFC 6749, 5.2).
#[derive(Debug)]
pub(super) struct Refusal {
    pub error: &'static str,
    pub description: &'static str,
}

impl From<Refused> for Refusal {
    fn from(Refused(description): Refused) -> Self {
        Self { error: "invalid_grant", description }
    }
}

/// RFC 6749, 3.2.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<Parameters>,
) -> Response {
    let mut state = shared.state();
    let outcome = authenticate(&shared, &mut state, &headers, &form).and_then(|()| grant(&shared, &mut state, &form));
    match outcome {
        Ok((tokens, grant)) => {
            let grant_type = form.get("grant_type").cloned().unwrap_or_default();
            *state.counters.granted.entry(grant_type).or_default() += 1;
            let body = answer(&shared, &tokens, &grant, &state.settings);
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Err(refusal) => {
            *state.counters.refused.entry(refusal.error.to_owned()).or_default() += 1;
            refuse(&refusal, state.settings.dialect)
        }
    }
}

/// RFC 7009.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<Parameters>,
) -> Response {
    let mut state = shared.state();
    if let Err(refusal) = authenticate(&shared, &mut state, &headers, &form) {
        return refuse(&refusal, state.settings.dialect);
    }
    let Some(token) = form.get("token") else {
        let refusal = Refusal { error: "invalid_request", description: "there is no token" };
        return refuse(&refusal, state.settings.dialect);
    };
    state.grants.revoke_token(token);
    StatusCode::OK.into_response()
}

/// RFC 7662. Whoever can reach it may ask: the mail server has no credentials here.
pub(super) async fn introspect(State(shared): State<Arc<Shared>>, Form(form): Form<Parameters>) -> Json<Value> {
    let state = shared.state();
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let Some((grant, expires_at)) = state.grants.active(token, clock::now()) else {
        return Json(json!({ "active": false }));
    };
    Json(json!({
        "active": true,
        "scope": grant.scopes.join(" "),
        "client_id": grant.client_id,
        "username": grant.account,
        "email": grant.account,
        "sub": grant.account,
        "token_type": "Bearer",
        "exp": expires_at.as_second(),
        "iss": shared.issuer,
    }))
}

/// OpenID Connect Core, 5.3.
pub(super) async fn userinfo(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let state = shared.state();
    let token = authorization(&headers, "Bearer").unwrap_or_default();
    match state.grants.active(token, clock::now()) {
        Some((grant, _)) => Json(json!({
            "sub": grant.account,
            "email": grant.account,
            "email_verified": true,
            "preferred_username": grant.account,
        }))
        .into_response(),
        None => {
            let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
            (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "error": "invalid_token" }))).into_response()
        }
    }
}

fn grant(shared: &Shared, state: &mut ProviderState, form: &Parameters) -> Result<(Tokens, Grant), Refusal> {
    let get = |name| form.get(name).map(String::as_str).unwrap_or_default();
    let terms = state.terms();
    let (options, audience) = (&shared.options, shared.url(Endpoint::Token));
    let grant = match get("grant_type") {
        "authorization_code" => {
            let (code, redirect_uri, verifier) = (get("code"), get("redirect_uri"), get("code_verifier"));
            let redemption = Redemption { code, redirect_uri, verifier };
            return Ok(state.grants.redeem(&redemption, &terms)?);
        }
        "refresh_token" => {
            let is_old = state.grants.was_replaced(get("refresh_token"));
            let granted = state.grants.refresh(get("refresh_token"), &terms)?;
            state.counters.reused += u64::from(is_old);
            return Ok(granted);
        }
        "client_credentials" => app::own(options, &state.settings, get("scope")),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            app::delegated(get("assertion"), options, &state.settings, &audience, terms.now)?
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            let grant = state.devices.redeem(get("device_code"), &options.client_id, terms.now)?;
            Grant { refreshable: state.settings.refreshes_devices(), ..grant }
        }
        _ => return Err(Refusal { error: "unsupported_grant_type", description: "there is no such grant here" }),
    };
    Ok((state.grants.issue(grant.clone(), &terms), grant))
}

fn answer(shared: &Shared, tokens: &Tokens, grant: &Grant, settings: &Settings) -> Value {
    let mut body = json!({
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    });
    let Some(fields) = body.as_object_mut() else {
        return body;
    };
    if let Some(refresh_token) = &tokens.refresh_token {
        fields.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    if let Some(seconds) = settings.refresh_token_expires_in {
        fields.insert("refresh_token_expires_in".to_owned(), json!(seconds));
    }
    match settings.scope_in_answer {
        ScopeInAnswer::Named => drop(fields.insert("scope".to_owned(), json!(grant.scopes.join(" ")))),
        ScopeInAnswer::LeftOut => {}
    }
    if grant.scopes.iter().any(|scope| scope == "openid") {
        fields.insert("id_token".to_owned(), json!(id_token(shared, grant, tokens.expires_in)));
    }
    body
}

fn id_token(shared: &Shared, grant: &Grant, lifetime: u32) -> String {
    let now = clock::now().as_second();
    let claims = json!({
        "iss": shared.issuer,
        "sub": grant.account,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + i64::from(lifetime),
        "nonce": grant.nonce,
        "email": grant.account,
        "email_verified": true,
    });
    jwt::encode(&claims, shared.options.client_secret.as_deref())
}

/// RFC 6749, 2.3: the client proves itself in the way that is set, and in one way alone.
pub(super) fn authenticate(
    shared: &Shared,
    state: &mut ProviderState,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<(), Refusal> {
    if form.get("grant_type").is_some_and(|grant_type| grant_type.ends_with(":jwt-bearer")) {
        return Ok(()); // the assertion says who asks
    }
    if let Some(assertion) = form.get("client_assertion") {
        return by_assertion(shared, state, assertion);
    }
    let basic = authorization(headers, "Basic").map(basic_credentials);
    let (method, id, secret) = match (basic, form.get("client_secret")) {
        (Some(_), Some(_)) => {
            return Err(Refusal { error: "invalid_request", description: "two proofs at once" });
        }
        (Some(Some((id, secret))), None) => (ClientAuth::Basic, id, Some(secret)),
        (Some(None), None) => return Err(invalid_client("the Authorization header cannot be read")),
        (None, secret) => {
            let method = secret.map_or(ClientAuth::None, |_| ClientAuth::Post);
            (method, form.get("client_id").cloned().unwrap_or_default(), secret.cloned())
        }
    };
    *state.counters.client_auth.entry(method).or_default() += 1;
    let accepted = state.settings.client_auth == ClientAuth::Any || state.settings.client_auth == method;
    if !accepted {
        return Err(invalid_client(match state.settings.client_auth {
            ClientAuth::None => "the client must show no secret",
            ClientAuth::Any | ClientAuth::Basic | ClientAuth::Post | ClientAuth::Assertion => {
                "the client has to prove itself in another way"
            }
        }));
    }
    let expected = shared.options.client_secret.as_ref().filter(|_| state.settings.client_auth != ClientAuth::None);
    if id != shared.options.client_id || secret.as_ref() != expected {
        return Err(invalid_client("the client is unknown or its secret is wrong"));
    }
    Ok(())
}

fn by_assertion(shared: &Shared, state: &mut ProviderState, assertion: &str) -> Result<(), Refusal> {
    *state.counters.client_auth.entry(ClientAuth::Assertion).or_default() += 1;
    let expected = matches!(state.settings.client_auth, ClientAuth::Any | ClientAuth::Assertion);
    let audience = shared.url(Endpoint::Token);
    if expected && app::is_clients(assertion, &shared.options, &audience, clock::now()) {
        return Ok(());
    }
    Err(invalid_client("the certificate is not the registered one"))
}

fn invalid_client(description: &'static str) -> Refusal {
    Refusal { error: "invalid_client", description }
}

pub(super) fn refuse(refusal: &Refusal, dialect: Dialect) -> Response {
    let code = if refusal.error == "invalid_client" { 401 } else { 400 };
    let (error, description) = dialect::words(refusal, dialect);
    let mut response = error_answer(code, error, Some(&description), None);
    if code == 401 {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic"));
    }
    response
}

/// What follows the scheme in the Authorization header; schemes ignore case (RFC 9110, 11.1).
fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Both halves are form-encoded before base64 (RFC 6749, 2.3.1).
fn basic_credentials(text: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    form_urlencoded::parse(format!("v={text}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}
