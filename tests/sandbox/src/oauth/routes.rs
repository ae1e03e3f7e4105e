//! Which address leads where, the discovery document, and the control panel.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use super::{ClientAuth, Command, Endpoint, Shared, Snapshot, authorize, device, faults, token};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(Endpoint::Discovery.path(), get(discovery))
        .route(Endpoint::Authorize.path(), get(authorize::ask))
        .route(Endpoint::Decision.path(), post(authorize::decide))
        .route(Endpoint::Token.path(), post(token::token))
        .route(Endpoint::Revoke.path(), post(token::revoke))
        .route(Endpoint::Introspect.path(), post(token::introspect))
        .route(Endpoint::Userinfo.path(), get(token::userinfo))
        .route(Endpoint::DeviceCodes.path(), post(device::codes))
        .route(Endpoint::Device.path(), get(device::ask).post(device::decide))
        .route("/jwks", get(async || Json(json!({ "keys": [] })))) // HS256 has no public key
        .layer(middleware::from_fn_with_state(shared.clone(), faults::meet))
        .route("/.well-known/oauth-authorization-server", get(discovery))
        .route("/_control", get(look).post(control))
        .with_state(shared)
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let client_auth = match shared.state().settings.client_auth {
        ClientAuth::Any => json!(["client_secret_basic", "client_secret_post", "none"]),
        ClientAuth::Basic => json!(["client_secret_basic"]),
        ClientAuth::Post => json!(["client_secret_post"]),
        ClientAuth::None => json!(["none"]),
        ClientAuth::Assertion => json!(["private_key_jwt"]),
    };
    Json(json!({
        "issuer": shared.issuer,
        "authorization_endpoint": shared.url(Endpoint::Authorize),
        "token_endpoint": shared.url(Endpoint::Token),
        "revocation_endpoint": shared.url(Endpoint::Revoke),
        "introspection_endpoint": shared.url(Endpoint::Introspect),
        "device_authorization_endpoint": shared.url(Endpoint::DeviceCodes),
        "userinfo_endpoint": shared.url(Endpoint::Userinfo),
        "jwks_uri": format!("{}/jwks", shared.issuer),
        "scopes_supported": ["openid", "email", "mail", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": client_auth,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn look(State(shared): State<Arc<Shared>>) -> Json<Snapshot> {
    Json(shared.snapshot())
}

/// Answers with a sentence when the command is not understood: a test's typing error should not look like a fault.
async fn control(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let done = serde_json::from_str::<Command>(&body).and_then(|command| shared.control(command));
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("cannot do this: {error}\n")).into_response(),
    }
}
