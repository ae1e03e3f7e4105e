//! Fetching messages: whole, in pieces, or not at all.

use std::time::Duration;

use mail2jira::failure::Verdict;
use mail2jira::mailbox::{Acknowledged, Acknowledgement, MailboxError, Withheld};

use super::{LOGIN, SELECT, acknowledge, fetch, found, place};

#[tokio::test]
async fn messages_come_in_any_order_among_other_news_and_the_vanished_are_left_out() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH 10:12 (UID BODY.PEEK[])
        S: * 2 FETCH (BODY[] {{5}}
        S: b!
        S: b UID 12)
        S: * 1 FETCH (FLAGS (\\Seen) UID 10)
        S: * 3 FETCH (UID 99 BODY[] {{1}}
        S: ?)
        S: * 1 FETCH (UID 10 BODY[] {{5}}
        S: aaaaa)
        S: T3 OK done
        C: T4 UID FETCH 11 (UID)
        S: T4 OK done"
    );
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 5), found(11, 5), found(12, 5)]).await;
    outcome.unwrap();
    assert_eq!(pieces, [(12, "b!\r\nb".into(), true), (10, "aaaaa".into(), true)]);
}

#[tokio::test]
async fn half_a_message_and_then_nothing_is_no_message() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH 10 (UID BODY.PEEK[])
        S: * 1 FETCH (UID 10 BODY[] {{500}}
        S| half
        X"
    );
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 500)]).await;
    assert!(matches!(outcome, Err(MailboxError::Closed { .. })), "{outcome:?}");
    assert_eq!(pieces, []);
}

#[tokio::test]
async fn one_message_that_the_server_will_not_give_holds_up_no_other_and_is_not_taken_for_gone() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH 10,12 (UID BODY.PEEK[])
        S: T3 NO Some messages could not be FETCHed (Failure)
        C: T4 UID FETCH 10,12 (UID)
        S: * 1 FETCH (UID 10)
        S: * 2 FETCH (UID 12)
        S: T4 OK done
        C: T5 UID FETCH 10 (UID BODY.PEEK[])
        S: * 1 FETCH (UID 10 BODY[] NIL)
        S: T5 NO [SERVERBUG] broken
        C: T6 UID FETCH 12 (UID BODY.PEEK[])
        S: * 2 FETCH (UID 12 BODY[] {{2}}
        S: ok)
        S: T6 OK done"
    );
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 5), found(12, 2)]).await;
    assert_eq!(outcome.unwrap(), [Withheld { place: place(10), words: "[SERVERBUG] broken".into() }]);
    assert_eq!(pieces, [(12, "ok".into(), true)]);
}

#[tokio::test]
async fn a_throttling_server_is_not_asked_message_by_message() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH 10,12 (UID BODY.PEEK[])
        S: T3 NO [THROTTLED] Suggested Backoff Time: 90000 milliseconds"
    );
    let (_, outcome) = fetch(&dialogue, vec![found(10, 5), found(12, 2)]).await;
    assert_eq!(outcome.unwrap_err().verdict(), Verdict::Retry(Some(Duration::from_secs(90))));
}

#[tokio::test]
async fn a_big_message_comes_in_chunks_until_there_is_no_more_whatever_its_size_was_said_to_be() {
    const CHUNK: usize = 256 << 10;
    let chunk = |tag: &str, offset: usize, text: &str| {
        format!(
            "
            C: {tag} UID FETCH 10 (UID BODY.PEEK[]<{offset}.{CHUNK}>)
            S: * 1 FETCH (UID 10 BODY[]<{offset}> {{{}}}
            S: {text})
            S: {tag} OK done",
            text.len()
        )
    };
    let first = "a".repeat(CHUNK);
    let dialogue =
        [LOGIN, SELECT, &chunk("T3", 0, &first), &chunk("T4", CHUNK, "end"), &chunk("T5", CHUNK + 3, "")].concat();
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 700_000)]).await;
    outcome.unwrap();
    assert_eq!(pieces, [(10, first, false), (10, "end".into(), false), (10, String::new(), true)]);
}

#[tokio::test]
async fn a_big_message_that_vanishes_midway_has_no_end() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH 10 (UID BODY.PEEK[]<0.262144>)
        S: T3 OK done
        C: T4 UID FETCH 10 (UID)
        S: T4 OK done"
    );
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 700_000)]).await;
    outcome.unwrap();
    assert_eq!(pieces, []);
}

#[tokio::test]
async fn after_a_change_of_uidvalidity_nothing_is_fetched_or_touched() {
    let dialogue = format!("{LOGIN}{}", SELECT.replace("UIDVALIDITY 7", "UIDVALIDITY 8"));
    let (pieces, outcome) = fetch(&dialogue, vec![found(10, 5)]).await;
    outcome.unwrap();
    assert_eq!(pieces, []);
    assert_eq!(acknowledge(&dialogue, Acknowledgement::Delete).await.unwrap(), Acknowledged::Gone);
}
