//! A connection to PostgreSQL, over TCP or a socket. Knows no statement but those that set the connection up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Arg, CLOCKS_APART_S, Lock, Row, Value};
use crate::clock::{Clock, SystemClock};
use crate::config::Secret;
use crate::store::{StoreError, key_lock, ms};

/// What holds on every connection, whatever its server, database or role has as a default: a commit is on disk when it
/// returns, and neither a lock nor a node that stopped in the middle of a transaction holds up the others for long.
const SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '30s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// Opens a transaction, whatever isolation is the server's default.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Names the lock that keeps the vault's key in its place. Arbitrary, but must never change; not one of [`Lock`]'s.
const KEY_LOCK: i64 = 0x6d32_6a03;
/// How long a silent server is believed to be there.
const SILENCE: Duration = Duration::from_secs(30);
/// How often it is probed from then on.
const PROBE: Duration = Duration::from_secs(10);

/// A client with the statements that it has prepared.
pub struct Postgres {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Postgres {
    /// Connects over verified TLS, or in the clear to a loopback address or a socket.
    pub(super) fn connect(url: &str, password: Option<&Secret>) -> Result<Self, StoreError> {
        let mut config: Config = url.parse()?;
        if let Some(password) = password {
            config.password(password.expose());
        }
        config.connect_timeout(crate::http::CONNECT_TIMEOUT).application_name("mail2jira");
        config.keepalives_idle(SILENCE).keepalives_interval(PROBE).keepalives_retries(3);
        config.tcp_user_timeout(SILENCE);
        let mut client = if is_near(&config) {
            config.ssl_mode(SslMode::Disable).connect(NoTls)?
        } else {
            let tls = crate::tls::client_config(None)?;
            config.ssl_mode(SslMode::Require).connect(MakeRustlsConnect::new((*tls).clone()))?
        };
        client.batch_execute(SESSION)?;
        compare_clocks(ms(SystemClock.now()), clock_of(&mut client)?)?;
        let mut postgres = Self { client, prepared: HashMap::new() };
        let shared = key_lock::patiently(|| postgres.locks("SELECT pg_try_advisory_lock_shared($1)"))?;
        if shared { Ok(postgres) } else { Err(StoreError::Rekeying) }
    }

    pub(super) fn be_alone(&mut self) -> Result<(), StoreError> {
        let alone = key_lock::patiently(|| self.locks("SELECT pg_try_advisory_lock($1)"))?;
        if alone { Ok(()) } else { Err(StoreError::InUse) }
    }

    fn locks(&mut self, sql: &str) -> Result<bool, StoreError> {
        Ok(self.client.query_one(sql, &[&KEY_LOCK])?.try_get(0)?)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn begin(&mut self, lock: Option<Lock>) -> Result<(), StoreError> {
        match lock {
            None => self.batch(BEGIN),
            Some(lock) => self.batch(&format!("{BEGIN}; SELECT pg_advisory_xact_lock({})", lock as i64)),
        }
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client.batch_execute(sql)?)
    }

    pub(super) fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, &parameters(args))?)
    }

    /// The key of the inserted row; `None` when nothing was inserted.
    pub(super) fn insert(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Option<i64>, StoreError> {
        self.rows(sql, args)?.into_iter().next().map(|mut row| row.int()).transpose()
    }

    pub(super) fn rows(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql)?;
        let rows = self.client.query(&statement, &parameters(args))?;
        rows.iter().map(row).collect()
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&opened_up(sql))?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// The server's clock, in milliseconds since 1970.
fn clock_of(client: &mut Client) -> Result<i64, StoreError> {
    let row = client.query_one("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", &[])?;
    Ok(row.try_get(0)?)
}

fn compare_clocks(own: i64, server: i64) -> Result<(), StoreError> {
    let apart = own.abs_diff(server);
    if apart <= CLOCKS_APART_S * 1000 { Ok(()) } else { Err(StoreError::Clocks { seconds: apart / 1000 }) }
}

/// Whether nothing leaves this machine. `hostaddr` overrides `host`, so neither may name another one.
fn is_near(config: &Config) -> bool {
    config.get_hostaddrs().iter().all(IpAddr::is_loopback) && config.get_hosts().iter().all(is_local)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

/// A statement with the comments opened up that hold what only PostgreSQL has.
fn opened_up(sql: &'static str) -> Cow<'static, str> {
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

fn parameters<'a>(args: &'a [Arg<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
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

fn row(row: &postgres::Row) -> Result<Row, StoreError> {
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
    use super::{compare_clocks, is_near};

    #[test]
    fn only_what_stays_on_this_machine_goes_in_the_clear() {
        let near = |url: &str| is_near(&url.parse().unwrap());
        assert!(near("postgres://u@localhost/db") && near("postgres://u@[::1]/db") && near("host=/run/postgresql"));
        assert!(!near("postgres://u@db.example.com/db") && !near("postgres://u@localhost,db.example.com/db"));
        assert!(!near("postgres://u@localhost/db?hostaddr=192.0.2.1"), "`hostaddr` is where it would connect to");
    }

    #[test]
    fn a_node_whose_clock_is_far_from_the_databases_is_kept_out_either_way() {
        assert!(compare_clocks(100_000, 120_000).is_ok() && compare_clocks(120_000, 100_000).is_ok());
        for (own, server) in [(100_000, 121_000), (121_000, 100_000)] {
            let refused = compare_clocks(own, server).unwrap_err().to_string();
            assert!(refused.contains("21 s apart"), "{refused}");
        }
    }
}
