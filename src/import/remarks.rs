//! What a handler's parameter loses on its way into a config file, or comes to mean there: a sentence each. Pure.

use super::write::{is_address, is_true};

/// `bulk`: what becomes of mail from machines and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    /// Nothing.
    Ignore,
    /// It is forwarded.
    Forward,
    /// It is deleted.
    Delete,
    /// What becomes of other mail.
    Accept,
    /// Nobody can say.
    Unknown,
}

impl Bulk {
    /// From the word in an export, or from the sentence on Jira's page that begins with it.
    pub(super) fn of(value: &str) -> Self {
        match value.split_whitespace().next().unwrap_or_default().to_lowercase().as_str() {
            "ignore" => Self::Ignore,
            "forward" => Self::Forward,
            "delete" => Self::Delete,
            "accept" => Self::Accept,
            _another_word => Self::Unknown,
        }
    }
}

/// What a parameter loses, or comes to mean. `None`: it is carried over as it is, or asks for nothing.
pub(super) fn remark(name: &str, value: &str) -> Option<String> {
    let is_on = is_true(value.trim());
    let words = match name {
        "project" if value.contains(char::is_whitespace) => "is no project's key: write `project`",
        "project" | "issuetype" | "reporterusername" | "popserver" | "usessl" | "foldername" | "folder" | "port"
        | "host" | "server" | "serverhost" | "hostname" | "username" | "user" | "protocol" | "type" | "handler"
        | "class" | "servername" | "serverusername" | "serversmtpport" | "serverport" | "servertype"
        | "serverprotocol" | "serverfrom" | "serverid" => return class_remark(name, value),
        "catchemail" if !is_address(value.trim()) => "is not carried over: it is no mail address",
        "catchemail" => return None,
        "ccassignee" if is_on => "is a rule, which assigns to the first of Cc whom Jira knows by that address",
        "ccwatcher" if is_on => "is `cc`: people in Cc whom Jira knows by their addresses watch the issue",
        "createusers" if is_on => "is not carried over: mail2jira makes no users; strangers are named in the text",
        "notifyusers" if is_on => "is not carried over: there are no new users to be notified",
        "ccassignee" | "ccwatcher" | "createusers" | "notifyusers" => return None,
        "stripquotes" if is_on => "becomes a section below the text that opens on a click: nothing is thrown away",
        "stripquotes" => "is off: quoted text still goes into a section below the text, which opens on a click",
        "bulk" => return bulk_remark(value),
        "forwardemail" => "is not carried over: mail that fails is quarantined, and `[notify]` tells people",
        "splitregex" => "is not carried over: quoted text is recognised by itself",
        "password" | "serverpassword" => {
            return Some(format!("{name} is not carried over: put the password into a credential"));
        }
        "directory" => "is not carried over: mail2jira reads mailboxes, and no files",
        "delay" | "cronexpression" => "is not carried over: `poll` says how often a server is asked that does not push",
        "serversocksport" | "serversockshost" => "is not carried over: there is no proxy",
        "servertlsrequired"
        | "serveristlsrequired"
        | "serverprefix"
        | "servertimeout"
        | "serverdescription"
        | "serverauthtype" => return None,
        _ => "is not known, and not carried over",
    };
    Some(format!("{name}={} {words}", shown(name, value)))
}

fn class_remark(name: &str, value: &str) -> Option<String> {
    let value = value.to_lowercase();
    let is_class = name == "handler" || name == "class";
    (is_class && value.contains("regexcomment"))
        .then(|| "the handler cuts text at a regular expression: mail2jira recognises quoted text by itself".to_owned())
}

fn bulk_remark(value: &str) -> Option<String> {
    match Bulk::of(value) {
        Bulk::Forward => {
            Some("bulk=forward is a rule that quarantines such mail: mail2jira forwards nothing".to_owned())
        }
        Bulk::Delete => Some("bulk=delete leaves such mail alone: mail2jira deletes only what is in Jira".to_owned()),
        Bulk::Accept => {
            Some("bulk=accept takes mail of machines and lists, but for bounces, receipts and loops".to_owned())
        }
        Bulk::Ignore => None,
        Bulk::Unknown => Some(format!("bulk={} is not known: such mail is left alone", shown("bulk", value))),
    }
}

/// A value as it may be shown: one that is not known may be a secret.
fn shown(name: &str, value: &str) -> String {
    if ["password", "secret", "token", "key"].iter().any(|word| name.contains(word)) {
        return "…".to_owned();
    }
    value.trim().chars().filter(|c| !c.is_control()).take(60).collect()
}
