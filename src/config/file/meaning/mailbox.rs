//! `[mailbox.NAME]`: where mail comes from, and what becomes of it. How its server is reached and which folders it has to do with
//! stands in files of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::document::KeyPath;
use super::super::values::{self, Wrong};
use super::super::{AttachmentsTable, MailboxTable, RepliesTable, RequestsTable};
use super::rule::OWN_KEYS;
use super::{Checker, Given};
use crate::config::senders::SenderSettings;
use crate::config::{AttachmentSettings, JIRA, MailboxName, MailboxSettings, Reopen, ReplySettings, RequestSettings};

mod folders;
mod server;

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
        let protocol = table.protocol.unwrap_or_default();
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
            mechanism: table.mechanism.unwrap_or_default(),
            folders: folders?,
            start: start?.unwrap_or(MailboxSettings::DEFAULT_START),
            poll: poll?.unwrap_or(MailboxSettings::DEFAULT_POLL),
            after: after?,
            after_failure: after_failure?,
            ignore: table.ignore.unwrap_or_else(|| MailboxSettings::DEFAULT_IGNORE.to_vec()),
            attach_original: table.attach_original.unwrap_or_default(),
            removed_text: table.removed_text.unwrap_or_default(),
            project: project?,
            issue_type: issue_type?,
            replies: replies(table.replies.unwrap_or_default()),
            default_reporter: default_reporter?,
            cc: table.cc.unwrap_or_default(),
            defaults: defaults?,
            senders: SenderSettings::default(),
            requests: requests?,
            attachments: attachments?,
        })
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

    fn requests(&mut self, path: &KeyPath, table: &RequestsTable) -> Option<RequestSettings> {
        Some(RequestSettings {
            kind: self.optional(&path.key("type"), table.kind.as_deref(), values::plain)?,
            customers: table.customers.unwrap_or_default(),
        })
    }

    fn attachments(&mut self, path: &KeyPath, table: AttachmentsTable) -> Option<AttachmentSettings> {
        let max_size = self.optional(&path.key("max_size"), table.max_size.as_deref(), values::size);
        let skip = self.each(&path.key("skip"), &table.skip.unwrap_or_default(), values::skip);
        Some(AttachmentSettings { max_size: max_size?.unwrap_or(AttachmentSettings::DEFAULT_MAX_SIZE), skip: skip? })
    }
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

fn replies(table: RepliesTable) -> ReplySettings {
    let reopen = match table.reopen {
        None | Some(true) => Reopen::WherePossible,
        Some(false) => Reopen::Never,
    };
    ReplySettings { reopen, strangers: table.strangers.unwrap_or_default() }
}
