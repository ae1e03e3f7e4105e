//! How this program proves who it is: the ways of RFC 6749, 2.3.1, and the signed assertion of RFC 7523, 2.2. Sends nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{Metadata, ProviderError, assertion};
use crate::config::{ClientAuth, GrantType, ProviderKind, ProviderSettings, Secret, SecretRef};
use crate::failure::with_causes;

/// A way of client authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Basic,
    Post,
    /// By a certificate.
    Assertion,
    Public,
}

/// What is configured as proof.
pub(super) enum Proof {
    Secret(Secret),
    Certificate(Secret),
    Nothing,
}

/// What a proof adds to a request.
pub(super) struct Shown {
    pub header: Option<HeaderValue>,
    pub fields: Vec<(&'static str, Secret)>,
}

impl Proof {
    /// Read for each use, so that a swapped secret needs no restart.
    pub fn read(settings: &ProviderSettings) -> Result<Self, ProviderError> {
        let read = |place: &SecretRef| place.read().map_err(|error| ProviderError::Misconfigured(with_causes(&error)));
        match (&settings.client_secret, &settings.client_certificate) {
            // Its key signs grants and is no client's secret.
            _ if settings.grant == GrantType::ServiceAccount => Ok(Self::Nothing),
            (_, Some(certificate)) => read(certificate).map(Self::Certificate),
            (Some(secret), None) => read(secret).map(Self::Secret),
            (None, None) => Ok(Self::Nothing),
        }
    }

    /// What must not be printed, whoever says it.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) | Self::Certificate(secret) => Some(secret),
            Self::Nothing => None,
        }
    }

    /// The ways to try, in order. `auto` tries the other one when the client is not recognised: providers that announce
    /// both may still have registered the client for one of them.
    pub fn methods(
        &self,
        settings: &ProviderSettings,
        metadata: &Metadata,
        proven: Option<Method>,
    ) -> &'static [Method] {
        match (self, settings.client_auth) {
            (Self::Certificate(_), _) => &[Method::Assertion],
            (_, ClientAuth::None) | (Self::Nothing, ClientAuth::Auto) => &[Method::Public],
            (Self::Secret(_), ClientAuth::Basic) => &[Method::Basic],
            (Self::Secret(_), ClientAuth::Post) => &[Method::Post],
            (Self::Nothing, ClientAuth::Basic | ClientAuth::Post) => &[],
            (Self::Secret(_), ClientAuth::Auto) => match (proven, &settings.kind) {
                (Some(Method::Basic), _) => &[Method::Basic],
                (Some(Method::Post), _) | (_, ProviderKind::Google | ProviderKind::Microsoft(_)) => &[Method::Post],
                (Some(Method::Assertion | Method::Public) | None, ProviderKind::Custom) => {
                    by_announcement(metadata.auth_methods.as_deref())
                }
            },
        }
    }

    /// What `method` adds to a request to the provider whose token endpoint this is.
    pub fn show(
        &self,
        method: Method,
        client_id: &str,
        token_endpoint: &Url,
        now: Timestamp,
    ) -> Result<Shown, ProviderError> {
        let identifier = ("client_id", Secret::new(client_id));
        let fields = match (method, self) {
            (Method::Basic, Self::Secret(secret)) => {
                return Ok(Shown { header: Some(basic(client_id, secret)?), fields: Vec::new() });
            }
            (Method::Post, Self::Secret(secret)) => vec![identifier, ("client_secret", secret.clone())],
            (Method::Assertion, Self::Certificate(pem)) => {
                let signed = assertion::of_client(pem, client_id, token_endpoint, now)?;
                let kind = Secret::new("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                vec![identifier, ("client_assertion_type", kind), ("client_assertion", signed)]
            }
            _ if client_id.is_empty() => Vec::new(), // a service account is named by its assertion
            (Method::Basic | Method::Post | Method::Assertion | Method::Public, _) => vec![identifier],
        };
        Ok(Shown { header: None, fields })
    }
}

/// Without an announcement Basic is what every provider must take (RFC 6749, 2.3.1; RFC 8414, 2).
fn by_announcement(announced: Option<&[String]>) -> &'static [Method] {
    let takes = |name: &str| announced.is_none_or(|methods| methods.iter().any(|method| method == name));
    match (takes("client_secret_basic"), takes("client_secret_post")) {
        (true, true) | (false, false) => &[Method::Basic, Method::Post],
        (true, false) => &[Method::Basic],
        (false, true) => &[Method::Post],
    }
}

/// RFC 6749, 2.3.1: both halves are form-encoded before they are joined, which many clients forget.
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, ProviderError> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&header)
        .map_err(|_| ProviderError::Misconfigured("the client secret does not fit into a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
