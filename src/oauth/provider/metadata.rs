//! Where a provider's endpoints are: written in the configuration, or announced by the provider itself.

use reqwest::StatusCode;
use serde::Deserialize;
use url::{Host, Url};

use super::ProviderError;
use crate::config::{Endpoints, ProviderSettings};
use crate::http;

/// A metadata document is a few kilobytes.
const MAX_DOCUMENT: usize = 256 << 10;

/// How often a document may be somewhere else.
const MAX_REDIRECTS: usize = 3;

/// A provider's endpoints, and the abilities of it that concern us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The issuer as the provider writes it; unknown with written-out endpoints.
    pub issuer: Option<String>,
    /// RFC 6749, 3.1; a server that only gives programs access has none.
    pub authorization_endpoint: Option<Url>,
    /// RFC 6749, 3.2.
    pub token_endpoint: Url,
    /// RFC 8628, 3.1.
    pub device_endpoint: Option<Url>,
    /// RFC 7009, 2.
    pub revocation_endpoint: Option<Url>,
    /// OpenID Connect Core, 5.3.
    pub userinfo_endpoint: Option<Url>,
    /// `token_endpoint_auth_methods_supported`, where announced.
    pub auth_methods: Option<Vec<String>>,
    /// Whether authorization answers carry `iss` (RFC 9207, 3).
    pub sends_iss: bool,
}

/// OpenID Connect Discovery 1.0, 3, and RFC 8414, 2.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// Finds the endpoints, asking the provider where the configuration says so. What is written out goes before what is announced.
pub(super) async fn resolve(settings: &ProviderSettings, client: &reqwest::Client) -> Result<Metadata, ProviderError> {
    let mut metadata = match &settings.endpoints {
        Endpoints::Explicit { authorization_url, token_url } => Metadata {
            issuer: None,
            authorization_endpoint: authorization_url.clone(),
            token_endpoint: token_url.clone(),
            device_endpoint: None,
            revocation_endpoint: None,
            userinfo_endpoint: None,
            auth_methods: None,
            sends_iss: false,
        },
        Endpoints::Discovery { issuer } => discover(issuer, client).await?,
    };
    metadata.device_endpoint = settings.device_url.clone().or(metadata.device_endpoint);
    metadata.revocation_endpoint = settings.revocation_url.clone().or(metadata.revocation_endpoint);
    let optional = [&metadata.authorization_endpoint, &settings.device_url, &settings.revocation_url].into_iter();
    optional.flatten().chain([&metadata.token_endpoint]).try_for_each(require_protection)?;
    Ok(metadata)
}

/// OpenID's place first, then RFC 8414's where there is nothing at the first.
async fn discover(issuer: &Url, client: &reqwest::Client) -> Result<Metadata, ProviderError> {
    require_protection(issuer)?;
    for place in well_known(issuer) {
        if let Some(bytes) = fetch(&place, client).await? {
            return read(&bytes, issuer, &place);
        }
    }
    Err(ProviderError::Misconfigured(format!(
        "{issuer} publishes neither .well-known/openid-configuration nor .well-known/oauth-authorization-server"
    )))
}

/// OpenID appends to the issuer's path (Discovery 1.0, 4.1); RFC 8414, 3.1, puts its word before the path.
fn well_known(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    [
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

/// Redirects are followed, for nothing secret is sent; that the document speaks for the issuer is looked at in the end.
async fn fetch(place: &Url, client: &reqwest::Client) -> Result<Option<Vec<u8>>, ProviderError> {
    let ask = async |place: &Url| {
        client.get(place.clone()).send().await.map_err(|error| ProviderError::network(place, error))
    };
    let mut place = place.clone();
    let mut answer = ask(&place).await?;
    for _ in 0..MAX_REDIRECTS {
        let Some(elsewhere) = http::redirection(&answer, &place) else { break };
        require_protection(&elsewhere)?;
        place = elsewhere;
        answer = ask(&place).await?;
    }
    match answer.status() {
        StatusCode::OK => http::body(answer, MAX_DOCUMENT)
            .await
            .map(Some)
            .map_err(|error| ProviderError::unavailable(format!("{place}: {error}"))),
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
        status => Err(ProviderError::unavailable(format!("{place} answered {}", status.as_u16()))),
    }
}

fn read(bytes: &[u8], issuer: &Url, place: &Url) -> Result<Metadata, ProviderError> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|error| ProviderError::unavailable(format!("{place} is not a provider's metadata: {error}")))?;
    // RFC 8414, 3.3; a slash at the end makes no other issuer of it, and is easily forgotten.
    let bare = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    if Url::parse(&document.issuer).ok().as_ref().map(bare) != Some(bare(issuer)) {
        return Err(ProviderError::Misconfigured(format!(
            "{place} speaks for the issuer {}, not for {issuer}",
            document.issuer
        )));
    }
    let endpoint = |text: &str| {
        Url::parse(text).map_err(|_| ProviderError::unavailable(format!("{place} names `{text}` as an endpoint")))
    };
    Ok(Metadata {
        authorization_endpoint: document.authorization_endpoint.as_deref().map(endpoint).transpose()?,
        token_endpoint: endpoint(&document.token_endpoint)?,
        device_endpoint: usable(document.device_authorization_endpoint),
        revocation_endpoint: usable(document.revocation_endpoint),
        userinfo_endpoint: usable(document.userinfo_endpoint),
        issuer: Some(document.issuer),
        auth_methods: document.token_endpoint_auth_methods_supported,
        sends_iss: document.authorization_response_iss_parameter_supported.unwrap_or(false),
    })
}

/// What can be done without is not missed until it is asked for; in the clear it is not used.
fn usable(endpoint: Option<String>) -> Option<Url> {
    Url::parse(&endpoint?).ok().filter(|url| require_protection(url).is_ok())
}

/// RFC 6749, 3.1 and 3.2: codes and tokens travel over TLS; on this machine itself they need not.
pub(super) fn require_protection(url: &Url) -> Result<(), ProviderError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(ProviderError::Misconfigured(format!("{url} is not https"))),
    }
}

/// Whether the URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_either_standard_puts_it() {
        let places = well_known(&Url::parse("https://id.example.com/realms/a/").unwrap());
        assert_eq!(places[0].as_str(), "https://id.example.com/realms/a/.well-known/openid-configuration");
        assert_eq!(places[1].as_str(), "https://id.example.com/.well-known/oauth-authorization-server/realms/a");
    }

    #[test]
    fn tokens_travel_in_the_clear_on_this_machine_alone() {
        for url in ["https://id.example.com", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/"] {
            require_protection(&Url::parse(url).unwrap()).unwrap();
        }
        for url in ["http://id.example.com", "http://localhost.example.com", "http://10.0.0.1", "ftp://127.0.0.1"] {
            require_protection(&Url::parse(url).unwrap()).unwrap_err();
        }
    }
}
