//! Access without a person: client credentials (RFC 6749, 4.4), assertions of a client with a certificate (RFC 7523, 2.2) and of a
//! service account that acts for a mailbox (RFC 7523, 2.1). Signatures are checked, as the real ones do.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::grants::Grant;
use super::jwt::{self, Algorithm};
use super::token::Refusal;
use super::{Dialect, ProviderOptions, Settings};

/// A service account that is registered.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its address, the `iss` of its assertions.
    pub email: String,
    /// Its public key, PKCS #1 in DER.
    pub public_key: Vec<u8>,
}

impl ServiceAccount {
    /// An account with a fresh key, and the key as the JSON that Google lets one download.
    pub fn generate(email: &str) -> Result<(Self, String), rcgen::Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let file = json!({
            "type": "service_account",
            "client_email": email,
            "private_key_id": "sandbox-key-1",
            "private_key": key.serialize_pem(),
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        Ok((Self { email: email.to_owned(), public_key: key.public_key_raw().to_vec() }, file.to_string()))
    }
}

/// A client's certificate that is registered.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// SHA-256 over its DER.
    pub thumbprint: Vec<u8>,
    /// Its public key, PKCS #1 in DER.
    pub public_key: Vec<u8>,
}

impl ClientCertificate {
    /// A fresh certificate, and it with its private key in one PEM text.
    pub fn generate(name: &str) -> Result<(Self, String), rcgen::Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.self_signed(&key)?;
        let thumbprint = digest::digest(&digest::SHA256, certificate.der()).as_ref().to_vec();
        let pem = certificate.pem() + &key.serialize_pem();
        Ok((Self { thumbprint, public_key: key.public_key_raw().to_vec() }, pem))
    }
}

/// Whether an assertion proves the client.
pub(super) fn is_clients(assertion: &str, options: &ProviderOptions, audience: &str, now: Timestamp) -> bool {
    let Some(certificate) = &options.client_certificate else { return false };
    let Some((header, claims)) = jwt::verify(assertion, Algorithm::Ps256, &certificate.public_key) else {
        return false;
    };
    text(&header, "x5t#S256") == URL_SAFE_NO_PAD.encode(&certificate.thumbprint)
        && text(&claims, "iss") == options.client_id
        && text(&claims, "sub") == options.client_id
        && !text(&claims, "jti").is_empty()
        && is_for(&claims, audience, now)
}

/// What a service account's assertion asks for, in Google's words where it is refused.
pub(super) fn delegated(
    assertion: &str,
    options: &ProviderOptions,
    settings: &Settings,
    audience: &str,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let refuse = |error, description| Refusal { error, description };
    let account = options.service_account.as_ref();
    let account = account.ok_or(refuse("invalid_grant", "Invalid grant: account not found"))?;
    let (_, claims) = jwt::verify(assertion, Algorithm::Rs256, &account.public_key)
        .ok_or(refuse("invalid_grant", "Invalid JWT Signature."))?;
    if text(&claims, "iss") != account.email {
        return Err(refuse("invalid_grant", "Invalid grant: account not found"));
    }
    if !is_for(&claims, audience, now) {
        return Err(refuse("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"));
    }
    let scopes: Vec<_> = text(&claims, "scope").split_whitespace().map(str::to_owned).collect();
    let may = |scope: &String| settings.delegated_scopes.contains(scope);
    if scopes.is_empty() || !scopes.iter().all(may) {
        return Err(refuse(
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ));
    }
    let mailbox = text(&claims, "sub").to_ascii_lowercase();
    if !options.accounts.contains(&mailbox) {
        return Err(refuse("invalid_grant", "Invalid email or User ID"));
    }
    Ok(Grant {
        account: mailbox,
        client_id: account.email.clone(),
        scopes,
        nonce: None,
        claims: None,
        refreshable: false,
    })
}

/// What the client may do in its own right: open the first account's mailbox.
pub(super) fn own(options: &ProviderOptions, settings: &Settings, scope: &str) -> Grant {
    let claims = (settings.dialect == Dialect::Microsoft).then(|| {
        json!({
            "appid": options.client_id,
            "oid": "5a11d000-0000-4000-8000-000000000001",
            "roles": settings.app_roles,
        })
    });
    Grant {
        account: options.accounts.first().cloned().unwrap_or_default(),
        client_id: options.client_id.clone(),
        scopes: scope.split_whitespace().map(str::to_owned).collect(),
        nonce: None,
        claims,
        refreshable: false,
    }
}

/// Meant for us, and neither too old nor too long-lived.
fn is_for(claims: &Value, audience: &str, now: Timestamp) -> bool {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
    let (issued, expires, now) = (seconds("iat"), seconds("exp"), now.as_second());
    text(claims, "aud") == audience && issued <= now && now < expires && expires - issued <= 3600
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
