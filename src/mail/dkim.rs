//! Signatures on a message (DKIM, RFC 6376): what they sign, and whether they hold under a key. Keys stand in the DNS,
//! which is asked elsewhere; what a signature means for the sender is said in [`super::authentication`].
//!
//! mail-auth would do this together with SPF, DMARC and ARC, none of which can be asked about mail that has arrived,
//! and with a resolver of its own; for one rare question that is many crates. What needs care, the cryptography, is
//! aws-lc-rs's.
//!
//! Stricter than the RFC asks for: RSA with SHA-1 (RFC 8301), a signature over a part of the text (`l=`), and a message
//! with more than one `From` prove nothing.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey, VerificationAlgorithm,
};
use jiff::Timestamp;

use super::Mail;
use super::authentication::is_aligned;
use super::encoding::{self, Transfer};
use canon::{Canon, Field, Finished};

pub use canon::Digests;

mod canon;

/// Signatures of one message that are looked at; each costs a question to the DNS.
const MAX_SIGNATURES: usize = 3;
/// Fields that one signature may sign; programs sign some thirty.
const MAX_SIGNED: usize = 200;

/// A signature by the domain of a message's author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Where its key stands: the name of a TXT record.
    pub key_name: String,
    algorithm: Algorithm,
    signer: Signer,
    /// What was signed, in the canonical form.
    signed: Vec<u8>,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rsa,
    Ed25519,
}

/// For whom a domain signs (RFC 6376, 3.5: the tag `i`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// For itself.
    Domain,
    /// For a domain below it, which its key may forbid.
    Below,
}

impl Signature {
    /// Whether it holds under the key that a TXT record gives (RFC 6376, 3.6.1).
    pub fn holds(&self, record: &str) -> bool {
        let key = tag(record, "p").map(|key| encoding::decode(key.as_bytes(), Transfer::Base64).bytes.into_owned());
        let Some(key) = key.filter(|key| !key.is_empty() && self.is_meant(record)) else { return false };
        let kind = tag(record, "k").unwrap_or_else(|| "rsa".to_owned());
        let algorithm: &'static dyn VerificationAlgorithm = match (self.algorithm, kind.as_str()) {
            (Algorithm::Rsa, "rsa") => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            (Algorithm::Ed25519, "ed25519") => &ED25519,
            (Algorithm::Rsa | Algorithm::Ed25519, _) => return false,
        };
        // RFC 8463, 3: Ed25519 signs the hash.
        let message = match self.algorithm {
            Algorithm::Rsa => self.signed.clone(),
            Algorithm::Ed25519 => digest(&SHA256, &self.signed).as_ref().to_vec(),
        };
        UnparsedPublicKey::new(algorithm, key).verify(&message, &self.bytes).is_ok()
    }

    /// Whether a record is a key, and one for such signatures (RFC 6376, 3.6.1).
    fn is_meant(&self, record: &str) -> bool {
        let allows = |name, wanted| tag(record, name).is_none_or(|list| list.split(':').any(|word| word == wanted));
        let has_flag = |wanted| tag(record, "t").is_some_and(|flags| flags.split(':').any(|flag| flag == wanted));
        // A domain that tries its signatures out (`y`) wants its mail to be treated as if there were none.
        tag(record, "v").is_none_or(|version| version == "DKIM1")
            && allows("h", "sha256")
            && (allows("s", "email") || allows("s", "*"))
            && !has_flag("y")
            && (self.signer == Signer::Domain || !has_flag("s"))
    }
}

impl Mail {
    /// The signatures on a message that would prove its author, at most three; their text is unchanged, and whether they hold
    /// depends on the key. `digests` are those of the message as it came.
    pub fn author_signatures(&self, digests: Digests, now: Timestamp) -> Vec<Signature> {
        let [author] = self.from.as_slice() else { return Vec::new() };
        let Some((_, domain)) = author.address.rsplit_once('@') else { return Vec::new() };
        let digests = digests.finish();
        let fields = digests.fields();
        if fields.iter().filter(|field| field.is("from")).count() != 1 {
            return Vec::new();
        }
        let signatures = fields.iter().filter(|field| field.is("dkim-signature"));
        let aligned = |field: &&Field<'_>| {
            tag(&field.text(), "d").is_some_and(|signer| is_aligned(&signer, &domain.to_ascii_lowercase()))
        };
        let sound = |field: &Field<'_>| signature(*field, &fields, &digests, now);
        signatures.filter(aligned).take(MAX_SIGNATURES).filter_map(sound).collect()
    }
}

/// Reads a signature; `None` where it is not one that could hold, or the text is not what was signed.
fn signature(own: Field<'_>, fields: &[Field<'_>], digests: &Finished, now: Timestamp) -> Option<Signature> {
    let text = own.text();
    let algorithm = match tag(&text, "a")?.as_str() {
        "rsa-sha256" => Algorithm::Rsa,
        "ed25519-sha256" => Algorithm::Ed25519,
        _ => return None,
    };
    let is_over = tag(&text, "x").is_some_and(|at| at.parse::<i64>().map_or(true, |at| at < now.as_second()));
    let signed: Vec<String> = tag(&text, "h")?.to_ascii_lowercase().split(':').map(str::to_owned).collect();
    let is_sound = tag(&text, "v").is_some_and(|version| version == "1") && !is_over;
    if !is_sound || signed.len() > MAX_SIGNED || tag(&text, "l").is_some() || !signed.iter().any(|name| name == "from")
    {
        return None;
    }
    let (header_canon, body_canon) = Canon::of_signature(&text)?;
    let body_hash = encoding::decode(tag(&text, "bh")?.as_bytes(), Transfer::Base64).bytes.into_owned();
    if digests.text(body_canon)? != body_hash {
        return None;
    }
    let domain = tag(&text, "d")?;
    let signer = signer(&text, &domain.to_ascii_lowercase())?;
    let key_name = format!("{}._domainkey.{domain}", tag(&text, "s")?);
    let bytes = encoding::decode(tag(&text, "b")?.as_bytes(), Transfer::Base64).bytes.into_owned();
    Some(Signature { key_name, algorithm, signer, signed: signed_header(own, fields, &signed, header_canon), bytes })
}

/// For whom a domain signs; `None` for somebody with whom it has nothing to do.
fn signer(text: &str, domain: &str) -> Option<Signer> {
    let Some(identity) = tag(text, "i") else { return Some(Signer::Domain) };
    let (_, host) = identity.rsplit_once('@')?;
    let host = host.to_ascii_lowercase();
    match host.strip_suffix(domain)? {
        "" => Some(Signer::Domain),
        below => below.ends_with('.').then_some(Signer::Below),
    }
}

/// The fields that are signed, the last of a name first, and then the signature itself without its value (RFC 6376, 5.4.2, 3.7).
fn signed_header(own: Field<'_>, fields: &[Field<'_>], names: &[String], canon: Canon) -> Vec<u8> {
    let mut signed = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let before = names.iter().take(index).filter(|other| *other == name).count();
        if let Some(field) = fields.iter().rev().filter(|field| field.is(name)).nth(before) {
            signed.extend(canon.field(*field));
        }
    }
    let (value, whole) = (without_signature(own.value), without_signature(own.whole));
    signed.extend(canon.field(Field { name: own.name, value: &value, whole: &whole }));
    signed.truncate(signed.len() - signed.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count());
    signed
}

/// The value of the tag `b` taken out, with everything else as it is.
fn without_signature(field: &[u8]) -> Vec<u8> {
    let pieces: Vec<Vec<u8>> = field
        .split(|byte| *byte == b';')
        .map(|piece| {
            let equals = piece.iter().position(|byte| *byte == b'=');
            let (name, _) = piece.split_at(equals.unwrap_or(0));
            let name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
            match equals.filter(|_| name == b"b") {
                Some(at) => piece.get(..=at).unwrap_or(piece).to_vec(),
                None => piece.to_vec(),
            }
        })
        .collect();
    pieces.join(&b';')
}

/// The value of a tag, without white space (RFC 6376, 3.2).
fn tag(list: &str, name: &str) -> Option<String> {
    let tags = list.split(';').filter_map(|tag| tag.split_once('='));
    let mut values = tags.filter(|(tag, _)| tag.trim() == name).map(|(_, value)| value);
    values.next().map(|value| value.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8463, appendix A: the example that is signed with both algorithms.
    const SIGNED: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r
 d=football.example.com; i=@football.example.com;\r
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r
 subject : date : message-id : from : subject : date;\r
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r
 d=football.example.com; i=@football.example.com;\r
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r
 date : message-id : from : subject : date;\r
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r
From: Joe SixPack <joe@football.example.com>\r
To: Suzie Q <suzie@shopping.example.net>\r
Subject: Is dinner ready?\r
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r
Message-ID: <20030712040037.46341.5F8J@football.example.com>\r
\r
Hi.\r
\r
We lost the game.  Are you hungry yet?\r
\r
Joe.\r
";
    const ED25519_KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const RSA_KEY: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\
        Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

    fn found(message: &str) -> Vec<Signature> {
        crate::mail::parse(message.as_bytes()).author_signatures(Digests::of(message.as_bytes()), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_signatures_of_the_rfcs_own_example_hold_under_their_keys_and_no_others() {
        let signatures = found(SIGNED);
        let names: Vec<&str> = signatures.iter().map(|signature| signature.key_name.as_str()).collect();
        assert_eq!(names, ["brisbane._domainkey.football.example.com", "test._domainkey.football.example.com"]);
        assert!(signatures[0].holds(ED25519_KEY) && signatures[1].holds(RSA_KEY));
        for wrong in [RSA_KEY, "v=DKIM1; k=ed25519; p=", "", "v=spf1 -all", "p=AAAA; k=ed25519"] {
            assert!(!signatures[0].holds(wrong), "{wrong}");
        }
        assert!(found(&SIGNED.replace("\r\n", "\n"))[1].holds(RSA_KEY), "as a maildir keeps it");
    }

    #[test]
    fn what_was_changed_or_signed_by_somebody_else_proves_nothing() {
        for (was, is) in [
            ("We lost", "We won"),
            ("joe@football.example.com>\r\nTo", "joe@example.org>\r\nTo"),
            ("From: Joe", "From: Eve <eve@football.example.com>\r\nFrom: Joe"),
            ("v=1;", "v=1; l=3;"),
            ("t=1528637909;", "t=1528637909; x=-5;"),
            ("\r\n\r\nHi.", "\r\nPlease pay them.\r\n\r\nHi."),
            ("\r\n\r\nHi.", "\r\n\r\r\nHi."),
        ] {
            assert_eq!(found(&SIGNED.replace(was, is)), [], "{is}");
        }
        let subject = found(&SIGNED.replace("dinner", "lunch"));
        assert!(!subject[0].holds(ED25519_KEY) && !subject[1].holds(RSA_KEY));
    }
}
