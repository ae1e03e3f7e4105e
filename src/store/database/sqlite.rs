//! A connection to SQLite, which is linked in. Knows no statement but those that set the connection up.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;

use super::{Arg, Row, Value};
use crate::store::StoreError;
use crate::store::key_lock::KeyLock;

/// How long another process (`authorize`, `messages retry`) is waited for until it finishes its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements prepared and kept per connection; there are fewer than a hundred in all.
const PREPARED: usize = 128;

/// An open SQLite file.
pub struct Sqlite {
    /// The connection.
    pub connection: rusqlite::Connection,
    /// Whether it may write.
    access: Access,
    /// Keeps the vault's key in its place.
    key: KeyLock,
}

/// What an SQLite connection is for: one writes, others read beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    Write,
    /// The connection only reads.
    Read,
}

impl Sqlite {
    /// Opens a file, or creates it for its owner alone. Every commit is on disk when it returns (WAL,
    /// `synchronous = FULL`).
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        let key = KeyLock::share(path)?;
        // SQLite gives its `-wal` and `-shm` the mode of the file, and would itself let everybody read it. What stands in
        // the way of this, it says better. A file that is there is not opened: closing it would drop the locks that this
        // process holds on it through SQLite (POSIX, fcntl), and the next stranger would delete the log beneath us
        // (sqlite.org/howtocorrupt.html, 2.2).
        let _ = File::options().append(true).create_new(true).mode(0o600).open(path);
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        keep_statements(&connection)?;
        // What a savepoint could have to undo is kept in memory: by default it is written to a file, page by page, for every
        // job (sqlite.org/tempfiles.html, 2.4).
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
             PRAGMA temp_store = MEMORY;",
        )?;
        Ok(Self { connection, access, key })
    }

    pub(super) fn be_alone(&self) -> Result<(), StoreError> {
        self.key.be_alone()
    }

    /// Opens a transaction that may write from the start, where it is to: an upgrade would ignore the busy time-out.
    pub(super) fn begin(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Write => self.control("BEGIN IMMEDIATE"),
            Access::Read => self.control("BEGIN DEFERRED"),
        }
    }

    pub(super) fn control(&self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.raw_execute()?;
        Ok(())
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(super) fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        Ok(self.bound(sql, args)?.raw_execute()? as u64)
    }

    /// The key of the inserted row; `None` when nothing was inserted.
    pub(super) fn insert(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Option<i64>, StoreError> {
        let inserted = self.bound(sql, args)?.raw_execute()?;
        Ok(Some(self.connection.last_insert_rowid()).filter(|_| inserted == 1))
    }

    pub(super) fn rows(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.bound(sql, args)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| value(row.get_ref(column)?)).collect::<Result<Vec<_>, _>>()?;
            read.push(Row(values.into_iter()));
        }
        Ok(read)
    }

    fn bound(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        const NAMES: [&str; 24] = [
            "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16",
            "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24",
        ];
        let mut statement = self.connection.prepare_cached(sql)?;
        for (name, arg) in NAMES.iter().zip(args) {
            // SQLite numbers `$n` by first appearance, PostgreSQL by n: bound by name, both agree.
            let Some(index) = statement.parameter_index(name)? else { continue };
            match arg {
                Arg::Int(int) => statement.raw_bind_parameter(index, int)?,
                Arg::Text(text) => statement.raw_bind_parameter(index, text)?,
                Arg::Bytes(bytes) => statement.raw_bind_parameter(index, bytes)?,
            }
        }
        Ok(statement)
    }
}

/// Prepares each statement once. Without the planner's stability guarantee (QPSG), SQLite with STAT4 prepares a statement
/// again for each new value that an index is asked for, which costs several times what running it does.
fn keep_statements(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    match value {
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Text(text) => Ok(Value::Text(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Null | ValueRef::Real(_) => Err(StoreError::corrupt("a column holds NULL or a fraction".to_owned())),
    }
}
