//! What the program uses of `[provider.NAME]`, and what is known of Google and Microsoft beforehand: addresses, hosts and
//! scopes. Values alone; nothing is asked for here.

use std::path::PathBuf;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::SecretRef;

/// `[provider.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderSettings {
    /// Whose customs it follows.
    pub kind: ProviderKind,
    /// How access is granted.
    pub grant: GrantType,
    /// Where the endpoints come from.
    pub endpoints: Endpoints,
    /// Device authorization endpoint (RFC 8628, 3.1), where it is not announced.
    pub device_url: Option<Url>,
    /// Revocation endpoint (RFC 7009, 2), where it is not announced.
    pub revocation_url: Option<Url>,
    /// OAuth client identifier. A service account's key may hold its own; then this is empty.
    pub client_id: String,
    /// OAuth client secret; a public client has none. With [`GrantType::ServiceAccount`] the account's key.
    pub client_secret: Option<SecretRef>,
    /// Certificate and private key in PEM: the client proves itself by a signed assertion (RFC 7523, 2.2).
    pub client_certificate: Option<SecretRef>,
    /// When the client secret ends.
    pub secret_expires: Option<Date>,
    /// How the client proves itself at the token endpoint.
    pub client_auth: ClientAuth,
    /// Tells who signed in where no `id_token` does.
    pub userinfo_url: Option<Url>,
    /// Sent as written.
    pub scopes: Vec<String>,
    /// What else is asked for when a person consents, as parameters of the authorization request.
    pub authorization_extras: Vec<(String, String)>,
    /// Where the provider sends the browser back to.
    pub redirect_uri: Url,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
}

/// Where a provider sends the browser back to, unless the file says: this machine, on a port that is chosen at run time
/// (RFC 8252, 7.3). `None` never comes of it.
pub fn loopback_redirect() -> Option<Url> {
    Url::parse("http://127.0.0.1/oauth/callback").ok()
}

/// `kind`: whose customs a provider follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderKind {
    /// Gmail and Google Workspace.
    Google,
    /// Microsoft 365 and Outlook.com.
    Microsoft(Tenancy),
    /// Any OAuth 2.0 server.
    Custom,
}

/// Which directory of which of Microsoft's clouds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// A tenant's name or id, or `organizations`, `consumers` or `common`.
    pub tenant: String,
    /// The cloud.
    pub cloud: Cloud,
}

/// `cloud`: login, mail host and scopes go together.
/// <https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The worldwide one, plain GCC included.
    #[default]
    Global,
    /// US Government GCC High.
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// Operated by 21Vianet.
    China,
}

/// `grant`: how access is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrantType {
    /// A person consents in a browser (RFC 6749, 4.1).
    #[default]
    AuthorizationCode,
    /// A person consents on another device (RFC 8628).
    Device,
    /// The program has access in its own right (RFC 6749, 4.4).
    ClientCredentials,
    /// A service account acts for the mailbox (RFC 7523, 2.1).
    ServiceAccount,
}

/// Where a provider's endpoints come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Endpoints {
    /// OpenID Connect Discovery 1.0, or RFC 8414.
    Discovery {
        /// The issuer, compared with what the document says.
        issuer: Url,
    },
    /// Written out in the file, or well known.
    Explicit {
        /// Authorization endpoint, where a person consents in a browser.
        authorization_url: Option<Url>,
        /// Token endpoint.
        token_url: Url,
    },
}

/// RFC 6749, 2.3: how a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// By what is configured, in the way that the provider takes; none without a secret.
    #[default]
    Auto,
    /// HTTP Basic.
    Basic,
    /// In the request body.
    Post,
    /// Public client: only the client's identifier.
    None,
}

impl ProviderSettings {
    /// Whether it is Atlassian's authorization server, which documents its token requests as JSON: no other is asked for this
    /// audience.
    pub fn is_atlassian(&self) -> bool {
        self.authorization_extras.iter().any(|(name, value)| name == "audience" && value == "api.atlassian.com")
    }
}

impl GrantType {
    /// Whether a person consents, and a refresh token is kept.
    pub fn needs_consent(self) -> bool {
        match self {
            Self::AuthorizationCode | Self::Device => true,
            Self::ClientCredentials | Self::ServiceAccount => false,
        }
    }
}

impl ProviderKind {
    /// The provider's IMAP server, where it is known.
    pub fn imap_host(&self) -> Option<&'static str> {
        match self {
            Self::Google => Some("imap.gmail.com"),
            Self::Microsoft(tenancy) => Some(tenancy.cloud.mail_host()),
            Self::Custom => None,
        }
    }

    /// The provider's POP3 server, where it is known.
    pub fn pop3_host(&self) -> Option<&'static str> {
        match self {
            Self::Google => Some("pop.gmail.com"),
            Self::Microsoft(tenancy) => Some(tenancy.cloud.mail_host()),
            Self::Custom => None,
        }
    }
}

impl Tenancy {
    /// An address below the directory's own, such as its token endpoint.
    pub fn login_url(&self, path: &str) -> String {
        format!("https://{}/{}/{path}", self.cloud.login_host(), self.tenant)
    }

    /// Whether it is one directory, and not all of a kind.
    pub fn is_one_directory(&self) -> bool {
        !matches!(self.tenant.as_str(), "common" | "organizations" | "consumers")
    }
}

impl Cloud {
    /// Where people and programs sign in.
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The server for IMAP and POP3.
    pub fn mail_host(self) -> &'static str {
        match self {
            Self::Global => "outlook.office365.com",
            Self::GccHigh => "outlook.office365.us",
            Self::Dod => "outlook-dod.office365.us",
            Self::China => "partner.outlook.cn",
        }
    }

    /// What a delegated scope such as `IMAP.AccessAsUser.All` belongs to.
    pub fn delegated_resource(self) -> &'static str {
        match self {
            Self::Global => "https://outlook.office.com",
            Self::GccHigh | Self::Dod => "https://outlook.office365.us",
            Self::China => "https://partner.outlook.cn",
        }
    }

    /// What the scope `.default` of app-only access belongs to.
    pub fn app_resource(self) -> &'static str {
        match self {
            Self::Global => "https://outlook.office365.com",
            Self::GccHigh | Self::Dod => "https://outlook.office365.us",
            Self::China => "https://partner.outlook.cn",
        }
    }
}
