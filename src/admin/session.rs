//! Who may see the pages: whoever has shown the admin token. Sessions are signed and kept by the browser, so they outlive a
//! restart and are good at every node; another token ends them all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use crate::config::Secret;
use crate::sync::locked;

/// How long a person stays signed in.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// Wrong tokens from one address within [`WINDOW`]; more are not even looked at.
const ATTEMPTS: u32 = 10;
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// Addresses that are remembered; a flood from more of them makes room by forgetting.
const ADDRESSES: usize = 1024;

/// Compares in constant time, whatever the lengths.
pub fn is_token(shown: &str, token: &Secret) -> bool {
    let digest = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    verify_slices_are_equal(digest(shown).as_ref(), digest(token.expose()).as_ref()).is_ok()
}

/// A new session, as it stands in the cookie: `END.RANDOM.SIGNATURE`. `None`: the machine gives no randomness.
pub fn new(token: &Secret, now: Timestamp) -> Option<String> {
    let mut random = [0; 16];
    rand::fill(&mut random).ok()?;
    let end = now.checked_add(LIFETIME).ok()?.as_second();
    let claim = format!("{end}.{}", URL_SAFE_NO_PAD.encode(random));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key(token), claim.as_bytes()));
    Some(format!("{claim}.{signature}"))
}

/// Whether a cookie is a session that lasts.
pub fn is_good(cookie: &str, token: &Secret, now: Timestamp) -> bool {
    let Some((claim, signature)) = cookie.rsplit_once('.') else { return false };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    let end = claim.split('.').next().and_then(|end| end.parse::<i64>().ok());
    hmac::verify(&key(token), claim.as_bytes(), &signature).is_ok() && end.is_some_and(|end| end > now.as_second())
}

fn key(token: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, format!("mail2jira session {}", token.expose()).as_bytes())
}

/// Counts wrong tokens by address.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<BTreeMap<IpAddr, (Timestamp, u32)>>);

impl Attempts {
    /// Whether an address has been wrong too often just now.
    pub fn are_too_many(&self, address: IpAddr, now: Timestamp) -> bool {
        let attempts = locked(&self.0);
        attempts.get(&address).is_some_and(|(since, count)| now.duration_since(*since) < WINDOW && *count >= ATTEMPTS)
    }

    /// An address showed a wrong token.
    pub fn wrong(&self, address: IpAddr, now: Timestamp) {
        let mut attempts = locked(&self.0);
        if attempts.len() >= ADDRESSES {
            attempts.clear();
        }
        let (since, count) = attempts.entry(address).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_itself_with_another_token_and_when_it_is_changed() {
        let (token, now) = (Secret::new("token"), Timestamp::UNIX_EPOCH);
        let cookie = new(&token, now).unwrap();
        assert!(is_good(&cookie, &token, now));
        assert!(!is_good(&cookie, &token, now + LIFETIME));
        assert!(!is_good(&cookie, &Secret::new("other"), now));
        assert!(!is_good(&format!("9{cookie}"), &token, now));
        assert!(["", ".", "a.b.c"].iter().all(|cookie| !is_good(cookie, &token, now)));
    }

    #[test]
    fn guessing_is_slow_and_one_address_does_not_shut_out_another() {
        let (attempts, now) = (Attempts::default(), Timestamp::UNIX_EPOCH);
        let [guesser, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        (0..ATTEMPTS).for_each(|_| attempts.wrong(guesser, now));
        assert!(attempts.are_too_many(guesser, now) && !attempts.are_too_many(other, now));
        assert!(!attempts.are_too_many(guesser, now + WINDOW));
    }
}
