//! What an audit reads of the ledger.

use mail2jira::store::EntryId;
use mail2jira::store::audit::Period;
use mail2jira::store::owed::{Told, Why};

use super::book::{at, on_both};

#[test]
fn messages_of_a_period_come_in_lots_with_what_their_mailbox_was_told() {
    on_both(async |book| {
        for number in 1..=3 {
            book.new_message(book.letter(number)).await;
        }
        let period = Period { since: at(0), until: at(1_000_000) };
        let arrived = async |behind, limit| book.ledger.arrived("support", period, behind, limit).await.unwrap();
        let first = arrived(EntryId(0), 2).await;
        let rest = arrived(first[1].entry.id, 2).await;
        assert_eq!((first.len(), rest.len()), (2, 1));
        assert!(first.iter().all(|standing| standing.told.is_none()));
        assert_eq!(book.ledger.arrived("other", period, EntryId(0), 9).await.unwrap(), []);
        let later = Period { since: at(900_000), until: at(1_000_000) };
        assert_eq!(book.ledger.arrived("support", later, EntryId(0), 9).await.unwrap(), []);

        book.ledger.discard(first[0].entry.id, at(5)).await.unwrap();
        let owed = book.ledger.owed("support", 9).await.unwrap().remove(0);
        let told = Told { id: owed.id, at: owed.place, moved_to: None };
        book.ledger.record_acknowledged(vec![told]).await.unwrap();
        assert_eq!(arrived(EntryId(0), 1).await[0].told, Some(Why::Delivered));
    });
}
