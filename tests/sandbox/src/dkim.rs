//! Signs mail as a domain's server does (DKIM, RFC 6376 and RFC 8463). Checks nothing, and shares no code with what does.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKey, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The key of a domain.
#[derive(Debug)]
pub enum Key {
    /// `rsa-sha256`, of 2048 bits.
    Rsa(Box<RsaKey>),
    /// `ed25519-sha256`.
    Ed25519(Ed25519KeyPair),
}

/// How a message is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'s> {
    /// The tag `d`.
    pub domain: &'s str,
    /// The tag `s`.
    pub selector: &'s str,
    /// The tag `c`.
    pub canon: Canon,
    /// The tag `h`.
    pub headers: &'s [&'s str],
    /// Further tags, as ` x=1; t=1;`.
    pub more: &'s str,
}

/// RFC 6376, 3.4; of header and body alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canon {
    /// `relaxed/relaxed`.
    Relaxed,
    /// `simple/simple`.
    Simple,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        let headers = &["from", "to", "subject", "message-id", "date"];
        Self { domain: "example.com", selector: "mail", canon: Canon::Relaxed, headers, more: "" }
    }
}

impl Key {
    /// A new one.
    pub fn rsa() -> anyhow::Result<Self> {
        Ok(Self::Rsa(Box::new(RsaKey::generate(KeySize::Rsa2048)?)))
    }

    /// A new one.
    pub fn ed25519() -> anyhow::Result<Self> {
        Ok(Self::Ed25519(Ed25519KeyPair::generate()?))
    }

    /// What the DNS says of it.
    pub fn record(&self) -> String {
        match self {
            Self::Rsa(key) => format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(key.public_key())),
            Self::Ed25519(key) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(key.public_key())),
        }
    }

    /// The message with a signature in front. `mail` has CRLF at its line ends.
    pub fn sign(&self, mail: &str, signing: &Signing<'_>) -> anyhow::Result<Vec<u8>> {
        let (header, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
        let algorithm = match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        };
        let canon = match signing.canon {
            Canon::Relaxed => "relaxed/relaxed",
            Canon::Simple => "simple/simple",
        };
        let hash = STANDARD.encode(digest(&SHA256, signing.canon.body(body).as_bytes()));
        let Signing { domain, selector, more, .. } = signing;
        let own = format!(
            "DKIM-Signature: v=1; a={algorithm}; c={canon}; d={domain}; s={selector};{more}\r\n h={};\r\n bh={hash};\r\n b=",
            signing.headers.join(":")
        );
        let fields = fields(header);
        let mut signed = String::new();
        for (index, name) in signing.headers.iter().enumerate() {
            let earlier = signing.headers.iter().take(index).filter(|earlier| *earlier == name).count();
            let of_name = |field: &&String| field.to_lowercase().starts_with(&format!("{name}:"));
            if let Some(field) = fields.iter().rev().filter(of_name).nth(earlier) {
                signed += &format!("{}\r\n", signing.canon.field(field));
            }
        }
        signed += &signing.canon.field(&own);
        Ok(format!("{own}{}\r\n{mail}", STANDARD.encode(self.signature(signed.as_bytes())?)).into_bytes())
    }

    fn signature(&self, signed: &[u8]) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Ok(key.sign(digest(&SHA256, signed).as_ref()).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature)?;
                Ok(signature)
            }
        }
    }
}

impl Canon {
    fn field(self, field: &str) -> String {
        let (name, value) = field.split_once(':').unwrap_or((field, ""));
        match self {
            Self::Simple => field.to_owned(),
            Self::Relaxed => {
                format!(
                    "{}:{}",
                    name.trim().to_lowercase(),
                    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
                )
            }
        }
    }

    fn body(self, body: &str) -> String {
        let line = |line: &str| match self {
            Self::Simple => line.to_owned(),
            Self::Relaxed => {
                let words: Vec<&str> = line.trim_end_matches([' ', '\t']).split([' ', '\t']).collect();
                let indent = if line.starts_with([' ', '\t']) && words.len() > 1 { " " } else { "" };
                let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
                format!("{indent}{}", words.join(" "))
            }
        };
        let lines: Vec<String> = body.split("\r\n").map(line).collect();
        let text = lines.join("\r\n");
        let text = text.trim_end_matches("\r\n");
        match (text.is_empty(), self) {
            (true, Self::Relaxed) => String::new(),
            (true, Self::Simple) | (false, _) => format!("{text}\r\n"),
        }
    }
}

/// The header's fields, each with the lines over which it goes on.
fn fields(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(&format!("\r\n{line}")),
            Some(_) | None => fields.push(line.to_owned()),
        }
    }
    fields
}
