//! One mail, one issue, over POP3.

use super::world::{World, mail};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_is_deleted_where_that_is_wanted_and_what_is_ignored_stays() {
    let world = World::over_pop3("", "start = \"all\"\nafter = \"delete\"").await;
    world.authorize().await;
    world.inbox().deliver_all([mail("first", ""), mail("second", "References: <first@example.com>\r\n")]).unwrap();
    world.inbox().deliver(&mail("robot", "Auto-Submitted: auto-replied\r\n")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!((world.written("first-body"), world.written("second-body"), world.jira.issues().len()), (1, 1, 1));
    let left: Vec<Vec<u8>> = world.inbox().mails().unwrap().iter().map(|mail| mail.read().unwrap()).collect();
    assert_eq!(left, [mail("robot", "Auto-Submitted: auto-replied\r\n")]);
    world.clean_pass().await;
    assert_eq!((world.written("-body"), world.inbox().count().unwrap()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_from_before_the_first_look_is_left_alone() {
    let world = World::over_pop3("", "").await;
    world.authorize().await;
    world.inbox().deliver(&mail("old", "")).unwrap();
    world.clean_pass().await;
    world.inbox().deliver(&mail("new", "")).unwrap();
    world.clean_pass().await;
    world.clean_pass().await;
    assert_eq!((world.written("old-body"), world.written("new-body")), (0, 1));
    assert_eq!(world.inbox().count().unwrap(), 2, "keep is the default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_takes_what_came_that_day_or_later() {
    let world = World::over_pop3("", "start = 2026-11-22").await;
    world.authorize().await;
    let old = String::from_utf8(mail("old", "")).unwrap().replace("Sun, 22 Nov", "Sat, 21 Nov");
    world.inbox().deliver_all([old.into_bytes(), mail("new", "")]).unwrap();
    world.clean_pass().await;
    assert_eq!((world.written("old-body"), world.written("new-body")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_again_and_again_writes_every_message_once() {
    let world =
        World::over_pop3("[limits]\nsettle = \"3s\"", "start = \"all\"\nafter = \"delete\"\npoll = \"1s\"").await;
    world.authorize().await;
    for round in 0..4 {
        world.inbox().deliver_all((0..5).map(|number| mail(&format!("mail{round}x{number}"), ""))).unwrap();
        let mut daemon = world.daemon();
        let some = round * 5 + 2;
        world.until("some of it is written", async || world.written("-body") >= some).await;
        daemon.kill().await.unwrap();
    }
    let mut daemon = world.daemon();
    world.until("the rest is written", async || world.written("-body") == 20).await;
    world.until("all of it is deleted", async || world.inbox().count().unwrap() == 0).await;
    world.until("it polls", async || world.state().await == "polling").await;
    assert_eq!(world.json(&["status", "--json"]).await["mailboxes"][0]["protocol"], "pop3");
    assert_eq!(world.jira.issues().len(), 20);
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn test_connection_logs_in_and_leaves_everything_as_it_is() {
    let world = World::over_pop3("", "start = \"all\"\nafter = \"delete\"").await;
    world.authorize().await;
    world.inbox().deliver(&mail("first", "")).unwrap();
    let report = world.json(&["test-connection", "support", "--json"]).await;
    assert_eq!(report["ok"], true, "{report}");
    let count = report["targets"][0]["stages"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&count["stage"], &count["server"]),
        (&"count".into(), &"1 there, a first look takes all of them".into())
    );
    assert_eq!(world.inbox().count().unwrap(), 1);
}
