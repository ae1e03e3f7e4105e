//! What a provider's kind says where the file says nothing: endpoints, scopes and customs of Google and Microsoft.
//!
//! <https://developers.google.com/identity/protocols/oauth2/native-app>,
//! <https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth>

use std::collections::BTreeSet;

use url::Url;

use crate::config::{GrantType, Protocol, ProviderKind, loopback_redirect};

/// Authorization and token endpoint.
pub(super) fn endpoints(kind: &ProviderKind) -> Option<(Url, Url)> {
    match kind {
        ProviderKind::Google => {
            url("https://accounts.google.com/o/oauth2/v2/auth").zip(url("https://oauth2.googleapis.com/token"))
        }
        ProviderKind::Microsoft(tenancy) => {
            url(&tenancy.login_url("oauth2/v2.0/authorize")).zip(url(&tenancy.login_url("oauth2/v2.0/token")))
        }
        ProviderKind::Custom => None,
    }
}

/// Google has one, and gives no access to mail there.
pub(super) fn device_url(kind: &ProviderKind) -> Option<Url> {
    match kind {
        ProviderKind::Microsoft(tenancy) => url(&tenancy.login_url("oauth2/v2.0/devicecode")),
        ProviderKind::Google | ProviderKind::Custom => None,
    }
}

/// Microsoft has none.
pub(super) fn revocation_url(kind: &ProviderKind) -> Option<Url> {
    match kind {
        ProviderKind::Google => url("https://oauth2.googleapis.com/revoke"),
        ProviderKind::Microsoft(_) | ProviderKind::Custom => None,
    }
}

/// What it takes to read mail, to stay, and to know who signed in.
pub(super) fn scopes(kind: &ProviderKind, grant: GrantType, spoken: &BTreeSet<Protocol>) -> Vec<String> {
    match (kind, grant) {
        (ProviderKind::Custom, _) => Vec::new(),
        (ProviderKind::Google, GrantType::ServiceAccount) => vec!["https://mail.google.com/".to_owned()],
        (ProviderKind::Google, _) => vec!["https://mail.google.com/".to_owned(), "openid".into(), "email".into()],
        (ProviderKind::Microsoft(tenancy), GrantType::ClientCredentials) => {
            vec![format!("{}/.default", tenancy.cloud.app_resource())]
        }
        (ProviderKind::Microsoft(tenancy), _) => {
            let resource = tenancy.cloud.delegated_resource();
            let mail = spoken.iter().map(|protocol| match protocol {
                Protocol::Imap => format!("{resource}/IMAP.AccessAsUser.All"),
                Protocol::Pop3 => format!("{resource}/POP.AccessAsUser.All"),
            });
            mail.chain(["offline_access", "openid", "profile"].map(str::to_owned)).collect()
        }
    }
}

/// Google gives no refresh token to a second consent unless it is asked for both. To Microsoft `prompt=consent` would shut
/// out everybody whose administrator has consented for them. OpenID Connect Core, 11: `offline_access` takes it elsewhere.
pub(super) fn authorization_extras(kind: &ProviderKind, scopes: &[String]) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match kind {
        ProviderKind::Google => vec![pair("access_type", "offline"), pair("prompt", "consent")],
        ProviderKind::Microsoft(_) => Vec::new(),
        ProviderKind::Custom if scopes.iter().any(|scope| scope == "offline_access") => vec![pair("prompt", "consent")],
        ProviderKind::Custom => Vec::new(),
    }
}

/// Microsoft leaves the port open for `localhost` alone.
pub(super) fn redirect_uri(kind: &ProviderKind) -> Option<Url> {
    match kind {
        ProviderKind::Microsoft(_) => url("http://localhost"),
        ProviderKind::Google | ProviderKind::Custom => loopback_redirect(),
    }
}

/// `None` never comes of the addresses above; what is left out then is reported as missing where it is needed.
fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok()
}
