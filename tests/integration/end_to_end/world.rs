//! The real program against a real Dovecot, an OAuth provider with a consent page, and a stateful Jira.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use sandbox::config_file::{ConfigFile, JiraAccess};
use sandbox::dovecot::{Dovecot, DovecotOptions, Folder, Service};
use sandbox::jira::site::{Product, Project};
use sandbox::jira::{JiraCloud, Options};
use sandbox::oauth::{Command as ProviderCommand, Provider, ProviderOptions, auto_consent};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::store::book::{apart, new_database};

pub const ADDRESS: &str = "support@example.test";

/// How long anything may take that is waited for: generous, since machines are slow and busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub dovecot: Dovecot,
    pub provider: Provider,
    pub jira: JiraCloud,
    pub dir: tempfile::TempDir,
    config: PathBuf,
}

impl World {
    /// Servers, with that Jira, and a config file; `settings` is put in front of the file's tables, `mailbox` at its end.
    pub async fn start_on(product: Product, settings: &str, mailbox: &str) -> Self {
        Self::start_with(ProviderOptions::default(), Options { product, ..Options::default() }, settings, mailbox).await
    }

    /// The same with a provider of one's own.
    pub async fn start_at(provider: ProviderOptions, product: Product, settings: &str, mailbox: &str) -> Self {
        Self::start_with(provider, Options { product, ..Options::default() }, settings, mailbox).await
    }

    async fn start_with(provider: ProviderOptions, options: Options, settings: &str, mailbox: &str) -> Self {
        let product = options.product;
        let provider = Provider::start(provider).await.unwrap();
        let introspection_url = Some(provider.introspection_url());
        let dovecot = Dovecot::start(DovecotOptions { introspection_url, ..DovecotOptions::default() }).await.unwrap();
        let jira = JiraCloud::start(options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let access = JiraAccess {
            product,
            url: jira.url(),
            email: "bot@example.com".to_owned(),
            token: "sandbox-token".to_owned(),
            project: "SUP".to_owned(),
            issue_type: "Task".to_owned(),
        };
        let file = ConfigFile {
            dovecot: &dovecot,
            provider: &provider,
            jira: &access,
            addresses: &[ADDRESS],
            admin: None,
            settle: None,
        };
        let config = file.write(dir.path()).unwrap();
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace("start = \"all\"\n", ""); // each test says itself what is new
        let (state, tables) = text.split_once('\n').unwrap();
        std::fs::write(&config, format!("{state}\n{settings}\n{tables}\n{mailbox}\n")).unwrap();
        Self { dovecot, provider, jira, dir, config }
    }

    /// The same over POP3.
    pub async fn over_pop3(settings: &str, mailbox: &str) -> Self {
        let world = Self::start_on(Product::Cloud, settings, mailbox).await;
        let ports = world.dovecot.ports();
        let text = std::fs::read_to_string(&world.config).unwrap();
        let imap = format!("port = {}\n", ports.imaps);
        assert!(text.contains(&imap), "{text}");
        let pop3 = format!("port = {}\nprotocol = \"pop3\"\n", ports.pop3s);
        std::fs::write(&world.config, text.replace(&imap, &pop3)).unwrap();
        world
    }

    /// The first, with consent given.
    pub async fn authorized(settings: &str, mailbox: &str) -> Self {
        Self::authorized_on(Product::Cloud, settings, mailbox).await
    }

    /// The same with that Jira.
    pub async fn authorized_on(product: Product, settings: &str, mailbox: &str) -> Self {
        let world = Self::start_on(product, settings, mailbox).await;
        world.authorize().await;
        world
    }

    /// The same with these projects in Jira.
    pub async fn authorized_with(product: Product, projects: Vec<Project>, mailbox: &str) -> Self {
        let world = Self::start_with(
            ProviderOptions::default(),
            Options { product, projects, ..Options::default() },
            "",
            mailbox,
        )
        .await;
        world.authorize().await;
        world
    }

    /// Puts another way into Jira in place of the configured one.
    pub fn enter_jira_by(&self, way: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        let (before, rest) = text.split_once("[jira.auth.").unwrap();
        let (_, after) = rest.split_once("\n[").unwrap();
        std::fs::write(&self.config, format!("{before}{way}\n[{after}")).unwrap();
    }

    /// Puts another table in place of the provider's.
    pub fn enter_mailbox_by(&self, provider: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        let (before, rest) = text.split_once("[provider.sandbox]").unwrap();
        let (_, after) = rest.split_once("\n[").unwrap();
        std::fs::write(&self.config, format!("{before}[provider.sandbox]\n{provider}\n\n[{after}")).unwrap();
    }

    pub fn config_text(&self) -> String {
        std::fs::read_to_string(&self.config).unwrap()
    }

    pub fn write_config(&self, text: &str) {
        std::fs::write(&self.config, text).unwrap();
    }

    pub fn inbox(&self) -> Folder {
        self.dovecot.inbox(ADDRESS)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
        command.arg("--config").arg(&self.config).args(args).env_remove("RUST_BACKTRACE").kill_on_drop(true);
        command
    }

    pub async fn run(&self, args: &[&str]) -> Output {
        let child =
            self.command(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = child.id().unwrap();
        let ending = child.wait_with_output();
        tokio::pin!(ending);
        if let Ok(output) = tokio::time::timeout(PATIENCE, &mut ending).await {
            return output.unwrap();
        }
        std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
        panic!("mail2jira {args:?} takes for ever: {:?}", ending.await);
    }

    pub async fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
    }

    /// The state of the mailbox, as `status` tells it.
    pub async fn state(&self) -> String {
        self.json(&["status", "--json"]).await["mailboxes"][0]["state"].as_str().unwrap().to_owned()
    }

    /// What `status` tells of that mailbox.
    pub async fn status_of(&self, name: &str) -> Value {
        let status = self.json(&["status", "--json"]).await;
        let mailboxes = status["mailboxes"].as_array().unwrap();
        mailboxes.iter().find(|mailbox| mailbox["name"] == name).cloned().unwrap_or_default()
    }

    /// How many of a mailbox's messages are in the ledger and not settled yet.
    pub async fn left_in(&self, name: &str) -> u64 {
        self.status_of(name).await["backlog"].as_u64().unwrap()
    }

    /// Plays the person at the browser; says what the command said.
    pub async fn authorize(&self) -> Output {
        self.authorize_as("support").await
    }

    /// The same for that name.
    pub async fn authorize_as(&self, name: &str) -> Output {
        let output = self.try_to_authorize(name).await;
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// The same, whatever comes of it.
    pub async fn try_to_authorize(&self, name: &str) -> Output {
        let mut command = self.command(&["authorize", name, "--no-browser"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let Some(url) = url else { panic!("no address: {:?}", child.wait_with_output().await) };
        auto_consent(&url).await.unwrap();
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap()
    }

    /// The provider takes the consent back, and the mail server hangs up.
    pub fn lose_consent(&self) {
        self.provider.control(ProviderCommand::RevokeAll).unwrap();
        self.dovecot.kill(Service::Imap).unwrap();
    }

    /// Puts the state into PostgreSQL.
    pub fn use_postgres(&self) {
        let key = self.dir.path().join("vault-key");
        std::fs::write(&key, "cDBzdGdyZXMtdmF1bHQta2V5LW9mLTMyLWJ5dGVzISE=").unwrap();
        let (text, url) = (self.config_text(), apart(new_database));
        let (_, rest) = text.split_once('\n').unwrap();
        let vault = format!("[vault]\nkey = {{ file = \"{}\" }}\n", key.display());
        self.write_config(&format!("state = \"{url}\"\n{rest}\n{vault}"));
    }

    /// One pass; says what the program logged.
    pub async fn pass(&self) -> Output {
        self.run(&["run", "--once"]).await
    }

    /// One pass that leaves nothing to do.
    pub async fn clean_pass(&self) {
        let output = self.pass().await;
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.jira.state());
    }

    /// The daemon, logging to a file of the world's.
    pub fn daemon(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        self.command(&["run"]).stderr(log).spawn().unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(came.is_ok(), "in vain for: {what}\n{}\n{}", self.log(), self.jira.state());
    }

    /// How often a text stands in issues' summaries and descriptions, and in comments.
    pub fn written(&self, token: &str) -> usize {
        let issues = self.jira.issues();
        let texts = issues.iter().flat_map(|issue| {
            let own = format!("{} {}", issue.summary, serde_json::to_string(&issue.fields).unwrap());
            let comments = issue.comments.iter().map(|comment| comment.body.to_string());
            std::iter::once(own).chain(comments)
        });
        texts.filter(|text| text.contains(token)).count()
    }
}

/// A plain mail; `headers` are further lines, each with its line end.
pub fn mail(token: &str, headers: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.com>\r\nTo: {ADDRESS}\r\nSubject: about {token}\r\nMessage-ID: <{token}@example.com>\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n{headers}\r\nPlease look at {token}-body.\r\n"
    )
    .into_bytes()
}
