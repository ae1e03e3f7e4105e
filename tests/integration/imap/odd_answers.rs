//! Answers that are not what they seem: no failure is taken for an empty folder.

use std::time::Duration;

use mail2jira::failure::Verdict;
use mail2jira::mailbox::{Mailbox, MailboxError};

use super::peer::Client;
use super::{LIST, LOGIN, SELECT, list, uids};

async fn broken_list(answer: &str) -> MailboxError {
    let dialogue = format!("{LOGIN} C: T2 SELECT \"INBOX\"\n{answer}");
    Client::with_password().talk(&dialogue, list).await.unwrap_err()
}

#[tokio::test]
async fn exchange_that_is_authenticated_but_not_connected_is_a_refusal_that_passes() {
    let error =
        broken_list("S: T2 BAD User is authenticated but not connected.\nS: * BYE Connection closed. 14\nX").await;
    assert_eq!(error.verdict(), Verdict::Retry(None));
    let MailboxError::Refused { command, words, .. } = error else { panic!("{error:?}") };
    assert_eq!((command.as_str(), words.as_str()), ("SELECT", "User is authenticated but not connected."));
}

#[tokio::test]
async fn a_wait_that_the_server_names_is_known_however_it_ends_the_session() {
    let wait = Verdict::Retry(Some(Duration::from_millis(119_000)));
    let words = "Request is throttled. Suggested Backoff Time: 119000 milliseconds";
    for answer in [
        format!("S: T2 BAD {words}"),
        format!("S: * BYE {words}"),
        format!("S: * BAD {words}\nS: * BYE"),
        format!("S: * NO {words}\nX"),
    ] {
        let error = broken_list(&answer).await;
        assert_eq!(error.verdict(), wait, "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_waits_for_the_next_command() {
    let dialogue = format!("{LOGIN}{}N", SELECT.replace("selected", "selected [THROTTLED]\nP"));
    let work = async |mailbox: Box<dyn Mailbox>| {
        let soon = tokio::time::timeout(Duration::from_secs(4), list(mailbox)).await;
        assert!(soon.is_err(), "{soon:?}");
        Ok(())
    };
    Client::with_password().talk(&dialogue, work).await.unwrap();
}

#[tokio::test]
async fn a_refused_a_closed_and_a_garbled_answer_are_never_an_empty_folder() {
    let error = broken_list("S: T2 NO [SERVERBUG] Internal error").await;
    assert!(matches!(error, MailboxError::Refused { code: Some(code), .. } if code == "SERVERBUG"));
    let error = broken_list("S: T2 BAD").await;
    assert!(matches!(error, MailboxError::Refused { .. }), "{error:?}");
    let error = broken_list("S: * 2 EXISTS\nX").await;
    assert!(matches!(error, MailboxError::Closed { words: None, .. }), "{error:?}");
    let error = broken_list("S: * BYE Session invalidated - AccessTokenExpired").await;
    assert!(matches!(&error, MailboxError::Closed { words: Some(words), .. } if words.contains("AccessTokenExpired")));
    let error = broken_list("S: garbage about Ann's secret").await;
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("Ann"), "an error holds what the server sent: {error:?}");
    let error = broken_list("S: other1 OK done").await;
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
    let error = broken_list("S: * 2 EXISTS\nS: T2 OK done").await;
    assert!(matches!(error, MailboxError::Protocol { words, .. } if words.contains("UIDVALIDITY")));
}

#[tokio::test]
async fn an_answer_that_makes_the_parser_panic_is_an_error_like_any_other() {
    let dialogue = format!("{LOGIN}{SELECT} C: T3 UID FETCH * (UID)\nS: * 2 FETCH (UID 12 INTERNALDATE NIL)");
    let error = Client::with_password().talk(&dialogue, list).await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn silence_is_a_time_out_that_names_the_command() {
    let error = broken_list("S: * 2 EXISTS\nP").await;
    assert!(matches!(&error, MailboxError::Timeout { command, .. } if command == "SELECT"), "{error:?}");
}

#[tokio::test]
async fn what_servers_say_unasked_ends_no_session() {
    let select = SELECT.replace(
        "S: * 2 EXISTS",
        "S: * ESEARCH (TAG \"x\") UID\nS: * NAMESPACE ((\"\" \"/\")) NIL NIL\nS: * STATUS INBOX (SIZE 3)\nS: * 1 RECENT
         S: * LIST () \"/\" {5}\nS: a b c\nS: * VANISHED 3\nS: * OK [NOSUCHCODE x] hm\nS: * 2 EXISTS",
    );
    let listed = LIST
        .replace("S: * 1 FETCH", "S: * 2 FETCH (FLAGS (\\Answered))\nS: * 2 FETCH (UID 12 MODSEQ (9))\nS: * 1 FETCH");
    let listing = Client::with_password().talk(&format!("{LOGIN}{select}{listed}"), list).await.unwrap();
    assert_eq!(uids(&listing), [10, 12]);
}
