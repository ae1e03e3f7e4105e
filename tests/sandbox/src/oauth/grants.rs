//! Who consented to what, and the codes and tokens that came of it. No HTTP and no clock: the time is an argument.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Reuse, Rotation, Settings};

/// Which of the provider's grants.
type GrantId = u64;

/// On what terms codes and tokens are given out.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub settings: Settings,
    pub now: Timestamp,
}

/// One consent.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub account: String,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub nonce: Option<String>,
    /// What its access tokens say in clear, where they are JSON Web Tokens.
    pub claims: Option<serde_json::Value>,
    pub refreshable: bool,
}

/// What a client was shown to hold, and what for.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub grant: Grant,
    pub redirect_uri: String,
    pub challenge: String,
}

/// A code as it comes back from the client.
#[derive(Debug)]
pub(super) struct Redemption<'a> {
    pub code: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: &'a str,
}

/// What a token request yields.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Good for the mail server until it expires.
    pub access_token: String,
    /// Good for new access tokens; not given with every answer.
    pub refresh_token: Option<String>,
    /// How long the access token lives, in seconds.
    pub expires_in: u32,
    /// What they are good for.
    pub scopes: Vec<String>,
}

/// A grant as tests and people look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantView {
    /// Who consented.
    pub account: String,
    /// To what.
    pub scopes: Vec<String>,
    /// Whether it still holds.
    pub standing: Standing,
}

/// Whether a grant still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does.
    Good,
    /// Taken back, by a person, the client or the provider.
    Revoked,
}

/// Why a token request is refused: `invalid_grant`, with this description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused(pub &'static str);

#[derive(Debug, Default)]
pub(super) struct Grants {
    grants: BTreeMap<GrantId, (Grant, Standing)>,
    codes: HashMap<String, IssuedCode>,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
}

#[derive(Debug)]
enum IssuedCode {
    Fresh { code: Code, expires_at: Timestamp },
    Redeemed(GrantId),
}

#[derive(Debug)]
struct AccessToken {
    grant: GrantId,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct RefreshToken {
    grant: GrantId,
    /// Unused until then, it dies of age.
    expires_at: Option<Timestamp>,
    /// Until when it may still be used after another took its place.
    replaced: Option<Timestamp>,
}

impl Grants {
    /// A code for the consent just given.
    pub fn issue_code(&mut self, code: Code, terms: &Terms) -> String {
        let text = random("sandbox-code-", 43);
        let expires_at = later(terms.now, terms.settings.code_seconds);
        self.codes.insert(text.clone(), IssuedCode::Fresh { code, expires_at });
        text
    }

    /// Tokens for a code. A code that comes twice takes away what it gave the first time (RFC 6749, 4.1.2).
    pub fn redeem(&mut self, redemption: &Redemption<'_>, terms: &Terms) -> Result<(Tokens, Grant), Refused> {
        let (code, expires_at) = match self.codes.remove(redemption.code) {
            None => return Err(Refused("the code is unknown")),
            Some(IssuedCode::Redeemed(grant)) => {
                self.revoke(grant);
                return Err(Refused("the code was redeemed before"));
            }
            Some(IssuedCode::Fresh { code, expires_at }) => (code, expires_at),
        };
        if expires_at < terms.now {
            return Err(Refused("the code is too old"));
        }
        if code.redirect_uri != redemption.redirect_uri {
            return Err(Refused("the redirect address is not the one that the code was issued for"));
        }
        if code.challenge != challenge_of(redemption.verifier) {
            return Err(Refused("the verifier does not fit the challenge"));
        }
        let id = self.add(code.grant.clone());
        self.codes.insert(redemption.code.to_owned(), IssuedCode::Redeemed(id));
        let refresh_token = code.grant.refreshable.then(|| self.issue_refresh(id, terms));
        Ok((self.tokens(id, &code.grant, refresh_token, terms), code.grant))
    }

    /// Tokens for a refresh token.
    pub fn refresh(&mut self, token: &str, terms: &Terms) -> Result<(Tokens, Grant), Refused> {
        let Some(held) = self.refresh.get(token) else {
            return Err(Refused("the refresh token is unknown"));
        };
        let id = held.grant;
        let (too_old, used_up) =
            (held.expires_at.is_some_and(|at| at <= terms.now), held.replaced.is_some_and(|until| until <= terms.now));
        let Some((grant, Standing::Good)) = self.grants.get(&id) else {
            return Err(Refused("the grant was revoked"));
        };
        let grant = grant.clone();
        if too_old {
            return Err(Refused("the refresh token is too old"));
        }
        if used_up {
            match terms.settings.reuse {
                Reuse::Refused => {}
                Reuse::RevokesGrant => self.revoke(id),
            }
            return Err(Refused("the refresh token was used before"));
        }
        let replacement = self.rotate(token, id, terms);
        Ok((self.tokens(id, &grant, replacement, terms), grant))
    }

    /// Whether another refresh token has taken the place of this one.
    pub fn was_replaced(&self, token: &str) -> bool {
        self.refresh.get(token).is_some_and(|held| held.replaced.is_some())
    }

    /// What an access token stands for, while it is good.
    pub fn active(&self, token: &str, now: Timestamp) -> Option<(&Grant, Timestamp)> {
        let access = self.access.get(token).filter(|access| access.expires_at > now)?;
        match self.grants.get(&access.grant)? {
            (grant, Standing::Good) => Some((grant, access.expires_at)),
            (_, Standing::Revoked) => None,
        }
    }

    /// Ends the grant that a token of either kind belongs to; an unknown token is no error (RFC 7009, 2.2).
    pub fn revoke_token(&mut self, token: &str) {
        let refresh = self.refresh.get(token).map(|token| token.grant);
        if let Some(id) = refresh.or_else(|| self.access.get(token).map(|token| token.grant)) {
            self.revoke(id);
        }
    }

    pub fn revoke_account(&mut self, account: &str) {
        let of_account = |(grant, _): &&mut (Grant, Standing)| grant.account.eq_ignore_ascii_case(account);
        self.grants.values_mut().filter(of_account).for_each(|(_, standing)| *standing = Standing::Revoked);
    }

    pub fn revoke_all(&mut self) {
        self.grants.values_mut().for_each(|(_, standing)| *standing = Standing::Revoked);
    }

    pub fn expire_access_tokens(&mut self, now: Timestamp) {
        self.access.values_mut().for_each(|token| token.expires_at = token.expires_at.min(now));
    }

    pub fn view(&self) -> Vec<GrantView> {
        let view = |(grant, standing): &(Grant, Standing)| GrantView {
            account: grant.account.clone(),
            scopes: grant.scopes.clone(),
            standing: *standing,
        };
        self.grants.values().map(view).collect()
    }

    /// Tokens for a consent that needed no page and no code.
    pub fn issue(&mut self, grant: Grant, terms: &Terms) -> Tokens {
        let id = self.add(grant.clone());
        let refresh_token = grant.refreshable.then(|| self.issue_refresh(id, terms));
        self.tokens(id, &grant, refresh_token, terms)
    }

    fn add(&mut self, grant: Grant) -> GrantId {
        let id = self.grants.last_key_value().map_or(0, |(last, _)| last + 1);
        self.grants.insert(id, (grant, Standing::Good));
        id
    }

    fn revoke(&mut self, id: GrantId) {
        if let Some((_, standing)) = self.grants.get_mut(&id) {
            *standing = Standing::Revoked;
        }
    }

    /// What replaces the refresh token that was just used, if anything does.
    fn rotate(&mut self, token: &str, id: GrantId, terms: &Terms) -> Option<String> {
        let good_until = match terms.settings.rotation {
            Rotation::Never => return None,
            Rotation::AtOnce => terms.now,
            Rotation::Overlapping { seconds } => later(terms.now, seconds),
        };
        if let Some(old) = self.refresh.get_mut(token) {
            old.replaced.get_or_insert(good_until);
        }
        Some(self.issue_refresh(id, terms))
    }

    fn issue_refresh(&mut self, grant: GrantId, terms: &Terms) -> String {
        let text = random("sandbox-refresh-", 64);
        let expires_at = terms.settings.refresh_token_seconds.map(|seconds| later(terms.now, seconds));
        self.refresh.insert(text.clone(), RefreshToken { grant, expires_at, replaced: None });
        text
    }

    fn tokens(&mut self, id: GrantId, grant: &Grant, refresh_token: Option<String>, terms: &Terms) -> Tokens {
        let opaque = random("sandbox-access-", terms.settings.access_token_length);
        let access_token = match &grant.claims {
            Some(claims) => format!("e30.{}.{opaque}", URL_SAFE_NO_PAD.encode(claims.to_string())),
            None => opaque,
        };
        let expires_at = later(terms.now, terms.settings.access_token_seconds);
        self.access.insert(access_token.clone(), AccessToken { grant: id, expires_at });
        let expires_in = terms.settings.access_token_seconds;
        Tokens { access_token, refresh_token, expires_in, scopes: grant.scopes.clone() }
    }
}

/// RFC 7636, 4.6, method S256.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn later(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(now)
}

/// The prefix lets a test find a leaked token in a log. Guessable, as nothing real hangs on it.
pub(super) fn random(prefix: &str, length: usize) -> String {
    let rest = length.saturating_sub(prefix.len()).max(20);
    prefix.chars().chain(std::iter::repeat_with(fastrand::alphanumeric).take(rest)).collect()
}
