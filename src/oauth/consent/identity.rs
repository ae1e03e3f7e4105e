//! Who signed in, as the provider tells it: by the ID token, else by userinfo. Compares nothing.

use serde::Deserialize;
use url::Url;

use super::ConsentError;
use crate::config::Secret;
use crate::oauth::claims::{payload, text};
use crate::oauth::provider::{Granted, Metadata, Provider, UserInfo};

/// The claims that may name an account, in the order in which they are asked.
#[derive(Deserialize)]
struct Claims {
    #[serde(default, deserialize_with = "text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    preferred_username: Option<String>,
    #[serde(default, deserialize_with = "text")]
    upn: Option<String>,
}

/// Where userinfo is: whoever wrote it into the configuration relies on it.
enum Place<'a> {
    Configured(&'a Url),
    Announced(&'a Url),
}

/// The account behind an answer; `None` where the provider does not say.
pub(super) async fn of(
    provider: &Provider,
    metadata: &Metadata,
    granted: &Granted,
) -> Result<Option<String>, ConsentError> {
    if let Some(account) = granted.id_token.as_ref().and_then(from_id_token) {
        return Ok(Some(account));
    }
    match userinfo_place(provider, metadata) {
        Some(Place::Configured(url)) => match provider.userinfo(url, &granted.access_token).await? {
            UserInfo::Claims(claims) => from_userinfo(&claims).map(Some).ok_or(ConsentError::Anonymous(url.clone())),
            UserInfo::NotAllowed => Err(ConsentError::Anonymous(url.clone())),
        },
        Some(Place::Announced(url)) => match provider.userinfo(url, &granted.access_token).await? {
            UserInfo::Claims(claims) => Ok(from_userinfo(&claims)),
            UserInfo::NotAllowed => Ok(None),
        },
        None => Ok(None),
    }
}

/// An announced userinfo endpoint answers only who asked for `openid` (OpenID Connect Core, 5.3.1).
fn userinfo_place<'a>(provider: &'a Provider, metadata: &'a Metadata) -> Option<Place<'a>> {
    let settings = provider.settings();
    let configured = settings.userinfo_url.as_ref().map(Place::Configured);
    let announced = metadata.userinfo_endpoint.as_ref().map(Place::Announced);
    configured.or_else(|| announced.filter(|_| settings.scopes.iter().any(|scope| scope == "openid")))
}

/// The signature is not checked: the token came from the token endpoint itself, and TLS vouches for it
/// (OpenID Connect Core, 3.1.3.7, point 6).
fn from_id_token(id_token: &Secret) -> Option<String> {
    from_claims(&payload(id_token.expose())?)
}

/// JSON, or the same as a JWT (OpenID Connect Core, 5.3.2). It came over TLS from who was asked.
fn from_userinfo(answer: &[u8]) -> Option<String> {
    let from_jwt = || from_claims(&payload(std::str::from_utf8(answer).ok()?)?);
    from_claims(answer).or_else(from_jwt)
}

fn from_claims(json: &[u8]) -> Option<String> {
    let claims: Claims = serde_json::from_slice(json).ok()?;
    let named = |claim: Option<String>| claim.filter(|account| !account.is_empty());
    named(claims.email).or_else(|| named(claims.preferred_username)).or_else(|| named(claims.upn))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn email_goes_before_preferred_username_before_upn() {
        let account = |json: &str| from_claims(json.as_bytes());
        assert_eq!(account(r#"{"upn":"u","preferred_username":"p","email":"e"}"#).as_deref(), Some("e"));
        assert_eq!(account(r#"{"upn":"u","preferred_username":"p","email":null}"#).as_deref(), Some("p"));
        assert_eq!(account(r#"{"upn":"u","email":""}"#).as_deref(), Some("u"));
        assert_eq!(account(r#"{"email":["a","b"],"upn":"u"}"#).as_deref(), Some("u"), "that is no address");
        assert_eq!(account(r#"{"sub":"s"}"#), None);
        assert_eq!(account("<html>"), None);
    }

    #[test]
    fn an_id_token_is_read_and_garbage_is_nobody() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"email":"alice@example.com"}"#);
        assert_eq!(from_id_token(&Secret::new(format!("e30.{payload}.sig"))).as_deref(), Some("alice@example.com"));
        assert_eq!(from_userinfo(format!("e30.{payload}.sig\n").as_bytes()).as_deref(), Some("alice@example.com"));
        for garbage in ["", "opaque", "a.b.c", "..", "e30.e30."] {
            assert_eq!(from_id_token(&Secret::new(garbage)), None, "{garbage}");
        }
    }
}
