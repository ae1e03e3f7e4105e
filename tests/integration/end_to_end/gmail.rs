//! Gmail, which shows a labelled message in several folders: fetched once, one issue, and marked in each.

use super::trouble::scripted;
use super::world::mail;
use crate::imap::peer::play;

/// A folder with one message, as a full check looks at it.
fn folder(tag: u32, name: &str, uid: u32, size: usize) -> String {
    format!(
        "C: T{0} SELECT \"{name}\"
        S: * 1 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: T{0} OK [READ-WRITE] selected
        C: T{1} UID FETCH * (UID)
        S: * 1 FETCH (UID {uid})
        S: T{1} OK done
        C: T{2} UID FETCH 1:{uid} (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID)
        S: * 1 FETCH (X-GM-MSGID 1278455344230334865 UID {uid} RFC822.SIZE {size} INTERNALDATE \"22-Nov-2026 10:00:00 +0000\" FLAGS ())
        S: T{2} OK Success\n",
        tag,
        tag + 1,
        tag + 2
    )
}

fn marked(tag: u32, uid: u32) -> String {
    format!(
        "C: T{0} UID FETCH {uid} (UID)
        S: * 1 FETCH (UID {uid})
        S: T{0} OK Success
        C: T{1} UID STORE {uid} +FLAGS.SILENT (\\Seen)
        S: T{1} OK Success\n",
        tag,
        tag + 1
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_labels_is_fetched_once_makes_one_issue_and_is_marked_in_every_folder() {
    let (world, listener) = scripted("gmail", "folders = [\"INBOX\", \"Requests\"]").await;
    let raw = mail("labelled", "");
    let body = String::from_utf8(raw.clone()).unwrap().replace("\r\n", "\\r\\n");
    let dialogue = [
        "S: * OK Gimap ready
        C: T1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 IDLE X-GM-EXT-1 SASL-IR AUTH=PLAIN
        S: T1 OK Thats all she wrote!
        C: T2 AUTHENTICATE PLAIN AGdtYWlsQGV4YW1wbGUudGVzdABzZWNyZXQ=
        S: * CAPABILITY IMAP4rev1 IDLE X-GM-EXT-1 UIDPLUS MOVE
        S: T2 OK authenticated (Success)\n"
            .to_owned(),
        folder(3, "INBOX", 12, raw.len()),
        format!(
            "C: T6 UID FETCH 12 (UID BODY.PEEK[])
            S| * 1 FETCH (UID 12 BODY[] {{{}}}\\r\\n{body})\\r\\n
            S: T6 OK Success\n",
            raw.len()
        ),
        folder(7, "Requests", 5, raw.len()),
        "C: T10 SELECT \"INBOX\"
        S: * 1 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: T10 OK [READ-WRITE] selected\n"
            .to_owned(),
        marked(11, 12),
        "C: T13 SELECT \"Requests\"
        S: * 1 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: T13 OK [READ-WRITE] selected\n"
            .to_owned(),
        marked(14, 5),
        "C: T16 LOGOUT\nS: * BYE LOGOUT Requested\nS: T16 OK 73 good day (Success)\nX\n".to_owned(),
    ];
    let dialogue = dialogue.concat();
    let (output, _) = tokio::join!(world.pass(), play(&listener, &dialogue));
    assert!(output.status.success(), "{output:?}");
    assert_eq!((world.written("labelled-body"), world.jira.issues().len()), (1, 1));
}
