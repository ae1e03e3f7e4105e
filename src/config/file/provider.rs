//! What the user writes under `[provider.NAME]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DateValue, SecretTable};
use crate::config::{ClientAuth, Cloud, GrantType};

/// `[provider.NAME]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderTable {
    /// Whose endpoints and customs. Required.
    pub kind: Option<KindName>,
    /// The OpenID issuer, whose discovery document names the endpoints.
    pub issuer: Option<String>,
    /// The authorization endpoint, where there is no issuer.
    pub authorization_url: Option<String>,
    /// The token endpoint, where there is no issuer.
    pub token_url: Option<String>,
    /// The revocation endpoint (RFC 7009), where there is no issuer.
    pub revocation_url: Option<String>,
    /// The device authorization endpoint (RFC 8628), where there is no issuer.
    pub device_url: Option<String>,
    /// Microsoft: the directory, by name or id, or `organizations`, `consumers` or `common`. Default: `common`.
    pub tenant: Option<String>,
    /// Microsoft: which of its clouds. Default: `global`.
    pub cloud: Option<Cloud>,
    /// OAuth client identifier. Required, unless a service account's key holds it.
    pub client_id: Option<String>,
    /// OAuth client secret; a public client has none. With `grant = "service-account"` the account's key, as JSON or PEM.
    pub client_secret: Option<SecretTable>,
    /// Certificate and private key in PEM, in place of a secret.
    pub client_certificate: Option<SecretTable>,
    /// When the client secret ends: a date.
    pub secret_expires: Option<DateValue>,
    /// How the client proves itself at the token endpoint. Default: `auto`.
    pub client_auth: Option<ClientAuth>,
    /// How access is granted. Default: `authorization-code`.
    pub grant: Option<GrantType>,
    /// Tells who signed in where there is no `id_token`.
    pub userinfo_url: Option<String>,
    /// Sent as written. Default: what reading mail takes at Google and Microsoft, else none.
    pub scopes: Option<Vec<String>>,
    /// Where the provider sends the browser back to; any free port unless one is named. Default: `http://127.0.0.1/oauth/callback`, and `http://localhost` for Microsoft.
    pub redirect_uri: Option<String>,
    /// An extra root certificate, a PEM file.
    pub ca_file: Option<String>,
}

/// `kind`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindName {
    /// Gmail and Google Workspace.
    Google,
    /// Microsoft 365 and Outlook.com.
    Microsoft,
    /// Any OAuth 2.0 server.
    Custom,
}
