//! Jira's own OAuth 2.0 servers, as a provider's settings: Atlassian's for Cloud, Data Center's for itself. Pure.

use url::Url;

use crate::config::{
    ClientAuth, Endpoints, GrantType, JiraAuth, JiraSettings, ProviderKind, ProviderSettings, SecretRef,
    loopback_redirect,
};
use crate::jira::Flavour;

const AUTHORIZE: &str = "https://auth.atlassian.com/authorize";
const TOKEN: &str = "https://auth.atlassian.com/oauth/token";

/// Classic scopes; without `offline_access` there is no refresh token.
const CLOUD_SCOPES: [&str; 4] = ["read:jira-work", "write:jira-work", "read:jira-user", "offline_access"];

/// Of READ < WRITE < ADMIN < SYSTEM_ADMIN the least that will do.
const DATA_CENTER_SCOPES: [&str; 1] = ["WRITE"];

/// The server that gives tokens for this Jira; `None` where the way in takes none.
pub fn provider(jira: &JiraSettings, flavour: Flavour) -> Option<ProviderSettings> {
    let (client_id, secret, grant) = match &jira.auth {
        JiraAuth::OAuth2(way) => (&way.client_id, &way.client_secret, GrantType::AuthorizationCode),
        JiraAuth::ServiceAccount { client_id, client_secret } => {
            (client_id, client_secret, GrantType::ClientCredentials)
        }
        JiraAuth::ApiToken { .. } | JiraAuth::Pat { .. } | JiraAuth::OAuth1 { .. } | JiraAuth::Basic { .. } => {
            return None;
        }
    };
    let endpoints = Endpoints::Explicit {
        authorization_url: Some(jira.authorization_url.clone().or_else(|| well_known(jira, flavour, "authorize"))?),
        token_url: jira.token_url.clone().or_else(|| well_known(jira, flavour, "token"))?,
    };
    Some(ProviderSettings {
        kind: ProviderKind::Custom,
        grant,
        endpoints,
        device_url: None,
        revocation_url: None,
        client_id: client_id.clone(),
        client_secret: Some(SecretRef::clone(secret)),
        client_certificate: None,
        secret_expires: None,
        client_auth: ClientAuth::Post,
        userinfo_url: None,
        scopes: scopes(jira, flavour),
        authorization_extras: extras(flavour),
        redirect_uri: redirect_uri(jira)?,
        ca_file: jira.ca_file.clone(),
    })
}

/// Where the browser is sent back to after a person's consent.
pub fn redirect_uri(jira: &JiraSettings) -> Option<Url> {
    match &jira.auth {
        JiraAuth::OAuth2(way) => Some(way.redirect_uri.clone()),
        JiraAuth::ApiToken { .. }
        | JiraAuth::ServiceAccount { .. }
        | JiraAuth::Pat { .. }
        | JiraAuth::OAuth1 { .. }
        | JiraAuth::Basic { .. } => loopback_redirect(),
    }
}

fn well_known(jira: &JiraSettings, flavour: Flavour, end: &str) -> Option<Url> {
    match (flavour, end) {
        (Flavour::Cloud, "authorize") => Url::parse(AUTHORIZE).ok(),
        (Flavour::Cloud, _) => Url::parse(TOKEN).ok(),
        (Flavour::DataCenter, end) => {
            let mut url = jira.url.clone();
            url.path_segments_mut().ok()?.pop_if_empty().extend(["rest", "oauth2", "latest", end]);
            Some(url)
        }
    }
}

fn scopes(jira: &JiraSettings, flavour: Flavour) -> Vec<String> {
    let needed: &[&str] = match (&jira.auth, flavour) {
        (JiraAuth::OAuth2(way), _) if way.scopes.is_some() => return way.scopes.clone().unwrap_or_default(),
        // What a service account may do is fixed with its credentials.
        (JiraAuth::ServiceAccount { .. }, Flavour::Cloud) => &[],
        (_, Flavour::Cloud) => &CLOUD_SCOPES,
        (_, Flavour::DataCenter) => &DATA_CENTER_SCOPES,
    };
    needed.iter().map(|scope| (*scope).to_owned()).collect()
}

/// Atlassian names the API as the audience, and gives a refresh token for certain only where consent is asked for.
fn extras(flavour: Flavour) -> Vec<(String, String)> {
    let extras: &[(&str, &str)] = match flavour {
        Flavour::Cloud => &[("audience", "api.atlassian.com"), ("prompt", "consent")],
        Flavour::DataCenter => &[],
    };
    extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
