//! Access in every form but the browser's: pasted addresses, devices, certificates, service accounts, and taking it all back.

use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mail2jira::cli::authorize::{Authorize, AuthorizeError, Opening, Terminal, Way};
use mail2jira::cli::revoke::{self, Outcome};
use mail2jira::clock::{Clock as _, SystemClock};
use mail2jira::config::{
    ClientAuth, Cloud, Config, Endpoints, GrantType, MailboxName, MustExist, ProviderKind, ProviderSettings, Secret,
    SecretRef, StateSettings, Tenancy, VaultSettings,
};
use mail2jira::oauth::provider::{Provider, ProviderError};
use mail2jira::oauth::tokens::{AccessTokens, GrantState, Holder, LedgerGrants, TokensError};
use mail2jira::oauth::{Grant, RefreshEnd};
use mail2jira::store::{Database, Ledger};
use mail2jira::vault::Vault;
use sandbox::oauth::{
    self, ClientCertificate, Command, Decision, Dialect, Endpoint, Fault, Person, ProviderOptions, ServiceAccount,
    Settings,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use url::Url;

use super::store::{Disk, Store, TestClock};

const ALICE: &str = "alice@example.test";

fn options() -> ProviderOptions {
    let settings = Settings { device_interval_seconds: 1, ..Settings::default() };
    ProviderOptions { accounts: vec![ALICE.to_owned()], settings, ..ProviderOptions::default() }
}

/// The sandbox's provider, and a directory for secrets and the ledger.
struct World {
    server: oauth::Provider,
    directory: TempDir,
}

impl World {
    async fn new(options: ProviderOptions) -> Self {
        Self { server: oauth::Provider::start(options).await.unwrap(), directory: TempDir::new().unwrap() }
    }

    fn secret(&self, name: &str, text: &str) -> Option<SecretRef> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(SecretRef::File(path))
    }

    fn settings(&self) -> ProviderSettings {
        ProviderSettings {
            kind: ProviderKind::Custom,
            grant: GrantType::AuthorizationCode,
            endpoints: Endpoints::Discovery { issuer: Url::parse(self.server.issuer()).unwrap() },
            device_url: None,
            revocation_url: None,
            client_id: self.server.client_id().to_owned(),
            client_secret: self.secret("client-secret", self.server.client_secret().unwrap()),
            client_certificate: None,
            secret_expires: None,
            client_auth: ClientAuth::Auto,
            userinfo_url: None,
            scopes: ["openid", "mail", "offline_access"].map(str::to_owned).to_vec(),
            authorization_extras: Vec::new(),
            redirect_uri: Url::parse("http://127.0.0.1/oauth/callback").unwrap(),
            ca_file: None,
        }
    }

    fn provider(&self, settings: ProviderSettings) -> Provider {
        Provider::new(settings, Arc::new(SystemClock)).unwrap()
    }

    /// Tokens for Alice's mailbox, where nobody consents.
    fn tokens(&self, settings: ProviderSettings) -> AccessTokens {
        let (disk, clock) = (Arc::<Mutex<Disk>>::default(), TestClock::new());
        let grants = Store::new(&disk, &clock);
        AccessTokens::new("support", ALICE, Arc::new(self.provider(settings)), grants, Arc::new(SystemClock))
    }

    fn ledger(&self) -> Ledger {
        let path = self.directory.path().join("state.db");
        let state = StateSettings::Sqlite { path: path.clone() };
        let mut connection = Database::Sqlite(&path).connect().unwrap();
        let holdings = mail2jira::store::key::holdings(&mut connection).unwrap();
        let vault = Vault::open(&VaultSettings { key: None }, &state, holdings).unwrap();
        Ledger::open(Database::Sqlite(&path), connection, Arc::new(vault)).unwrap()
    }
}

/// Runs the command with a person who acts on what it prints.
async fn authorize(
    provider: &Provider,
    ledger: &Ledger,
    opening: Opening,
    person: impl AsyncFnOnce(Vec<String>),
) -> Result<(), AuthorizeError> {
    let mailbox = MailboxName::parse("support").unwrap();
    let (clock, grants) = (SystemClock, LedgerGrants::new(ledger.clone(), Arc::new(SystemClock), Holder::Command));
    let command = Authorize { mailbox: &mailbox, login: ALICE, provider, grants: &grants, clock: &clock };
    let (printed, mut lines) = mpsc::unbounded_channel();
    let (mut out, mut err) = (Pipe(printed, Vec::new()), Vec::new());
    let wanted = if matches!(opening, Opening::Device) { 2 } else { 1 };
    let terminal = Terminal { out: &mut out, err: &mut err };
    let run = command.run(opening, terminal, async |_| Ok::<(), std::io::Error>(()));
    let act = async {
        let mut printed = Vec::new();
        while printed.len() < wanted {
            printed.push(lines.recv().await.unwrap());
        }
        person(printed).await;
    };
    tokio::join!(run, act).0
}

/// Passes whole lines on.
struct Pipe(mpsc::UnboundedSender<String>, Vec<u8>);

impl std::io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            match byte {
                b'\n' => self.0.send(String::from_utf8(std::mem::take(&mut self.1)).unwrap()).unwrap(),
                byte => self.1.push(*byte),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn an_address_that_is_pasted_is_as_good_as_a_browser_that_comes_back() {
    let world = World::new(options()).await;
    let (provider, ledger) = (world.provider(world.settings()), world.ledger());
    let (paste, pasted) = mpsc::channel(8);
    authorize(&provider, &ledger, Opening::Page(Way::Pasted(pasted)), async |printed| {
        paste.send("http://127.0.0.1/oauth/callback?code=x&state=somebody-elses".to_owned()).await.unwrap();
        let person = Person { account: Some(ALICE.to_owned()), decision: Decision::Allow };
        let end = oauth::answer_consent(&printed[0], &person).await.unwrap();
        paste.send(format!("  {end}  ")).await.unwrap();
    })
    .await
    .unwrap();
    let stored = ledger.grant("support").await.unwrap().unwrap();
    assert_eq!(stored.grant.identity.as_deref(), Some(ALICE));
    drop(paste);
    let (_, nothing) = mpsc::channel(1);
    let refused = authorize(&provider, &ledger, Opening::Page(Way::Pasted(nothing)), async |_| {}).await.unwrap_err();
    assert!(causes(&refused).contains("nothing was pasted"), "{}", causes(&refused));
}

#[tokio::test]
async fn a_code_typed_in_on_another_device_is_a_consent_like_any_other() {
    let world = World::new(options()).await;
    let (provider, ledger) = (world.provider(world.settings()), world.ledger());
    world.server.fail(Endpoint::Token, 1, Fault::status(503));
    let decide = |account: &'static str, decision| {
        let server = &world.server;
        async move |printed: Vec<String>| {
            assert!(printed[0].ends_with("/device"), "{printed:?}");
            let (user_code, account) = (printed[1].clone(), account.to_owned());
            server.control(Command::Device { user_code, account, decision }).unwrap();
        }
    };
    authorize(&provider, &ledger, Opening::Device, decide(ALICE, Decision::Allow)).await.unwrap();
    let stored = ledger.grant("support").await.unwrap().unwrap();
    assert_eq!((stored.state, stored.grant.identity.as_deref()), (GrantState::Granted, Some(ALICE)));
    let other = authorize(&provider, &ledger, Opening::Device, decide("bob@example.test", Decision::Allow)).await;
    assert!(causes(&other.unwrap_err()).contains("bob@example.test signed in"));
    let denied = authorize(&provider, &ledger, Opening::Device, decide(ALICE, Decision::Deny)).await;
    assert!(causes(&denied.unwrap_err()).contains("did not give consent"));
}

#[tokio::test]
async fn a_device_flow_waits_in_whatever_words_it_is_told_to_and_ends_when_its_code_does() {
    let world = World::new(options()).await;
    let (provider, ledger) = (world.provider(world.settings()), world.ledger());
    let under_200 = |error: &str| Fault::Error { code: 200, error: error.to_owned(), description: None, subtype: None };
    world.server.fail(Endpoint::Token, 2, under_200("authorization_pending")); // as GitHub does
    let agree = async |printed: Vec<String>| {
        let (user_code, account) = (printed[1].clone(), ALICE.to_owned());
        world.server.control(Command::Device { user_code, account, decision: Decision::Allow }).unwrap();
    };
    authorize(&provider, &ledger, Opening::Device, agree).await.unwrap();
    for over in [Fault::error("expired_token", None), Fault::microsoft("bad_verification_code", 70_018)] {
        world.server.fail(Endpoint::Token, 1, over);
        let ended = authorize(&provider, &ledger, Opening::Device, async |_| {}).await.unwrap_err();
        assert!(causes(&ended).contains("not typed in while the provider knew it"), "{}", causes(&ended));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_sign_in_while_the_clients_own_secret_cannot_be_read() {
    let world = World::new(options()).await;
    let issuer = world.server.issuer();
    let provider = format!(
        "kind = \"custom\"\nissuer = \"{issuer}\"\nclient_id = \"mail2jira\"\nscopes = [\"mail\"]\n\
         client_secret = {{ file = \"{}\" }}",
        world.directory.path().join("nowhere").display()
    );
    for form in ["--no-browser", "--device", "--paste"] {
        let output = program_without_secret(world.directory.path(), &provider, &["authorize", "support", form]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty() && said.contains("cannot read the secret in "), "{form}: {output:?}");
    }
}

#[tokio::test]
async fn a_provider_without_a_device_flow_says_so() {
    let world = World::new(options()).await;
    let endpoint = |path: &str| Url::parse(world.server.issuer()).unwrap().join(path).unwrap();
    let endpoints =
        Endpoints::Explicit { authorization_url: Some(endpoint("/authorize")), token_url: endpoint("/token") };
    let provider = world.provider(ProviderSettings { endpoints, ..world.settings() });
    let error = provider.device_codes().await.unwrap_err();
    assert!(matches!(&error, ProviderError::Misconfigured(words) if words.contains("device_url")), "{error}");
}

#[tokio::test]
async fn a_service_account_acts_for_the_mailbox_that_it_names() {
    let (account, key) = ServiceAccount::generate("robot@project.iam.example.test").unwrap();
    let world = World::new(ProviderOptions { service_account: Some(account), ..options() }).await;
    let settings = ProviderSettings {
        grant: GrantType::ServiceAccount,
        client_id: String::new(),
        client_secret: world.secret("key.json", &key),
        scopes: vec!["https://mail.google.com/".to_owned()],
        ..world.settings()
    };
    let tokens = world.tokens(settings.clone());
    let first = tokens.get().await.unwrap();
    assert_eq!(tokens.get().await.unwrap(), first, "it is kept while it is good");
    assert_eq!(world.server.snapshot().grants[0].account, ALICE);

    world.server.set(|settings| settings.delegated_scopes.clear());
    let error = world.tokens(settings.clone()).get().await.unwrap_err();
    assert!(
        matches!(&error, TokensError::NeedsAdmin { reason } if reason.contains("Domain-wide delegation")),
        "{error}"
    );

    let (_, stolen) = ServiceAccount::generate("robot@project.iam.example.test").unwrap();
    let forged = ProviderSettings { client_secret: world.secret("other.json", &stolen), ..settings.clone() };
    let error = world.tokens(forged).get().await.unwrap_err();
    assert!(
        matches!(&error, TokensError::Misconfigured { reason } if reason.contains("Invalid JWT Signature")),
        "{error}"
    );
    let broken =
        ProviderSettings { client_secret: world.secret("broken", "no key"), client_id: "x".to_owned(), ..settings };
    assert!(matches!(world.tokens(broken).get().await, Err(TokensError::Misconfigured { .. })));
}

#[tokio::test]
async fn an_app_opens_its_mailbox_by_a_secret_or_a_certificate() {
    let (certificate, pem) = ClientCertificate::generate("mail2jira").unwrap();
    let world = World::new(ProviderOptions { client_certificate: Some(certificate), ..options() }).await;
    let by_secret = ProviderSettings { grant: GrantType::ClientCredentials, ..world.settings() };
    world.tokens(by_secret.clone()).get().await.unwrap();

    world.server.set(|settings| settings.client_auth = oauth::ClientAuth::Assertion);
    let by_certificate = ProviderSettings {
        client_secret: None,
        client_certificate: world.secret("client.pem", &pem),
        ..by_secret.clone()
    };
    let tokens = world.tokens(by_certificate.clone());
    let first = tokens.get().await.unwrap();
    tokens.rejected(&first).await;
    assert_ne!(tokens.get().await.unwrap(), first, "a token that the mail server refused is replaced");

    world.server.set(|settings| settings.dialect = Dialect::Microsoft);
    let (_, other) = ClientCertificate::generate("mail2jira").unwrap();
    let wrong = ProviderSettings { client_certificate: world.secret("other.pem", &other), ..by_certificate };
    let error = world.tokens(wrong).get().await.unwrap_err();
    assert!(matches!(&error, TokensError::Misconfigured { reason } if reason.contains("AADSTS700027")), "{error}");
    let error = world.tokens(by_secret).get().await.unwrap_err();
    assert!(matches!(&error, TokensError::Misconfigured { reason } if reason.contains("AADSTS7000215")), "{error}");
}

#[tokio::test]
async fn a_public_app_of_microsofts_shows_no_secret() {
    let world = World::new(options()).await;
    world.server.set(|settings| {
        settings.client_auth = oauth::ClientAuth::None;
        settings.dialect = Dialect::Microsoft;
    });
    let kind = ProviderKind::Microsoft(Tenancy { tenant: "common".to_owned(), cloud: Cloud::Global });
    let provider = world.provider(ProviderSettings { kind, ..world.settings() });
    let refresh_token = world.server.grant(ALICE, &["mail"]).refresh_token.unwrap();
    provider.refresh(&Secret::new(refresh_token)).await.unwrap();
}

#[tokio::test]
async fn a_consent_that_is_revoked_is_worth_nothing_there_and_forgotten_here() {
    let world = World::new(options()).await;
    let (provider, ledger) = (world.provider(world.settings()), world.ledger());
    let revoke = async |provider: &Provider| revoke::revoke("support", provider, &ledger, &SystemClock).await;
    assert_eq!(revoke(&provider).await.unwrap(), Outcome::NoConsent);
    let consent = async || {
        let tokens = world.server.grant(ALICE, &["mail"]);
        let grant = Grant {
            refresh_token: Secret::new(tokens.refresh_token.unwrap()),
            access: None,
            granted_at: Timestamp::UNIX_EPOCH,
            identity: Some(ALICE.to_owned()),
            scopes: Vec::new(),
            refresh_end: RefreshEnd::Fixed(SystemClock.now()),
        };
        ledger.save_consent("support", &grant).await.unwrap();
    };
    consent().await;
    world.server.fail(Endpoint::Revoke, 1, Fault::status(503));
    revoke(&provider).await.unwrap_err();
    assert!(!ledger.grant("support").await.unwrap().unwrap().grant.is_forgotten(), "what lives on is not forgotten");

    assert_eq!(revoke(&provider).await.unwrap(), Outcome::Revoked);
    let standing = world.server.snapshot().grants.last().unwrap().standing;
    assert_eq!(standing, sandbox::oauth::Standing::Revoked);
    let stored = ledger.grant("support").await.unwrap().unwrap();
    assert!(stored.grant.is_forgotten() && matches!(stored.state, GrantState::Needed { .. }), "{:?}", stored.state);
    assert_eq!(revoke(&provider).await.unwrap(), Outcome::NoConsent);

    consent().await;
    let issuer = Url::parse(world.server.issuer()).unwrap();
    let endpoints = Endpoints::Explicit { authorization_url: None, token_url: issuer.join("/token").unwrap() };
    let silent = world.provider(ProviderSettings { endpoints, ..world.settings() });
    assert_eq!(revoke(&silent).await.unwrap(), Outcome::ForgottenOnly);
}

/// The same, once the file of the secret has gone.
fn program_without_secret(directory: &Path, provider: &str, arguments: &[&str]) -> std::process::Output {
    let secret = directory.join("nowhere");
    std::fs::write(&secret, "there for the check of the config alone").unwrap();
    program_where(directory, provider, arguments, || std::fs::remove_file(&secret).unwrap())
}

/// The built program, with a provider table and the mailbox `support`.
fn program(directory: &Path, provider: &str, arguments: &[&str]) -> std::process::Output {
    program_where(directory, provider, arguments, || {})
}

/// The same after something has happened.
fn program_where(directory: &Path, provider: &str, arguments: &[&str], happens: impl FnOnce()) -> std::process::Output {
    let config = directory.join("config.toml");
    let state = directory.join("cli.db");
    let text = format!(
        "state = \"sqlite://{}\"\n[jira]\nurl = \"http://127.0.0.1:1\"\n[jira.auth.api_token]\nemail = \"b@example.test\"\n\
         token = {{ env = \"X\" }}\n[provider.p]\n{provider}\n[mailbox.support]\naddress = \"{ALICE}\"\nprovider = \"p\"\n\
         host = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nproject = \"P\"\nissue_type = \"Task\"\n",
        state.display()
    );
    Config::parse(&config, &text, MustExist::Yes).unwrap_or_else(|errors| panic!("{:#?}", errors.problems));
    std::fs::write(&config, text).unwrap();
    happens();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    command.args(arguments).arg("--config").arg(&config).env_clear().env("X", "secret").output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_administrators_get_their_page_and_their_script() {
    let world = World::new(options()).await;
    world.server.set(|settings| settings.dialect = Dialect::Microsoft);
    let issuer = world.server.issuer();
    let secret = world.directory.path().join("client-secret");
    world.settings(); // writes the secret
    let provider = format!(
        "kind = \"microsoft\"\ntenant = \"contoso.example\"\nclient_id = \"mail2jira\"\ntoken_url = \"{issuer}/token\"\n\
         client_secret = {{ file = \"{}\" }}",
        secret.display()
    );
    let page = program(world.directory.path(), &provider, &["authorize", "support", "--admin-consent-url"]);
    assert_eq!(
        String::from_utf8(page.stdout).unwrap(),
        "https://login.microsoftonline.com/contoso.example/adminconsent?client_id=mail2jira\n"
    );
    let script = program(world.directory.path(), &provider, &["authorize", "support", "--app-only"]);
    let (stdout, stderr) = (String::from_utf8(script.stdout).unwrap(), String::from_utf8(script.stderr).unwrap());
    assert!(script.status.success(), "{stderr}");
    assert!(stdout.contains("$object = '5a11d000-0000-4000-8000-000000000001'") && stdout.contains(ALICE), "{stdout}");
    assert!(stderr.contains("the mailbox does not open yet") && stderr.contains("client-credentials"), "{stderr}");

    world.server.set(|settings| settings.app_roles.clear());
    let script = program(world.directory.path(), &provider, &["authorize", "support", "--app-only"]);
    let stderr = String::from_utf8(script.stderr).unwrap();
    assert!(stderr.contains("the token carries no role for mail"), "{stderr}");
}
