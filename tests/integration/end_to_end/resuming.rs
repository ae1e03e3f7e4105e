//! A consent that comes while the daemon runs: it goes on where it was, whatever it was waiting for, and what came meanwhile
//! is delivered once and in order. How long that takes is measured by `sandbox bench --only resume`.

use sandbox::dovecot::Flag;
use sandbox::jira::site::Product;

use super::world::{World, mail};

const SUPERVISOR: &str = "boss@example.test";

/// Mails of one conversation.
fn conversation(world: &World, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let ancestors = if number == 0 { "" } else { "References: <mail0@example.com>\r\n" };
        world.inbox().deliver(&mail(&format!("mail{number}"), ancestors)).unwrap();
    }
}

/// Each of so many mails is in Jira once, in their order, and in the ledger once: none was fetched a second time.
async fn is_all_there(world: &World, count: usize) {
    world.until("everything is delivered", async || world.written("-body") == count).await;
    let seen = async || world.inbox().mails().unwrap().iter().filter(|mail| mail.has(Flag::Seen)).count();
    world.until("everything is marked", async || seen().await == count).await;
    let issues = world.jira.issues();
    assert_eq!(issues.len(), 1);
    assert!(issues[0].summary.contains("mail0"), "{}", issues[0].summary);
    let bodies: Vec<String> = issues[0].comments.iter().map(|comment| comment.body.to_string()).collect();
    let in_order = (1..count).zip(&bodies).all(|(number, body)| body.contains(&format!("mail{number}-body")));
    assert!(in_order && bodies.len() == count - 1, "{bodies:?}");
    let listed = world.run(&["messages", "list", "--json"]).await;
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_consent_resumes_where_it_was_and_what_came_meanwhile_is_delivered_once_and_in_order() {
    let world = World::authorized("", "start = \"all\"").await;
    let mut daemon = world.daemon();
    conversation(&world, 0..5);
    is_all_there(&world, 5).await;
    world.lose_consent();
    world.until("the refusal is noticed", async || world.state().await == "needs_consent").await;
    assert_eq!(world.run(&["status"]).await.status.code(), Some(1));
    conversation(&world, 5..20);
    world.authorize().await;
    is_all_there(&world, 20).await;
    assert_eq!(world.state().await, "watching");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_does_not_open_the_mailbox_gives_way_to_one_that_does() {
    // Nobody tells who signed in, so that the mail server alone can know that it was the wrong one.
    let world = World::start_on(Product::Cloud, "", "start = \"all\"").await;
    let text = world.config_text();
    let text = text.replace("[\"openid\", \"email\", \"mail\", \"offline_access\"]", "[\"mail\", \"offline_access\"]");
    world.write_config(&text);
    world.provider.set(|settings| settings.sign_in_as = Some(SUPERVISOR.to_owned()));
    let refused = world.try_to_authorize("support").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("the mailbox does not open with it"), "{said}");
    let mut daemon = world.daemon();
    world.until("the mail server refuses it", async || world.state().await == "misconfigured").await;
    conversation(&world, 0..3);
    world.provider.set(|settings| settings.sign_in_as = None);
    world.authorize().await;
    is_all_there(&world, 3).await;
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_taken_back_ends_the_reading_at_once_and_the_next_one_resumes_it() {
    let world = World::authorized("", "start = \"all\"").await;
    let mut daemon = world.daemon();
    conversation(&world, 0..2);
    is_all_there(&world, 2).await;
    let revoked = world.run(&["revoke", "support"]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    world.until("it leaves", async || world.log().contains("the consent was taken back")).await;
    conversation(&world, 2..4);
    let status = world.status_of("support").await;
    assert_eq!((&status["state"], &status["consent"]["state"]), (&"needs_consent".into(), &"needed".into()));
    assert!(status["error"].as_str().unwrap().contains("mail2jira revoke"), "{status}");
    assert_eq!(world.written("-body"), 2);
    world.authorize().await;
    is_all_there(&world, 4).await;
    daemon.kill().await.unwrap();
}
