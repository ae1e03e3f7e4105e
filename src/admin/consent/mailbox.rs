//! Consent for a mailbox by the pages: its provider's code flow, and the proof that the mailbox opens.

use url::Url;

use super::{Begun, Introduction, Problem, senseless, way_back};
use crate::admin::desk::Desk;
use crate::config::{Config, MailboxSettings, ProviderSettings, SignIn};
use crate::failure::with_causes;
use crate::mailbox::Depth;
use crate::oauth::consent::{self, Consent};
use crate::oauth::provider::Provider;

pub(super) async fn introduction(desk: &Desk, name: &str) -> Result<Introduction, Problem> {
    let config = desk.ctx.config();
    let (mailbox, provider) = subject(&config, name)?;
    let metadata = provider_of(desk, provider)?.metadata().await.map_err(|error| Problem::of(&error))?;
    let host = metadata.authorization_endpoint.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
    Ok(Introduction { wish: format!("Let mail2jira read the mailbox {name}"), host, login: mailbox.login.clone() })
}

pub(super) async fn begin(desk: &Desk, name: &str) -> Result<(Url, Begun), Problem> {
    let config = desk.ctx.config();
    let (mailbox, provider) = subject(&config, name)?;
    let provider = provider_of(desk, provider)?;
    let consent = Consent::begin(&provider, &mailbox.login, way_back(desk)?).await;
    let consent = consent.map_err(|error| Problem::of_consent(&error))?;
    Ok((consent.address().clone(), Begun::Code(consent.begun())))
}

/// The grant is stored before the mailbox is tried, since a provider that rotates might give no other.
pub(super) async fn settle(desk: &Desk, name: &str, begun: consent::Begun, query: &str) -> Result<String, Problem> {
    let config = desk.ctx.config();
    let (mailbox, provider) = subject(&config, name)?;
    let provider = provider_of(desk, provider)?;
    let consent = Consent::resume(&provider, &mailbox.login, begun).map_err(|error| Problem::of_consent(&error))?;
    let callback = consent.recognise(query).ok_or_else(senseless)?;
    let granted = consent.complete(callback, desk.source.clock.now()).await;
    let grant = granted.map_err(|error| Problem::of_consent(&error))?;
    desk.ctx.ledger.save_consent(name, &grant).await.map_err(|error| Problem::of(&error))?;
    tracing::info!(mailbox = name, "a person has consented on the pages");
    prove(desk, &config, mailbox).await.map_err(|reason| {
        Problem::Failed(format!("Consent was given and is stored, but the mailbox does not open with it: {reason}."))
    })?;
    let who = grant.identity.as_deref().unwrap_or(&mailbox.login);
    Ok(format!("{who} let mail2jira in, and the mailbox {name} opens."))
}

/// Logs in, selects every folder, and changes nothing.
async fn prove(desk: &Desk, config: &Config, mailbox: &MailboxSettings) -> Result<(), String> {
    let door = (desk.make_door)(config, mailbox);
    let mut session = door.open().await.map_err(|obstacle| obstacle.to_string())?;
    for folder in &mailbox.folders {
        let (back, listing) = session.list(folder, None, Depth::New).await.map_err(|error| with_causes(&error))?;
        listing.map_err(|_| format!("there is no folder `{folder}`"))?;
        session = back;
    }
    session.close().await;
    Ok(())
}

fn provider_of(desk: &Desk, settings: &ProviderSettings) -> Result<Provider, Problem> {
    Provider::new(settings.clone(), desk.source.clock.clone()).map_err(|error| Problem::of(&error))
}

fn subject<'c>(config: &'c Config, name: &str) -> Result<(&'c MailboxSettings, &'c ProviderSettings), Problem> {
    let mailbox = config.mailboxes.values().find(|mailbox| mailbox.name.as_str() == name);
    let mailbox = mailbox.ok_or(Problem::Nothing("there is no such mailbox in the configuration"))?;
    let nothing = |why| Err(Problem::Nothing(why));
    match &mailbox.sign_in {
        SignIn::Password { .. } => nothing("this mailbox is opened with a password: it needs no consent"),
        SignIn::OAuth(provider) => match config.providers.get(provider) {
            Some(provider) if provider.grant.needs_consent() => Ok((mailbox, provider)),
            Some(_) => nothing("the program opens this mailbox in its own right: it needs no person's consent"),
            None => nothing("the mailbox names a provider that the configuration does not have"),
        },
    }
}
