//! The stages of a mailbox: from its secret to how much mail is in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::diagnosis::{self, Advice, Case};
use super::evidence::Evidence;
use super::{Line, exchange, timed};
use crate::cli::opened;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailboxSettings, ProviderSettings, Secret, SecretRef, SignIn};
use crate::failure::with_causes;
use crate::mailbox::Credential;
use crate::mailbox::probe::{self, Probed};
use crate::oauth::claims::Claims;
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{AccessTokens, Holder, LedgerGrants, TokensError};
use crate::tls;

const STAGES: [&str; 9] = ["secret", "dns", "tcp", "tls", "token", "login", "capabilities", "select", "count"];

/// The stages behind `config`, every one of them, in their order.
pub async fn stages(config: &Config, settings: &MailboxSettings) -> Vec<Line> {
    let mut lines = Vec::new();
    try_all(config, settings, &mut lines).await;
    let missing = STAGES.iter().filter(|stage| lines.iter().all(|line: &Line| line.stage != **stage));
    let missing: Vec<Line> = missing.map(|stage| Line::skip(stage, "an earlier stage failed")).collect();
    lines.extend(missing);
    lines.sort_by_key(|line| STAGES.iter().position(|stage| *stage == line.stage));
    lines
}

/// The token is got even where the server cannot be reached: both may be wrong, and one answer is better than two.
async fn try_all(config: &Config, settings: &MailboxSettings, lines: &mut Vec<Line>) {
    lines.push(secret(config, settings));
    let provider = match &settings.sign_in {
        SignIn::OAuth(name) => config.providers.get(name),
        SignIn::Password { .. } => None,
    };
    let nothing_claimed = Case { settings, provider, claims: None };
    let reached = match tls::client_config(settings.ca_file.as_deref()) {
        Ok(tls) => {
            let (probed, reached) = probe::reach(settings, tls).await;
            lines.extend(probed.into_iter().map(|stage| line(&nothing_claimed, stage)));
            reached
        }
        Err(error) => {
            let next = format!("mend `ca_file` in [mailbox.{}]", settings.name);
            lines.push(Line::fail("tls", Duration::ZERO, with_causes(&error), next));
            None
        }
    };
    let (credential, elapsed) = timed(credential(config, settings, provider)).await;
    let (credential, claims) = match credential {
        Ok(known) => known,
        Err(advice) => return lines.push(Line::fail("token", elapsed, advice.cause, advice.next)),
    };
    let case = Case { claims: claims.as_ref(), ..nothing_claimed };
    if let Some(advice) = diagnosis::of_token(&case) {
        return lines.push(Line::fail("token", elapsed, advice.cause, advice.next));
    }
    lines.push(Line::pass("token", elapsed, Some(what_it_is(&credential, claims.as_ref()))));
    if let Some(reached) = reached {
        let probed = reached.sign_in(settings, &credential).await;
        lines.extend(probed.into_iter().map(|stage| line(&case, stage)));
    }
}

fn secret(config: &Config, settings: &MailboxSettings) -> Line {
    let began = Instant::now();
    let reference = match &settings.sign_in {
        SignIn::Password { secret, .. } => Some(secret),
        SignIn::OAuth(name) => config
            .providers
            .get(name)
            .and_then(|provider| provider.client_secret.as_ref().or(provider.client_certificate.as_ref())),
    };
    match reference.map(SecretRef::read) {
        None => Line::skip("secret", "a public client has no secret"),
        Some(Ok(_)) => Line::pass("secret", began.elapsed(), None),
        Some(Err(error)) => {
            let next = "put the secret where the config file says, readable for this user".to_owned();
            Line::fail("secret", began.elapsed(), with_causes(&error), next)
        }
    }
}

/// What is shown to the mail server, and what it says about itself.
async fn credential(
    config: &Config,
    settings: &MailboxSettings,
    provider: Option<&ProviderSettings>,
) -> Result<(Credential, Option<Claims>), Advice> {
    match &settings.sign_in {
        SignIn::Password { username, secret } => {
            let next = format!("mend `secret` in [mailbox.{}.password]", settings.name);
            let secret = secret.read().map_err(|error| Advice::new(with_causes(&error), next))?;
            Ok((Credential::Password { username: username.clone(), secret }, None))
        }
        SignIn::OAuth(name) => {
            let mend = format!("mend [provider.{name}] in the config file");
            let provider = provider.ok_or_else(|| Advice::new("its provider is not configured", mend.as_str()))?;
            let client = Provider::new(provider.clone(), Arc::new(SystemClock));
            let client = client.map_err(|error| Advice::new(with_causes(&error), mend))?;
            let token = token(config, settings, client).await?;
            let claims = Claims::of(&token);
            Ok((Credential::Bearer { user: settings.address.clone(), token }, claims))
        }
    }
}

async fn token(config: &Config, settings: &MailboxSettings, provider: Provider) -> Result<Secret, Advice> {
    let authorize = format!("run `mail2jira authorize {}`", settings.name);
    let case_settings = provider.settings().clone();
    let state = "make the state readable for this user, or run the command as the daemon's user";
    let unreadable = |error: crate::cli::Failure| Advice::new(error.to_string(), state);
    let ledger = match opened::ledger_if_any(config).await.map_err(unreadable)? {
        Some(ledger) => ledger,
        None if case_settings.grant.needs_consent() => return Err(Advice::new("nobody has consented yet", authorize)),
        None => opened::ledger(config).await.map_err(unreadable)?,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let grants = Arc::new(LedgerGrants::new(ledger, clock.clone(), Holder::Command));
    let tokens = AccessTokens::new(settings.name.as_str(), &settings.address, Arc::new(provider), grants, clock);
    let token = tokens.get().await;
    tokens.finish().await;
    token.map_err(|error| {
        let case = Case { settings, provider: Some(&case_settings), claims: None };
        Advice::new(with_causes(&error), after_no_token(&case, &error))
    })
}

fn after_no_token(case: &Case<'_>, error: &TokensError) -> String {
    let authorize = format!("run `mail2jira authorize {}`", case.settings.name);
    match error {
        TokensError::NeedsConsent { .. } => authorize,
        TokensError::NeedsAdmin { .. } => match (case.provider, exchange::tenancy(case)) {
            (Some(provider), Some(tenancy)) => {
                let address = exchange::admin_consent(provider, tenancy);
                format!("let an administrator of the tenant open {address} and consent; then {authorize}")
            }
            (Some(_) | None, _) => "ask an administrator of the mailbox's organisation".to_owned(),
        },
        TokensError::Misconfigured { .. } => "mend the mailbox's provider in the config file".to_owned(),
        TokensError::Unavailable { .. } => "see whether the provider can be reached from here".to_owned(),
        TokensError::Store(_) => "see whether the state can be read and written by this user".to_owned(),
    }
}

/// Whom a token is for and what it allows is no secret.
fn what_it_is(credential: &Credential, claims: Option<&Claims>) -> String {
    match (credential, claims) {
        (Credential::Password { .. }, _) => "a password is used".to_owned(),
        (Credential::Bearer { .. }, None) => "there is a valid access token".to_owned(),
        (Credential::Bearer { .. }, Some(claims)) => {
            let audience = claims.audience.as_deref().unwrap_or("nobody in particular");
            let allowed = claims.scopes.clone().or_else(|| claims.roles.as_ref().map(|roles| roles.join(" ")));
            format!("there is a valid access token for {audience}, which allows {}", allowed.unwrap_or_default())
        }
    }
}

fn line(case: &Case<'_>, probed: Probed) -> Line {
    let stage = probed.stage.as_str();
    let error = match probed.outcome {
        Ok(words) => return Line::pass(stage, probed.elapsed, Some(words).filter(|words| !words.is_empty())),
        Err(error) => error,
    };
    let advice = diagnosis::advice(case, probed.stage, Evidence::of(probed.stage, &error));
    let (cause, next) = match advice {
        Some(advice) => (format!("{} ({})", advice.cause, with_causes(&error)), advice.next),
        None => (with_causes(&error), diagnosis::next_in_general(case, probed.stage)),
    };
    let server = error.server_words().map(str::to_owned);
    Line { server, ..Line::fail(stage, probed.elapsed, cause, next) }
}
