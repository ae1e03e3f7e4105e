//! The audit finds what went missing, what is there twice and what waits; on a healthy system it finds nothing.

use sandbox::jira::Availability;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::Product;
use serde_json::Value;

use super::PRODUCTS;
use super::world::{World, mail};

const ANSWER: &str = "In-Reply-To: <first@example.com>\r\n";

fn with_a_file(token: &str) -> Vec<u8> {
    let headers = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=b=\"\r\n";
    let text = String::from_utf8(mail(token, headers)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let file =
        "--=b=\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\r\n%PDF\r\n";
    format!("{head}\r\n\r\n--=b=\r\n\r\n{body}\r\n{file}--=b=--\r\n").into_bytes()
}

/// Three mails, of which one answers another, and one has a file; all of them delivered.
async fn settled(world: &World) {
    world.inbox().deliver_all([mail("first", ""), mail("second", ANSWER), with_a_file("third")]).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
}

async fn audit(world: &World) -> Value {
    let output = world.run(&["audit", "--json"]).await;
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(output.status.code(), Some(i32::from(audit["healthy"] == false)), "{audit}");
    audit
}

/// The kinds of what an audit found, in order.
fn kinds(audit: &Value) -> Vec<&str> {
    assert_eq!(audit["unchecked"], serde_json::json!([]), "{audit}");
    let found = ["missing", "doubled", "pending"].into_iter().flat_map(|list| audit[list].as_array().unwrap());
    let mut kinds: Vec<&str> = found.map(|finding| finding["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_system_has_nothing_to_find_and_nothing_is_changed_by_looking() {
    for after in ["seen", "keep", "delete"] {
        let world = World::authorized("", &format!("start = \"all\"\nafter = \"{after}\"")).await;
        settled(&world).await;
        let before = (world.inbox().count().unwrap(), world.jira.requests().len());
        let found = audit(&world).await;
        assert_eq!((found["healthy"].as_bool(), kinds(&found)), (Some(true), Vec::new()), "{found}");
        assert_eq!(found["compared"]["in_ledger"], 3);
        assert_eq!(found["compared"]["issues"], 2);
        assert_eq!(world.inbox().count().unwrap(), before.0);
        let asked = world.jira.requests();
        let writes = |method: &str, path: &str| method != "GET" && !path.contains("/search");
        assert!(asked[before.1..].iter().all(|entry| !writes(&entry.method, &entry.path)), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_is_found_on_both_products_and_both_databases() {
    for product in PRODUCTS {
        let world = World::start_on(product, "", "start = \"all\"").await;
        if product == Product::DataCenter {
            world.use_postgres();
        }
        world.authorize().await;
        settled(&world).await;
        let issues = world.jira.issues();
        let about = |token: &str| issues.iter().find(|issue| issue.summary.ends_with(token)).unwrap();
        let (first, third) = (about("first"), about("third"));
        world.inbox().deliver(&mail("unseen", "")).unwrap();
        assert_eq!(kinds(&audit(&world).await), ["not_in_ledger"]);
        world.clean_pass().await;

        world.jira.copy_issue(&third.key).unwrap();
        world.jira.delete_from_issue(&third.key, third.attachments[0].id);
        world.jira.delete_from_issue(&first.key, first.comments[0].id);
        let found = audit(&world).await;
        assert_eq!(kinds(&found), ["attachment_gone", "comment_gone", "issue_doubled"]);
        let doubled = &found["doubled"][0];
        assert_eq!(doubled["message_id"], "third@example.com");
        assert_eq!(doubled["issues"].as_array().map(Vec::len), Some(2), "{doubled}");
        world.jira.delete_issue(&first.key);
        assert_eq!(kinds(&audit(&world).await), ["attachment_gone", "issue_doubled", "issue_gone", "issue_gone"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_waits_and_mail_that_left_its_mailbox_is_named() {
    let world = World::authorized("", "start = \"all\"").await;
    settled(&world).await;
    world.inbox().delete().unwrap();
    let found = audit(&world).await;
    assert_eq!(kinds(&found), ["not_in_mailbox"; 3]);
    assert_eq!(found["missing"][0]["message_id"], "first@example.com");
    world.jira.set_availability(Availability::Down).await;
    world.inbox().deliver(&mail("waits", "")).unwrap();
    assert!(!world.pass().await.status.success());
    world.jira.set_availability(Availability::Up).await;
    let found = audit(&world).await;
    assert_eq!(kinds(&found), ["not_in_mailbox", "not_in_mailbox", "not_in_mailbox", "pending"]);
    let text = String::from_utf8(world.run(&["audit"]).await.stdout).unwrap();
    assert!(text.contains("pending: 1\n  support: message 4, "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_said_and_is_not_taken_for_health() {
    let world = World::authorized("", "start = \"all\"").await;
    assert_eq!(world.run(&["audit"]).await.status.code(), Some(0), "consent alone has made a ledger");
    settled(&world).await;
    let refuses = Effect::Status { status: 503, when: When::BeforeWrite, looks: Default::default() };
    world.jira.add_fault(Fault::on("GET", "*/issue/*", refuses));
    let found = audit(&world).await;
    assert_eq!((found["healthy"].as_bool(), found["unchecked"][0]["subject"].as_str()), (Some(false), Some("jira")));
    assert_eq!(world.run(&["audit", "--mailbox", "nobody"]).await.status.code(), Some(1));
    assert_eq!(world.run(&["audit", "--since", "yesterday"]).await.status.code(), Some(2));
    assert_eq!(world.run(&["audit", "--until", "30d"]).await.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_ledger_that_was_set_back_has_written_again_is_found() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        world.inbox().deliver(&mail("first", "")).unwrap();
        assert!(world.pass().await.status.success());
        let (state, backup) = (world.dir.path().join("state.db"), world.dir.path().join("backup.db"));
        rusqlite::Connection::open(&state).unwrap().execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
        world.inbox().deliver_all([mail("second", ANSWER), mail("third", "")]).unwrap();
        assert!(world.pass().await.status.success());
        assert_eq!(kinds(&audit(&world).await), Vec::<&str>::new());
        for log in ["state.db-wal", "state.db-shm"] {
            let _none = std::fs::remove_file(world.dir.path().join(log));
        }
        std::fs::copy(&backup, &state).unwrap();
        assert_eq!(kinds(&audit(&world).await), ["not_in_ledger", "not_in_ledger"]);
        assert!(world.pass().await.status.success());
        let found = audit(&world).await;
        assert_eq!(kinds(&found), ["comment_doubled", "issue_doubled"], "{found}");
        let issues =
            found["doubled"].as_array().unwrap().iter().map(|doubled| doubled["issues"].as_array().unwrap().len());
        assert_eq!(issues.max(), Some(2), "{found}");
    }
}
