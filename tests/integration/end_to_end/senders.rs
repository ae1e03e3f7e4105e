//! Who may, and how much; and that a person can let through what was refused.

use super::PRODUCTS;
use super::world::{World, mail};

fn from(address: &str, token: &str) -> Vec<u8> {
    String::from_utf8(mail(token, "")).unwrap().replace("ann@example.com", address).into_bytes()
}

async fn listed(world: &World, state: &str) -> Vec<serde_json::Value> {
    let output = world.run(&["messages", "list", "--json", "--state", state]).await;
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

async fn retry(world: &World, message: &serde_json::Value) {
    assert!(world.run(&["messages", "retry", &message["id"].to_string()]).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_makes_nothing_until_a_person_lets_it_through() {
    for product in PRODUCTS {
        let settings = "[senders]\nallow = [\"example.com\"]\nblock = [\"spam.example.com\"]";
        let own = "start = \"all\"\n[mailbox.support.senders]\nblock = [\"eve@example.com\"]";
        let world = World::authorized_on(product, settings, own).await;
        let senders = ["ann@example.com", "bob@elsewhere.test", "x@spam.example.com", "eve@example.com"];
        world.inbox().deliver_all(senders.map(|sender| from(sender, sender.split('@').next().unwrap()))).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!((world.jira.issues().len(), world.written("ann-body")), (1, 1));
        let refused = listed(&world, "ignored").await;
        assert_eq!(refused.len(), 3, "{refused:?}");
        let reason = |word: &str| refused.iter().filter(|line| line["reason"].as_str().unwrap().contains(word)).count();
        assert_eq!((reason("allow list"), reason("block list (`")), (1, 2), "{refused:?}");
        let eve = refused.iter().find(|line| line["message_id"] == "eve@example.com").unwrap();
        retry(&world, eve).await;
        world.clean_pass().await;
        assert_eq!(world.written("eve-body"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_of_one_sender_or_for_one_issue_is_set_aside() {
    let own = "start = \"all\"\n[mailbox.support.senders]\nper_hour = 3\nper_issue = 2";
    let world = World::authorized("", own).await;
    let many = (0..8).map(|number| from("ann@example.com", &format!("many{number}")));
    world.inbox().deliver_all(many).unwrap();
    assert_eq!(world.pass().await.status.code(), Some(1), "a person is told");
    assert_eq!(world.jira.issues().len(), 3);
    let held = listed(&world, "quarantined").await;
    assert_eq!(held.len(), 5);
    assert!(held.iter().all(|line| line["reason"].as_str().unwrap().contains("`per_hour`")), "{held:?}");
    retry(&world, &held[0]).await;
    world.pass().await;
    assert_eq!(world.jira.issues().len(), 4, "a person may let it through");
    let answer = |number: usize| {
        let mail = mail(&format!("answer{number}"), "In-Reply-To: <many0@example.com>\r\n");
        String::from_utf8(mail).unwrap().replacen("ann@", &format!("person{number}@"), 1).into_bytes()
    };
    world.inbox().deliver_all((0..3).map(answer)).unwrap();
    world.pass().await;
    let comments: usize = world.jira.issues().iter().map(|issue| issue.comments.len()).sum();
    let held = listed(&world, "quarantined").await;
    let full = held.iter().filter(|line| line["reason"].as_str().unwrap().contains("`per_issue`")).count();
    assert_eq!((comments, full), (1, 2), "the first message of the issue counts: {held:?}");
}
