//! Jira's own mail handlers, read from an export or a description of them ([`read`](mod@read)), and the config that does the same
//! ([`write`](mod@write)). Pure. What cannot be carried over is said, parameter by parameter; nothing is passed over in silence.

use std::collections::BTreeMap;

mod read;
mod remarks;
mod tables;
mod write;

pub use read::{ImportError, read};
pub use write::{Written, write};

/// One of Jira's mail handlers, as it was set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handler {
    /// What it is called; empty where nobody says.
    pub name: String,
    /// Its parameters, those of its service and those of its mail server, under plain names ([`plain_name`]).
    pub settings: BTreeMap<String, String>,
    /// Names of issue types by their ids, as far as the export tells them.
    pub issue_types: BTreeMap<String, String>,
}

impl Handler {
    /// A parameter that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn set(&mut self, name: &str, value: &str) {
        let (name, value) = (own_name(plain_name(name)), value.trim());
        if name == "params" || name == "handlerparams" {
            pairs(value).for_each(|(name, value)| self.set(name, value));
        } else if !name.is_empty() {
            self.settings.insert(name, value.to_owned());
        }
    }
}

/// What a parameter is called in exports, where Jira's pages call it otherwise.
fn own_name(name: String) -> String {
    let own = match name.as_str() {
        "catchemailaddress" => "catchemail",
        "ccwatchers" => "ccwatcher",
        "defaultreporter" => "reporterusername",
        "forwardemailaddress" => "forwardemail",
        "projectkey" => "project",
        "splitregularexpression" => "splitregex",
        _as_in_exports => return name,
    };
    own.to_owned()
}

/// A parameter's name without what exports and people write differently: `handler.params`, `Forward e-mail`, `STRIP_QUOTES`.
fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// `project=SUP, issuetype=1`: as Jira keeps a handler's parameters. What has no value is there all the same, and is told.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}
