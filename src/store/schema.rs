//! The schema and its migrations: only ever appended to, each in a transaction of its own.

use super::StoreError;
use super::database::{Arg, Connection, Lock, Tx};

/// What each migration is and does, in order; the first one is version 1.
pub const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_incidents.sql"),
    include_str!("migrations/0003_traffic.sql"),
    include_str!("migrations/0004_turns.sql"),
    include_str!("migrations/0005_tallies.sql"),
    include_str!("migrations/0006_gmail.sql"),
    include_str!("migrations/0007_shunned.sql"),
    include_str!("migrations/0008_pictures.sql"),
    include_str!("migrations/0009_watchfulness.sql"),
    include_str!("migrations/0010_outcomes.sql"),
    include_str!("migrations/0011_open.sql"),
    include_str!("migrations/0012_over.sql"),
];

/// The version of a database that this program has brought up to date.
pub const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Brings the database to the newest version.
pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let (id, bytes) = match connection {
        Connection::Sqlite(_) => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"),
        Connection::Postgres(_) => ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA"),
    };
    // However long a large ledger takes.
    let prelude = if connection.is_remote() { "SET LOCAL statement_timeout = 0" } else { "" };
    connection.transaction_under(Some(Lock::Migrate), |tx| {
        tx.script(prelude)?;
        tx.script("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)")?;
        let current = current_version(tx)?;
        if current > NEWEST {
            return Err(StoreError::Newer { found: current, known: NEWEST });
        }
        for (version, script) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > current) {
            tx.script(&script.replace("{id}", id).replace("{bytes}", bytes))?;
            record_version(tx, version)?;
        }
        Ok(())
    })
}

fn current_version(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let version =
        tx.optional("/* current_version */ SELECT COALESCE(MAX(version), 0) FROM schema_versions", &[], |mut row| {
            row.int()
        })?;
    Ok(version.unwrap_or(0))
}

fn record_version(tx: &mut Tx<'_>, version: i64) -> Result<(), StoreError> {
    tx.execute("/* record_version */ INSERT INTO schema_versions (version) VALUES ($1)", &[Arg::Int(version)])?;
    Ok(())
}
