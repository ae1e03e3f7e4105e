//! Every way into Jira, from the configuration through consent to an issue, and what becomes of one that ends.

use std::process::Stdio;

use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::{ApiTokens, Product, Strangers};
use sandbox::jira::ways::{CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, Command};
use sandbox::oauth::{self, ClientCertificate, Decision, Person};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use super::world::{PATIENCE, World, mail};

pub(super) const OAUTH2: &str = "[jira.auth.oauth2]\nclient_id = \"CLIENT\"\nclient_secret = { file = \"SECRET\" }";
const SERVICE_ACCOUNT: &str =
    "[jira.auth.service_account]\nclient_id = \"CLIENT\"\nclient_secret = { file = \"SECRET\" }";
pub(super) const OAUTH1: &str = "[jira.auth.oauth1]\nconsumer_key = \"CONSUMER\"\nprivate_key = { file = \"LINK\" }";
const API_TOKEN: &str = "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { file = \"PASSWORD\" }";
pub(super) const PAT: &str = "[jira.auth.pat]\ntoken = { file = \"PASSWORD\" }";
pub(super) const BASIC: &str = "[jira.auth.basic]\nusername = \"bot\"\npassword = { file = \"PASSWORD\" }";

async fn entered(product: Product, way: &str) -> World {
    let world = World::authorized_on(product, "", "start = \"all\"").await;
    enter(&world, product, way);
    world
}

/// Lets the world's Jira be entered that way; Cloud's well-known addresses are the stand-in's.
pub(super) fn enter(world: &World, product: Product, way: &str) {
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
}

async fn delivers(world: &World, token: &str) {
    world.inbox().deliver(&mail(token, "")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}\n{}", world.jira.state());
    assert_eq!(world.written(&format!("{token}-body")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_taken_at_the_site_or_scoped_at_the_gateway_and_a_service_accounts_there_as_bearer() {
    for (way, kinds) in [
        (API_TOKEN, &[ApiTokens::Everyday, ApiTokens::Scoped, ApiTokens::ScopedBearer][..]),
        (PAT, &[ApiTokens::ScopedBearer]),
    ] {
        for kind in kinds {
            let world = entered(Product::Cloud, way).await;
            world.jira.configure(|settings| settings.api_tokens = *kind);
            delivers(&world, "first").await;
            let mut created = world.jira.requests().into_iter().filter(|request| request.status == Some(201));
            let at_gateway = created.all(|request| request.path.starts_with("/ex/jira/"));
            assert_eq!(at_gateway, *kind != ApiTokens::Everyday, "{kind:?}");
            assert_eq!(world.json(&["test-connection", "jira", "--json"]).await["ok"], true, "{kind:?}");
        }
    }
    let refused = entered(Product::Cloud, PAT).await;
    refused.inbox().deliver(&mail("first", "")).unwrap();
    assert_eq!(refused.pass().await.status.code(), Some(1), "an everyday token is no Bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_swapped_for_one_of_another_kind_finds_its_own_entrance_without_a_restart() {
    let world = entered(Product::Cloud, API_TOKEN).await;
    let mut daemon = world.daemon();
    for (number, kind) in
        [ApiTokens::Scoped, ApiTokens::ScopedBearer, ApiTokens::Everyday, ApiTokens::Scoped].into_iter().enumerate()
    {
        world.jira.configure(|settings| settings.api_tokens = kind);
        world.inbox().deliver(&mail(&format!("mail{number}"), "")).unwrap();
        world.until("it is delivered", async || world.written(&format!("mail{number}-body")) == 1).await;
    }
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_out_of_reach_says_nothing_about_a_token() {
    let world = entered(Product::Cloud, API_TOKEN).await;
    world.jira.set_token("bot@example.com", "another");
    world.jira.add_fault(Fault::on("GET", "/ex/jira/*", Effect::Cut { when: When::BeforeWrite }));
    let mut daemon = world.daemon();
    let state = async || world.json(&["status", "--json"]).await["jira"]["state"].clone();
    world.until("it does not answer", async || state().await == "backing_off").await;
    world.jira.set_token("bot@example.com", "sandbox-token");
    world.inbox().deliver(&mail("first", "")).unwrap();
    world.until("the site takes it", async || world.written("first-body") == 1).await;
    daemon.kill().await.unwrap();
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
    assert!(world.pass().await.status.success(), "it is tried at once");
    assert_eq!(world.written("first-body"), 1);
}

/// `authorize jira --paste`, with a person who pastes what `act` makes of the printed address.
async fn authorize_by_paste(world: &World, act: impl AsyncFnOnce(String) -> String) -> std::process::Output {
    let mut command = world.command(&["authorize", "jira", "--paste"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let pasted = format!("what is this?\n{}\n", act(address).await);
    child.stdin.take().unwrap().write_all(pasted.as_bytes()).await.unwrap();
    timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_for_jira_comes_by_a_pasted_address_or_code_and_is_taken_back() {
    let person = || Person { account: None, decision: Decision::Allow };
    for (product, way) in [(Product::Cloud, OAUTH2), (Product::DataCenter, OAUTH1)] {
        let world = entered(product, way).await;
        let output = authorize_by_paste(&world, async |address| match product {
            Product::Cloud => oauth::answer_consent(&address, &person()).await.unwrap().to_string(),
            Product::DataCenter => {
                let page = oauth::answer_in_words(&address, &person()).await.unwrap();
                page.split_whitespace().last().unwrap().to_owned()
            }
        })
        .await;
        assert!(output.status.success(), "{output:?}");
        delivers(&world, "first").await;
        let revoked = world.run(&["revoke", "jira"]).await;
        let said = String::from_utf8_lossy(&revoked.stderr).into_owned();
        assert!(revoked.status.success() && said.contains("forgotten here"), "{said}");
        let after = world.run(&["test-connection", "jira"]).await;
        assert_eq!(after.status.code(), Some(1), "{after:?}");
        let again = world.run(&["revoke", "jira"]).await;
        assert!(String::from_utf8_lossy(&again.stderr).contains("nothing to revoke"), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_refused_without_a_word_needs_consent_only_when_it_is_proved_that_its_token_is_dead() {
    let world = entered(Product::DataCenter, OAUTH1).await;
    world.jira.configure(|settings| settings.silent_link = true);
    world.authorize_as("jira").await;
    let consent = async || {
        assert_eq!(world.pass().await.status.code(), Some(1));
        let output = world.run(&["test-connection", "jira"]).await;
        String::from_utf8_lossy(&output.stdout).contains("consent is needed")
    };
    let key = world.dir.path().join("jira-link-key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, ClientCertificate::generate("another").unwrap().1).unwrap();
    world.inbox().deliver(&mail("first", "")).unwrap();
    assert!(!consent().await, "the key is wrong, and not the token");
    std::fs::write(&key, right).unwrap();
    assert!(world.pass().await.status.success(), "it is tried at once");
    world.jira.control_tokens(Command::RevokeAll);
    world.inbox().deliver(&mail("second", "")).unwrap();
    assert!(consent().await, "the token is dead");
    world.authorize_as("jira").await;
    assert!(world.pass().await.status.success(), "it is tried at once");
    assert_eq!(world.written("second-body"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_consent_that_jira_does_not_have_is_refused_in_plain_words() {
    let world = entered(Product::Cloud, OAUTH2).await;
    for (form, words) in
        [("--device", "no device flow"), ("--app-only", "Microsoft"), ("--admin-consent-url", "Microsoft")]
    {
        let output = world.run(&["authorize", "jira", form]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(words) && said.contains("hint:"), "{said}");
    }
}
