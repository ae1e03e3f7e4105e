//! From handlers to the text of a config file, and to sentences about everything that is not the same there.

use std::collections::BTreeMap;

use super::Handler;
use super::remarks::{Bulk, remark};
use crate::config::file::quoted;
use crate::config::rule::AddressPattern;
use crate::text::without_controls;

/// What stands where an export does not tell a thing; a person has to write it.
const ADDRESS: &str = "change-me@example.com";
const HOST: &str = "imap.example.com";
const PROJECT: &str = "CHANGEME";

/// Issue types of a Jira in which nobody changed them, by their ids.
const ISSUE_TYPES: [(&str, &str); 7] = [
    ("1", "Bug"),
    ("2", "New Feature"),
    ("3", "Task"),
    ("4", "Improvement"),
    ("5", "Sub-task"),
    ("6", "Epic"),
    ("7", "Story"),
];

/// Parameters that become keys of the mailbox, and no rule's.
const OF_THE_MAILBOX: [&str; 3] = ["reporterusername", "bulk", "ccwatcher"];

/// A config file, and what a person has to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// TOML.
    pub config: String,
    /// What is not carried over, or means something else, a sentence each; they stand in the config as comments as well.
    pub notes: Vec<String>,
}

/// Writes the config that does what the handlers do. Handlers that read the same folder of the same account become one mailbox
/// with rules.
pub fn write(handlers: &[Handler]) -> Written {
    let mut mailboxes: Vec<Mailbox<'_>> = Vec::new();
    for handler in handlers {
        let same = |mailbox: &&mut Mailbox<'_>| {
            mailbox.first().is_some_and(|first| account(first).is_some() && account(first) == account(handler))
        };
        match mailboxes.iter_mut().find(same) {
            Some(mailbox) => mailbox.handlers.push(handler),
            None => mailboxes.push(Mailbox { name: free_name(handler, &mailboxes), handlers: vec![handler] }),
        }
    }
    let mut output = Output::default();
    output.head();
    mailboxes.iter().for_each(|mailbox| mailbox.table(&mut output));
    mailboxes.iter().for_each(|mailbox| mailbox.rules(&mut output));
    Written { config: output.config, notes: output.notes }
}

/// What a mailbox is read by: server, user and folder; `None` where the export does not tell.
fn account(handler: &Handler) -> Option<[&str; 3]> {
    Some([host(handler)?, user(handler)?, folder(handler)])
}

fn host(handler: &Handler) -> Option<&str> {
    ["servername", "host", "server", "serverhost", "hostname"].iter().find_map(|name| handler.get(name))
}

fn user(handler: &Handler) -> Option<&str> {
    ["serverusername", "username", "user"].iter().find_map(|name| handler.get(name))
}

fn folder(handler: &Handler) -> &str {
    handler.get("foldername").or_else(|| handler.get("folder")).unwrap_or("INBOX")
}

/// A name that no mailbox has yet, after the handler, its project or nothing.
fn free_name(handler: &Handler, taken: &[Mailbox<'_>]) -> String {
    let source = if handler.name.is_empty() { handler.get("project").unwrap_or("mail") } else { &handler.name };
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = source.chars().take(40).map(allowed).collect();
    let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let plain = if plain.is_empty() || plain == crate::config::JIRA { "mail".to_owned() } else { plain };
    let is_free = |name: &String| taken.iter().all(|mailbox| mailbox.name != *name);
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain)
}

/// Handlers that read one folder of one account.
struct Mailbox<'h> {
    name: String,
    handlers: Vec<&'h Handler>,
}

/// What a handler's class does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    CreateOrComment,
    Create,
    Comment,
}

impl Does {
    fn of(handler: &Handler) -> Self {
        let class = handler.get("handler").or_else(|| handler.get("class")).unwrap_or_default().to_lowercase();
        // A class, or what Jira's page says of it: "Create a new issue or add a comment to an existing issue".
        match (class.contains("create"), class.contains("comment")) {
            (true, false) => Self::Create,
            (false, true) => Self::Comment,
            (true, true) | (false, false) => Self::CreateOrComment,
        }
    }
}

#[derive(Default)]
struct Output {
    config: String,
    notes: Vec<String>,
}

impl Output {
    fn line(&mut self, text: &str) {
        self.config.push_str(text);
        self.config.push('\n');
    }

    fn set(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    /// Says something, on the spot and at the end.
    fn note(&mut self, about: &str, words: &str) {
        let note = without_controls(&format!("{about}: {words}"));
        self.line(&format!("# {note}"));
        self.notes.push(note);
    }

    fn head(&mut self) {
        self.line("# From Jira's own mail handlers, by `mail2jira import jira-handlers`.");
        self.set("state", "sqlite:///var/lib/mail2jira/state.db");
        self.line("\n[jira]");
        self.note("jira", "no export tells how to reach Jira: write `url` and the way in");
        self.set("url", "https://jira.example.com");
        self.line("# To run beside the handlers and only tell what would be written, until they are switched off:");
        self.line("# shadow = true\n");
        self.line("[jira.auth.pat]\ntoken = { credential = \"jira-token\" }");
    }
}

impl Mailbox<'_> {
    fn first(&self) -> Option<&Handler> {
        self.handlers.first().copied()
    }

    /// The handler that takes whatever no other one catches, else the first: the mailbox's own project is its.
    fn base(&self) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.get("catchemail").is_none()).copied().or(self.first())
    }

    fn table(&self, output: &mut Output) {
        let Some(base) = self.base() else { return };
        output.line(&format!("\n[mailbox.{}]", self.name));
        for handler in &self.handlers {
            let about = if handler.name.is_empty() { &self.name } else { &handler.name };
            handler.settings.iter().for_each(|(name, value)| {
                if let Some(words) = remark(name, value) {
                    output.note(about, &words);
                }
            });
            for name in OF_THE_MAILBOX.into_iter().filter(|name| handler.get(name) != base.get(name)) {
                let of_base = base.get(name).unwrap_or("nothing");
                output.note(about, &format!("{name}: a mailbox has one for all its handlers, here {of_base}"));
            }
        }
        self.server(base, output);
        output.set("project", &project(base));
        let (issue_type, guess) = issue_type(base);
        if let Some(guess) = guess {
            output.note(&self.name, &guess);
        }
        output.set("issue_type", &issue_type);
        if let Some(reporter) = base.get("reporterusername") {
            output.set("default_reporter", reporter);
        }
        if base.get("ccwatcher").is_some_and(is_true) {
            output.set("cc", "watchers");
        }
        match base.get("bulk").map(Bulk::of) {
            Some(Bulk::Accept) => {
                output.line("ignore = [\"bounce\", \"feedback_report\", \"read_receipt\", \"loop\"]");
            }
            Some(Bulk::Forward | Bulk::Delete | Bulk::Ignore | Bulk::Unknown) => {}
            None => output.note(
                &self.name,
                "bulk is not set: the handler takes mail of machines and lists, and mail2jira's `ignore` leaves it alone",
            ),
        }
        output.line(&format!("[mailbox.{}.password]", self.name));
        output.set("username", user(base).unwrap_or(ADDRESS));
        output.line(&format!("secret = {{ credential = \"{}-password\" }}", self.name));
    }

    fn server(&self, base: &Handler, output: &mut Output) {
        let addresses = [user(base), base.get("serverfrom"), base.get("catchemail")];
        let address = addresses.into_iter().flatten().find(|text| is_address(text));
        if address.is_none() {
            output.note(&self.name, "the export tells no mail address: write `address`");
        }
        output.set("address", address.unwrap_or(ADDRESS));
        let kind = ["serverprotocol", "servertype", "protocol", "type"].map(|name| base.get(name).unwrap_or_default());
        let kind = kind.concat().to_lowercase();
        let is_pop3 = kind.contains("pop");
        if is_pop3 {
            output.set("protocol", "pop3");
        }
        if host(base).is_none() {
            output.note(&self.name, "the export tells no mail server: write `host`");
        }
        output.set("host", host(base).unwrap_or(HOST));
        let port = ["serversmtpport", "serverport", "port"].iter().find_map(|name| base.get(name)?.parse::<u16>().ok());
        let says_secure = base.get("usessl").is_some_and(is_true) || kind.contains("imaps") || kind.contains("pop3s");
        let is_secure = says_secure || matches!(port, None | Some(993 | 995));
        if let Some(port) = port.filter(|port| *port > 0) {
            output.line(&format!("port = {port}"));
        }
        if !is_secure {
            output.note(&self.name, "the handler reads in the clear; mail2jira wants TLS, here by STARTTLS");
            output.set("tls", "starttls");
        }
        if !is_pop3 && folder(base) != "INBOX" {
            output.line(&format!("folders = [{}]", quoted(folder(base))));
        }
    }

    fn rules(&self, output: &mut Output) {
        let Some(base) = self.base() else { return };
        let mailbox = format!("when.mailbox = [\"{}\"]", self.name);
        if base.get("bulk").map(Bulk::of) == Some(Bulk::Forward) {
            output.line(&format!("\n[[rule]]\nname = \"{}: bulk\"\n{mailbox}", self.name));
            output
                .line("when.classification = [\"bulk\", \"auto_reply\", \"auto_generated\"]\naction = \"quarantine\"");
        }
        let (caught, all): (Vec<_>, Vec<_>) =
            self.handlers.iter().copied().partition(|handler| handler.get("catchemail").is_some_and(is_address));
        for handler in caught.iter().chain(&all) {
            self.rule(handler, base, output);
        }
        if all.is_empty() {
            output.line(&format!("\n[[rule]]\nname = \"{}: not caught\"\n{mailbox}\naction = \"ignore\"", self.name));
        }
    }

    /// A rule for a handler that does something else than the mailbox by itself.
    fn rule(&self, handler: &Handler, base: &Handler, output: &mut Output) {
        let caught = handler.get("catchemail").filter(|text| is_address(text));
        let does = Does::of(handler);
        let assigns = handler.get("ccassignee").is_some_and(is_true);
        if caught.is_none() && does == Does::CreateOrComment && !assigns && std::ptr::eq(handler, base) {
            return;
        }
        let name = if handler.name.is_empty() { caught.unwrap_or(&self.name) } else { &handler.name };
        output.line("\n[[rule]]");
        output.set("name", name);
        output.line(&format!("when.mailbox = [\"{}\"]", self.name));
        if let Some(caught) = caught {
            output.line(&format!("when.recipient = [{}]", quoted(caught)));
        }
        match does {
            Does::CreateOrComment => {}
            Does::Create => output.set("action", "create"),
            Does::Comment => output.set("action", "comment"),
        }
        if !std::ptr::eq(handler, base) {
            output.set("project", &project(handler));
            output.set("issue_type", &issue_type(handler).0);
        }
        if assigns {
            output.set("assignee", "first-cc");
        }
    }
}

pub(super) fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value == "1" || value.eq_ignore_ascii_case("yes")
}

pub(super) fn is_address(text: &str) -> bool {
    text.contains('@') && !text.contains('*') && AddressPattern::new(text).may_match()
}

fn project(handler: &Handler) -> String {
    let key = handler.get("project").filter(|key| !key.contains(char::is_whitespace));
    key.unwrap_or(PROJECT).to_uppercase()
}

/// An issue type's name, and what has been guessed about it.
fn issue_type(handler: &Handler) -> (String, Option<String>) {
    let written = handler.get("issuetype").unwrap_or_default();
    if written.is_empty() {
        return ("Task".to_owned(), Some("no issue type is set: write `issue_type`".to_owned()));
    }
    if !written.chars().all(|c| c.is_ascii_digit()) {
        return (written.to_owned(), None);
    }
    if let Some(name) = handler.issue_types.get(written) {
        return (name.clone(), None);
    }
    let usual: BTreeMap<&str, &str> = ISSUE_TYPES.into_iter().collect();
    match usual.get(written) {
        Some(name) => {
            let guess =
                format!("issuetype={written} is {name} in a Jira whose types nobody changed: see that it is in yours");
            ((*name).to_owned(), Some(guess))
        }
        None => {
            ("Task".to_owned(), Some(format!("issuetype={written} is an id: write the type's name as `issue_type`")))
        }
    }
}
