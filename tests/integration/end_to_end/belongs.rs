//! Which issue a message goes to where the ledger knows no ancestor of it: by Jira's own Message-IDs, by Outlook's
//! conversations, by the address's tag, and by the subject's key from whoever is on it; and what siblings, and pictures
//! that come with each of them, make.

use super::PRODUCTS;
use super::world::{World, mail};

fn letter(from: &str, to: &str, subject: &str, token: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{token}@example.com>\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nPlease look at {token}-body.\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_from_whoever_is_on_the_issue_and_a_tag_from_anybody() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        let (own, tagged) = ("support@example.test", "support+sup-1@example.test");
        for (from, to, subject, token) in [
            ("ann@example.com", own, "printer", "first"),
            // Ann's message made it, the bot is its reporter and watches it, and Eve has nothing to do with it.
            ("Ann <Ann@Example.com>", own, "Re: SUP-1 again", "author"),
            ("bot@example.com", own, "[SUP-1]", "watcher"),
            ("eve@example.com", own, "[SUP-1]", "stranger"),
            ("eve@example.com", tagged, "hello", "tagged"),
            ("ann@example.com", own, "[SUP-99] and OPS-1", "nowhere"),
        ] {
            world.inbox().deliver(&letter(from, to, subject, token)).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
        }
        let issues = world.jira.issues();
        assert_eq!((issues.len(), issues[0].comments.len()), (3, 3), "{}", world.jira.state());
        for token in ["author", "watcher", "stranger", "tagged", "nowhere"] {
            assert_eq!(world.written(&format!("{token}-body")), 1, "{token}");
        }
        let listed = world.run(&["messages", "list", "--json"]).await;
        let listed = String::from_utf8(listed.stdout).unwrap();
        for because in [
            "its subject names SUP-1, and its sender is on that: a comment",
            "its subject names SUP-1, and its sender is not known to be on that: a new issue",
            "it was sent to the address of SUP-1: a comment",
        ] {
            assert!(listed.contains(because), "{because}: {listed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_jiras_own_notification_finds_its_issue_if_it_knows_when_that_was_created() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        world.inbox().deliver(&mail("first", "")).unwrap();
        world.clean_pass().await;
        let (id, created) = (world.jira.issues()[0].id, world.jira.issues()[0].created.as_millisecond());
        for (token, created) in [("knows", created), ("guesses", created - 60_000)] {
            let answered = format!("In-Reply-To: <JIRA.{id}.{created}.7.{created}@Atlassian.JIRA>\r\n");
            world.inbox().deliver(&mail(token, &answered)).unwrap();
        }
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issues = world.jira.issues();
        assert_eq!((issues.len(), issues[0].comments.len()), (2, 1), "{}", world.jira.state());
        assert!(issues[0].comments[0].body.to_string().contains("knows"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn siblings_that_are_worked_on_at_once_make_one_issue_and_outlooks_conversation_counts_last() {
    let world = World::authorized_on(PRODUCTS[0], "", "start = \"all\"").await;
    for number in 0..6 {
        let sibling = mail(&format!("sibling{number}"), "References: <nobody.has.seen@example.com>\r\n");
        world.inbox().deliver(&sibling).unwrap();
    }
    world.clean_pass().await;
    assert_eq!((world.jira.issues().len(), world.jira.issues()[0].comments.len()), (1, 5), "{}", world.jira.state());
    let root = "Thread-Index: AdwB0mC3x1cQdVZ2TbWgk3y0mVwNpA==\r\n";
    let child = "Thread-Index: AdwB0mC3x1cQdVZ2TbWgk3y0mVwNpAABAgME\r\n";
    world.inbox().deliver(&mail("begins", root)).unwrap();
    world.clean_pass().await;
    world.inbox().deliver(&mail("conversation", child)).unwrap();
    world.inbox().deliver(&mail("reference", &format!("References: <sibling0@example.com>\r\n{child}"))).unwrap();
    world.clean_pass().await;
    let issues = world.jira.issues();
    let comments: Vec<usize> = issues.iter().map(|issue| issue.comments.len()).collect();
    assert_eq!(comments, [6, 1], "{}", world.jira.state());
    // A sibling of what nobody has seen, in spite of the conversation; and the conversations stay two.
    world.inbox().deliver(&mail("unseen", &format!("References: <nobody.has.seen@example.com>\r\n{child}"))).unwrap();
    world.inbox().deliver(&mail("again", child)).unwrap();
    world.clean_pass().await;
    let issues = world.jira.issues();
    let comments: Vec<usize> = issues.iter().map(|issue| issue.comments.len()).collect();
    assert_eq!(comments, [7, 2], "{}", world.jira.state());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signatures_picture_is_attached_to_an_issue_once_whatever_its_name() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        let letter = |token: &str, name: &str, answers: &str| {
            format!(
                "From: ann@example.com\r\nTo: support@example.test\r\nSubject: {token}\r\nMessage-ID: <{token}@example.com>\r\n\
                 {answers}Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
                 <p>{token}-body</p><img src=\"cid:{name}\">\r\n--b\r\nContent-Type: image/png; name={name}.png\r\n\
                 Content-ID: <{name}>\r\n\r\nthe same bytes\r\n--b--\r\n"
            )
        };
        world.inbox().deliver(letter("first", "logo", "").as_bytes()).unwrap();
        world.clean_pass().await;
        for (token, name) in [("second", "image001"), ("third", "logo")] {
            let answer = letter(token, name, "In-Reply-To: <first@example.com>\r\n");
            world.inbox().deliver(answer.as_bytes()).unwrap();
            world.clean_pass().await;
        }
        let issue = &world.jira.issues()[0];
        assert_eq!((issue.comments.len(), issue.attachments.len()), (2, 1), "{}", world.jira.state());
        assert!(issue.comments.iter().all(|comment| comment.body.to_string().contains("logo.png")));
    }
}
