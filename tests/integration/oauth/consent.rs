//! `authorize` from the first address to the last page, with a browser that is played by a plain HTTP client.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail2jira::cli::authorize::{Authorize, AuthorizeError, Opening, Terminal, Way};
use mail2jira::config::{MailboxName, ProviderKind, ProviderSettings, Secret};
use mail2jira::http;
use mail2jira::oauth::consent::loopback::Loopback;
use mail2jira::oauth::consent::{Consent, ConsentError};
use mail2jira::oauth::provider::Provider;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use url::Url;

use super::store::{Disk, Mishap, Store, TestClock};
use super::stub::{Stub, pairs};

/// Passes every line that is written on to a test.
struct Lines {
    partial: Vec<u8>,
    lines: mpsc::UnboundedSender<String>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.partial)).unwrap();
                let _test_is_over = self.lines.send(line);
            } else {
                self.partial.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A run of the command, with all that it left behind.
struct Outcome {
    result: Result<(), AuthorizeError>,
    page: (u16, String),
    stdout: Vec<String>,
    stderr: String,
    disk: Arc<Mutex<Disk>>,
}

impl Outcome {
    fn causes(&self) -> String {
        let error = self.result.as_ref().unwrap_err();
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(" | ")
    }

    fn stored(&self) -> bool {
        self.disk.lock().unwrap().grants.contains_key("support")
    }
}

async fn authorize(settings: ProviderSettings) -> Outcome {
    authorize_with(settings, None, async |_| Ok::<(), std::io::Error>(())).await
}

async fn authorize_with<E>(
    settings: ProviderSettings,
    mishap: Option<Mishap>,
    verify: impl AsyncFnOnce(Secret) -> Result<(), E>,
) -> Outcome
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (disk, clock) = (Arc::<Mutex<Disk>>::default(), TestClock::new());
    let store = Store::new(&disk, &clock);
    mishap.into_iter().for_each(|mishap| store.plan(0, mishap));
    let (provider, mailbox) =
        (Provider::new(settings, Arc::new(clock.clone())).unwrap(), MailboxName::parse("support").unwrap());
    let (lines, mut stdout) = mpsc::unbounded_channel();
    let (mut out, mut err) = (Lines { partial: Vec::new(), lines }, Vec::new());
    let command = Authorize {
        mailbox: &mailbox,
        login: "alice@example.com",
        provider: &provider,
        grants: &*store,
        clock: &clock,
    };
    let terminal = Terminal { out: &mut out, err: &mut err };
    let browse = async { browse(&stdout.recv().await.unwrap()).await };
    let (result, page) = tokio::join!(command.run(Opening::Page(Way::Printed), terminal, verify), browse);
    drop(out);
    let stdout = std::iter::from_fn(|| stdout.try_recv().ok()).collect();
    Outcome { result, page, stdout, stderr: String::from_utf8(err).unwrap(), disk }
}

fn browser() -> reqwest::Client {
    http::client(None, Duration::from_secs(20)).unwrap()
}

async fn sign_in(address: &str) -> String {
    let answer = browser().get(address).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn visit(address: &str) -> (u16, String) {
    let answer = browser().get(address).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn browse(address: &str) -> (u16, String) {
    visit(&sign_in(address).await).await
}

#[tokio::test]
async fn consent_is_checked_stored_and_proven_before_it_is_called_done() {
    let stub = Stub::start().await;
    let outcome = authorize_with(stub.settings(), None, async |token: Secret| {
        assert!(token.expose().starts_with("at-secret-"));
        Ok::<(), std::io::Error>(())
    })
    .await;
    outcome.result.as_ref().unwrap();
    assert!(outcome.page.0 == 200 && outcome.page.1.contains("that worked"), "{}", outcome.page.1);
    assert!(outcome.stdout.is_empty(), "the address is all there is on stdout");
    assert!(outcome.stderr.contains("Mailbox `support` is authorized: Alice@Example.com"), "{}", outcome.stderr);
    let grant = outcome.disk.lock().unwrap().grants["support"].grant.clone();
    assert!(grant.refresh_token.expose().starts_with("rt-secret-"));
    assert_eq!(grant.identity.as_deref(), Some("Alice@Example.com"));
    let everything = format!("{} {} {grant:?}", outcome.page.1, outcome.stderr);
    assert!(!everything.contains("-secret-"), "{everything}");
}

#[tokio::test]
async fn the_address_asks_for_what_is_configured_and_for_the_right_person() {
    let stub = Stub::start().await;
    let provider = Provider::new(stub.settings(), Arc::new(TestClock::new())).unwrap();
    let redirect = Url::parse("http://127.0.0.1:4711/oauth/callback").unwrap();
    let consent = Consent::begin(&provider, "alice@example.com", redirect).await.unwrap();
    let asked = pairs(consent.address().query().unwrap());
    assert_eq!(asked["scope"], "openid mail offline_access");
    assert_eq!(asked["redirect_uri"], "http://127.0.0.1:4711/oauth/callback");
    assert_eq!(asked["login_hint"], "alice@example.com");
    assert_eq!(asked["prompt"], "consent");
}

#[tokio::test]
async fn strangers_neither_end_nor_hold_up_the_waiting() {
    let stub = Stub::start().await;
    let provider = Provider::new(stub.settings(), Arc::new(TestClock::new())).unwrap();
    let loopback = Loopback::bind(&stub.settings().redirect_uri).await.unwrap();
    let redirect = loopback.redirect_uri().clone();
    let consent = Consent::begin(&provider, "alice@example.com", redirect.clone()).await.unwrap();
    let waiting = loopback.wait(&consent, Duration::from_secs(60));
    let host = format!("127.0.0.1:{}", redirect.port().unwrap());
    let strangers = async {
        let _idle = TcpStream::connect(&host).await.unwrap();
        let mut garbage = TcpStream::connect(&host).await.unwrap();
        garbage.write_all(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").await.unwrap();
        let _answer = garbage.read_to_end(&mut Vec::new()).await;
        assert_eq!(visit(&format!("http://{host}/favicon.ico")).await.0, 404);
        assert_eq!(visit(&format!("http://{host}/oauth/callback")).await.0, 404);
        let (status, page) = visit(&format!("http://{host}/oauth/callback?code=stolen&state=guessed")).await;
        assert!(status == 400 && !page.contains("stolen"), "{page}");
        let forged = format!("http://{host}/oauth/callback?error=access_denied");
        assert_eq!(visit(&forged).await.0, 400);
        let right = sign_in(consent.address().as_str()).await;
        let twice = format!("{right}&state=x");
        assert_eq!(visit(&twice).await.0, 400);
        let posted = browser().post(&right).send().await.unwrap();
        assert_eq!(posted.status(), 404);
        let _held = TcpStream::connect(&host).await.unwrap();
        let mut last = TcpStream::connect(&host).await.unwrap();
        let path = right.split_once(&host).unwrap().1;
        last.write_all(format!("GET {path} HTTP/1.1\r\n").as_bytes()).await.unwrap();
        last.write_all(b"Host: x\r\n\r\n").await.unwrap();
        last
    };
    let (found, _last) = tokio::join!(waiting, strangers);
    let (callback, _browser) = found.unwrap();
    consent.complete(callback, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
}

#[tokio::test]
async fn nobody_is_waited_for_forever() {
    let stub = Stub::start().await;
    let provider = Provider::new(stub.settings(), Arc::new(TestClock::new())).unwrap();
    let loopback = Loopback::bind(&stub.settings().redirect_uri).await.unwrap();
    let redirect = loopback.redirect_uri().clone();
    let consent = Consent::begin(&provider, "alice@example.com", redirect).await.unwrap();
    let waited = loopback.wait(&consent, Duration::from_millis(20)).await;
    assert!(matches!(waited.err(), Some(ConsentError::TimedOut(_))));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let stub = Stub::start().await;
    let mut redirect = stub.settings().redirect_uri;
    redirect.set_port(stub.issuer.port()).unwrap();
    let error = Loopback::bind(&redirect).await.err().unwrap();
    let address = format!("127.0.0.1:{}", stub.issuer.port().unwrap());
    assert_eq!(error.to_string(), format!("cannot listen on {address} for the browser's return"));
}

#[tokio::test]
async fn localhost_is_reached_by_both_families() {
    let redirect = Url::parse("http://localhost/").unwrap();
    let loopback = Loopback::bind(&redirect).await.unwrap();
    let port = loopback.redirect_uri().port().unwrap();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if tokio::net::TcpListener::bind("[::1]:0").await.is_ok() {
        TcpStream::connect(("::1", port)).await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_is_shown_to_the_person_and_as_text_alone() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.denies = true);
    let outcome = authorize(stub.settings()).await;
    assert!(outcome.causes().ends_with("| the provider did not give consent (access_denied: <b>No</b> thanks)"));
    assert!(outcome.page.1.contains("&#60;b&#62;No") && !outcome.page.1.contains("<b>No"), "{}", outcome.page.1);
    assert_eq!(stub.requests(), 0);
    assert!(!outcome.stored());
}

#[tokio::test]
async fn an_answer_from_another_issuer_is_not_redeemed() {
    let stub = Stub::start().await;
    for issuer in [Some("https://evil.example.com".to_owned()), None] {
        stub.set(|behaviour| behaviour.callback_issuer = issuer);
        let outcome = authorize(stub.settings()).await;
        assert!(outcome.causes().contains("the answer is from the issuer"), "{}", outcome.causes());
    }
    assert_eq!(stub.requests(), 0);
}

#[tokio::test]
async fn a_consent_that_would_end_within_the_hour_is_refused() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.issues_refresh_tokens = false);
    let outcome = authorize(stub.settings()).await;
    assert!(outcome.causes().contains("no refresh token"), "{}", outcome.causes());
    assert!(outcome.result.unwrap_err().hint(&ProviderKind::Custom).contains("`offline_access`"));
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_named() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.scope = Some("openid offline_access"));
    let outcome = authorize(stub.settings()).await;
    assert!(outcome.causes().ends_with("the provider did not grant `mail`"), "{}", outcome.causes());
    assert!(!outcome.stored());
    stub.set(|behaviour| behaviour.scope = Some("mail"));
    authorize(stub.settings()).await.result.unwrap();
}

#[tokio::test]
async fn another_account_is_refused_by_name_and_replaces_nothing() {
    let stub = Stub::start().await;
    let both = "bob@example.com signed in, but the mailbox belongs to alice@example.com";
    stub.set(|behaviour| behaviour.id_token_claims = Some(json!({"preferred_username": "bob@example.com"})));
    let outcome = authorize(stub.settings()).await;
    assert!(outcome.causes().ends_with(both), "{}", outcome.causes());
    assert!(
        outcome.page.1.contains("You signed in as bob@example.com, but this mailbox belongs to alice@example.com.")
    );
    assert!(!outcome.stored());
    stub.set(|behaviour| {
        behaviour.id_token_claims = Some(json!({"sub": "2"}));
        behaviour.userinfo = Some(json!({"email": "bob@example.com"}));
    });
    let outcome = authorize(stub.settings()).await;
    assert!(outcome.causes().ends_with(both), "{}", outcome.causes());
    stub.set(|behaviour| behaviour.userinfo = Some(json!({"email": "ALICE@example.com"})));
    authorize(stub.settings()).await.result.unwrap();
}

#[tokio::test]
async fn who_relies_on_userinfo_is_told_when_it_says_nothing() {
    let stub = Stub::start().await;
    stub.set(|behaviour| behaviour.id_token_claims = None);
    let settings = stub.settings();
    authorize(settings.clone()).await.result.unwrap(); // the mailbox itself proves it
    let userinfo_url = Some(stub.issuer.join("/userinfo").unwrap());
    let outcome = authorize(ProviderSettings { userinfo_url, ..settings }).await;
    assert!(outcome.causes().ends_with("does not tell who signed in"), "{}", outcome.causes());
}

#[tokio::test]
async fn a_provider_in_trouble_gives_no_consent() {
    let stub = Stub::start().await;
    for (status, body, words) in [
        (500, "oops", "answered 500"),
        (200, "<html>", "something that is no token"),
        (400, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
        (401, r#"{"error":"unauthorized_client"}"#, "refused this client"),
    ] {
        stub.answer(status, body);
        let outcome = authorize(stub.settings()).await;
        assert!(outcome.causes().contains(words), "{}", outcome.causes());
        assert!(outcome.page.1.contains("did not work") && !outcome.stored());
    }
}

#[tokio::test]
async fn a_mailbox_that_does_not_open_is_no_success_but_the_consent_is_kept() {
    let stub = Stub::start().await;
    let outcome = authorize_with(stub.settings(), None, async |_| Err("mail.example.com refused to log in")).await;
    let causes = "cannot authorize mailbox `support` | consent was given and is stored, but the mailbox does not open \
                  with it | mail.example.com refused to log in";
    assert_eq!(outcome.causes(), causes);
    assert!(outcome.stored() && outcome.page.1.contains("did not work"));
    assert_eq!(outcome.result.unwrap_err().hint(&ProviderKind::Custom), "run `mail2jira test-connection support`");
}

#[tokio::test]
async fn a_consent_that_cannot_be_stored_is_no_success() {
    let stub = Stub::start().await;
    let verify = async |_| -> Result<(), std::io::Error> { panic!("nothing to verify") };
    let outcome = authorize_with(stub.settings(), Some(Mishap::FailBefore), verify).await;
    assert!(outcome.causes().contains("cannot store the consent"), "{}", outcome.causes());
}
