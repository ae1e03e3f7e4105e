//! OAuth 1.0a as Data Center's application links speak it (RFC 5849): signs requests, and reads the tokens that come back.
//! Pure but for the time and the chance that a signature needs; asks nobody.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{AuthError, Outgoing};
use crate::clock::{Clock, SystemClock};
use crate::config::Secret;
use crate::text::hex;
use rsa_sha1::RsaKey;

mod rsa_sha1;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no RSA key in PEM.
    #[error("`private_key` is no RSA key in PEM")]
    NotRsa,
    /// It is an RSA key, and does not sign.
    #[error("`private_key` cannot sign: it may be too short")]
    Unusable,
}

/// Signs requests for one application link.
pub struct Signer {
    consumer_key: String,
    key: RsaKey,
}

/// What a signature says for whom it speaks (RFC 5849, 1.1: temporary or token credentials).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCredentials {
    /// Names the consent.
    pub token: Secret,
    /// Its secret; RSA-SHA1 signs without it, yet it is part of what Jira gave.
    pub secret: Secret,
}

impl TokenCredentials {
    /// Reads the form that Jira answers with, which is also how they are kept.
    pub fn parse(form: &Secret) -> Option<Self> {
        let named = |name: &str| {
            let mut pairs = form_urlencoded::parse(form.expose().trim().as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| Secret::new(value.into_owned()))
        };
        let token = named("oauth_token").filter(|token| !token.expose().is_empty())?;
        Some(Self { token, secret: named("oauth_token_secret").unwrap_or_else(|| Secret::new("")) })
    }

    /// The credentials as a form, which is how they are kept.
    pub fn to_form(&self) -> Secret {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("oauth_token", self.token.expose());
        form.append_pair("oauth_token_secret", self.secret.expose());
        Secret::new(form.finish())
    }
}

impl Signer {
    /// Takes the link's RSA key as PEM, PKCS#8 or PKCS#1.
    pub fn new(consumer_key: &str, pem: &Secret) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| KeyError::NotRsa)?;
        let key = RsaKey::from_der(der.secret_der()).ok_or(KeyError::NotRsa)?;
        Ok(Self { consumer_key: consumer_key.to_owned(), key })
    }

    /// The `Authorization` header of a request: `more` are further parameters of the protocol, as `oauth_verifier`.
    pub fn authorization(
        &self,
        request: &Outgoing<'_>,
        credentials: Option<&TokenCredentials>,
        more: &[(&str, &str)],
    ) -> Result<Zeroizing<String>, AuthError> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| KeyError::Unusable)?;
        let nonce = hex(&bytes);
        self.signed(request, credentials, more, (SystemClock.now(), &nonce))
    }

    fn signed(
        &self,
        request: &Outgoing<'_>,
        credentials: Option<&TokenCredentials>,
        more: &[(&str, &str)],
        (now, nonce): (Timestamp, &str),
    ) -> Result<Zeroizing<String>, AuthError> {
        let timestamp = now.as_second().to_string();
        let mut parameters = vec![
            ("oauth_consumer_key", self.consumer_key.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_timestamp", timestamp.as_str()),
            ("oauth_version", "1.0"),
        ];
        parameters.extend(credentials.map(|credentials| ("oauth_token", credentials.token.expose())));
        parameters.extend(more);
        let base = base_string(request, &parameters);
        let signature = STANDARD.encode(self.key.sign(base.as_bytes()).ok_or(KeyError::Unusable)?);
        parameters.push(("oauth_signature", &signature));
        let pairs = parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value)));
        Ok(Zeroizing::new(format!("OAuth {}", pairs.collect::<Vec<_>>().join(", "))))
    }
}

/// RFC 5849, 3.4.1: method, address and all parameters, in one normal form. JSON and files are no part of it.
fn base_string(request: &Outgoing<'_>, protocol: &[(&str, &str)]) -> Zeroizing<String> {
    let query = form_urlencoded::parse(request.url.query().unwrap_or_default().as_bytes());
    let query = query.map(|(name, value)| (encoded(&name), encoded(&value)));
    let mut pairs: Vec<_> = protocol.iter().map(|(name, value)| (encoded(name), encoded(value))).chain(query).collect();
    pairs.sort();
    let parameters = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    // `Url` writes scheme and host in lower case and leaves default ports out, as 3.4.1.2 wants it.
    let mut address = request.url.clone();
    address.set_query(None);
    address.set_fragment(None);
    Zeroizing::new(format!("{}&{}&{}", request.method, encoded(address.as_str()), encoded(&parameters)))
}

/// RFC 5849, 3.6: everything but the unreserved characters, in upper case.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
    use reqwest::Method;
    use url::Url;

    use super::*;

    fn pem(der: &[u8]) -> Secret {
        Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der)))
    }

    #[test]
    fn the_base_string_is_the_one_of_rfc_5849() {
        // 3.4.1.1, without the form in the body, which we never send
        let url = Url::parse("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").unwrap();
        let request = Outgoing { method: &Method::POST, url: &url };
        let protocol = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        assert_eq!(
            *base_string(&request, &protocol),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3\
             D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
             %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn a_signature_is_one_that_others_can_verify() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&pair).unwrap();
        let signer = Signer::new("mail2jira", &pem(der.as_ref())).unwrap();
        let signature = signer.key.sign(b"GET&a&b").unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, pair.public_key().as_ref());
        public.verify(b"GET&a&b", &signature).unwrap();
        public.verify(b"GET&a&c", &signature).unwrap_err();
    }

    #[test]
    fn what_is_no_rsa_key_is_refused() {
        for text in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(matches!(Signer::new("x", &Secret::new(text)), Err(KeyError::NotRsa)), "{text}");
        }
    }

    #[test]
    fn kept_credentials_come_back_as_they_were() {
        let form = Secret::new("oauth_token=a%2Bb&oauth_token_secret=c%26d&oauth_expires_in=157680000");
        let credentials = TokenCredentials::parse(&form).unwrap();
        assert_eq!((credentials.token.expose(), credentials.secret.expose()), ("a+b", "c&d"));
        assert_eq!(TokenCredentials::parse(&credentials.to_form()), Some(credentials));
        assert_eq!(TokenCredentials::parse(&Secret::new("oauth_problem=token_rejected")), None);
    }
}
