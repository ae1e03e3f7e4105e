//! A new key for the vault: everything is sealed with it or nothing, whatever the moment at which it is killed.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Instant;

use super::world::{World, mail};

const SEALED: [(&str, &str); 6] = [
    ("vault", "sealed"),
    ("grants", "sealed"),
    ("bodies", "sealed"),
    ("messages", "envelope"),
    ("story", "sealed"),
    ("steps", "sealed"),
];

/// The keys that any value of the state is sealed with.
fn keys(world: &World) -> BTreeSet<Vec<u8>> {
    let state = rusqlite::Connection::open(world.dir.path().join("state.db")).unwrap();
    let mut found = BTreeSet::new();
    for (table, column) in SEALED {
        let mut statement = state.prepare(&format!("SELECT DISTINCT substr({column}, 2, 8) FROM {table}")).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let before = found.len();
        found.extend(rows.map(Result::unwrap));
        assert!(!found.is_empty() || before > 0, "{table} is empty");
    }
    found
}

async fn filled() -> World {
    let world = World::authorized("", "start = \"all\"").await;
    let ignored = (0..40).map(|number| mail(&format!("mail{number}"), "Auto-Submitted: auto-replied\r\n"));
    world.inbox().deliver_all(ignored).unwrap();
    world.inbox().deliver(&mail("written", "")).unwrap();
    world.clean_pass().await;
    world
}

fn words(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_one_key_that_opens_everything() {
    let world = filled().await;
    let begun = Instant::now();
    let output = world.run(&["vault", "rekey"]).await;
    assert!(output.status.success(), "{output:?}");
    let whole = begun.elapsed();
    let (mut seen, mut ended, mut round) = (keys(&world), 0, 0);
    while ended < 5 {
        assert!(round < 600, "none comes to its end");
        let mut child = world.command(&["vault", "rekey"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = whole.mul_f64(f64::from(round) / 50.0);
        ended += u32::from(tokio::time::timeout(moment, child.wait()).await.is_ok());
        child.kill().await.unwrap();
        let now = keys(&world);
        assert_eq!(now.len(), 1, "round {round}: all of it is under one key");
        let shown = world.run(&["messages", "show", "41", "--json"]).await;
        assert!(shown.status.success(), "round {round}: {shown:?}");
        seen.extend(now);
        round += 1;
    }
    assert!(
        seen.len() > 5 && ended < round,
        "of {round}, {ended} came to their end, and there were {} keys",
        seen.len()
    );
    assert!(!world.dir.path().join("vault.key.next").exists(), "what was broken off is tidied away");
    world.inbox().deliver(&mail("later", "In-Reply-To: <written@example.com>\r\n")).unwrap();
    assert!(world.pass().await.status.success(), "the consent and the thread are as they were");
    assert_eq!((world.written("later-body"), world.jira.issues().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_at_work_or_a_person_at_a_consent_hold_a_new_key_off() {
    let world = filled().await;
    let mut daemon = world.daemon();
    world.until("it watches", async || world.state().await == "watching").await;
    let refused = world.run(&["vault", "rekey"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(words(&refused).contains("stop every daemon"), "{refused:?}");
    daemon.kill().await.unwrap();

    let mut person = world.command(&["authorize", "support", "--no-browser"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(person.stdout.take().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
    let refused = world.run(&["vault", "rekey"]).await;
    assert!(words(&refused).contains("another mail2jira has this state open"), "{refused:?}");
    person.kill().await.unwrap();
    assert!(world.run(&["vault", "rekey"]).await.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_ones_own_is_used_and_the_old_one_is_named_as_wrong_from_then_on() {
    let world = filled().await;
    let (ours, theirs) = (world.dir.path().join("vault.key"), world.dir.path().join("new-key"));
    std::fs::write(&theirs, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let rekey = ["vault", "rekey", "--new-key", theirs.to_str().unwrap()];
    let output = world.run(&rekey).await;
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("before the next start"));
    for command in [
        &["run"][..],
        &["run", "--once"],
        &["status"],
        &["messages", "list"],
        &["vault", "rekey"],
        &["authorize", "support"],
    ] {
        let output = world.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(words(&output).contains("the ledger was sealed with another key: it needs key"), "{output:?}");
    }
    assert!(world.run(&rekey).await.status.success(), "asked again, it says what is left to do");
    std::fs::rename(&theirs, &ours).unwrap();
    world.clean_pass().await;
}
