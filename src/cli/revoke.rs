//! `revoke NAME`: takes a consent back at the provider (RFC 7009), and forgets it here. What cannot be taken back is not forgotten.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use tokio::time::sleep;

use super::arguments::RevokeArgs;
use super::{Failure, authorize, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, JiraAuth, JiraSettings, ProviderKind, Secret};
use crate::jira::auth::SUBJECT;
use crate::oauth::provider::{Provider, ProviderError, Revocation};
use crate::oauth::tokens::{Holder, LOCK_S};
use crate::store::Ledger;

/// How often a refresh that is under way is looked after.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Runs `revoke NAME`.
pub async fn run(args: &RevokeArgs, config: &Config) -> Result<(), Failure> {
    if args.name == SUBJECT {
        return of_jira(config).await;
    }
    let (mailbox, settings) = authorize::subject(config, &args.name).map_err(anyhow::Error::new)?;
    let name = mailbox.name.as_str();
    if !settings.grant.needs_consent() {
        return Err(Failure::new(format!(
            "nobody consented for mailbox `{name}`: the program opens it in its own right"
        ))
        .with_hint("delete the app's secret, certificate or key at the provider"));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let provider = Provider::new(settings.clone(), clock.clone()).context("cannot set up the provider")?;
    let ledger = opened::ledger(config).await?;
    let revoked = revoke(name, &provider, &ledger, &*clock).await.map_err(|error| {
        Failure::from(error).with_hint(format!("nothing is forgotten; run `mail2jira revoke {name}` again"))
    });
    match revoked? {
        Outcome::NoConsent => report::note(&format!("There is no consent for mailbox `{name}`: nothing to revoke.")),
        Outcome::Revoked => report::note(&format!("The consent for mailbox `{name}` is revoked and forgotten.")),
        Outcome::ForgottenOnly => {
            report::note(&format!("The consent for mailbox `{name}` is forgotten here. {}", elsewhere(&settings.kind)))
        }
    }
    Ok(())
}

/// Neither Atlassian nor Data Center documents a revocation endpoint, so a person is told where to go. Jira itself is not asked.
async fn of_jira(config: &Config) -> Result<(), Failure> {
    let pages = match &config.jira.auth {
        JiraAuth::OAuth2(_) | JiraAuth::OAuth1 { .. } => pages_of_jira(&config.jira),
        JiraAuth::ApiToken { .. } | JiraAuth::ServiceAccount { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => {
            return Err(Failure::new("nobody consented for Jira: it is opened with a secret of the configuration")
                .with_hint("delete the token at Jira, and the file that holds it"));
        }
    };
    let ledger = opened::ledger(config).await?;
    let ask_nobody = async |_: &Secret| Ok(Revocation::NotOffered);
    match take_back(SUBJECT, &ledger, &SystemClock, ask_nobody).await? {
        Outcome::NoConsent => report::note("There is no consent for Jira: nothing to revoke."),
        Outcome::Revoked | Outcome::ForgottenOnly => report::note(&format!(
            "The consent for Jira is forgotten here. Jira offers programs no revocation: {pages}."
        )),
    }
    Ok(())
}

fn pages_of_jira(jira: &JiraSettings) -> String {
    let data_center = format!(
        "on Data Center take it back at {}/plugins/servlet/oauth/users/access-tokens",
        jira.url.as_str().trim_end_matches('/')
    );
    match &jira.auth {
        JiraAuth::OAuth2(_) => {
            format!("on Cloud remove the app at https://id.atlassian.com/manage-profile/apps, {data_center}")
        }
        JiraAuth::OAuth1 { .. }
        | JiraAuth::ApiToken { .. }
        | JiraAuth::ServiceAccount { .. }
        | JiraAuth::Pat { .. }
        | JiraAuth::Basic { .. } => data_center,
    }
}

/// What became of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no consent.
    NoConsent,
    /// The provider has revoked it, and it is forgotten.
    Revoked,
    /// It is forgotten here; the provider offers no revocation.
    ForgottenOnly,
}

/// Revokes and forgets the consent that is kept under `subject`.
pub async fn revoke(
    subject: &str,
    provider: &Provider,
    ledger: &Ledger,
    clock: &dyn Clock,
) -> Result<Outcome, anyhow::Error> {
    let at_provider = async |refresh_token: &Secret| provider.revoke(refresh_token).await;
    take_back(subject, ledger, clock, at_provider).await
}

/// Holds the lock on the consent: a token that another process rotates meanwhile would live on.
async fn take_back(
    subject: &str,
    ledger: &Ledger,
    clock: &dyn Clock,
    at_provider: impl AsyncFnOnce(&Secret) -> Result<Revocation, ProviderError>,
) -> Result<Outcome, anyhow::Error> {
    let owner = Holder::Command.named(&format!("{:032x}", fastrand::u128(..))); // names a process among a handful, no secret
    let state = "cannot read the consent";
    if ledger.grant(subject).await.context(state)?.is_none_or(|stored| stored.grant.is_forgotten()) {
        return Ok(Outcome::NoConsent);
    }
    lock(subject, &owner, ledger, clock).await?;
    let revoked = match ledger.grant(subject).await.context(state)? {
        Some(stored) => {
            at_provider(&stored.grant.refresh_token).await.context("the provider did not revoke the consent")
        }
        None => Ok(Revocation::Done),
    };
    let revocation = match revoked {
        Ok(revocation) => revocation,
        Err(error) => {
            ledger.unlock_refresh(subject, &owner).await.context("cannot release the consent")?;
            return Err(error);
        }
    };
    let reason = "it was taken back by `mail2jira revoke`";
    ledger.forget_grant(subject, reason, clock.now()).await.context("cannot forget the consent")?;
    Ok(match revocation {
        Revocation::Done => Outcome::Revoked,
        Revocation::NotOffered => Outcome::ForgottenOnly,
    })
}

async fn lock(subject: &str, owner: &str, ledger: &Ledger, clock: &dyn Clock) -> Result<(), anyhow::Error> {
    let tries = u128::from(LOCK_S) * 1000 / LOOK_AGAIN.as_millis() + 2; // a killed process leaves the lock to its end
    for _ in 0..tries {
        let now = clock.now();
        let until = now.checked_add(SignedDuration::from_secs(LOCK_S as i64)).unwrap_or(now);
        if ledger.lock_refresh(subject, owner, now, until).await.context("cannot lock the consent")? {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
    anyhow::bail!("another process is refreshing the consent")
}

fn elsewhere(kind: &ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Microsoft(_) => {
            "Microsoft offers programs no revocation: to take it back there, remove the app at https://myapps.microsoft.com \
             (work or school) or https://account.live.com/consent/Manage (personal)."
        }
        ProviderKind::Google | ProviderKind::Custom => {
            "The provider offers programs no revocation: take it back on its own pages."
        }
    }
}
