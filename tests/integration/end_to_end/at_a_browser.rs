//! A person at a real browser, headless Chromium: every page on the way to a consent, by clicks on what is to be read there. Two
//! pictures of each page are left in `target/tmp/pages`, to be looked at: by day on a screen, by night on a telephone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use sandbox::browser::Browser;
use sandbox::jira::site::Product;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use super::pages::{Site, TOKEN};
use super::ways_in::{OAUTH1, OAUTH2, enter};
use super::world::{World, mail};

const PATIENCE: Duration = Duration::from_secs(120);
const STRANGER: &str = "mallory@example.test";

async fn picture(browser: &Browser, name: &str) {
    let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    browser.picture(&pages.join(format!("{name}.png"))).await.unwrap();
    browser.picture_on_a_telephone(&pages.join(format!("{name}-telephone.png"))).await.unwrap();
}

/// `authorize` as it opens a browser: the command that waits, and the address that it wanted opened.
async fn opened(world: &World) -> (Child, String) {
    let (opener, address) = (world.dir.path().join("xdg-open"), world.dir.path().join("opened"));
    let (new, place) = (address.with_extension("new"), address.display());
    let script = format!("#!/bin/sh\nprintf %s \"$1\" >{0} && mv {0} {place}\n", new.display());
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.dir.path().display());
    let mut command = world.command(&["authorize", "support"]);
    let command = command.env("PATH", path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    world.until("a browser is opened", async || address.exists()).await;
    let wanted = std::fs::read_to_string(&address).unwrap();
    std::fs::remove_file(&address).unwrap();
    (command.unwrap(), wanted)
}

async fn ended(command: Child) -> (Output, String) {
    let output = timeout(PATIENCE, command.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_refuses_takes_the_wrong_account_and_agrees_in_the_browser_that_authorize_opens() {
    let world = World::start_on(Product::Cloud, "", "start = \"all\"").await;
    let browser = Browser::start().await.unwrap();

    let (command, address) = opened(&world).await;
    browser.visit(&address).await.unwrap();
    picture(&browser, "provider").await;
    browser.press("Deny").await.unwrap();
    browser.sees("Nobody was let in, and nothing has changed.").await.unwrap();
    picture(&browser, "loopback-refused").await;
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the provider did not give consent") && said.contains("hint: "), "{said}");

    let (command, address) = opened(&world).await;
    browser.visit(&address).await.unwrap();
    browser.fill("account", STRANGER).await.unwrap();
    browser.press("Allow").await.unwrap();
    browser.sees("You signed in as mallory@example.test").await.unwrap();
    picture(&browser, "loopback-wrong-account").await;
    let (output, said) = ended(command).await;
    assert!(output.status.code() == Some(1) && said.contains("private browser window"), "{said}");
    assert_eq!(world.state().await, "stopped");
    assert_eq!(world.status_of("support").await["consent"]["state"], "needed");

    let (command, address) = opened(&world).await;
    let redirect = url::Url::parse(&address)
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1
        .into_owned();
    browser.visit(&format!("{redirect}?code=x&state=somebody-elses")).await.unwrap();
    browser.sees("This address has been used, or is not for here").await.unwrap();
    picture(&browser, "loopback-unexpected").await;
    browser.visit(&address).await.unwrap();
    browser.press("Allow").await.unwrap();
    browser.sees("Thank you, that worked").await.unwrap();
    picture(&browser, "loopback-done").await;
    let (output, said) = ended(command).await;
    assert!(output.status.success() && said.contains("is authorized"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_types_the_code_of_another_device_into_the_providers_page() {
    let world = World::start_on(Product::Cloud, "", "start = \"all\"").await;
    let browser = Browser::start().await.unwrap();
    let mut command = world.command(&["authorize", "support", "--device"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = async || timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let (page, code) = (line().await, line().await);
    browser.visit(&page).await.unwrap();
    browser.fill("user_code", "NOTACODE").await.unwrap();
    browser.press("Allow").await.unwrap();
    browser.sees("There is no such code.").await.unwrap();
    browser.fill("user_code", &code).await.unwrap();
    picture(&browser, "provider-device").await;
    browser.press("Allow").await.unwrap();
    browser.sees("Thank you").await.unwrap();
    let (output, said) = ended(child).await;
    assert!(output.status.success() && said.contains("is authorized"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_follows_the_link_of_an_alert_and_consents_on_the_pages() {
    let site = Site::start().await;
    let day = sandbox::clock::now() + jiff::SignedDuration::from_hours(200 * 24);
    let ends = format!("[provider.sandbox]\nsecret_expires = {}", day.strftime("%Y-%m-%d"));
    site.world.write_config(&site.world.config_text().replace("[provider.sandbox]", &ends));
    let mut daemon = site.world.daemon();
    site.world.until("it watches", async || site.world.state().await == "watching").await;
    site.world.lose_consent();
    site.world.until("the refusal is noticed", async || site.world.state().await == "needs_consent").await;
    site.world.inbox().deliver(&mail("meanwhile", "")).unwrap();

    let browser = Browser::start().await.unwrap();
    let link = format!("{}/mailboxes/support/authorize", site.url);
    browser.visit(&link).await.unwrap();
    picture(&browser, "sign-in").await;
    browser.fill("token", "not-the-token").await.unwrap();
    browser.press("Sign in").await.unwrap();
    browser.sees("This is not the admin token.").await.unwrap();
    picture(&browser, "sign-in-wrong-token").await;
    browser.fill("token", TOKEN).await.unwrap();
    browser.press("Sign in").await.unwrap();
    browser.sees("Let mail2jira read the mailbox support").await.unwrap();
    picture(&browser, "authorize").await;

    browser.press("Sign in and consent").await.unwrap();
    browser.press("Deny").await.unwrap();
    browser.sees("That did not work").await.unwrap();
    picture(&browser, "refused").await;
    browser.press("To the status page").await.unwrap();
    browser.sees("A person is needed").await.unwrap();
    picture(&browser, "status-needs-consent").await;
    browser.press("Consent").await.unwrap();
    browser.press("Sign in and consent").await.unwrap();
    browser.fill("account", STRANGER).await.unwrap();
    browser.press("Allow").await.unwrap();
    browser.sees("You signed in as mallory@example.test").await.unwrap();
    picture(&browser, "wrong-account").await;

    browser.visit(&link).await.unwrap();
    browser.press("Sign in and consent").await.unwrap();
    browser.press("Allow").await.unwrap();
    browser.sees("Thank you, that worked").await.unwrap();
    picture(&browser, "done").await;
    let answer = browser.address().await.unwrap();
    browser.visit(&answer).await.unwrap();
    browser.sees("Please start again").await.unwrap();
    picture(&browser, "answer-used").await;
    site.world.until("mail flows again", async || site.world.written("meanwhile-body") == 1).await;
    browser.press("To the status page").await.unwrap();
    browser.sees("All is well").await.unwrap(); // it keeps itself fresh
    picture(&browser, "status").await;
    browser.press("Messages").await.unwrap();
    browser.sees("about meanwhile").await.unwrap();
    picture(&browser, "messages").await;
    browser.press("about meanwhile").await.unwrap();
    browser.sees("What happened").await.unwrap();
    picture(&browser, "message").await;
    browser.press("Sign out").await.unwrap();
    browser.sees("Please sign in").await.unwrap();
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_it_into_jira_on_the_pages_in_every_way_that_asks_a_person() {
    for (product, way, name) in [
        (Product::Cloud, OAUTH2, "cloud"),
        (Product::DataCenter, OAUTH2, "data-center"),
        (Product::DataCenter, OAUTH1, "link"),
    ] {
        let site = Site::start_on(product, "").await;
        enter(&site.world, product, way);
        let browser = Browser::start().await.unwrap();
        let mut daemon = site.world.daemon();
        site.answers().await;
        site.world.inbox().deliver(&mail("first", "")).unwrap();
        let state = async || site.world.json(&["status", "--json"]).await["jira"]["state"].clone();
        site.world.until("nobody has consented", async || state().await == "needs_consent").await;
        browser.visit(&site.url).await.unwrap();
        browser.fill("token", TOKEN).await.unwrap();
        browser.press("Sign in").await.unwrap();
        browser.press("Consent").await.unwrap();
        browser.sees("Let mail2jira write to Jira").await.unwrap();
        picture(&browser, &format!("authorize-jira-{name}")).await;
        browser.press("Sign in and consent").await.unwrap();
        browser.press("Deny").await.unwrap();
        browser.sees("That did not work").await.unwrap();
        browser.visit(&format!("{}/jira/authorize", site.url)).await.unwrap();
        browser.press("Sign in and consent").await.unwrap();
        picture(&browser, &format!("jira-{name}")).await;
        browser.press("Allow").await.unwrap();
        browser.sees("Jira opens: it knows us as").await.unwrap();
        picture(&browser, &format!("done-jira-{name}")).await;
        site.world.until("mail goes on", async || site.world.written("first-body") == 1).await;
        daemon.kill().await.unwrap();
    }
}
