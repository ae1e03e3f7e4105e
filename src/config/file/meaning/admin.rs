//! `[admin]` and `[notify]`: how people look at the daemon, and how it calls them.

use std::net::SocketAddr;

use super::super::document::KeyPath;
use super::super::values::{self, Wrong};
use super::super::{AdminTable, NotifyTable};
use super::Checker;
use crate::config::{AdminSettings, NotifyProject, NotifySettings, Secret};

impl Checker<'_> {
    pub(super) fn admin(&mut self, path: &KeyPath, table: AdminTable) -> Option<AdminSettings> {
        let listen = match table.listen {
            None => Some(AdminSettings::DEFAULT_LISTEN),
            Some(listen) => self.checked(&path.key("listen"), listen.as_str(), listen_address),
        };
        let public_url = self.optional(&path.key("public_url"), table.public_url.as_deref(), values::base_url);
        let token_path = path.key("token");
        let token = match table.token {
            None => Some(None),
            Some(token) => self.secret(&token_path, token).map(Some),
        };
        let (public_url, token) = (public_url?, token?);
        if public_url.is_some() && token.is_none() {
            let message = "`public_url` without `token` leads to pages that nobody can sign in to";
            self.findings.error(&token_path, message, "write token = { file = \"/etc/mail2jira/admin-token\" }");
            return None;
        }
        Some(AdminSettings { listen: listen?, public_url, token })
    }

    pub(super) fn notify(&mut self, path: &KeyPath, table: NotifyTable) -> Option<NotifySettings> {
        let command = self.optional(&path.key("command"), table.command.as_deref(), command);
        let webhook = self.optional(&path.key("webhook"), table.webhook.as_deref(), values::url);
        let project = self.optional(&path.key("jira_project"), table.jira_project.as_deref(), values::plain);
        let type_path = path.key("jira_issue_type");
        let issue_type = self.optional(&type_path, table.jira_issue_type.as_deref(), values::plain);
        let (project, issue_type) = (project?, issue_type?);
        if project.is_none() && issue_type.is_some() {
            self.findings.error(&type_path, "there is no `jira_project` to open issues in", "write `jira_project` too");
            return None;
        }
        let issue_type = issue_type.unwrap_or_else(|| NotifyProject::DEFAULT_ISSUE_TYPE.to_owned());
        Some(NotifySettings {
            command: command?,
            webhook: webhook?.map(Secret::new),
            jira: project.map(|project| NotifyProject { project, issue_type }),
        })
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| Wrong {
        message: format!("`{text}` is not an address to listen on"),
        fix: "write an IP address and a port, as \"127.0.0.1:8925\"".into(),
    })
}

/// Whether the program is there is seen when it is needed: the configuration may be for another machine.
fn command(words: &[String]) -> Result<Vec<String>, Wrong> {
    match words.first() {
        Some(program) if !program.is_empty() && !words.iter().any(|word| word.contains('\0')) => Ok(words.to_vec()),
        Some(_) | None => Err(Wrong {
            message: "this names no program".into(),
            fix: "write the program and its arguments, as [\"/usr/local/bin/page-me\"]".into(),
        }),
    }
}
