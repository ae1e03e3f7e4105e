//! A whole run with a broken consent in its middle: what it leaves behind, shows and tells holds no secret that it used.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail2jira::config::{StateSettings, VaultSettings};
use mail2jira::store::{Database, Ledger};
use mail2jira::vault::{Holdings, Vault};
use sandbox::dovecot::Service;
use sandbox::jira::site::Product;
use sandbox::jira::ways;
use sandbox::oauth::Command as ProviderCommand;

use super::pages::{Site, TOKEN};
use super::ways_in::{OAUTH2, enter};
use super::world::{ADDRESS, World, mail};

const PASSWORD: &str = "the-password-of-the-other-mailbox";
const HOOK: &str = "the-secret-path-of-the-webhook";

/// Files that a person puts there to be read as secrets, and the key that the program makes.
const SECRET_FILES: [&str; 4] = ["client-secret", "jira-client-secret", "vault.key", "password"];

/// What was seen of a run, by where.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn note(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    async fn command(&mut self, world: &World, args: &[&str]) {
        let output = world.run(args).await;
        self.note(args.join(" "), [output.stdout, output.stderr].concat());
    }

    /// Where a secret shows, as it is or as the wire carries it.
    fn places_of(&self, secret: &[u8]) -> Vec<&str> {
        let forms = [secret.to_vec(), STANDARD.encode(secret).trim_end_matches('=').into()];
        let shows = |bytes: &[u8]| forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form));
        self.0.iter().filter(|(_, bytes)| shows(bytes)).map(|(place, _)| place.as_str()).collect()
    }
}

/// The tokens that the state holds at the moment, opened as the daemon does it.
async fn tokens(world: &World, subject: &'static str) -> Vec<String> {
    let path = world.dir.path().join("state.db");
    let opened = tokio::task::spawn_blocking(move || {
        let state = StateSettings::Sqlite { path: path.clone() };
        let vault = Vault::open(&VaultSettings { key: None }, &state, Holdings::Sealed).unwrap();
        let database = Database::Sqlite(&path);
        let ledger = Ledger::open(Database::Sqlite(&path), database.connect().unwrap(), Arc::new(vault)).unwrap();
        tokio::runtime::Handle::current().block_on(ledger.grant(subject)).unwrap().unwrap().grant
    });
    let grant = opened.await.unwrap();
    let access = grant.access.map(|access| access.token.expose().to_owned());
    access.into_iter().chain([grant.refresh_token.expose().to_owned()]).collect()
}

/// Everybody who is told: a program that keeps its arguments, its environment and what it hears, and an address where nobody is.
fn notify(dir: &Path) -> String {
    let program = dir.join("page-me");
    let script = format!("#!/bin/sh\n{{ echo \"$@\"; env; cat; }} >> {}/told\n", dir.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("[notify]\ncommand = [\"{}\"]\nwebhook = \"http://127.0.0.1:1/{HOOK}\"", program.display())
}

fn told(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("told")).unwrap_or_default()
}

/// A mailbox that is opened with a password, which the server refuses.
fn add_password_mailbox(world: &World) {
    std::fs::write(world.dir.path().join("password"), PASSWORD).unwrap();
    let text = world.config_text();
    let (_, section) = text.split_once("[mailbox.support]").unwrap();
    let section = section.replace("support@", "other@").replace("provider = \"sandbox\"\n", "");
    let secret = world.dir.path().join("password").display().to_string();
    let password = format!("[mailbox.other.password]\nusername = \"other\"\nsecret = {{ file = \"{secret}\" }}\n");
    world.write_config(&format!("{text}\n[mailbox.other]{section}\n{password}"));
}

fn control(world: &World, command: &str) {
    world.provider.control(serde_json::from_value::<ProviderCommand>(command.into()).unwrap()).unwrap();
    world.dovecot.kill(Service::Imap).unwrap();
}

/// What the system shows of a process, and that it makes no core dump.
fn note_process(seen: &mut Seen, pid: u32) {
    let of = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
    seen.note("arguments", of("cmdline"));
    seen.note("environment", of("environ"));
    let limits = String::from_utf8(of("limits")).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"], "no core dumps");
}

async fn note_pages(seen: &mut Seen, site: &Site) {
    let paths = [
        "/",
        "/messages",
        "/messages/1",
        "/mailboxes/support/authorize",
        "/jira/authorize",
        "/oauth/callback?state=a&code=b",
    ];
    for path in paths {
        seen.note(path, site.get(path).await.1);
    }
    for path in ["/metrics", "/readyz", "/healthz"] {
        seen.note(path, site.open_get(path).await.1);
    }
    for path in ["/api/v1/status", "/api/v1/messages", "/api/v1/messages/1"] {
        seen.note(path, site.api(path).await);
    }
}

/// Every file that the run left. Gives those that are secrets themselves.
fn note_files(seen: &mut Seen, dir: &Path) -> Seen {
    let mut own = Seen::default();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        match SECRET_FILES.contains(&name.as_str()) {
            true => own.note(name, bytes),
            false => seen.note(name, bytes),
        }
    }
    own
}

/// From consent through refreshing, a revoked grant and its alert to a new consent and its end. Gives every token of it.
async fn whole_run(site: &mut Site, told_in: &Path, seen: &mut Seen) -> Vec<String> {
    let log = std::fs::File::create(told_in.join("log")).unwrap();
    let output = site.world.authorize_as("jira").await;
    seen.note("authorize jira", [output.stdout, output.stderr].concat());
    let mut secrets = tokens(&site.world, "support").await;
    secrets.extend(tokens(&site.world, "jira").await);
    let mut daemon = site.world.command(&["run", "--log-level", "trace"]).stderr(log).spawn().unwrap();
    site.answers().await;
    note_process(seen, daemon.id().unwrap());
    site.world.inbox().deliver(&mail("first", "")).unwrap();
    site.world.until("the first mail is written", async || site.world.written("first-body") == 1).await;

    site.world.jira.control_tokens(ways::Command::ExpireAccessTokens);
    control(&site.world, "expire_access_tokens");
    site.world.inbox().deliver(&mail("between", "")).unwrap();
    site.world.until("both are refreshed", async || site.world.written("between-body") == 1).await;
    secrets.extend(tokens(&site.world, "support").await);
    secrets.extend(tokens(&site.world, "jira").await);
    control(&site.world, "revoke_all");
    site.world.until("a person hears of it", async || told(told_in).contains("needs_consent")).await;
    site.sign_in().await;
    note_pages(seen, site).await;
    for command in [
        &["test-connection", "--json"][..],
        &["status", "--json"],
        &["messages", "show", "1"],
        &["messages", "list", "--json"],
        &["check-config", "--json"],
    ] {
        seen.command(&site.world, command).await;
    }
    site.world.inbox().deliver(&mail("second", "")).unwrap();
    let output = site.world.authorize().await;
    seen.note("authorize", [output.stdout, output.stderr].concat());
    site.world.until("it resumes", async || site.world.written("second-body") == 1).await;
    secrets.extend(tokens(&site.world, "support").await);
    daemon.kill().await.unwrap();
    seen.command(&site.world, &["revoke", "support"]).await;
    seen.note("log", std::fs::read(told_in.join("log")).unwrap());
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_whole_run_shows_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let mut site = Site::start_on(Product::Cloud, &notify(dir.path())).await;
    enter(&site.world, Product::Cloud, OAUTH2);
    for unused in ["jira-token", "jira-password", "jira-link-key"] {
        std::fs::remove_file(site.world.dir.path().join(unused)).unwrap();
    }
    add_password_mailbox(&site.world);
    let mut seen = Seen::default();
    let mut secrets = whole_run(&mut site, dir.path(), &mut seen).await;
    seen.note("alerts", told(dir.path()));
    let own = note_files(&mut seen, site.world.dir.path());
    assert!(seen.0.iter().any(|(place, bytes)| place == "state.db" && bytes.len() > 4096));
    assert!(seen.places_of(b"webhook").contains(&"log"), "the log tells that nobody is at that address");

    let kept: Vec<String> =
        own.0.iter().map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap().trim().to_owned()).collect();
    assert_eq!(kept.len(), SECRET_FILES.len());
    assert!(kept.iter().all(|secret| own.places_of(secret.as_bytes()).len() == 1), "the search finds what is there");
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() >= 10 && secrets.iter().all(|token| token.len() >= 16), "every token of the run");
    secrets.extend(kept);
    secrets.extend([TOKEN.to_owned(), HOOK.to_owned()]);
    let on_the_wire = secrets.iter().map(|secret| format!("user={ADDRESS}\x01auth=Bearer {secret}\x01\x01"));
    secrets.extend(on_the_wire.map(|text| STANDARD.encode(text)).collect::<Vec<_>>());
    for (number, secret) in secrets.iter().enumerate() {
        let places: Vec<&str> = seen
            .places_of(secret.as_bytes())
            .into_iter()
            .filter(|place| !(*place == "config.toml" && secret == HOOK))
            .collect();
        assert_eq!(places, Vec::<&str>::new(), "secret {number} shows");
    }
    let key = std::fs::read_to_string(site.world.dir.path().join("vault.key")).unwrap();
    assert!(seen.places_of(&STANDARD.decode(key.trim()).unwrap()).is_empty(), "the vault's key shows");
}
