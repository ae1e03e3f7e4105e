//! What daemons say of themselves, and who may watch a mailbox.

use jiff::Timestamp;
use mail2jira::store::entry::Stage;
use mail2jira::store::status::{Count, JiraRow, MailboxRow};

use super::book::{at, issue, on_both};

fn row(last_check: Option<Timestamp>, error: &str) -> MailboxRow {
    MailboxRow {
        name: "support".to_owned(),
        state: "watching".to_owned(),
        since: Some(at(0)),
        last_check,
        last_message: last_check,
        error: error.to_owned(),
    }
}

#[test]
fn a_node_is_listed_from_its_first_beat_until_it_leaves() {
    on_both(async |book| {
        book.ledger.beat("one", at(0)).await.unwrap();
        book.ledger.beat("two", at(1)).await.unwrap();
        book.ledger.beat("one", at(2)).await.unwrap();
        let nodes = book.ledger.nodes().await.unwrap();
        let beats: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.heartbeat_at)).collect();
        assert_eq!(beats, [("one", Some(at(2))), ("two", Some(at(1)))]);
        assert_eq!(nodes[0].version, env!("CARGO_PKG_VERSION"));
        book.ledger.leave("one").await.unwrap();
        assert_eq!(book.ledger.nodes().await.unwrap().len(), 1);
    });
}

#[test]
fn a_restarted_node_does_not_forget_when_a_mailbox_was_last_looked_into() {
    on_both(async |book| {
        book.ledger.save_mailboxes(vec![row(Some(at(5)), "")]).await.unwrap();
        book.ledger.save_mailboxes(vec![row(None, "no network")]).await.unwrap();
        assert_eq!(book.ledger.mailboxes().await.unwrap(), [row(Some(at(5)), "no network")]);
    });
}

#[test]
fn jira_is_as_it_was_last_said_to_be() {
    on_both(async |book| {
        assert_eq!(book.ledger.jira().await.unwrap(), None);
        for (state, retry_at) in [("backing_off", Some(at(9))), ("ok", None)] {
            let row =
                JiraRow { state: state.to_owned(), deployment: "cloud".to_owned(), error: String::new(), retry_at };
            book.ledger.save_jira(row.clone()).await.unwrap();
            assert_eq!(book.ledger.jira().await.unwrap(), Some(row));
        }
    });
}

#[test]
fn a_mailbox_is_watched_by_one_node_and_by_another_when_that_is_gone() {
    on_both(async |book| {
        let lease = async |owner: &str, from: i64| {
            let names = vec!["support".to_owned()];
            !book.ledger.lease_mailboxes(names, owner, at(from), at(from + 30)).await.unwrap().is_empty()
        };
        assert!(lease("a", 0).await && lease("a", 10).await);
        assert!(!lease("b", 39).await && lease("b", 40).await && !lease("a", 41).await);
        book.ledger.leave_mailboxes("b").await.unwrap();
        assert!(lease("a", 42).await);
        assert_eq!(book.ledger.free_mailbox_leases().await.unwrap(), 1);
        assert!(lease("c", 43).await);
        assert_eq!(book.ledger.mailboxes().await.unwrap()[0].state, "connecting");
    });
}

#[test]
fn messages_are_counted_by_stage_and_those_that_wait_apart() {
    on_both(async |book| {
        book.deliver(1, &issue(1)).await;
        for number in [2, 3] {
            book.new_message(book.letter(number)).await;
        }
        let lease = book.claim(0).await.remove(0);
        let pause = mail2jira::store::delivery::Pause { until: at(60), reason: "later".to_owned() };
        book.ledger.release(lease, pause).await.unwrap();
        let mut counts = book.ledger.counts(at(0)).await.unwrap();
        counts.sort_by_key(|count| count.stage.as_str());
        let expected = [
            Count { stage: Stage::Delivered, now: 1, deferred: 0 },
            Count { stage: Stage::Received, now: 1, deferred: 1 },
        ];
        assert_eq!(counts, expected);
        assert_eq!(book.ledger.backlogs().await.unwrap().into_iter().collect::<Vec<_>>(), [("support".to_owned(), 2)]);
    });
}
