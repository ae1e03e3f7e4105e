//! Signed assertions (RFC 7523): by a certificate that this is the client, by a service account's key that it acts for a
//! mailbox. Reads keys from text; knows neither files nor network.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use url::Url;

use super::ProviderError;
use crate::config::Secret;

/// How long an assertion is good, in seconds; an hour is the most that Google takes.
const LIFETIME_S: i64 = 600;

/// How far the provider's clock may be behind ours, in seconds: an assertion from the future is refused.
const SKEW_S: i64 = 60;

/// RFC 7523, 3, and Google's `scope`.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// A service account's key as Google hands it out.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
}

/// Who asserts what to whom.
struct Statement<'a> {
    issuer: &'a str,
    subject: &'a str,
    audience: &'a Url,
    scope: Option<&'a str>,
}

/// Proves the client by its certificate: PS256 with `x5t#S256`, as Microsoft wants it.
/// <https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials>
pub(super) fn of_client(
    pem: &Secret,
    client_id: &str,
    audience: &Url,
    now: Timestamp,
) -> Result<Secret, ProviderError> {
    let certificate = CertificateDer::from_pem_slice(pem.expose().as_bytes())
        .map_err(|_| misconfigured("the client certificate holds no certificate in PEM form"))?;
    let thumbprint = digest::digest(&digest::SHA256, &certificate);
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(thumbprint));
    let key = private_key(pem.expose(), "the client certificate")?;
    let statement = Statement { issuer: client_id, subject: client_id, audience, scope: None };
    sign(&header, &statement, &key, now)
}

/// Lets a service account act for `subject`: RS256.
/// <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>
pub(super) fn of_service_account(
    key: &Secret,
    client_id: &str,
    (subject, scope): (&str, &str),
    audience: &Url,
    now: Timestamp,
) -> Result<Secret, ProviderError> {
    let file: Option<KeyFile> = serde_json::from_str(key.expose()).ok();
    let file = file.map(|KeyFile { client_email, private_key, private_key_id }| {
        (client_email, Secret::new(private_key), private_key_id)
    });
    let (issuer, pem, key_id) = file.unwrap_or_else(|| (client_id.to_owned(), key.clone(), None));
    if issuer.is_empty() {
        return Err(misconfigured("the service account's key names no account, and there is no `client_id`"));
    }
    let mut header = Header::new(Algorithm::RS256);
    header.kid = key_id;
    let key = private_key(pem.expose(), "the service account's key")?;
    let statement = Statement { issuer: &issuer, subject, audience, scope: Some(scope) };
    sign(&header, &statement, &key, now)
}

fn sign(
    header: &Header,
    statement: &Statement<'_>,
    key: &EncodingKey,
    now: Timestamp,
) -> Result<Secret, ProviderError> {
    let now = now.as_second();
    let claims = Claims {
        iss: statement.issuer,
        sub: statement.subject,
        aud: statement.audience.as_str(),
        scope: statement.scope,
        iat: now - SKEW_S,
        nbf: now - SKEW_S,
        exp: now + LIFETIME_S,
        jti: random()?,
    };
    let signed = jsonwebtoken::encode(header, &claims, key);
    signed.map(Secret::new).map_err(|_| misconfigured("the private key cannot sign: it must be an RSA key"))
}

/// The private key in a text that may hold certificates as well, in whatever order.
fn private_key(pem: &str, what: &str) -> Result<EncodingKey, ProviderError> {
    let none = || misconfigured(&format!("{what} holds no RSA private key in PEM form"));
    let label =
        ["PRIVATE KEY", "RSA PRIVATE KEY"].into_iter().find(|label| pem.contains(&format!("-----BEGIN {label}-----")));
    let label = label.ok_or_else(none)?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body =
        pem.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(body, _)| body).ok_or_else(none)?;
    let block = Secret::new(format!("{begin}{body}{end}\n"));
    EncodingKey::from_rsa_pem(block.expose().as_bytes()).map_err(|_| none())
}

fn random() -> Result<String, ProviderError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| ProviderError::unavailable("the system gave no random numbers".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn misconfigured(reason: &str) -> ProviderError {
    ProviderError::Misconfigured(reason.to_owned())
}
