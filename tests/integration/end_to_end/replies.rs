//! What becomes of a reply whose issue is finished, closed, moved, deleted or full; and who sees it.

use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::log::LogBodies;
use sandbox::jira::site::{Discretion, Product, Status, Workflow};

use super::PRODUCTS;
use super::world::{World, mail};

pub const FIRST: &str = "In-Reply-To: <first@example.com>\r\n";

/// A world with one issue, SUP-1, made by a mail.
pub async fn world(product: Product, mailbox: &str) -> World {
    let world =
        World::authorized_on(product, "[limits]\nsettle = \"3s\"", &format!("start = \"all\"\n{mailbox}")).await;
    world.inbox().deliver(&mail("first", "")).unwrap();
    assert!(world.pass().await.status.success());
    world
}

pub async fn reply(world: &World, token: &str, headers: &str) {
    world.inbox().deliver(&mail(token, headers)).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_moves_a_finished_issue_back_once_by_a_way_that_asks_nothing() {
    for product in PRODUCTS {
        let world = world(product, "").await;
        world.jira.set_status("SUP-1", Status::Done);
        let lost = Effect::Cut { when: When::AfterWrite };
        world.jira.add_fault(Fault::on("POST", "*/transitions", lost).times(1));
        reply(&world, "second", FIRST).await;
        let issue = world.jira.issue("SUP-1").unwrap();
        assert_eq!((issue.status, issue.moves, issue.comments.len()), (Status::ToDo, vec![Status::ToDo], 1));
        reply(&world, "third", FIRST).await;
        assert_eq!(world.jira.issue("SUP-1").unwrap().moves.len(), 1, "an open issue is left where it is");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_validator_minds_one_way_back_another_is_taken() {
    for product in PRODUCTS {
        let world = world(product, "").await;
        world.jira.set_status("SUP-1", Status::Done);
        let minded = Effect::status(400, When::BeforeWrite);
        world.jira.add_fault(Fault::on("POST", "*/transitions", minded).times(1));
        reply(&world, "second", FIRST).await;
        let issue = world.jira.issue("SUP-1").unwrap();
        assert_eq!((issue.status, issue.comments.len()), (Status::InProgress, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reopen_a_finished_issue_stays_finished() {
    let world = world(Product::Cloud, "[mailbox.support.replies]\nreopen = false").await;
    world.jira.set_status("SUP-1", Status::Done);
    reply(&world, "second", FIRST).await;
    let issue = world.jira.issue("SUP-1").unwrap();
    assert_eq!((issue.status, issue.comments.len()), (Status::Done, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_issue_takes_no_more_goes_on_in_one_that_is_linked_to_it() {
    type Trouble = fn(&World);
    let troubles: [(&str, Trouble); 4] = [
        ("closed", |world| {
            world.jira.set_status("SUP-1", Status::Done);
            world.jira.configure(|settings| settings.workflow = Workflow::Final);
        }),
        ("moved", |world| drop(world.jira.move_issue("SUP-1", "OPS").unwrap())),
        ("gone", |world| assert!(world.jira.delete_issue("SUP-1"))),
        ("no more comments", |world| {
            let full = Effect::status(413, When::BeforeWrite);
            let id = world.jira.issue("SUP-1").unwrap().id;
            world.jira.add_fault(Fault::on("POST", &format!("*/issue/{id}/comment"), full));
        }),
    ];
    for product in PRODUCTS {
        for (why, trouble) in troubles {
            let world = world(product, "").await;
            trouble(&world);
            reply(&world, "second", FIRST).await;
            let issues = world.jira.issues();
            let count = if why == "gone" { 1 } else { 2 };
            assert_eq!((issues.len(), issues[0].comments.len()), (count, 0), "{why}: {}", world.jira.state());
            let next = issues.last().unwrap();
            let text = next.fields["description"].to_string();
            assert!(text.contains("Goes on from SUP-1") || text.contains("Goes on from OPS-1"), "{why}: {text}");
            assert!(text.contains(why) && text.contains("second-body"), "{why}: {text}");
            let linked: Vec<&str> = next.links.iter().map(|link| link.other.as_str()).collect();
            let expected: &[&str] = match why {
                "gone" => &[],
                "moved" => &["OPS-1"],
                _ => &["SUP-1"],
            };
            assert_eq!(linked, expected, "{why}");
            // Whoever answers the first mail again finds the issue that went on from it.
            reply(&world, "third", FIRST).await;
            let issues = world.jira.issues();
            let comments = issues.last().unwrap().comments.len();
            assert_eq!((issues.len(), comments), (count, 1), "{why}: {}", world.jira.state());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_jira_shows_to_all_is_taken_away_at_once_and_a_person_is_told() {
    for product in PRODUCTS {
        for visibility in ["internal", "role:Agents"] {
            let world = world(product, &format!("[[rule]]\nname = \"notes\"\nvisibility = \"{visibility}\"")).await;
            reply(&world, "kept", FIRST).await;
            assert_eq!(world.jira.issues()[0].comments.len(), 1);
            for denied in ["", "DELETE_OWN_COMMENTS"] {
                world.jira.configure(|settings| {
                    settings.discretion = Discretion::Overlooked;
                    settings.denied = [denied.to_owned()].into();
                });
                let token = format!("leaked{denied}");
                world.inbox().deliver(&mail(&token, FIRST)).unwrap();
                assert_eq!(world.pass().await.status.code(), Some(1), "a person is needed");
                assert_eq!(world.written(&format!("{token}-body")), 0, "{}", world.jira.state());
            }
            let listed = world.run(&["messages", "list", "--json", "--state", "quarantined"]).await;
            let listed = String::from_utf8(listed.stdout).unwrap();
            assert!(listed.contains("it was deleted at once") && listed.contains("its text was removed"), "{listed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_leaks_is_taken_away_although_the_program_was_killed_before_it_could_look() {
    for product in PRODUCTS {
        let world = world(product, "[[rule]]\nname = \"notes\"\nvisibility = \"internal\"").await;
        world.jira.configure(|settings| settings.discretion = Discretion::Overlooked);
        let stuck = Effect::Hang { when: When::BeforeWrite, ms: 60_000 };
        world.jira.add_fault(Fault::on("GET", "*/issue/*/comment/*", stuck));
        world.inbox().deliver(&mail("second", FIRST)).unwrap();
        let mut daemon = world.daemon();
        world.until("all can see it", async || world.written("second-body") == 1).await;
        daemon.kill().await.unwrap();
        world.jira.heal();
        assert_eq!(world.pass().await.status.code(), Some(1), "a person is needed");
        assert_eq!(world.written("second-body"), 0, "{}", world.jira.state());
        // Once Jira heeds it, the person has it sent again.
        world.jira.configure(|settings| settings.discretion = Discretion::Kept);
        let listed = world.json(&["messages", "list", "--json", "--state", "quarantined"]).await;
        assert!(world.run(&["messages", "retry", &listed["id"].to_string()]).await.status.success());
        assert!(world.pass().await.status.success());
        assert_eq!(world.written("second-body"), 1, "{}", world.jira.state());
    }
}

/// As an older program left it that planned no proofs: a note that all can see, with a file still to come.
fn forget_the_proof(world: &World) {
    let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
    let change = |sql| state.execute(sql, []).unwrap();
    assert_eq!(change("DELETE FROM steps WHERE position = 1 AND state = 'sent'"), 1);
    assert_eq!(change("UPDATE steps SET position = 1 WHERE position = 2 AND state = 'planned'"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_leaked_before_an_upgrade_is_taken_away_by_the_program_that_proves_it() {
    for product in PRODUCTS {
        for discretion in [Discretion::Overlooked, Discretion::Kept] {
            let world = world(product, "[[rule]]\nname = \"notes\"\nvisibility = \"internal\"").await;
            world.jira.configure(|settings| settings.discretion = discretion);
            let stuck = Effect::Hang { when: When::BeforeWrite, ms: 60_000 };
            world.jira.add_fault(Fault::on("GET", "*/issue/*/comment/*", stuck));
            let file = "Content-Type: multipart/mixed; boundary=b\r\n";
            let letter = String::from_utf8(mail("second", &format!("{FIRST}{file}"))).unwrap();
            let (head, body) = letter.split_once("\r\n\r\n").unwrap();
            let attached = "--b\r\nContent-Disposition: attachment; filename=a.log\r\n\r\nlog\r\n--b--\r\n";
            world.inbox().deliver(format!("{head}\r\n\r\n--b\r\n\r\n{body}\r\n{attached}").as_bytes()).unwrap();
            let mut daemon = world.daemon();
            let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
            let proofs = "SELECT COUNT(*) FROM steps WHERE position = 1 AND state = 'sent'";
            world.until("the proof", async || state.query_row(proofs, [], |row| row.get(0)) == Ok(1)).await;
            daemon.kill().await.unwrap();
            world.jira.heal();
            forget_the_proof(&world);
            let kept = discretion == Discretion::Kept;
            assert_eq!(world.pass().await.status.code(), Some(if kept { 0 } else { 1 }), "{}", world.log());
            let state = world.jira.state();
            assert_eq!(world.written("second-body"), usize::from(kept), "{state}");
            assert_eq!(world.jira.issues()[0].attachments.len(), usize::from(kept), "{state}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_about_people_links_and_statuses_is_what_the_documents_ask_for() {
    let Some(documents) = crate::jira_documents::documents().unwrap() else { return };
    let rules = "cc = \"watchers\"\n\
        [[rule]]\nname = \"notes\"\nwhen.subject = \"second\"\nvisibility = \"internal\"\n\
        [[rule]]\nname = \"lead\"\nwhen.subject = \"first\"\nassignee = \"project-lead\"\nlinks = [\"SUP-9\"]\n\
        [[rule]]\nname = \"copied\"\nassignee = \"first-cc\"";
    let world = world(Product::Cloud, rules).await;
    world.jira.configure(|settings| settings.log_bodies = LogBodies::UpTo(1 << 20));
    let copied = format!("{FIRST}Cc: ann@example.com\r\n");
    world.jira.set_status("SUP-1", Status::Done);
    reply(&world, "second", &copied).await;
    world.jira.set_status("SUP-1", Status::Done);
    world.jira.configure(|settings| settings.workflow = Workflow::Final);
    for path in ["*/issueLink", "*/watchers", "*/issue"] {
        world.jira.add_fault(Fault::on("POST", path, Effect::Cut { when: When::AfterWrite }).times(1));
    }
    reply(&world, "third", &copied).await;
    let issues = world.jira.issues();
    let changes = (issues.len(), issues[1].links.len(), issues[1].watchers.len());
    assert_eq!(changes, (2, 1, 2), "each is there once, though its answer was lost: {}", world.jira.state());
    let asked_first = |path: &str| path == "/rest/api/2/serverInfo";
    let complaints: Vec<String> = world
        .jira
        .requests()
        .iter()
        .filter(|request| !asked_first(&request.path) && request.body.is_some())
        .flat_map(|request| documents.judge_entry(request).into_iter().map(move |complaint| (request, complaint)))
        .map(|(request, complaint)| format!("{} {}: {complaint:?}", request.method, request.path))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
