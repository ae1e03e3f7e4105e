//! `[provider.NAME]`: an OAuth server and this program's registration with it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document::KeyPath;
use super::super::values;
use super::super::{KindName, MailboxTable, ProviderTable};
use super::Checker;
use crate::config::{
    ClientAuth, Endpoints, GrantType, Protocol, ProviderKind, ProviderName, ProviderSettings, SecretRef, Tenancy,
};

mod preset;

/// How the program proves who it is.
struct Client {
    auth: ClientAuth,
    secret: Option<SecretRef>,
    certificate: Option<SecretRef>,
}

impl Checker<'_> {
    /// A provider with a fault keeps its name, so that mailboxes that refer to it are not blamed.
    pub(super) fn providers(
        &mut self,
        tables: BTreeMap<String, ProviderTable>,
        mailboxes: &BTreeMap<String, MailboxTable>,
    ) -> BTreeMap<ProviderName, Option<ProviderSettings>> {
        let named = self.names(&KeyPath::default().key("provider"), tables, ProviderName::parse);
        self.providers = named.keys().map(|name| (name.clone(), None)).collect();
        let provider = |(name, (path, table)): (ProviderName, _)| {
            let spoken = spoken(&name, mailboxes);
            (name.clone(), self.provider(&path, &name, table, &spoken))
        };
        named.into_iter().map(provider).collect()
    }

    fn provider(
        &mut self,
        path: &KeyPath,
        name: &ProviderName,
        mut table: ProviderTable,
        spoken: &BTreeSet<Protocol>,
    ) -> Option<ProviderSettings> {
        let kind = self.kind(path, &table)?;
        self.providers.insert(name.clone(), Some(kind.clone()));
        let grant = self.grant(path, &kind, table.grant.unwrap_or_default())?;
        let endpoints = self.endpoints(path, &table, &kind, grant);
        let device_url = self.optional(&path.key("device_url"), table.device_url.as_deref(), values::url);
        let revocation_url = self.optional(&path.key("revocation_url"), table.revocation_url.as_deref(), values::url);
        let client = self.client(path, &mut table, grant);
        let client_id = self.client_id(path, table.client_id.take(), grant);
        let secret_expires = self.optional(&path.key("secret_expires"), table.secret_expires.as_ref(), values::date);
        let userinfo_url = self.optional(&path.key("userinfo_url"), table.userinfo_url.as_deref(), values::url);
        let scopes = match table.scopes.take() {
            Some(scopes) => self.each(&path.key("scopes"), &scopes, values::plain),
            None => Some(preset::scopes(&kind, grant, spoken)),
        };
        let redirect = self.optional(&path.key("redirect_uri"), table.redirect_uri.as_deref(), values::redirect_uri);
        let ca_file = self.ca_file(path, table.ca_file);
        let (client, scopes) = (client?, scopes?);
        Some(ProviderSettings {
            grant,
            endpoints: endpoints?,
            device_url: device_url?.or_else(|| preset::device_url(&kind)),
            revocation_url: revocation_url?.or_else(|| preset::revocation_url(&kind)),
            client_id: client_id?,
            client_secret: client.secret,
            client_certificate: client.certificate,
            secret_expires: secret_expires?,
            client_auth: client.auth,
            userinfo_url: userinfo_url?,
            authorization_extras: preset::authorization_extras(&kind, &scopes),
            scopes,
            redirect_uri: redirect?.or_else(|| preset::redirect_uri(&kind))?,
            ca_file,
            kind,
        })
    }

    fn kind(&mut self, path: &KeyPath, table: &ProviderTable) -> Option<ProviderKind> {
        let kind = match table.kind {
            Some(KindName::Google) => ProviderKind::Google,
            Some(KindName::Microsoft) => ProviderKind::Microsoft(self.tenancy(path, table)?),
            Some(KindName::Custom) => ProviderKind::Custom,
            None if self.findings.is_faulty(&path.key("kind")) => return None, // every other key depends on it
            None => {
                self.findings.missing(&path.key("kind"), "write kind = \"google\", \"microsoft\" or \"custom\"");
                ProviderKind::Custom // what else is wrong is still said
            }
        };
        if !matches!(kind, ProviderKind::Microsoft(_)) {
            self.only_for(path, "tenant", table.tenant.is_some(), "kind = \"microsoft\"");
            self.only_for(path, "cloud", table.cloud.is_some(), "kind = \"microsoft\"");
        }
        if kind != ProviderKind::Custom {
            self.only_for(path, "issuer", table.issuer.is_some(), "kind = \"custom\"");
        }
        Some(kind)
    }

    fn only_for(&mut self, path: &KeyPath, key: &str, is_there: bool, home: &str) {
        if is_there {
            self.findings.error(&path.key(key), format!("`{key}` is for {home} only"), format!("take `{key}` out"));
        }
    }

    fn tenancy(&mut self, path: &KeyPath, table: &ProviderTable) -> Option<Tenancy> {
        let tenant = self.optional(&path.key("tenant"), table.tenant.as_deref(), values::tenant)?;
        Some(Tenancy { tenant: tenant.unwrap_or_else(|| "common".to_owned()), cloud: table.cloud.unwrap_or_default() })
    }

    fn grant(&mut self, path: &KeyPath, kind: &ProviderKind, grant: GrantType) -> Option<GrantType> {
        let wrong = match (kind, grant) {
            (ProviderKind::Google, GrantType::Device) => "Google's device flow cannot give access to mail",
            (ProviderKind::Google, GrantType::ClientCredentials) => "Google gives programs access by service accounts",
            (ProviderKind::Microsoft(_), GrantType::ServiceAccount) => {
                "Microsoft gives programs access by client credentials"
            }
            (ProviderKind::Microsoft(tenancy), GrantType::ClientCredentials) if !tenancy.is_one_directory() => {
                let message = "client credentials are for one tenant";
                self.findings.error(&path.key("tenant"), message, "write its id or domain as `tenant`");
                return None;
            }
            (ProviderKind::Google | ProviderKind::Microsoft(_) | ProviderKind::Custom, _) => return Some(grant),
        };
        let fix = match kind {
            ProviderKind::Google => "write grant = \"authorization-code\" or \"service-account\"",
            ProviderKind::Microsoft(_) | ProviderKind::Custom => "write grant = \"client-credentials\"",
        };
        self.findings.error(&path.key("grant"), wrong, fix);
        None
    }

    fn endpoints(
        &mut self,
        path: &KeyPath,
        table: &ProviderTable,
        kind: &ProviderKind,
        grant: GrantType,
    ) -> Option<Endpoints> {
        let issuer = self.optional(&path.key("issuer"), table.issuer.as_deref(), values::url)?;
        let authorization =
            self.optional(&path.key("authorization_url"), table.authorization_url.as_deref(), values::url)?;
        let token = self.optional(&path.key("token_url"), table.token_url.as_deref(), values::url)?;
        if let Some((well_known_authorization, well_known_token)) = preset::endpoints(kind) {
            return Some(Endpoints::Explicit {
                authorization_url: authorization.or(Some(well_known_authorization)),
                token_url: token.unwrap_or(well_known_token),
            });
        }
        match (issuer, authorization, token) {
            (Some(issuer), None, None) => Some(Endpoints::Discovery { issuer }),
            (None, None, Some(_)) if grant == GrantType::AuthorizationCode => {
                self.missing(&path.key("authorization_url"), "write `authorization_url` beside `token_url`")
            }
            (None, authorization_url, Some(token_url)) => Some(Endpoints::Explicit { authorization_url, token_url }),
            (None, Some(_), None) => {
                self.missing(&path.key("token_url"), "write `token_url` beside `authorization_url`")
            }
            (None, None, None) => {
                let message = "the provider has neither `issuer` nor `authorization_url` and `token_url`";
                let fix = "write issuer = \"https://id.example.com\", or both addresses";
                self.findings.missing_one_of(path, &["issuer", "authorization_url", "token_url"], message, fix);
                None
            }
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) => {
                let message = "`issuer` finds the endpoints, and here they are written out as well";
                let fix = "keep either `issuer`, or `authorization_url` and `token_url`";
                self.findings.error(&path.key("issuer"), message, fix);
                None
            }
        }
    }

    /// The key that a service account gets from Google holds its identifier.
    fn client_id(&mut self, path: &KeyPath, client_id: Option<String>, grant: GrantType) -> Option<String> {
        if client_id.is_none() && grant == GrantType::ServiceAccount {
            return Some(String::new());
        }
        let fix = "write the identifier that the provider gave to this program";
        self.required(&path.key("client_id"), client_id, values::plain, fix)
    }

    fn client(&mut self, path: &KeyPath, table: &mut ProviderTable, grant: GrantType) -> Option<Client> {
        let certificate_path = path.key("client_certificate");
        let Some(certificate) = table.client_certificate.take() else {
            let (auth, secret) = self.client_secret(path, table, grant)?;
            return Some(Client { auth, secret, certificate: None });
        };
        let certificate = self.secret(&certificate_path, certificate)?;
        if table.client_secret.is_some() {
            self.findings.error(
                &certificate_path,
                "the client has both a secret and a certificate",
                "keep one of them",
            );
            return None;
        }
        match table.client_auth.unwrap_or_default() {
            ClientAuth::Auto => Some(Client { auth: ClientAuth::Auto, secret: None, certificate: Some(certificate) }),
            ClientAuth::Basic | ClientAuth::Post | ClientAuth::None => {
                let message = "a client with a certificate proves itself by that";
                self.findings.error(&path.key("client_auth"), message, "take `client_auth` out");
                None
            }
        }
    }

    fn client_secret(
        &mut self,
        path: &KeyPath,
        table: &mut ProviderTable,
        grant: GrantType,
    ) -> Option<(ClientAuth, Option<SecretRef>)> {
        let secret_path = path.key("client_secret");
        let client_auth = table.client_auth.unwrap_or_default();
        match (client_auth, table.client_secret.take()) {
            // A service account's key signs what it asks with; it is never sent.
            (_, Some(secret)) if grant == GrantType::ServiceAccount => {
                Some((client_auth, Some(self.secret(&secret_path, secret)?)))
            }
            (_, None) if !grant.needs_consent() => self
                .missing(&secret_path, "write client_secret = { credential = \"NAME\" }: nobody else vouches for it"),
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

/// What the mailboxes of a provider are read by; IMAP where there is none.
fn spoken(provider: &ProviderName, mailboxes: &BTreeMap<String, MailboxTable>) -> BTreeSet<Protocol> {
    let of_provider = mailboxes.values().filter(|mailbox| mailbox.provider.as_deref() == Some(provider.as_str()));
    let mut spoken: BTreeSet<_> = of_provider.map(|mailbox| mailbox.protocol.unwrap_or_default()).collect();
    if spoken.is_empty() {
        spoken.insert(Protocol::Imap);
    }
    spoken
}
