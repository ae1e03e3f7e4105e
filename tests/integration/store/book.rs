//! A ledger to test with, on either database, with messages to put into it and a look behind it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::thread;

use jiff::Timestamp;
use mail2jira::config::rule::Visibility;
use mail2jira::decide::ActionKind;
use mail2jira::jira::json::Json;
use mail2jira::jira::plan::{Marker, Step, Write};
use mail2jira::jira::{IssueRef, Written};
use mail2jira::mail::{Address, MessageId};
use mail2jira::mailbox::Place;
use mail2jira::store::commit::{Job, Transact};
use mail2jira::store::delivery::{Claim, FirstStep, PlanSummary, Settled};
use mail2jira::store::entry::Envelope;
use mail2jira::store::intake::{Intake, NewMessage};
use mail2jira::store::{BodyId, Database, EntryId, Lease, Ledger};
use mail2jira::vault::{Vault, VaultKey};
use sandbox::postgres::Postgres;
use tempfile::TempDir;

/// One cluster for all tests, each in a database of its own; it ends with the process.
static CLUSTER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap_or_else(|error| panic!("{error}")));

/// The address of a new and empty database.
pub fn new_database() -> String {
    CLUSTER.create_database().unwrap()
}

/// Runs a test on SQLite and on PostgreSQL. The thread is named after the database, and so is a failure.
pub fn on_both(test: impl AsyncFn(&Book) + Sync) {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        on(kind, &test);
    }
}

/// Runs a test on one database.
pub fn on(kind: Kind, test: &(impl AsyncFn(&Book) + Sync)) {
    let run = move || {
        let book = Book::new(kind); // outside the runtime: it blocks
        runtime().block_on(test(&book));
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(format!("{kind:?}")).spawn_scoped(scope, run).unwrap();
        assert!(thread.join().is_ok(), "it failed on {kind:?}");
    });
}

/// Runs what blocks, and would not bear a runtime's thread.
pub fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A ledger with what it stands on.
pub struct Book {
    pub kind: Kind,
    pub ledger: Ledger,
    pub vault: Arc<Vault>,
    pub path: PathBuf,
    pub url: String,
    _dir: TempDir,
}

impl Book {
    pub fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        let url = match kind {
            Kind::Sqlite => String::new(),
            Kind::Postgres => CLUSTER.create_database().unwrap(),
        };
        let vault = Arc::new(Vault::from_key(&VaultKey::generate().unwrap()).unwrap());
        let ledger = open(database_of(kind, &path, &url), vault.clone());
        Self { kind, ledger, vault, path, url, _dir: dir }
    }

    pub fn database(&self) -> Database<'_> {
        database_of(self.kind, &self.path, &self.url)
    }

    /// Ends the ledger, and with it every connection of its own.
    pub fn close(&mut self) {
        struct Nowhere;
        impl Transact for Nowhere {
            fn submit(&self, job: Job) {
                drop(job);
            }
        }
        let ledger = std::mem::replace(&mut self.ledger, Ledger::over(Arc::new(Nowhere), self.vault.clone()));
        apart(|| drop(ledger));
    }

    /// The messages at a stage.
    pub fn ids_of_stage(&self, stage: &str) -> Vec<EntryId> {
        let rows = self.ask(&format!("SELECT id FROM messages WHERE stage = '{stage}' ORDER BY id"));
        rows.lines().map(|id| EntryId(id.parse().unwrap())).collect()
    }

    /// The same state in another process's hands.
    pub async fn another(&self) -> Ledger {
        let (kind, path, url, vault) = (self.kind, self.path.clone(), self.url.clone(), self.vault.clone());
        tokio::task::spawn_blocking(move || open_as(kind, &path, &url, vault)).await.unwrap()
    }

    /// Asks the database itself, behind the ledger's back. Rows as text, columns parted by `|`.
    pub fn ask(&self, sql: &str) -> String {
        match self.kind {
            Kind::Sqlite => ask_sqlite(&self.path, sql),
            Kind::Postgres => CLUSTER.ask(&self.url, sql).unwrap(),
        }
    }

    /// Everything that an intruder with the database would read.
    pub fn raw(&self) -> Vec<u8> {
        match self.kind {
            Kind::Sqlite => ["", "-wal"].iter().flat_map(|end| std::fs::read(with(&self.path, end)).unwrap()).collect(),
            Kind::Postgres => {
                let tables =
                    ["messages", "bodies", "steps", "outcomes", "story", "grants", "vault", "thread_ids", "cursors"];
                let rows = tables.map(|table| self.ask(&format!("SELECT * FROM {table}")));
                let hex: String = rows.join("\n");
                let unhexed = hex.split("\\x").flat_map(|part| {
                    let digits: Vec<u8> = part.bytes().take_while(u8::is_ascii_hexdigit).collect();
                    digits
                        .chunks_exact(2)
                        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
                        .collect::<Vec<u8>>()
                });
                unhexed.chain(hex.bytes()).collect()
            }
        }
    }

    /// Cuts the ledger's connections, where it has any.
    pub fn cut_connections(&self) -> usize {
        CLUSTER.cut_connections(&self.url).unwrap()
    }

    /// A message as it comes in; the number is its UID, and part of everything else.
    pub fn letter(&self, number: u32) -> NewMessage {
        let body = BodyId::new(at(0), &format!("{number}-{:016x}", fastrand::u64(..)));
        let chunk = self.ledger.seal_chunk(&body, 0, format!("the text of letter {number}").as_bytes()).unwrap();
        NewMessage {
            mailbox: "support".to_owned(),
            place: inbox(1, number),
            gmail_id: None,
            message_id: id(&format!("{number}@example.com")),
            body_hash: format!("hash {number}"),
            ancestors: Vec::new(),
            issues: Vec::new(),
            conversation: None,
            envelope: Envelope {
                subject: format!("subject {number}"),
                from: Some(Address { name: "Ann Example".to_owned(), address: "ann@example.com".to_owned() }),
            },
            body,
            chunks: vec![chunk],
            size: 20,
            arrived_at: at(0),
        }
    }

    /// Takes one message in.
    pub async fn receive(&self, letter: NewMessage) -> Intake {
        self.ledger.receive(vec![letter], at(0)).await.unwrap().remove(0)
    }

    /// Takes a message in that must be new.
    pub async fn new_message(&self, letter: NewMessage) -> EntryId {
        match self.receive(letter).await {
            Intake::New(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that can be claimed now.
    pub async fn claim(&self, seconds: i64) -> Vec<Lease> {
        claim(&self.ledger, "owner", 100, seconds).await
    }

    /// The only message that can be claimed.
    pub async fn claim_one(&self, seconds: i64) -> Lease {
        let mut leases = self.claim(seconds).await;
        assert_eq!(leases.len(), 1, "claimed {:?}", ids(&leases));
        leases.remove(0)
    }

    /// Brings a message all the way to `issue`.
    pub async fn deliver(&self, number: u32, issue: &IssueRef) -> EntryId {
        let id = self.new_message(self.letter(number)).await;
        let lease = self.claim_one(0).await;
        let (lease, _) = self.ledger.record_planned(lease, vec![create()], plan(), at(0)).await.unwrap();
        let lease = self.ledger.record_sending(lease, 0, at(0)).await.unwrap();
        let written = Written::Issue(issue.clone());
        self.ledger.record_delivered(lease, Some((0, &written)), at(1)).await.unwrap();
        id
    }
}

fn open(database: Database<'_>, vault: Arc<Vault>) -> Ledger {
    let first = database.connect().unwrap();
    Ledger::open(database, first, vault).unwrap()
}

pub fn open_as(kind: Kind, path: &Path, url: &str, vault: Arc<Vault>) -> Ledger {
    open(database_of(kind, path, url), vault)
}

pub fn database_of<'a>(kind: Kind, path: &'a Path, url: &'a str) -> Database<'a> {
    match kind {
        Kind::Sqlite => Database::Sqlite(path),
        Kind::Postgres => Database::Postgres { url, password: None },
    }
}

fn with(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn ask_sqlite(path: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..columns)
            .map(|column| match row.get_ref(column).unwrap() {
                rusqlite::types::ValueRef::Integer(int) => int.to_string(),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        lines.push(values.join("|"));
    }
    lines.join("\n")
}

pub async fn claim(ledger: &Ledger, owner: &str, limit: usize, seconds: i64) -> Vec<Lease> {
    claim_after("", ledger, owner, limit, seconds).await
}

/// The same when that mailbox had its turn last.
pub async fn claim_after(mailbox: &str, ledger: &Ledger, owner: &str, limit: usize, seconds: i64) -> Vec<Lease> {
    let claim =
        Claim { owner: owner.to_owned(), limit, after: mailbox.to_owned(), of_each: limit, of: BTreeMap::new() };
    ledger.claim(claim, at(seconds)).await.unwrap()
}

pub fn ids(leases: &[Lease]) -> Vec<EntryId> {
    leases.iter().map(|lease| lease.entry.id).collect()
}

/// Seconds after the beginning of the test's time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub fn inbox(uid_validity: u32, uid: u32) -> Place {
    Place::Imap { folder: "INBOX".to_owned(), uid_validity, uid }
}

pub fn id(text: &str) -> Option<MessageId> {
    MessageId::parse(text)
}

pub fn issue(number: u32) -> IssueRef {
    IssueRef { id: (10_000 + number).to_string(), key: format!("SUP-{number}") }
}

pub fn create() -> Step {
    let fields = [("summary".to_owned(), Json::of(&"a secret summary"))].into();
    Step { marker: Marker("m-create".to_owned()), write: Write::CreateIssue { project: "SUP".to_owned(), fields } }
}

pub fn comment() -> Step {
    Step {
        marker: Marker("m-comment".to_owned()),
        write: Write::AddComment {
            body: Json::of(&serde_json::json!({"type": "doc"})),
            visibility: Visibility::Public,
        },
    }
}

pub fn plan() -> PlanSummary {
    PlanSummary {
        notes: Vec::new(),
        action: ActionKind::Create,
        reason: "it is new".to_owned(),
        issue: None,
        settled: Settled::Whole,
        first: FirstStep::Waits,
    }
}
