//! Consent by the pages: the same flows and the same checks as `authorize`, with the browser coming back to `public_url`. What is
//! particular to a mailbox and to Jira stands beside this file.
//!
//! What was begun is in the ledger, sealed, and bound to the session that began it: a restart or another node goes on with
//! it, another browser cannot, and it is good for one answer. The exchange goes on when the browser goes away: a code that
//! was sent to the provider must not be lost with its refresh token.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;
use url::Url;

use super::desk::{Desk, Session};
use super::page::Frame;
use super::pages::{Again, Notice, failed, notice};
use crate::config::Secret;
use crate::failure::{sentence, with_causes};
use crate::incident::{below, consent_page};
use crate::jira::auth::{SUBJECT, link};
use crate::oauth::consent::{self, ConsentError, PATIENCE};
use crate::store::consents::Pending;

mod jira;
mod mailbox;

/// How long the checks after signing in may take.
const CHECKS: std::time::Duration = std::time::Duration::from_secs(90);

/// Where the provider sends the browser back to.
const CALLBACK: &str = "/oauth/callback";

/// What a person is told before the provider's page.
struct Introduction {
    /// What it is about.
    wish: String,
    /// Whose page comes next.
    host: String,
    /// Who has to sign in there; empty where that is not known.
    login: String,
}

/// A consent under way, as it is kept until the answer comes.
#[derive(Serialize, Deserialize)]
enum Begun {
    /// RFC 6749, 4.1.
    Code(consent::Begun),
    /// RFC 5849, 2.
    Link(link::Begun),
}

/// Why a consent does not go on.
enum Problem {
    /// There is nothing to consent to.
    Nothing(&'static str),
    /// Something went wrong.
    Failed(String),
}

impl Begun {
    /// What the answer will name it by.
    fn name(&self) -> Option<Secret> {
        match self {
            Self::Code(begun) => Some(Secret::new(begun.state())),
            Self::Link(begun) => begun.token(),
        }
    }

    /// What an answer names.
    fn name_in(query: &str) -> Option<String> {
        consent::Begun::state_in(query).or_else(|| link::Begun::token_in(query))
    }
}

impl Problem {
    fn of(error: &dyn std::error::Error) -> Self {
        Self::Failed(sentence(&with_causes(error)))
    }

    fn of_consent(error: &ConsentError) -> Self {
        Self::Failed(error.kindly())
    }
}

pub(super) async fn ask(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    introduce(&desk, &name, mailbox::introduction(&desk, &name).await)
}

pub(super) async fn ask_jira(State(desk): State<Arc<Desk>>) -> Response {
    introduce(&desk, SUBJECT, jira::introduction(&desk).await)
}

fn introduce(desk: &Desk, subject: &str, introduction: Result<Introduction, Problem>) -> Response {
    match introduction {
        Ok(Introduction { wish, host, login }) => {
            let values = json!({ "wish": wish, "host": host, "login": login });
            desk.pages.show(StatusCode::OK, Frame::Still, "Consent", ("authorize.html", values))
        }
        Err(problem) => show(desk, subject, problem),
    }
}

pub(super) async fn begin(
    State(desk): State<Arc<Desk>>,
    Session(session): Session,
    Path(name): Path<String>,
) -> Response {
    let begun = mailbox::begin(&desk, &name).await;
    send_away(&desk, session, &name, begun).await
}

pub(super) async fn begin_jira(State(desk): State<Arc<Desk>>, Session(session): Session) -> Response {
    let begun = jira::begin(&desk).await;
    send_away(&desk, session, SUBJECT, begun).await
}

/// Keeps what was begun, and sends the browser to the provider: with 303, which repeats no form there (RFC 9700, 4.12).
async fn send_away(desk: &Desk, session: String, subject: &str, begun: Result<(Url, Begun), Problem>) -> Response {
    let (address, begun) = match begun {
        Ok(begun) => begun,
        Err(problem) => return show(desk, subject, problem),
    };
    let Some(name) = begun.name() else {
        return show(desk, subject, Problem::Failed("The answer could not be told from others.".to_owned()));
    };
    let pending = Pending { subject: subject.to_owned(), session, begun };
    let now = desk.source.clock.now();
    let until = now.checked_add(PATIENCE).unwrap_or(now);
    match desk.ctx.ledger.keep_begun_consent(name.expose(), &pending, (now, until)).await {
        Ok(()) => (StatusCode::SEE_OTHER, [(header::LOCATION, address.to_string())]).into_response(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn callback(
    State(desk): State<Arc<Desk>>,
    Session(session): Session,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let now = desk.source.clock.now();
    let taken = match Begun::name_in(&query) {
        Some(name) => desk.ctx.ledger.take_begun_consent(&name, &session, now).await,
        None => Ok(None),
    };
    let pending = match taken {
        Ok(Some(pending)) => pending,
        Ok(None) => {
            let text = "This answer has been used, is too old, or belongs to another browser. Please start again.";
            return notice(&desk, StatusCode::BAD_REQUEST, Notice::new("Please start again", text));
        }
        Err(error) => return failed(&error),
    };
    let subject = pending.subject.clone();
    let worker = desk.clone();
    let done = desk.tasks.spawn(async move { timeout(CHECKS, settle(&worker, pending, &query)).await });
    match done.await {
        Ok(Ok(Ok(words))) => notice(
            &desk,
            StatusCode::OK,
            Notice { next: "You can close this page.", tone: "good", ..Notice::new("Thank you, that worked", &words) },
        ),
        Ok(Ok(Err(problem))) => show(&desk, &subject, problem),
        Ok(Err(_)) | Err(_) => {
            let words = "The checks took too long. Please look at the status page in a minute.";
            show(&desk, &subject, Problem::Failed(words.to_owned()))
        }
    }
}

/// Every check that `authorize` makes. In words what the consent opens.
async fn settle(desk: &Desk, pending: Pending<Begun>, query: &str) -> Result<String, Problem> {
    let Pending { subject, begun, .. } = pending;
    match (subject.as_str(), begun) {
        (SUBJECT, begun) => jira::settle(desk, begun, query).await,
        (name, Begun::Code(begun)) => mailbox::settle(desk, name, begun, query).await,
        (_, Begun::Link(_)) => Err(senseless()),
    }
}

fn senseless() -> Problem {
    Problem::Failed("The provider's answer makes no sense.".to_owned())
}

/// Where the provider sends the browser back to.
fn way_back(desk: &Desk) -> Result<Url, Problem> {
    let public_url = desk.public_url.as_ref();
    public_url.map(|url| below(url, CALLBACK)).ok_or(Problem::Nothing("`public_url` is not set under [admin]"))
}

fn show(desk: &Desk, subject: &str, problem: Problem) -> Response {
    match problem {
        Problem::Nothing(why) => notice(desk, StatusCode::NOT_FOUND, Notice::new("Nothing to consent to", why)),
        Problem::Failed(reason) => {
            let again = Again { page: consent_page(subject), command: format!("mail2jira authorize {subject}") };
            let words = Notice::new("That did not work", &reason);
            let next = "Nothing is broken by that.";
            notice(desk, StatusCode::BAD_GATEWAY, Notice { next, tone: "bad", again: Some(again), ..words })
        }
    }
}
