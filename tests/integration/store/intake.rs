//! Taking messages in: places, copies, changed UIDVALIDITY, cursors.

use mail2jira::mailbox::cursor::Cursor;
use mail2jira::mailbox::{Bookmark, Found, GmailId, Place};
use mail2jira::store::entry::Stage;
use mail2jira::store::intake::{Intake, NewMessage};
use mail2jira::store::owed::{Told, Why};

use super::book::{at, ids, inbox, issue, on_both};

#[test]
fn a_place_is_taken_in_once_and_its_second_body_is_not_kept() {
    on_both(async |book| {
        let first = book.new_message(book.letter(1)).await;
        assert_eq!(book.ledger.unknown("support", vec![inbox(1, 1), inbox(1, 2)]).await.unwrap(), [inbox(1, 2)]);
        let again = book.letter(1);
        let body = again.body.clone();
        let ahead = book.ledger.seal_chunk(&body, 0, b"ahead").unwrap();
        book.ledger.store_chunks(vec![ahead], at(0)).await.unwrap();
        assert_eq!(book.receive(again).await, Intake::Known);
        assert_eq!(book.ledger.chunk(&body, 0).await.unwrap(), None);
        assert_eq!(ids(&book.claim(0).await), [first]);
        let story = book.ledger.story(first).await.unwrap();
        assert!(story[0].what.contains("folder INBOX, UID 1"), "{story:?}");
        assert_eq!(story[0].at, Some(at(0)));
    });
}

#[test]
fn the_same_message_in_another_folder_is_a_copy_and_owes_an_acknowledgement() {
    on_both(async |book| {
        let original = book.new_message(book.letter(1)).await;
        let mut copy = book.letter(1);
        copy.place = Place::Imap { folder: "Lists".to_owned(), uid_validity: 1, uid: 7 };
        let place = copy.place.clone();
        assert_eq!(book.receive(copy).await, Intake::Duplicate(original));
        let owed = book.ledger.owed("support", 10).await.unwrap();
        assert_eq!((owed.len(), &owed[0].place, owed[0].why), (1, &place, Why::Ignored));
        let copy = book.ledger.entry(owed[0].id).await.unwrap().unwrap();
        assert_eq!((copy.stage, copy.duplicate_of, copy.body), (Stage::Ignored, Some(original), None));
        assert_eq!(ids(&book.claim(0).await), [original], "a copy is not worked on");
    });
}

#[test]
fn gmails_own_id_finds_a_message_again_without_its_bytes() {
    on_both(async |book| {
        let id = Some(GmailId(u64::MAX));
        let original = book.new_message(NewMessage { gmail_id: id, ..book.letter(1) }).await;
        let at_place = |place| Found { place, gmail_id: id, size: 20, arrived: at(0) };
        let label = Place::Imap { folder: "Label".to_owned(), uid_validity: 9, uid: 4 };
        let another = Found { size: 21, ..at_place(inbox(1, 6)) };
        let nameless = Found { gmail_id: None, ..at_place(inbox(1, 7)) };
        let found = [at_place(inbox(2, 5)), at_place(label.clone()), another, nameless];
        let intakes = book.ledger.recognise("support", &found, at(1)).await.unwrap();
        assert_eq!(intakes, [Some(Intake::Moved(original)), Some(Intake::Duplicate(original)), None, None]);
        assert_eq!(book.ledger.entry(original).await.unwrap().unwrap().place, inbox(2, 5));
        let owed = book.ledger.owed("support", 10).await.unwrap();
        assert_eq!((owed.len(), &owed[0].place, owed[0].why), (1, &label, Why::Ignored));
        let copy = book.ledger.entry(owed[0].id).await.unwrap().unwrap();
        assert_eq!((copy.stage, copy.duplicate_of, copy.body), (Stage::Ignored, Some(original), None));
        assert_eq!(copy.envelope.subject, "subject 1");
        let elsewhere = book.ledger.recognise("sales", &found, at(1)).await.unwrap();
        assert_eq!(elsewhere, [None; 4], "another mailbox's message is another message");
        assert_eq!(ids(&book.claim(0).await), [original]);
    });
}

#[test]
fn the_same_message_in_another_mailbox_is_another_message() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let mut other = book.letter(1);
        other.mailbox = "sales".to_owned();
        assert!(matches!(book.receive(other).await, Intake::New(_)));
    });
}

#[test]
fn a_changed_uidvalidity_gives_a_message_its_new_place_and_owes_it_again() {
    on_both(async |book| {
        let id = book.deliver(1, &issue(1)).await;
        let told = Told { id, at: inbox(1, 1), moved_to: None };
        book.ledger.record_acknowledged(vec![told]).await.unwrap();
        assert_eq!(book.ledger.owed("support", 10).await.unwrap(), []);
        let mut found_again = book.letter(1);
        found_again.place = inbox(2, 40);
        assert_eq!(book.receive(found_again).await, Intake::Moved(id));
        let owed = book.ledger.owed("support", 10).await.unwrap();
        assert_eq!((owed.len(), owed[0].id, &owed[0].place, owed[0].why), (1, id, &inbox(2, 40), Why::Delivered));
        assert!(book.claim(0).await.is_empty(), "it is delivered, and stays so");
    });
}

#[test]
fn two_copies_in_one_folder_both_find_their_new_places() {
    on_both(async |book| {
        let first = book.new_message(book.letter(1)).await;
        let mut copy = book.letter(1);
        copy.place = inbox(1, 2);
        assert_eq!(book.receive(copy).await, Intake::Duplicate(first));
        for uid in [1, 2] {
            let mut again = book.letter(1);
            again.place = inbox(9, uid);
            assert!(matches!(book.receive(again).await, Intake::Moved(_)), "UID {uid}");
        }
        assert_eq!(book.ask("SELECT COUNT(*) FROM messages WHERE uid_validity = 9"), "2");
        assert_eq!(book.ask("SELECT COUNT(*) FROM messages"), "2");
    });
}

#[test]
fn a_pop3_message_is_known_by_its_uidl() {
    on_both(async |book| {
        let mut letter = book.letter(1);
        letter.place = Place::Pop3 { uidl: "whqtswO00WBw418f9t5JxYwZ".to_owned() };
        let place = letter.place.clone();
        let id = book.new_message(letter).await;
        assert_eq!(book.ledger.unknown("support", vec![place.clone()]).await.unwrap(), []);
        assert_eq!(book.ledger.entry(id).await.unwrap().unwrap().place, place);
    });
}

#[test]
fn a_batch_is_taken_in_as_a_whole_or_not_at_all() {
    on_both(async |book| {
        let (first, mut second) = (book.letter(1), book.letter(2));
        second.chunks = first.chunks.iter().map(|_| book.ledger.seal_chunk(&first.body, 0, b"x").unwrap()).collect();
        assert!(book.ledger.receive(vec![first, second], at(0)).await.is_err(), "two chunks of one name");
        assert_eq!(book.ask("SELECT COUNT(*) FROM messages"), "0");
        assert_eq!(book.ask("SELECT COUNT(*) FROM bodies"), "0");
    });
}

#[test]
fn headers_that_no_mail_should_have_do_not_stop_the_line() {
    on_both(async |book| {
        let mut letter = book.letter(1);
        letter.message_id = super::book::id(&"x\u{fffd}y".repeat(9_000));
        letter.ancestors = vec![super::book::id("nul\0nul@example.com").unwrap()];
        letter.envelope.subject = "\0".to_owned();
        let id = book.new_message(letter).await;
        assert_eq!(ids(&book.claim(0).await), [id]);
    });
}

#[test]
fn a_bookmark_comes_back_as_it_was_saved_per_folder() {
    on_both(async |book| {
        assert_eq!(book.ledger.bookmark("support", "INBOX").await.unwrap(), None);
        let mut cursor =
            Cursor { uid_validity: 4_294_967_295, first_uid: 3, next_uid: 9, start_ms: Some(-1), withheld: [5].into() };
        book.ledger.save_bookmark("support", "INBOX", &Bookmark::Imap(cursor.clone())).await.unwrap();
        cursor.next_uid = 10;
        book.ledger.save_bookmark("support", "INBOX", &Bookmark::Imap(cursor.clone())).await.unwrap();
        assert_eq!(book.ledger.bookmark("support", "INBOX").await.unwrap(), Some(Bookmark::Imap(cursor)));
        assert_eq!(book.ledger.bookmark("support", "Lists").await.unwrap(), None);
    });
}
