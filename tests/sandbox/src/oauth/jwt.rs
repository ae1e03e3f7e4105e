//! JSON Web Tokens: ID tokens that tell who signed in (HS256 with the client's secret, unsigned for a client without one), and the
//! signatures of assertions.

use aws_lc_rs::{hmac, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The compact form of a token with these claims (RFC 7515, 7.1).
pub(super) fn encode(claims: &Value, secret: Option<&str>) -> String {
    let algorithm = secret.map_or("none", |_| "HS256");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(claims));
    let signature = secret.map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()))
    });
    format!("{signed}.{}", signature.unwrap_or_default())
}

/// How an assertion is signed (RFC 7518, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
}

/// Header and claims of a token that this key (PKCS #1 in DER) has signed in this way, and in no other.
pub(super) fn verify(token: &str, algorithm: Algorithm, public_key: &[u8]) -> Option<(Value, Value)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decoded = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (name, parameters) = match algorithm {
        Algorithm::Rs256 => ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Ps256 => ("PS256", &signature::RSA_PSS_2048_8192_SHA256),
    };
    let header = decoded(header).filter(|header| header.get("alg").and_then(Value::as_str) == Some(name))?;
    let key = signature::UnparsedPublicKey::new(parameters, public_key);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    Some((header, decoded(claims)?))
}
