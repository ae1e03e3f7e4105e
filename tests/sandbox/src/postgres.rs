//! A real PostgreSQL, private to one test run: a directory, a free loopback port, no socket. Knows nothing of what is kept in it.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use self::process::Running;

mod process;

/// The role that owns everything.
const USER: &str = "ledger";
/// PostgreSQL answers after some 100 ms on an idle machine; a busy one gets this many times 50 ms.
const PATIENCE: u32 = 600;
/// Below the range from which Linux takes the ports of outgoing connections, so that none can sit on ours during an outage.
const PORT_RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How a cluster is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Who may connect.
    pub door: Door,
    /// Whether a commit waits for the disk.
    pub durability: Durability,
}

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Anybody on this machine.
    Trust,
    /// Who knows the password (SCRAM-SHA-256).
    Password(String),
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It does.
    Fsync,
    /// It does not: fast, and safe against everything but a crash of the machine.
    NoFsync,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { door: Door::Trust, durability: Durability::NoFsync }
    }
}

/// A cluster of one's own. Dropping it kills its processes and removes its directory; so does the end of this process.
#[derive(Debug)]
pub struct Postgres {
    running: Option<Running>, // dropped before its directory
    programs: PathBuf,
    account: Option<Account>,
    port: u16,
    options: PostgresOptions,
    databases: AtomicU32,
    dir: TempDir,
}

/// Why there is no PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server is missing.
    #[error("PostgreSQL is missing in /usr/lib/postgresql: install it with `apt-get install postgresql`")]
    NotInstalled,
    /// initdb refuses root, and there is no other account to run under.
    #[error("neither `postgres` nor `nobody` is in /etc/passwd, and PostgreSQL refuses to run as root")]
    NoAccount,
    /// A program failed; what it said follows.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its output.
        said: String,
    },
    /// A file or process could not be made.
    #[error("cannot set PostgreSQL up")]
    Io(#[from] io::Error),
}

impl Postgres {
    /// Makes a cluster without a password and returns once it answers. Blocks.
    pub fn start() -> Result<Self, PostgresError> {
        Self::start_with(PostgresOptions::default())
    }

    /// Makes a cluster and returns once it answers. Blocks.
    pub fn start_with(options: PostgresOptions) -> Result<Self, PostgresError> {
        let programs = newest_programs()?;
        let account = Account::to_run_under()?;
        let dir = tempfile::Builder::new().prefix("m2j-pg-").tempdir_in("/tmp")?;
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let port = free_port()?;
        let mut postgres = Self { running: None, programs, account, port, options, databases: AtomicU32::new(0), dir };
        postgres.make_cluster()?;
        postgres.restart()?;
        Ok(postgres)
    }

    /// Stops it at once, cutting every connection, as a crash does.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same port and data, stopping it first where it runs. Blocks until it answers.
    pub fn restart(&mut self) -> Result<(), PostgresError> {
        self.stop();
        let mut server = self.command("postgres");
        server.arg("-D").arg(self.data());
        for setting in self.settings() {
            server.args(["-c", &setting]);
        }
        let running = Running::start(server, &self.log_path(), self.dir.path())?;
        self.wait_until_it_answers(running)
    }

    /// The address of the database that every cluster has, without the password.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The password to connect with.
    pub fn password(&self) -> Option<&str> {
        match &self.options.door {
            Door::Trust => None,
            Door::Password(password) => Some(password),
        }
    }

    /// Makes an empty database and gives its address. Blocks.
    pub fn create_database(&self) -> Result<String, PostgresError> {
        let name = format!("ledger_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.ask(&self.url(), &format!("CREATE DATABASE {name}"))?;
        Ok(self.url_of(&name))
    }

    /// Runs a statement on a connection of its own; gives the rows as text, columns parted by `|`. Blocks.
    pub fn ask(&self, url: &str, sql: &str) -> Result<String, PostgresError> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
        if let Some(password) = self.password() {
            psql.env("PGPASSWORD", password);
        }
        said_by("psql", psql)
    }

    /// Cuts every connection to a database but this call's own, and says how many there were. Blocks.
    pub fn cut_connections(&self, url: &str) -> Result<usize, PostgresError> {
        let cut = self.ask(
            url,
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )?;
        Ok(cut.parse().unwrap_or_default())
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn make_cluster(&self) -> Result<(), PostgresError> {
        let data = self.data();
        fs::create_dir(&data)?;
        let password_file = self.dir.path().join("password");
        fs::write(&password_file, self.password().unwrap_or("unused"))?;
        if let Some(account) = &self.account {
            chown(&data, Some(account.uid), Some(account.gid))?;
            chown(&password_file, Some(account.uid), Some(account.gid))?;
        }
        let method = match &self.options.door {
            Door::Trust => "trust",
            Door::Password(_) => "scram-sha-256",
        };
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password_file);
        initdb.args(["-U", USER, "-A", method, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
        said_by("initdb", initdb)?;
        fs::remove_file(password_file)?;
        Ok(())
    }

    fn settings(&self) -> Vec<String> {
        let fsync = match self.options.durability {
            Durability::Fsync => "on",
            Durability::NoFsync => "off",
        };
        vec![
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            format!("fsync={fsync}"),
            "shared_buffers=16MB".to_owned(),
            "deadlock_timeout=200ms".to_owned(),
        ]
    }

    /// A program of the cluster's version, run under the cluster's account.
    fn command(&self, program: &'static str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.dir.path()).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    fn wait_until_it_answers(&mut self, mut running: Running) -> Result<(), PostgresError> {
        for _ in 0..PATIENCE {
            let ended = running.ended()?;
            if let Some(status) = ended {
                return Err(self.not_started(&status.to_string()));
            }
            if self.answers()? {
                self.running = Some(running);
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        Err(self.not_started("it does not answer"))
    }

    fn answers(&self) -> Result<bool, PostgresError> {
        let mut ready = self.command("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        Ok(ready.status()?.success())
    }

    fn not_started(&self, why: &str) -> PostgresError {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        PostgresError::Failed { program: "postgres", said: format!("{why}\n{log}") }
    }
}

/// An account to run under instead of root.
#[derive(Debug)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// None is needed but for root.
    fn to_run_under() -> Result<Option<Self>, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| Self::find(&accounts, name));
        found.map(Some).ok_or(PostgresError::NoAccount)
    }

    fn find(accounts: &str, name: &str) -> Option<Self> {
        let mut fields = accounts.lines().map(|line| line.split(':')).find_map(|mut fields| {
            let found = fields.next() == Some(name);
            found.then_some(fields)
        })?;
        Some(Self { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

/// Debian keeps the server's programs off the path, a directory a version.
fn newest_programs() -> Result<PathBuf, PostgresError> {
    let Ok(versions) = fs::read_dir("/usr/lib/postgresql") else { return Err(PostgresError::NotInstalled) };
    let versions = versions.filter_map(|version| {
        let version = version.ok()?;
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let programs = version.path().join("bin");
        is_complete(&programs).then_some((number, programs))
    });
    versions.max().map(|(_, programs)| programs).ok_or(PostgresError::NotInstalled)
}

fn is_complete(programs: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_isready"].iter().all(|program| programs.join(program).exists())
}

fn said_by(program: &'static str, mut command: Command) -> Result<String, PostgresError> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PostgresError::Failed { program, said })
}

fn free_port() -> io::Result<u16> {
    for _ in 0..1000 {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(PORT_RANGE))) {
            return Ok(listener.local_addr()?.port());
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse))
}
