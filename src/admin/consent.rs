//! Consent by the pages: the same flow and the same checks as `authorize`, with the browser coming back to `public_url`.
//!
//! What was begun is in the ledger, sealed, and bound to the session that began it: a restart or another node goes on with
//! it, another browser cannot, and it is good for one answer. The exchange goes on when the browser goes away: a code that
//! was sent to the provider must not be lost with its refresh token.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;
use url::Url;

use super::desk::{Desk, Session};
use super::page::Frame;
use super::pages::{Notice, failed, notice};
use crate::config::{Config, MailboxSettings, ProviderSettings, SignIn};
use crate::failure::with_causes;
use crate::incident::below;
use crate::oauth::consent::{Begun, Consent, PATIENCE};
use crate::oauth::provider::Provider;
use crate::store::consents::Pending;

/// How long the checks after signing in may take.
const CHECKS: std::time::Duration = std::time::Duration::from_secs(90);

/// Where the provider sends the browser back to.
const CALLBACK: &str = "/oauth/callback";

pub(super) async fn ask(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let config = desk.ctx.config();
    let (mailbox, provider) = match subject(&config, &name) {
        Ok(found) => found,
        Err(why) => return refused(&desk, why),
    };
    let Ok(provider) = Provider::new(provider.clone(), desk.source.clock.clone()) else {
        return failure(&desk, &name, "the provider is not set up right");
    };
    match provider.metadata().await {
        Ok(metadata) => {
            let host = metadata.authorization_endpoint.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
            let values = json!({ "subject": name, "host": host, "login": mailbox.login });
            desk.pages.show(StatusCode::OK, Frame::Still, "Consent", ("authorize.html", values))
        }
        Err(error) => failure(&desk, &name, &with_causes(&error)),
    }
}

pub(super) async fn begin(
    State(desk): State<Arc<Desk>>,
    Session(session): Session,
    Path(name): Path<String>,
) -> Response {
    match try_begin(&desk, session, &name).await {
        Ok(address) => (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response(),
        Err(reason) => failure(&desk, &name, &reason),
    }
}

async fn try_begin(desk: &Desk, session: String, name: &str) -> Result<String, String> {
    let config = desk.ctx.config();
    let (mailbox, provider) = subject(&config, name).map_err(str::to_owned)?;
    let public_url = desk.public_url.as_ref().ok_or("`public_url` is not set under [admin]")?;
    let provider = Provider::new(provider.clone(), desk.source.clock.clone()).map_err(|error| with_causes(&error))?;
    let consent = Consent::begin(&provider, &mailbox.login, below(public_url, CALLBACK)).await;
    let consent = consent.map_err(|error| with_causes(&error))?;
    let now = desk.source.clock.now();
    let pending = Pending { subject: name.to_owned(), session, begun: consent.begun() };
    let kept = desk.ctx.ledger.keep_begun_consent(&pending, now, now.checked_add(PATIENCE).unwrap_or(now)).await;
    kept.map_err(|error| error.to_string())?;
    Ok(consent.address().to_string())
}

pub(super) async fn callback(
    State(desk): State<Arc<Desk>>,
    Session(session): Session,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let now = desk.source.clock.now();
    let taken = match Begun::state_in(&query) {
        Some(state) => desk.ctx.ledger.take_begun_consent(&state, &session, now).await,
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
    let name = pending.subject.clone();
    let worker = desk.clone();
    let done = desk.tasks.spawn(async move { timeout(CHECKS, settle(&worker, pending, &query)).await });
    match done.await {
        Ok(Ok(Ok(words))) => notice(
            &desk,
            StatusCode::OK,
            Notice { heading: "Thank you, that worked", text: &words, next: "You can close this page.", tone: "good" },
        ),
        Ok(Ok(Err(reason))) => failure(&desk, &name, &reason),
        Ok(Err(_)) | Err(_) => failure(&desk, &name, "the checks took too long; look at the status page in a minute"),
    }
}

/// Every check that `authorize` makes; the grant is stored before the mailbox is tried, since a provider that rotates might
/// give no other.
async fn settle(desk: &Desk, pending: Pending, query: &str) -> Result<String, String> {
    let config = desk.ctx.config();
    let (mailbox, provider) = subject(&config, &pending.subject).map_err(str::to_owned)?;
    let provider = Provider::new(provider.clone(), desk.source.clock.clone()).map_err(|error| with_causes(&error))?;
    let words = |error: &dyn std::error::Error| with_causes(error);
    let consent = Consent::resume(&provider, &mailbox.login, pending.begun).map_err(|error| words(&error))?;
    let callback = consent.recognise(query).ok_or("the provider's answer makes no sense")?;
    let grant = consent.complete(callback, desk.source.clock.now()).await.map_err(|error| words(&error))?;
    desk.ctx.ledger.save_consent(&pending.subject, &grant).await.map_err(|error| words(&error))?;
    tracing::info!(mailbox = pending.subject, "a person has consented on the pages");
    let opened = prove(desk, &config, mailbox).await;
    opened.map_err(|reason| {
        format!("consent was given and is stored, but the mailbox does not open with it: {reason}")
    })?;
    let who = grant.identity.as_deref().unwrap_or(&mailbox.login);
    Ok(format!("{who} let mail2jira in, and the mailbox {} opens.", pending.subject))
}

/// Logs in, selects every folder, and changes nothing.
async fn prove(desk: &Desk, config: &Config, mailbox: &MailboxSettings) -> Result<(), String> {
    let door = (desk.make_door)(config, mailbox);
    let mut session = door.open().await.map_err(|obstacle| obstacle.to_string())?;
    for folder in &mailbox.folders {
        let (back, listing) = session.list(folder, None, false).await.map_err(|error| with_causes(&error))?;
        listing.map_err(|_| format!("there is no folder `{folder}`"))?;
        session = back;
    }
    session.close().await;
    Ok(())
}

fn subject<'c>(config: &'c Config, name: &str) -> Result<(&'c MailboxSettings, &'c ProviderSettings), &'static str> {
    let mailbox = config.mailboxes.values().find(|mailbox| mailbox.name.as_str() == name);
    let mailbox = mailbox.ok_or("there is no such mailbox in the configuration")?;
    match &mailbox.sign_in {
        SignIn::Password { .. } => Err("this mailbox is opened with a password: it needs no consent"),
        SignIn::OAuth(provider) => match config.providers.get(provider) {
            Some(provider) if provider.grant.needs_consent() => Ok((mailbox, provider)),
            Some(_) => Err("the program opens this mailbox in its own right: it needs no person's consent"),
            None => Err("the mailbox names a provider that the configuration does not have"),
        },
    }
}

/// Jira's own consent is given on the command line.
pub(super) async fn jira(State(desk): State<Arc<Desk>>) -> Response {
    refused(&desk, "Jira's consent is given on the command line: run `mail2jira authorize jira`")
}

fn refused(desk: &Desk, why: &str) -> Response {
    notice(desk, StatusCode::NOT_FOUND, Notice::new("Nothing to consent to", why))
}

fn failure(desk: &Desk, name: &str, reason: &str) -> Response {
    let next = format!("Nothing is broken by that. You can try again, or run `mail2jira authorize {name}`.");
    let words = Notice { heading: "That did not work", text: reason, next: &next, tone: "bad" };
    notice(desk, StatusCode::BAD_GATEWAY, words)
}
