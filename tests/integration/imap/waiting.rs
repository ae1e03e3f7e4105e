//! Waiting for new mail, by IDLE or by asking.

use std::time::Duration;

use mail2jira::mailbox::{Depth, Mailbox, MailboxError};

use super::peer::Client;
use super::{BARE_LOGIN, LIST, LOGIN, SELECT, never, wait_in};

async fn wait(dialogue: &str) -> Result<bool, MailboxError> {
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
        let mailbox = wait_in(mailbox, Duration::from_secs(300)).await?;
        Ok(mailbox.pushes())
    };
    Client::with_password().talk(&format!("{LOGIN}{SELECT}{LIST}{dialogue}"), work).await
}

#[tokio::test]
async fn news_during_idle_before_its_continuation_and_at_its_end_wake() {
    let during = "C: T5 IDLE\nS: + idling\nS: * OK Still here\nS: * 3 EXISTS\nC: DONE\nS: T5 OK done";
    assert!(wait(during).await.unwrap());
    let before = "C: T5 IDLE\nS: * 3 EXISTS\nS: + idling\nC: DONE\nS: T5 OK done";
    assert!(wait(before).await.unwrap());
    let replaced = "C: T5 IDLE\nS: + idling\nS: * 1 EXPUNGE\nS: * 2 EXISTS\nC: DONE\nS: T5 OK done";
    assert!(wait(replaced).await.unwrap());
}

#[tokio::test]
async fn news_while_listing_are_not_waited_for() {
    let dialogue = format!("{LOGIN}{SELECT}{}", LIST.replace("S: T4 OK", "S: * 3 EXISTS\nS: T4 OK"));
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
        wait_in(mailbox, Duration::from_secs(300)).await.map(|_| ())
    };
    Client::with_password().talk(&dialogue, work).await.unwrap();
}

#[tokio::test]
async fn an_idle_that_breaks_is_an_error_and_no_wake_up() {
    let error = wait("C: T5 IDLE\nS: + idling\nS: * BYE Session invalidated - AccessTokenExpired").await.unwrap_err();
    assert!(matches!(&error, MailboxError::Closed { words: Some(words), .. } if words.contains("AccessTokenExpired")));
    let error = wait("C: T5 IDLE\nS: + idling\nX").await.unwrap_err();
    assert!(matches!(error, MailboxError::Closed { words: None, .. }), "{error:?}");
    let error = wait("C: T5 IDLE\nS: + idling\nS: T5 NO [UNAVAILABLE] going").await.unwrap_err();
    assert!(matches!(error, MailboxError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_ends_idle_by_itself_is_asked_again() {
    let dialogue = "
        C: T5 IDLE
        S: + idling
        S: T5 OK enough
        C: T6 IDLE
        S: + idling
        S: * 3 EXISTS
        C: DONE
        S: T6 OK done";
    assert!(wait(dialogue).await.unwrap());
}

#[tokio::test]
async fn an_idle_that_nothing_answers_any_more_times_out() {
    let dialogue = format!("{LOGIN}{SELECT}{LIST} C: T5 IDLE\nS: + idling\nC: DONE\nP");
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
        wait_in(mailbox, Duration::from_millis(1)).await.map(|_| ())
    };
    let error = Client::with_password().talk(&dialogue, work).await.unwrap_err();
    assert!(matches!(&error, MailboxError::Timeout { command, .. } if command == "IDLE"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_drops_idle_at_once_is_polled_after_the_third_time() {
    let experience = std::sync::Arc::default();
    for (dropping, pushes) in [(true, true), (true, true), (true, true), (false, false)] {
        let dialogue = format!("{LOGIN}{SELECT}{LIST}{}", if dropping { "C: T5 IDLE\nS: + idling\nX" } else { "" });
        let work = async |mailbox: Box<dyn Mailbox>| {
            assert_eq!(mailbox.pushes(), pushes);
            let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
            match dropping {
                true => mailbox.wait("INBOX", Duration::from_secs(300), never()).await.map(|_| ()),
                false => Ok(()),
            }
        };
        let ended = Client::with_password().experienced(&experience).talk(&dialogue, work).await;
        assert_eq!(ended.is_err(), dropping);
    }
}

#[tokio::test]
async fn without_idle_or_where_it_is_refused_the_folder_is_polled() {
    let polled = "C: T5 NOOP\nS: * 3 EXISTS\nS: T5 OK done";
    for (login, waiting) in
        [(BARE_LOGIN, polled.to_owned()), (LOGIN, format!("C: T6 IDLE\nS: T6 BAD unknown command\n{polled}"))]
    {
        let dialogue = format!("{login}{SELECT}{LIST}{waiting}");
        let work = async |mailbox: Box<dyn Mailbox>| {
            let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
            let mailbox = wait_in(mailbox, Duration::from_millis(1)).await?;
            Ok(mailbox.pushes())
        };
        assert!(!Client::with_password().talk(&dialogue, work).await.unwrap());
    }
}

#[tokio::test]
async fn of_several_folders_one_that_grew_while_another_was_open_is_not_waited_for() {
    let other = "
        C: T2 SELECT \"Other\"
        S: * 0 EXISTS
        S: * OK [UIDVALIDITY 1] ok
        S: T2 OK done";
    let grown = "
        C: T3 UID FETCH * (UID)
        S: * 3 FETCH (UID 13)
        S: T3 OK done";
    let dialogue = format!("{LOGIN}{SELECT}{LIST}{other}{SELECT}{grown}");
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, _) = mailbox.list("INBOX", None, Depth::New).await?;
        let (mailbox, _) = mailbox.list("Other", None, Depth::New).await?;
        wait_in(mailbox, Duration::from_secs(300)).await.map(|_| ())
    };
    Client::with_password().talk(&dialogue, work).await.unwrap();
}
