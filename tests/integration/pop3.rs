//! POP3 as servers really speak it: each trap as a dialogue with a scripted peer.

use std::time::Duration;

use mail2jira::config::{Protocol, Start};
use mail2jira::mailbox::{
    Acknowledged, Acknowledgement, Bookmark, Depth, Found, Listing, Mailbox, MailboxError, Piece, Place, Stage, Waited,
    Withheld,
};
use tokio::sync::mpsc;

use crate::imap::peer::Client;

mod login;
mod listing;
mod conformance;

/// Without CAPA, as a server of 1996.
const LOGIN: &str = "
    S: +OK ready
    C: CAPA
    S: -ERR unknown command
    C: USER ann
    S: +OK
    C: PASS pass
    S: +OK maildrop locked and ready
";
const UIDL: &str = "
    C: UIDL
    S: +OK
    S: 1 aaa
    S: 2 bbb
    S: .
    C: LIST 1
    S: +OK 1 10
    C: LIST 2
    S: +OK 2 20
";

fn with_password() -> Client {
    Client::with_password().set(|settings| settings.protocol = Protocol::Pop3)
}

fn with_token() -> Client {
    Client::with_token().set(|settings| settings.protocol = Protocol::Pop3)
}

fn starting(start: Start) -> Client {
    with_password().set(|settings| settings.start = start)
}

fn place(uidl: &str) -> Place {
    Place::Pop3 { uidl: uidl.into() }
}

fn found(uidl: &str, size: u64) -> Found {
    Found { place: place(uidl), gmail_id: None, size, arrived: "2026-11-01T10:00:00Z".parse().unwrap() }
}

fn ids(listing: &Listing) -> Vec<&str> {
    let id_of = |found: &'_ Found| match &found.place {
        Place::Pop3 { uidl } => uidl.clone(),
        Place::Imap { .. } => panic!("not POP3"),
    };
    let ids: Vec<String> = listing.found.iter().map(id_of).collect();
    ids.into_iter().map(|id| &*id.leak()).collect()
}

async fn list_from(mailbox: Box<dyn Mailbox>, bookmark: Option<Bookmark>) -> Result<Listing, MailboxError> {
    mailbox.list("", bookmark, Depth::New).await.map(|(_, listing)| listing.unwrap())
}

async fn list(mailbox: Box<dyn Mailbox>) -> Result<Listing, MailboxError> {
    list_from(mailbox, None).await
}

async fn only_login(client: Client, dialogue: &str) -> Result<(), MailboxError> {
    client.talk(dialogue, async |_mailbox| Ok(())).await
}

/// Fetches, and gives the text of each message beside the outcome; a message without its end has a `…`.
async fn fetch(dialogue: &str, wanted: Vec<Found>) -> (Vec<String>, Result<Vec<Withheld>, MailboxError>) {
    let dialogue = format!("{LOGIN}{}{dialogue}", UIDL.split_once("    C: LIST").unwrap().0);
    let (sender, mut receiver) = mpsc::channel::<Piece>(1000);
    let outcome = with_password()
        .talk(&dialogue, async |mailbox| mailbox.fetch(wanted, sender).await.map(|(_, held)| held))
        .await;
    let mut messages: Vec<(Place, String, bool)> = Vec::new();
    while let Ok(piece) = receiver.try_recv() {
        let text = String::from_utf8(piece.bytes.to_vec()).unwrap();
        match messages.last_mut().filter(|(place, _, _)| *place == piece.found.place) {
            Some((_, whole, last)) => (*whole, *last) = (whole.clone() + &text, piece.last),
            None => messages.push((piece.found.place, text, piece.last)),
        }
    }
    (messages.into_iter().map(|(_, text, last)| text + if last { "" } else { "…" }).collect(), outcome)
}

async fn delete(dialogue: &str, uidls: &[&str]) -> Result<Vec<Acknowledged>, MailboxError> {
    let dialogue = format!("{LOGIN}{}{dialogue}", UIDL.split_once("    C: LIST").unwrap().0);
    let places = uidls.iter().map(|uidl| place(uidl)).collect();
    with_password()
        .talk(&dialogue, async |mailbox| {
            mailbox.acknowledge(places, Acknowledgement::Delete).await.map(|(_, outcomes)| outcomes)
        })
        .await
}

#[tokio::test]
async fn a_message_comes_byte_for_byte_and_one_that_is_refused_stops_no_other() {
    let dialogue = "
        C: RETR 1
        S: -ERR [SYS/PERM] cannot read this one
        C: RETR 2
        S: +OK 20 octets
        S: Subject: x
        S:
        S: ..dot
        S: .
    ";
    let (messages, outcome) = fetch(dialogue, vec![found("bbb", 20), found("aaa", 10), found("gone", 1)]).await;
    assert_eq!(messages, ["Subject: x\r\n\r\n.dot\r\n"]);
    assert_eq!(outcome.unwrap(), [Withheld { place: place("aaa"), words: "[SYS/PERM] cannot read this one".into() }]);
}

#[tokio::test]
async fn a_message_without_its_end_is_none() {
    let half = "C: RETR 1\nS: +OK\nS: Subject: half\nX";
    let (messages, outcome) = fetch(half, vec![found("aaa", 10), found("bbb", 20)]).await;
    assert_eq!(messages, ["Subject: half\r\n…"]);
    assert!(matches!(outcome, Err(MailboxError::Closed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let (_, outcome) = fetch("C: RETR 1\nP", vec![found("aaa", 10)]).await;
    assert!(matches!(&outcome, Err(MailboxError::Timeout { command, .. }) if command == "RETR"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_never_ends_a_line_or_speaks_another_protocol_is_left() {
    let endless = format!("{LOGIN} C: UIDL\n S: +OK\n S| {}", "x".repeat(20_000));
    let error = with_password().talk(&endless, list).await.unwrap_err();
    assert!(matches!(&error, MailboxError::Protocol { words, .. } if words == "a line without end"), "{error:?}");
    let error = only_login(with_password(), "S: * OK IMAP4rev1 ready").await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn only_the_answer_to_quit_says_that_anything_was_deleted() {
    let marked = "C: DELE 2\nS: +OK\nC: QUIT\n";
    let quit = delete(&format!("{marked}S: +OK bye"), &["bbb", "gone"]).await.unwrap();
    assert_eq!(quit, [Acknowledged::Done, Acknowledged::Gone]);
    let some_left =
        delete(&format!("{marked}S: -ERR some deleted messages not removed"), &["bbb", "gone"]).await.unwrap();
    assert_eq!(some_left, [Acknowledged::Later, Acknowledged::Gone]);
    let lost = delete(&format!("{marked}X"), &["bbb", "gone"]).await;
    assert!(matches!(lost, Err(MailboxError::Closed { .. })), "{lost:?}");
    let refused = delete("C: DELE 2\nS: -ERR not this one", &["bbb", "gone"]).await.unwrap();
    assert_eq!(refused, [Acknowledged::Refused("not this one".into()), Acknowledged::Gone]);
}

#[tokio::test]
async fn a_session_that_has_deleted_takes_no_more_and_the_next_one_does() {
    let uidl = UIDL.split_once("    C: LIST").unwrap().0;
    let dialogue = format!("{LOGIN}{uidl} C: DELE 1\n S: +OK\n C: QUIT\n S: +OK");
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, first) = mailbox.acknowledge(vec![place("aaa")], Acknowledgement::Delete).await?;
        let (mailbox, second) = mailbox.acknowledge(vec![place("bbb")], Acknowledgement::Delete).await?;
        let (_, third) = mailbox.acknowledge(vec![place("bbb")], Acknowledgement::Seen).await?;
        Ok([first, second, third].concat())
    };
    let outcomes = with_password().talk(&dialogue, work).await.unwrap();
    assert_eq!(outcomes, [Acknowledged::Done, Acknowledged::Later, Acknowledged::Done]);
}

#[tokio::test]
async fn a_wait_ends_the_session_and_lasts_as_long_as_the_server_wants() {
    let login =
        "S: +OK\nC: CAPA\nS: +OK\nS: LOGIN-DELAY 900\nS: USER\nS: .\nC: USER ann\nS: +OK\nC: PASS pass\nS: +OK\n";
    let dialogue = format!("{login}C: QUIT\nS: +OK\nP");
    let work = async |mailbox: Box<dyn Mailbox>| {
        assert!(!mailbox.pushes());
        let before = tokio::time::Instant::now();
        let waited = mailbox.wait("", Duration::from_secs(60), Box::pin(std::future::pending())).await?;
        assert!(matches!(waited, Waited::Over));
        Ok(before.elapsed())
    };
    let waited = with_password().talk(&dialogue, work).await.unwrap();
    assert!(waited >= Duration::from_secs(900), "{waited:?}");
}

#[tokio::test]
async fn a_probe_counts_and_leaves_everything_as_it_is() {
    let dialogue = format!(
        "{LOGIN}
        C: CAPA
        S: -ERR unknown command
        C: STAT
        S: +OK 2 320
        {}
        C: QUIT
        S: +OK",
        UIDL.split_once("    C: LIST").unwrap().0
    );
    let probed = starting(Start::All).probe(&dialogue).await;
    let stages: Vec<Stage> = probed.iter().map(|stage| stage.stage).collect();
    assert_eq!(
        stages,
        [Stage::Dns, Stage::Tcp, Stage::Tls, Stage::Login, Stage::Capabilities, Stage::Select, Stage::Count]
    );
    let words = |index: usize| probed[index].outcome.as_ref().unwrap().as_str();
    assert_eq!((words(5), words(6)), ("2 320", "2 there, a first look takes all of them"));
}
