//! Folders, mailboxes and messages that are not given to us for a while: named meanwhile, and nothing is lost or doubled.

use sandbox::dovecot::Service;
use sandbox::jira::site::Product;

use super::trouble::scripted;
use super::world::{ADDRESS, World, mail};
use crate::imap::peer::play;

/// The mailbox's state, and what `status` says is wrong.
async fn told(world: &World) -> (String, String) {
    let status = world.json(&["status", "--json"]).await;
    let text = |field: &str| status["mailboxes"][0][field].as_str().unwrap_or_default().to_owned();
    (text("state"), text("error"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_renamed_is_named_until_it_is_back_and_then_goes_on_where_it_was() {
    let keys = "start = \"all\"\npoll = \"1s\"\nfolders = [\"Requests\", \"INBOX\"]";
    let world = World::start_on(Product::Cloud, "", keys).await;
    let [requests, old] = ["Requests", "Old"].map(|name| world.dovecot.folder(ADDRESS, name));
    requests.deliver(&mail("before", "")).unwrap();
    world.authorize().await;
    let mut daemon = world.daemon();
    world.until("the first mail is written", async || world.written("before-body") == 1).await;
    requests.rename(&old).unwrap();
    world.dovecot.kill(Service::Imap).unwrap(); // who has it open would go on reading it
    let gone = async || {
        let (state, error) = told(&world).await;
        state == "misconfigured" && error.contains("folder `Requests` cannot be opened")
    };
    world.until("the folder is missed", gone).await;
    old.deliver(&mail("meanwhile", "")).unwrap();
    world.inbox().deliver(&mail("elsewhere", "")).unwrap();
    world.until("the other folder goes on", async || world.written("elsewhere-body") == 1).await;
    old.rename(&requests).unwrap();
    world.until("what came meanwhile is written", async || world.written("meanwhile-body") == 1).await;
    let well =
        async || matches!(told(&world).await.0.as_str(), "watching" | "polling") && told(&world).await.1.is_empty();
    world.until("all is well again", well).await;
    requests.deliver(&mail("after", "")).unwrap();
    world.until("what comes now is written", async || world.written("after-body") == 1).await;
    assert_eq!((world.written("before-body"), world.jira.issues().len()), (1, 4));
    daemon.kill().await.unwrap();
}

/// A session up to its login.
fn login(answer: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        C: T1 AUTHENTICATE PLAIN AHN1cHBvcnRAZXhhbXBsZS50ZXN0AHNlY3JldA==
        S: T1 {answer}\n"
    )
}

/// A full check of a folder that holds this one message.
fn one_message(uid: u32, size: usize) -> String {
    format!(
        "C: T2 SELECT \"INBOX\"
        S: * 1 EXISTS
        S: * OK [UIDVALIDITY 7] ok
        S: T2 OK [READ-WRITE] selected
        C: T3 UID FETCH * (UID)
        S: * 1 FETCH (UID {uid})
        S: T3 OK done
        C: T4 UID FETCH 1:{uid} (UID FLAGS INTERNALDATE RFC822.SIZE)
        S: * 1 FETCH (UID {uid} FLAGS () INTERNALDATE \"22-Nov-2026 10:00:00 +0000\" RFC822.SIZE {size})
        S: T4 OK done\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_deleted_while_it_is_watched_is_named_and_read_on_when_it_is_back() {
    let (world, listener) = scripted("support", "after = \"keep\"").await;
    let raw = mail("there", "");
    let body = String::from_utf8(raw.clone()).unwrap().replace("\r\n", "\\r\\n");
    let fetched = format!(
        "C: T5 UID FETCH 12 (UID BODY.PEEK[])
        S| * 1 FETCH (UID 12 BODY[] {{{}}}\\r\\n{body})\\r\\n
        S: T5 OK done\n",
        raw.len()
    );
    let sound = login("OK [CAPABILITY IMAP4rev1 IDLE] in") + &one_message(12, raw.len());
    let mut daemon = world.daemon();
    let first = sound.clone() + &fetched + "C: T6 IDLE\nS: + idling\n";
    let idling = play(&listener, &first).await;
    world.until("it is watched", async || told(&world).await.0 == "watching").await;
    world.until("its mail is written", async || world.written("there-body") == 1).await;
    drop(idling);
    let deleted = login("NO [AUTHENTICATIONFAILED] no such mailbox") + "X\n";
    play(&listener, &deleted).await;
    let gone = async || {
        let (state, error) = told(&world).await;
        state == "misconfigured" && error.contains("no such mailbox")
    };
    world.until("it is missed", gone).await;
    let folderless = login("OK [CAPABILITY IMAP4rev1 IDLE] in")
        + "C: T2 SELECT \"INBOX\"\nS: T2 NO [NONEXISTENT] it was renamed\nX\n";
    play(&listener, &folderless).await;
    let renamed = async || {
        told(&world).await
            == ("misconfigured".to_owned(), "folder `INBOX` cannot be opened: [NONEXISTENT] it was renamed".to_owned())
    };
    world.until("its folder is missed", renamed).await;
    let idling = play(&listener, &(sound + "C: T5 IDLE\nS: + idling\n")).await;
    world.until("it is watched again", async || told(&world).await == ("watching".to_owned(), String::new())).await;
    drop(idling);
    assert_eq!(world.jira.issues().len(), 1);
    daemon.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_server_does_not_give_holds_up_no_other_and_comes_when_it_does() {
    let (world, listener) = scripted("support", "").await;
    let raw = mail("given", "");
    let body = String::from_utf8(raw.clone()).unwrap().replace("\r\n", "\\r\\n");
    let head = login("OK [CAPABILITY IMAP4rev1] in") + &one_message(12, raw.len());
    let logout = "LOGOUT\nS: * BYE bye\nS: T9 OK done\nX\n";
    let refused = format!(
        "C: T5 UID FETCH 12 (UID BODY.PEEK[])
        S: T5 NO [SERVERBUG] cannot read it
        C: T6 UID FETCH 12 (UID)
        S: * 1 FETCH (UID 12)
        S: T6 OK done
        C: T7 UID FETCH 12 (UID BODY.PEEK[])
        S: T7 NO [SERVERBUG] cannot read it
        C: T9 {logout}"
    );
    let dialogue = head.clone() + &refused;
    let (output, _) = tokio::join!(world.pass(), play(&listener, &dialogue));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("does not give 1 of the messages in INBOX"), "{said}");
    let given = format!(
        "C: T5 UID FETCH 12 (UID BODY.PEEK[])
        S| * 1 FETCH (UID 12 BODY[] {{{}}}\\r\\n{body})\\r\\n
        S: T5 OK done
        C: T6 UID FETCH 12 (UID)
        S: * 1 FETCH (UID 12)
        S: T6 OK done
        C: T7 UID STORE 12 +FLAGS.SILENT (\\Seen)
        S: T7 OK done
        C: T9 {logout}",
        raw.len()
    );
    let dialogue = head + &given;
    let (output, _) = tokio::join!(world.pass(), play(&listener, &dialogue));
    assert!(output.status.success(), "{output:?}");
    assert_eq!((world.written("given-body"), world.jira.issues().len()), (1, 1));
}
