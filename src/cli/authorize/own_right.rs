//! Access in the program's own right: nobody signs in, so what there is to do is to prove it, or to say what is missing.

use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::script::{self, Subjects};
use super::trial;
use crate::cli::{Failure, report};
use crate::clock::Clock;
use crate::config::{GrantType, MailboxSettings, ProviderKind, ProviderSettings, Secret, Tenancy};
use crate::failure::with_causes;
use crate::oauth::claims::Claims;
use crate::oauth::provider::Provider;

/// `authorize NAME` where nobody consents: gets a token and opens the mailbox with it.
pub(super) async fn prove(mailbox: &MailboxSettings, provider: &Provider) -> Result<(), Failure> {
    let name = &mailbox.name;
    let granted = match provider.settings().grant {
        GrantType::ServiceAccount => provider.service_account(&mailbox.address).await,
        GrantType::ClientCredentials | GrantType::AuthorizationCode | GrantType::Device => {
            provider.client_credentials().await
        }
    };
    let failed = || format!("cannot authorize mailbox `{name}`");
    let granted = granted.with_context(failed)?;
    trial::open_mailbox(mailbox, granted.access_token).await.map_err(|error| {
        let error = anyhow!(error).context("there is an access token, but the mailbox does not open with it");
        let hint = match provider.settings().kind {
            ProviderKind::Microsoft(_) => {
                format!("have an Exchange administrator run what `mail2jira authorize {name} --app-only` prints")
            }
            ProviderKind::Google | ProviderKind::Custom => format!("run `mail2jira test-connection {name}`"),
        };
        Failure::from(error.context(failed())).with_hint(hint)
    })?;
    report::note(&format!("Mailbox `{name}` is authorized: nobody has to sign in, and it opens."));
    Ok(())
}

/// `authorize NAME --app-only`: prints the script, then says which step is still missing.
pub(super) async fn app_only(
    mailbox: &MailboxSettings,
    settings: &ProviderSettings,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    let ProviderKind::Microsoft(tenancy) = &settings.kind else {
        return Err(Failure::new("`--app-only` is for Microsoft: its mailboxes are opened to an app by PowerShell"));
    };
    if !tenancy.is_one_directory() {
        return Err(Failure::new("app-only access is for one tenant, and the configuration names none")
            .with_hint("write the tenant's id or domain as `tenant` of the provider"));
    }
    let provider = Provider::new(as_app(settings, tenancy), clock).context("cannot set up the provider")?;
    let granted = provider.client_credentials().await.context("the app gets no access token")?;
    let claims = Claims::of(&granted.access_token).unwrap_or_default();
    let subjects = Subjects {
        client_id: &settings.client_id,
        object_id: claims.object_id.as_deref(),
        mailbox: &mailbox.address,
        cloud: tenancy.cloud,
    };
    report::bytes(script::text(&subjects).as_bytes())?;
    if settings.grant != GrantType::ClientCredentials {
        report::note("Once the script has run, write grant = \"client-credentials\" in the provider's table.");
    }
    report::note(&missing_step(mailbox, &claims, granted.access_token).await);
    Ok(())
}

/// The provider's settings, asking for what was allowed to the app itself.
fn as_app(settings: &ProviderSettings, tenancy: &Tenancy) -> ProviderSettings {
    if settings.grant == GrantType::ClientCredentials {
        return settings.clone();
    }
    let scopes = vec![format!("{}/.default", tenancy.cloud.app_resource())];
    ProviderSettings { grant: GrantType::ClientCredentials, scopes, ..settings.clone() }
}

async fn missing_step(mailbox: &MailboxSettings, claims: &Claims, token: Secret) -> String {
    let name = &mailbox.name;
    let mut roles = claims.roles.iter().flatten();
    let may_read = roles.any(|role| role == "IMAP.AccessAsApp" || role == "POP.AccessAsApp");
    if claims.object_id.is_some() && !may_read {
        return format!(
            "Missing: the token carries no role for mail. Under API permissions add the application permission \
             IMAP.AccessAsApp of Office 365 Exchange Online, then have an administrator open the address that \
             `mail2jira authorize {name} --admin-consent-url` prints."
        );
    }
    match trial::open_mailbox(mailbox, token).await {
        Ok(()) => format!("Mailbox `{name}` opens already: nothing is missing."),
        Err(error) => format!(
            "Missing: the mailbox does not open yet ({}). Have the script above run, wait some minutes, then run \
             `mail2jira test-connection {name}`.",
            with_causes(&error)
        ),
    }
}
