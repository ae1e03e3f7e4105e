//! What a SASL client says to sign in, and what a server's error challenge means. Pure strings; sends nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::config::Secret;

/// The answer to an error challenge of XOAUTH2: an empty line, after which the server says NO.
pub const XOAUTH2_ANSWER: &str = "";

/// The answer to an error challenge of OAUTHBEARER: a lone 0x01 (RFC 7628, 3.2.3), in base64.
pub const OAUTHBEARER_ANSWER: &str = "AQ==";

/// Google's and Microsoft's XOAUTH2, in base64.
pub fn xoauth2(user: &str, token: &Secret) -> Secret {
    encode(&Secret::new(format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose())))
}

/// OAUTHBEARER (RFC 7628, 3.1), in base64.
pub fn oauthbearer(user: &str, host: &str, port: u16, token: &Secret) -> Secret {
    let identity = escape_identity(user);
    let token = token.expose();
    encode(&Secret::new(format!("n,a={identity},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")))
}

/// PLAIN (RFC 4616), in base64. `None` where a NUL, which separates its fields, stands in one of them.
pub fn plain(username: &str, password: &Secret) -> Option<Secret> {
    let fits = !username.contains('\0') && !password.expose().contains('\0');
    fits.then(|| encode(&Secret::new(format!("\0{username}\0{}", password.expose()))))
}

/// One answer in base64, as AUTHENTICATE LOGIN wants the user name and the password.
pub fn encode(text: &Secret) -> Secret {
    Secret::new(STANDARD.encode(text.expose()))
}

/// GS2 (RFC 5801, 4) gives `=` and `,` a meaning of its own.
fn escape_identity(user: &str) -> String {
    user.replace('=', "=3D").replace(',', "=2C")
}

/// The JSON of an error challenge: RFC 7628, 3.2.2, and the same in XOAUTH2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// `invalid_token` and the like; an HTTP status in XOAUTH2.
    pub status: String,
    /// The scope that the server wants.
    #[serde(default)]
    pub scope: Option<String>,
}

impl Challenge {
    /// Reads the text behind the `+`; `None` where it is no such challenge.
    pub fn parse(text: &str) -> Option<Self> {
        let json = STANDARD.decode(text.trim()).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        match &self.scope {
            Some(scope) => write!(f, ", wants the scope {scope}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(secret: &Secret) -> String {
        String::from_utf8(STANDARD.decode(secret.expose()).unwrap()).unwrap()
    }

    #[test]
    fn each_mechanism_says_what_its_specification_says() {
        let token = Secret::new("ya29.T");
        assert_eq!(decoded(&xoauth2("ann@example.com", &token)), "user=ann@example.com\x01auth=Bearer ya29.T\x01\x01");
        assert_eq!(
            decoded(&oauthbearer("a=b,c@example.com", "imap.example.com", 993, &token)),
            "n,a=a=3Db=2Cc@example.com,\x01host=imap.example.com\x01port=993\x01auth=Bearer ya29.T\x01\x01"
        );
        assert_eq!(decoded(&plain("ann", &Secret::new("geheim ü")).unwrap()), "\0ann\0geheim ü");
        assert_eq!(plain("ann\0", &token), None, "a NUL would move the fields");
        assert_eq!(STANDARD.encode(b"\x01"), OAUTHBEARER_ANSWER);
    }

    #[test]
    fn a_challenge_is_read_and_anything_else_is_none() {
        let google = r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
        let challenge = Challenge::parse(&STANDARD.encode(google)).unwrap();
        assert_eq!(challenge.to_string(), "status 400, wants the scope https://mail.google.com/");
        let bearer = Challenge::parse(&STANDARD.encode(r#"{"status":"invalid_token"}"#)).unwrap();
        assert_eq!(bearer.to_string(), "status invalid_token");
        for other in ["", "!!", "idling", "bm8ganNvbg=="] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }
}
