//! People are called once, through every channel, whatever breaks; and are told when it is over.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use sandbox::dovecot::Service;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::Status;
use sandbox::oauth::Command as ProviderCommand;
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

fn revoke(world: &World) {
    let command = serde_json::from_value::<ProviderCommand>(serde_json::json!("revoke_all")).unwrap();
    world.provider.control(command).unwrap();
    world.dovecot.kill(Service::Imap).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_calls_once_through_every_channel_and_says_when_it_is_over() {
    let (dir, hook) = (tempfile::tempdir().unwrap(), Hook::start().await);
    let (world, told) = world_with_alerts(dir.path(), &hook).await;
    // Jira opens the issue, and its answer is lost.
    world.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", Effect::Cut { when: When::AfterWrite }).times(1));
    let mut daemon = world.daemon();
    world.until("it watches", async || world.state().await == "watching").await;
    revoke(&world);
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
    assert!(world.pass().await.status.success());
    assert!(lines(&told).is_empty() && hook.events().is_empty(), "all is well");
    revoke(&world);
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
