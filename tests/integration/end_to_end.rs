//! One mail, one issue: the program as its user runs it, from a real mailbox to Jira.

use std::time::Duration;

use sandbox::dovecot::Flag;
use sandbox::jira::faults::{Effect, Fault, Looks, When};
use sandbox::jira::log::LogBodies;
use sandbox::jira::site::Product;
use sandbox::mails::{Occasion, Outcome, samples};
use world::{ADDRESS, World, mail};

mod alerts;
mod audit;
mod at_a_browser;
mod belongs;
mod ending;
mod exchange;
mod gmail;
mod long;
mod outage;
mod own_right;
mod pages;
mod people;
mod pictures;
mod pop3;
mod rekey;
mod renamed;
mod requests;
mod shadow;
mod signed;
mod refusals;
mod releases;
mod replies;
mod resuming;
mod secrets;
mod senders;
mod shelved;
mod test_connection;
mod ways_in;
mod trouble;
mod watched;
mod world;

/// What is true of one is true of the other.
const PRODUCTS: [Product; 2] = [Product::Cloud, Product::DataCenter];

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_mail_becomes_what_it_should() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        let samples = samples(&Occasion::now(ADDRESS));
        world.inbox().deliver_all(samples.iter().map(|sample| &sample.raw)).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let listed = world.run(&["messages", "list", "--json", "--limit", "100"]).await;
        let lines: Vec<serde_json::Value> =
            listed.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        assert_eq!(lines.len(), samples.len());
        let of = |name: &str| {
            let id = samples.iter().find(|sample| sample.name == name).and_then(|sample| sample.message_id.clone());
            lines
                .iter()
                .find(|line| line["message_id"].as_str() == id.as_deref())
                .unwrap_or_else(|| panic!("no {name}"))
        };
        for sample in &samples {
            let line = of(sample.name);
            match sample.outcome {
                Outcome::NewIssue => assert_eq!(
                    (line["action"].as_str(), line["state"].as_str()),
                    (Some("create"), Some("delivered")),
                    "{}: {line}",
                    sample.name
                ),
                Outcome::CommentOn(other) => {
                    assert_eq!(line["action"], "comment", "{}: {line}", sample.name);
                    assert_eq!(line["issue_key"], of(other)["issue_key"], "{}: {line}", sample.name);
                }
                Outcome::Ignored => assert_eq!(line["state"], "ignored", "{}: {line}", sample.name),
                Outcome::CommentOnNotified => {}
            }
        }
        let unseen = world.inbox().mails().unwrap().iter().filter(|mail| !mail.has(Flag::Seen)).count();
        assert_eq!(unseen, 0, "every message is dealt with, and marked");
        world.clean_pass().await;
        assert_eq!(
            world.jira.issues().len(),
            samples.iter().filter(|sample| sample.outcome == Outcome::NewIssue).count()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_what_atlassians_documents_ask_for() {
    let Some(documents) = crate::jira_documents::documents().unwrap() else { return };
    let world = World::authorized("[limits]\nsettle = \"3s\"", "start = \"all\"").await;
    world.jira.configure(|settings| settings.log_bodies = LogBodies::UpTo(1 << 20));
    for path in ["*/issue", "*/issue/*/comment", "*/issue/*/attachments"] {
        world.jira.add_fault(Fault::on("POST", path, Effect::Cut { when: When::AfterWrite }).times(1)); // to be looked up
    }
    world.inbox().deliver_all(samples(&Occasion::now(ADDRESS)).iter().map(|sample| &sample.raw)).unwrap();
    world.clean_pass().await;
    world.run(&["test-connection"]).await;
    let requests = world.jira.requests();
    // Asked before it is known which Jira this is, and so by version 2, which both have; the document at hand is of version 3.
    let asks_which = |path: &str| path == "/rest/api/2/serverInfo";
    let complaints: Vec<String> = requests
        .iter()
        .filter(|request| !asks_which(&request.path))
        .flat_map(|request| documents.judge_entry(request).into_iter().map(move |complaint| (request, complaint)))
        .map(|(request, complaint)| format!("{} {}: {complaint:?}", request.method, request.path))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(requests.len() > samples(&Occasion::now(ADDRESS)).len(), "{} requests", requests.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_from_before_the_first_start_is_left_alone_even_when_uidvalidity_changes() {
    let world = World::authorized("", "").await;
    world.inbox().deliver(&mail("old", "")).unwrap();
    world.clean_pass().await;
    assert_eq!(world.written("old-body"), 0);
    world.inbox().deliver(&mail("new", "")).unwrap();
    world.clean_pass().await;
    assert_eq!((world.written("old-body"), world.written("new-body")), (0, 1));
    world.inbox().change_uid_validity().unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await; // INTERNALDATE has whole seconds
    world.inbox().deliver(&mail("newer", "")).unwrap();
    world.clean_pass().await;
    assert_eq!((world.written("old-body"), world.written("new-body"), world.written("newer-body")), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_more_mail_than_one_listing_holds_is_read_to_its_end() {
    let world = World::authorized("", "start = \"all\"\nignore = [\"auto_reply\"]").await;
    let mails = (0..1_100).map(|number| mail(&format!("number{number}"), "Auto-Submitted: auto-replied\r\n"));
    world.inbox().deliver_all(mails).unwrap();
    world.clean_pass().await;
    let status = world.json(&["status", "--json"]).await;
    assert_eq!(status["messages"]["ignored"], 1_100, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_writes_what_comes_and_stops_in_good_order() {
    let world = World::authorized("", "start = \"all\"").await;
    let mut daemon = world.daemon();
    world.inbox().deliver(&mail("first", "")).unwrap();
    world.until("the first issue", async || world.written("first-body") == 1).await;
    world.until("health", async || world.run(&["status"]).await.status.success()).await;
    world.until("it watches", async || world.state().await == "watching").await;
    let status = world.json(&["status", "--json"]).await;
    assert_eq!((&status["jira"]["state"], &status["messages"]["delivered"]), (&"ok".into(), &1.into()), "{status}");
    let second = world.run(&["run"]).await;
    assert_eq!(second.status.code(), Some(1), "a second daemon on the same state must not start: {second:?}");
    world.inbox().deliver(&mail("second", "In-Reply-To: <first@example.com>\r\n")).unwrap();
    world.until("the answer", async || world.written("second-body") == 1).await;
    assert_eq!(world.jira.issues().len(), 1);
    world
        .until("both are marked", async || world.inbox().mails().unwrap().iter().all(|mail| mail.has(Flag::Seen)))
        .await;
    terminate(&daemon);
    assert_eq!(daemon.wait().await.unwrap().code(), Some(0), "{}", world.log());
    assert_eq!(world.run(&["status"]).await.status.code(), Some(1), "no daemon runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_read_is_not_tried_every_second_and_stays_a_fault_between_the_tries() {
    let world = World::authorized("", "start = \"all\"").await;
    world.jira.add_fault(Fault::on(
        "POST",
        "*/issue",
        Effect::Status { status: 401, when: When::BeforeWrite, looks: Looks::Jira },
    ));
    world.inbox().deliver(&mail("kept", "")).unwrap();
    let output = world.pass().await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let tries =
        world.jira.requests().iter().filter(|asked| asked.method == "POST" && asked.path.ends_with("/issue")).count();
    assert!((2..=8).contains(&tries), "{tries} tries");
    let status = world.json(&["status", "--json"]).await;
    assert!(!status["mailboxes"][0]["last_check"].is_null(), "what a pass has found stays known: {status}");
    world.jira.heal();
    let daemon = world.daemon();
    world.until("it is written", async || world.written("kept-body") == 1).await;
    terminate(&daemon);
}

fn terminate(daemon: &tokio::process::Child) {
    let pid = daemon.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_jira_refuses_is_set_aside_and_stops_no_other() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"\nafter_failure = { move = \"Failed\" }").await;
        world.jira.add_fault(
            Fault::on(
                "POST",
                "*/issue",
                Effect::Status { status: 400, when: When::BeforeWrite, looks: Default::default() },
            )
            // On Cloud it is tried once more, in plain text.
            .times(match product {
                Product::Cloud => 2,
                Product::DataCenter => 1,
            }),
        );
        world.inbox().deliver(&mail("refused", "")).unwrap();
        let output = world.pass().await;
        assert_eq!(output.status.code(), Some(1), "a quarantined message fails a pass: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("1 messages are quarantined"), "{output:?}");
        world.inbox().deliver(&mail("fine", "")).unwrap();
        world.pass().await;
        assert_eq!((world.written("refused-body"), world.written("fine-body")), (0, 1));
        assert_eq!(world.dovecot.folder(ADDRESS, "Failed").count().unwrap(), 1);
        let id = world.json(&["messages", "list", "--state", "quarantined", "--json"]).await["id"].to_string();
        assert!(world.run(&["messages", "retry", &id]).await.status.success());
        world.clean_pass().await;
        assert_eq!(world.written("refused-body"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_connection_passes_every_stage_and_names_the_one_that_fails() {
    for product in PRODUCTS {
        let world = World::start_on(product, "", "").await;
        let report = world.json(&["test-connection", "--json"]).await;
        assert_eq!(report["ok"], false);
        let stages = |report: &serde_json::Value, target: usize| -> Vec<(String, String)> {
            let stages = report["targets"][target]["stages"].as_array().unwrap();
            stages
                .iter()
                .map(|stage| {
                    (stage["stage"].as_str().unwrap().to_owned(), stage["result"].as_str().unwrap().to_owned())
                })
                .collect()
        };
        let failed: Vec<String> =
            stages(&report, 0).into_iter().filter(|(_, result)| result == "fail").map(|(stage, _)| stage).collect();
        assert_eq!(failed, ["token"], "{report}");
        world.authorize().await;
        let report = world.json(&["test-connection", "--json"]).await;
        assert_eq!(report["ok"], true, "{report}");
        let names = |target| stages(&report, target).into_iter().map(|(stage, _)| stage).collect::<Vec<_>>();
        assert_eq!(
            names(0),
            ["config", "secret", "dns", "tcp", "tls", "token", "login", "capabilities", "select", "count"]
        );
        assert_eq!(
            names(1),
            [
                "config",
                "secret",
                "reach",
                "product",
                "identity",
                "project",
                "permissions",
                "required_fields",
                "attachments"
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_in_the_clear_in_the_state() {
    let world = World::authorized("", "start = \"all\"").await;
    world.inbox().deliver(&mail("private", "")).unwrap();
    let output = world.command(&["--log-level", "trace", "run", "--once"]).output().await.unwrap();
    assert!(output.status.success());
    let grants = serde_json::to_string(&world.provider.snapshot()).unwrap_or_default();
    assert!(!grants.is_empty());
    let mut state = Vec::new();
    for file in std::fs::read_dir(world.dir.path()).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().unwrap().to_string_lossy().starts_with("state.db") {
            state.extend(std::fs::read(file).unwrap());
        }
    }
    let clear = |bytes: &[u8], needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    for needle in ["sandbox-token", "sandbox-client-secret", "private-body", "about private", "ann@example.com"] {
        assert!(!clear(&state, needle), "{needle} stands in the state");
        assert!(!clear(&output.stderr, needle), "{needle} stands in the log");
    }
}
