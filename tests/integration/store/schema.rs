//! The schema: made once, kept, and never used by an older program.

use std::os::unix::fs::PermissionsExt;

use mail2jira::jira::Written;
use mail2jira::store::entry::Stage;
use mail2jira::store::{StoreError, schema};

use super::book::{Book, Kind, at, comment, create, ids, issue, on, on_both, plan};

#[test]
fn a_second_migration_changes_nothing_and_keeps_every_row() {
    on_both(async |book| {
        book.deliver(1, &issue(1)).await;
        let rows = || {
            ["messages", "bodies", "steps", "outcomes", "pictures", "story", "thread_ids", "grants", "unreached"]
                .map(|table| book.ask(&format!("SELECT * FROM {table}")))
        };
        let before = rows();
        blocking(|| schema::migrate(&mut book.database().connect().unwrap()).unwrap());
        assert_eq!(rows(), before);
        assert_eq!(book.ask("SELECT COUNT(*) FROM schema_versions"), schema::NEWEST.to_string());
    });
}

#[test]
fn an_older_ledger_is_gone_on_with_where_it_stood() {
    on_both(async |book| {
        book.deliver(1, &issue(1)).await;
        let begun = book.new_message(book.letter(2)).await;
        let lease = book.claim_one(0).await;
        let (lease, _) = book.ledger.record_planned(lease, vec![create(), comment()], plan(), at(0)).await.unwrap();
        let lease = book.ledger.record_sending(lease, 0, at(1)).await.unwrap();
        book.ledger.record_written(lease, (0, &Written::Issue(issue(2))), Some(1), at(2)).await.unwrap();
        let steps = book.ledger.steps(begun).await.unwrap();
        make_older(book);
        blocking(|| schema::migrate(&mut book.database().connect().unwrap()).unwrap());
        assert_eq!(book.ledger.steps(begun).await.unwrap(), steps);
        let counts = book.ledger.counts(at(500)).await.unwrap();
        let counts: Vec<_> = counts.iter().map(|count| (count.stage, count.now)).collect();
        assert_eq!(counts, [(Stage::Sent, 1), (Stage::Delivered, 1)]);
        assert_eq!(ids(&book.claim(500).await), [begun]);
    });
}

/// As version 8 left a ledger, and a little untidy.
fn make_older(book: &Book) {
    for statement in [
        "ALTER TABLE steps ADD COLUMN written TEXT NOT NULL DEFAULT ''",
        "UPDATE steps SET state = 'done', written = (SELECT o.written FROM outcomes o WHERE o.message = steps.message \
         AND o.position = steps.position) WHERE EXISTS (SELECT 1 FROM outcomes o WHERE o.message = steps.message \
         AND o.position = steps.position)",
        "DROP TABLE outcomes",
        "ALTER TABLE steps DROP COLUMN over_at",
        "DROP TABLE unreached",
        "DROP INDEX grants_granted_at",
        "UPDATE messages SET settled_at = CASE WHEN stage = 'delivered' THEN 0 ELSE 5 END",
        "DELETE FROM schema_versions WHERE version > 8",
    ] {
        book.ask(statement);
    }
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
