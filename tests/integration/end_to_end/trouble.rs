//! Mailboxes in trouble: what is too large, what is gone, and what of it others notice.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sandbox::jira::faults::{Effect, Fault};
use sandbox::jira::site::Product;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::world::{ADDRESS, World, mail};

/// A mail with a text and one file of so many bytes, encoded.
fn large(token: &str, size: usize) -> String {
    // Base64 of "mail2jira!mail2jira!…" in lines of 76 characters: a line is 57 bytes.
    let line = "bWFpbDJqaXJhIW1haWwyamlyYSFtYWlsMmppcmEhbWFpbDJqaXJhIW1haWwyamlyYSFtYWlsMmpp";
    let mut text = format!(
        "From: Ann <ann@example.com>\r\nTo: {ADDRESS}\r\nSubject: {token}\r\nMessage-ID: <{token}@example.com>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
         {token}-body\r\n--b\r\nContent-Type: application/zip; name=big.zip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=big.zip\r\n\r\n"
    );
    for _ in 0..size / 57 {
        writeln!(text, "{line}\r").unwrap();
    }
    text + "--b--\r\n"
}

/// The most memory that a process has ever had, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_many_megabytes_becomes_an_issue_with_its_file_in_bounded_memory() {
    const SIZE: usize = 57 * 350_000; // 19 MiB, 26 MiB encoded
    let world = World::authorized("", "start = \"all\"\n[mailbox.support.attachments]\nmax_size = \"100MiB\"").await;
    let mut daemon = world.daemon();
    world.inbox().deliver(&mail("first", "")).unwrap();
    world.until("the first mail is an issue", async || world.written("first-body") == 1).await;
    let idle = peak_kib(daemon.id().unwrap());
    world.inbox().deliver(large("huge", SIZE).as_bytes()).unwrap();
    let attached = async || world.jira.issues().iter().any(|issue| !issue.attachments.is_empty());
    world.until("the large mail is there with its file", attached).await;
    let grown = peak_kib(daemon.id().unwrap()) - idle;
    let issues = world.jira.issues();
    let issue = issues.iter().find(|issue| issue.summary == "huge").unwrap();
    let file = &issue.attachments[0];
    assert_eq!((file.name.as_str(), file.content.len()), ("big.zip", SIZE));
    assert_eq!(world.written("huge-body"), 1);
    assert!(grown < 64 << 10, "{grown} KiB more than before");
    daemon.kill().await.unwrap();
}

/// A mailbox with a password, for the configuration.
pub fn with_password(name: &str, server: &str, secret: &Path) -> String {
    let secret = secret.display();
    format!(
        "\n[mailbox.{name}]\naddress = \"{name}@example.test\"\n{server}\nstart = \"all\"\nproject = \"SUP\"\nissue_type = \"Task\"\n\
         password = {{ username = \"{name}@example.test\", secret = {{ file = \"{secret}\" }} }}\n"
    )
}

/// A world whose only mailbox, with these keys, is at a server that is to be played at the listener.
pub async fn scripted(name: &str, keys: &str) -> (World, TcpListener) {
    let world = World::start_on(Product::Cloud, "", "").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secret = world.dir.path().join("password");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n{keys}");
    let text = world.config_text();
    let (others, _) = text.split_once("\n[mailbox.support]").unwrap();
    world.write_config(&(others.to_owned() + &with_password(name, &server, &secret)));
    (world, listener)
}

/// Hangs up on everyone.
async fn throttle(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = stream.write_all(b"* BYE [THROTTLED] Too many simultaneous connections\r\n").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_a_throttled_and_an_overflowing_mailbox_delay_no_other() {
    const BACKLOG: u64 = 600;
    let mut world = World::authorized("", "start = \"all\"").await;
    let secret = world.dir.path().join("password");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    world.dovecot.set_password("backlog@example.test", "secret").await.unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let throttled = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clear = |port| format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"none\"");
    let mailboxes = [
        with_password("dead", &clear(dead.local_addr().unwrap().port()), &secret),
        with_password("throttled", &clear(throttled.local_addr().unwrap().port()), &secret),
        with_password(
            "backlog",
            &format!(
                "host = \"localhost\"\nport = {}\nca_file = \"{}\"",
                world.dovecot.ports().imaps,
                world.dovecot.ca_file().display()
            ),
            &secret,
        ),
    ];
    world.write_config(&(world.config_text() + &mailboxes.concat()));
    let mails = (0..BACKLOG).map(|number| mail(&format!("backlog{number}"), ""));
    world.dovecot.inbox("backlog@example.test").deliver_all(mails).unwrap();
    world.jira.add_fault(Fault::always(Effect::delay(Duration::from_millis(500))));
    let mut throttling = JoinSet::new();
    throttling.spawn(throttle(throttled));
    let mut daemon = world.daemon();
    world.until("the backlog is in the ledger", async || world.left_in("backlog").await >= BACKLOG / 2).await;
    world.inbox().deliver(&mail("healthy", "")).unwrap();
    world.until("the healthy mailbox's mail is an issue", async || world.written("healthy-body") == 1).await;
    assert!(world.left_in("backlog").await > BACKLOG / 12, "the backlog came first");
    assert_ne!(world.status_of("dead").await["state"], "watching");
    assert_ne!(world.status_of("throttled").await["state"], "watching");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_is_named_while_the_others_go_on() {
    let world = World::start_on(Product::Cloud, "", "start = \"all\"\nfolders = [\"Gone\", \"INBOX\"]").await;
    let gone = world.dovecot.folder(ADDRESS, "Gone");
    gone.deliver(&mail("there", "")).unwrap();
    world.authorize().await;
    let mut daemon = world.daemon();
    world.until("the mail in both folders is marked", async || world.written("there-body") == 1).await;
    gone.delete().unwrap();
    world.dovecot.kill(sandbox::dovecot::Service::Imap).unwrap();
    world.inbox().deliver(&mail("here", "")).unwrap();
    world.until("the mail in the other folder is an issue", async || world.written("here-body") == 1).await;
    world.until("the mailbox is misconfigured", async || world.state().await == "misconfigured").await;
    let status = world.json(&["status", "--json"]).await;
    let error = status["mailboxes"][0]["error"].as_str().unwrap();
    assert!(error.contains("folder `Gone` cannot be opened"), "{error}");
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_its_bytes_and_what_is_over_waits_for_the_next() {
    let world = World::authorized("", "start = \"all\"\ndaily_bytes = \"1KB\"").await;
    let body = "x".repeat(600);
    world.inbox().deliver(&mail("one", &format!("X-Filler: {body}\r\n"))).unwrap();
    world.clean_pass().await;
    world.inbox().deliver(&mail("two", &format!("X-Filler: {body}\r\n"))).unwrap();
    let output = world.pass().await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("`daily_bytes` is used up: 1 messages"), "{said}");
    assert_eq!((world.written("one-body"), world.written("two-body")), (1, 0));
}
