//! What the tables mean: the one conversion from what the user wrote to what the program uses. It goes on after a fault,
//! so that all of them are reported, and looks at the network never.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::KeyPath;
use super::read::Findings;
use super::shape::nearest;
use super::shown::is_place_name;
use super::values::{self, Wrong};
use super::{DnsTable, FileTable, LimitsTable, SecretTable, VaultTable};
use crate::config::{
    Config, ConfigErrors, Limits, MailboxName, MailboxSettings, MustExist, NameServers, NotifySettings, Problem,
    ProviderKind, ProviderName, Rule, SecretRef, SecretWarning, StateSettings, VaultSettings, Writing,
};

mod admin;
mod forgery;
mod jira;
mod mailbox;
mod provider;
mod rule;
mod rules;
mod senders;

/// Below this `settle` is warned of: Jira's search was seen to lag behind by tens of seconds.
const SHORT_SETTLE: Duration = Duration::from_secs(60);

/// The configuration and its warnings, or all that is wrong with it.
pub(in crate::config) fn convert(
    file: &Path,
    table: FileTable,
    findings: Findings<'_>,
    must_exist: MustExist,
) -> Result<(Config, Vec<Problem>), ConfigErrors> {
    let mut checker = Checker { findings, must_exist, providers: BTreeMap::new(), given: BTreeMap::new() };
    let config = checker.config(table);
    let failed = checker.findings.has_errors();
    let problems = checker.findings.into_problems();
    match config {
        Some(config) if !failed => Ok((config, problems)),
        Some(_) | None => Err(ConfigErrors { file: file.to_owned(), problems }),
    }
}

/// The rules alone, and their warnings, or all that is wrong with them.
pub(in crate::config) fn rules(
    file: &Path,
    table: FileTable,
    findings: Findings<'_>,
) -> Result<(Vec<Rule>, Vec<Problem>), ConfigErrors> {
    let must_exist = MustExist::MayBeElsewhere;
    let mut checker = Checker { findings, must_exist, providers: BTreeMap::new(), given: BTreeMap::new() };
    let rules = checker.rules(table.rule.unwrap_or_default());
    checker.warn_of_idle(&rules, &BTreeMap::new());
    let failed = checker.findings.has_errors();
    let problems = checker.findings.into_problems();
    if failed {
        return Err(ConfigErrors { file: file.to_owned(), problems });
    }
    Ok((rules.into_iter().flatten().collect(), problems))
}

/// What every part of the conversion needs: where to report, and how strict to be about other files.
struct Checker<'t> {
    findings: Findings<'t>,
    must_exist: MustExist,
    /// All providers by name, those with faults included, and their kinds where these are known.
    providers: BTreeMap<ProviderName, Option<ProviderKind>>,
    /// What all mailboxes say themselves of the issues to be made, those with faults included.
    given: BTreeMap<MailboxName, Given>,
}

/// What a mailbox says of its issues, so that no rule has to.
struct Given {
    project: bool,
    issue_type: bool,
}

impl Checker<'_> {
    fn config(&mut self, table: FileTable) -> Option<Config> {
        let root = KeyPath::default();
        let state = self.state(table.state, table.state_password);
        let vault = self.vault(table.vault.unwrap_or_default(), state.as_ref());
        let admin = table.admin.map(|admin| self.admin(&root.key("admin"), admin));
        let mut notify = self.notify(&root.key("notify"), table.notify.unwrap_or_default());
        let limits = self.limits(&root.key("limits"), table.limits.unwrap_or_default());
        let name_servers = self.name_servers(&root.key("dns"), table.dns.unwrap_or_default());
        let jira = match table.jira {
            Some(jira) => self.jira(&root.key("jira"), jira),
            None => self.missing(&root.key("jira"), "write [jira] with `url`, and [jira.auth.api_token]"),
        };
        if let (Some(notify), Some(Writing::Shadow)) = (&mut notify, jira.as_ref().map(|jira| jira.writing)) {
            self.open_no_issues(&root.key("notify"), notify);
        }
        let mailboxes = table.mailbox.unwrap_or_default();
        let providers = self.providers(table.provider.unwrap_or_default(), &mailboxes);
        let senders = self.senders(&root.key("senders"), table.senders.unwrap_or_default());
        let mailboxes = self.mailboxes(mailboxes, &senders.clone().unwrap_or_default());
        self.warn_of_doubles(&mailboxes);
        let rules = self.rules(table.rule.unwrap_or_default());
        self.check_rules_of(&mailboxes, &rules);
        self.warn_of_forgery(&mailboxes, &rules);
        senders?;
        Some(Config {
            state: state?,
            vault: vault?,
            admin: admin.flatten(),
            notify: notify?,
            limits: limits?,
            name_servers: name_servers?,
            jira: jira?,
            providers: providers.into_iter().filter_map(|(name, provider)| Some((name, provider?))).collect(),
            mailboxes: mailboxes.into_iter().filter_map(|(name, mailbox)| Some((name, mailbox?))).collect(),
            rules: rules.into_iter().flatten().collect(),
        })
    }

    /// A shadow writes nothing to Jira, troubles of its own included.
    fn open_no_issues(&mut self, path: &KeyPath, notify: &mut NotifySettings) {
        if notify.jira.take().is_some() {
            let message = "`jira_project` has no effect with `shadow = true`: a shadow opens no issues";
            self.findings.warning(&path.key("jira_project"), message, "use `command` or `webhook` meanwhile");
        }
    }

    fn state(&mut self, state: Option<String>, password: Option<SecretTable>) -> Option<StateSettings> {
        let root = KeyPath::default();
        let password_path = root.key("state_password");
        let password = password.map(|password| self.secret(&password_path, password));
        let fix = "write state = \"sqlite:///var/lib/mail2jira/state.db\"";
        match (self.required(&root.key("state"), state, values::state, fix)?, password) {
            (StateSettings::Sqlite { .. }, Some(_)) => {
                self.findings.error(&password_path, "an SQLite state has no password", "take `state_password` out");
                None
            }
            (StateSettings::Sqlite { path }, None) => Some(StateSettings::Sqlite { path }),
            (StateSettings::Postgres { url, .. }, None) => Some(StateSettings::Postgres { url, password: None }),
            (StateSettings::Postgres { url, .. }, Some(password)) => {
                Some(StateSettings::Postgres { url, password: Some(password?) })
            }
        }
    }

    fn vault(&mut self, table: VaultTable, state: Option<&StateSettings>) -> Option<VaultSettings> {
        let path = KeyPath::default().key("vault").key("key");
        let Some(key) = table.key else {
            match state {
                Some(StateSettings::Postgres { .. }) => {
                    self.findings.missing(&path, "on PostgreSQL write [vault] key = { credential = \"vault-key\" }");
                }
                Some(StateSettings::Sqlite { path: state }) => {
                    self.warn_of_readers(&path, &SecretRef::File(VaultSettings::key_beside(state)));
                }
                None => {}
            }
            return Some(VaultSettings { key: None });
        };
        Some(VaultSettings { key: Some(self.secret(&path, key)?) })
    }

    fn limits(&mut self, path: &KeyPath, table: LimitsTable) -> Option<Limits> {
        let default = Limits::default();
        let deliveries = self.optional(&path.key("deliveries"), table.deliveries.as_ref(), deliveries);
        let bytes = self.optional(&path.key("bytes_in_flight"), table.bytes_in_flight.as_deref(), values::size);
        let keep = self.optional(&path.key("keep_bodies"), table.keep_bodies.as_deref(), values::keeping_time);
        let settle = self.optional(&path.key("settle"), table.settle.as_deref(), values::waiting_time);
        if settle.flatten().is_some_and(|settle| settle < SHORT_SETTLE) {
            let message = "Jira's search may lag behind for longer: what an answer that was lost has written could be written again";
            self.findings.warning(&path.key("settle"), message, "leave it at the 3 minutes that are its default");
        }
        Some(Limits {
            deliveries: deliveries?.unwrap_or(default.deliveries),
            bytes_in_flight: bytes?.unwrap_or(default.bytes_in_flight),
            keep_bodies: keep?.unwrap_or(default.keep_bodies),
            settle: settle?.unwrap_or(default.settle),
        })
    }

    fn name_servers(&mut self, path: &KeyPath, table: DnsTable) -> Option<NameServers> {
        let path = path.key("servers");
        let Some(named) = table.servers else { return Some(NameServers::OfSystem) };
        if named.is_empty() {
            self.findings.error(&path, "this names nobody to ask", "name a server, or leave `servers` out");
            return None;
        }
        let servers = named.iter().enumerate();
        let servers: Vec<_> = servers
            .map(|(index, server)| self.checked(&path.index(index), server.as_str(), values::name_server))
            .collect();
        servers.into_iter().collect::<Option<_>>().map(NameServers::Named)
    }

    fn existing_provider(&mut self, path: &KeyPath, provider: ProviderName) -> Option<ProviderName> {
        let table = KeyPath::default().key("provider").key(provider.as_str());
        let may_be_meant = self.findings.is_torn() || self.findings.is_faulty(&table);
        if may_be_meant || self.providers.contains_key(&provider) {
            return Some(provider);
        }
        let known: Vec<_> = self.providers.keys().map(ProviderName::as_str).collect();
        let fix = match nearest(provider.as_str(), &known) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None => format!("write a table [provider.{provider}]"),
        };
        self.findings.error(path, format!("there is no provider `{provider}`"), fix);
        None
    }

    /// Two mailboxes that watch one folder of one account make two issues of every message.
    fn warn_of_doubles(&mut self, mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>) {
        let mut seen: BTreeMap<_, &MailboxName> = BTreeMap::new();
        for mailbox in mailboxes.values().flatten() {
            for (index, folder) in mailbox.folders.iter().enumerate() {
                let server = (mailbox.host.to_lowercase(), odd_port(mailbox.port));
                let account = (server, mailbox.address.to_lowercase(), folder.as_str());
                let Some(first) = seen.insert(account, &mailbox.name) else {
                    continue;
                };
                let path = KeyPath::default().key("mailbox").key(mailbox.name.as_str()).key("folders").index(index);
                let message = format!("the mailboxes `{first}` and `{}` watch the same folder", mailbox.name);
                self.findings.warning(&path, message, "take one of them out, or every message makes two issues");
            }
        }
    }

    fn secret(&mut self, path: &KeyPath, table: SecretTable) -> Option<SecretRef> {
        let secret = self.named_secret(path, table)?;
        self.warn_of_readers(path, &secret);
        Some(secret)
    }

    fn warn_of_readers(&mut self, path: &KeyPath, secret: &SecretRef) {
        if let Some(warning) = secret.warning() {
            let SecretWarning::ReadableByOthers { path: file, .. } = &warning;
            let fix = format!("run `chmod o-rwx {}`", file.display());
            self.findings.warning(path, warning.to_string(), fix);
        }
    }

    fn named_secret(&mut self, path: &KeyPath, table: SecretTable) -> Option<SecretRef> {
        let named = |name: &str| is_place_name(name) && !name.contains('/');
        match table {
            SecretTable::Credential(name) if named(&name) => Some(SecretRef::Credential(name)),
            SecretTable::Env(name) if named(&name) => Some(SecretRef::Env(name)),
            SecretTable::File(file) if !file.is_empty() => {
                let file = self.file(path, &file, "the secret's file");
                Some(SecretRef::File(file))
            }
            SecretTable::Credential(_) => self.nameless(path, "name a credential, as { credential = \"jira-token\" }"),
            SecretTable::Env(_) => self.nameless(path, "name a variable, as { env = \"JIRA_TOKEN\" }"),
            SecretTable::File(_) => self.nameless(path, "name a file, as { file = \"/etc/mail2jira/jira-token\" }"),
        }
    }

    fn nameless<T>(&mut self, path: &KeyPath, fix: &str) -> Option<T> {
        self.findings.error(path, "this is not the name of a credential, a file or a variable", fix);
        None
    }

    /// A file named by the configuration. The configuration may be checked on another machine than it is for.
    fn file(&mut self, path: &KeyPath, file: &str, what: &str) -> PathBuf {
        let file = PathBuf::from(file);
        if let Err(error) = File::open(&file) {
            let message = format!("{what} {} cannot be read: {error}", file.display());
            let fix = "create it, readable by the user that the daemon runs as";
            match self.must_exist {
                MustExist::Yes => self.findings.error(path, message, fix),
                MustExist::MayBeElsewhere => self.findings.warning(path, message, fix),
            }
        }
        file
    }

    fn ca_file(&mut self, path: &KeyPath, file: Option<String>) -> Option<PathBuf> {
        file.map(|file| self.file(&path.key("ca_file"), &file, "the certificate file"))
    }

    fn missing<T>(&mut self, path: &KeyPath, fix: &str) -> Option<T> {
        self.findings.missing(path, fix);
        None
    }

    /// A value that must be there and right.
    fn required<T>(
        &mut self,
        path: &KeyPath,
        value: Option<String>,
        check: impl FnOnce(&str) -> Result<T, Wrong>,
        fix: &str,
    ) -> Option<T> {
        match value {
            Some(value) => self.checked(path, value.as_str(), check),
            None => self.missing(path, fix),
        }
    }

    /// A value that must be right where it is there. The outer `None` is a fault, already reported.
    fn optional<V: ?Sized, T>(
        &mut self,
        path: &KeyPath,
        value: Option<&V>,
        check: impl FnOnce(&V) -> Result<T, Wrong>,
    ) -> Option<Option<T>> {
        match value {
            Some(value) => self.checked(path, value, check).map(Some),
            None => Some(None),
        }
    }

    fn checked<V: ?Sized, T>(
        &mut self,
        path: &KeyPath,
        value: &V,
        check: impl FnOnce(&V) -> Result<T, Wrong>,
    ) -> Option<T> {
        match check(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.findings.error(path, wrong.message, wrong.fix);
                None
            }
        }
    }

    /// Every entry of a list, or `None` when one is wrong.
    fn each<T>(
        &mut self,
        path: &KeyPath,
        values: &[String],
        check: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let checked: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, value)| self.checked(&path.index(index), value.as_str(), &check))
            .collect();
        checked.into_iter().collect()
    }

    fn names<N: Ord, T>(
        &mut self,
        path: &KeyPath,
        tables: BTreeMap<String, T>,
        parse: impl Fn(&str) -> Option<N>,
    ) -> BTreeMap<N, (KeyPath, T)> {
        let mut named = BTreeMap::new();
        for (name, table) in tables {
            let path = path.key(&name);
            match parse(&name) {
                Some(name) => {
                    named.insert(name, (path, table));
                }
                None => self.findings.error(
                    &path,
                    format!("`{name}` cannot be a name"),
                    "use letters, digits, - and _, at most 64 of them",
                ),
            }
        }
        named
    }
}

fn deliveries(count: &i64) -> Result<usize, Wrong> {
    let count = usize::try_from(*count).ok().filter(|count| (1..=1000).contains(count));
    count.ok_or_else(|| Wrong {
        message: "`deliveries` is out of range".into(),
        fix: "write a number from 1 to 1000".into(),
    })
}

/// The first entry that came before.
fn repeated<'v>(values: impl Iterator<Item = &'v str>) -> Option<usize> {
    let mut seen = BTreeSet::new();
    values.enumerate().find(|(_, value)| !seen.insert(*value)).map(|(index, _)| index)
}
/// The port where it tells servers of one name apart, as at the near ends of tunnels; the usual ones lead to the same mail.
fn odd_port(port: u16) -> Option<u16> {
    (![110, 143, 993, 995].contains(&port)).then_some(port)
}
