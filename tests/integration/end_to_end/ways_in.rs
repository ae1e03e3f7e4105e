//! Every way into Jira, from the configuration through consent to an issue, and what becomes of one that ends.

use sandbox::jira::site::{Product, Strangers};
use sandbox::jira::ways::{CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, Command};

use super::world::{World, mail};

const OAUTH2: &str = "[jira.auth.oauth2]\nclient_id = \"CLIENT\"\nclient_secret = { file = \"SECRET\" }";
const SERVICE_ACCOUNT: &str =
    "[jira.auth.service_account]\nclient_id = \"CLIENT\"\nclient_secret = { file = \"SECRET\" }";
const OAUTH1: &str = "[jira.auth.oauth1]\nconsumer_key = \"CONSUMER\"\nprivate_key = { file = \"LINK\" }";
const BASIC: &str = "[jira.auth.basic]\nusername = \"bot\"\npassword = { file = \"PASSWORD\" }";

/// A world whose Jira is entered that way; Cloud's well-known addresses are the stand-in's.
async fn entered(product: Product, way: &str) -> World {
    let world = World::authorized_on(product, "", "start = \"all\"").await;
    let file = |name: &str, text: &str| {
        let path = world.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut way = way
        .replace("CLIENT", CLIENT_ID)
        .replace("CONSUMER", CONSUMER_KEY)
        .replace("SECRET", &file("jira-client-secret", CLIENT_SECRET))
        .replace("PASSWORD", &file("jira-password", "sandbox-token"))
        .replace("LINK", &file("jira-link-key", &world.jira.link_key().unwrap()));
    if product == Product::Cloud {
        let url = world.jira.url();
        let (api, token) = (format!("api_url = \"{url}\""), format!("token_url = \"{url}/oauth/token\""));
        way = format!("{api}\n{token}\nauthorization_url = \"{url}/authorize\"\n{way}");
    }
    world.enter_jira_by(&way);
    world
}

async fn delivers(world: &World, token: &str) {
    world.inbox().deliver(&mail(token, "")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}\n{}", world.jira.state());
    assert_eq!(world.written(&format!("{token}-body")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoped_api_token_is_taken_at_the_gateway() {
    let way = "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { file = \"PASSWORD\" }";
    let world = entered(Product::Cloud, way).await;
    world.jira.configure(|settings| settings.scoped_tokens = true);
    delivers(&world, "scoped").await;
    let created = world.jira.requests().into_iter().filter(|request| request.status == Some(201));
    assert!(created.into_iter().all(|request| request.path.starts_with("/ex/jira/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_and_a_password_need_nobody() {
    let world = entered(Product::Cloud, SERVICE_ACCOUNT).await;
    delivers(&world, "service").await;
    assert_eq!(world.json(&["test-connection", "jira", "--json"]).await["ok"], true);
    delivers(&entered(Product::DataCenter, BASIC).await, "basic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_for_jira_opens_it_outlives_its_access_tokens_and_is_asked_for_when_it_dies() {
    for (product, way) in [(Product::Cloud, OAUTH2), (Product::DataCenter, OAUTH2), (Product::DataCenter, OAUTH1)] {
        let world = entered(product, way).await;
        let before = world.run(&["test-connection", "jira"]).await;
        assert_eq!(before.status.code(), Some(1), "nobody has consented: {before:?}");
        world.authorize_as("jira").await;
        delivers(&world, "first").await;
        if way == OAUTH2 {
            world.jira.control_tokens(Command::ExpireAccessTokens);
            delivers(&world, "second").await;
        }
        world.jira.control_tokens(Command::RevokeAll);
        let mut daemon = world.daemon();
        world.inbox().deliver(&mail("third", "")).unwrap();
        let jira = async || world.json(&["status", "--json"]).await["jira"].clone();
        world.until("the refusal is noticed", async || jira().await["state"] == "needs_consent").await;
        let said = jira().await["error"].as_str().unwrap().to_owned();
        assert!(said.contains("mail2jira authorize jira"), "{said}");
        assert_eq!(world.run(&["status"]).await.status.code(), Some(1));
        world.authorize_as("jira").await;
        world.until("it resumes", async || world.written("third-body") == 1).await;
        daemon.kill().await.unwrap();
        let mut state = Vec::new();
        for file in ["state.db", "state.db-wal"] {
            state.extend(std::fs::read(world.dir.path().join(file)).unwrap_or_default());
        }
        assert!(!String::from_utf8_lossy(&state).contains("jira-refresh-"), "no token is in the clear");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_bearer_that_is_answered_as_anonymous_is_noticed_and_loses_nothing() {
    let world = World::authorized_on(Product::DataCenter, "", "start = \"all\"").await;
    world.jira.configure(|settings| settings.strangers = Strangers::Anonymous);
    world.jira.set_token("bot@example.com", "another");
    world.inbox().deliver(&mail("first", "")).unwrap();
    assert_eq!(world.pass().await.status.code(), Some(1));
    assert!(world.jira.issues().is_empty());
    world.jira.set_token("bot@example.com", "sandbox-token");
    world.until("it is delivered", async || world.pass().await.status.success()).await;
    assert_eq!(world.written("first-body"), 1);
}
