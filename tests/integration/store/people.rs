//! What people ask and wish, and what a mailbox is owed and told.

use mail2jira::jira::Written;
use mail2jira::store::entry::Stage;
use mail2jira::store::owed::{Told, Why};
use mail2jira::store::queries::{Deferred, Filter, Wish};
use mail2jira::store::{EntryId, StoreError};

use super::book::{Book, at, claim, create, ids, inbox, issue, on_both, plan};

async fn quarantined(book: &Book, number: u32) -> EntryId {
    let id = book.new_message(book.letter(number)).await;
    let lease = book.claim_one(0).await;
    book.ledger.record_quarantined(lease, "Jira refused it", at(1)).await.unwrap();
    id
}

#[test]
fn a_list_is_newest_first_and_shows_what_is_asked_for() {
    on_both(async |book| {
        let delivered = book.deliver(1, &issue(1)).await;
        let aside = quarantined(book, 2).await;
        let due = book.new_message(book.letter(3)).await;
        let list = async |filter: Filter| {
            let entries = book.ledger.list(Filter { limit: 9, ..filter }, at(0)).await.unwrap();
            entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
        };
        assert_eq!(list(Filter::default()).await, [due, aside, delivered]);
        assert_eq!(
            list(Filter { stages: vec![Stage::Delivered, Stage::Received], ..Filter::default() }).await,
            [due, delivered]
        );
        assert_eq!(list(Filter { mailbox: Some("sales".to_owned()), ..Filter::default() }).await, []);
        let open = Filter { stages: vec![Stage::Received], ..Filter::default() };
        assert_eq!(list(Filter { deferred: Some(Deferred::No), ..open.clone() }).await, [due]);
        assert_eq!(list(Filter { deferred: Some(Deferred::Yes), ..open }).await, []);
        let newest = book.ledger.list(Filter { limit: 1, ..Filter::default() }, at(0)).await.unwrap();
        assert_eq!((newest.len(), newest[0].envelope.subject.as_str(), newest[0].size), (1, "subject 3", 20));
        assert_eq!(newest[0].envelope.from.as_ref().unwrap().address, "ann@example.com");
        assert_eq!(book.ledger.entry(EntryId(999)).await.unwrap(), None);
    });
}

#[test]
fn a_message_set_aside_is_tried_again_from_where_it_was() {
    on_both(async |book| {
        let untouched = quarantined(book, 1).await;
        assert_eq!(book.ledger.retry(untouched, at(5)).await.unwrap(), Wish::Granted);
        let lease = book.claim_one(5).await;
        assert_eq!((lease.entry.stage, lease.entry.released, lease.entry.attempts), (Stage::Received, true, 0));
        assert_eq!(book.ledger.owed("support", 9).await.unwrap(), [], "nothing is owed while it is open");
        let (lease, _) = book.ledger.record_planned(lease, vec![create()], plan(), at(5)).await.unwrap();
        let lease = book.ledger.record_sending(lease, 0, at(5)).await.unwrap();
        book.ledger.record_quarantined(lease, "ten unknown outcomes", at(6)).await.unwrap();
        assert_eq!(book.ledger.retry(untouched, at(7)).await.unwrap(), Wish::Granted);
        assert_eq!(book.claim_one(7).await.entry.stage, Stage::Sent, "it is looked for first");
    });
}

#[test]
fn wishes_that_make_no_sense_are_answered_with_the_reason() {
    on_both(async |book| {
        let delivered = book.deliver(1, &issue(1)).await;
        let mut copy = book.letter(1);
        copy.place = inbox(1, 50);
        book.receive(copy).await;
        assert_eq!(book.ledger.retry(EntryId(999), at(0)).await.unwrap(), Wish::NoSuchMessage);
        assert_eq!(book.ledger.discard(EntryId(999), at(0)).await.unwrap(), Wish::NoSuchMessage);
        assert_eq!(book.ledger.retry(delivered, at(0)).await.unwrap(), Wish::NotNow(Stage::Delivered));
        assert_eq!(book.ledger.discard(delivered, at(0)).await.unwrap(), Wish::NotNow(Stage::Delivered));
        assert_eq!(book.ledger.retry(EntryId(delivered.0 + 1), at(0)).await.unwrap(), Wish::Copy(delivered));
    });
}

#[test]
fn a_discarded_message_owes_what_a_delivered_one_owes_and_can_be_brought_back() {
    on_both(async |book| {
        let id = quarantined(book, 1).await;
        assert_eq!(book.ledger.discard(id, at(2)).await.unwrap(), Wish::Granted);
        assert_eq!(book.ledger.owed("support", 9).await.unwrap()[0].why, Why::Delivered);
        assert_eq!(book.ledger.discard(id, at(2)).await.unwrap(), Wish::NotNow(Stage::Discarded));
        assert_eq!(book.ledger.retry(id, at(3)).await.unwrap(), Wish::Granted);
        assert_eq!(ids(&book.claim(3).await), [id]);
    });
}

#[test]
fn a_message_that_is_worked_on_cannot_be_discarded_but_one_whose_lease_ran_out_can_for_good() {
    on_both(async |book| {
        let id = book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        assert_eq!(book.ledger.discard(id, at(1)).await.unwrap(), Wish::NotNow(Stage::Received));
        assert_eq!(book.ledger.discard(id, at(1_000)).await.unwrap(), Wish::Granted);
        let late = book.ledger.record_planned(lease, vec![create()], plan(), at(1_001)).await;
        assert!(matches!(late, Err(StoreError::LeaseLost(_))), "{late:?}");
        assert_eq!(book.ledger.entry(id).await.unwrap().unwrap().stage, Stage::Discarded);
    });
}

#[test]
fn a_mailbox_is_told_once_and_a_message_that_moved_is_remembered_there() {
    on_both(async |book| {
        let first = book.deliver(1, &issue(1)).await;
        let second = book.deliver(2, &issue(2)).await;
        let told = |id, uid, moved_to| Told { id, at: inbox(1, uid), moved_to };
        let moved = Some(mail2jira::mailbox::Place::Imap { folder: "Done".to_owned(), uid_validity: 3, uid: 8 });
        book.ledger.record_acknowledged(vec![told(first, 1, None), told(second, 2, moved.clone())]).await.unwrap();
        assert_eq!(book.ledger.owed("support", 9).await.unwrap(), []);
        assert_eq!(Some(book.ledger.entry(second).await.unwrap().unwrap().place), moved);
        assert_eq!(book.ledger.owed("sales", 9).await.unwrap(), []);
    });
}

#[test]
fn a_message_found_at_another_place_while_its_mailbox_was_told_stays_owed_there() {
    on_both(async |book| {
        let id = book.deliver(1, &issue(1)).await;
        let before = book.ledger.owed("support", 9).await.unwrap().remove(0);
        let mut found_again = book.letter(1);
        found_again.place = inbox(2, 9);
        book.receive(found_again).await;
        let told = Told { id, at: before.place, moved_to: Some(inbox(7, 7)) };
        book.ledger.record_acknowledged(vec![told]).await.unwrap();
        assert_eq!(book.ledger.owed("support", 9).await.unwrap()[0].place, inbox(2, 9));
    });
}

#[test]
fn a_place_that_another_entry_holds_already_is_not_given_twice() {
    on_both(async |book| {
        let first = book.deliver(1, &issue(1)).await;
        book.deliver(2, &issue(2)).await;
        let told = Told { id: first, at: inbox(1, 1), moved_to: Some(inbox(1, 2)) };
        book.ledger.record_acknowledged(vec![told]).await.unwrap();
        assert_eq!(book.ledger.entry(first).await.unwrap().unwrap().place, inbox(1, 1));
        assert_eq!(book.ledger.owed("support", 9).await.unwrap().len(), 1);
    });
}

#[test]
fn a_wish_for_another_try_reaches_a_message_that_waits() {
    on_both(async |book| {
        let id = book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        let (lease, _) = book.ledger.record_planned(lease, vec![create()], plan(), at(0)).await.unwrap();
        let lease = book.ledger.record_sending(lease, 0, at(0)).await.unwrap();
        let lease = book.ledger.record_written(lease, (0, &Written::Issue(issue(1))), None, at(0)).await.unwrap();
        let pause = mail2jira::store::delivery::Pause { until: at(3_600), reason: "later".to_owned() };
        book.ledger.release(lease, pause).await.unwrap();
        assert!(claim(&book.ledger, "a", 9, 5).await.is_empty());
        assert_eq!(book.ledger.retry(id, at(5)).await.unwrap(), Wish::Granted);
        assert_eq!(book.claim_one(5).await.entry.stage, Stage::Planned);
    });
}
