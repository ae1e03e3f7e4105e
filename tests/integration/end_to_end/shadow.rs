//! A shadow does everything but writing, and what it has seen is neither lost nor doubled when it becomes real.

use sandbox::dovecot::Flag;
use serde_json::Value;

use super::PRODUCTS;
use super::world::{World, mail};

/// The config, as a shadow's or as a real one's.
fn shadow(world: &World, on: bool) {
    let text = world.config_text().replace("[jira]\nshadow = true\n", "[jira]\n");
    world.write_config(&if on { text.replace("[jira]\n", "[jira]\nshadow = true\n") } else { text });
}

async fn listed(world: &World) -> Vec<Value> {
    let output = world.run(&["messages", "list", "--json"]).await;
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn untouched(world: &World, count: usize) {
    let mails = world.inbox().mails().unwrap();
    assert_eq!(mails.len(), count);
    assert!(mails.iter().all(|mail| ![Flag::Seen, Flag::Deleted].iter().any(|flag| mail.has(*flag))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_writes_nothing_and_tells_all_and_real_mail_after_it_is_written_once() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"\nafter = \"delete\"").await;
        shadow(&world, true);
        let robot = mail("robot", "Auto-Submitted: auto-replied\r\n");
        world.inbox().deliver_all([mail("seen", ""), mail("seen", ""), robot]).unwrap();
        for _ in 0..2 {
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
            let log = String::from_utf8(output.stderr).unwrap();
            assert!(log.contains("a shadow: Jira is only read"), "{log}");
            untouched(&world, 3);
        }
        let of = |listed: &[Value], id: &str| listed.iter().find(|line| line["message_id"] == id).unwrap().clone();
        let told = of(&listed(&world).await, "seen@example.com");
        let told = if told["action"] == "create" { told } else { listed(&world).await.pop().unwrap() };
        assert_eq!((told["state"].as_str(), told["action"].as_str()), (Some("ignored"), Some("create")), "{told}");
        assert!(told["reason"].as_str().unwrap().starts_with("shadow: would have created an issue in SUP"), "{told}");
        let story = world.json(&["messages", "show", &told["id"].to_string(), "--json"]).await;
        assert_eq!(story["steps"].as_array().map(Vec::len), Some(1), "{story}");
        let said = story["story"].to_string();
        assert!(said.contains("asked to create the issue") && said.contains("seen-body"), "{said}");
        assert_eq!(world.jira.issues().len(), 0);

        shadow(&world, false);
        world.inbox().deliver(&mail("real", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!((world.written("real-body"), world.jira.issues().len()), (1, 1));
        untouched(&world, 3);
        assert!(world.run(&["messages", "retry", &told["id"].to_string()]).await.status.success());
        world.clean_pass().await;
        assert_eq!((world.written("seen-body"), world.jira.issues().len()), (1, 2));
        assert_eq!(world.inbox().count().unwrap(), 2, "what was delivered after all is deleted as well");
        assert_eq!(world.run(&["audit"]).await.status.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_before_waits_and_what_was_delivered_before_stays_as_it_is() {
    let world = World::authorized("", "start = \"all\"\npoll = \"1s\"").await;
    world.inbox().deliver(&mail("before", "")).unwrap();
    world.clean_pass().await;
    world.jira.set_availability(sandbox::jira::Availability::Down).await;
    shadow(&world, true);
    world.inbox().deliver(&mail("meanwhile", "In-Reply-To: <before@example.com>\r\n")).unwrap();
    assert!(!world.pass().await.status.success(), "nobody can say what it would become");
    world.jira.set_availability(sandbox::jira::Availability::Up).await;
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    let told = listed(&world).await.remove(0);
    assert!(told["reason"].as_str().unwrap().contains("would have commented on SUP-1"), "{told}");
    assert_eq!((world.written("before-body"), world.written("meanwhile-body")), (1, 0));
    let said = String::from_utf8(world.run(&["status"]).await.stdout).unwrap();
    assert!(said.contains("a shadow: Jira is only read, and no mailbox is touched"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_would_have_become_an_issue_would_have_become_a_comment() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        shadow(&world, true);
        world.inbox().deliver(&mail("first", "")).unwrap();
        world.clean_pass().await;
        world.inbox().deliver(&mail("answer", "In-Reply-To: <first@example.com>\r\n")).unwrap();
        world.clean_pass().await;
        let told = listed(&world).await.remove(0);
        assert_eq!((told["state"].as_str(), told["action"].as_str()), (Some("ignored"), Some("comment")), "{told}");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.starts_with("shadow: would have commented on the issue of message 1,"), "{told}");
        assert_eq!((world.jira.issues().len(), told["issue_key"].as_str()), (0, None));
    }
}
