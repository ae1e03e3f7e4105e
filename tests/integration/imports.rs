//! Jira's own mail handlers become a config file that passes `check-config`, and what is lost is said.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const BACKUP: &str = include_str!("imports/entities.xml");

fn import(text: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mail2jira"))
        .args(["import", "jira-handlers", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The config and the notes; the config has passed `check-config`.
fn imported(text: &str) -> (String, String) {
    let output = import(text);
    assert!(output.status.success(), "{output:?}");
    let (config, notes) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, &config).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_mail2jira")).arg("--config").arg(&path).arg("check-config").output();
    let check = check.unwrap();
    assert!(check.status.success(), "{config}\n{check:?}");
    (config, notes)
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_line_of_parameters_becomes_a_mailbox() {
    let line = "project=SUP, issuetype=1, bulk=forward, catchemail=help@example.com, stripquotes=true, reporterusername=bot, \
                ccassignee=true, ccwatcher=true, createusers=true, notifyusers=false, port=993, forwardEmail=admin@example.com";
    let (config, notes) = imported(line);
    has(
        &config,
        &[
            "[mailbox.sup]",
            "project = \"SUP\"",
            "issue_type = \"Bug\"",
            "default_reporter = \"bot\"",
            "cc = \"watchers\"",
        ],
    );
    has(&config, &["address = \"help@example.com\"", "port = 993", "when.recipient = [\"help@example.com\"]"]);
    has(&config, &["assignee = \"first-cc\"", "action = \"quarantine\"", "action = \"ignore\""]);
    for said in [
        "issuetype=1 is Bug",
        "createusers=true is not carried over",
        "forwardemail=admin@example.com is not carried over",
    ] {
        assert!(notes.contains(said) && config.contains(said), "{said}: {notes}");
    }
    assert!(!notes.contains("notifyusers"), "what is off asks for nothing: {notes}");
    assert!(notes.contains("write `host`") && notes.contains("write `url`"), "{notes}");
}

#[test]
fn handlers_of_one_account_become_one_mailbox_with_rules() {
    let (config, notes) = imported(BACKUP);
    assert_eq!(config.matches("[mailbox.").count(), 4, "two, each with its password:\n{config}");
    has(&config, &["[mailbox.desk-mail]", "host = \"imap.example.com\"", "issue_type = \"Service & request\""]);
    has(&config, &["when.recipient = [\"bills@example.com\"]", "project = \"FIN\"", "protocol = \"pop3\""]);
    has(&config, &["action = \"comment\"", "folders = [\"Support/New\"]", "tls = \"starttls\""]);
    assert!(!config.contains("s3cret") && !notes.contains("s3cret"), "a password goes nowhere");
    assert!(notes.contains("password is not carried over"), "{notes}");
    assert!(notes.contains("flavour=vanilla is not known"), "{notes}");
}

#[test]
fn a_description_in_the_words_of_jiras_own_page_is_understood() {
    let page = "Handler: Create a new issue or add a comment to an existing issue\nServer: imap.example.com\nProject: SUP\n\
                Issue Type: Bug\nCatch Email Address: help@example.com\nBulk: Forward the email\nDefault Reporter: bot\n\
                CC Watchers: yes\nDelay: 1\nColour: red\nFlag\n";
    let (config, notes) = imported(page);
    has(&config, &["project = \"SUP\"", "default_reporter = \"bot\"", "cc = \"watchers\"", "action = \"quarantine\""]);
    has(&config, &["when.recipient = [\"help@example.com\"]"]);
    assert!(!config.contains("action = \"comment\""), "{config}");
    for said in ["delay=1 is not carried over", "colour=red is not known", "flag= is not known"] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn what_a_mailbox_has_once_is_told_of_every_handler_that_has_another() {
    let two = r#"[{"name": "A", "project": "SUP", "host": "h.example.com", "username": "u", "reporterusername": "bot", "bulk": "forward"},
                  {"name": "B", "project": "OPS", "host": "h.example.com", "username": "u", "catchemail": "ops@example.com",
                   "reporterusername": "ops", "tags": ["x"]}]"#;
    let (_, notes) = imported(two);
    for said in ["B: reporterusername: a mailbox has one", "B: bulk: a mailbox has one", "B: tags=[…] is not known"] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
}

#[test]
fn what_describes_no_handler_fails_with_a_reason() {
    for (text, reason) in [("", "nothing in it"), ("<a><b></a>", "sound XML"), ("{", "sound JSON")] {
        let output = import(text);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(reason), "{reason}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn values_that_could_end_a_line_of_the_config_do_not() {
    let hostile = r#"{"handlers": [{"name": "x\"]\n[jira]", "project": "A B\"\n", "issueType": "T\"\n[x]", "catchemail": "a@b\nc",
                     "username": "u\"\nx", "host": "h\"\n"}]}"#;
    let (config, _) = imported(hostile);
    assert_eq!(config.matches("\n[jira]\n").count(), 1, "{config}");
}
