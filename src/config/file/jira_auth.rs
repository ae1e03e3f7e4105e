//! What the user writes under `[jira.auth]`: a table for each way in.

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretTable;

/// `[jira.auth]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JiraAuthTable {
    /// Jira Cloud, an account's API token.
    pub api_token: Option<ApiTokenTable>,
    /// Jira Cloud, a service account's OAuth 2.0 client credentials.
    pub service_account: Option<ServiceAccountTable>,
    /// Jira Data Center, a personal access token.
    pub pat: Option<PatTable>,
    /// Jira Cloud by Atlassian's OAuth 2.0 (3LO), or Jira Data Center's own provider: `authorize jira`.
    pub oauth2: Option<OAuth2Table>,
    /// Jira Data Center, a legacy application link: `authorize jira`.
    pub oauth1: Option<OAuth1Table>,
    /// Jira Data Center, a user name and its password.
    pub basic: Option<BasicTable>,
    /// The same as under `[jira]`.
    pub authorization_url: Option<String>,
    /// The same as under `[jira]`.
    pub token_url: Option<String>,
    /// The same as under `[jira]`.
    pub api_url: Option<String>,
}

/// `[jira.auth.api_token]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenTable {
    /// The account's e-mail address. Required.
    pub email: Option<String>,
    /// Its API token. Required.
    pub token: Option<SecretTable>,
}

/// `[jira.auth.service_account]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountTable {
    /// OAuth client identifier. Required.
    pub client_id: Option<String>,
    /// OAuth client secret. Required.
    pub client_secret: Option<SecretTable>,
}

/// `[jira.auth.pat]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatTable {
    /// The token. Required.
    pub token: Option<SecretTable>,
}

/// `[jira.auth.oauth2]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Table {
    /// OAuth client identifier. Required.
    pub client_id: Option<String>,
    /// OAuth client secret. Required.
    pub client_secret: Option<SecretTable>,
    /// Asked for as written. Default: what the product needs.
    pub scopes: Option<Vec<String>>,
    /// Where the browser is sent back to; any free port unless one is named. Default: `http://127.0.0.1/oauth/callback`.
    pub redirect_uri: Option<String>,
}

/// `[jira.auth.oauth1]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth1Table {
    /// The consumer key of the application link. Required.
    pub consumer_key: Option<String>,
    /// The RSA key of the application link, as PEM. Required.
    pub private_key: Option<SecretTable>,
}

/// `[jira.auth.basic]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicTable {
    /// The user name. Required.
    pub username: Option<String>,
    /// The password. Required.
    pub password: Option<SecretTable>,
}
