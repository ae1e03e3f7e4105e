//! Claiming: one message of a thread at a time, oldest first, and never the same one twice.

use std::collections::BTreeSet;

use mail2jira::store::delivery::{Claim, LEASE_S, Pause};
use mail2jira::store::intake::NewMessage;
use mail2jira::store::{EntryId, Lease, Ledger};
use tokio::task::JoinSet;

use super::book::{at, claim, claim_after, id, ids, on_both};

const LEASE: i64 = LEASE_S as i64;

#[test]
fn the_oldest_open_message_of_each_thread_is_claimed_in_order() {
    on_both(async |book| {
        let first = book.new_message(book.letter(1)).await;
        let mut answer = book.letter(2);
        answer.ancestors = vec![id("1@example.com").unwrap()];
        let answer = book.new_message(answer).await;
        let other = book.new_message(book.letter(3)).await;
        assert_eq!(ids(&claim(&book.ledger, "a", 1, 0).await), [first], "the limit is kept");
        let rest = claim(&book.ledger, "a", 9, 0).await;
        assert_eq!(ids(&rest), [other], "its answer waits");
        assert!(book.claim(0).await.is_empty());
        assert_eq!(book.ledger.next_due().await.unwrap(), Some(at(LEASE)), "a lease may run out");
        assert_eq!(book.ask(&format!("SELECT lease_owner FROM messages WHERE id = {answer}")), "");
    });
}

#[test]
fn a_mailbox_with_a_backlog_takes_turns_with_the_others() {
    on_both(async |book| {
        let mut backlog = Vec::new();
        for number in 1..=9 {
            backlog.push(book.new_message(book.letter(number)).await);
        }
        for (number, mailbox) in [(10, "accounts"), (11, "zoo")] {
            let mut late = book.letter(number);
            late.mailbox = mailbox.to_owned();
            book.new_message(late).await;
        }
        let mailboxes = |leases: Vec<Lease>| leases.into_iter().map(|lease| lease.entry.mailbox).collect::<Vec<_>>();
        let two = mailboxes(claim_after("support", &book.ledger, "a", 2, 0).await);
        assert_eq!(two, ["zoo", "accounts"], "whoever had a turn is last");
        let five = ids(&claim_after("accounts", &book.ledger, "a", 5, 0).await);
        assert_eq!(five, backlog[..5], "alone it gets all, oldest first");
        let mut late = book.letter(12);
        late.mailbox = "zoo".to_owned();
        book.new_message(late).await;
        let four = mailboxes(claim(&book.ledger, "a", 4, 0).await);
        assert_eq!(four, ["support", "support", "zoo", "support"], "what others leave is for who has more");
    });
}

#[test]
fn a_mailbox_that_has_no_room_gives_its_turn_to_the_others() {
    on_both(async |book| {
        for number in 1..=4 {
            book.new_message(book.letter(number)).await;
        }
        for number in 5..=8 {
            book.new_message(NewMessage { mailbox: "zoo".to_owned(), ..book.letter(number) }).await;
        }
        let claim = |of_each, of: [(&str, usize); 1]| Claim {
            owner: "a".to_owned(),
            limit: 6,
            after: String::new(),
            of_each,
            of: of.into_iter().map(|(mailbox, room)| (mailbox.to_owned(), room)).collect(),
        };
        let mailboxes = async |claim| {
            let leases = book.ledger.claim(claim, at(0)).await.unwrap();
            leases.into_iter().map(|lease| lease.entry.mailbox).collect::<Vec<_>>()
        };
        assert_eq!(mailboxes(claim(6, [("support", 0)])).await, ["zoo"; 4]);
        assert_eq!(mailboxes(claim(1, [("zoo", 6)])).await, ["support"]);
    });
}

#[test]
fn an_older_message_that_joins_a_thread_waits_for_the_younger_one_that_is_worked_on() {
    on_both(async |book| {
        let older = book.new_message(book.letter(1)).await;
        let younger = book.new_message(book.letter(2)).await;
        let leases = book.claim(0).await;
        let [first, second] = <[_; 2]>::try_from(leases).unwrap();
        assert_eq!((first.entry.id, second.entry.id), (older, younger));
        book.ledger.release(first, Pause { until: at(0), reason: "later".to_owned() }).await.unwrap();
        let mut both = book.letter(3);
        both.ancestors = vec![id("1@example.com").unwrap(), id("2@example.com").unwrap()];
        book.new_message(both).await;
        assert!(book.claim(0).await.is_empty());
        book.ledger.record_ignored(second, "done", at(0)).await.unwrap();
        assert_eq!(ids(&book.claim(0).await), [older]);
    });
}

#[test]
fn what_is_put_off_is_claimed_when_its_time_has_come_and_next_due_says_when() {
    on_both(async |book| {
        assert_eq!(book.ledger.next_due().await.unwrap(), None);
        let id = book.new_message(book.letter(1)).await;
        assert_eq!(book.ledger.next_due().await.unwrap(), Some(at(0)));
        let lease = book.claim_one(0).await;
        book.ledger.release(lease, Pause { until: at(60), reason: "Jira rests".to_owned() }).await.unwrap();
        assert!(book.claim(59).await.is_empty());
        assert_eq!(book.ledger.next_due().await.unwrap(), Some(at(60)));
        assert_eq!(book.ledger.open_until(Some("support"), at(59).as_millisecond()).await.unwrap(), 0);
        assert_eq!(book.ledger.open_until(None, at(60).as_millisecond()).await.unwrap(), 1);
        assert_eq!(book.ledger.open_until(Some("sales"), at(60).as_millisecond()).await.unwrap(), 0);
        let lease = book.claim_one(60).await;
        let seen = (lease.entry.id, lease.entry.attempts, lease.entry.reason.as_str());
        assert_eq!(seen, (id, 0, "Jira rests"), "it was not tried");
    });
}

#[test]
fn a_lease_that_ran_out_goes_to_somebody_else_and_a_renewed_one_does_not() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        book.ledger.renew(lease.entry.id, lease.token, at(100)).await.unwrap();
        assert!(claim(&book.ledger, "other", 9, LEASE).await.is_empty());
        assert_eq!(claim(&book.ledger, "other", 9, 100 + LEASE).await.len(), 1);
        assert!(book.ledger.renew(lease.entry.id, lease.token, at(LEASE)).await.is_err());
    });
}

#[test]
fn a_starting_run_frees_the_leases_of_others_and_keeps_its_own() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let killed = claim(&book.ledger, "killed", 9, 0).await.remove(0);
        book.new_message(book.letter(2)).await;
        let own = claim(&book.ledger, "me", 9, 0).await.remove(0);
        assert_eq!(book.ledger.free_leases("me").await.unwrap(), 1);
        assert_eq!(ids(&claim(&book.ledger, "me", 9, 0).await), [killed.entry.id]);
        assert!(book.ledger.renew(killed.entry.id, killed.token, at(1)).await.is_err());
        book.ledger.renew(own.entry.id, own.token, at(1)).await.unwrap();
    });
}

/// Claims and settles until nothing is left; gives what it settled.
async fn work(ledger: Ledger, owner: String) -> Vec<EntryId> {
    let mut settled = Vec::new();
    loop {
        let leases = claim(&ledger, &owner, 3, 0).await;
        if leases.is_empty() && ledger.open_until(None, i64::MAX).await.unwrap() == 0 {
            return settled;
        }
        for lease in leases {
            settled.push(lease.entry.id);
            ledger.record_ignored(lease, "done", at(0)).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn many_workers_of_two_nodes_settle_every_message_once_and_in_the_order_of_its_thread() {
    on_both(async |book| {
        let letters = (1..=60).map(|number| {
            let mut letter = book.letter(number);
            letter.ancestors = vec![id(&format!("root-{}", number % 20)).unwrap()]; // threads of three
            letter
        });
        let all = book.ledger.receive(letters.collect(), at(0)).await.unwrap();
        let nodes = [book.ledger.clone(), book.another().await];
        let mut workers = JoinSet::new();
        for worker in 0..8 {
            workers.spawn(work(nodes[worker % 2].clone(), format!("worker {worker}")));
        }
        let settled: Vec<_> = workers.join_all().await.concat();
        assert_eq!(settled.len(), all.len());
        assert_eq!(settled.iter().collect::<BTreeSet<_>>().len(), all.len(), "none was settled twice");
        let out_of_order = "SELECT COUNT(*) FROM story a, story b, messages m, messages n WHERE m.id = a.message \
             AND n.id = b.message AND m.thread = n.thread AND m.id < n.id AND a.id > b.id \
             AND a.id > (SELECT MIN(id) FROM story WHERE message = a.message) \
             AND b.id > (SELECT MIN(id) FROM story WHERE message = b.message)";
        // PostgreSQL hands out ids of concurrent transactions in any order, but a sibling waits for the commit.
        assert_eq!(book.ask(out_of_order), "0");
    });
}
