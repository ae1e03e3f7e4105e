//! The vault's key: named when it is the wrong one, replaced for everything at once, and never beside others.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use mail2jira::config::Secret;
use mail2jira::oauth::consent::Begun;
use mail2jira::oauth::{Grant, RefreshEnd};
use mail2jira::store::consents::Pending;
use mail2jira::store::schema::MIGRATIONS;
use mail2jira::store::{Ledger, StoreError, key, rekey};
use mail2jira::vault::{Vault, VaultKey};

use super::book::{Book, Kind, apart, at, issue, on, on_both};

/// Every column of bytes that the schema has, with its table: what is sealed.
fn sealed_columns() -> Vec<(&'static str, &'static str)> {
    let mut table = "";
    let mut found = Vec::new();
    for line in MIGRATIONS.iter().flat_map(|script| script.lines()) {
        if let Some(name) = line.strip_prefix("CREATE TABLE ") {
            table = name.trim_end_matches(" (");
        }
        if line.contains("{bytes} NOT NULL") {
            assert!(line.starts_with("    "), "a column by itself: {line}");
            found.push((table, line.split_whitespace().next().unwrap()));
        }
    }
    found
}

/// The keys that the values of a column were sealed with, in hex.
fn keys(book: &Book, (table, column): (&str, &str)) -> Vec<String> {
    let id = match book.kind {
        Kind::Sqlite => format!("lower(hex(substr({column}, 2, 8)))"),
        Kind::Postgres => format!("encode(substr({column}, 2, 8), 'hex')"),
    };
    book.ask(&format!("SELECT DISTINCT {id} FROM {table}")).lines().map(str::to_owned).collect()
}

fn fresh() -> Arc<Vault> {
    Arc::new(Vault::from_key(&VaultKey::generate().unwrap()).unwrap())
}

fn grant() -> Grant {
    Grant {
        refresh_token: Secret::new("refresh"),
        access: None,
        granted_at: at(0),
        identity: None,
        scopes: Vec::new(),
        refresh_end: RefreshEnd::Untold,
    }
}

fn pending() -> Pending<Begun> {
    let begun = serde_json::json!({"state": "s1", "verifier": "v", "redirect_uri": "http://127.0.0.1/", "address": "http://127.0.0.1/authorize"});
    Pending {
        subject: "support".to_owned(),
        session: "session".to_owned(),
        begun: serde_json::from_value::<Begun>(begun).unwrap(),
    }
}

/// Something of everything that is sealed, and more of it than is read at once.
async fn fill(book: &Book) {
    for number in 0..40 {
        book.deliver(number, &issue(number)).await;
        book.ledger.save_consent(&format!("mailbox{number}"), &grant()).await.unwrap();
    }
    let mut large = book.letter(100);
    for position in 1..40 {
        large.chunks.push(book.ledger.seal_chunk(&large.body, position, b"more").unwrap());
    }
    book.new_message(large).await;
    book.ledger.keep_begun_consent("s1", &pending(), (at(0), at(600))).await.unwrap();
    apart(|| key::prove(&mut book.database().connect().unwrap(), &book.vault).unwrap());
}

/// As the command does it.
fn rekeyed(book: &Book, new: &Vault) -> Result<u64, StoreError> {
    apart(|| {
        let mut connection = book.database().connect()?;
        connection.be_alone()?;
        rekey::rekey(&mut connection, &book.vault, new)
    })
}

fn opened(book: &Book, vault: Arc<Vault>) -> Ledger {
    apart(|| super::book::open_as(book.kind, &book.path, &book.url, vault))
}

#[test]
fn a_new_key_seals_every_value_there_is_and_everything_opens_with_it() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut book = Book::new(kind);
        let runtime = super::book::runtime();
        runtime.block_on(fill(&book));
        let new = fresh();
        let (old_id, new_id) = (book.vault.key_id().to_string(), new.key_id().to_string());
        for column in sealed_columns() {
            assert_eq!(keys(&book, column), [old_id.as_str()], "{kind:?}: {column:?} is filled");
        }
        book.close();
        let count = rekeyed(&book, &new).unwrap();
        assert!(count > 40 * 4, "{kind:?}: {count}");
        for column in sealed_columns() {
            assert_eq!(keys(&book, column), [new_id.as_str()], "{kind:?}: {column:?} is sealed anew");
        }
        let ledger = opened(&book, new);
        runtime.block_on(async {
            let entry = ledger.entry(book.ids_of_stage("received")[0]).await.unwrap().unwrap();
            assert_eq!(entry.envelope.subject, "subject 100");
            assert!(!ledger.story(entry.id).await.unwrap().is_empty());
            let body = ledger.body(&entry.body.unwrap()).await.unwrap();
            assert!(body.starts_with(b"the text of letter 100") && body.ends_with(b"moremore"));
            assert_eq!(ledger.steps(book.ids_of_stage("delivered")[0]).await.unwrap().len(), 1);
            assert!(ledger.grant("mailbox39").await.unwrap().is_some());
            let taken: Option<Pending<Begun>> = ledger.take_begun_consent("s1", "session", at(1)).await.unwrap();
            assert!(taken.is_some());
        });
    }
}

#[test]
fn the_key_is_not_replaced_while_anybody_has_the_state_open_nor_is_it_opened_meanwhile() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut book = Book::new(kind);
        let vault = book.vault.clone();
        let refused = rekeyed(&book, &fresh()).unwrap_err();
        assert!(matches!(refused, StoreError::InUse), "{kind:?}: {refused}");
        let other = opened(&book, vault); // a refusal leaves the others as they were
        book.close();
        assert!(matches!(rekeyed(&book, &fresh()), Err(StoreError::InUse)), "{kind:?}: the other is still there");
        drop(other);
        let mut alone = book.database().connect().unwrap();
        alone.be_alone().unwrap();
        let refused = book.database().connect().map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Rekeying), "{kind:?}: {refused}");
        drop(alone);
        book.database().connect().map(drop).unwrap();
    }
}

#[test]
fn a_wrong_key_is_named_at_once_whatever_it_is_that_is_sealed() {
    on_both(async |book| {
        let prove = |vault: &Vault| apart(|| key::prove(&mut book.database().connect().unwrap(), vault));
        let said = |refused: StoreError| refused.to_string();
        book.ledger.save_consent("support", &grant()).await.unwrap(); // as version 0.1 left it: without a proof
        let wrong = fresh();
        let words = format!(
            "the ledger was sealed with another key: it needs key {}, the vault has {}",
            book.vault.key_id(),
            wrong.key_id()
        );
        assert_eq!(prove(&wrong).map_err(said), Err(words.clone()));
        for _ in 0..2 {
            prove(&book.vault).unwrap();
        }
        assert_eq!(prove(&wrong).map_err(said), Err(words));
        let in_use = apart(|| key::in_use(&mut book.database().connect().unwrap()).unwrap());
        assert_eq!(in_use, Some(book.vault.key_id()));
    });
}

#[test]
fn a_node_whose_connection_broke_while_the_key_was_replaced_writes_nothing_with_the_old_one() {
    on(Kind::Postgres, &async |book| {
        book.ledger.save_consent("support", &grant()).await.unwrap();
        // Its sessions end, and with them their locks; it notices when it next writes.
        assert!(tokio::task::block_in_place(|| book.cut_connections()) > 0);
        let new = fresh();
        rekeyed(book, &new).unwrap();
        let refused = book.ledger.save_consent("support", &grant()).await.unwrap_err();
        assert!(refused.to_string().contains("another key"), "{refused}");
        assert_eq!(keys(book, ("grants", "sealed")), [new.key_id().to_string()]);
    });
}

#[test]
fn a_stranger_that_looks_into_the_database_and_goes_takes_nothing_away() {
    on(Kind::Sqlite, &async |book| {
        let _more = book.another().await;
        drop(book.another().await);
        // Without this lock of ours, the last other process to close the database deletes its log beneath us.
        let inode = std::fs::metadata(&book.path).unwrap().ino();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let ours = format!(" {} ", std::process::id());
        let held = locks
            .lines()
            .any(|line| line.contains("POSIX") && line.contains(&ours) && line.contains(&format!(":{inode} ")));
        assert!(held, "{locks}");
    });
}
