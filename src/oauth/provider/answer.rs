//! What a token endpoint's answer means: granted, a definite no, or nothing that may count as one. Pure.
//!
//! A "no" costs a person a trip to the browser, so it takes a well-formed OAuth error with a client error's status
//! (RFC 6749, 5.2) that says it. Everything else, from a captive portal's page to an error code that nobody knows,
//! is "not now".

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use crate::config::Secret;

/// An HTTP answer of the token endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// How long the provider asks us to wait (RFC 9110, 10.2.3).
    pub retry_after: Option<Duration>,
    /// The body as it came.
    pub body: &'a [u8],
}

/// A successful answer (RFC 6749, 5.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    /// Goes to the mail server.
    pub access_token: Secret,
    /// How long the access token is good, where the provider told.
    pub expires_in: Option<Duration>,
    /// Takes the place of the one before; where there is none, that one stays good.
    pub refresh_token: Option<Secret>,
    /// What was granted; `None` is everything that was asked for.
    pub scope: Option<Vec<String>>,
    /// OpenID Connect Core, 2.
    pub id_token: Option<Secret>,
}

/// An error as OAuth words it (RFC 6749, 4.1.2.1 and 5.2), made fit for a terminal: no control characters, not long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}", description.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct OAuthError {
    /// `error`.
    pub code: String,
    /// `error_description`.
    pub description: Option<String>,
}

/// What an error code says about whom.
enum Blame {
    Grant,
    Client,
    Nobody,
}

#[derive(Deserialize)]
struct GrantedBody {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    scope: Option<String>,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    error_description: Option<String>,
}

/// Reads an answer of the token endpoint.
pub fn classify(answer: Answer<'_>) -> Result<Granted, ProviderError> {
    match answer.status {
        200..=299 => granted(answer.body).ok_or_else(|| unavailable(answer, "with something that is no token")),
        408 | 425 | 429 => Err(unavailable(answer, "and asks us to come back later")),
        400..=499 => Err(refusal(answer)),
        300..=399 => Err(unavailable(answer, "with a redirect, which is not followed")),
        _ => Err(unavailable(answer, "because of trouble of its own")),
    }
}

fn granted(body: &[u8]) -> Option<Granted> {
    let body: GrantedBody = serde_json::from_slice(body).ok()?;
    let bearer = body.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    Some(Granted {
        access_token: bearer.then(|| token(body.access_token))??,
        expires_in: body.expires_in.as_ref().and_then(seconds),
        refresh_token: body.refresh_token.and_then(token),
        scope: body.scope.map(|scope| words(&scope)).filter(|scopes| !scopes.is_empty()),
        id_token: body.id_token.and_then(token),
    })
}

/// RFC 6749, A.12 and A.17: visible ASCII. A token with a `^A` in it would end the SASL response early.
fn token(text: String) -> Option<Secret> {
    let text = Secret::new(text);
    let visible = text.expose().bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    (visible && !text.expose().is_empty()).then_some(text)
}

/// Microsoft's older endpoints send the number as a string.
fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_u64().or_else(|| value.as_f64().map(|number| number as u64));
    let number = number.or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(Duration::from_secs(number))
}

fn words(scope: &str) -> Vec<String> {
    scope.split_ascii_whitespace().map(str::to_owned).collect()
}

fn refusal(answer: Answer<'_>) -> ProviderError {
    let Ok(body) = serde_json::from_slice::<ErrorBody>(answer.body) else {
        return unavailable(answer, "with something that is no OAuth answer");
    };
    let error = OAuthError::new(&body.error, body.error_description.as_deref());
    match blame(&body.error) {
        Blame::Grant => ProviderError::Refused(error),
        Blame::Client => ProviderError::ClientRefused(error),
        Blame::Nobody => unavailable(answer, &format!("with {error}")),
    }
}

/// RFC 6749, 5.2; the three of OpenID Connect Core, 3.1.2.6, are what a provider says that wants its person back.
fn blame(code: &str) -> Blame {
    match code {
        "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => Blame::Grant,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" | "invalid_request" => {
            Blame::Client
        }
        _ => Blame::Nobody,
    }
}

fn unavailable(answer: Answer<'_>, how: &str) -> ProviderError {
    let reason = format!("the token endpoint answered {} {how}", answer.status);
    ProviderError::Unavailable { reason, retry_after: answer.retry_after }
}

impl OAuthError {
    /// Takes what the other side wrote.
    pub fn new(code: &str, description: Option<&str>) -> Self {
        let description = description.map(|text| fit(text, 400)).filter(|text| !text.is_empty());
        Self { code: fit(code, 60), description }
    }

    /// Strikes out secrets, for a provider that repeats in its error what it was sent.
    pub(super) fn without(self, secrets: &[&Secret]) -> Self {
        Self { code: strike(self.code, secrets), description: self.description.map(|text| strike(text, secrets)) }
    }
}

/// Strikes every one of `secrets` out of `text`.
pub(super) fn strike(text: String, secrets: &[&Secret]) -> String {
    let known = secrets.iter().map(|secret| secret.expose()).filter(|secret| !secret.is_empty());
    known.fold(text, |text, secret| text.replace(secret, "[hidden]"))
}

fn fit(text: &str, limit: usize) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(limit).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Granted, ProviderError> {
        classify(Answer { status, retry_after: None, body: body.as_bytes() })
    }

    #[test]
    fn only_a_well_formed_refusal_is_a_refusal() {
        let dead = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
        for status in [400, 401, 403] {
            let Err(ProviderError::Refused(error)) = answer(status, dead) else { panic!("{status}") };
            assert_eq!(error.to_string(), "invalid_grant: Token has been expired or revoked.");
        }
        for status in [200, 302, 408, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(answer(status, dead), Err(ProviderError::Unavailable { .. })), "{status}");
        }
        for body in ["", "<html>invalid_grant</html>", "null", "[]", r#""invalid_grant""#, r#"{"error":{"code":1}}"#] {
            assert!(matches!(answer(400, body), Err(ProviderError::Unavailable { .. })), "{body}");
        }
    }

    #[test]
    fn a_refused_client_is_not_a_dead_grant() {
        for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"] {
            let refused = answer(401, &format!(r#"{{"error":"{code}"}}"#));
            assert!(matches!(refused, Err(ProviderError::ClientRefused(_))), "{code}");
        }
    }

    #[test]
    fn what_nobody_knows_is_not_a_no() {
        for code in ["temporarily_unavailable", "server_error", "slow_down", "something_new", ""] {
            let refused = answer(400, &format!(r#"{{"error":"{code}"}}"#));
            assert!(matches!(refused, Err(ProviderError::Unavailable { .. })), "{code}");
        }
    }

    #[test]
    fn a_grant_is_read_whatever_the_provider_leaves_out() {
        let full = answer(
            200,
            r#"{"access_token":"a","token_type":"BEARER","expires_in":"3599","refresh_token":"r","scope":"mail  x","id_token":"i","ext":{}}"#,
        )
        .unwrap();
        assert_eq!(full.expires_in, Some(Duration::from_secs(3599)));
        assert_eq!(full.scope, Some(vec!["mail".to_owned(), "x".to_owned()]));
        assert_eq!(full.refresh_token, Some(Secret::new("r")));
        let bare = answer(200, r#"{"access_token":"a","scope":"","refresh_token":null}"#).unwrap();
        assert_eq!((bare.expires_in, bare.refresh_token, bare.scope, bare.id_token), (None, None, None, None));
    }

    #[test]
    fn a_success_without_a_usable_token_is_no_success() {
        for body in [
            "<html>Welcome to the hotel</html>",
            r#"{"ok":true}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a\u0001b"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
        ] {
            assert!(matches!(answer(200, body), Err(ProviderError::Unavailable { .. })), "{body}");
        }
    }

    #[test]
    fn a_providers_words_are_made_fit_for_a_terminal() {
        let long = "x".repeat(5000);
        let body = format!(r#"{{"error":"invalid_grant","error_description":"a\u001b[31m\r\n{long}"}}"#);
        let Err(ProviderError::Refused(error)) = answer(400, &body) else { panic!() };
        let words = error.to_string();
        assert!(words.len() < 500 && !words.contains(['\u{1b}', '\n', '\r']), "{words}");
    }
}
