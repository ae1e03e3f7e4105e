//! What Dovecot is told: its configuration as text. Writes nothing.

use std::fmt::Write as _;
use std::path::Path;

use super::owner::Accounts;
use super::{DovecotOptions, Load, Ports};

/// Dovecot 2.3's language; 2.4 changed it incompatibly.
const MAIN: &str = include_str!("dovecot.conf");

/// The main configuration file of an instance that lives in `dir`.
pub(super) fn main(dir: &Path, ports: Ports, accounts: &Accounts, options: &DovecotOptions) -> String {
    let oauth2 = match options.introspection_url {
        Some(_) => ("xoauth2 oauthbearer plain login", oauth2_passdb(dir)),
        None => ("plain login", String::new()),
    };
    let (client_limit, service_count) = match options.load {
        Load::Functional => ("1", "256"),
        Load::Many => ("200", "0"),
    };
    // Dovecot looks at the files so often, whatever Linux tells it, and says so often that it is still there.
    let (idle_check, idle_notify) = match options.load {
        Load::Functional => ("1s", "2 mins"),
        Load::Many => ("30s", "29 mins"),
    };
    let values = [
        ("dir", dir.display().to_string()),
        ("internal_user", accounts.internal_user.clone()),
        ("internal_group", accounts.internal_group.clone()),
        ("login_user", accounts.login_user.clone()),
        ("mail_user", accounts.mail_user.clone()),
        ("mail_group", accounts.mail_group.clone()),
        ("mechanisms", oauth2.0.to_owned()),
        ("oauth2_passdb", oauth2.1),
        ("folders", folders(&options.folders)),
        ("imap_port", ports.imap.to_string()),
        ("imaps_port", ports.imaps.to_string()),
        ("pop3_port", ports.pop3.to_string()),
        ("pop3s_port", ports.pop3s.to_string()),
        ("idle_check", idle_check.to_owned()),
        ("idle_notify", idle_notify.to_owned()),
        ("imap_client_limit", client_limit.to_owned()),
        ("imap_service_count", service_count.to_owned()),
    ];
    values.iter().fold(MAIN.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

fn oauth2_passdb(dir: &Path) -> String {
    let dir = dir.display();
    format!("passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {dir}/oauth2.conf\n}}")
}

fn folders(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        let _ = writeln!(text, "  mailbox \"{name}\" {{\n    auto = create\n  }}"); // writing to a String cannot fail
    }
    text
}

/// How Dovecot asks the provider about a token: RFC 7662, by POST.
pub(super) fn oauth2(introspection_url: &str, options: &DovecotOptions) -> String {
    let DovecotOptions { scope, username_attribute, .. } = options;
    format!(
        "introspection_mode = post\n\
         introspection_url = {introspection_url}\n\
         username_attribute = {username_attribute}\n\
         active_attribute = active\n\
         active_value = true\n\
         scope = {scope}\n\
         timeout_msecs = 60000\n\
         max_idle_time_msecs = 30000\n\
         max_parallel_connections = 32\n\
         max_pipelined_requests = 1\n"
    )
}

/// The password file: one user a line, its fields after the password left empty.
pub(super) fn passwd_file<'a>(users: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    users.into_iter().fold(String::new(), |text, (user, password)| text + user + ":{PLAIN}" + password + "::::::\n")
}
