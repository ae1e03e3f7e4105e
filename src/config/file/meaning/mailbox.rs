//! `[mailbox.NAME]`: where mail comes from, and what becomes of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::document::KeyPath;
use super::super::values::{self, Wrong};
use super::super::{
    AfterFailureName, AfterName, AttachOriginalName, AttachmentsTable, CcName, ClassificationName, CustomersName,
    MailboxTable, MechanismName, PasswordTable, ProtocolName, RemovedTextName, RepliesTable, RequestsTable,
    StrangersName, TlsName,
};
use super::rule::OWN_KEYS;
use super::{Checker, Given, repeated};
use crate::config::senders::SenderSettings;
use crate::config::{
    After, AfterFailure, AttachOriginal, AttachmentSettings, CopiedPeople, Customers, JIRA, MailboxName,
    MailboxSettings, Mechanism, Protocol, ProviderName, RemovedText, Reopen, ReplySettings, RequestSettings, SignIn,
    Strangers, TlsMode,
};
use crate::mail::Classification;

impl Checker<'_> {
    /// A mailbox with a fault is `None`, and has been reported.
    pub(super) fn mailboxes(
        &mut self,
        tables: BTreeMap<String, MailboxTable>,
        everywhere: &SenderSettings,
    ) -> BTreeMap<MailboxName, Option<MailboxSettings>> {
        let root = KeyPath::default().key("mailbox");
        if tables.is_empty() && !self.findings.is_faulty(&root) && !self.findings.is_torn() {
            let fix = "write a table [mailbox.NAME] for every mailbox to watch";
            self.findings.warning(&root, "there is no mailbox to watch", fix);
        }
        let named = self.names(&root, tables, MailboxName::parse);
        let mailboxes = named.into_iter().map(|(name, (path, mut table))| {
            let senders = self.senders(&path.key("senders"), table.senders.take().unwrap_or_default());
            let mailbox = self.mailbox(&path, name.clone(), table).zip(senders);
            let mailbox = mailbox.map(|(mailbox, own)| MailboxSettings { senders: own.within(everywhere), ..mailbox });
            (name, mailbox)
        });
        mailboxes.collect()
    }

    fn mailbox(&mut self, path: &KeyPath, name: MailboxName, mut table: MailboxTable) -> Option<MailboxSettings> {
        if name.as_str() == JIRA {
            let message = "no mailbox can be named `jira`: commands, alerts and the ledger mean Jira itself by it";
            self.findings.error(path, message, "give the mailbox another name");
        }
        let issue_type =
            table.issue_type.is_some() || table.requests.as_ref().is_some_and(|table| table.kind.is_some());
        self.given.insert(name.clone(), Given { project: table.project.is_some(), issue_type });
        let protocol = protocol(table.protocol);
        let address =
            self.required(&path.key("address"), table.address.take(), values::address, "write the mailbox's address");
        let login = self.optional(&path.key("login"), table.login.as_deref(), values::plain);
        let authserv_id = self.optional(&path.key("authserv_id"), table.authserv_id.as_deref(), values::plain);
        let known_host = self.known_host(table.provider.as_deref(), protocol);
        let sign_in = self.sign_in(path, &mut table);
        let server = self.server(path, protocol, &mut table, known_host);
        let folders = self.folders(path, protocol, table.folders.take());
        let start = self.optional(&path.key("start"), table.start.as_ref(), values::start);
        let poll = self.optional(&path.key("poll"), table.poll.as_deref(), values::waiting_time);
        let daily_bytes = self.optional(&path.key("daily_bytes"), table.daily_bytes.as_deref(), values::size);
        let (after, after_failure) = self.afterwards(path, protocol, &mut table, folders.as_deref());
        let attachments = self.attachments(&path.key("attachments"), table.attachments.take().unwrap_or_default());
        // Whether they may be missing depends on the rules.
        let project = self.optional(&path.key("project"), table.project.as_deref(), project);
        let issue_type = self.optional(&path.key("issue_type"), table.issue_type.as_deref(), values::plain);
        let default_reporter =
            self.optional(&path.key("default_reporter"), table.default_reporter.as_deref(), values::plain);
        let defaults = self.defaults(&path.key("defaults"), table.defaults.take().unwrap_or_default());
        let requests = self.requests(&path.key("requests"), &table.requests.take().unwrap_or_default());
        let (address, server) = (address?, server?);
        Some(MailboxSettings {
            name,
            login: login?.unwrap_or_else(|| address.clone()),
            address,
            authserv_id: authserv_id?,
            sign_in: sign_in?,
            daily_bytes: daily_bytes?.or_else(|| MailboxSettings::default_daily_bytes(&server.host)),
            protocol,
            host: server.host,
            port: server.port,
            tls: server.tls,
            ca_file: server.ca_file,
            mechanism: mechanism(table.mechanism),
            folders: folders?,
            start: start?.unwrap_or(MailboxSettings::DEFAULT_START),
            poll: poll?.unwrap_or(MailboxSettings::DEFAULT_POLL),
            after: after?,
            after_failure: after_failure?,
            ignore: ignore(table.ignore),
            attach_original: attach_original(table.attach_original),
            removed_text: removed_text(table.removed_text),
            project: project?,
            issue_type: issue_type?,
            replies: replies(table.replies.unwrap_or_default()),
            default_reporter: default_reporter?,
            cc: copied_people(table.cc),
            defaults: defaults?,
            senders: SenderSettings::default(),
            requests: requests?,
            attachments: attachments?,
        })
    }

    fn afterwards(
        &mut self,
        path: &KeyPath,
        protocol: Protocol,
        table: &mut MailboxTable,
        folders: Option<&[String]>,
    ) -> (Option<After>, Option<AfterFailure>) {
        let (after, failure) = (table.after.take(), table.after_failure.take());
        match protocol {
            Protocol::Imap => (self.after(path, after, folders), self.after_failure(path, failure, folders)),
            Protocol::Pop3 => (self.after_pop3(path, after), self.after_failure_pop3(path, failure)),
        }
    }

    fn defaults(&mut self, path: &KeyPath, fields: BTreeMap<String, toml::Value>) -> Option<Map<String, Value>> {
        let checked: Vec<_> = fields
            .into_iter()
            .map(|(field, value)| {
                let path = path.key(&field);
                if OWN_KEYS.contains(&field.as_str()) {
                    self.findings.error(&path, format!("`{field}` has no default here"), "leave it out");
                    return None;
                }
                let json = self.checked(&path, &value, |value| {
                    serde_json::to_value(value).map_err(|_| Wrong {
                        message: "this is no value of a field".into(),
                        fix: "write a text, a number, a list or a table".into(),
                    })
                })?;
                Some((field, json))
            })
            .collect();
        checked.into_iter().collect()
    }

    fn sign_in(&mut self, path: &KeyPath, table: &mut MailboxTable) -> Option<SignIn> {
        let mechanism = mechanism(table.mechanism);
        match (table.provider.take(), table.password.take()) {
            (Some(provider), None) => {
                if matches!(mechanism, Mechanism::Plain | Mechanism::Login) {
                    let message = "this mechanism takes a password, and the mailbox signs in with a provider's token";
                    self.findings.error(&path.key("mechanism"), message, "write mechanism = \"auto\"");
                }
                self.token(&path.key("provider"), &provider)
            }
            (None, Some(password)) => {
                if matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer) {
                    let message = "this mechanism takes a provider's token, and the mailbox signs in with a password";
                    self.findings.error(&path.key("mechanism"), message, "write mechanism = \"auto\"");
                }
                if table.login.is_some() {
                    let message = "`login` is who consents at a provider, and this mailbox has none";
                    self.findings.error(
                        &path.key("login"),
                        message,
                        "write the name as `username` in the password's table",
                    );
                }
                self.password(&path.key("password"), password)
            }
            (Some(provider), Some(password)) => {
                let message = "the mailbox has both a provider and a password";
                self.findings.error(&path.key("password"), message, "keep one of them");
                self.token(&path.key("provider"), &provider);
                self.password(&path.key("password"), password);
                None
            }
            (None, None) => {
                let message = "the mailbox has no way to sign in";
                let fix = "write provider = \"NAME\", or a table `password` with `username` and `secret`";
                self.findings.missing_one_of(path, &["provider", "password"], message, fix);
                None
            }
        }
    }

    fn token(&mut self, path: &KeyPath, provider: &str) -> Option<SignIn> {
        let name = self.checked(path, provider, provider_name)?;
        self.existing_provider(path, name).map(SignIn::OAuth)
    }

    fn password(&mut self, path: &KeyPath, table: PasswordTable) -> Option<SignIn> {
        let username = self.required(&path.key("username"), table.username, values::plain, "write the user's name");
        let secret_path = path.key("secret");
        let secret = match table.secret {
            Some(secret) => self.secret(&secret_path, secret),
            None => self.missing(&secret_path, "write secret = { credential = \"NAME\" }"),
        };
        Some(SignIn::Password { username: username?, secret: secret? })
    }

    /// Google's and Microsoft's servers are well known.
    fn known_host(&self, provider: Option<&str>, protocol: Protocol) -> Option<&'static str> {
        let kind = self.providers.get(&ProviderName::parse(provider?)?)?.as_ref()?;
        match protocol {
            Protocol::Imap => kind.imap_host(),
            Protocol::Pop3 => kind.pop3_host(),
        }
    }

    fn server(
        &mut self,
        path: &KeyPath,
        protocol: Protocol,
        table: &mut MailboxTable,
        known_host: Option<&'static str>,
    ) -> Option<Server> {
        let host = table.host.take().or_else(|| known_host.map(str::to_owned));
        let fix = format!("write host = \"{}.example.com\"", protocol.as_str());
        let host = self.required(&path.key("host"), host, values::host, &fix);
        let port = self.optional(&path.key("port"), table.port.as_ref(), port);
        let ca_file = self.ca_file(path, table.ca_file.take());
        let tls = match table.tls.unwrap_or(TlsName::Implicit) {
            TlsName::Implicit => TlsMode::Implicit,
            TlsName::StartTls => TlsMode::StartTls,
            TlsName::None => TlsMode::None,
        };
        if tls == TlsMode::None && host.as_deref().is_some_and(|host| !values::is_loopback_host(host)) {
            let message = "connections without TLS are allowed on loopback only";
            self.findings.error(&path.key("tls"), message, "write tls = \"implicit\" or tls = \"starttls\"");
        }
        Some(Server { host: host?, port: port?.unwrap_or(protocol.default_port(tls)), tls, ca_file })
    }

    fn folders(&mut self, path: &KeyPath, protocol: Protocol, folders: Option<Vec<String>>) -> Option<Vec<String>> {
        let path = path.key("folders");
        match (protocol, &folders) {
            (Protocol::Imap, _) => {}
            (Protocol::Pop3, None) => return Some(vec![String::new()]),
            (Protocol::Pop3, Some(_)) => {
                let message = "POP3 has no folders: it shows the inbox alone";
                self.findings.error(&path, message, "take it out, or write protocol = \"imap\"");
                return None;
            }
        }
        let folders = folders.unwrap_or_else(|| vec!["INBOX".into()]);
        if folders.is_empty() {
            self.findings.error(&path, "a mailbox without folders has no mail", "write folders = [\"INBOX\"]");
        }
        if let Some(index) = repeated(folders.iter().map(String::as_str)) {
            self.findings.error(&path.index(index), "this folder is listed twice", "list it once");
        }
        self.each(&path, &folders, values::plain)
    }

    fn after(&mut self, path: &KeyPath, name: Option<AfterName>, folders: Option<&[String]>) -> Option<After> {
        match name.unwrap_or(AfterName::Seen) {
            AfterName::Keep => Some(After::Keep),
            AfterName::Seen => Some(After::Seen),
            AfterName::Delete => Some(After::Delete),
            AfterName::Move(folder) => self.target(&path.key("after"), &folder, folders).map(After::Move),
        }
    }

    /// POP3 has neither flags nor folders.
    fn after_pop3(&mut self, path: &KeyPath, name: Option<AfterName>) -> Option<After> {
        match name.unwrap_or(AfterName::Keep) {
            AfterName::Keep => Some(After::Keep),
            AfterName::Delete => Some(After::Delete),
            AfterName::Seen | AfterName::Move(_) => {
                let message = "POP3 can neither mark a message nor move it";
                self.findings.error(&path.key("after"), message, "write after = \"keep\" or after = \"delete\"");
                None
            }
        }
    }

    fn after_failure_pop3(&mut self, path: &KeyPath, name: Option<AfterFailureName>) -> Option<AfterFailure> {
        match name.unwrap_or(AfterFailureName::Keep) {
            AfterFailureName::Keep => Some(AfterFailure::Keep),
            AfterFailureName::Move(_) => {
                let fix = "write after_failure = \"keep\"";
                self.findings.error(&path.key("after_failure"), "POP3 cannot move a message", fix);
                None
            }
        }
    }

    fn after_failure(
        &mut self,
        path: &KeyPath,
        name: Option<AfterFailureName>,
        folders: Option<&[String]>,
    ) -> Option<AfterFailure> {
        match name.unwrap_or(AfterFailureName::Keep) {
            AfterFailureName::Keep => Some(AfterFailure::Keep),
            AfterFailureName::Move(folder) => {
                self.target(&path.key("after_failure"), &folder, folders).map(AfterFailure::Move)
            }
        }
    }

    fn target(&mut self, path: &KeyPath, folder: &str, folders: Option<&[String]>) -> Option<String> {
        let path = path.key("move");
        if folders.is_some_and(|folders| folders.iter().any(|watched| watched == folder)) {
            self.findings.error(
                &path,
                "mail would be moved into a folder that is watched",
                "name a folder that is not in `folders`",
            );
            return None;
        }
        self.checked(&path, folder, values::plain)
    }

    fn requests(&mut self, path: &KeyPath, table: &RequestsTable) -> Option<RequestSettings> {
        let customers = match table.customers.unwrap_or(CustomersName::Known) {
            CustomersName::Known => Customers::Known,
            CustomersName::Create => Customers::Create,
            CustomersName::None => Customers::None,
        };
        Some(RequestSettings {
            kind: self.optional(&path.key("type"), table.kind.as_deref(), values::plain)?,
            customers,
        })
    }

    fn attachments(&mut self, path: &KeyPath, table: AttachmentsTable) -> Option<AttachmentSettings> {
        let max_size = self.optional(&path.key("max_size"), table.max_size.as_deref(), values::size);
        let skip = self.each(&path.key("skip"), &table.skip.unwrap_or_default(), values::skip);
        Some(AttachmentSettings { max_size: max_size?.unwrap_or(AttachmentSettings::DEFAULT_MAX_SIZE), skip: skip? })
    }
}

struct Server {
    host: String,
    port: u16,
    tls: TlsMode,
    ca_file: Option<std::path::PathBuf>,
}

fn provider_name(text: &str) -> Result<ProviderName, Wrong> {
    ProviderName::parse(text).ok_or_else(|| Wrong {
        message: "this cannot be the name of a provider".into(),
        fix: "write NAME, where there is a table [provider.NAME]".into(),
    })
}

fn port(port: &i64) -> Result<u16, Wrong> {
    u16::try_from(*port).ok().filter(|port| *port > 0).ok_or_else(|| Wrong {
        message: format!("{port} is not a port"),
        fix: "write a number from 1 to 65535, as 993".into(),
    })
}

pub(super) fn project(text: &str) -> Result<String, Wrong> {
    let text = values::plain(text)?;
    if text.contains(char::is_whitespace) {
        return Err(Wrong {
            message: "this is not a project's key".into(),
            fix: "write the key, not the name: the SUP of SUP-123".into(),
        });
    }
    Ok(text)
}

fn mechanism(name: Option<MechanismName>) -> Mechanism {
    match name.unwrap_or(MechanismName::Auto) {
        MechanismName::Auto => Mechanism::Auto,
        MechanismName::XOAuth2 => Mechanism::XOAuth2,
        MechanismName::OAuthBearer => Mechanism::OAuthBearer,
        MechanismName::Plain => Mechanism::Plain,
        MechanismName::Login => Mechanism::Login,
    }
}

fn removed_text(name: Option<RemovedTextName>) -> RemovedText {
    // Folded up it costs a reader nothing; an attachment would hold the message's files a second time.
    match name.unwrap_or(RemovedTextName::Collapsed) {
        RemovedTextName::Collapsed => RemovedText::Collapsed,
        RemovedTextName::Attached => RemovedText::Attached,
    }
}

fn attach_original(name: Option<AttachOriginalName>) -> AttachOriginal {
    match name.unwrap_or(AttachOriginalName::Auto) {
        AttachOriginalName::Auto => AttachOriginal::Auto,
        AttachOriginalName::Always => AttachOriginal::Always,
        AttachOriginalName::Never => AttachOriginal::Never,
    }
}

fn protocol(name: Option<ProtocolName>) -> Protocol {
    match name {
        Some(ProtocolName::Imap) | None => Protocol::Imap,
        Some(ProtocolName::Pop3) => Protocol::Pop3,
    }
}

fn copied_people(name: Option<CcName>) -> CopiedPeople {
    match name {
        Some(CcName::Watchers) => CopiedPeople::Watch,
        Some(CcName::Nobody) | None => CopiedPeople::Nothing,
    }
}

fn replies(table: RepliesTable) -> ReplySettings {
    let strangers = table.strangers.map(|name| match name {
        StrangersName::Comment => Strangers::Comment,
        StrangersName::NewIssue => Strangers::NewIssue,
        StrangersName::Ignore => Strangers::Ignore,
    });
    let reopen = match table.reopen {
        None | Some(true) => Reopen::WherePossible,
        Some(false) => Reopen::Never,
    };
    ReplySettings { reopen, strangers: strangers.unwrap_or(ReplySettings::default().strangers) }
}

fn ignore(names: Option<Vec<ClassificationName>>) -> Vec<Classification> {
    let Some(names) = names else {
        return MailboxSettings::DEFAULT_IGNORE.to_vec();
    };
    names.into_iter().map(classification).collect()
}

pub(super) fn classification(name: ClassificationName) -> Classification {
    match name {
        ClassificationName::New => Classification::New,
        ClassificationName::Reply => Classification::Reply,
        ClassificationName::Forward => Classification::Forward,
        ClassificationName::Bounce => Classification::Bounce,
        ClassificationName::AutoReply => Classification::AutoReply,
        ClassificationName::AutoGenerated => Classification::AutoGenerated,
        ClassificationName::Bulk => Classification::Bulk,
        ClassificationName::FeedbackReport => Classification::FeedbackReport,
        ClassificationName::ReadReceipt => Classification::ReadReceipt,
        ClassificationName::Loop => Classification::Loop,
    }
}
