//! A grant that dies beside a running daemon: whoever watches from outside hears of it, and what arrives meanwhile comes in order.

use std::os::unix::net::UnixDatagram;

use reqwest::StatusCode;

use super::pages::Site;
use super::world::mail;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_grant_is_told_to_systemd_and_to_the_balancer_and_mail_then_comes_in_its_order() {
    let site = Site::start().await;
    let socket = site.world.dir.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_nonblocking(true).unwrap();
    let mut command = site.world.command(&["run"]);
    let mut daemon = command.env("NOTIFY_SOCKET", &socket).stderr(std::process::Stdio::null()).spawn().unwrap();
    site.answers().await;
    let mut statuses = Vec::new();
    let mut hear = move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = systemd.recv(&mut buffer) {
            statuses.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        statuses.iter().rfind(|line| line.starts_with("STATUS=")).cloned().unwrap_or_default()
    };
    let ready = async || site.open_get("/readyz").await;
    site.world
        .until("it is ready", async || {
            hear(); // a daemon whose datagrams nobody takes would wait
            ready().await.0 == StatusCode::OK
        })
        .await;
    site.world.inbox().deliver(&mail("mail0", "")).unwrap();
    site.world.until("the first mail is written", async || site.world.written("mail0-body") == 1).await;

    site.world.lose_consent();
    site.world.until("it is not ready", async || ready().await.1.contains("needs_consent")).await;
    assert_eq!(ready().await.0, StatusCode::SERVICE_UNAVAILABLE);
    site.world.until("systemd shows it", async || hear().contains("support needs_consent")).await;
    for number in 1..6 {
        let answer = mail(&format!("mail{number}"), "References: <mail0@example.com>\r\n");
        site.world.inbox().deliver(&answer).unwrap();
    }
    site.world.authorize().await;
    site.world.until("what came meanwhile is written", async || site.world.written("-body") == 6).await;
    let issues = site.world.jira.issues();
    assert_eq!(issues.len(), 1);
    let order: Vec<bool> = (1..6)
        .zip(&issues[0].comments)
        .map(|(number, comment)| comment.body.to_string().contains(&format!("mail{number}-body")))
        .collect();
    assert_eq!(order, [true; 5]);
    site.world.until("it is ready again", async || ready().await.0 == StatusCode::OK).await;
    site.world.until("systemd shows that too", async || hear().contains("1 mailboxes watched")).await;
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_core_dump_is_made_of_a_daemon() {
    let site = Site::start().await;
    let mut daemon = site.world.daemon();
    site.answers().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.id().unwrap())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
    daemon.kill().await.unwrap();
}
