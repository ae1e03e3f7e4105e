//! POP3 as servers really speak it: each trap as a dialogue with a scripted peer.

use std::time::Duration;

use mail2jira::config::{Mechanism, Protocol, Secret, Start, TlsMode};
use mail2jira::failure::{Scope, Verdict};
use mail2jira::mailbox::{
    Acknowledged, Acknowledgement, Bookmark, Depth, Found, Listing, Mailbox, MailboxError, Piece, Place, Stage, Waited,
    Withheld,
};
use mail2jira::oauth::xoauth2::{oauthbearer, xoauth2};
use tokio::sync::mpsc;

use crate::imap::peer::Client;

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

// ---- signing in

#[tokio::test]
async fn a_token_comes_on_a_line_of_its_own_however_long_it_is() {
    let token = "t".repeat(6000);
    let shown = xoauth2("ann@example.com", &Secret::new(token.as_str()));
    let dialogue = format!(
        "
        S: +OK The Microsoft Exchange POP3 service is ready.
        C: CAPA
        S: +OK
        S: TOP
        S: UIDL
        S: SASL PLAIN XOAUTH2
        S: .
        C: AUTH XOAUTH2
        S: +
        C: {}
        S: +OK User successfully authenticated.",
        shown.expose()
    );
    let client = Client::with_this_token(&token).set(|settings| settings.protocol = Protocol::Pop3);
    only_login(client, &dialogue).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_the_token_in_the_command_gets_it_there() {
    let dialogue = "
        S: +OK
        C: CAPA
        S: -ERR what?
        C: AUTH XOAUTH2
        S: -ERR malformed command
        C: AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: +OK Welcome.";
    only_login(with_token(), dialogue).await.unwrap();
}

#[tokio::test]
async fn the_error_challenge_is_answered_with_an_empty_line_and_told() {
    let dialogue = "
        S: +OK Gpop ready
        C: CAPA
        S: +OK
        S: SASL PLAIN XOAUTH2 OAUTHBEARER
        S: .
        C: AUTH XOAUTH2
        S: +
        C: dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
        C:
        S: -ERR [AUTH] Username and password not accepted.";
    let error = only_login(with_token(), dialogue).await.unwrap_err();
    let told = "[AUTH] Username and password not accepted. (status 400, wants the scope https://mail.google.com/)";
    assert!(matches!(&error, MailboxError::LoginRefused { words, .. } if words == told), "{error:?}");
}

#[tokio::test]
async fn oauthbearers_error_challenge_is_answered_with_its_own_sign() {
    let client = with_token();
    let shown = oauthbearer("ann@example.com", "127.0.0.1", client.settings.port, &Secret::new("T"));
    let dialogue = format!(
        "
        S: +OK
        C: CAPA
        S: +OK
        S: SASL OAUTHBEARER
        S: .
        C: AUTH OAUTHBEARER
        S: +
        C: {}
        S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: -ERR [AUTH] Authentication failed.",
        shown.expose()
    );
    let error = only_login(client, &dialogue).await.unwrap_err();
    assert!(matches!(&error, MailboxError::LoginRefused { words, .. } if words.contains("invalid_token")), "{error:?}");
}

#[tokio::test]
async fn passwords_go_by_whatever_the_server_offers() {
    let plain = "
        C: AUTH PLAIN
        S: +
        C: AGFubgBwYXNz
        S: +OK";
    let login = "
        C: AUTH LOGIN
        S: + VXNlcm5hbWU6
        C: YW5u
        S: + UGFzc3dvcmQ6
        C: cGFzcw==
        S: +OK";
    let user = "
        C: USER ann
        S: +OK
        C: PASS pass
        S: +OK";
    for (capabilities, mechanism, dialogue) in [
        ("USER\n S: SASL LOGIN PLAIN", Mechanism::Auto, plain),
        ("USER\n S: SASL LOGIN PLAIN", Mechanism::Login, login),
        ("sasl login", Mechanism::Auto, login),
        ("USER\n S: SASL XOAUTH2", Mechanism::Auto, user),
        ("USER", Mechanism::Login, user),
    ] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: +OK\nS: {capabilities}\nS: .\n{dialogue}");
        only_login(with_password().set(|settings| settings.mechanism = mechanism), &dialogue).await.unwrap();
    }
    for (capabilities, mechanism) in [("SASL XOAUTH2", Mechanism::Auto), ("USER", Mechanism::Plain)] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: +OK\nS: {capabilities}\nS: .\n");
        let client = with_password().set(|settings| settings.mechanism = mechanism);
        let error = only_login(client, &dialogue).await.unwrap_err();
        assert!(matches!(error, MailboxError::NotOffered { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_password_cannot_smuggle_a_command() {
    let dialogue = "S: +OK\nC: CAPA\nS: -ERR";
    let client = Client::with_this_password("x\r\nDELE 1").set(|settings| settings.protocol = Protocol::Pop3);
    let error = only_login(client, dialogue).await.unwrap_err();
    assert!(matches!(error, MailboxError::NotOffered { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refusal_of_the_credential_is_told_from_a_server_that_has_no_time() {
    for (answer, verdict) in [
        ("[AUTH] Authentication failed.", Verdict::Halt(Scope::Everything)),
        ("Logon failure: unknown user name or bad password.", Verdict::Halt(Scope::Everything)),
        ("[SYS/PERM] Your account is not enabled for POP access.", Verdict::Halt(Scope::Everything)),
        ("[IN-USE] Do you have another POP session running?", Verdict::Retry(None)),
        ("maildrop already locked", Verdict::Retry(None)),
        ("[LOGIN-DELAY] minimum time between mail checks violation", Verdict::Retry(None)),
        ("[SYS/TEMP] Temporary authentication failure.", Verdict::Retry(None)),
        (
            "[SYS/PERM] Account exceeded command or bandwidth limits. (Failure)",
            Verdict::Retry(Some(Duration::from_secs(3600))),
        ),
        (
            "Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            Verdict::Retry(Some(Duration::from_millis(89_117))),
        ),
    ] {
        let dialogue = format!("S: +OK\nC: CAPA\nS: -ERR\nC: USER ann\nS: +OK\nC: PASS pass\nS: -ERR {answer}");
        let error = only_login(with_password(), &dialogue).await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{answer}: {error:?}");
    }
    let error = only_login(with_password(), "S: -ERR [SYS/TEMP] too busy").await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry(None), "{error:?}");
}

#[tokio::test]
async fn what_comes_in_the_clear_behind_the_answer_to_stls_ends_the_session() {
    let client = || with_password().set(|settings| settings.tls = TlsMode::StartTls);
    let dialogue = "
        S: +OK
        C: CAPA
        S: +OK
        S: STLS
        S: .
        C: STLS
        S| +OK begin\\r\\n+OK injected\\r\\n";
    let error = only_login(client(), dialogue).await.unwrap_err();
    assert!(matches!(&error, MailboxError::Protocol { words, .. } if words.contains("in the clear")), "{error:?}");
    let error = only_login(client(), "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .").await.unwrap_err();
    assert!(matches!(&error, MailboxError::NotOffered { what, .. } if what == "STLS"), "{error:?}");
}

// ---- listing

#[tokio::test]
async fn a_listing_names_what_was_not_seen_and_the_bookmark_remembers_it() {
    let again = "
        C: UIDL
        S: +OK
        S: 1 bbb
        S: 2 ccc
        S: .
        C: LIST 2
        S: +OK 2 30";
    let first = with_password().talk(&format!("{LOGIN}{UIDL}"), list).await.unwrap();
    assert_eq!((ids(&first), first.found[1].size, first.more), (vec!["aaa", "bbb"], 20, false));
    let bookmark = Some(first.bookmark.clone());
    let second = with_password()
        .talk(&format!("{LOGIN}{again}"), async |mailbox| list_from(mailbox, bookmark).await)
        .await
        .unwrap();
    assert_eq!(ids(&second), ["ccc"]);
    assert_ne!(second.bookmark, first.bookmark);
}

#[tokio::test]
async fn now_leaves_alone_what_is_there_even_if_the_server_hides_it_for_a_while() {
    let uidl = "    C: UIDL\n    S: +OK\n    S: 1 aaa\n    S: 2 bbb\n    S: .\n";
    let hidden = "    C: UIDL\n    S: +OK\n    S: .\n";
    let later = "    C: UIDL\n S: +OK\n S: 1 aaa\n S: 2 new\n S: 3 bbb\n S: .\n C: LIST 2\n S: +OK 2 5\n";
    let mut bookmark = None;
    for (dialogue, expected) in [(uidl, vec![]), (hidden, vec![]), (later, vec!["new"])] {
        let from = bookmark.clone();
        let dialogue = format!("{LOGIN}{dialogue}");
        let talk = starting(Start::Now).talk(&dialogue, async |mailbox| list_from(mailbox, from).await);
        let listing = talk.await.unwrap();
        assert_eq!(ids(&listing), expected);
        bookmark = Some(listing.bookmark);
    }
}

#[tokio::test]
async fn a_date_is_looked_up_in_the_header_and_what_is_older_is_never_asked_for_again() {
    let top = "
        C: TOP 1 0
        S: +OK
        S: Received: from x by y; Sat, 31 Oct 2026 23:59:59 +0000
        S: Date: Sun, 01 Nov 2030 10:00:00 +0000
        S:
        S: .
        C: TOP 2 0
        S: +OK
        S: Subject: no date at all
        S:
        S: .";
    let since = || starting(Start::Date(jiff::civil::date(2026, 11, 1)));
    let first = since().talk(&format!("{LOGIN}{UIDL}{top}"), list).await.unwrap();
    assert_eq!(ids(&first), ["bbb"], "a date that cannot be read is not taken for an old one");
    let bookmark = Some(first.bookmark);
    let again = format!("{LOGIN}{}", UIDL.split_once("    C: LIST").unwrap().0);
    let second = since().talk(&again, async |mailbox| list_from(mailbox, bookmark).await).await.unwrap();
    assert_eq!(ids(&second), Vec::<&str>::new());
    let probe = format!(
        "{LOGIN} C: CAPA\n S: -ERR what?\n C: STAT\n S: +OK 2 320\n{}{top}\n C: QUIT\n S: +OK",
        UIDL.split_once("    C: LIST").unwrap().0
    );
    let probed = since().probe(&probe).await;
    let words = probed.last().unwrap().outcome.as_ref().unwrap();
    assert_eq!(words, "2 there, a first look takes the 1 since 2026-11-01");
    let without_top = format!("{LOGIN}{UIDL} C: TOP 1 0\n S: -ERR unknown command");
    let error = since().talk(&without_top, list).await.unwrap_err();
    assert!(matches!(&error, MailboxError::NotOffered { what, .. } if what.starts_with("TOP")), "{error:?}");
}

#[tokio::test]
async fn a_first_look_since_a_date_takes_nothing_before_all_is_counted_even_over_several_sessions() {
    let many = 1200;
    let (lines, top) = (
        |what: &str| (1..=many).map(|number| format!("S: {number} {what}{number}\n")).collect::<String>(),
        |range: std::ops::RangeInclusive<u32>| {
            let header = |number: u32| if number.is_multiple_of(2) { "Sun, 01 Nov 2026" } else { "Sat, 31 Oct 2026" };
            range
                .map(|number| {
                    format!("C: TOP {number} 0\nS: +OK\nS: Date: {} 10:00:00 +0000\nS:\nS: .\n", header(number))
                })
                .collect::<String>()
        },
    );
    let (uidl, list) =
        (format!("C: UIDL\nS: +OK\n{}S: .\n", lines("id")), format!("C: LIST\nS: +OK\n{}S: .\n", lines("1")));
    let since = || starting(Start::Date(jiff::civil::date(2026, 11, 1)));
    let broken = format!("{LOGIN}{uidl}{list}{}X", top(1..=1000));
    let first = since().talk(&broken, async |mailbox| list_from(mailbox, None).await).await.unwrap();
    assert_eq!((first.found.len(), first.more), (0, true), "not counted yet");
    // The next session asks again only for those that are not known to be old.
    let again: String = (1..=1000)
        .filter(|number| number % 2 == 0)
        .map(|number| top(number..=number))
        .chain([top(1001..=1200)])
        .collect();
    let dialogue = format!("{LOGIN}{uidl}{list}{again}");
    let work = async |mailbox: Box<dyn Mailbox>| list_from(mailbox, Some(first.bookmark)).await;
    let second = since().talk(&dialogue, work).await.unwrap();
    assert_eq!((second.found.len(), second.more), (600, false));
}

#[tokio::test]
async fn a_server_without_unique_ids_is_refused_and_one_that_has_no_time_is_not() {
    let error = with_password().talk(&format!("{LOGIN} C: UIDL\n S: -ERR unknown command"), list).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Halt(Scope::Everything), "{error:?}");
    assert!(error.to_string().contains("does not offer UIDL"), "{error}");
    let error = with_password().talk(&format!("{LOGIN} C: UIDL\n S: -ERR [SYS/TEMP] later"), list).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry(None), "{error:?}");
}

#[tokio::test]
async fn odd_ids_and_ids_that_are_shared_are_all_listed() {
    let dialogue = "
        C: UIDL
        S: +OK
        S: 1 same
        S: 2 same
        S: 3
        S: 4 with\\backslash
        S: .
        C: LIST 1
        S: +OK 1 10
        C: LIST 2
        S: -ERR no such message
        C: LIST 4
        S: +OK 4 40 octets";
    let listing = with_password().talk(&format!("{LOGIN}{dialogue}"), list).await.unwrap();
    assert_eq!(ids(&listing), ["same", "same 2", "with\\\\backslash"], "what has no id is left alone");
    assert_eq!(listing.found.iter().map(|found| found.size).collect::<Vec<_>>(), [10, 0, 40]);
}

#[tokio::test]
async fn fifty_thousand_messages_are_listed_in_steps_by_two_questions() {
    let mut dialogue = format!("{LOGIN} C: UIDL\n S: +OK\n");
    (1..=50_000).for_each(|number| dialogue.push_str(&format!(" S: {number} {number:070}\n")));
    dialogue.push_str(" S: .\n C: LIST\n S: +OK\n");
    (1..=50_000).for_each(|number| dialogue.push_str(&format!(" S: {number} {number}\n")));
    dialogue.push_str(" S: .\n");
    let work = async |mut mailbox: Box<dyn Mailbox>| {
        let (mut bookmark, mut sizes, mut steps) = (None, Vec::new(), 0);
        loop {
            let (back, listing) = mailbox.list("", bookmark, Depth::New).await?;
            let listing = listing.unwrap();
            (mailbox, bookmark, steps) = (back, Some(listing.bookmark), steps + 1);
            sizes.extend(listing.found.iter().map(|found| found.size));
            if !listing.more {
                return Ok((sizes, steps));
            }
        }
    };
    let (sizes, steps) = with_password().talk(&dialogue, work).await.unwrap();
    assert_eq!((sizes, steps), ((1..=50_000).collect(), 50));
}

// ---- fetching

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

// ---- deleting

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

// ---- test-connection

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
