//! The client's side of a consent: the address to open, the code that comes back, and plain requests.

use std::collections::HashMap;

use anyhow::Context;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::oauth::{Decision, Person, Provider, answer_consent};
use serde_json::Value;
use url::Url;

pub const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636";
pub const REDIRECT: &str = "http://127.0.0.1:9/callback";

/// The address that a client opens for consent, with some parameters other than usual.
pub fn authorization_url(provider: &Provider, other: &[(&str, &str)]) -> anyhow::Result<String> {
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
    let mut parameters = HashMap::from([
        ("response_type", "code"),
        ("client_id", provider.client_id()),
        ("redirect_uri", REDIRECT),
        ("scope", "openid email mail offline_access"),
        ("state", "a state & more"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("login_hint", "ann@example.test"),
    ]);
    parameters.extend(other.iter().copied());
    let mut url = Url::parse(provider.issuer())?.join("/authorize")?;
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url.to_string())
}

/// Says yes, and returns the code.
pub async fn code(provider: &Provider) -> anyhow::Result<String> {
    let person = Person { account: None, decision: Decision::Allow };
    let back = answer_consent(&authorization_url(provider, &[])?, &person).await?;
    query(&back, "code").context("no code came")
}

pub fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A request to the token endpoint in the client's name: status and JSON.
pub async fn token(provider: &Provider, form: &[(&str, &str)]) -> anyhow::Result<(u16, Value)> {
    let mut form = form.to_vec();
    form.push(("client_id", provider.client_id()));
    form.extend(provider.client_secret().map(|secret| ("client_secret", secret)));
    let response = client()?.post(format!("{}/token", provider.issuer())).form(&form).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

pub async fn redeem(provider: &Provider, code: &str, verifier: &str) -> anyhow::Result<(u16, Value)> {
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT), ("code_verifier", verifier)];
    token(provider, &form).await
}

pub async fn refresh(provider: &Provider, refresh_token: &str) -> anyhow::Result<(u16, Value)> {
    token(provider, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

pub async fn is_active(provider: &Provider, access_token: &str) -> anyhow::Result<bool> {
    let response = client()?.post(provider.introspection_url()).form(&[("token", access_token)]).send().await?;
    let answer: Value = response.json().await?;
    answer.get("active").and_then(Value::as_bool).context("introspection does not say")
}

#[expect(clippy::disallowed_methods, reason = "the ban is the program's; this is a test's own client")]
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(60)).build()
}
