//! Group commit: many jobs, one transaction; and a job that fails, fails alone.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use mail2jira::store::StoreError;
use mail2jira::store::commit::{Committer, Job, Transact};
use mail2jira::store::database::{Arg, Tx};
use tokio::sync::oneshot;

use super::book::{Book, Kind, on, on_both};

const JOBS: i64 = 200;

pub fn committer(book: &Book) -> Committer {
    let (kind, path, url) = (book.kind, book.path.clone(), book.url.clone());
    let connect = move || super::book::database_of(kind, &path, &url).connect();
    let first = std::thread::scope(|scope| scope.spawn(&connect).join().unwrap().unwrap());
    Committer::start(vec![first], Arc::new(connect)).unwrap()
}

pub fn submit<T: Send + 'static>(
    committer: &dyn Transact,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> oneshot::Receiver<Result<T, StoreError>> {
    let (sender, answer) = oneshot::channel();
    committer.submit(Job::new(work, move |result| drop(sender.send(result))));
    answer
}

pub fn beat(tx: &mut Tx<'_>, node: &str, at: i64) -> Result<u64, StoreError> {
    let sql = "INSERT INTO nodes (name, version, heartbeat_at) VALUES ($1, 'x', $2) \
         ON CONFLICT (name) DO UPDATE SET heartbeat_at = excluded.heartbeat_at";
    tx.execute(sql, &[Arg::Text(node), Arg::Int(at)])
}

/// Submits many jobs while the only thread is busy with another one, so that they have to gather.
async fn gather<T: Send + 'static>(
    committer: &Committer,
    work: impl Fn(i64, &mut Tx<'_>) -> Result<T, StoreError> + Send + Sync + 'static,
) -> Vec<Result<T, StoreError>> {
    let ((go, wait), (begun, has_begun)) = (channel::<()>(), oneshot::channel());
    let wait = Mutex::new(wait);
    let busy = submit(committer, move |_| {
        begun.send(()).unwrap();
        Ok(wait.lock().unwrap().recv().is_ok())
    });
    has_begun.await.unwrap(); // alone: what comes now waits for it to end
    let work = Arc::new(work);
    let answers: Vec<_> = (0..JOBS)
        .map(|number| {
            let work = work.clone();
            submit(committer, move |tx| work(number, tx))
        })
        .collect();
    go.send(()).unwrap();
    assert!(busy.await.unwrap().unwrap());
    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await.unwrap());
    }
    results
}

#[test]
fn jobs_that_gather_share_one_transaction() {
    on(Kind::Postgres, &async |book| {
        let transaction = |_, tx: &mut Tx<'_>| tx.optional("SELECT txid_current()", &[], |mut row| row.int());
        let transactions: Vec<_> =
            gather(&committer(book), transaction).await.into_iter().map(Result::unwrap).collect();
        assert!(transactions.iter().all(|transaction| *transaction == transactions[0]), "{transactions:?}");
    });
    on(Kind::Sqlite, &async |book| {
        let committer = committer(book);
        let log = || std::fs::metadata(format!("{}-wal", book.path.display())).unwrap().len();
        let before = log();
        gather(&committer, |number, tx| beat(tx, "node", number)).await;
        let pages = (log() - before) / 4096;
        assert!(pages < 10, "{JOBS} changes of one row wrote {pages} pages"); // at least one a transaction
        assert_eq!(book.ask("SELECT heartbeat_at FROM nodes"), (JOBS - 1).to_string());
    });
}

#[test]
fn a_job_that_fails_takes_neither_those_before_nor_those_after_it_along() {
    on_both(async |book| {
        let results = gather(&committer(book), |number, tx| {
            beat(tx, &format!("node {number}"), number)?;
            match number % 50 {
                7 => Err(StoreError::Corrupt("on purpose".to_owned())),
                // an error of the database itself, which ends a transaction of PostgreSQL's
                8 => tx.execute("INSERT INTO nodes (name, version, heartbeat_at) VALUES ('node 0', 'x', 1)", &[]),
                _ => Ok(1),
            }
        })
        .await;
        let failed: Vec<_> =
            (0..).zip(&results).filter(|(_, result)| result.is_err()).map(|(number, _)| number).collect();
        assert_eq!(failed, [7, 8, 57, 58, 107, 108, 157, 158]);
        assert!(matches!(&results[7], Err(StoreError::Corrupt(_))), "it is told its own failure");
        assert_eq!(book.ask("SELECT COUNT(*) FROM nodes"), (JOBS - 8).to_string());
        assert_eq!(book.ask("SELECT COUNT(*) FROM nodes WHERE name IN ('node 7', 'node 8')"), "0");
    });
}

#[test]
fn what_was_submitted_is_finished_before_the_ledger_closes() {
    on_both(async |book| {
        let committer = committer(book);
        let answers: Vec<_> =
            (0..20).map(|number| submit(&committer, move |tx| beat(tx, &format!("node {number}"), 0))).collect();
        tokio::task::spawn_blocking(move || drop(committer)).await.unwrap();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(book.ask("SELECT COUNT(*) FROM nodes"), "20");
    });
}
