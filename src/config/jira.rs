//! The Jira to write to, and the way in.

use std::path::PathBuf;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::SecretRef;

/// `[jira]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JiraSettings {
    /// The site, maybe with a context path, without a trailing slash.
    pub url: Url,
    /// What kind of Jira it is.
    pub deployment: Deployment,
    /// Overrides where a person consents.
    pub authorization_url: Option<Url>,
    /// Overrides where tokens come from.
    pub token_url: Option<Url>,
    /// Overrides where API calls go.
    pub api_url: Option<Url>,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
    /// When the token ends, where a person has said so.
    pub token_expires: Option<Date>,
    /// Whether it is written to.
    pub writing: Writing,
    /// The way in.
    pub auth: JiraAuth,
}

/// `shadow`: whether Jira is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Jira is read and written to.
    Real,
    /// Jira is only read, and no mailbox is touched: what would be written is told instead.
    Shadow,
}

/// `deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deployment {
    /// Found out from the server.
    #[default]
    Auto,
    /// Jira Cloud.
    Cloud,
    /// Jira Data Center.
    DataCenter,
}

/// `[jira.auth.…]`: how the program signs in to Jira.
#[derive(Debug, Clone, PartialEq)]
pub enum JiraAuth {
    /// Cloud: an account's e-mail address and its API token, as HTTP Basic.
    ApiToken {
        /// The account.
        email: String,
        /// Its token.
        token: SecretRef,
    },
    /// Cloud: a service account's OAuth 2.0 client credentials (RFC 6749, 4.4).
    ServiceAccount {
        /// OAuth client identifier.
        client_id: String,
        /// OAuth client secret.
        client_secret: SecretRef,
    },
    /// Data Center: a personal access token, as Bearer.
    Pat {
        /// The token.
        token: SecretRef,
    },
    /// A person's consent: Atlassian's OAuth 2.0 (3LO) for Cloud, Data Center's own provider.
    OAuth2(JiraOAuth2),
    /// Data Center: a legacy application link, OAuth 1.0a with RSA-SHA1.
    OAuth1 {
        /// The consumer key, as it stands in the application link.
        consumer_key: String,
        /// RSA, as PEM.
        private_key: SecretRef,
    },
    /// Data Center: a user name and its password, as HTTP Basic.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretRef,
    },
}

/// `[jira.auth.oauth2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JiraOAuth2 {
    /// OAuth client identifier.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: SecretRef,
    /// Asked for in place of what the product needs by itself.
    pub scopes: Option<Vec<String>>,
    /// Where the browser is sent back to.
    pub redirect_uri: Url,
}

impl JiraAuth {
    /// Whether a person has to consent to it.
    pub const fn takes_consent(&self) -> bool {
        match self {
            Self::OAuth2(_) | Self::OAuth1 { .. } => true,
            Self::ApiToken { .. } | Self::ServiceAccount { .. } | Self::Pat { .. } | Self::Basic { .. } => false,
        }
    }
}
