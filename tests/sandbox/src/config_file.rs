//! A configuration file for mail2jira that fits the sandbox, and the secrets that it refers to, as files beside it.
//! Knows the program's keys by its documented interface alone.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::dovecot::Dovecot;
use crate::jira::site::Product;
use crate::oauth::Provider;

/// What the configuration is to lead to.
#[derive(Debug)]
pub struct ConfigFile<'a> {
    /// The mail server.
    pub dovecot: &'a Dovecot,
    /// Who gives consent to read it.
    pub provider: &'a Provider,
    /// Where issues go.
    pub jira: &'a JiraAccess,
    /// One `[mailbox.NAME]` each, named after what stands before the `@`.
    pub addresses: &'a [&'a str],
    /// Where the program listens; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// `[limits].settle`, such as `"4s"`; `None`: the program's own.
    pub settle: Option<&'a str>,
}

/// A Jira and the way in: an API token for Cloud, the same as a personal access token for Data Center.
#[derive(Debug, Clone)]
pub struct JiraAccess {
    /// Which Jira it is.
    pub product: Product,
    /// Its address.
    pub url: String,
    /// Whose token it is.
    pub email: String,
    /// The API token.
    pub token: String,
    /// The project that issues go to.
    pub project: String,
    /// Their type.
    pub issue_type: String,
}

impl ConfigFile<'_> {
    /// Writes `config.toml` and its secrets into `dir`, readable by their owner alone; returns the file's path.
    /// The ledger will be there too.
    pub fn write(&self, dir: &Path) -> io::Result<PathBuf> {
        write_private(&dir.join("client-secret"), self.provider.client_secret().unwrap_or_default())?;
        write_private(&dir.join("jira-token"), &self.jira.token)?;
        let path = dir.join("config.toml");
        write_private(&path, &self.text(dir))?;
        Ok(path)
    }

    /// What [`write`](Self::write) writes, without writing it.
    pub fn text(&self, dir: &Path) -> String {
        let mut text = format!("state = {}\n", quoted(format!("sqlite://{}", dir.join("state.db").display())));
        if let Some(address) = self.admin {
            text += &format!("\n[admin]\nlisten = {}\n", quoted(address));
        }
        if let Some(settle) = self.settle {
            text += &format!("\n[limits]\nsettle = {}\n", quoted(settle));
        }
        text += &self.jira_section(dir);
        text += &self.provider_section(dir);
        for address in self.addresses {
            text += &self.mailbox_section(address);
        }
        text
    }

    fn jira_section(&self, dir: &Path) -> String {
        let JiraAccess { url, email, .. } = self.jira;
        let (url, email, token) = (quoted(url), quoted(email), quoted(dir.join("jira-token").display()));
        let way = match self.jira.product {
            Product::Cloud => format!("[jira.auth.api_token]\nemail = {email}"),
            Product::DataCenter => "[jira.auth.pat]".to_owned(),
        };
        format!("\n[jira]\nurl = {url}\n\n{way}\ntoken = {{ file = {token} }}\n")
    }

    fn provider_section(&self, dir: &Path) -> String {
        let (issuer, client_id) = (quoted(self.provider.issuer()), quoted(self.provider.client_id()));
        let mut text = format!(
            "\n[provider.sandbox]\nkind = \"custom\"\nissuer = {issuer}\nclient_id = {client_id}\n\
             scopes = [\"openid\", \"email\", \"mail\", \"offline_access\"]\n"
        );
        if self.provider.client_secret().is_some() {
            let file = quoted(dir.join("client-secret").display());
            let _ = writeln!(text, "client_secret = {{ file = {file} }}"); // writing to a String cannot fail
        }
        text
    }

    fn mailbox_section(&self, address: &str) -> String {
        let name = address.split_once('@').map_or(address, |(name, _)| name);
        let port = self.dovecot.ports().imaps;
        let ca_file = quoted(self.dovecot.ca_file().display());
        let JiraAccess { project, issue_type, .. } = self.jira;
        let (address, project, issue_type) = (quoted(address), quoted(project), quoted(issue_type));
        format!(
            "\n[mailbox.{name}]\naddress = {address}\nprovider = \"sandbox\"\nhost = \"localhost\"\nport = {port}\n\
             ca_file = {ca_file}\nstart = \"all\"\nproject = {project}\nissue_type = {issue_type}\n"
        )
    }
}

/// A basic string of TOML.
fn quoted(value: impl ToString) -> String {
    format!("\"{}\"", value.to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
