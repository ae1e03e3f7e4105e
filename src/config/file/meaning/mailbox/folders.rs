//! Which folders of a mailbox are watched, and what is done to a message there once it is settled.

use super::super::{Checker, repeated};
use crate::config::file::document::KeyPath;
use crate::config::file::values;
use crate::config::file::{AfterFailureName, AfterName, MailboxTable};
use crate::config::{After, AfterFailure, Protocol};

impl Checker<'_> {
    pub(super) fn folders(
        &mut self,
        path: &KeyPath,
        protocol: Protocol,
        folders: Option<Vec<String>>,
    ) -> Option<Vec<String>> {
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

    pub(super) fn afterwards(
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
}
