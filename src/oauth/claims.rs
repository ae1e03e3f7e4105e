//! What an access token says about itself, where it is a JWT: whom it is for and what it allows. Only for telling people
//! what is wrong; a token is judged by the server that it is shown to. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::config::Secret;

/// The claims that matter for mail: RFC 9068, and Microsoft's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// `aud`, where it is one: the server that the token is for.
    #[serde(default, rename = "aud", deserialize_with = "text")]
    pub audience: Option<String>,
    /// Microsoft's `scp`: what a person allowed, separated by spaces.
    #[serde(default, rename = "scp", deserialize_with = "text")]
    pub scopes: Option<String>,
    /// `roles`: what an administrator allowed the program itself.
    #[serde(default, deserialize_with = "texts")]
    pub roles: Option<Vec<String>>,
    /// Microsoft's `oid`: who signed in; of a program, its service principal.
    #[serde(default, rename = "oid", deserialize_with = "text")]
    pub object_id: Option<String>,
}

impl Claims {
    /// Reads them from a token; `None` where it is none that can be read, as Google's.
    pub fn of(token: &Secret) -> Option<Self> {
        serde_json::from_slice(&payload(token.expose())?).ok()
    }

    /// Whether the token holds this scope or role; `None` where it tells of neither.
    pub fn allows(&self, name: &str) -> Option<bool> {
        match (&self.scopes, &self.roles) {
            (None, None) => None,
            (scopes, roles) => {
                let scopes = scopes.iter().flat_map(|scopes| scopes.split_ascii_whitespace());
                Some(scopes.chain(roles.iter().flatten().map(String::as_str)).any(|allowed| allowed == name))
            }
        }
    }
}

/// What a JWT says, as JSON (RFC 7519, 3); `None` where it is none, or is encrypted. The signature is not looked at.
pub fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.trim().split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()
}

/// A claim of another type is none of ours, and no reason to read nothing at all.
pub fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

/// A list, which a server may also write as one text; of another type it is none of ours.
fn texts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let texts = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Array(values) => {
            Some(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
        }
        serde_json::Value::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        _ => None,
    };
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> Secret {
        Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn claims_are_read_and_what_is_no_jwt_has_none() {
        let claims = Claims::of(&token(
            r#"{"aud":"https://outlook.office.com","scp":"openid IMAP.AccessAsUser.All","oid":"1"}"#,
        ));
        let claims = claims.unwrap();
        assert_eq!(claims.audience.as_deref(), Some("https://outlook.office.com"));
        assert_eq!(claims.allows("IMAP.AccessAsUser.All"), Some(true));
        assert_eq!(claims.allows("POP.AccessAsUser.All"), Some(false));
        let app = Claims::of(&token(r#"{"aud":["a","b"],"roles":["IMAP.AccessAsApp"]}"#)).unwrap();
        assert_eq!((app.audience.as_deref(), app.allows("IMAP.AccessAsApp")), (None, Some(true)));
        assert_eq!(Claims::of(&token("{}")).unwrap().allows("x"), None);
        for other in ["ya29.opaque", "a.b.c", "", "a.b.c.d"] {
            assert_eq!(Claims::of(&Secret::new(other)), None, "{other}");
        }
    }
}
