//! What an answer of Jira's, or the lack of one, means: a verdict and a sentence for people. Pure: it is handed what came.
//!
//! The rule under everything here: a write is called "not written" only on proof. Proof is a status below 500 (the server
//! read the request and refused it) or a connection that was never made. Every other ending of a write is
//! [`Verdict::Unknown`], and every other ending of a read is a reason to read again.

use std::time::Duration;

use reqwest::StatusCode;

use super::budget::Budget;
use super::call::{Call, Operation};
use super::words::{Body, bounded, fields, lacks_scope, outline, takes_no_passwords, words};
use crate::failure::{Scope, Verdict};
use crate::jira::JiraError;

/// The way out for who shows a password to a Data Center that takes none.
pub const NO_PASSWORDS: &str =
    "make a personal access token in the account's profile in Jira, and name it under [jira.auth.pat]";

/// An answer that is no success.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// What the headers tell.
    pub signs: Signs,
    /// What the body tells.
    pub body: Body,
}

/// What an answer's headers tell besides the status.
#[derive(Debug, Default)]
pub struct Signs {
    /// `Retry-After`, or for a 429 `X-RateLimit-Reset`, from now.
    pub wait: Option<Duration>,
    /// What is left of our requests, where it says.
    pub budget: Option<Budget>,
    /// `RateLimit-Reason`.
    pub reason: Option<String>,
    /// How Jira took our credentials, where it says.
    pub login: Login,
    /// What OAuth 1.0a finds wrong: `token_rejected`, `nonce_used`, …
    pub oauth_problem: Option<String>,
    /// Scheme, host and path of `Location`; no query, for it may hold a token.
    pub location: Option<String>,
}

/// How Jira took our credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Login {
    /// It knows us, or does not say.
    #[default]
    NotRefused,
    /// It ignored the credentials and answered as to a stranger: `X-AUSERNAME: anonymous`, as Data Center does for a bad
    /// Bearer token, or `X-Seraph-LoginReason: AUTHENTICATED_FAILED`.
    Anonymous,
    /// `X-Seraph-LoginReason: AUTHENTICATION_DENIED`: a person has to solve a CAPTCHA first.
    Captcha,
}

/// What an answer that is no success means.
pub fn refused(call: &Call<'_>, answer: &Answer) -> JiraError {
    let verdict = verdict(call.operation, answer);
    let attempt = call.attempt();
    let status = answer.status;
    let told = |words: &str| format!("cannot {attempt}: Jira answered {status}{words}{}", hint(answer));
    let logged = may_quote_the_mail(status).then(|| told(&outline(&answer.body)));
    let (status, message) = (Some(status.as_u16()), told(&words(&answer.body)));
    JiraError { verdict, status, message, logged, fields: fields(&answer.body) }
}

/// Whether Jira's words are about what was sent, which they then like to repeat. Those beside the other statuses are about who
/// we are, where we ask and how often.
fn may_quote_the_mail(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 401 | 403 | 404 | 407 | 429)
}

/// What it means that the answer, though a success by its status, cannot be understood or did not arrive whole.
pub fn unreadable(call: &Call<'_>, status: StatusCode, why: &str) -> JiraError {
    let attempt = call.attempt();
    let message = match call.operation.is_write() {
        true => format!("cannot tell whether our attempt to {attempt} worked: Jira answered {status}, but {why}"),
        false => format!("cannot {attempt}: Jira answered {status}, but {why}"),
    };
    JiraError::new(unknown(call.operation), Some(status.as_u16()), message)
}

/// What it means that a success was meant for a stranger: what it shows is not what we may see, so it proves nothing.
pub fn anonymous(call: &Call<'_>, status: StatusCode) -> JiraError {
    let message =
        format!("cannot {}: Jira answered {status} as to a stranger; it does not take our credentials", call.attempt());
    JiraError::new(Verdict::Halt(Scope::Everything), Some(status.as_u16()), message)
}

/// Where a request that got no answer had come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No connection was made, so nothing was sent.
    BeforeSending,
    /// The request may have left.
    Perhaps,
}

/// What it means that no answer came.
pub fn lost(call: &Call<'_>, lost: Lost, why: &str) -> JiraError {
    let verdict = match lost {
        Lost::BeforeSending => Verdict::Retry(None),
        Lost::Perhaps => unknown(call.operation),
    };
    let message = format!("cannot {}: {why}", call.attempt());
    JiraError::new(verdict, None, message)
}

/// Nobody knows; for a read nobody needs to.
const fn unknown(operation: Operation) -> Verdict {
    if operation.is_write() { Verdict::Unknown } else { Verdict::Retry(None) }
}

fn verdict(operation: Operation, answer: &Answer) -> Verdict {
    let status = answer.status;
    // 408 is sent by proxies that gave up on either side, so it proves nothing. A 503 says "not now", yet a balancer
    // sends it also when the server behind it fell silent after reading the request.
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return if operation.is_write() { Verdict::Unknown } else { Verdict::Retry(answer.signs.wait) };
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Verdict::Retry(answer.signs.wait);
    }
    if answer.signs.login != Login::NotRefused {
        return Verdict::Halt(Scope::Everything);
    }
    match status {
        // A read holds nothing of the message. A search is refused so when the project is not there to be seen.
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
            if !operation.is_write() =>
        {
            Verdict::Halt(operation.scope())
        }
        // A proxy's word, not Jira's: it would blame one message after the other. A 413 is about the message, whoever says it.
        StatusCode::BAD_REQUEST if !answer.body.is_jiras_own() => Verdict::Halt(operation.scope()),
        // An archived project, or one in which we may not create, is refused as a value of its field.
        StatusCode::BAD_REQUEST if operation == Operation::CreateIssue && is_about_the_project(&answer.body) => {
            Verdict::Halt(Scope::Project)
        }
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Verdict::Quarantine,
        // "A configuration problem prevents the creation of the issue": no message is to blame.
        StatusCode::UNPROCESSABLE_ENTITY if operation == Operation::CreateIssue => Verdict::Halt(Scope::Project),
        StatusCode::UNPROCESSABLE_ENTITY => Verdict::Quarantine,
        // Refused for what others do at this moment (RFC 9110, 15.5.10; RFC 4918, 11.3; RFC 8470, 5.2); it passes.
        StatusCode::CONFLICT | StatusCode::LOCKED | StatusCode::TOO_EARLY => Verdict::Retry(answer.signs.wait),
        StatusCode::FORBIDDEN if lacks_scope(&answer.body) || takes_no_passwords(&answer.body) => {
            Verdict::Halt(Scope::Everything)
        }
        StatusCode::FORBIDDEN => Verdict::Halt(operation.scope()),
        // The issue is gone, or may not be seen: the message is fine, but this plan for it is not. A proxy without its Jira,
        // a suspended site and a wrong path say 404 too, but not in Jira's form; `Client::checked` looks into those.
        StatusCode::NOT_FOUND if operation.is_about_an_issue() && answer.body.is_jiras_own() => Verdict::Quarantine,
        StatusCode::NOT_FOUND if operation.is_about_an_issue() => Verdict::Halt(Scope::Everything),
        StatusCode::NOT_FOUND => Verdict::Halt(operation.scope()),
        // 401, redirects, and whatever else says that it is not the message that is wrong, but the way we ask.
        _ => Verdict::Halt(Scope::Everything),
    }
}

/// Whether Jira minds where the issue was to go, which is the same for every message.
fn is_about_the_project(body: &Body) -> bool {
    fields(body).iter().any(|(field, _)| matches!(field.as_str(), "project" | "pid" | "issuetype"))
}

fn hint(answer: &Answer) -> String {
    let status = answer.status;
    if status.is_redirection() {
        let location = answer.signs.location.as_deref().unwrap_or("another address");
        return format!(
            " and points to {location}; set `url` or `api_url` under [jira] to the address that Jira itself answers at"
        );
    }
    if status == StatusCode::FORBIDDEN && takes_no_passwords(&answer.body) {
        return format!("; {NO_PASSWORDS}");
    }
    match answer.signs.login {
        Login::Captcha => return "; Jira wants a CAPTCHA solved: sign in once with a browser".to_owned(),
        Login::Anonymous => return "; it treats us as a stranger and does not take our credentials".to_owned(),
        Login::NotRefused => {}
    }
    let wait = answer.signs.wait.map(|wait| format!("; it asks us to wait {} s", wait.as_secs())).unwrap_or_default();
    let reason = answer.signs.reason.as_deref().map(|reason| format!(" ({})", bounded(reason))).unwrap_or_default();
    wait + &reason
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_data_center_that_takes_no_passwords_blames_no_message_and_the_way_out_is_named() {
        let said = Body::Json(json!({"message": "Basic Authentication has been disabled on this instance."}));
        let answer = Answer { status: StatusCode::FORBIDDEN, signs: Signs::default(), body: said };
        for operation in [Operation::CreateIssue, Operation::Watch, Operation::ReadRequest] {
            let error = refused(&Call::project(operation, "SUP"), &answer);
            assert_eq!(error.verdict, EVERYTHING);
            assert!(error.message.contains("been disabled") && error.message.contains("[jira.auth.pat]"));
        }
    }

    const EVERYTHING: Verdict = Verdict::Halt(Scope::Everything);
    const PROJECT: Verdict = Verdict::Halt(Scope::Project);

    fn answer(status: u16, body: Body) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), signs: Signs::default(), body }
    }

    fn verdicts(status: u16) -> [Verdict; 3] {
        [Operation::CreateIssue, Operation::AddComment, Operation::Search]
            .map(|operation| verdict(operation, &answer(status, Body::Json(json!({})))))
    }

    #[test]
    fn every_status_has_its_verdict_for_a_create_a_comment_and_a_read() {
        use Verdict::{Quarantine, Retry, Unknown};
        assert_eq!(verdicts(400), [Quarantine, Quarantine, PROJECT]);
        assert_eq!(verdicts(401), [EVERYTHING; 3]);
        assert_eq!(verdicts(403), [PROJECT; 3]);
        assert_eq!(verdicts(404), [PROJECT, Quarantine, PROJECT]);
        assert_eq!(verdicts(409), [Retry(None); 3]);
        assert_eq!(verdicts(413), [Quarantine, Quarantine, PROJECT]);
        assert_eq!(verdicts(422), [PROJECT, Quarantine, PROJECT]);
        assert_eq!(verdicts(429), [Retry(None); 3]);
        for redirect in [301, 302, 303, 307, 308] {
            assert_eq!(verdicts(redirect), [EVERYTHING; 3]);
        }
        for unclear in [408, 500, 501, 502, 503, 504, 520, 599] {
            assert_eq!(verdicts(unclear), [Unknown, Unknown, Retry(None)], "{unclear}");
        }
    }

    #[test]
    fn a_400_about_the_project_blames_no_message() {
        for field in ["project", "issuetype"] {
            let body =
                || Body::Json(json!({"errorMessages": [], "errors": {field: "You may not create issues there."}}));
            assert_eq!(verdict(Operation::CreateIssue, &answer(400, body())), PROJECT);
            assert_eq!(verdict(Operation::AddComment, &answer(400, body())), Verdict::Quarantine);
        }
    }

    #[test]
    fn a_400_that_is_not_jiras_own_blames_no_message() {
        assert_eq!(verdict(Operation::CreateIssue, &answer(400, Body::Html)), PROJECT);
        assert_eq!(verdict(Operation::CreateIssue, &answer(413, Body::Html)), Verdict::Quarantine);
    }

    #[test]
    fn no_status_at_all_makes_a_write_retryable_but_those_that_prove_a_refusal() {
        let retryable: Vec<u16> =
            (100..1000).filter(|status| matches!(verdicts(*status)[0], Verdict::Retry(_))).collect();
        assert_eq!(retryable, [409, 423, 425, 429]);
    }

    #[test]
    fn a_503_that_names_a_time_leaves_the_write_unknown_and_tells_the_time() {
        let mut answer = answer(503, Body::None);
        answer.signs.wait = Some(Duration::from_secs(30));
        let error = refused(&Call::project(Operation::CreateIssue, "OPS"), &answer);
        assert_eq!(error.verdict, Verdict::Unknown);
        assert!(error.message.ends_with("it asks us to wait 30 s"), "{}", error.message);
        let read = refused(&Call::project(Operation::Search, "OPS"), &answer);
        assert_eq!(read.verdict, Verdict::Retry(Some(Duration::from_secs(30))));
    }

    #[test]
    fn a_404_that_jira_did_not_write_is_no_proof_that_an_issue_is_gone() {
        for body in [Body::Html, Body::None, Body::Text("no such app".to_owned())] {
            assert_eq!(verdict(Operation::AddComment, &answer(404, body)), EVERYTHING);
        }
    }

    #[test]
    fn a_403_for_a_captcha_or_a_missing_scope_concerns_all_of_jira() {
        let mut captcha = answer(403, Body::None);
        captcha.signs.login = Login::Captcha;
        assert_eq!(verdict(Operation::CreateIssue, &captcha), EVERYTHING);
        let scope = Body::Json(json!({"code": 403, "message": "Forbidden; scope does not match"}));
        assert_eq!(verdict(Operation::CreateIssue, &answer(403, scope)), EVERYTHING);
        let permission = Body::Json(json!({"errorMessages": ["You do not have permission to create issues"]}));
        assert_eq!(verdict(Operation::CreateIssue, &answer(403, permission)), PROJECT);
    }

    #[test]
    fn jiras_words_are_kept_by_field_in_one_bounded_line() {
        let body = json!({"errorMessages": ["Nope.\r\nReally."], "errors": {"summary": "Summary can't exceed 255 characters.",
            "odd": {"a": 1}, "long": "x".repeat(5000)}});
        let error = refused(&Call::project(Operation::CreateIssue, "OPS"), &answer(400, Body::Json(body)));
        assert!(
            error.message.starts_with("cannot create an issue in OPS: Jira answered 400 Bad Request: Nope. Really.; ")
        );
        assert!(error.message.chars().count() < 700);
        assert_eq!(error.fields.len(), 3);
        assert!(error.fields.contains(&("summary".to_owned(), "Summary can't exceed 255 characters.".to_owned())));
        assert!(error.fields.iter().all(|(_, message)| message.chars().count() <= 601));
    }

    #[test]
    fn a_log_repeats_nothing_of_a_mail_that_jira_repeats() {
        let body = || {
            let errors = json!({"summary": "Not `about the merger`.", "it's odd": "ann@example.com"});
            Body::Json(json!({"errorMessages": ["ann@example.com wrote too much"], "errors": errors}))
        };
        for status in [400, 409, 413, 422, 500, 503] {
            let error = refused(&Call::project(Operation::CreateIssue, "OPS"), &answer(status, body()));
            let status = StatusCode::from_u16(status).unwrap();
            let logged = format!("cannot create an issue in OPS: Jira answered {status} about summary");
            assert_eq!(error.to_string(), logged);
            assert!(error.message.contains("ann@example.com wrote too much"), "people are told: {}", error.message);
        }
        let text = refused(&Call::site(Operation::Myself), &answer(500, Body::Text("about the merger".to_owned())));
        assert_eq!(text.to_string(), "cannot read our own account: Jira answered 500 Internal Server Error");
        let stranger = json!({"message": "Forbidden; scope does not match"});
        let error = refused(&Call::project(Operation::CreateIssue, "OPS"), &answer(403, Body::Json(stranger)));
        assert!(error.to_string().ends_with(": Forbidden; scope does not match"), "it is about us: {error}");
    }

    #[test]
    fn a_page_is_named_and_never_shown() {
        for (content_type, page) in [
            (Some("text/html;charset=UTF-8"), "Client must be authenticated"),
            (None, "<!DOCTYPE html><title>secret</title>"),
        ] {
            let body = Body::read(content_type, page.as_bytes());
            assert_eq!(body, Body::Html);
            let error = refused(&Call::site(Operation::Myself), &answer(502, body));
            assert_eq!(error.message, "cannot read our own account: Jira answered 502 Bad Gateway with an HTML page");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_nothing() {
        assert_eq!(Body::read(None, b"\xff\xfe"), Body::None);
        assert_eq!(Body::read(Some("application/json"), b"  "), Body::None);
        assert_eq!(Body::read(Some("text/plain"), b"no"), Body::Text("no".to_owned()));
    }
}
