//! How a mailbox's server is reached, and what opens it.

use std::path::PathBuf;

use super::super::Checker;
use crate::config::file::document::KeyPath;
use crate::config::file::values::{self, Wrong};
use crate::config::file::{MailboxTable, PasswordTable};
use crate::config::{Mechanism, Protocol, ProviderName, SignIn, TlsMode};

/// Where a mailbox is.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: TlsMode,
    pub(super) ca_file: Option<PathBuf>,
}

impl Checker<'_> {
    pub(super) fn sign_in(&mut self, path: &KeyPath, table: &mut MailboxTable) -> Option<SignIn> {
        let mechanism = table.mechanism.unwrap_or_default();
        match (table.provider.take(), table.password.take()) {
            (Some(provider), None) => {
                if matches!(mechanism, Mechanism::Plain | Mechanism::Login) {
                    let message = "this mechanism takes a password, and the mailbox signs in with a provider's token";
                    self.findings.error(&path.key("mechanism"), message, "write mechanism = \"auto\"");
                }
                self.token(&path.key("provider"), &provider)
            }
            (None, Some(password)) => {
                if matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer) {
                    let message = "this mechanism takes a provider's token, and the mailbox signs in with a password";
                    self.findings.error(&path.key("mechanism"), message, "write mechanism = \"auto\"");
                }
                if table.login.is_some() {
                    let message = "`login` is who consents at a provider, and this mailbox has none";
                    self.findings.error(
                        &path.key("login"),
                        message,
                        "write the name as `username` in the password's table",
                    );
                }
                self.password(&path.key("password"), password)
            }
            (Some(provider), Some(password)) => {
                let message = "the mailbox has both a provider and a password";
                self.findings.error(&path.key("password"), message, "keep one of them");
                self.token(&path.key("provider"), &provider);
                self.password(&path.key("password"), password);
                None
            }
            (None, None) => {
                let message = "the mailbox has no way to sign in";
                let fix = "write provider = \"NAME\", or a table `password` with `username` and `secret`";
                self.findings.missing_one_of(path, &["provider", "password"], message, fix);
                None
            }
        }
    }

    fn token(&mut self, path: &KeyPath, provider: &str) -> Option<SignIn> {
        let name = self.checked(path, provider, provider_name)?;
        self.existing_provider(path, name).map(SignIn::OAuth)
    }

    fn password(&mut self, path: &KeyPath, table: PasswordTable) -> Option<SignIn> {
        let username = self.required(&path.key("username"), table.username, values::plain, "write the user's name");
        let secret_path = path.key("secret");
        let secret = match table.secret {
            Some(secret) => self.secret(&secret_path, secret),
            None => self.missing(&secret_path, "write secret = { credential = \"NAME\" }"),
        };
        Some(SignIn::Password { username: username?, secret: secret? })
    }

    /// Google's and Microsoft's servers are well known.
    pub(super) fn known_host(&self, provider: Option<&str>, protocol: Protocol) -> Option<&'static str> {
        let kind = self.providers.get(&ProviderName::parse(provider?)?)?.as_ref()?;
        match protocol {
            Protocol::Imap => kind.imap_host(),
            Protocol::Pop3 => kind.pop3_host(),
        }
    }

    pub(super) fn server(
        &mut self,
        path: &KeyPath,
        protocol: Protocol,
        table: &mut MailboxTable,
        known_host: Option<&'static str>,
    ) -> Option<Server> {
        let host = table.host.take().or_else(|| known_host.map(str::to_owned));
        let fix = format!("write host = \"{}.example.com\"", protocol.as_str());
        let host = self.required(&path.key("host"), host, values::host, &fix);
        let port = self.optional(&path.key("port"), table.port.as_ref(), port);
        let ca_file = self.ca_file(path, table.ca_file.take());
        let tls = table.tls.unwrap_or_default();
        if tls == TlsMode::None && host.as_deref().is_some_and(|host| !values::is_loopback_host(host)) {
            let message = "connections without TLS are allowed on loopback only";
            self.findings.error(&path.key("tls"), message, "write tls = \"implicit\" or tls = \"starttls\"");
        }
        Some(Server { host: host?, port: port?.unwrap_or(protocol.default_port(tls)), tls, ca_file })
    }
}

fn provider_name(text: &str) -> Result<ProviderName, Wrong> {
    ProviderName::parse(text).ok_or_else(|| Wrong {
        message: "this cannot be the name of a provider".into(),
        fix: "write NAME, where there is a table [provider.NAME]".into(),
    })
}

fn port(port: &i64) -> Result<u16, Wrong> {
    u16::try_from(*port).ok().filter(|port| *port > 0).ok_or_else(|| Wrong {
        message: format!("{port} is not a port"),
        fix: "write a number from 1 to 65535, as 993".into(),
    })
}
