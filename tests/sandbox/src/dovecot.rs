//! The real Dovecot, private to one test: a directory, four free loopback ports, a throw-away certificate authority.
//! Says nothing odd on the wire; servers that do are scripted where they are needed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

pub use self::maildir::{Flag, Folder, StoredMail};
pub use self::process::Service;

use self::owner::Accounts;
use self::process::Running;

mod config;
mod maildir;
mod owner;
mod pki;
mod process;

/// Unix sockets lie below the directory, and their addresses hold 108 bytes at most.
const LONGEST_DIR: usize = 60;
/// Dovecot listens after about 50 ms on an idle machine; a busy one gets this many times 50 ms.
const PATIENCE: u32 = 400;
/// Below the range from which Linux takes the ports of outgoing connections (from 32768 on), so that
/// none of those can sit on a port of ours while Dovecot is stopped.
const PORT_RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How an instance is to be.
#[derive(Debug, Clone)]
pub struct DovecotOptions {
    /// Where tokens are checked (RFC 7662, by POST); without it there is no XOAUTH2 and no OAUTHBEARER.
    pub introspection_url: Option<String>,
    /// The scope that a token must carry.
    pub scope: String,
    /// Where introspection names the account.
    pub username_attribute: String,
    /// Users who may log in by password (PLAIN, LOGIN), and theirs. By token, any user may.
    pub passwords: BTreeMap<String, String>,
    /// Folders that every user has besides INBOX.
    pub folders: Vec<String>,
    /// What is wrong with its certificate.
    pub certificate: Certificate,
    /// For how many sessions it is built.
    pub load: Load,
    /// Where it lives, at most 60 bytes long and kept afterwards; left out, a directory in `/tmp` that goes with it.
    pub dir: Option<PathBuf>,
}

/// What a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing is wrong with it, for who trusts the sandbox's authority.
    Sound,
    /// Another server's.
    OtherName,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// Its own authority.
    SelfSigned,
}

/// For how many sessions an instance is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// One process a session: killing one hurts no other. Linux gives 128 of them a wake-up on new mail; others poll.
    Functional,
    /// Two hundred sessions a process: for thousands of them.
    Many,
}

/// The loopback ports of an instance; the same after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// IMAP with STARTTLS.
    pub imap: u16,
    /// IMAP over TLS.
    pub imaps: u16,
    /// POP3 with STLS.
    pub pop3: u16,
    /// POP3 over TLS.
    pub pop3s: u16,
}

/// A Dovecot of one's own. Dropping it kills its processes and removes its directory unless that was chosen by the caller.
#[derive(Debug)]
pub struct Dovecot {
    running: Option<Running>, // dropped before its directory
    dir: PathBuf,
    ports: Ports,
    ca_file: PathBuf,
    accounts: Accounts,
    passwords: BTreeMap<String, String>,
    password_versions: u64,
    _temporary: Option<TempDir>,
}

/// Why there is no Dovecot.
#[derive(Debug, thiserror::Error)]
pub enum DovecotError {
    /// A program is missing.
    #[error(
        "{} is missing: install Dovecot with `apt-get install dovecot-core dovecot-imapd dovecot-pop3d`",
        missing.display()
    )]
    NotInstalled {
        /// The file that should be there.
        missing: PathBuf,
    },
    /// Another version than the configuration is written for.
    #[error("Dovecot {version} is installed, but the sandbox speaks the configuration language of 2.3 (Debian 12)")]
    Version {
        /// As the program gives it.
        version: String,
    },
    /// The accounts to run under are not in the system's files.
    #[error("the accounts that Dovecot is to run under are not in {0}")]
    NoAccount(&'static str),
    /// Dovecot could not reach its own files.
    #[error("{} does not suit Dovecot: {why}", dir.display())]
    Directory {
        /// The directory asked for.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It ended at once or never listened; what it said follows.
    #[error("Dovecot did not start: {0}")]
    NotStarted(String),
    /// The certificates could not be made.
    #[error("cannot make the certificates")]
    Certificate(#[from] rcgen::Error),
    /// A file or process could not be made.
    #[error("cannot set Dovecot up")]
    Io(#[from] io::Error),
}

impl Default for DovecotOptions {
    fn default() -> Self {
        Self {
            introspection_url: None,
            scope: "mail".to_owned(),
            username_attribute: "email".to_owned(),
            passwords: BTreeMap::new(),
            folders: Vec::new(),
            certificate: Certificate::Sound,
            load: Load::Functional,
            dir: None,
        }
    }
}

impl Dovecot {
    /// Makes an instance and returns once it listens on all its ports.
    pub async fn start(options: DovecotOptions) -> Result<Self, DovecotError> {
        process::check_installed()?;
        let accounts = Accounts::for_this_user()?;
        let (dir, temporary) = directory(options.dir.clone())?;
        for part in ["state", "pki", "mail", "home"] {
            fs::create_dir_all(dir.join(part))?;
        }
        for part in ["mail", "home"] {
            accounts.owner.own(&dir.join(part))?;
        }
        let ca_file = pki::write(&dir.join("pki"), options.certificate)?;
        if let Some(url) = &options.introspection_url {
            fs::write(dir.join("oauth2.conf"), config::oauth2(url, &options))?;
        }
        let ports = free_ports()?;
        fs::write(dir.join("dovecot.conf"), config::main(&dir, ports, &accounts, &options))?;
        let passwords = options.passwords;
        let mut dovecot = Self {
            running: None,
            dir,
            ports,
            ca_file,
            accounts,
            passwords,
            password_versions: 0,
            _temporary: temporary,
        };
        dovecot.write_passwords()?;
        dovecot.restart().await?;
        Ok(dovecot)
    }

    /// Its ports on 127.0.0.1.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The certificate authority to trust; its server certificate names `localhost` and `127.0.0.1`.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// A user's INBOX.
    pub fn inbox(&self, user: &str) -> Folder {
        self.folder(user, "INBOX")
    }

    /// Another folder of a user, named as in IMAP: ASCII, `/` between levels.
    pub fn folder(&self, user: &str, folder: &str) -> Folder {
        // Dovecot lowers the case of user names.
        Folder::new(self.dir.join("mail").join(user.to_ascii_lowercase()), folder, self.accounts.owner)
    }

    /// Gives a user a password; when this returns, the next login needs it.
    pub async fn set_password(&mut self, user: &str, password: &str) -> io::Result<()> {
        self.passwords.insert(user.to_owned(), password.to_owned());
        self.write_passwords()?;
        // Dovecot 2.3 looks at the file at most once a second.
        sleep(Duration::from_millis(1_100)).await;
        Ok(())
    }

    /// Kills it at once, with all sessions, as a power cut does. Mail can still be delivered.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again on the same ports and mail, stopping it first where it runs.
    pub async fn restart(&mut self) -> Result<(), DovecotError> {
        self.stop();
        // A socket left over from the last run costs the first login 5 s (anvil-auth-penalty).
        match fs::remove_dir_all(self.dir.join("run")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir(self.dir.join("run"))?,
        }
        let running = Running::start(&self.dir.join("dovecot.conf"), &self.dir)?;
        self.wait_until_listening(running).await
    }

    /// Kills every process of one kind; says how many there were. Dovecot starts new ones as needed.
    pub fn kill(&self, service: Service) -> io::Result<usize> {
        self.running.as_ref().map_or(Ok(0), |running| running.kill(service))
    }

    /// What it logged so far, for error messages. Holds user names.
    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        read("stderr") + &read("dovecot.log")
    }

    async fn wait_until_listening(&mut self, mut running: Running) -> Result<(), DovecotError> {
        for _ in 0..PATIENCE {
            if let Some(status) = running.ended()? {
                return Err(DovecotError::NotStarted(format!("{status}\n{}", self.log())));
            }
            if self.listens().await {
                self.running = Some(running);
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(DovecotError::NotStarted(format!("it does not listen\n{}", self.log())))
    }

    async fn listens(&self) -> bool {
        let Ports { imap, imaps, pop3, pop3s } = self.ports;
        for port in [imap, imaps, pop3, pop3s] {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                return false;
            }
        }
        true
    }

    fn write_passwords(&mut self) -> io::Result<()> {
        let path = self.dir.join("users");
        fs::write(&path, config::passwd_file(&self.passwords))?;
        // Dovecot 2.3 reads it again when its size or its time in whole seconds has changed: no two versions share a time.
        self.password_versions += 1;
        File::options()
            .write(true)
            .open(&path)?
            .set_modified(UNIX_EPOCH + Duration::from_secs(self.password_versions))?;
        fs::set_permissions(&path, Permissions::from_mode(0o644)) // read by Dovecot's own account
    }
}

/// The chosen directory, or a fresh one in `/tmp`: not in `$TMPDIR`, whose path may be too long for sockets.
fn directory(chosen: Option<PathBuf>) -> Result<(PathBuf, Option<TempDir>), DovecotError> {
    let Some(dir) = chosen else {
        let temporary = tempfile::Builder::new().prefix("m2j-").tempdir_in("/tmp")?;
        let dir = temporary.path().to_owned();
        fs::set_permissions(&dir, Permissions::from_mode(0o755))?; // Dovecot's own account has to pass
        return Ok((dir, Some(temporary)));
    };
    DirBuilder::new().recursive(true).mode(0o755).create(&dir)?;
    let dir = dir.canonicalize()?;
    check(&dir)?;
    Ok((dir, None))
}

fn check(dir: &Path) -> Result<(), DovecotError> {
    let complain = |why: String| Err(DovecotError::Directory { dir: dir.to_owned(), why });
    if dir.as_os_str().len() > LONGEST_DIR {
        return complain(format!("its path is longer than {LONGEST_DIR} bytes, too long for unix sockets in it"));
    }
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    for ancestor in dir.ancestors() {
        if fs::metadata(ancestor)?.permissions().mode() & 0o001 == 0 {
            return complain(format!("Dovecot's own accounts may not enter {}", ancestor.display()));
        }
    }
    Ok(())
}

/// Four ports that nothing listens on. They are free again when this returns, so that another could still take one:
/// Dovecot then says so.
fn free_ports() -> io::Result<Ports> {
    let mut taken = Vec::new();
    let mut free = || {
        for _ in 0..1000 {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(PORT_RANGE))) {
                let port = listener.local_addr()?.port();
                taken.push(listener);
                return Ok(port);
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrInUse))
    };
    Ok(Ports { imap: free()?, imaps: free()?, pop3: free()?, pop3s: free()? })
}
