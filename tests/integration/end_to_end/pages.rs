//! The pages and the API of a running daemon, as a browser and a program see them.

use std::net::TcpListener;

use reqwest::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use sandbox::jira::site::Product;
use sandbox::oauth::{Decision, Person, answer_consent};
use serde_json::Value;

use super::world::{World, mail};

pub(super) const TOKEN: &str = "an-admin-token-of-some-length";

/// A daemon with pages, and a browser without a cookie.
pub(super) struct Site {
    pub world: World,
    pub url: String,
    cookie: String,
    _dir: tempfile::TempDir,
}

impl Site {
    pub(super) async fn start() -> Self {
        Self::start_on(Product::Cloud, "").await
    }

    /// The same with that Jira, and with further tables in the config file.
    pub(super) async fn start_on(product: Product, tables: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("admin-token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{listen}");
        let settings = format!(
            "[admin]\nlisten = \"{listen}\"\npublic_url = \"{url}\"\ntoken = {{ file = \"{}\" }}\n{tables}",
            token.display()
        );
        let world = World::authorized_on(product, &settings, "start = \"all\"").await;
        Self { world, url, cookie: String::new(), _dir: dir }
    }

    #[expect(clippy::disallowed_methods, reason = "the ban is the program's; this is a browser's stand-in on loopback")]
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        client.request(method, format!("{}{path}", self.url)).header(COOKIE, &self.cookie)
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        let policy = response.headers().get(CONTENT_SECURITY_POLICY);
        assert!(policy.is_some_and(|policy| policy.to_str().unwrap().starts_with("default-src 'none'")), "{path}");
        (response.status(), response.text().await.unwrap())
    }

    /// What is open to everybody, and has no page's headers.
    pub(super) async fn open_get(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn post(&self, path: &str) -> Response {
        self.request(Method::POST, path).header(ORIGIN, &self.url).send().await.unwrap()
    }

    pub(super) async fn sign_in(&mut self) {
        let form = [("token", TOKEN), ("next", "/")];
        let response =
            self.request(Method::POST, "/sign-in").header(ORIGIN, &self.url).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
    }

    pub(super) async fn api(&self, path: &str) -> String {
        let response = self.request(Method::GET, path).bearer_auth(TOKEN).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub(super) async fn answers(&self) {
        self.world
            .until("the pages answer", async || {
                tokio::net::TcpStream::connect(self.url.trim_start_matches("http://")).await.is_ok()
            })
            .await;
    }
}

fn location(response: &Response) -> String {
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_without_the_token_and_guessing_is_slow() {
    let mut site = Site::start().await;
    let mut daemon = site.world.daemon();
    site.answers().await;
    for path in [
        "/",
        "/messages",
        "/messages/1",
        "/mailboxes/support/authorize",
        "/jira/authorize",
        "/oauth/callback?state=x&code=y",
    ] {
        let (status, page) = site.get(path).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(page.contains("sign in") && !page.contains("support@"), "{path}: {page}");
    }
    for (path, method) in
        [("/api/v1/status", Method::GET), ("/api/v1/messages", Method::GET), ("/api/v1/messages/1/retry", Method::POST)]
    {
        let response = site.request(method, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let api = |token: &str| site.request(Method::GET, "/api/v1/status").bearer_auth(token).send();
    let status: Value = api(TOKEN).await.unwrap().json().await.unwrap();
    assert_eq!(status["mailboxes"][0]["name"], "support");
    let shown =
        |scheme: &str| site.request(Method::GET, "/api/v1/status").header(AUTHORIZATION, format!("{scheme} {TOKEN}"));
    assert_eq!(shown("bearer").send().await.unwrap().status(), StatusCode::OK, "schemes know no case (RFC 9110, 11.1)");
    for (method, path, expected) in [
        (Method::GET, "/api/v1/messages?limit=0", StatusCode::BAD_REQUEST),
        (Method::GET, "/api/v1/messages?limit=many", StatusCode::BAD_REQUEST),
        (Method::GET, "/api/v1/messages?state=lost", StatusCode::BAD_REQUEST),
        (Method::GET, "/api/v1/messages/one", StatusCode::NOT_FOUND),
        (Method::POST, "/api/v1/messages/one/retry", StatusCode::NOT_FOUND),
        (Method::POST, "/api/v1/messages/99/discard", StatusCode::NOT_FOUND),
    ] {
        let response = site.request(method, path).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(response.status(), expected, "{path}");
        let refusal: Value = response.json().await.unwrap();
        assert!(refusal["error"].is_string(), "{path}: {refusal}");
    }
    for _ in 0..10 {
        assert_eq!(api("wrong").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(api("wrong").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    site.cookie = "mail2jira=9999999999.AAAA.AAAA".to_owned();
    assert_eq!(site.get("/").await.0, StatusCode::UNAUTHORIZED, "a session that nobody signed");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_wrote_is_only_text_and_forms_of_other_sites_do_nothing() {
    let mut site = Site::start().await;
    let mut daemon = site.world.daemon();
    site.answers().await;
    let hostile = String::from_utf8(mail("one", "")).unwrap().replace("about one", "<script>alert(1)</script>\"'&");
    site.world.inbox().deliver(hostile.as_bytes()).unwrap();
    site.world.until("it is delivered", async || site.world.written("one-body") == 1).await;
    site.sign_in().await;
    for path in ["/messages", "/messages/1"] {
        let (status, page) = site.get(path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
    }
    site.world.until("the page says so", async || site.get("/").await.1.contains("watching")).await;
    assert!(site.get("/").await.1.contains("support@example.test"));
    for path in ["/messages/1/discard", "/api/v1/messages/1/discard", "/mailboxes/support/authorize"] {
        let foreign = site.request(Method::POST, path).header(ORIGIN, "https://evil.example").send().await.unwrap();
        assert!([StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&foreign.status()), "{path}");
    }
    let listed: Value = site
        .request(Method::GET, "/api/v1/messages?state=delivered")
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let told = site.world.json(&["messages", "list", "--json"]).await;
    assert_eq!(listed, serde_json::json!([told]), "the API says what the command says");
    let refused = site.post("/api/v1/messages/1/retry").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT, "what is delivered is not written again");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_consents_on_the_page_and_mail_flows_again() {
    let mut site = Site::start().await;
    let mut daemon = site.world.daemon();
    site.answers().await;
    site.world.until("it watches", async || site.world.state().await == "watching").await;
    site.world.lose_consent();
    site.world.until("the refusal is noticed", async || site.world.state().await == "needs_consent").await;
    site.world.inbox().deliver(&mail("meanwhile", "")).unwrap();

    site.sign_in().await;
    let (_, page) = site.get("/mailboxes/support/authorize").await;
    assert!(page.contains("Sign in and consent") && page.contains("support@example.test"), "{page}");
    let begun = site.post("/mailboxes/support/authorize").await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    daemon.kill().await.unwrap(); // what was begun outlives a restart
    let mut daemon = site.world.daemon();
    let person = Person { account: None, decision: Decision::Allow };
    let back = answer_consent(&location(&begun), &person).await.unwrap();
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    site.answers().await;
    let own = std::mem::take(&mut site.cookie);
    site.sign_in().await; // another browser
    assert_eq!(site.get(&path).await.0, StatusCode::BAD_REQUEST, "an answer belongs to the browser that asked");
    site.cookie = own;
    let (status, page) = site.get(&path).await;
    assert_eq!(
        (status, page.contains("Please start again")),
        (StatusCode::BAD_REQUEST, true),
        "and is good for one try"
    );

    let begun = site.post("/mailboxes/support/authorize").await;
    let wrong = Person { account: Some("mallory@example.test".to_owned()), decision: Decision::Allow };
    let back = answer_consent(&location(&begun), &wrong).await.unwrap();
    let (_, page) = site.get(&format!("{}?{}", back.path(), back.query().unwrap())).await;
    assert!(page.contains("That did not work"), "{page}");

    let begun = site.post("/mailboxes/support/authorize").await;
    let back = answer_consent(&location(&begun), &person).await.unwrap();
    let (status, page) = site.get(&format!("{}?{}", back.path(), back.query().unwrap())).await;
    assert!(status == StatusCode::OK && page.contains("Thank you, that worked"), "{page}");
    site.world.until("mail flows again", async || site.world.written("meanwhile-body") == 1).await;
    daemon.kill().await.unwrap();
}
