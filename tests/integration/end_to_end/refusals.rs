//! No "no" of Jira's loses a mail: what it does not take is left out and told, and the rest goes through.

use std::time::Duration;

use sandbox::dovecot::Flag;
use sandbox::jira::faults::{Effect, Fault, Looks, When};

use super::world::{World, mail};
use super::{ADDRESS, PRODUCTS};

const URGENT: &str =
    "[[rule]]\nname = \"urgent\"\npriority = \"Urgent\"\nlabels = [\"from mail\"]\nfields.customfield_1 = \"x\"";

fn with_files(token: &str) -> Vec<u8> {
    let headers = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=b=\"\r\n";
    let text = String::from_utf8(mail(token, headers)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let file = |name: &str| {
        format!(
            "--=b=\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n%PDF {name}\r\n"
        )
    };
    let files = ["one.pdf", "two.pdf", "three.pdf"].map(file).concat();
    format!("{head}\r\n\r\n--=b=\r\n\r\n{body}\r\n{files}--=b=--\r\n").into_bytes()
}

fn refuses(path: &str, status: u16) -> Fault {
    Fault::on("POST", path, Effect::Status { status, when: When::BeforeWrite, looks: Default::default() })
}

async fn story(world: &World) -> String {
    let listed = world.json(&["messages", "list", "--json"]).await;
    world.json(&["messages", "show", &listed["id"].to_string(), "--json"]).await.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_jira_refuses_are_left_out_and_named_on_the_issue() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", &format!("start = \"all\"\n{URGENT}")).await;
        world.inbox().deliver(&mail("urgent", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issues = world.jira.issues();
        assert_eq!(issues.len(), 1);
        let fields = serde_json::to_string(&issues[0].fields).unwrap();
        assert!(fields.contains("from-mail") && fields.contains("urgent-body"), "{fields}");
        assert!(fields.contains("Jira did not take the field priority ") && fields.contains("Urgent): "), "{fields}");
        assert!(fields.contains("customfield"), "{fields}");
        let story = story(&world).await;
        assert!(story.contains("Jira did not take the field priority (Urgent)"), "{story}");
        assert!(world.inbox().mails().unwrap().iter().all(|mail| mail.has(Flag::Seen)), "{ADDRESS}: it is all there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_jira_refuses_are_listed_in_one_comment_and_the_rest_arrives() {
    for product in PRODUCTS {
        for status in [403, 413] {
            let world =
                World::authorized_on(product, "", "start = \"all\"\nafter_failure = { move = \"Failed\" }").await;
            world.jira.add_fault(refuses("*/attachments", status).times(2));
            world.inbox().deliver(&with_files("filed")).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
            let issues = world.jira.issues();
            assert_eq!((issues.len(), issues[0].attachments.len(), issues[0].comments.len()), (1, 1, 1));
            let told = issues[0].comments[0].body.to_string();
            assert!(told.contains("one.pdf ") && told.contains("two.pdf ") && !told.contains("three"), "{told}");
            assert_eq!(world.dovecot.folder(ADDRESS, "Failed").count().unwrap(), 1, "a part of it was left out");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_jira_does_not_understand_arrives_as_plain_text() {
    let world = World::authorized("", "start = \"all\"").await;
    world.inbox().deliver(&mail("first", "")).unwrap();
    assert!(world.pass().await.status.success());
    world.jira.add_fault(refuses("*/comment", 400).times(1));
    world.inbox().deliver(&mail("second", "In-Reply-To: <first@example.com>\r\n")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.written("second-body"), 1);
    assert!(!world.jira.issues()[0].comments[0].body.to_string().contains("marks"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_takes_no_issues_holds_the_mail_until_it_does() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        world.jira.configure(|settings| settings.denied.extend(["CREATE_ISSUES".to_owned()]));
        world.inbox().deliver(&mail("held", "")).unwrap();
        assert_eq!(world.pass().await.status.code(), Some(1));
        let listed = world.json(&["messages", "list", "--json"]).await;
        assert_eq!((listed["state"].as_str(), world.jira.issues().len()), (Some("deferred"), 0), "{listed}");
        assert!(listed["reason"].as_str().unwrap().contains("permission to create issues"), "{listed}");
        world.jira.configure(|settings| settings.denied.clear());
        assert!(world.run(&["messages", "retry", &listed["id"].to_string()]).await.status.success());
        assert!(world.pass().await.status.success());
        assert_eq!(world.written("held-body"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jira_that_tells_no_limit_of_attachments_gets_them_and_refuses_what_is_too_large() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        let untold = Effect::Status { status: 404, when: When::BeforeWrite, looks: Looks::Html };
        world.jira.add_fault(Fault::on("GET", "*/attachment/meta", untold));
        world.jira.add_fault(refuses("*/attachments", 413).times(1));
        world.inbox().deliver(&with_files("filed")).unwrap();
        world.clean_pass().await;
        let issues = world.jira.issues();
        assert_eq!((issues.len(), issues[0].attachments.len(), issues[0].comments.len()), (1, 2, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_firewall_keeps_from_jira_is_set_aside_while_others_get_through() {
    let world = World::authorized("", "start = \"all\"").await;
    world.inbox().deliver(&mail("walled", "")).unwrap();
    world.clean_pass().await;
    let minded = world.jira.issues()[0].id;
    world.inbox().deliver(&mail("free", "")).unwrap();
    world.clean_pass().await;
    let effect = Effect::Status { status: 400, when: When::BeforeWrite, looks: Looks::Html };
    world.jira.add_fault(Fault::on("POST", &format!("*/issue/{minded}/comment"), effect));
    let daemon = world.daemon();
    world.inbox().deliver(&mail("kept-out", "References: <walled@example.com>\r\n")).unwrap();
    let mut replies = 0;
    world
        .until("it is set aside", async || {
            replies += 1;
            world.inbox().deliver(&mail(&format!("reply{replies}"), "References: <free@example.com>\r\n")).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await; // more of them would be a loop
            world.json(&["status", "--json"]).await["messages"]["quarantined"] == 1
        })
        .await;
    world.until("the others arrive", async || world.written(&format!("reply{replies}-body")) == 1).await;
    assert_eq!(world.written("kept-out-body"), 0);
    drop(daemon);
}
