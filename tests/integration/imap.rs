//! IMAP as servers really speak it: each trap as a dialogue with a scripted peer.

use std::time::Duration;

use mail2jira::config::{Mechanism, Secret, Start, TlsMode};
use mail2jira::failure::{Scope, Verdict};
use mail2jira::mailbox::cursor::Cursor;
use mail2jira::mailbox::{
    Acknowledged, Acknowledgement, Depth, Found, GmailId, Listing, Mailbox, MailboxError, NoFolder, Piece, Place,
    Stage, Waited, Withheld,
};
use mail2jira::oauth::xoauth2::{oauthbearer, xoauth2};
use tokio::sync::mpsc;

use peer::Client;

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

// ---- signing in

#[tokio::test]
async fn a_token_is_shown_in_one_line_where_the_server_takes_it_and_capabilities_are_asked_for_again() {
    let dialogue = "
        S: * OK ready
        C: T1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER ID
        S: T1 OK done
        C: T2 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: T2 OK done
        C: T3 CAPABILITY
        S: * CAPABILITY IMAP4rev1 IDLE
        S: T3 OK done";
    let pushes = Client::with_token().talk(dialogue, async |mailbox| Ok(mailbox.pushes())).await.unwrap();
    assert!(pushes);
}

#[tokio::test]
async fn without_sasl_ir_the_token_waits_for_the_continuation() {
    for continuation in ["+", "+ "] {
        let dialogue = format!(
            "
            S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] ready
            C: T1 AUTHENTICATE XOAUTH2
            S: {continuation}
            C: dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
            S: T1 OK [CAPABILITY IMAP4rev1 ID] in
            C: T2 ID (\"name\" \"mail2jira\" \"version\" \"0.1.0\")
            S: * ID (\"name\" \"x\" \"vendor\" NIL)
            S: T2 OK done"
        );
        only_login(Client::with_token(), &dialogue).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_token_waits_for_the_continuation_even_where_the_server_takes_short_ones_at_once() {
    let client = Client::with_this_token(&"t".repeat(5000));
    let shown = xoauth2("ann@example.com", &Secret::new("t".repeat(5000)));
    let dialogue = format!(
        "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
        C: T1 AUTHENTICATE XOAUTH2
        S: +
        C: {}
        S: T1 OK [CAPABILITY IMAP4rev1] in",
        shown.expose()
    );
    only_login(client, &dialogue).await.unwrap();
}

#[tokio::test]
async fn gmails_error_challenge_is_answered_with_an_empty_line_and_told() {
    let dialogue = "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
        C: T1 AUTHENTICATE XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgVAEB
        S: + eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==
        C:
        S: T1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)";
    let error = only_login(Client::with_token(), dialogue).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Halt(Scope::Everything));
    let MailboxError::LoginRefused { words, .. } = error else { panic!("{error:?}") };
    let told =
        "[AUTHENTICATIONFAILED] Invalid credentials (Failure) (status 400, wants the scope https://mail.google.com/)";
    assert_eq!(words, told);
}

#[tokio::test]
async fn oauthbearers_error_challenge_is_answered_with_its_own_sign() {
    let client = Client::with_token();
    let shown = oauthbearer("ann@example.com", "127.0.0.1", client.settings.port, &Secret::new("T"));
    let dialogue = format!(
        "
        S: * OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER] ready
        C: T1 AUTHENTICATE OAUTHBEARER
        S: +
        C: {}
        S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
        C: AQ==
        S: T1 NO [AUTHENTICATIONFAILED] Authentication failed.",
        shown.expose()
    );
    let error = only_login(client, &dialogue).await.unwrap_err();
    assert!(matches!(error, MailboxError::LoginRefused { words, .. } if words.contains("invalid_token")));
}

#[tokio::test]
async fn a_refusal_of_the_credential_is_told_from_a_server_that_has_no_time() {
    for (answer, verdict) in [
        ("NO AUTHENTICATE failed.", Verdict::Halt(Scope::Everything)),
        ("NO [AUTHENTICATIONFAILED] Authentication failed.", Verdict::Halt(Scope::Everything)),
        ("NO [PRIVACYREQUIRED] not without TLS", Verdict::Halt(Scope::Everything)),
        ("NO [UNAVAILABLE] Temporary authentication failure.", Verdict::Retry(None)),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", Verdict::Retry(Some(Duration::from_secs(120)))),
        ("NO [LIMIT] enough for now", Verdict::Retry(Some(Duration::from_secs(300)))),
        (
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits.",
            Verdict::Retry(Some(Duration::from_secs(3600))),
        ),
        ("NO Account exceeded command or bandwidth limits. (Failure)", Verdict::Retry(Some(Duration::from_secs(3600)))),
        ("NO Server Unavailable. 15", Verdict::Retry(None)),
        ("BAD", Verdict::Retry(None)),
        (
            "BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds",
            Verdict::Retry(Some(Duration::from_millis(89_117))),
        ),
    ] {
        let dialogue = format!(
            "
            S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
            C: T1 AUTHENTICATE PLAIN AGFubgBwYXNz
            S: T1 {answer}"
        );
        let error = only_login(Client::with_password(), &dialogue).await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn passwords_go_by_whatever_the_server_offers() {
    let authenticate_login = "
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=LOGIN] ready
        C: T1 AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: YW5u
        S: + UGFzc3dvcmQ6
        C: cGFzcw==
        S: T1 OK [CAPABILITY IMAP4rev1] in";
    only_login(Client::with_password(), authenticate_login).await.unwrap();
    let command = r#"
        S: * OK [CAPABILITY IMAP4rev1] ready
        C: T1 LOGIN "ann" "pa\"ss\\"
        S: T1 OK [CAPABILITY IMAP4rev1] in"#;
    only_login(Client::with_this_password("pa\"ss\\"), command).await.unwrap();
    let preauth = "S: * PREAUTH [CAPABILITY IMAP4rev1] welcome";
    only_login(Client::with_password(), preauth).await.unwrap();
}

#[tokio::test]
async fn what_is_not_offered_is_named() {
    let not_offered = async |client: Client, capabilities: &str| {
        let greeting = format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready");
        match only_login(client, &greeting).await.unwrap_err() {
            MailboxError::NotOffered { what, .. } => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(not_offered(Client::with_token(), "AUTH=PLAIN").await, "XOAUTH2 or OAUTHBEARER");
    assert_eq!(not_offered(Client::with_password(), "LOGINDISABLED").await, "PLAIN or LOGIN");
    assert_eq!(
        not_offered(Client::with_this_password("pässword"), "ID").await,
        "AUTH=PLAIN, which this password needs"
    );
    let plain = Client::with_password().set(|settings| settings.mechanism = Mechanism::Plain);
    assert_eq!(not_offered(plain, "AUTH=LOGIN").await, "PLAIN");
    let starttls = Client::with_password().set(|settings| settings.tls = TlsMode::StartTls);
    assert_eq!(not_offered(starttls, "AUTH=PLAIN").await, "STARTTLS");
}

#[tokio::test]
async fn a_login_without_tls_is_not_forced_on_us_by_preauth() {
    let client = Client::with_password().set(|settings| settings.tls = TlsMode::StartTls);
    let error = only_login(client, "S: * PREAUTH [CAPABILITY IMAP4rev1] welcome").await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_goodbye_instead_of_a_greeting_and_no_imap_at_all_are_told_apart() {
    let error = only_login(Client::with_password(), "S: * BYE Too busy for ann@example.com").await.unwrap_err();
    assert!(matches!(&error, MailboxError::Closed { words: Some(words), .. } if words == "Too busy for [address]"));
    let error = only_login(Client::with_password(), "S: HTTP/1.1 400 Bad Request").await.unwrap_err();
    assert!(matches!(error, MailboxError::Protocol { .. }), "{error:?}");
    let error = only_login(Client::with_password(), "X").await.unwrap_err();
    assert!(matches!(error, MailboxError::Closed { words: None, .. }), "{error:?}");
}

// ---- answers that are not what they seem

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

// ---- listing

#[tokio::test]
async fn a_listing_names_what_is_there_but_not_what_is_deleted() {
    let dialogue = format!("{LOGIN}{SELECT}{}", LIST.replace("(\\Seen)", "(\\Seen \\Deleted)"));
    let listing = Client::with_password().talk(&dialogue, list).await.unwrap();
    assert_eq!(listing.found, [found(10, 5)]);
    assert_eq!(
        cursor(&listing),
        Cursor { uid_validity: 7, first_uid: 1, next_uid: 13, start_ms: None, withheld: Default::default() }
    );
    assert!(!listing.more);
}

#[tokio::test]
async fn what_is_told_of_a_message_in_several_answers_is_put_together() {
    let whole = "S: * 1 FETCH (UID 10 FLAGS () INTERNALDATE \"01-Nov-2026 10:00:00 +0000\" RFC822.SIZE 5)";
    let split = "S: * 1 FETCH (RFC822.SIZE 5 UID 10)
        S: * 1 FETCH (UID 10 INTERNALDATE \"01-Nov-2026 10:00:00 +0000\")
        S: * 2 FETCH (FLAGS (\\Deleted) UID 12)";
    let dialogue = format!("{LOGIN}{SELECT}{}", LIST.replace(whole, split));
    let listing = Client::with_password().talk(&dialogue, list).await.unwrap();
    assert_eq!(listing.found, [found(10, 5)]);
}

#[tokio::test]
async fn gmail_is_asked_for_its_own_ids_which_outlive_uids() {
    let gmail = LIST
        .replace("RFC822.SIZE)\n", "RFC822.SIZE X-GM-MSGID)\n")
        .replace("FETCH (UID 10 FLAGS", "FETCH (X-GM-MSGID 1278455344230334865 UID 10 FLAGS");
    let login = LOGIN.replace("IDLE UIDPLUS", "IDLE X-GM-EXT-1 UIDPLUS");
    let listing = Client::with_password().talk(&format!("{login}{SELECT}{gmail}"), list).await.unwrap();
    let ids: Vec<Option<GmailId>> = listing.found.iter().map(|found| found.gmail_id).collect();
    assert_eq!(ids, [Some(GmailId(1_278_455_344_230_334_865)), None]);
}

#[tokio::test]
async fn now_is_fixed_by_the_folders_own_last_uid_and_newest_date() {
    let dialogue = format!(
        "{LOGIN}{SELECT}
        C: T3 UID FETCH * (UID)
        S: * 2 FETCH (UID 12)
        S: T3 OK done
        C: T4 UID FETCH 1:12 (INTERNALDATE)
        S: * 1 FETCH (UID 10 INTERNALDATE \"02-Nov-2026 11:00:00 +0100\")
        S: * 2 FETCH (UID 12 INTERNALDATE \"01-Nov-2026 10:00:00 +0000\")
        S: T4 OK done"
    );
    let client = Client::with_password().set(|settings| settings.start = Start::Now);
    let listing = client.talk(&dialogue, list).await.unwrap();
    let start: jiff::Timestamp = "2026-11-02T10:00:00Z".parse().unwrap();
    let start_ms = Some(start.as_millisecond());
    assert_eq!(
        cursor(&listing),
        Cursor { uid_validity: 7, first_uid: 13, next_uid: 13, start_ms, withheld: Default::default() }
    );
    assert_eq!(listing.found, []);
}

#[tokio::test]
async fn an_empty_folder_is_asked_nothing_and_a_full_check_selects_again() {
    let empty = SELECT.replace("* 2 EXISTS", "* 0 EXISTS");
    let filled = SELECT.replace("T2", "T5").replace("UIDVALIDITY 7", "UIDVALIDITY 8");
    let dialogue = format!("{LOGIN}{empty}{filled}{LIST}");
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, listing) = mailbox.list("INBOX", None, Depth::New).await?;
        let listing = listing.unwrap();
        assert_eq!((listing.found.len(), cursor(&listing).next_uid), (0, 1));
        mailbox.list("INBOX", Some(listing.bookmark), Depth::Full).await.map(|(_, listing)| listing.unwrap())
    };
    let listing = Client::with_password().talk(&dialogue, work).await.unwrap();
    assert_eq!((uids(&listing), cursor(&listing).uid_validity), (vec![10, 12], 8));
}

#[tokio::test]
async fn a_folder_that_is_gone_is_named_and_the_others_go_on_in_the_same_session() {
    let gone = "C: T2 SELECT \"Entw&APw-rfe\"\nS: T2 NO [NONEXISTENT] no such folder\n";
    let dialogue = format!("{LOGIN}{gone}{SELECT}{LIST}");
    let work = async |mailbox: Box<dyn Mailbox>| {
        let (mailbox, listing) = mailbox.list("Entwürfe", None, Depth::New).await?;
        assert_eq!(listing, Err(NoFolder("[NONEXISTENT] no such folder".into())));
        list(mailbox).await
    };
    assert_eq!(uids(&Client::with_password().talk(&dialogue, work).await.unwrap()), [10, 12]);
}

// ---- fetching

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

// ---- acknowledging

const HAS: &str = "
    C: T3 UID FETCH 12 (UID)
    S: * 2 FETCH (UID 12)
    S: T3 OK done
";

#[tokio::test]
async fn a_message_is_marked_or_deleted_alone_and_a_missing_one_is_gone() {
    let seen = format!("{LOGIN}{SELECT}{HAS} C: T4 UID STORE 12 +FLAGS.SILENT (\\Seen)\nS: T4 OK done");
    assert_eq!(acknowledge(&seen, Acknowledgement::Seen).await.unwrap(), Acknowledged::Done);
    let refused = seen.replace("T4 OK done", "T4 NO [ALERT] read-only");
    let outcome = acknowledge(&refused, Acknowledgement::Seen).await.unwrap();
    assert_eq!(outcome, Acknowledged::Refused("[ALERT] read-only".into()));
    let delete = format!(
        "{LOGIN}{SELECT}{HAS}
        C: T4 UID STORE 12 +FLAGS.SILENT (\\Deleted)
        S: T4 OK done
        C: T5 UID EXPUNGE 12
        S: * 2 EXPUNGE
        S: T5 OK done"
    );
    assert_eq!(acknowledge(&delete, Acknowledgement::Delete).await.unwrap(), Acknowledged::Done);
    let gone = format!("{LOGIN}{SELECT} C: T3 UID FETCH 12 (UID)\nS: T3 OK done");
    assert_eq!(acknowledge(&gone, Acknowledgement::Seen).await.unwrap(), Acknowledged::Gone);
}

#[tokio::test]
async fn without_uidplus_and_move_a_message_is_copied_and_marked_and_nobody_elses_is_expunged() {
    let mark = "
        C: T5 UID STORE 12 +FLAGS.SILENT (\\Deleted)
        S: T5 OK done
        C: T6 UID SEARCH DELETED";
    let others = "S: * SEARCH 10 12\nS: T6 OK done";
    let dialogue = format!("{BARE_LOGIN}{SELECT}{HAS} C: T4 UID COPY 12 \"Done\"\nS: T4 OK done\n{mark}\n{others}");
    let done = acknowledge(&dialogue, Acknowledgement::Move("Done".into())).await.unwrap();
    assert_eq!(done, Acknowledged::Moved(None));
    let delete = format!("{BARE_LOGIN}{SELECT}{HAS}{mark}\n{others}");
    assert_eq!(acknowledge(&delete, Acknowledgement::Delete).await.unwrap(), Acknowledged::Done);

    let alone = "S: * SEARCH 12\nS: T6 OK done\nC: T7 EXPUNGE\nS: * 2 EXPUNGE\nS: T7 OK done";
    let delete = format!("{BARE_LOGIN}{SELECT}{HAS}{mark}\n{alone}");
    assert_eq!(acknowledge(&delete, Acknowledgement::Delete).await.unwrap(), Acknowledged::Done);
}

#[tokio::test]
async fn a_copy_whose_original_cannot_be_deleted_is_not_made_again() {
    let dialogue = format!(
        "{BARE_LOGIN}{SELECT}{HAS}
        C: T4 UID COPY 12 \"Done\"
        S: T4 OK done
        C: T5 UID STORE 12 +FLAGS.SILENT (\\Deleted)
        S: T5 NO [NOPERM] read only"
    );
    let done = acknowledge(&dialogue, Acknowledgement::Move("Done".into())).await.unwrap();
    assert_eq!(done, Acknowledged::Moved(None));
}

#[tokio::test]
async fn what_the_server_will_not_mark_is_told_and_a_folder_that_is_gone_has_nothing_to_mark() {
    let refused =
        format!("{LOGIN}{SELECT}{HAS} C: T4 UID STORE 12 +FLAGS.SILENT (\\Seen)\nS: T4 NO [NOPERM] read only");
    let outcome = acknowledge(&refused, Acknowledgement::Seen).await.unwrap();
    assert_eq!(outcome, Acknowledged::Refused("[NOPERM] read only".into()));
    let gone = format!("{LOGIN} C: T2 SELECT \"INBOX\"\nS: T2 NO [NONEXISTENT] no such folder");
    assert_eq!(acknowledge(&gone, Acknowledgement::Seen).await.unwrap(), Acknowledged::Gone);
    let throttled =
        format!("{LOGIN}{SELECT}{HAS} C: T4 UID STORE 12 +FLAGS.SILENT (\\Seen)\nS: T4 NO [THROTTLED] later");
    let error = acknowledge(&throttled, Acknowledgement::Seen).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry(Some(Duration::from_secs(300))));
}

#[tokio::test]
async fn a_missing_target_is_created_and_the_new_place_is_told() {
    for refusal in ["NO [TRYCREATE] Mailbox doesn't exist", "NO no such thing"] {
        let dialogue = format!(
            "{LOGIN}{SELECT}{HAS}
            C: T4 UID MOVE 12 \"Erledigt &- gut\"
            S: T4 {refusal}
            C: T5 CREATE \"Erledigt &- gut\"
            S: T5 OK done
            C: T6 UID MOVE 12 \"Erledigt &- gut\"
            S: * OK [COPYUID 99 12 3] moved
            S: * 2 EXPUNGE
            S: T6 OK done"
        );
        let done = acknowledge(&dialogue, Acknowledgement::Move("Erledigt & gut".into())).await.unwrap();
        let new = Place::Imap { folder: "Erledigt & gut".into(), uid_validity: 99, uid: 3 };
        assert_eq!(done, Acknowledged::Moved(Some(new)));
    }
}

#[tokio::test]
async fn a_move_that_is_refused_for_another_reason_says_so() {
    let dialogue = format!("{LOGIN}{SELECT}{HAS} C: T4 UID MOVE 12 \"Done\"\nS: T4 NO [OVERQUOTA] full");
    let outcome = acknowledge(&dialogue, Acknowledgement::Move("Done".into())).await.unwrap();
    assert_eq!(outcome, Acknowledged::Refused("[OVERQUOTA] full".into()), "no room there is no reason to stay away");
    let dialogue = format!(
        "{LOGIN}{SELECT}{HAS}
        C: T4 UID MOVE 12 \"Done\"
        S: T4 NO not now
        C: T5 CREATE \"Done\"
        S: T5 NO [ALREADYEXISTS] it is there"
    );
    let outcome = acknowledge(&dialogue, Acknowledgement::Move("Done".into())).await.unwrap();
    assert_eq!(outcome, Acknowledged::Refused("not now".into()));
}

// ---- waiting

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

// ---- test-connection and goodbye

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
