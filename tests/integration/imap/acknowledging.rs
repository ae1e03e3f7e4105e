//! Marking, deleting and moving messages.

use std::time::Duration;

use mail2jira::failure::Verdict;
use mail2jira::mailbox::{Acknowledged, Acknowledgement, Place};

use super::{BARE_LOGIN, LOGIN, SELECT, acknowledge};

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
