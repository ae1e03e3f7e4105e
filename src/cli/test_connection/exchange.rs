//! What to do about Exchange Online, down to the lines for its administrator. Pure.

use super::diagnosis::{Advice, Case, spoken};
use crate::config::{MailboxSettings, Protocol, ProviderKind, ProviderSettings, Tenancy};

/// Exchange Online's own id, which may stand as a token's audience.
const EXCHANGE_ONLINE: &str = "00000002-0000-0ff1-ce00-000000000000";

/// "User is authenticated but not connected": the login was good, and the mailbox stays shut. The causes in the order in which
/// they are met.
pub fn not_connected(case: &Case<'_>) -> Advice {
    let MailboxSettings { name, address, login, .. } = case.settings;
    let protocol = spoken(case.settings.protocol);
    let next = format!(
        "1. {protocol} is off for the mailbox: {}\n\
         2. no right to open it: {}\n\
         3. another account signed in than {login}: `mail2jira authorize {name}`\n\
         4. a personal account: Outlook.com has had outages with this answer; wait",
        switch_on(case),
        full_access(case),
    );
    Advice::new(format!("the login was good, but Exchange does not open the mailbox {address}"), next)
}

/// A token that was refused.
pub fn refused(case: &Case<'_>) -> Advice {
    of_claims(case).unwrap_or_else(|| match runs_by_itself(case) {
        true => app_only(case),
        false => delegated(case),
    })
}

/// What a token's claims show to be wrong.
pub fn of_claims(case: &Case<'_>) -> Option<Advice> {
    let (claims, provider, tenancy) = (case.claims?, case.provider?, tenancy(case)?);
    let name = &case.settings.name;
    if let Some(audience) = &claims.audience
        && !is_exchange(audience, tenancy)
    {
        let cause = format!("the token is for {audience}, and not for Exchange");
        let next = format!(
            "take `scopes` out of its provider in the config file: the right ones are known; then run `mail2jira authorize {name}`"
        );
        return Some(Advice::new(cause, next));
    }
    let permission = permission(case);
    if claims.allows(permission) != Some(false) {
        return None;
    }
    let cause = format!("the token lacks the permission {permission}");
    let kind = if runs_by_itself(case) { "application" } else { "delegated" };
    let then = if runs_by_itself(case) { String::new() } else { format!("; then run `mail2jira authorize {name}`") };
    let next = format!(
        "add the {kind} permission {permission} of Office 365 Exchange Online (not Microsoft Graph) to app {} and let an administrator consent: {}{then}",
        provider.client_id,
        admin_consent(provider, tenancy),
    );
    Some(Advice::new(cause, next))
}

/// Where an administrator consents for everybody.
pub fn admin_consent(provider: &ProviderSettings, tenancy: &Tenancy) -> String {
    format!("{}?client_id={}", tenancy.login_url("adminconsent"), provider.client_id)
}

/// The directory of a Microsoft provider.
pub fn tenancy<'a>(case: &Case<'a>) -> Option<&'a Tenancy> {
    match &case.provider?.kind {
        ProviderKind::Microsoft(tenancy) => Some(tenancy),
        ProviderKind::Google | ProviderKind::Custom => None,
    }
}

/// The line that switches the protocol on for a mailbox.
pub fn switch_on(case: &Case<'_>) -> String {
    let switch = match case.settings.protocol {
        Protocol::Imap => "ImapEnabled",
        Protocol::Pop3 => "PopEnabled",
    };
    format!("Set-CASMailbox -Identity {} -{switch} $true", case.settings.address)
}

fn delegated(case: &Case<'_>) -> Advice {
    let MailboxSettings { name, address, login, .. } = case.settings;
    let protocol = spoken(case.settings.protocol);
    let cause = format!(
        "Exchange refuses {login}'s token for {address}: {protocol} is off for the mailbox, or {login} may not open it"
    );
    let mut next = format!("in Exchange PowerShell: {}", switch_on(case));
    if address != login {
        next = format!("{next}\n{}", full_access(case));
    }
    Advice::new(cause, format!("{next}\nthen run `mail2jira authorize {name}`, signing in as {login}"))
}

fn app_only(case: &Case<'_>) -> Advice {
    let cause = "Exchange does not know the program, or it may not open the mailbox; the classic mistake is the object id of the app registration in place of the enterprise application's";
    let app = case.provider.map(|provider| provider.client_id.as_str()).unwrap_or_default();
    let next = format!(
        "in Exchange PowerShell, after Connect-ExchangeOnline:\n\
         New-ServicePrincipal -AppId {app} -ObjectId {}\n{}\n{}\n\
         then wait: it takes up to 30 minutes",
        principal(case),
        full_access(case),
        switch_on(case),
    );
    Advice::new(cause, next)
}

fn full_access(case: &Case<'_>) -> String {
    let user = if runs_by_itself(case) { principal(case) } else { case.settings.login.as_str() };
    format!("Add-MailboxPermission -Identity {} -User {user} -AccessRights FullAccess", case.settings.address)
}

/// The service principal's object id: the token itself names it.
fn principal<'a>(case: &Case<'a>) -> &'a str {
    let named = case.claims.and_then(|claims| claims.object_id.as_deref());
    named.unwrap_or("OBJECT-ID-OF-THE-ENTERPRISE-APPLICATION")
}

fn runs_by_itself(case: &Case<'_>) -> bool {
    case.provider.is_some_and(|provider| !provider.grant.needs_consent())
}

fn permission(case: &Case<'_>) -> &'static str {
    match (case.settings.protocol, runs_by_itself(case)) {
        (Protocol::Imap, true) => "IMAP.AccessAsApp",
        (Protocol::Imap, false) => "IMAP.AccessAsUser.All",
        (Protocol::Pop3, true) => "POP.AccessAsApp",
        (Protocol::Pop3, false) => "POP.AccessAsUser.All",
    }
}

fn is_exchange(audience: &str, tenancy: &Tenancy) -> bool {
    let known = [
        tenancy.cloud.delegated_resource(),
        tenancy.cloud.app_resource(),
        "https://outlook.office.com",
        "https://outlook.office365.com",
        EXCHANGE_ONLINE,
    ];
    known.contains(&audience.trim_end_matches('/'))
}
