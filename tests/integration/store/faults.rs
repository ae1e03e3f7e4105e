//! A database that fails: errors come back, nothing is half done, and the ledger goes on.

use std::sync::Arc;

use mail2jira::store::commit::{Committer, Transact};
use mail2jira::store::database::Connection;
use mail2jira::store::{Database, Ledger, StoreError};
use mail2jira::vault::{Vault, VaultKey};
use sandbox::postgres::{Door, Postgres, PostgresOptions};
use tokio::task::{JoinSet, spawn_blocking};

use super::book::{Kind, at, database_of, on, runtime};
use super::commits::{beat, committer, submit};

#[test]
fn connections_that_were_cut_while_nothing_happened_are_not_noticed() {
    on(Kind::Postgres, &async |book| {
        book.ledger.beat("node", at(0)).await.unwrap();
        assert!(book.cut_connections() >= 4);
        for second in 1..9 {
            book.ledger.beat("node", at(second)).await.unwrap();
        }
        assert_eq!(book.ledger.nodes().await.unwrap()[0].heartbeat_at, Some(at(8)));
    });
}

#[test]
fn a_connection_cut_in_the_middle_of_a_transaction_leaves_nothing_half_done() {
    on(Kind::Postgres, &async |book| {
        let committer = committer(book);
        let pid = submit(&committer, |tx| {
            beat(tx, "half", 1)?;
            tx.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
            beat(tx, "other half", 1)
        });
        let failed = pid.await.unwrap();
        assert!(matches!(failed, Err(StoreError::Postgres(_))), "{failed:?}");
        assert_eq!(book.ask("SELECT COUNT(*) FROM nodes"), "0");
        submit(&committer, |tx| beat(tx, "whole", 1)).await.unwrap().unwrap();
        assert_eq!(book.ask("SELECT name FROM nodes"), "whole");
    });
}

#[test]
fn a_commit_whose_answer_is_lost_is_of_unknown_outcome() {
    on(Kind::Postgres, &async |book| {
        book.ask("CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'");
        book.ask("CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON nodes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()");
        let lost = book.ledger.beat("node", at(0)).await;
        assert!(matches!(lost, Err(StoreError::CommitUnknown(_))), "{lost:?}");
        book.ask("DROP TRIGGER cut ON nodes");
        book.ledger.beat("node", at(1)).await.unwrap();
        assert_eq!(book.ledger.nodes().await.unwrap().len(), 1);
    });
}

#[test]
fn a_server_that_was_away_is_used_again_when_it_is_back() {
    let options = PostgresOptions { door: Door::Password("correct horse".to_owned()), ..PostgresOptions::default() };
    let mut server = Postgres::start_with(options).unwrap_or_else(|error| panic!("{error}"));
    let (url, password) = (server.create_database().unwrap(), mail2jira::config::Secret::new("correct horse"));
    let database = Database::Postgres { url: &url, password: Some(&password) };
    let wrong = mail2jira::config::Secret::new("wrong horse");
    let refused = Database::Postgres { url: &url, password: Some(&wrong) }.connect().map(drop).unwrap_err();
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
    let vault = Arc::new(Vault::from_key(&VaultKey::generate().unwrap()).unwrap());
    let ledger = Ledger::open(database, database.connect().unwrap(), vault).unwrap();
    let runtime = runtime();
    runtime.block_on(ledger.beat("node", at(0))).unwrap();
    server.stop();
    let away = runtime.block_on(ledger.beat("node", at(1))).unwrap_err();
    assert!(!matches!(away, StoreError::CommitUnknown(_)), "nothing was sent: {away}");
    server.restart().unwrap();
    runtime.block_on(ledger.beat("node", at(2))).unwrap();
    assert_eq!(runtime.block_on(ledger.nodes()).unwrap()[0].heartbeat_at, Some(at(2)));
}

#[test]
fn a_full_disk_is_named_and_when_there_is_room_again_the_ledger_goes_on() {
    on(Kind::Sqlite, &async |book| {
        let connection = book.database().connect().unwrap();
        let Connection::Sqlite(sqlite) = &connection else { panic!() };
        let pages: i64 = sqlite.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        sqlite.connection.pragma_update(None, "max_page_count", pages + 8).unwrap();
        let (path, url) = (book.path.clone(), String::new());
        let connect = move || database_of(Kind::Sqlite, &path, &url).connect();
        let disk: Arc<dyn Transact> = Arc::new(Committer::start(vec![connection], Arc::new(connect)).unwrap());
        let ledger = Ledger::over(disk.clone(), book.vault.clone());
        let mut large = book.letter(1);
        let noise: Vec<u8> = (0..200_000).map(|_| fastrand::u8(..)).collect();
        large.chunks = vec![ledger.seal_chunk(&large.body, 0, &noise).unwrap()];
        let refused = ledger.receive(vec![large], at(0)).await.unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        assert_eq!(book.ask("SELECT COUNT(*) FROM messages"), "0");
        ledger.beat("small", at(0)).await.unwrap();
        submit(&*disk, |tx| tx.query("PRAGMA max_page_count = 1000000", &[], |mut row| row.int()))
            .await
            .unwrap()
            .unwrap();
        let mut large = book.letter(1);
        large.chunks = vec![ledger.seal_chunk(&large.body, 0, &noise).unwrap()];
        let body = large.body.clone();
        ledger.receive(vec![large], at(0)).await.unwrap();
        assert_eq!(ledger.body(&body).await.unwrap(), noise);
    });
}

#[test]
fn another_process_that_is_writing_is_waited_for() {
    on(Kind::Sqlite, &async |book| {
        let other = rusqlite::Connection::open(&book.path).unwrap();
        other
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO nodes (name, version, heartbeat_at) VALUES ('other', 'x', 1)")
            .unwrap();
        let ledger = book.ledger.clone();
        let mut writing = JoinSet::new();
        writing.spawn(async move { ledger.beat("node", at(0)).await });
        assert!(book.ledger.nodes().await.unwrap().is_empty(), "reading goes on meanwhile");
        assert!(writing.try_join_next().is_none());
        spawn_blocking(move || other.execute_batch("COMMIT").unwrap()).await.unwrap();
        writing.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(book.ledger.nodes().await.unwrap().len(), 2);
    });
}
