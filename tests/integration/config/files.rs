//! Files that are broken, and what is shown of them: never a secret.

use std::fs;

use mail2jira::config::{Config, MustExist};

use super::{SMALLEST, faults, only_fault, parse, places};

/// What people write where a reference belongs, as a change to [`SMALLEST`].
const SECRETS_IN_CLEAR: &[(&str, &str)] = &[
    ("token = { env = \"JIRA_TOKEN\" }", "token = \"hunter2\""),
    ("token = { env = \"JIRA_TOKEN\" }", "token = \"hunter2"),
    ("token = { env = \"JIRA_TOKEN\" }", "token = '''hunter2\nhunter2'''\nnext = "),
    ("token = { env = \"JIRA_TOKEN\" }", "token = hunter2"),
    ("token = { env = \"JIRA_TOKEN\" }", "token = { value = \"hunter2\" }"),
    ("token = { env = \"JIRA_TOKEN\" }", "token = { env = \"hunter2=\" }"),
    ("token = { env = \"JIRA_TOKEN\" }", "tokn = \"hunter2\""),
    ("token = { env = \"JIRA_TOKEN\" }", "token = [\"hunter2\"]"),
    (
        "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { env = \"JIRA_TOKEN\" }",
        "auth.api_token = \"hunter2\"",
    ),
    (
        "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { env = \"JIRA_TOKEN\" }",
        "auth = { api_token = { token = \"hunter2\" }",
    ),
    (
        "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { env = \"JIRA_TOKEN\" }",
        "[jira.auth.basic]\nusername = \"x\"\npassword = \"hunter2\"",
    ),
    ("provider = \"corp\"", "password = \"hunter2\""),
    ("provider = \"corp\"", "password.secret = \"hunter2\""),
    ("provider = \"corp\"", "password = { username = \"x\", secret = 'hunter2' }"),
    ("state = \"sqlite:///var/lib/mail2jira/state.db\"", "state = \"postgres://user:hunter2@db/x\""),
    ("https://example.atlassian.net", "https://user:hunter2@example.atlassian.net"),
    ("https://example.atlassian.net", "http://user:hunter2@example.atlassian.net:x"),
    ("client_id = \"mail2jira\"", "client_id = \"mail2jira\"\nclient_secret = \"hunter2\""),
    ("client_id = \"mail2jira\"", "client_id = \"mail2jira\"\nclientsecret = \"\"\"\nhunter2\"\"\""),
];

#[test]
fn errors_of_syntax_hide_neither_one_another_nor_what_is_wrong_elsewhere() {
    let text = SMALLEST
        .replace("project = \"SUP\"", "project = SUP")
        .replace("kind = \"custom\"", "kind = \"custom")
        .replace("host =", "hots =");
    let problems = faults(&text);
    let lines: Vec<_> = places(&problems).into_iter().map(|(_, line)| line).collect();
    let line_of = |key: &str| text.lines().position(|line| line.starts_with(key)).map_or(0, |index| index + 1);
    assert_eq!(lines, [line_of("kind"), line_of("hots"), line_of("project")], "{problems:#?}");
}

#[test]
fn broken_files_of_all_kinds_are_answered_in_words() {
    for text in [
        "",
        "=",
        "[",
        "[[",
        "a",
        "a.b.c = {",
        "\u{feff}state = 1",
        "state = \"\"\"\n",
        "[mailbox]\nsupport = 3",
        "jira = []",
        "[[mailbox]]\n",
        "mailbox.support.folders = [[], {}]",
    ] {
        let problems = faults(text);
        assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.message.is_empty()), "{text:?}");
    }
    let many = (0..500).map(|number| format!("unknown{number} = 1\n")).collect::<String>();
    assert!(faults(&many).len() >= 100);
}

#[test]
fn no_secret_in_clear_is_ever_shown() {
    for (from, to) in SECRETS_IN_CLEAR {
        assert!(SMALLEST.contains(*from), "{from}");
        let errors = parse(&SMALLEST.replacen(*from, to, 1)).expect_err(to);
        assert!(!format!("{errors} {errors:?}").contains("hunter2"), "{to}: {errors:#?}");
    }
    let plain = only_fault("token = { env = \"JIRA_TOKEN\" }", "token = \"hunter2\"");
    assert!(plain.message.contains("stands in clear") && plain.fix.contains("credential"), "{plain:?}");
    assert_eq!(plain.place.map(|place| place.text).as_deref(), Some("token = \"*******\""));
}

/// A file broken off at any byte, or without any one of its characters, is answered in words, and its secrets stay hidden.
#[test]
fn a_torn_file_shows_no_secret_either() {
    for (from, to) in SECRETS_IN_CLEAR {
        let text = SMALLEST.replacen(*from, to, 1);
        let near =
            text.find(to).map(|at| at.saturating_sub(30)..(at + to.len() + 30).min(text.len())).expect("it is there");
        let cut = near.clone().map(|end| text.get(..end).unwrap_or_default().to_owned());
        let holed = near.map(|hole| {
            format!("{}{}", text.get(..hole).unwrap_or_default(), text.get(hole + 1..).unwrap_or_default())
        });
        for torn in cut.chain(holed).filter(|torn| torn.contains("hunter2")) {
            if let Err(errors) = parse(&torn) {
                assert!(!format!("{errors} {errors:?}").contains("hunter2"), "{torn}\n{errors:#?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_at_the_byte() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.toml");
    fs::write(&path, b"state = 1\nx = \"caf\xe9\"\n").expect("a written file");
    let errors = Config::load(&path, MustExist::MayBeElsewhere).expect_err("not UTF-8");
    let place = errors.problems[0].place.as_ref().expect("a place");
    assert_eq!((place.line, place.column), (2, 9));
}
