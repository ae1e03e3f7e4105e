//! Which issue a message goes to where no thread tells: by the address's tag, and by the subject's key from whoever is on it.

use super::PRODUCTS;
use super::world::World;

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
