//! Listing what is new in a folder.

use mail2jira::config::Start;
use mail2jira::mailbox::cursor::Cursor;
use mail2jira::mailbox::{Depth, GmailId, Mailbox, NoFolder};

use super::peer::Client;
use super::{LIST, LOGIN, SELECT, cursor, found, list, uids};

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
