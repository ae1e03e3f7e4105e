//! What must hold of a provider's answer before it counts as a consent: a refresh token, the scopes, and the right person.

use jiff::Timestamp;

use super::{ConsentError, identity};
use crate::config::{ProviderKind, Secret};
use crate::oauth::provider::{Granted, Provider};
use crate::oauth::{AccessToken, Grant, RefreshEnd};

/// Turns an answer into a grant, with every check that can be made before the mailbox itself is asked. An empty `login` is
/// anybody's.
pub(super) async fn grant(
    provider: &Provider,
    login: &str,
    granted: Granted,
    now: Timestamp,
) -> Result<Grant, ConsentError> {
    let settings = provider.settings();
    let refresh_token: Secret = granted.refresh_token.clone().ok_or(ConsentError::NoRefreshToken)?;
    check_scopes(&settings.kind, &settings.scopes, granted.scope.as_deref())?;
    let metadata = provider.metadata().await?;
    let identity = identity::of(provider, &metadata, &granted).await?;
    check_identity(login, identity.as_deref())?;
    Ok(Grant {
        refresh_token,
        access: Some(AccessToken::of(&granted, now)),
        granted_at: now,
        identity,
        refresh_end: RefreshEnd::after(granted.refresh_token_expires_in, now),
        scopes: granted.scope.unwrap_or_default(),
    })
}

/// An answer that names no scope grants all (RFC 6749, 5.1). `openid` and `offline_access` ask for tokens rather than
/// for access, and some providers leave them out of the answer: the tokens themselves show what became of them.
fn check_scopes(kind: &ProviderKind, asked: &[String], granted: Option<&[String]>) -> Result<(), ConsentError> {
    let Some(granted) = granted else { return Ok(()) };
    let is_granted = |scope: &&String| granted.iter().any(|granted| same_scope(kind, scope, granted));
    let matters = |scope: &&String| !tells_who_alone(kind, scope);
    let missing: Vec<_> = asked.iter().filter(matters).filter(|scope| !is_granted(scope)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(ConsentError::ScopesMissing(missing)) }
}

/// Google answers `email` with an address of its own, Microsoft leaves `profile` out.
fn tells_who_alone(kind: &ProviderKind, scope: &str) -> bool {
    match (scope, kind) {
        ("openid" | "offline_access", _) => true,
        ("email" | "profile", ProviderKind::Google | ProviderKind::Microsoft(_)) => true,
        (_, ProviderKind::Google | ProviderKind::Microsoft(_) | ProviderKind::Custom) => false,
    }
}

/// Microsoft names one permission by several hosts (outlook.office.com, outlook.office365.com), and ignores case. Custom
/// servers like GitHub's and Slack's put commas between scopes, where RFC 6749, 3.3, has spaces.
fn same_scope(kind: &ProviderKind, asked: &str, granted: &str) -> bool {
    match kind {
        ProviderKind::Microsoft(_) => permission(asked).eq_ignore_ascii_case(permission(granted)),
        ProviderKind::Google => asked == granted,
        ProviderKind::Custom => asked == granted || granted.split(',').any(|granted| asked == granted),
    }
}

fn permission(scope: &str) -> &str {
    scope.rsplit('/').next().unwrap_or(scope)
}

/// Where the provider tells nothing, the login to the mailbox must prove it.
fn check_identity(expected: &str, found: Option<&str>) -> Result<(), ConsentError> {
    match found {
        Some(found) if !expected.is_empty() && found.to_lowercase() != expected.to_lowercase() => {
            Err(ConsentError::OtherAccount { expected: expected.to_owned(), found: found.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Cloud, Tenancy};

    fn scopes(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_scopes_that_open_something_are_missed() {
        let asked = scopes("mail openid offline_access");
        let check = |granted: Option<&[String]>| check_scopes(&ProviderKind::Custom, &asked, granted);
        check(None).unwrap();
        check(Some(&scopes("more mail"))).unwrap();
        check(Some(&scopes("more,mail,openid"))).unwrap();
        let error = check(Some(&scopes("openid offline_access MAIL"))).unwrap_err();
        assert_eq!(error.to_string(), "the provider did not grant `mail`");
    }

    #[test]
    fn googles_and_microsofts_ways_of_naming_scopes_are_known() {
        let google = scopes("https://mail.google.com/ openid email");
        let granted = scopes("https://www.googleapis.com/auth/userinfo.email https://mail.google.com/ openid");
        check_scopes(&ProviderKind::Google, &google, Some(&granted)).unwrap();
        check_scopes(&ProviderKind::Google, &google, Some(&granted[..1])).unwrap_err();
        let microsoft = ProviderKind::Microsoft(Tenancy { tenant: "common".to_owned(), cloud: Cloud::Global });
        let asked = scopes("https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid profile");
        check_scopes(&microsoft, &asked, Some(&scopes("https://outlook.office365.com/imap.accessasuser.all"))).unwrap();
        check_scopes(&microsoft, &asked, Some(&scopes("https://outlook.office.com/POP.AccessAsUser.All"))).unwrap_err();
    }

    #[test]
    fn an_account_is_the_same_whatever_its_case_and_nobody_is_nobody_else() {
        check_identity("alice@example.com", Some("Alice@Example.COM")).unwrap();
        check_identity("alice@example.com", None).unwrap();
        let error = check_identity("alice@example.com", Some("bob@example.com")).unwrap_err();
        assert_eq!(error.to_string(), "bob@example.com signed in, but the mailbox belongs to alice@example.com");
    }
}
