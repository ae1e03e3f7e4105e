//! The one file that knows the database crates: the same statements, on SQLite and on PostgreSQL.
//!
//! Both drivers are synchronous and are used from threads of the store's own ([`super::commit`]), so that a job of many
//! statements costs one hop between threads. sqlx was the alternative: with SQLite it hops to a thread and back for every
//! statement, and a message takes some twenty of them, while the whole of its way has a budget of 0.6 ms of CPU.
//!
//! Statements are written with `$1`, `$2`, … for both. Where only PostgreSQL has a clause, it stands in a comment
//! `/*postgres … */`, which is opened up there and stays a comment on SQLite.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use rusqlite::config::DbConfig;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;
use super::key_lock::{self, KeyLock};
use crate::config::Secret;

/// How long SQLite waits for another process (`authorize`, `messages retry`) to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements prepared and kept per connection; there are fewer than a hundred in all.
const PREPARED: usize = 128;
/// What holds on every connection to PostgreSQL, whatever its server, database or role has as a default: a commit is on
/// disk when it returns, and neither a lock nor a node that stopped in the middle of a transaction holds up the others
/// for long.
const POSTGRES_SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// Names the lock that keeps the vault's key in its place. Arbitrary, but must never change; not one of [`Lock`]'s.
const KEY_LOCK: i64 = 0x6d32_6a03;
/// How long a silent PostgreSQL is believed to be there.
const POSTGRES_SILENCE: Duration = Duration::from_secs(30);
/// How often it is probed from then on.
const POSTGRES_PROBE: Duration = Duration::from_secs(10);

/// One open connection.
pub enum Connection {
    /// SQLite, linked in.
    Sqlite {
        /// The connection.
        connection: rusqlite::Connection,
        /// Whether it may write.
        access: Access,
        /// Keeps the vault's key in its place.
        key: KeyLock,
    },
    /// PostgreSQL over TCP or a socket.
    Postgres(Box<Postgres>),
}

/// What an SQLite connection is for: one writes, others read beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    Write,
    /// Only reads.
    Read,
}

/// A PostgreSQL client with the statements that it has prepared.
pub struct Postgres {
    client: postgres::Client,
    prepared: HashMap<&'static str, postgres::Statement>,
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
    /// Opens an SQLite file, or creates it for its owner alone. Every commit is on disk when it returns (WAL,
    /// `synchronous = FULL`). [`StoreError::Rekeying`] while the vault's key is being replaced.
    pub fn sqlite(path: &Path, access: Access) -> Result<Self, StoreError> {
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
        Ok(Self::Sqlite { connection, access, key })
    }

    /// Connects to PostgreSQL: over verified TLS, or in the clear to a loopback address or a socket.
    /// [`StoreError::Rekeying`] while the vault's key is being replaced.
    pub fn postgres(url: &str, password: Option<&Secret>) -> Result<Self, StoreError> {
        let mut config: postgres::Config = url.parse()?;
        if let Some(password) = password {
            config.password(password.expose());
        }
        config.connect_timeout(crate::http::CONNECT_TIMEOUT).application_name("mail2jira");
        config.keepalives_idle(POSTGRES_SILENCE).keepalives_interval(POSTGRES_PROBE).keepalives_retries(3);
        config.tcp_user_timeout(POSTGRES_SILENCE);
        let mut client = if is_near(&config) {
            config.ssl_mode(postgres::config::SslMode::Disable).connect(postgres::NoTls)?
        } else {
            let tls = crate::tls::client_config(None)?;
            config.ssl_mode(postgres::config::SslMode::Require).connect(MakeRustlsConnect::new((*tls).clone()))?
        };
        client.batch_execute(POSTGRES_SESSION)?;
        if !key_lock::patiently(|| locked(&mut client, "SELECT pg_try_advisory_lock_shared($1)"))? {
            return Err(StoreError::Rekeying);
        }
        Ok(Self::Postgres(Box::new(Postgres { client, prepared: HashMap::new() })))
    }

    /// Makes sure that nobody else has the state open, and that nobody opens it while this connection lives.
    pub fn be_alone(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { key, .. } => key.be_alone(),
            Self::Postgres(postgres) => {
                let alone = key_lock::patiently(|| locked(&mut postgres.client, "SELECT pg_try_advisory_lock($1)"))?;
                if alone { Ok(()) } else { Err(StoreError::InUse) }
            }
        }
    }

    /// Runs `work` in a transaction that is committed when it succeeds.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.transaction_under(None, work)
    }

    /// The same, and no other node does at that time what `lock` names.
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

    /// Opens a transaction; on SQLite one that may write from the start, since an upgrade would ignore the busy time-out.
    pub(super) fn begin(&mut self, lock: Option<Lock>) -> Result<(), StoreError> {
        const POSTGRES: &str = "BEGIN ISOLATION LEVEL READ COMMITTED"; // the server's default may be another
        let begun = match (&self, lock) {
            (Self::Sqlite { access: Access::Write, .. }, _) => self.control("BEGIN IMMEDIATE"),
            (Self::Sqlite { access: Access::Read, .. }, _) => self.control("BEGIN DEFERRED"),
            (Self::Postgres(_), None) => self.control(POSTGRES),
            (Self::Postgres(_), Some(lock)) => {
                self.batch(&format!("{POSTGRES}; SELECT pg_advisory_xact_lock({})", lock as i64))
            }
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
            Self::Sqlite { .. } => false,
            Self::Postgres(postgres) => postgres.client.is_closed(),
        }
    }

    /// Whether the other end can go away.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Sqlite { .. } => false,
            Self::Postgres(_) => true,
        }
    }

    /// A statement about transactions: one that comes again and again, and without values.
    fn control(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { connection, .. } => {
                connection.prepare_cached(sql)?.raw_execute()?;
            }
            Self::Postgres(postgres) => postgres.client.batch_execute(sql)?,
        }
        Ok(())
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { connection, .. } => connection.execute_batch(sql)?,
            Self::Postgres(postgres) => postgres.client.batch_execute(sql)?,
        }
        Ok(())
    }

    fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite { connection, .. } => {
                let mut statement = bound(connection, sql, args)?;
                Ok(statement.raw_execute()? as u64)
            }
            Self::Postgres(postgres) => {
                let statement = postgres.prepared(sql)?;
                Ok(postgres.client.execute(&statement, &postgres_args(args))?)
            }
        }
    }

    fn insert(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite { connection, .. } => {
                let inserted = bound(connection, sql, args)?.raw_execute()?;
                Some(connection.last_insert_rowid()).filter(|_| inserted == 1)
            }
            Self::Postgres(_) => self.rows(sql, args)?.into_iter().next().map(|mut row| row.int()).transpose()?,
        }
        .ok_or_else(|| StoreError::corrupt("nothing was inserted".to_owned()))
    }

    fn rows(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite { connection, .. } => sqlite_rows(bound(connection, sql, args)?),
            Self::Postgres(postgres) => {
                let statement = postgres.prepared(sql)?;
                let rows = postgres.client.query(&statement, &postgres_args(args))?;
                rows.iter().map(postgres_row).collect()
            }
        }
    }
}

fn locked(client: &mut postgres::Client, sql: &str) -> Result<bool, StoreError> {
    Ok(client.query_one(sql, &[&KEY_LOCK])?.try_get(0)?)
}

impl Postgres {
    fn prepared(&mut self, sql: &'static str) -> Result<postgres::Statement, StoreError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&for_postgres(sql))?;
        self.prepared.insert(sql, statement.clone());
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

/// Opens up the comments that hold what only PostgreSQL has.
fn for_postgres(sql: &'static str) -> Cow<'static, str> {
    if !sql.contains("/*postgres ") {
        return Cow::Borrowed(sql);
    }
    let mut text = String::with_capacity(sql.len());
    let mut parts = sql.split("/*postgres ");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (clause, rest) = part.split_once("*/").unwrap_or((part, ""));
        text.push_str(clause);
        text.push_str(rest);
    }
    Cow::Owned(text)
}

/// Whether nothing leaves this machine. `hostaddr` overrides `host`, so neither may name another one.
fn is_near(config: &postgres::Config) -> bool {
    config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback) && config.get_hosts().iter().all(is_local)
}

fn is_local(host: &postgres::config::Host) -> bool {
    match host {
        postgres::config::Host::Unix(_) => true,
        postgres::config::Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn bound<'c>(
    connection: &'c rusqlite::Connection,
    sql: &'static str,
    args: &[Arg<'_>],
) -> Result<rusqlite::CachedStatement<'c>, StoreError> {
    const NAMES: [&str; 24] = [
        "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17",
        "$18", "$19", "$20", "$21", "$22", "$23", "$24",
    ];
    let mut statement = connection.prepare_cached(sql)?;
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

fn sqlite_rows(mut statement: rusqlite::CachedStatement<'_>) -> Result<Vec<Row>, StoreError> {
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| sqlite_value(row.get_ref(column)?)).collect::<Result<Vec<_>, _>>()?;
        read.push(Row(values.into_iter()));
    }
    Ok(read)
}

fn sqlite_value(value: rusqlite::types::ValueRef<'_>) -> Result<Value, StoreError> {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Text(text) => Ok(Value::Text(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Null | ValueRef::Real(_) => Err(StoreError::corrupt("a column holds NULL or a fraction".to_owned())),
    }
}

fn postgres_args<'a>(args: &'a [Arg<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Arg<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(int) => int.to_sql_checked(kind, out),
            // PostgreSQL takes no NUL in text, and mail may hold anything: it must not stop for ever on one.
            Self::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql_checked(kind, out),
            Self::Text(text) => text.to_sql_checked(kind, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

fn postgres_row(row: &postgres::Row) -> Result<Row, StoreError> {
    let values = row.columns().iter().enumerate().map(|(column, description)| match *description.type_() {
        Type::INT8 => Ok(Value::Int(row.try_get(column)?)),
        Type::TEXT => Ok(Value::Text(row.try_get(column)?)),
        Type::BYTEA => Ok(Value::Bytes(row.try_get(column)?)),
        _ => Err(StoreError::corrupt(format!("column `{}` has a type that is not in use here", description.name()))),
    });
    Ok(Row(values.collect::<Result<Vec<_>, StoreError>>()?.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn only_what_stays_on_this_machine_goes_in_the_clear() {
        let near = |url: &str| is_near(&url.parse().unwrap());
        assert!(near("postgres://u@localhost/db") && near("postgres://u@[::1]/db") && near("host=/run/postgresql"));
        assert!(!near("postgres://u@db.example.com/db") && !near("postgres://u@localhost,db.example.com/db"));
        assert!(!near("postgres://u@localhost/db?hostaddr=192.0.2.1"), "`hostaddr` is where it would connect to");
    }
}
