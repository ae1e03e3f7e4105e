//! People are called once, through every channel, whatever breaks; and are told when it is over.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::{Product, Status};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::world::{World, mail};

/// An address that refuses the first call and keeps what it was told by the others.
struct Hook {
    url: String,
    told: Told,
    _server: JoinSet<()>,
}

type Told = Arc<Mutex<Vec<Value>>>;

impl Hook {
    async fn start() -> Self {
        let told = Told::default();
        let calls = Arc::new(Mutex::new(0));
        let router = Router::new().route("/hook", post(hear)).with_state((told.clone(), calls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, told, _server: server }
    }

    fn events(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }
}

async fn hear(State((told, calls)): State<(Told, Arc<Mutex<u32>>)>, body: String) -> StatusCode {
    let mut calls = calls.lock().unwrap();
    *calls += 1;
    if *calls == 1 {
        return StatusCode::BAD_GATEWAY;
    }
    told.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    StatusCode::OK
}

/// A program that keeps what it is told, one event a line.
fn pager(dir: &Path) -> (PathBuf, PathBuf) {
    let (program, told) = (dir.join("page-me"), dir.join("told"));
    std::fs::write(&program, format!("#!/bin/sh\ncat >> {}\n", told.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (program, told)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

async fn world_with_alerts(dir: &Path, hook: &Hook) -> (World, PathBuf) {
    let (program, told) = pager(dir);
    let notify = format!(
        "[notify]\ncommand = [\"{}\"]\nwebhook = \"{}\"\njira_project = \"OPS\"\n[limits]\nsettle = \"3s\"",
        program.display(),
        hook.url
    );
    (World::authorized(&notify, "start = \"all\"").await, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_calls_once_through_every_channel_and_says_when_it_is_over() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    // Jira opens the issue, and its answer is lost.
    world.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", Effect::Cut { when: When::AfterWrite }).times(1));
    let mut daemon = world.daemon();
    world.until("it watches", async || world.state().await == "watching").await;
    world.lose_consent();
    world.until("the command hears of it", async || lines(&told).len() == 1).await;
    world.until("the webhook hears of it after a refusal", async || hook.events().len() == 1).await;
    let event = &lines(&told)[0];
    assert_eq!(event["event"], "needs_consent", "{event}");
    assert_eq!((&event["subject"], &event["severity"]), (&"support".into(), &"error".into()));
    assert_eq!(event["command"], "mail2jira authorize support");
    assert!(event["url"].is_null() && event["since"].is_string() && event["node"].is_string(), "{event}");
    assert_eq!(hook.events()[0], *event);

    daemon.kill().await.unwrap();
    let mut daemon = world.daemon();
    world.inbox().deliver(&mail("meanwhile", "")).unwrap();
    world.authorize().await;
    world.until("it resumes", async || world.written("meanwhile-body") == 1).await;
    world.until("both hear that it is over", async || lines(&told).len() == 2 && hook.events().len() == 2).await;
    assert_eq!(names(&lines(&told)), ["needs_consent", "recovered"]);
    assert_eq!(names(&hook.events()), ["needs_consent", "recovered"]);
    let incidents = || -> Vec<_> {
        world.jira.issues().into_iter().filter(|issue| issue.summary.starts_with("mail2jira: support")).collect()
    };
    world.until("the issue is closed", async || incidents().iter().all(|issue| issue.status == Status::Done)).await;
    assert_eq!(incidents().len(), 1, "one issue, though the answer was lost and the daemon killed");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_calls_as_the_daemon_does_once_and_says_when_it_is_over() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    world.clean_pass().await;
    assert!(lines(&told).is_empty() && hook.events().is_empty(), "all is well");
    world.lose_consent();
    for _ in 0..2 {
        assert_eq!(world.pass().await.status.code(), Some(1));
    }
    assert_eq!(names(&lines(&told)), ["needs_consent"]);
    assert_eq!(lines(&told)[0]["command"], "mail2jira authorize support");
    assert_eq!(world.jira.issues().len(), 1, "one issue of the incident");
    world.authorize().await;
    world
        .until("the hook, which refused the first call, hears all of it", async || {
            world.pass().await;
            names(&hook.events()) == ["needs_consent", "recovered"]
        })
        .await;
    assert_eq!(names(&lines(&told)), ["needs_consent", "recovered"]);
    assert!(world.jira.issues().iter().all(|issue| issue.status == Status::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_that_will_soon_end_is_told_of_ahead_once_and_shown() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    let day = sandbox::clock::now() + jiff::SignedDuration::from_hours(5 * 24);
    let expires = format!("[provider.sandbox]\nsecret_expires = {}", day.strftime("%Y-%m-%d"));
    world.write_config(&world.config_text().replace("[provider.sandbox]", &expires));
    for _ in 0..2 {
        assert!(world.pass().await.status.success(), "mail still flows");
    }
    assert_eq!(names(&lines(&told)), ["expiring"]);
    let event = &lines(&told)[0];
    assert_eq!((&event["subject"], &event["severity"]), (&"support".into(), &"warning".into()));
    assert!(event["reason"].as_str().unwrap().starts_with("the provider's client secret ends in 4 days"), "{event}");
    let shown = world.run(&["status"]).await;
    assert!(String::from_utf8_lossy(&shown.stdout).contains("support: the provider's client secret ends in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_hangs_or_fails_holds_up_neither_mail_nor_the_others() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let notify = format!("[notify]\ncommand = [\"/bin/sleep\", \"600\"]\nwebhook = \"{}\"", hook.url);
    let world = World::authorized(&notify, "start = \"all\"").await;
    world.jira.add_fault(
        Fault::on(
            "POST",
            "/rest/api/3/issue",
            Effect::Status { status: 400, when: When::BeforeWrite, looks: Default::default() },
        )
        .times(2), // as it was planned, and in plain text
    );
    let mut daemon = world.daemon();
    world.inbox().deliver(&mail("refused", "")).unwrap();
    world.until("the webhook hears of it", async || hook.events().len() == 1).await;
    assert_eq!(names(&hook.events()), ["quarantined"]);
    assert_eq!(hook.events()[0]["command"], "mail2jira messages list --state quarantined --mailbox support");
    world.inbox().deliver(&mail("fine", "")).unwrap();
    world.until("mail flows on", async || world.written("fine-body") == 1).await;
    let id = world.json(&["messages", "list", "--state", "quarantined", "--json"]).await["id"].to_string();
    assert!(world.run(&["messages", "retry", &id]).await.status.success());
    world.until("it is over", async || names(&hook.events()) == ["quarantined", "recovered"]).await;
    daemon.kill().await.unwrap();
    drop(dir);
}

/// As if that many hours had passed since people were told last.
fn hours_pass(world: &World, hours: i64) {
    let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
    let told = state.execute("UPDATE incidents SET told_at = told_at - ?1 * 3600000 WHERE over_at = 0", [hours]);
    assert_eq!(told.unwrap(), 1, "one incident is open");
}

/// How many notices are still on their way to people.
fn notices(world: &World) -> i64 {
    let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
    state.query_row("SELECT COUNT(*) FROM notices", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_told_again_every_day_by_the_daemon_and_by_passes() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    let mut daemon = world.daemon();
    world.until("it watches", async || world.state().await == "watching").await;
    world.lose_consent();
    world.until("both hear of it", async || lines(&told).len() == 1 && hook.events().len() == 1).await;
    for days in 1..=2 {
        hours_pass(&world, 24);
        world
            .until("both hear of it again", async || (lines(&told).len(), hook.events().len()) == (1 + days, 1 + days))
            .await;
    }
    world.until("it is recorded that both have", async || notices(&world) == 0).await;
    daemon.kill().await.unwrap();
    let pass = async || {
        let output = world.pass().await;
        assert!(String::from_utf8_lossy(&output.stderr).contains("the pass left something to do"), "{output:?}");
    };
    hours_pass(&world, 23);
    pass().await;
    assert_eq!(lines(&told).len(), 3, "a day has not passed");
    hours_pass(&world, 2);
    pass().await;
    assert_eq!(names(&lines(&told)), ["needs_consent"; 4]);
    assert_eq!(names(&hook.events()), ["needs_consent"; 4]);
    assert!(lines(&told).iter().all(|event| event["incident"] == lines(&told)[0]["incident"]), "one incident");
    assert_eq!(world.jira.issues().len(), 1, "an open issue reminds by being open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_do_not_reach_for_a_quarter_of_an_hour_is_told_and_so_is_its_end() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    let config = world.config_text();
    let port = format!("port = {}\n", world.dovecot.ports().imaps);
    assert!(config.contains(&port), "{config}");
    world.write_config(&config.replace(&port, "port = 1\n"));
    for minutes in [0, 14] {
        minutes_pass_out_of_reach(&world, minutes);
        assert_eq!(world.pass().await.status.code(), Some(1));
        assert_eq!(lines(&told).len(), 0, "most outages are over by then");
    }
    minutes_pass_out_of_reach(&world, 1);
    for _ in 0..2 {
        assert_eq!(world.pass().await.status.code(), Some(1));
    }
    assert_eq!(names(&lines(&told)), ["unreachable"]);
    assert_eq!(lines(&told)[0]["command"], "mail2jira test-connection support");
    world.write_config(&config);
    world.clean_pass().await;
    assert_eq!(names(&lines(&told)), ["unreachable", "recovered"]);
    world.write_config(&config.replace(&port, "port = 1\n"));
    assert_eq!(world.pass().await.status.code(), Some(1));
    assert_eq!(lines(&told).len(), 2, "that is another outage, and has just begun");
}

/// As if the passes before had been that much longer ago.
fn minutes_pass_out_of_reach(world: &World, minutes: i64) {
    let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
    state.execute("UPDATE unreached SET since = since - ?1 * 60000", [minutes]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_postgresql_call_once_and_a_third_says_when_it_is_over() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (program, told) = pager(dir.path());
    let notify = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n[notify]\ncommand = [\"{}\"]\nwebhook = \"{}\"\njira_project = \"OPS\"\n\
         [limits]\nsettle = \"3s\"",
        program.display(),
        hook.url
    );
    let world = World::start_on(Product::Cloud, &notify, "start = \"all\"").await;
    world.use_postgres();
    world.authorize().await;
    let (mut first, mut second) = (world.daemon(), world.daemon());
    world.until("both have started", async || world.log().matches("answering health checks").count() == 2).await;
    world.until("one watches", async || world.state().await == "watching").await;
    world.lose_consent();
    world.until("both channels hear of it", async || lines(&told).len() == 1 && hook.events().len() == 1).await;
    for daemon in [&mut first, &mut second] {
        super::terminate(daemon); // a killed one would leave its mailbox to nobody for half a minute
        assert_eq!(daemon.wait().await.unwrap().code(), Some(0), "{}", world.log());
    }
    let (mut third, mut fourth) = (world.daemon(), world.daemon());
    world.inbox().deliver(&mail("meanwhile", "")).unwrap();
    world.authorize().await;
    world.until("it resumes", async || world.written("meanwhile-body") == 1).await;
    world.until("both hear that it is over", async || lines(&told).len() >= 2 && hook.events().len() >= 2).await;
    let incidents: Vec<_> =
        world.jira.issues().into_iter().filter(|issue| issue.summary.starts_with("mail2jira: support")).collect();
    assert_eq!(incidents.len(), 1);
    third.kill().await.unwrap();
    fourth.kill().await.unwrap();
    assert_eq!(names(&lines(&told)), ["needs_consent", "recovered"]);
    assert_eq!(names(&hook.events()), ["needs_consent", "recovered"]);
}
