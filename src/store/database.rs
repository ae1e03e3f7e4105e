//! The same statements, on SQLite and on PostgreSQL. Only the two files below know the database crates.
//!
//! Both drivers are synchronous and are used from threads of the store's own ([`super::commit`]), so that a job of many
//! statements costs one hop between threads. sqlx was the alternative: with SQLite it hops to a thread and back for every
//! statement, and a message takes some twenty of them, while the whole of its way has a budget of 0.6 ms of CPU.
//!
//! Statements are written with `$1`, `$2`, … for both. Where only PostgreSQL has a clause, it stands in a comment
//! `/*postgres … */`, which is opened up there and stays a comment on SQLite.

use std::path::Path;

use self::postgres::Postgres;
use self::sqlite::Sqlite;
use super::StoreError;
use crate::config::Secret;

pub use self::sqlite::Access;

mod postgres;
mod sqlite;

/// How far a node's clock may be from the database's (PostgreSQL), in seconds. Leases and the settle time are judged by each node's
/// own clock: one that is minutes ahead would take over what another is still sending.
pub const CLOCKS_APART_S: u64 = 20;

/// One open connection.
pub enum Connection {
    /// To an SQLite file.
    Sqlite(Sqlite),
    /// To a PostgreSQL database.
    Postgres(Box<Postgres>),
}

/// A value on its way into a statement.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(&'a str),
    /// BLOB or BYTEA.
    Bytes(&'a [u8]),
}

/// A value on its way out.
#[derive(Debug, Clone)]
enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, whose columns are taken in the order in which the statement lists them.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// The next column, a BIGINT.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Int(int)) => Ok(int),
            other => Err(StoreError::corrupt(format!("a number was expected, not {}", kind(other.as_ref())))),
        }
    }

    /// The next column, a TEXT.
    pub fn text(&mut self) -> Result<String, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(StoreError::corrupt(format!("text was expected, not {}", kind(other.as_ref())))),
        }
    }

    /// The next column, a BLOB or BYTEA.
    pub fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            other => Err(StoreError::corrupt(format!("bytes were expected, not {}", kind(other.as_ref())))),
        }
    }
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Int(_)) => "a number",
        Some(Value::Text(_)) => "text",
        Some(Value::Bytes(_)) => "bytes",
        None => "nothing",
    }
}

/// An open transaction: all that a job of the ledger may do.
pub struct Tx<'c>(&'c mut Connection);

impl Tx<'_> {
    /// Runs a statement; says how many rows it touched.
    pub fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        self.0.execute(sql, args)
    }

    /// Inserts a row into a table that generates its key, and says which it got: what stands behind `RETURNING` is for PostgreSQL
    /// alone, since it makes SQLite build a table for every statement.
    pub fn insert(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<i64, StoreError> {
        self.0.insert(sql, args)
    }

    /// Runs a query and reads every row.
    pub fn query<T>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut read: impl FnMut(Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.0.rows(sql, args)?.into_iter().map(&mut read).collect()
    }

    /// Runs a query that gives one row or none.
    pub fn optional<T>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        read: impl FnMut(Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.query(sql, args, read)?.into_iter().next())
    }

    /// Runs a script of several statements without arguments (migrations).
    pub(super) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.batch(sql)
    }
}

/// What one node at a time may do on PostgreSQL; SQLite has a single writer anyway. A lock is taken as the first thing in
/// a transaction: one that already holds rows and then waits for it could wait for ever. The numbers are arbitrary, but
/// must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Changing the schema.
    Migrate = 0x6d32_6a01,
    /// Claiming messages, and changing which of them form a thread: neither sees what others have not committed.
    Threads = 0x6d32_6a02,
}

impl Connection {
    /// Opens an SQLite file, or creates it for its owner alone. [`StoreError::Rekeying`] while the vault's key is being
    /// replaced.
    pub fn sqlite(path: &Path, access: Access) -> Result<Self, StoreError> {
        Sqlite::open(path, access).map(Self::Sqlite)
    }

    /// Connects to PostgreSQL: over verified TLS, or in the clear to a loopback address or a socket.
    /// [`StoreError::Rekeying`] while the vault's key is being replaced.
    pub fn postgres(url: &str, password: Option<&Secret>) -> Result<Self, StoreError> {
        Postgres::connect(url, password).map(|postgres| Self::Postgres(Box::new(postgres)))
    }

    /// Makes sure that nobody else has the state open, and that nobody opens it while this connection lives.
    pub fn be_alone(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.be_alone(),
            Self::Postgres(postgres) => postgres.be_alone(),
        }
    }

    /// Runs `work` in a transaction that is committed when it succeeds.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.transaction_under(None, work)
    }

    /// Runs `work` in a transaction, and no other node does at that time what `lock` names.
    pub fn transaction_under<T>(
        &mut self,
        lock: Option<Lock>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin(lock)?;
        match work(&mut Tx(self)) {
            Ok(done) => self.commit().map(|()| done),
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// Opens a transaction.
    pub(super) fn begin(&mut self, lock: Option<Lock>) -> Result<(), StoreError> {
        let begun = match self {
            Self::Sqlite(sqlite) => sqlite.begin(), // one process writes anyway
            Self::Postgres(postgres) => postgres.begin(lock),
        };
        if begun.is_err() {
            self.roll_back(); // it may have been opened, and only the lock refused
        }
        begun
    }

    /// Commits. An error means that nobody knows whether it was committed.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.control("COMMIT").map_err(|error| StoreError::CommitUnknown(Box::new(error)))
    }

    /// Gives a transaction up. That it fails on a dead connection does not matter: the database then rolls back by itself.
    pub(super) fn roll_back(&mut self) {
        let _ = self.batch("ROLLBACK");
    }

    /// What a job may do in the open transaction.
    pub(super) fn tx(&mut self) -> Tx<'_> {
        Tx(self)
    }

    /// Marks a point in the open transaction that can be gone back to.
    pub(super) fn set_savepoint(&mut self) -> Result<(), StoreError> {
        self.control("SAVEPOINT job")
    }

    /// Keeps what was done since.
    pub(super) fn keep_savepoint(&mut self) -> Result<(), StoreError> {
        self.control("RELEASE SAVEPOINT job")
    }

    /// Undoes what was done since, and nothing else.
    pub(super) fn undo_savepoint(&mut self) -> Result<(), StoreError> {
        self.batch("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job")
    }

    /// Whether the connection is known to be beyond use.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(postgres) => postgres.is_closed(),
        }
    }

    /// Whether the other end can go away.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
        }
    }

    /// A statement about transactions: one that comes again and again, and without values.
    fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.control(sql),
            Self::Postgres(postgres) => postgres.batch(sql),
        }
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch(sql),
            Self::Postgres(postgres) => postgres.batch(sql),
        }
    }

    fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(sql, args),
            Self::Postgres(postgres) => postgres.execute(sql, args),
        }
    }

    fn insert(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<i64, StoreError> {
        let inserted = match self {
            Self::Sqlite(sqlite) => sqlite.insert(sql, args),
            Self::Postgres(postgres) => postgres.insert(sql, args),
        };
        inserted?.ok_or_else(|| StoreError::corrupt("nothing was inserted".to_owned()))
    }

    fn rows(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.rows(sql, args),
            Self::Postgres(postgres) => postgres.rows(sql, args),
        }
    }
}
