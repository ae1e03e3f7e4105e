//! The schema: made once, kept, and never used by an older program.

use std::os::unix::fs::PermissionsExt;

use mail2jira::store::{StoreError, schema};

use super::book::{Book, Kind, issue, on, on_both};

#[test]
fn a_second_migration_changes_nothing_and_keeps_every_row() {
    on_both(async |book| {
        book.deliver(1, &issue(1)).await;
        let rows = || {
            ["messages", "bodies", "steps", "story", "thread_ids"]
                .map(|table| book.ask(&format!("SELECT * FROM {table}")))
        };
        let before = rows();
        blocking(|| schema::migrate(&mut book.database().connect().unwrap()).unwrap());
        assert_eq!(rows(), before);
        assert_eq!(book.ask("SELECT COUNT(*) FROM schema_versions"), schema::NEWEST.to_string());
    });
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    on_both(async |book| {
        book.ask("INSERT INTO schema_versions (version) VALUES (99) RETURNING version");
        let refused = blocking(|| book.database().connect().map(drop).unwrap_err());
        assert!(matches!(refused, StoreError::Newer { found: 99, .. }));
        let newest = schema::NEWEST;
        let said = format!(
            "the ledger has schema version 99, and this program knows only up to {newest}: it was used by a newer version"
        );
        assert_eq!(refused.to_string(), said);
    });
}

#[test]
fn nodes_that_start_at_once_make_the_schema_once() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let book = Book::new(kind);
        let connect = || drop(book.database().connect().unwrap());
        std::thread::scope(|scope| {
            let starting: Vec<_> = (0..6).map(|_| scope.spawn(connect)).collect();
            assert!(starting.into_iter().all(|started| started.join().is_ok()), "{kind:?}");
        });
    }
}

#[test]
fn a_new_state_can_be_read_by_its_owner_alone() {
    on(Kind::Sqlite, &async |book| {
        book.new_message(book.letter(1)).await;
        for end in ["", "-wal", "-shm"] {
            let path = format!("{}{end}", book.path.display());
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
        }
    });
}

fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}
