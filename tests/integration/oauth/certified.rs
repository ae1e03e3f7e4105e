//! The whole way against a server that others have written and certified: npm's `oidc-provider`, with rotation and revocation on,
//! and a real Dovecot that asks it about every token. `scripts/setup.sh test` installs it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail2jira::clock::SystemClock;
use mail2jira::config::{Config, MustExist, ProviderName};
use mail2jira::http;
use mail2jira::oauth::provider::{Provider, ProviderError};
use regex::Regex;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sandbox::browser::Browser as Chromium;
use sandbox::dovecot::{Dovecot, DovecotOptions};
use sandbox::oauth::ClientCertificate;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

const ALICE: &str = "alice@example.test";

/// Access tokens live so short that every use of one is a refresh.
const SECONDS: &str = "5";

const PATIENCE: Duration = Duration::from_secs(120);

/// The certified server; it ends with its stdin, even if this process is killed.
struct Certified {
    issuer: Url,
    _server: Child,
}

impl Certified {
    async fn start(environment: &BTreeMap<&str, String>) -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_mail2jira")).ancestors().nth(2).unwrap();
        let directory = target.join("oidc");
        assert!(directory.join("node_modules").is_dir(), "run `scripts/setup.sh test`, which installs oidc-provider");
        let newer = directory.join("node"); // where the system's own is too old
        let mut server = Command::new(if newer.exists() { newer.as_path() } else { Path::new("node") })
            .args(["--input-type=module", "--eval", include_str!("../../oidc/server.mjs")])
            .envs(environment)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        Self { issuer: Url::parse(ready.strip_prefix("ready ").unwrap()).unwrap(), _server: server }
    }
}

/// The server, a mailbox that believes it, and the program's files.
struct World {
    certified: Certified,
    dovecot: Dovecot,
    directory: TempDir,
}

impl World {
    async fn new(environment: BTreeMap<&str, String>) -> Self {
        let certified = Certified::start(&environment).await;
        let mut introspection = certified.issuer.join("/token/introspection").unwrap();
        introspection.set_username("dovecot").unwrap();
        introspection.set_password(Some("dovecot")).unwrap();
        let dovecot = Dovecot::start(DovecotOptions {
            introspection_url: Some(introspection.to_string()),
            username_attribute: "sub".to_owned(),
            ..DovecotOptions::default()
        });
        Self { certified, dovecot: dovecot.await.unwrap(), directory: TempDir::new().unwrap() }
    }

    fn config(&self, client: &str) -> PathBuf {
        let (directory, port, issuer) = (self.directory.path(), self.dovecot.ports().imaps, &self.certified.issuer);
        let issuer = issuer.as_str().trim_end_matches('/');
        let text = format!(
            "state = \"sqlite://{}\"\n[jira]\nurl = \"http://127.0.0.1:1\"\n[jira.auth.api_token]\nemail = \"b@example.test\"\n\
             token = {{ env = \"X\" }}\n[provider.certified]\nkind = \"custom\"\nissuer = \"{issuer}\"\n{client}\n\
             scopes = [\"openid\", \"email\", \"mail\", \"offline_access\"]\n[mailbox.support]\naddress = \"{ALICE}\"\n\
             provider = \"certified\"\nhost = \"localhost\"\nport = {port}\nca_file = \"{}\"\nproject = \"P\"\nissue_type = \"Task\"\n",
            directory.join("state.db").display(),
            self.dovecot.ca_file().display(),
        );
        let path = directory.join("config.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A client that shows a secret in this way.
    fn with_secret(&self, way: &str) -> PathBuf {
        let secret = self.directory.path().join("secret");
        std::fs::write(&secret, "s3cret: 100%+").unwrap();
        let secret = secret.display();
        self.config(&format!(
            "client_id = \"by-{way}\"\nclient_auth = \"{way}\"\nclient_secret = {{ file = \"{secret}\" }}"
        ))
    }
}

fn program(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    command.args(arguments).arg("--config").arg(config).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end: whether it succeeded, and all that it said.
async fn outcome(config: &Path, arguments: &[&str]) -> (bool, String) {
    let output = timeout(PATIENCE, program(config, arguments).output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

async fn succeeds(config: &Path, arguments: &[&str]) {
    let (success, said) = outcome(config, arguments).await;
    assert!(success, "{arguments:?}: {said}");
}

/// Runs `authorize`, with a person who goes where it says.
async fn authorize(config: &Path) {
    let mut command = program(config, &["authorize", "support", "--no-browser"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let mut browser = Browser::default();
    let back = browser.visit(Url::parse(&address).unwrap()).await;
    let page = http::client(None, PATIENCE).unwrap().get(back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("that worked"), "{page}");
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(status.success(), "authorize: {said}");
}

/// A person at a browser, as far as the server's own pages ask for one.
#[derive(Default)]
struct Browser {
    cookies: HashMap<String, String>,
}

impl Browser {
    /// Fills in every form until another server is next: that one's address.
    async fn visit(&mut self, start: Url) -> Url {
        let client = http::client(None, PATIENCE).unwrap();
        let mut request = client.get(start.clone()).build().unwrap();
        for _ in 0..20 {
            let here = request.url().clone();
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
            let answer = client.execute(request).await.unwrap();
            self.keep_cookies(&answer);
            if let Some(location) = answer.headers().get("location") {
                let next = here.join(location.to_str().unwrap()).unwrap();
                if next.origin() != start.origin() {
                    return next;
                }
                request = client.get(next).build().unwrap();
                continue;
            }
            let page = answer.text().await.unwrap();
            let (action, fields) = fill_in(&page);
            request = client.post(here.join(&action).unwrap()).form(&fields).build().unwrap();
        }
        panic!("the server's pages have no end")
    }

    fn keep_cookies(&mut self, answer: &reqwest::Response) {
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = cookie.split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

/// Where the page's form goes, and with what.
fn fill_in(page: &str) -> (String, Vec<(String, String)>) {
    let attribute = |tag: &str, name: &str| {
        let found = Regex::new(&format!("{name}=\"([^\"]*)\"")).unwrap().captures(tag)?;
        Some(found[1].replace("&amp;", "&"))
    };
    let form = Regex::new("<form[^>]*>").unwrap().find(page).unwrap().as_str().to_owned();
    let inputs = Regex::new("<input[^>]*>").unwrap();
    let mut fields = Vec::new();
    for input in inputs.find_iter(page) {
        let name = attribute(input.as_str(), "name").unwrap();
        let value = match name.as_str() {
            "login" => ALICE.to_owned(),
            "password" => "any".to_owned(),
            _ => attribute(input.as_str(), "value").unwrap_or_default(),
        };
        fields.push((name, value));
    }
    (attribute(&form, "action").unwrap(), fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_rotation_and_revocation_work_at_a_certified_server_and_dovecot_believes_it() {
    let world = World::new(BTreeMap::from([("ACCESS_TOKEN_SECONDS", SECONDS.to_owned())])).await;
    let config = world.with_secret("basic");
    authorize(&config).await;
    for _ in 0..3 {
        // The server ends the whole grant when a refresh token is used twice.
        succeeds(&config, &["test-connection", "support"]).await;
    }
    succeeds(&config, &["revoke", "support"]).await;
    let (success, said) = outcome(&config, &["test-connection", "support"]).await;
    assert!(!success && said.contains("authorize support"), "{said}");
    authorize(&config).await;
    succeeds(&config, &["test-connection", "support"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_for_a_client_to_prove_itself_is_taken_by_a_certified_server() {
    let (_, pem) = ClientCertificate::generate("mail2jira").unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (modulus, exponent) = (key.public_key().modulus(), key.public_key().exponent());
    let (modulus, exponent) = (modulus.big_endian_without_leading_zero(), exponent.big_endian_without_leading_zero());
    let jwks = json!({ "keys": [{ "kty": "RSA", "use": "sig", "n": part(modulus), "e": part(exponent) }] });
    let environment = [("ACCESS_TOKEN_SECONDS", SECONDS.to_owned()), ("CLIENT_JWKS", jwks.to_string())];
    let world = World::new(BTreeMap::from(environment)).await;

    for config in [world.with_secret("post"), world.config("client_id = \"public\"")] {
        authorize(&config).await;
        succeeds(&config, &["test-connection", "support"]).await;
        succeeds(&config, &["revoke", "support"]).await;
    }

    let file = world.directory.path().join("client.pem");
    std::fs::write(&file, &pem).unwrap();
    let client = format!(
        "client_id = \"by-certificate\"\ngrant = \"client-credentials\"\nclient_certificate = {{ file = \"{}\" }}",
        file.display()
    );
    let path = world.config(&client);
    let text = std::fs::read_to_string(&path).unwrap();
    let (config, _) = Config::parse(&path, &text, MustExist::Yes).unwrap();
    let mut settings = config.providers[&ProviderName::parse("certified").unwrap()].clone();
    settings.scopes = vec!["mail".to_owned()];
    let provider = Provider::new(settings, Arc::new(SystemClock)).unwrap();
    provider.client_credentials().await.unwrap();
    let (_, other) = ClientCertificate::generate("mail2jira").unwrap();
    std::fs::write(&file, other).unwrap();
    let refused = provider.client_credentials().await.unwrap_err();
    assert!(matches!(refused, ProviderError::ClientRefused(_)), "{refused}");
}

/// Answers the certified server's questions in a browser that nobody has signed in with yet.
async fn sign_in(browser: &Chromium) {
    browser.fill("login", ALICE).await.unwrap();
    browser.fill("password", "any").await.unwrap();
    browser.press("Sign-in").await.unwrap();
    browser.press("Continue").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_a_browser_consents_at_a_certified_server_there_and_from_another_device() {
    let world = World::new(BTreeMap::from([("ACCESS_TOKEN_SECONDS", SECONDS.to_owned())])).await;
    let config = world.with_secret("basic");
    for (form, device) in [("--no-browser", false), ("--device", true)] {
        let mut command = program(&config, &["authorize", "support", form]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = async || timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let browser = Chromium::start().await.unwrap();
        browser.visit(&line().await).await.unwrap();
        if device {
            browser.fill("user_code", &line().await).await.unwrap();
            browser.press("Continue").await.unwrap();
            browser.sees("Confirm Device").await.unwrap();
            browser.press("Continue").await.unwrap();
        }
        sign_in(&browser).await;
        browser.sees(if device { "Sign-in Success" } else { "Thank you, that worked" }).await.unwrap();
        let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{form}: {}", String::from_utf8_lossy(&output.stderr));
        succeeds(&config, &["test-connection", "support"]).await;
    }
}
