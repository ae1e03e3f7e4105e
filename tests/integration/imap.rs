//! IMAP as servers really speak it: each trap as a dialogue with a scripted peer.

use std::time::Duration;

use mail2jira::config::Start;
use mail2jira::mailbox::cursor::Cursor;
use mail2jira::mailbox::{
    Acknowledged, Acknowledgement, Depth, Found, Listing, Mailbox, MailboxError, Piece, Place, Stage, Waited, Withheld,
};
use tokio::sync::mpsc;

use peer::Client;

mod login;
mod odd_answers;
mod listing;
mod fetching;
mod acknowledging;
mod waiting;
mod compress;
mod hostile;
pub(crate) mod peer;

const LOGIN: &str = "
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
    C: T1 AUTHENTICATE PLAIN AGFubgBwYXNz
    S: T1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE] in
";
const BARE_LOGIN: &str = "
    S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
    C: T1 AUTHENTICATE PLAIN AGFubgBwYXNz
    S: T1 OK [CAPABILITY IMAP4rev1] in
";
const SELECT: &str = "
    C: T2 SELECT \"INBOX\"
    S: * FLAGS (\\Seen \\Deleted)
    S: * 2 EXISTS
    S: * OK [UIDVALIDITY 7] ok
    S: T2 OK [READ-WRITE] selected
";
const LIST: &str = "
    C: T3 UID FETCH * (UID)
    S: * 2 FETCH (UID 12)
    S: T3 OK done
    C: T4 UID FETCH 1:12 (UID FLAGS INTERNALDATE RFC822.SIZE)
    S: * 1 FETCH (UID 10 FLAGS () INTERNALDATE \"01-Nov-2026 10:00:00 +0000\" RFC822.SIZE 5)
    S: * 2 FETCH (UID 12 FLAGS (\\Seen) INTERNALDATE \"02-Nov-2026 10:00:00 +0000\" RFC822.SIZE 6)
    S: T4 OK done
";

fn place(uid: u32) -> Place {
    Place::Imap { folder: "INBOX".into(), uid_validity: 7, uid }
}

fn found(uid: u32, size: u64) -> Found {
    Found { place: place(uid), gmail_id: None, size, arrived: "2026-11-01T10:00:00Z".parse().unwrap() }
}

fn uids(listing: &Listing) -> Vec<u32> {
    let uid_of = |found: &Found| match found.place {
        Place::Imap { uid, .. } => uid,
        Place::Pop3 { .. } => panic!("not IMAP"),
    };
    listing.found.iter().map(uid_of).collect()
}

fn cursor(listing: &Listing) -> Cursor {
    listing.bookmark.clone().imap().unwrap()
}

/// Waits for news; the session goes on afterwards.
async fn wait_in(mailbox: Box<dyn Mailbox>, at_most: Duration) -> Result<Box<dyn Mailbox>, MailboxError> {
    match mailbox.wait("INBOX", at_most, never()).await? {
        Waited::Open(mailbox) => Ok(mailbox),
        Waited::Over => panic!("an IMAP session does not end by itself"),
    }
}

#[tokio::test]
async fn a_first_look_since_a_date_counts_and_goes_on_where_the_server_cannot() {
    for answer in ["S: * SEARCH 12\nS: T4 OK done", "S: T4 BAD what is SEARCH?"] {
        let (newest, window) = LIST.split_once("    C: T4").unwrap();
        let window = window.replace("T4", "T5");
        let search = format!("C: T4 UID SEARCH SINCE 2-Nov-2026\n{answer}");
        let dialogue = format!("{LOGIN}{SELECT}{newest}{search}\nC: T5{window}");
        let client = Client::with_password().set(|settings| {
            settings.start = Start::Date(jiff::civil::date(2026, 11, 2));
        });
        assert_eq!(uids(&client.talk(&dialogue, list).await.unwrap()), [12], "{answer}");
    }
}

async fn list(mailbox: Box<dyn Mailbox>) -> Result<Listing, MailboxError> {
    mailbox.list("INBOX", None, Depth::New).await.map(|(_, listing)| listing.unwrap())
}

/// Fetches, and gives the pieces (UID, text, whether it was the last) beside the outcome: what was withheld.
async fn fetch(dialogue: &str, wanted: Vec<Found>) -> (Vec<(u32, String, bool)>, Result<Vec<Withheld>, MailboxError>) {
    let (sender, mut receiver) = mpsc::channel::<Piece>(100);
    let fetching = Client::with_password()
        .talk(dialogue, async |mailbox| mailbox.fetch(wanted, sender).await.map(|(_, held)| held));
    let outcome = fetching.await;
    let mut pieces = Vec::new();
    while let Ok(piece) = receiver.try_recv() {
        let Place::Imap { uid, .. } = piece.found.place else { panic!("not IMAP") };
        pieces.push((uid, String::from_utf8(piece.bytes.to_vec()).unwrap(), piece.last));
    }
    (pieces, outcome)
}

/// A wait that nothing cuts short.
fn never() -> futures_util::future::BoxFuture<'static, ()> {
    Box::pin(std::future::pending())
}

async fn acknowledge(dialogue: &str, how: Acknowledgement) -> Result<Acknowledged, MailboxError> {
    let work = async |mailbox: Box<dyn Mailbox>| mailbox.acknowledge(vec![place(12)], how).await.map(|(_, done)| done);
    let mut outcomes = Client::with_password().talk(dialogue, work).await?;
    assert_eq!(outcomes.len(), 1);
    Ok(outcomes.remove(0))
}

async fn only_login(client: Client, dialogue: &str) -> Result<(), MailboxError> {
    client.talk(dialogue, async |_mailbox| Ok(())).await
}

#[tokio::test]
async fn a_probe_changes_nothing_and_ends_at_the_first_stage_that_fails() {
    let dialogue = format!("{LOGIN}{}", SELECT.replace("SELECT", "EXAMINE"));
    let probed = Client::with_password().probe(&dialogue).await;
    let words: Vec<(Stage, String)> =
        probed.into_iter().map(|probed| (probed.stage, probed.outcome.unwrap())).collect();
    let stages: Vec<&str> = words.iter().map(|(stage, _)| stage.as_str()).collect();
    assert_eq!(stages, ["dns", "tcp", "tls", "login", "capabilities", "select", "count"]);
    assert_eq!(words.last().unwrap().1, "INBOX: 2 there, a first look takes all of them");

    let refused = LOGIN.replace("OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE] in", "NO [AUTHENTICATIONFAILED] no");
    let probed = Client::with_password().probe(&refused).await;
    assert_eq!(probed.len(), 4);
    assert!(matches!(probed.last().unwrap().outcome, Err(MailboxError::LoginRefused { .. })));
}

#[tokio::test]
async fn a_session_says_goodbye() {
    let dialogue = format!("{LOGIN} C: T2 LOGOUT\nS: * BYE see you\nS: T2 OK done");
    Client::with_password()
        .talk(&dialogue, async |mailbox| {
            mailbox.close().await;
            Ok(())
        })
        .await
        .unwrap();
}
