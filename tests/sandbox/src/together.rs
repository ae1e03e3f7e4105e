//! All stand-ins started together in one directory, with the configuration that leads mail2jira to them.
//! Decides nothing about how they behave.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sandbox::config_file::{ConfigFile, JiraAccess};
use sandbox::dovecot::{Dovecot, DovecotOptions, Folder, Load};
use sandbox::jira::site::{Account, Product};
use sandbox::jira::{JiraCloud, Options};
use sandbox::oauth::{Provider, ProviderOptions};
use serde_json::json;
use tempfile::TempDir;

/// The password of every mailbox, for those who want to look into one with a mail program.
pub const PASSWORD: &str = "secret";

/// What is wanted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The mailboxes.
    pub addresses: &'a [String],
    /// Where all files go, a short path that others may enter; `None`: a directory in `/tmp` that goes with the sandbox.
    pub dir: Option<&'a Path>,
    /// Which Jira.
    pub product: Product,
    /// For how many sessions the mail server is built.
    pub load: Load,
    /// `[limits].settle` of the configuration.
    pub settle: Option<&'a str>,
}

/// Everything that runs, in the order in which it has to end.
#[derive(Debug)]
pub struct Together {
    pub dovecot: Dovecot,
    pub provider: Provider,
    pub jira: JiraCloud,
    /// Where mail2jira will listen.
    pub admin: SocketAddr,
    /// For mail2jira.
    pub config: PathBuf,
    /// Where all files are.
    pub dir: PathBuf,
    address: String,
    temporary: Option<TempDir>,
}

impl Together {
    /// Starts everything and writes the configuration.
    pub async fn start(wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        let address = wanted.addresses.first().context("no mailbox is wanted")?.clone();
        let (dir, temporary) = directory(wanted.dir)?;
        let jira = JiraCloud::start(Options { product: wanted.product, ..Options::default() }).await?;
        let accounts = wanted.addresses.iter().take(5).cloned().collect();
        let provider = Provider::start(ProviderOptions { accounts, ..ProviderOptions::default() }).await?;
        let options = DovecotOptions {
            introspection_url: Some(provider.introspection_url()),
            passwords: BTreeMap::from_iter(
                wanted.addresses.iter().map(|address| (address.clone(), PASSWORD.to_owned())),
            ),
            load: wanted.load,
            dir: Some(dir.join("dovecot")),
            ..DovecotOptions::default()
        };
        let dovecot = Dovecot::start(options).await?;
        let admin = free_address()?;
        let mut together = Self { dovecot, provider, jira, admin, config: PathBuf::new(), dir, address, temporary };
        together.config = together.write_config(&together.dir, wanted)?;
        Ok(together)
    }

    /// Writes another configuration into a directory of its own; its ledger will be there too.
    pub fn write_config(&self, dir: &Path, wanted: &Wanted<'_>) -> anyhow::Result<PathBuf> {
        fs::create_dir_all(dir)?;
        let addresses: Vec<&str> = wanted.addresses.iter().map(String::as_str).collect();
        let config = ConfigFile {
            dovecot: &self.dovecot,
            provider: &self.provider,
            jira: &self.access(),
            addresses: &addresses,
            admin: Some(self.admin),
            settle: wanted.settle,
        };
        config.write(dir).with_context(|| format!("cannot write the configuration into {}", dir.display()))
    }

    /// The first mailbox's INBOX.
    pub fn inbox(&self) -> Folder {
        self.dovecot.inbox(&self.address)
    }

    /// Keeps the directory after the end, and says where it is.
    pub fn keep(&mut self) -> &Path {
        if let Some(temporary) = self.temporary.take() {
            let _ = temporary.keep();
        }
        &self.dir
    }

    /// The way into Jira.
    pub fn access(&self) -> JiraAccess {
        let bot = Account::bot();
        JiraAccess {
            product: self.jira.product(),
            url: self.jira.url(),
            email: bot.email,
            token: bot.token.unwrap_or_default(),
            project: "SUP".to_owned(),
            issue_type: "Task".to_owned(),
        }
    }

    /// For people: where everything is.
    pub fn describe(&self) -> String {
        let (ports, access) = (self.dovecot.ports(), self.access());
        let (id, secret) = (self.provider.client_id(), self.provider.client_secret().unwrap_or_default());
        let lines = [
            format!("Jira      {} (open it in a browser), {} with token {}", access.url, access.email, access.token),
            format!("  Knobs   {}/_control", self.jira.control_url()),
            format!("Mailbox   {}, password {PASSWORD}", self.address),
            format!("  IMAP    localhost:{} (TLS), localhost:{} (STARTTLS)", ports.imaps, ports.imap),
            format!("  POP3    localhost:{} (TLS), localhost:{} (STLS)", ports.pop3s, ports.pop3),
            format!("  CA      {}", self.dovecot.ca_file().display()),
            format!("Sign-in   {}, client {id}, secret {secret}", self.provider.issuer()),
            format!("  Knobs   {}/_control (GET shows, POST turns)", self.provider.issuer()),
            format!("Health    http://{}/readyz, while mail2jira runs", self.admin),
            format!("Config    {}", self.config.display()),
        ];
        lines.join("\n")
    }

    /// For scripts: the same in `sandbox.json`, whose appearance means that all is up.
    pub fn write_facts(&self) -> anyhow::Result<()> {
        let (ports, access) = (self.dovecot.ports(), self.access());
        let facts = json!({
            "address": self.address, "password": PASSWORD, "host": "localhost",
            "imap": ports.imap, "imaps": ports.imaps, "pop3": ports.pop3, "pop3s": ports.pop3s,
            "ca_file": self.dovecot.ca_file(), "issuer": self.provider.issuer(),
            "control": format!("{}/_control", self.provider.issuer()),
            "client_id": self.provider.client_id(), "client_secret": self.provider.client_secret(),
            "jira": access.url, "jira_email": access.email, "jira_token": access.token,
            "jira_control": format!("{}/_control", self.jira.control_url()),
            "admin": format!("http://{}", self.admin), "config": self.config, "drop": crate::post::directory(&self.dir),
        });
        let unfinished = self.dir.join("sandbox.json.new");
        fs::write(&unfinished, serde_json::to_string_pretty(&facts)?)?;
        fs::rename(&unfinished, self.dir.join("sandbox.json"))?;
        Ok(())
    }
}

/// The name that a mailbox has in the configuration.
pub fn mailbox_name(address: &str) -> &str {
    address.split_once('@').map_or(address, |(name, _)| name)
}

/// Not in `$TMPDIR`: its path may be too long for Dovecot's sockets.
fn directory(chosen: Option<&Path>) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(dir) = chosen {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        return Ok((dir.canonicalize()?, None));
    }
    let temporary = tempfile::Builder::new().prefix("m2j-").tempdir_in("/tmp")?;
    fs::set_permissions(temporary.path(), Permissions::from_mode(0o755))?; // Dovecot's own account has to pass
    Ok((temporary.path().to_owned(), Some(temporary)))
}

/// A port that nothing listens on now; mail2jira says so if another takes it first.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
