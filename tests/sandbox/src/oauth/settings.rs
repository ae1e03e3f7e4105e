//! How the provider behaves, what it can be told, and what it counts. Does nothing itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Decision, Dialect, Endpoint, Fault};

/// How the provider behaves. The defaults are those of a strict provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// In whose words it refuses.
    pub dialect: Dialect,
    /// What a refresh does to the refresh token.
    pub rotation: Rotation,
    /// What a replaced refresh token does when it comes again.
    pub reuse: Reuse,
    /// Whether a sign-in yields a refresh token.
    pub refresh_tokens: RefreshTokens,
    /// How the client has to prove itself.
    pub client_auth: ClientAuth,
    /// Only these scopes are granted, whatever is asked for and agreed to; `None`: all that are asked for.
    pub granted_scopes: Option<Vec<String>>,
    /// Whether the token answer names the scopes.
    pub scope_in_answer: ScopeInAnswer,
    /// Whoever signs in, it is this account: a browser that was signed in as another.
    pub sign_in_as: Option<String>,
    /// How long an access token lives, in seconds.
    pub access_token_seconds: u32,
    /// How long a refresh token lives without being used, in seconds; `None`: for ever.
    pub refresh_token_seconds: Option<u32>,
    /// How long a code can be redeemed, in seconds.
    pub code_seconds: u32,
    /// How long an access token is, in characters: real ones have 200 (Google) to 2,500 (Microsoft).
    pub access_token_length: usize,
    /// How long a client must wait between questions in the device flow, in seconds.
    pub device_interval_seconds: u32,
    /// What an administrator has delegated to the service account.
    pub delegated_scopes: Vec<String>,
    /// The roles that an administrator has given to the app itself.
    pub app_roles: Vec<String>,
    /// Sent as `refresh_token_expires_in`, as Google does when the person limited the access.
    pub refresh_token_expires_in: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Plain,
            rotation: Rotation::AtOnce,
            reuse: Reuse::RevokesGrant,
            refresh_tokens: RefreshTokens::Issued,
            client_auth: ClientAuth::Any,
            granted_scopes: None,
            scope_in_answer: ScopeInAnswer::Named,
            sign_in_as: None,
            access_token_seconds: 3600,
            refresh_token_seconds: None,
            code_seconds: 60,
            access_token_length: 48,
            device_interval_seconds: 1,
            delegated_scopes: vec!["https://mail.google.com/".to_owned()],
            app_roles: vec!["IMAP.AccessAsApp".to_owned()],
            refresh_token_expires_in: None,
        }
    }
}

impl Settings {
    /// As Google: the refresh token stays the same, and comes only after a consent that was asked for.
    pub fn like_google() -> Self {
        Self {
            dialect: Dialect::Google,
            rotation: Rotation::Never,
            reuse: Reuse::Refused,
            refresh_tokens: RefreshTokens::OnlyWithPrompt,
            access_token_length: 220,
            ..Self::default()
        }
    }

    /// As Microsoft: a new refresh token with every use, while the old one stays good for long.
    pub fn like_microsoft() -> Self {
        Self {
            dialect: Dialect::Microsoft,
            rotation: Rotation::Overlapping { seconds: 90 * 86_400 },
            reuse: Reuse::Refused,
            refresh_token_seconds: Some(90 * 86_400),
            access_token_length: 2_000,
            ..Self::default()
        }
    }

    /// These settings with some of them changed; fails on a name or value that there is not.
    pub(super) fn changed(&self, change: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut all = serde_json::to_value(self)?;
        if let Some(fields) = all.as_object_mut() {
            fields.extend(change);
        }
        serde_json::from_value(all)
    }
}

/// What a refresh does to the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// It stays, and the answer names none.
    Never,
    /// A new one replaces it at once.
    AtOnce,
    /// A new one comes, and the old one stays good for a while.
    Overlapping {
        /// For how long, in seconds.
        seconds: u32,
    },
}

/// What a replaced refresh token does when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// It is refused.
    Refused,
    /// It is refused, and taken for theft: the grant with all its tokens is gone (RFC 9700, 4.14.2).
    RevokesGrant,
}

/// Whether a sign-in yields a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    /// Always.
    Issued,
    /// Only after a request with `prompt=consent`.
    OnlyWithPrompt,
    /// Never.
    Withheld,
}

/// How the client has to prove itself at the token endpoint (RFC 6749, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By header or by form, as it likes.
    Any,
    /// By the Authorization header alone.
    Basic,
    /// In the form alone.
    Post,
    /// Not at all: a secret is an error (AADSTS700025).
    None,
    /// By an assertion that the registered certificate has signed (RFC 7523, 2.2).
    Assertion,
}

/// Whether the token answer names the scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeInAnswer {
    /// It does.
    Named,
    /// It does not: all that was asked for is granted (RFC 6749, 5.1).
    LeftOut,
}

/// What the provider can be told while it runs; as JSON, the body of `POST /_control`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The next requests fail: `{"fail": {"endpoint": "token", "times": 2, "fault": {"status": {"code": 503}}}}`.
    Fail {
        /// Where.
        endpoint: Endpoint,
        /// How many of them; one unless given.
        #[serde(default = "once")]
        times: usize,
        /// How.
        fault: Fault,
    },
    /// Some settings change, the rest stays: `{"set": {"rotation": "never"}}`.
    Set(Map<String, Value>),
    /// Every grant of an account is gone, with its tokens: `{"revoke": {"account": "support@example.test"}}`.
    Revoke {
        /// Whose.
        account: String,
    },
    /// A person types the code of a device flow in: `{"device": {"user_code": "ABCDEFGH", "account": "a@b", "decision": "allow"}}`.
    Device {
        /// The code.
        user_code: String,
        /// Who signs in.
        account: String,
        /// What they say.
        decision: Decision,
    },
    /// Every grant is gone: `"revoke_all"`.
    RevokeAll,
    /// Every access token is too old from now on; refresh tokens stay good: `"expire_access_tokens"`.
    ExpireAccessTokens,
    /// Faults that wait are forgotten: `"heal"`.
    Heal,
}

fn once() -> usize {
    1
}

/// What was asked of the provider since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests per endpoint, failed ones included.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Token requests that were granted, by grant type.
    pub granted: BTreeMap<String, u64>,
    /// Token requests that were refused, by error. Faults on command are not among them.
    pub refused: BTreeMap<String, u64>,
    /// Refreshes that were granted for a token that had been replaced before: its successor never reached the client's disk.
    pub reused: u64,
    /// How clients proved themselves at the token endpoint.
    pub client_auth: BTreeMap<ClientAuth, u64>,
}

impl Counters {
    /// How often an endpoint was asked.
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.requests.get(&endpoint).copied().unwrap_or_default()
    }

    pub(super) fn count(&mut self, endpoint: Endpoint) {
        *self.requests.entry(endpoint).or_default() += 1;
    }
}
