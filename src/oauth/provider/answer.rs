//! What a token endpoint's answer means: granted, a definite no, or nothing that may count as one. Pure.
//!
//! A "no" costs a person a trip to the browser, so it takes a well-formed OAuth error (RFC 6749, 5.2) that says it, with a
//! client error's status, or with a success's: GitHub, Slack and those who do as they do answer 200 and mean the error.
//! Everything else, from a captive portal's page to an error code that nobody knows, is "not now".

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use super::oauth_error::{OAuthError, fit};
use super::refusal::Remedy;
use crate::config::Secret;

/// An HTTP answer of the token endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// How long the provider asks us to wait (RFC 9110, 10.2.3).
    pub retry_after: Option<Duration>,
    /// Whose words they are.
    pub speaker: Speaker,
    /// The body as it came.
    pub body: &'a [u8],
}

/// Whose words an answer is in, where that changes what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Atlassian's authorization server.
    Atlassian,
    /// Any other, in the words of RFC 6749.
    Other,
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
    /// How long the refresh token is good, where the provider told: Google does when the person limited the access.
    pub refresh_token_expires_in: Option<Duration>,
    /// What was granted; `None` is everything that was asked for.
    pub scope: Option<Vec<String>>,
    /// OpenID Connect Core, 2.
    pub id_token: Option<Secret>,
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
    refresh_token_expires_in: Option<Value>,
    scope: Option<Scope>,
    id_token: Option<String>,
}

/// A list of words (RFC 6749, 3.3); Twitch, and servers like it, send an array.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scope {
    Text(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    /// Google's own code.
    error_subtype: Option<String>,
    error_description: Option<String>,
}

/// Reads an answer of the token endpoint.
pub fn classify(answer: Answer<'_>) -> Result<Granted, ProviderError> {
    match answer.status {
        200..=299 => granted(answer.body).ok_or_else(|| match error(answer) {
            Some(_) => refused(answer),
            None => unavailable(answer, "with something that is no token"),
        }),
        _ => Err(refused(answer)),
    }
}

/// What an answer that holds no token means.
pub(super) fn refused(answer: Answer<'_>) -> ProviderError {
    match answer.status {
        408 | 425 | 429 => unavailable(
            answer,
            &match answer.retry_after {
                Some(wait) => format!("and asks us to come back in {} s", wait.as_secs()),
                None => "and asks us to come back later".to_owned(),
            },
        ),
        200..=299 | 400..=499 => refusal(answer),
        300..=399 => unavailable(answer, "with a redirect"),
        _ => unavailable(answer, "because of trouble of its own"),
    }
}

/// The error in a well-formed answer.
pub(super) fn error(answer: Answer<'_>) -> Option<OAuthError> {
    let may_hold_one = matches!(answer.status, 200..=299 | 400..=499);
    let body: ErrorBody = serde_json::from_slice(answer.body).ok().filter(|_| may_hold_one)?;
    let mut error = OAuthError::new(&body.error, body.error_description.as_deref());
    error.own_code = body.error_subtype.as_deref().map(|code| fit(code, 60)).or(error.own_code);
    Some(error)
}

fn granted(body: &[u8]) -> Option<Granted> {
    let body: GrantedBody = serde_json::from_slice(body).ok()?;
    let bearer = body.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    Some(Granted {
        access_token: bearer.then(|| token(body.access_token))??,
        expires_in: body.expires_in.as_ref().and_then(lifetime),
        refresh_token: body.refresh_token.and_then(token),
        refresh_token_expires_in: body.refresh_token_expires_in.as_ref().and_then(lifetime),
        scope: body.scope.map(words).filter(|scopes| !scopes.is_empty()),
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
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_u64().or_else(|| value.as_f64().map(|number| number as u64));
    let number = number.or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(Duration::from_secs(number))
}

/// Servers say 0 for what does not end by itself.
fn lifetime(value: &Value) -> Option<Duration> {
    seconds(value).filter(|lifetime| !lifetime.is_zero())
}

fn words(scope: Scope) -> Vec<String> {
    match scope {
        Scope::Text(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Scope::List(list) => list,
    }
}

fn refusal(answer: Answer<'_>) -> ProviderError {
    let Some(error) = error(answer) else {
        return unavailable(answer, "with something that is no OAuth answer");
    };
    // Atlassian says so of a refresh token that is no more. From anybody else it is about the client (RFC 6749, 5.2).
    if answer.speaker == Speaker::Atlassian && answer.status == 403 && error.code == "unauthorized_client" {
        return ProviderError::Refused(error);
    }
    match (error.known().map(|(remedy, _)| remedy), blame(&error.code)) {
        (Some(Remedy::Later), _) => unavailable(answer, &format!("with {error}")),
        (Some(Remedy::Admin), _) => ProviderError::AdminNeeded(error.to_string()),
        (Some(Remedy::Configuration), _) | (_, Blame::Client) => ProviderError::ClientRefused(error),
        (Some(Remedy::Consent) | None, Blame::Grant) => ProviderError::Refused(error),
        (Some(Remedy::Consent) | None, Blame::Nobody) => unavailable(answer, &format!("with {error}")),
    }
}

/// RFC 6749, 5.2; the three of OpenID Connect Core, 3.1.2.6, are what a provider says that wants its person back. GitHub has
/// words of its own (`bad_refresh_token`, `incorrect_client_credentials`), and so has Slack (`invalid_refresh_token`).
fn blame(code: &str) -> Blame {
    match code {
        "bad_refresh_token" | "invalid_refresh_token" => Blame::Grant,
        "incorrect_client_credentials" => Blame::Client,
        "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => Blame::Grant,
        "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_scope" | "invalid_request" => {
            Blame::Client
        }
        _ => Blame::Nobody,
    }
}

pub(super) fn unavailable(answer: Answer<'_>, how: &str) -> ProviderError {
    let reason = format!("the provider answered {} {how}", answer.status);
    ProviderError::Unavailable { reason, retry_after: answer.retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Granted, ProviderError> {
        classify(Answer { status, retry_after: None, speaker: Speaker::Other, body: body.as_bytes() })
    }

    #[test]
    fn only_a_well_formed_refusal_is_a_refusal() {
        let dead = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
        for status in [400, 401, 403] {
            let Err(ProviderError::Refused(error)) = answer(status, dead) else { panic!("{status}") };
            assert_eq!(error.to_string(), "invalid_grant: Token has been expired or revoked.");
        }
        for status in [302, 408, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(answer(status, dead), Err(ProviderError::Unavailable { .. })), "{status}");
        }
        for body in ["", "<html>invalid_grant</html>", "null", "[]", r#""invalid_grant""#, r#"{"error":{"code":1}}"#] {
            assert!(matches!(answer(400, body), Err(ProviderError::Unavailable { .. })), "{body}");
        }
    }

    #[test]
    fn a_definite_error_is_definite_though_its_status_says_success() {
        let grant =
            answer(200, r#"{"error":"bad_refresh_token","error_description":"The refresh token is incorrect."}"#);
        assert!(matches!(grant, Err(ProviderError::Refused(_))), "{grant:?}");
        let slack = answer(200, r#"{"ok":false,"error":"invalid_refresh_token"}"#);
        assert!(matches!(slack, Err(ProviderError::Refused(_))), "{slack:?}");
        let client = answer(200, r#"{"error":"incorrect_client_credentials"}"#);
        assert!(matches!(client, Err(ProviderError::ClientRefused(_))), "{client:?}");
        let unknown = answer(200, r#"{"error":"maintenance"}"#);
        assert!(matches!(unknown, Err(ProviderError::Unavailable { .. })), "{unknown:?}");
        answer(200, r#"{"access_token":"a","error":"","error_description":null}"#).unwrap();
    }

    #[test]
    fn a_refused_client_is_not_a_dead_grant() {
        for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"] {
            let refused = answer(401, &format!(r#"{{"error":"{code}"}}"#));
            assert!(matches!(refused, Err(ProviderError::ClientRefused(_))), "{code}");
        }
    }

    #[test]
    fn only_of_atlassian_does_an_unauthorized_client_mean_a_dead_grant() {
        let body = br#"{"error":"unauthorized_client","error_description":"refresh_token is invalid"}"#;
        let said = |speaker, status| classify(Answer { status, retry_after: None, speaker, body }).unwrap_err();
        assert!(matches!(said(Speaker::Atlassian, 403), ProviderError::Refused(_)));
        assert!(matches!(said(Speaker::Atlassian, 401), ProviderError::ClientRefused(_)));
        assert!(matches!(said(Speaker::Other, 403), ProviderError::ClientRefused(_)));
    }

    #[test]
    fn a_providers_own_code_says_who_must_act() {
        let microsoft = |error: &str, code: u32| {
            let words = format!("AADSTS{code}: Something. Trace ID: 0");
            answer(400, &format!(r#"{{"error":"{error}","error_description":"{words}","error_codes":[{code}]}}"#))
                .unwrap_err()
        };
        let dead = microsoft("invalid_grant", 50173);
        assert!(matches!(dead, ProviderError::Refused(_)), "{dead}");
        assert!(dead.to_string().contains("must sign in again [invalid_grant, AADSTS50173]"), "{dead}");
        assert!(matches!(microsoft("interaction_required", 50076), ProviderError::Refused(_)));
        assert!(matches!(microsoft("invalid_grant", 53003), ProviderError::AdminNeeded(_)));
        assert!(matches!(microsoft("invalid_grant", 7000222), ProviderError::ClientRefused(_)));
        assert!(matches!(microsoft("invalid_grant", 50196), ProviderError::Unavailable { .. }));
        assert!(
            matches!(microsoft("invalid_grant", 1), ProviderError::Refused(_)),
            "what is not known changes nothing"
        );
        assert!(matches!(microsoft("temporarily_unavailable", 50173), ProviderError::Unavailable { .. }));
        let google = |body: &str| answer(400, body).unwrap_err();
        let rapt = google(r#"{"error":"invalid_grant","error_description":"reauth","error_subtype":"invalid_rapt"}"#);
        assert!(matches!(rapt, ProviderError::Refused(_)) && rapt.to_string().contains("session length"), "{rapt}");
        let policy = google(r#"{"error":"admin_policy_enforced","error_description":"x"}"#);
        assert!(matches!(policy, ProviderError::AdminNeeded(_)), "{policy}");
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
        let odd = r#"{"access_token":"a","expires_in":0,"refresh_token_expires_in":-1,"scope":["mail","x"]}"#;
        let odd = answer(200, odd).unwrap();
        assert_eq!((odd.expires_in, odd.refresh_token_expires_in), (None, None), "they do not end by themselves");
        assert_eq!(odd.scope, Some(vec!["mail".to_owned(), "x".to_owned()]));
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
