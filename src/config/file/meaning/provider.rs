//! `[provider.NAME]`: an OAuth server and this program's registration with it.

use std::collections::BTreeMap;

use url::Url;

use super::super::document::KeyPath;
use super::super::values;
use super::super::{ClientAuthName, GrantName, ProviderKind, ProviderTable, SecretTable};
use super::Checker;
use crate::config::{ClientAuth, Endpoints, ProviderName, ProviderSettings, SecretRef};

impl Checker<'_> {
    /// A provider with a fault keeps its name, so that mailboxes that refer to it are not blamed.
    pub(super) fn providers(
        &mut self,
        tables: BTreeMap<String, ProviderTable>,
    ) -> BTreeMap<ProviderName, Option<ProviderSettings>> {
        let named = self.names(&KeyPath::default().key("provider"), tables, ProviderName::parse);
        named.into_iter().map(|(name, (path, table))| (name, self.provider(&path, table))).collect()
    }

    fn provider(&mut self, path: &KeyPath, mut table: ProviderTable) -> Option<ProviderSettings> {
        match table.grant.unwrap_or(GrantName::AuthorizationCode) {
            GrantName::AuthorizationCode => {}
        }
        match table.kind {
            Some(ProviderKind::Custom) => {}
            None if self.findings.is_faulty(&path.key("kind")) => return None, // every other key depends on it
            None => self.findings.missing(&path.key("kind"), "write kind = \"custom\""),
        }
        let endpoints = self.endpoints(path, &table);
        let client_auth = self.client_auth(path, table.client_auth, table.client_secret.take());
        let client_id = self.required(
            &path.key("client_id"),
            table.client_id,
            values::plain,
            "write the identifier that the provider gave to this program",
        );
        let userinfo_url = self.optional(&path.key("userinfo_url"), table.userinfo_url.as_deref(), values::url);
        let scopes = self.each(&path.key("scopes"), &table.scopes.unwrap_or_default(), values::plain);
        let redirect = self.optional(&path.key("redirect_uri"), table.redirect_uri.as_deref(), values::redirect_uri);
        let ca_file = self.ca_file(path, table.ca_file);
        let (client_auth, client_secret) = client_auth?;
        Some(ProviderSettings {
            endpoints: endpoints?,
            client_id: client_id?,
            client_secret,
            client_auth,
            userinfo_url: userinfo_url?,
            scopes: scopes?,
            redirect_uri: redirect?.or_else(default_redirect_uri)?,
            ca_file,
        })
    }

    fn endpoints(&mut self, path: &KeyPath, table: &ProviderTable) -> Option<Endpoints> {
        let issuer = self.optional(&path.key("issuer"), table.issuer.as_deref(), values::url);
        let authorization =
            self.optional(&path.key("authorization_url"), table.authorization_url.as_deref(), values::url);
        let token = self.optional(&path.key("token_url"), table.token_url.as_deref(), values::url);
        self.unused_endpoint(&path.key("revocation_url"), table.revocation_url.as_deref());
        self.unused_endpoint(&path.key("device_url"), table.device_url.as_deref());
        match (issuer?, authorization?, token?) {
            (Some(issuer), None, None) => Some(Endpoints::Discovery { issuer }),
            (None, Some(authorization_url), Some(token_url)) => {
                Some(Endpoints::Explicit { authorization_url, token_url })
            }
            (None, None, None) => {
                let message = "the provider has neither `issuer` nor `authorization_url` and `token_url`";
                self.findings.missing_one_of(
                    path,
                    &["issuer", "authorization_url", "token_url"],
                    message,
                    "write issuer = \"https://id.example.com\", or both addresses",
                );
                None
            }
            (None, Some(_), None) => {
                self.missing(&path.key("token_url"), "write `token_url` beside `authorization_url`")
            }
            (None, None, Some(_)) => {
                self.missing(&path.key("authorization_url"), "write `authorization_url` beside `token_url`")
            }
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) => {
                let message = "`issuer` finds the endpoints, and here they are written out as well";
                self.findings.error(
                    &path.key("issuer"),
                    message,
                    "keep either `issuer`, or `authorization_url` and `token_url`",
                );
                None
            }
        }
    }

    fn unused_endpoint(&mut self, path: &KeyPath, url: Option<&str>) {
        if self.optional(path, url, values::url).flatten().is_some() {
            let message = format!("`{path}` has no effect: this version does not use it yet");
            self.findings.warning(path, message, "leave it, or take it out");
        }
    }

    fn client_auth(
        &mut self,
        path: &KeyPath,
        name: Option<ClientAuthName>,
        secret: Option<SecretTable>,
    ) -> Option<(ClientAuth, Option<SecretRef>)> {
        let secret_path = path.key("client_secret");
        let client_auth = match name.unwrap_or(ClientAuthName::Auto) {
            ClientAuthName::Auto => ClientAuth::Auto,
            ClientAuthName::Basic => ClientAuth::Basic,
            ClientAuthName::Post => ClientAuth::Post,
            ClientAuthName::None => ClientAuth::None,
        };
        match (client_auth, secret) {
            (ClientAuth::Auto | ClientAuth::None, None) => Some((client_auth, None)),
            (ClientAuth::Auto | ClientAuth::Basic | ClientAuth::Post, Some(secret)) => {
                Some((client_auth, Some(self.secret(&secret_path, secret)?)))
            }
            (ClientAuth::Basic | ClientAuth::Post, None) => {
                self.missing(&secret_path, "write client_secret = { credential = \"NAME\" }, or client_auth = \"none\"")
            }
            (ClientAuth::None, Some(_)) => {
                let message = "a client that does not authenticate has no secret";
                self.findings.error(&secret_path, message, "take `client_secret` out, or write client_auth = \"auto\"");
                None
            }
        }
    }
}

/// RFC 8252, 7.3: the port is chosen at run time.
fn default_redirect_uri() -> Option<Url> {
    Url::parse("http://127.0.0.1/oauth/callback").ok()
}
