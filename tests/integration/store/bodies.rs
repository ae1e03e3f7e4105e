//! Bodies: whole, unreadable at rest, and gone when their time is over.

use mail2jira::store::entry::Stage;
use mail2jira::store::owed::Told;
use mail2jira::store::queries::Wish;
use mail2jira::store::{BodyId, EntryId, StoreError};

use super::book::{Book, at, create, inbox, issue, on_both, plan};

async fn told(book: &Book, id: EntryId, uid: u32) {
    book.ledger.record_acknowledged(vec![Told { id, at: inbox(1, uid), moved_to: None }]).await.unwrap();
}

async fn has_body(book: &Book, id: EntryId) -> bool {
    match book.ledger.entry(id).await.unwrap().unwrap().body {
        Some(body) => !book.ledger.body(&body).await.unwrap().is_empty(),
        None => false,
    }
}

#[test]
fn a_body_of_many_chunks_comes_back_whole_and_chunk_by_chunk() {
    on_both(async |book| {
        let mut letter = book.letter(1);
        let (body, chunk) = (letter.body.clone(), vec![7_u8; 300_000]);
        letter.chunks = vec![book.ledger.seal_chunk(&body, 2, b"end").unwrap()];
        for position in 0..2 {
            let ahead = book.ledger.seal_chunk(&body, position, &chunk).unwrap();
            book.ledger.store_chunks(vec![ahead], at(0)).await.unwrap();
        }
        book.new_message(letter).await;
        assert_eq!(book.ledger.body(&body).await.unwrap(), [&chunk[..], &chunk[..], b"end"].concat());
        assert_eq!(book.ledger.chunk(&body, 1).await.unwrap(), Some(chunk));
        assert_eq!(book.ledger.chunk(&body, 3).await.unwrap(), None);
        let missing = book.ledger.body(&BodyId::new(at(0), "nothing")).await;
        assert!(matches!(missing, Err(StoreError::Corrupt(_))), "{missing:?}");
    });
}

#[test]
fn neither_text_nor_people_nor_plans_can_be_read_in_the_database() {
    on_both(async |book| {
        book.deliver(1, &issue(1)).await;
        let raw = book.raw();
        let holds = |text: &str| raw.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("1@example.com") && holds("SUP-1"), "the look goes past the data");
        for private in
            ["the text of letter 1", "subject 1", "ann@example.com", "Ann Example", "a secret summary", "folder INBOX"]
        {
            assert!(!holds(private), "`{private}` stands in the database");
        }
    });
}

#[test]
fn a_body_goes_when_its_message_is_whole_in_jira_its_mailbox_knows_and_the_time_is_over() {
    on_both(async |book| {
        let acknowledged = book.deliver(1, &issue(1)).await;
        told(book, acknowledged, 1).await;
        let owed = book.deliver(2, &issue(2)).await;
        let aside = book.new_message(book.letter(3)).await;
        let lease = book.claim_one(0).await;
        book.ledger.record_quarantined(lease, "refused", at(1)).await.unwrap();
        told(book, aside, 3).await;
        let partly = book.new_message(book.letter(4)).await;
        let lease = book.claim_one(0).await;
        let summary =
            mail2jira::store::delivery::PlanSummary { settled: mail2jira::store::delivery::Settled::LeftOut, ..plan() };
        let (lease, _) = book.ledger.record_planned(lease, vec![create()], summary, at(0)).await.unwrap();
        book.ledger.record_delivered(lease, None, at(1)).await.unwrap();
        told(book, partly, 4).await;
        let open = book.new_message(book.letter(5)).await;

        assert_eq!(book.ledger.delete_old_bodies(at(1)).await.unwrap(), 0, "settled at that very time");
        assert_eq!(book.ledger.delete_old_bodies(at(100)).await.unwrap(), 1);
        assert!(!has_body(book, acknowledged).await);
        for kept in [owed, aside, partly, open] {
            assert!(has_body(book, kept).await, "message {kept}");
        }
        assert_eq!(book.ask("SELECT COUNT(*) FROM bodies"), "4");
        assert_eq!(book.ledger.discard(partly, at(100)).await.unwrap(), Wish::Granted);
        told(book, partly, 4).await;
        assert_eq!(book.ledger.delete_old_bodies(at(200)).await.unwrap(), 1, "a person gave the rest up");
    });
}

#[test]
fn an_ignored_message_whose_body_is_gone_cannot_be_tried_again() {
    on_both(async |book| {
        let id = book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        book.ledger.record_ignored(lease, "bulk", at(1)).await.unwrap();
        told(book, id, 1).await;
        book.ledger.delete_old_bodies(at(2)).await.unwrap();
        assert_eq!(book.ledger.retry(id, at(3)).await.unwrap(), Wish::BodyGone);
        assert_eq!(book.ledger.entry(id).await.unwrap().unwrap().stage, Stage::Ignored);
    });
}

#[test]
fn chunks_that_no_message_names_are_tidied_away_when_they_are_old() {
    on_both(async |book| {
        let body = BodyId::new(at(0), "broken off");
        let chunk = book.ledger.seal_chunk(&body, 0, b"half a mail").unwrap();
        book.ledger.store_chunks(vec![chunk], at(50)).await.unwrap();
        book.ledger.delete_old_bodies(at(51)).await.unwrap();
        book.ledger.delete_abandoned_chunks(at(50)).await.unwrap();
        assert!(book.ledger.chunk(&body, 0).await.unwrap().is_some(), "it may still be coming in");
        book.ledger.delete_abandoned_chunks(at(51)).await.unwrap();
        assert_eq!(book.ledger.chunk(&body, 0).await.unwrap(), None);
    });
}
