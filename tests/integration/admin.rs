//! What the admin pages answer, over a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mail2jira::admin::{self, Snapshot, Source};
use mail2jira::clock::{Clock, SystemClock};
use mail2jira::status::{
    Consent, ConsentState, JiraState, JiraStatus, MailboxStatus, MessageCounts, Status, WorkState,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

struct Pages {
    address: SocketAddr,
    snapshot: watch::Sender<Snapshot>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Pages {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = status(WorkState::Watching, JiraState::Ok);
        let (snapshot, latest) = watch::channel(Snapshot { status, taken_at: SystemClock.now() });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(admin::serve(
            listener,
            Source { snapshot: latest, clock: Arc::new(SystemClock) },
            None,
            stop.clone(),
        ));
        Self { address, snapshot, stop, tasks }
    }

    fn now(&self, mailbox: WorkState, jira: JiraState) {
        self.snapshot.send_replace(Snapshot { status: status(mailbox, jira), taken_at: SystemClock.now() });
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let text = self.say(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        let status = text.get(9..12).unwrap_or_default().parse().unwrap();
        (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    async fn say(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn json(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get(path).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

fn status(mailbox: WorkState, jira: JiraState) -> Status {
    let consent = Consent { state: ConsentState::Granted, granted_at: None, expires_at: None, expiry_reason: None };
    let mailbox = MailboxStatus {
        name: "support".into(),
        address: "support@example.com".into(),
        protocol: "imap".into(),
        state: mailbox,
        since: Timestamp::UNIX_EPOCH,
        last_check: Some(SystemClock.now() - SignedDuration::from_secs(90)),
        last_message: None,
        backlog: 3,
        quarantined: 1,
        consent,
        forecast: Vec::new(),
        error: Some("the grant was revoked".into()),
    };
    let jira =
        JiraStatus { state: jira, deployment: "cloud".into(), error: None, retry_at: None, forecast: Vec::new() };
    Status::new(
        "node-1".into(),
        vec![mailbox],
        jira,
        MessageCounts { pending: 2, quarantined: 1, ..Default::default() },
    )
}

#[tokio::test]
async fn ready_is_200_and_becomes_503_with_the_reasons() {
    let pages = Pages::start().await;
    assert_eq!(pages.json("/readyz").await, (200, json!({"ready": true, "reasons": []})));

    pages.now(WorkState::NeedsConsent, JiraState::BackingOff);
    let reasons = json!([
        {"subject": "support", "state": "needs_consent", "reason": "the grant was revoked"},
        {"subject": "jira", "state": "backing_off", "reason": null},
    ]);
    assert_eq!(pages.json("/readyz").await, (503, json!({"ready": false, "reasons": reasons})));
    assert_eq!(pages.get("/healthz").await.0, 200, "a mailbox in trouble is not a process in trouble");
}

#[tokio::test]
async fn a_heartbeat_that_has_stopped_makes_the_process_unsound() {
    let pages = Pages::start().await;
    assert_eq!(pages.get("/healthz").await, (200, "ok\n".into()));
    let taken_at = SystemClock.now() - SignedDuration::from_mins(2);
    pages.snapshot.send_modify(|snapshot| snapshot.taken_at = taken_at);
    assert_eq!(pages.get("/healthz").await.0, 503);
    assert_eq!(pages.json("/readyz").await.1["reasons"][0]["state"], "stuck");
}

#[tokio::test]
async fn metrics_tell_the_states_the_counts_and_the_time_since_the_last_check() {
    let pages = Pages::start().await;
    let (status, text) = pages.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "mail2jira_messages{state=\"pending\"} 2",
        "mail2jira_messages{state=\"quarantined\"} 1",
        "mail2jira_mailbox_state{mailbox=\"support\",state=\"watching\"} 1",
        "mail2jira_mailbox_state{mailbox=\"support\",state=\"polling\"} 0",
        "mail2jira_mailbox_backlog{mailbox=\"support\"} 3",
        "mail2jira_jira_state{state=\"ok\"} 1",
        "mail2jira_healthy 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing from\n{text}");
    }
    let age =
        text.lines().find_map(|line| line.strip_prefix("mail2jira_mailbox_seconds_since_check{mailbox=\"support\"} "));
    assert!(age.unwrap().parse::<u64>().unwrap() >= 90);
    assert!(!text.contains('@'), "addresses are nobody's business: {text}");
}

#[tokio::test]
async fn nothing_else_answers() {
    let pages = Pages::start().await;
    for path in ["/", "/api/v1/status", "/api/v1/messages", "/healthz/", "/oauth/callback"] {
        assert_eq!(pages.get(path).await.0, 404, "{path}");
    }
    assert!(
        pages.say("POST /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.starts_with("HTTP/1.1 405")
    );
    let endless = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(40_000));
    let answer = pages.say(&endless).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"), "{answer}");
    assert_eq!(pages.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn it_stops_when_told_though_a_client_holds_its_connection() {
    let mut pages = Pages::start().await;
    let _idle = TcpStream::connect(pages.address).await.unwrap();
    assert_eq!(pages.get("/healthz").await.0, 200);
    pages.stop.cancel();
    pages.tasks.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(pages.address).await.is_err());
}
