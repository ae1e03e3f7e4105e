//! The ledger: what is known of every message, and what has been done about it. Whole transactions, named by meaning.
//!
//! Four rules hang on it. Bytes are in the ledger before the mailbox is told anything; intent is in it before Jira is
//! told anything; whoever changes an entry holds its [`Lease`] and hands it in; and what is not known is never rounded
//! to yes or no. Every method is one transaction: when it returns, its effect is on disk, or an error says that it is
//! not ([`StoreError`]; only [`StoreError::CommitUnknown`] leaves that open).

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::config::Secret;
use crate::failure::with_causes;
use crate::vault::{Vault, VaultError};
use commit::{Committer, Job, Transact};
use database::{Access, Connection, Lock, Tx};

pub use bodies::BodyId;
pub use entry::{Entry, EntryId, Lease, LeaseToken, Stage};

pub mod audit;
pub mod bodies;
pub mod commit;
pub mod consents;
pub mod database;
pub mod delivery;
pub mod entry;
pub mod grants;
pub mod incidents;
pub mod intake;
pub mod key;
pub mod key_lock;
pub mod owed;
pub mod pictures;
pub mod queries;
pub mod rekey;
pub mod run_lock;
pub mod senders;
pub mod schema;
pub mod status;
pub mod steps;
pub mod story;
pub mod threads;
pub mod traffic;
mod unreached;

/// Connections to PostgreSQL per node.
const POSTGRES_CONNECTIONS: usize = 4;

/// The ledger, shared by everything that works on messages.
#[derive(Clone)]
pub struct Ledger {
    writer: Arc<dyn Transact>,
    reader: Arc<dyn Transact>,
    vault: Arc<Vault>,
}

/// Where a ledger's database is, with its password at hand.
#[derive(Debug, Clone, Copy)]
pub enum Database<'a> {
    /// An SQLite file.
    Sqlite(&'a Path),
    /// A PostgreSQL database.
    Postgres {
        /// `postgres://user@host/db`.
        url: &'a str,
        /// The password.
        password: Option<&'a Secret>,
    },
}

impl Database<'_> {
    /// Opens the database and brings its schema up to date. Blocks.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        let mut connection = match self {
            Self::Sqlite(path) => Connection::sqlite(path, Access::Write)?,
            Self::Postgres { url, password } => Connection::postgres(url, *password)?,
        };
        schema::migrate(&mut connection)?;
        Ok(connection)
    }
}

impl Ledger {
    /// Opens the ledger on a database whose schema is up to date ([`Database::connect`]). Blocks.
    pub fn open(database: Database<'_>, first: Connection, vault: Arc<Vault>) -> Result<Self, StoreError> {
        let (writer, reader): (Arc<dyn Transact>, Arc<dyn Transact>) = match database {
            Database::Sqlite(path) => {
                let reader = Connection::sqlite(path, Access::Read)?;
                let path = path.to_owned();
                let reconnect = Arc::new(move || Connection::sqlite(&path, Access::Write));
                let writer = Committer::start(vec![first], reconnect.clone())?;
                (Arc::new(writer), Arc::new(Committer::start(vec![reader], reconnect)?))
            }
            Database::Postgres { url, password } => {
                let (url, password) = (url.to_owned(), password.cloned());
                let key = vault.clone();
                let connect = Arc::new(move || {
                    let mut connection = Connection::postgres(&url, password.as_ref())?;
                    key::check(&mut connection, &key)?; // it may have been replaced while there was no connection
                    Ok(connection)
                });
                let mut connections = vec![first];
                for _ in 1..POSTGRES_CONNECTIONS {
                    connections.push(connect()?);
                }
                let pool: Arc<dyn Transact> = Arc::new(Committer::start(connections, connect)?);
                (pool.clone(), pool)
            }
        };
        Ok(Self { writer, reader, vault })
    }

    /// A ledger over other transactions than a database thread's.
    pub fn over(transact: Arc<dyn Transact>, vault: Arc<Vault>) -> Self {
        Self { writer: transact.clone(), reader: transact, vault }
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_under(None, work).await
    }

    /// Writes while no other node does what `lock` names.
    async fn write_under<T: Send + 'static>(
        &self,
        lock: Option<Lock>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&*self.writer, |job| job.under(lock), work).await
    }

    /// Writes much at once, with nobody else beside it.
    async fn write_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&*self.writer, Job::alone, work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        submit(&*self.reader, |job| job, work).await
    }
}

async fn submit<T: Send + 'static>(
    transact: &dyn Transact,
    prepared: impl FnOnce(Job) -> Job,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (sender, answer) = oneshot::channel();
    let job = Job::new(work, move |result| {
        let _ = sender.send(result); // nobody waits any more: the daemon is stopping
    });
    transact.submit(prepared(job));
    answer.await.unwrap_or(Err(StoreError::Unavailable))
}

/// Why the ledger could not do what was asked. But for [`StoreError::CommitUnknown`], nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused, or is away.
    #[error("PostgreSQL: {}", with_causes(.0))]
    Postgres(#[from] postgres::Error),
    /// No TLS configuration for PostgreSQL.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// The commit failed, or its answer was lost: it may or may not have been kept.
    #[error("nobody knows whether the ledger kept a change: {0}")]
    CommitUnknown(#[source] Box<StoreError>),
    /// Another job's failure took the shared transaction with it.
    #[error("the transaction was given up: {0}")]
    GivenUp(String),
    /// There is no connection, or the ledger is being closed.
    #[error("the ledger's database is not available")]
    Unavailable,
    /// The thread for the database could not be started.
    #[error("cannot start a thread for the ledger")]
    Thread(#[source] std::io::Error),
    /// What is stored makes no sense to this version.
    #[error("the ledger holds something that cannot be read: {0}")]
    Corrupt(String),
    /// The database was written by a newer version.
    #[error(
        "the ledger has schema version {found}, and this program knows only up to {known}: it was used by a newer version"
    )]
    Newer {
        /// What stands in the database.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// Sealing or opening failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The key is being replaced, and nobody may use the old one beside that.
    #[error("`vault rekey` is at work on this state")]
    Rekeying,
    /// Somebody uses the key that is to be replaced.
    #[error("another mail2jira has this state open")]
    InUse,
    /// This machine's clock is not the database's.
    #[error(
        "this machine's clock and the database's are {seconds} s apart, and nodes keep their leases by them: set both (NTP)"
    )]
    Clocks {
        /// By so much.
        seconds: u64,
    },
    /// The lock that keeps the key in its place cannot be taken.
    #[error("cannot lock the state against a change of its key")]
    Locking(#[source] std::io::Error),
    /// The lease ran out, and somebody else works on the entry.
    #[error("the lease on message {0} is lost")]
    LeaseLost(EntryId),
}

impl StoreError {
    fn corrupt(what: String) -> Self {
        Self::Corrupt(what)
    }

    /// The failure as it is told to another job of its transaction.
    fn again(error: &Self) -> Self {
        match error {
            Self::CommitUnknown(source) => Self::CommitUnknown(Box::new(Self::GivenUp(source.to_string()))),
            other => Self::GivenUp(other.to_string()),
        }
    }
}

/// Milliseconds since 1970, as the ledger keeps time.
pub(crate) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The other way round; `None` for 0, the ledger's word for "never".
pub(crate) fn timestamp(ms: i64) -> Option<Timestamp> {
    (ms != 0).then(|| Timestamp::from_millisecond(ms).ok()).flatten()
}
