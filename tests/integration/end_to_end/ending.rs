//! How the daemon ends when it is asked to.

use std::time::Duration;

use sandbox::jira::faults::{Effect, Fault, When};

use super::terminate;
use super::world::{World, mail};

#[tokio::test(flavor = "multi_thread")]
async fn asked_once_it_ends_its_work_and_asked_twice_it_ends_at_once() {
    let world = World::authorized("", "start = \"all\"").await;
    world.jira.add_fault(Fault::on("POST", "*/issue", Effect::Hang { when: When::AfterWrite, ms: 50_000 }));
    world.inbox().deliver(&mail("slow", "")).unwrap();
    let mut daemon = world.daemon();
    world.until("the issue is under way", async || world.written("slow-body") == 1).await;
    assert!(world.log().contains("first look: all mail that is there will be taken"), "{}", world.log());
    terminate(&daemon);
    world.until("it says that it will end", async || world.log().contains("comes to its end")).await;
    assert!(daemon.try_wait().unwrap().is_none(), "what is in flight is waited for");
    world
        .until("it ends", async || {
            terminate(&daemon);
            daemon.try_wait().unwrap().is_some()
        })
        .await;
    assert_eq!(daemon.wait().await.unwrap().code(), Some(1), "{}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_comes_twice_at_once_is_one_wish() {
    let world = World::authorized("", "start = \"all\"").await;
    world.jira.add_fault(Fault::on(
        "POST",
        "*/issue",
        Effect::Delay { min_ms: 2_000, max_ms: 2_000, when: When::AfterWrite },
    ));
    world.inbox().deliver(&mail("slow", "")).unwrap();
    let mut daemon = world.daemon();
    world.until("the issue is under way", async || world.written("slow-body") == 1).await;
    let pid = daemon.id().unwrap();
    let both = format!("kill -TERM {pid}; kill -INT {pid}");
    assert!(std::process::Command::new("sh").args(["-c", &both]).status().unwrap().success());
    assert_eq!(daemon.wait().await.unwrap().code(), Some(0), "{}", world.log());
    assert_eq!(world.written("slow-body"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jira_that_does_not_answer_does_not_keep_it_from_ending() {
    let world = World::authorized("", "").await;
    world.jira.add_fault(Fault::always(Effect::delay(Duration::from_secs(50))));
    let mut daemon = world.daemon();
    world.until("it watches", async || world.state().await == "watching").await;
    terminate(&daemon);
    let ended = tokio::time::timeout(Duration::from_secs(45), daemon.wait()).await; // less than Jira takes
    assert_eq!(ended.expect("it waits for Jira").unwrap().code(), Some(0), "{}", world.log());
}
