//! ID tokens: who signed in, as a JSON Web Token. HS256 with the client's secret, unsigned for a client without one.

use aws_lc_rs::hmac;
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
