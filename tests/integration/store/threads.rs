//! Threads: what belongs together, whatever order it comes in.

use jiff::Timestamp;
use mail2jira::jira::Written;
use mail2jira::mail::thread::{Conversation, Part};
use mail2jira::store::intake::NewMessage;
use mail2jira::store::threads::Turn;

use super::book::{Book, at, claim, create, id, ids, issue, on_both, plan};

fn answering(book: &Book, number: u32, to: &[u32]) -> NewMessage {
    let mut letter = book.letter(number);
    letter.ancestors = to.iter().map(|number| id(&format!("{number}@example.com")).unwrap()).collect();
    letter
}

async fn thread(book: &Book, number: mail2jira::store::EntryId) -> (i64, bool) {
    let entry = book.ledger.entry(number).await.unwrap().unwrap();
    (entry.thread, entry.continues)
}

#[test]
fn siblings_share_a_thread_even_when_their_parent_never_comes() {
    on_both(async |book| {
        let first = book.new_message(answering(book, 2, &[1])).await;
        let second = book.new_message(answering(book, 3, &[1])).await;
        let stranger = book.new_message(book.letter(9)).await;
        assert_eq!(thread(book, first).await, thread(book, second).await);
        assert_ne!(thread(book, first).await.0, thread(book, stranger).await.0);
        assert!(thread(book, first).await.1 && !thread(book, stranger).await.1);
    });
}

#[test]
fn a_parent_that_comes_late_continues_what_was_answered() {
    on_both(async |book| {
        let child = book.new_message(answering(book, 2, &[1])).await;
        let parent = book.new_message(book.letter(1)).await;
        assert_eq!(thread(book, parent).await, (thread(book, child).await.0, true));
    });
}

#[test]
fn a_parent_that_comes_between_its_answers_continues_what_began_before_it_came() {
    on_both(async |book| {
        let last = book.new_message(answering(book, 3, &[2])).await;
        let parent = book.new_message(book.letter(1)).await;
        let other = book.new_message(book.letter(9)).await;
        assert!(!thread(book, parent).await.1, "nobody has named it yet");
        let between = book.new_message(answering(book, 2, &[1])).await;
        for message in [parent, between] {
            assert_eq!(thread(book, message).await, (thread(book, last).await.0, true));
        }
        assert!(!thread(book, other).await.1);
    });
}

/// Every order of so many things, as their positions.
fn orders(of: u32) -> Vec<Vec<u32>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let with = |order: Vec<u32>| {
        (0..=order.len()).map(move |at| [&order[..at], &[of - 1][..], &order[at..]].concat()).collect::<Vec<_>>()
    };
    orders(of - 1).into_iter().flat_map(with).collect()
}

#[test]
fn a_conversation_of_five_is_one_in_whatever_order_it_comes() {
    on_both(async |book| {
        for (nth, order) in (0..).zip(orders(5)) {
            let mut came = Vec::new();
            for place in &order {
                let number = 10 * nth + place + 1;
                let answered: &[u32] = if *place == 0 { &[] } else { &[number - 1] };
                came.push(book.new_message(answering(book, number, answered)).await);
            }
            let oldest = thread(book, came[0]).await.0;
            for message in &came[1..] {
                assert_eq!(thread(book, *message).await, (oldest, true), "{order:?}");
            }
        }
    });
}

#[test]
fn a_message_that_names_two_threads_makes_them_one() {
    on_both(async |book| {
        let first = book.new_message(book.letter(1)).await;
        let second = book.new_message(book.letter(2)).await;
        let both = book.new_message(answering(book, 3, &[2, 1])).await;
        let late = book.new_message(answering(book, 4, &[2])).await;
        for message in [second, both, late] {
            assert_eq!(thread(book, message).await.0, thread(book, first).await.0);
        }
    });
}

#[test]
fn the_same_message_id_twice_is_one_thread_but_no_conversation() {
    on_both(async |book| {
        let first = book.new_message(book.letter(1)).await;
        let mut other = book.letter(2);
        other.message_id = id("1@example.com");
        let second = book.new_message(other).await;
        assert_eq!(thread(book, second).await, (thread(book, first).await.0, false));
    });
}

#[test]
fn an_issue_ties_threads_and_leads_answers_to_its_messages() {
    on_both(async |book| {
        let made = book.deliver(1, &issue(7)).await;
        let mut notified = book.letter(2); // answers Jira's own notification, which was never in a mailbox
        notified.issues = vec![issue(7).id];
        let answer = book.new_message(notified).await;
        assert_eq!(thread(book, answer).await, (thread(book, made).await.0, true));
        let related = book.ledger.related(answer).await.unwrap();
        assert_eq!((related.len(), related[0].id, &related[0].issue), (1, made, &issue(7)));
        assert_eq!((related[0].mailbox.as_str(), &related[0].message_id), ("support", &id("1@example.com")));
    });
}

#[test]
fn what_one_message_made_in_jira_is_no_other_messages() {
    on_both(async |book| {
        let made = book.deliver(1, &issue(7)).await;
        let other = book.new_message(book.letter(2)).await;
        let is_of_another = async |id, found| book.ledger.is_of_another(id, &found).await.unwrap();
        assert!(is_of_another(other, Written::Issue(issue(7))).await);
        assert!(!is_of_another(made, Written::Issue(issue(7))).await);
        assert!(!is_of_another(other, Written::Issue(issue(8))).await);
        assert!(!is_of_another(other, Written::Comment("7".to_owned())).await);
    });
}

#[test]
fn threads_that_become_one_while_a_message_is_worked_on_lose_neither_it_nor_its_issue() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        book.new_message(book.letter(2)).await;
        let mut leases = book.claim(0).await;
        let lease = leases.pop().unwrap(); // message 2, in a thread of its own
        let second = lease.entry.id;
        let both = book.new_message(answering(book, 3, &[1, 2])).await;
        let (lease, _) = book.ledger.record_planned(lease, vec![create()], plan(), at(0)).await.unwrap();
        let lease = book.ledger.record_sending(lease, 0, at(0)).await.unwrap();
        book.ledger.record_delivered(lease, Some((0, &Written::Issue(issue(2)))), at(0)).await.unwrap();
        let mut later = book.letter(4);
        later.issues = vec![issue(2).id];
        let later = book.new_message(later).await;
        assert_eq!(thread(book, later).await.0, thread(book, both).await.0);
        assert_eq!(book.ledger.related(both).await.unwrap()[0].id, second);
        assert!(claim(&book.ledger, "other", 9, 1).await.is_empty(), "message 1 comes first, and it is leased");
        assert_eq!(ids(&leases).len(), 1);
    });
}

#[test]
fn conversations_that_come_to_two_nodes_at_once_end_in_one_thread_each() {
    on_both(async |book| {
        let other = book.another().await;
        let mut tasks = tokio::task::JoinSet::new();
        for (ledger, mailbox) in [(book.ledger.clone(), "support"), (other, "sales")] {
            let letters: Vec<_> = (2..62)
                .map(|number| {
                    let mut letter = answering(book, number, &[number % 3 + 100, number - 1]);
                    letter.mailbox = mailbox.to_owned();
                    letter
                })
                .collect();
            for letter in letters {
                let ledger = ledger.clone();
                tasks.spawn(async move { ledger.receive(vec![letter], at(0)).await.map(|_| ()) });
            }
        }
        while let Some(received) = tasks.join_next().await {
            received.unwrap().unwrap();
        }
        assert_eq!(book.ask("SELECT COUNT(*) FROM messages"), "120");
        assert_eq!(book.ask("SELECT COUNT(DISTINCT thread) FROM messages"), "1");
        assert_eq!(book.ask("SELECT COUNT(DISTINCT thread) FROM thread_ids"), "1");
    });
}

#[test]
fn an_answer_in_a_conversation_of_outlooks_continues_it_in_the_same_mailbox_only() {
    on_both(async |book| {
        let indexed = |number, mailbox: &str, part| {
            let conversation = Some(Conversation { root: "01dc".repeat(11), part });
            NewMessage { conversation, mailbox: mailbox.to_owned(), ..book.letter(number) }
        };
        let early = book.new_message(indexed(1, "support", Part::Answers)).await;
        let begins = book.new_message(indexed(2, "support", Part::Begins)).await;
        let answers = book.new_message(indexed(3, "support", Part::Answers)).await;
        let elsewhere = book.new_message(indexed(4, "sales", Part::Answers)).await;
        let (one, _) = thread(book, early).await;
        assert_eq!(thread(book, early).await, (one, true));
        assert_eq!(thread(book, begins).await, (one, false));
        assert_eq!(thread(book, answers).await, (one, true));
        assert_ne!(thread(book, elsewhere).await.0, one);
    });
}

#[test]
fn a_message_that_turns_out_to_belong_to_an_issue_waits_for_those_before_it_and_makes_its_author_known_there() {
    on_both(async |book| {
        book.deliver(1, &issue(7)).await;
        let mut earlier = book.letter(2);
        earlier.issues = vec![issue(7).id];
        book.new_message(earlier).await;
        let mut stranger = book.letter(3);
        stranger.envelope.from.as_mut().unwrap().address = "eve@example.com".to_owned();
        let named = book.new_message(stranger).await;
        assert_eq!(book.ledger.authors(&issue(7), Timestamp::UNIX_EPOCH).await.unwrap(), ["ann@example.com"]);
        assert_eq!(book.ledger.join_issue(named, &issue(7), at(0)).await.unwrap(), Turn::Others);
        let lease = book.claim_one(0).await;
        assert_ne!(lease.entry.id, named, "the earlier one goes first");
        book.ledger.record_ignored(lease, "it says nothing", at(0)).await.unwrap();
        assert_eq!(book.ledger.join_issue(named, &issue(7), at(0)).await.unwrap(), Turn::Ours);
        let mut summary = plan();
        summary.issue = Some(issue(7));
        let lease = book.claim_one(0).await;
        book.ledger.record_planned(lease, vec![create()], summary, at(0)).await.unwrap();
        assert_eq!(
            book.ledger.authors(&issue(7), Timestamp::UNIX_EPOCH).await.unwrap(),
            ["eve@example.com", "ann@example.com"]
        );
        assert_eq!(book.ledger.authors(&issue(8), Timestamp::UNIX_EPOCH).await.unwrap(), [""; 0]);
    });
}

#[test]
fn the_messages_to_an_issue_are_counted_from_when_they_came_to_the_mailbox() {
    on_both(async |book| {
        book.deliver(1, &issue(7)).await;
        for (number, came) in [(2, 100), (3, 200)] {
            let letter = NewMessage { arrived_at: at(came), issues: vec![issue(7).id], ..book.letter(number) };
            book.new_message(letter).await;
            let mut summary = plan();
            summary.issue = Some(issue(7));
            let lease = book.claim_one(0).await;
            let (lease, _) = book.ledger.record_planned(lease, vec![create()], summary, at(0)).await.unwrap();
            book.ledger.record_delivered(lease, None, at(0)).await.unwrap();
        }
        for (since, count) in [(0, 3), (100, 2), (101, 1), (201, 0)] {
            assert_eq!(book.ledger.authors(&issue(7), at(since)).await.unwrap().len(), count, "since {since}");
        }
    });
}
