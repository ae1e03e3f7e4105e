//! The authorization endpoint (RFC 6749, 3.1, with PKCE): checks the request, asks the person, sends the answer back.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use url::{Host, Url};

use super::grants::{Code, Grant};
use super::pending::{PendingRequest, Prompt};
use super::{Decision, ProviderOptions, RefreshTokens, Settings, Shared, page};

/// The request as it comes; parameters that we do not know are ignored (RFC 6749, 3.1).
#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login_hint: Option<String>,
    nonce: Option<String>,
    prompt: Option<String>,
}

/// Why the person is not even asked.
#[derive(Debug)]
enum Refusal {
    /// Nobody to send back to: an address that we do not know must not be redirected to.
    Shown(&'static str),
    /// Sent back to the client.
    SentBack { redirect_uri: String, error: &'static str, description: &'static str },
}

/// The consent page.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, Query(parameters): Query<Parameters>) -> Response {
    let hint = parameters.login_hint.clone().unwrap_or_default();
    let state = parameters.state.clone();
    match check(parameters, &shared.options) {
        Ok(request) => {
            let scopes = request.scopes.clone();
            let name = shared.state().pending.keep(request);
            Html(page::consent(&shared.options, &name, &hint, &scopes)).into_response()
        }
        Err(Refusal::Shown(why)) => (StatusCode::BAD_REQUEST, Html(page::refusal(why))).into_response(),
        Err(Refusal::SentBack { redirect_uri, error, description }) => {
            let answer = [("error", error), ("error_description", description)];
            send_back(&shared.issuer, &redirect_uri, state.as_deref(), &answer)
        }
    }
}

/// What the page's form holds.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    request: String,
    #[serde(default)]
    account: String,
    decision: Decision,
}

/// What the person answered.
pub(super) async fn decide(State(shared): State<Arc<Shared>>, Form(answer): Form<Answer>) -> Response {
    let mut state = shared.state();
    let Some(request) = state.pending.take(&answer.request) else {
        let why = "This request was answered before. Start again from the program that sent you here.";
        return (StatusCode::BAD_REQUEST, Html(page::refusal(why))).into_response();
    };
    let (redirect_uri, client_state) = (request.redirect_uri.clone(), request.state.clone());
    let code = match answer.decision {
        Decision::Allow => {
            let code = agreed(request, &answer.account, &shared.options, &state.settings);
            let terms = state.terms();
            Some(state.grants.issue_code(code, &terms))
        }
        Decision::Deny => None,
    };
    drop(state);
    let answer = match &code {
        Some(code) => [("code", code.as_str())].to_vec(),
        None => [("error", "access_denied"), ("error_description", "the person said no")].to_vec(),
    };
    send_back(&shared.issuer, &redirect_uri, client_state.as_deref(), &answer)
}

fn check(parameters: Parameters, options: &ProviderOptions) -> Result<PendingRequest, Refusal> {
    if parameters.client_id.as_ref() != Some(&options.client_id) {
        return Err(Refusal::Shown("The program that sent you here is not registered (client_id)."));
    }
    let redirect_uri = parameters.redirect_uri.filter(|uri| may_redirect_to(uri, options));
    let Some(redirect_uri) = redirect_uri else {
        return Err(Refusal::Shown(
            "The program that sent you here wants the answer at an address that is not registered for it (redirect_uri).",
        ));
    };
    let refuse = |error, description| Refusal::SentBack { redirect_uri: redirect_uri.clone(), error, description };
    if parameters.response_type.as_deref() != Some("code") {
        return Err(refuse("unsupported_response_type", "only response_type=code"));
    }
    if parameters.code_challenge_method.as_deref() != Some("S256") {
        return Err(refuse("invalid_request", "PKCE with code_challenge_method=S256 is required"));
    }
    let Some(challenge) = parameters.code_challenge.filter(|challenge| challenge.len() == 43) else {
        return Err(refuse("invalid_request", "code_challenge is not a SHA-256 digest in base64url"));
    };
    let prompts = parameters.prompt.unwrap_or_default();
    let prompt = if prompts.split(' ').any(|word| word == "consent") { Prompt::Consent } else { Prompt::None };
    let scopes = parameters.scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let (state, nonce) = (parameters.state, parameters.nonce);
    Ok(PendingRequest { redirect_uri, scopes, state, challenge, nonce, prompt })
}

/// A registered address, or loopback with any port (RFC 8252, 7.3) and any path.
fn may_redirect_to(uri: &str, options: &ProviderOptions) -> bool {
    if options.redirect_uris.iter().any(|registered| registered == uri) {
        return true;
    }
    let Ok(url) = Url::parse(uri) else { return false };
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    loopback && url.scheme() == "http"
}

fn agreed(request: PendingRequest, account: &str, options: &ProviderOptions, settings: &Settings) -> Code {
    let refreshable = match settings.refresh_tokens {
        RefreshTokens::Issued => true,
        RefreshTokens::OnlyWithPrompt => request.prompt == Prompt::Consent,
        RefreshTokens::Withheld => false,
    };
    let granted = |scope: &String| settings.granted_scopes.as_ref().is_none_or(|scopes| scopes.contains(scope));
    let grant = Grant {
        account: settings.sign_in_as.as_deref().unwrap_or(account).trim().to_ascii_lowercase(),
        client_id: options.client_id.clone(),
        scopes: request.scopes.into_iter().filter(granted).collect(),
        nonce: request.nonce,
        claims: None,
        refreshable,
    };
    Code { grant, redirect_uri: request.redirect_uri, challenge: request.challenge }
}

/// Back to the client, with `state` as it came and with `iss` (RFC 9207).
fn send_back(issuer: &str, redirect_uri: &str, state: Option<&str>, answer: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return (StatusCode::BAD_REQUEST, Html(page::refusal("The address to return to is none."))).into_response();
    };
    url.query_pairs_mut()
        .extend_pairs(answer)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", issuer);
    (StatusCode::SEE_OTHER, [(header::LOCATION, url.to_string())]).into_response()
}
