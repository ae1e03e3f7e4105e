//! The commands as a person or a script meets them: exit codes, stdout and stderr of the real binary.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn mail2jira(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    command.args(arguments).env_remove("MAIL2JIRA_CONFIG").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 on stdout")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8 on stderr")
}

fn config_file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.toml");
    fs::write(&path, text).expect("a written file");
    (directory, path)
}

fn check(path: &Path, more: &[&str]) -> Output {
    let path = path.to_string_lossy();
    mail2jira(&[&["check-config", "--config", &path], more].concat())
}

#[test]
fn a_sound_config_file_is_said_to_be_sound() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let output = check(&example, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("is sound") && output.stderr.is_empty(), "{}", stderr(&output));
    assert_eq!(stdout(&check(&example, &["--json"])).trim(), "[]");
}

#[test]
fn a_wrong_config_file_is_shown_with_line_caret_and_fix() {
    let (_directory, path) = config_file("state = \"sqlite:///x.db\"\n\n[limts]\ndeliveries = 16\n");
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(78));
    let shown = stderr(&output);
    assert!(output.stdout.is_empty());
    assert!(shown.contains("error: there is no key `limts`"), "{shown}");
    assert!(shown.contains("config.toml:3:2"), "{shown}");
    assert!(shown.contains("3 | [limts]\n  |  ^^^^^"), "{shown}");
    assert!(shown.contains("did you mean `limits`?"), "{shown}");
    assert!(shown.contains("`jira` is missing"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe: {shown:?}");
}

#[test]
fn problems_come_as_json_for_machines() {
    let (_directory, path) = config_file("state = \"sqlite:///x.db\"\nstat = 1\n");
    let output = check(&path, &["--json"]);
    assert_eq!(output.status.code(), Some(78));
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let unknown = problems.iter().find(|problem| problem["path"] == "stat").expect("the unknown key");
    assert_eq!(unknown["severity"], "error");
    assert_eq!((&unknown["line"], &unknown["column"]), (&2.into(), &1.into()));
    assert!(unknown["message"].is_string() && unknown["fix"].as_str().is_some_and(|fix| fix.contains("state")));
}

#[test]
fn a_config_file_that_is_not_there_is_a_wrong_one() {
    let output = check(Path::new("/nonexistent/config.toml"), &[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("/nonexistent/config.toml"), "{}", stderr(&output));
    let output = check(Path::new("/nonexistent/config.toml"), &["--json"]);
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(problems[0]["line"], Value::Null);
}

#[test]
fn the_config_file_may_be_named_by_the_environment() {
    let (_directory, path) = config_file("nonsense = 1\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    let output = command.arg("check-config").env("MAIL2JIRA_CONFIG", &path).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`nonsense`"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_exits_2_and_help_exits_0() {
    assert_eq!(mail2jira(&[]).status.code(), Some(2));
    assert_eq!(mail2jira(&["chek-config"]).status.code(), Some(2));
    assert_eq!(mail2jira(&["preview"]).status.code(), Some(2));
    assert_eq!(mail2jira(&["check-config", "--log-level", "loud"]).status.code(), Some(2));
    assert_eq!(mail2jira(&["--version"]).status.code(), Some(0));
}

#[test]
fn every_command_shows_an_example() {
    let commands = [
        "run",
        "authorize",
        "revoke",
        "test-connection",
        "check-config",
        "preview",
        "status",
        "messages list",
        "messages show",
        "messages retry",
        "messages discard",
        "init",
        "vault rekey",
        "completions",
        "man",
    ];
    for command in commands {
        let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let output = mail2jira(&words);
        let help = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(help.contains(&format!("mail2jira {command}")) && help.contains("Example"), "{command}: {help}");
        assert!(help.contains("--config"), "{command}: {help}");
    }
}

/// Answers the questions of `init`, a line each.
fn init(file: &Path, answers: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    command.args(["init", "--config"]).arg(file);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(format!("{}\n", answers.join("\n")).as_bytes()); // it may have ended already
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn whatever_is_answered_init_writes_a_config_file_that_passes() {
    let google =
        ["https://acme.atlassian.net", "", "bot@acme.com", "help.desk@acme.com", "", "1.apps", "", "SUP", "", ""];
    let microsoft =
        ["https://jira.acme.com/jira", "", "ann@acme.com", "microsoft", "", "id-1", "imap", "OPS", "Bug", "ops"];
    let custom = [
        "https://acme.atlassian.net",
        "oauth2",
        "app",
        "ann@acme.com",
        "custom",
        "https://id.acme.com",
        "m2j",
        "",
        "imap.acme.com",
        "",
        "OPS",
        "a \"type\" \\",
        "ops",
    ];
    let password = [
        "https://jira.acme.com",
        "basic",
        "bot",
        "ann@acme.com",
        "password",
        "mail.acme.com",
        "",
        "pop3",
        "A1",
        "",
        "jira",
        "x",
    ];
    let directory = tempfile::tempdir().unwrap();
    for (number, answers) in [&google[..], &microsoft, &custom, &password].into_iter().enumerate() {
        let file = directory.path().join(format!("{number}.toml"));
        let output = init(&file, answers);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stderr(&output).contains("test-connection"), "{}", stderr(&output));
        let checked = check(&file, &[]);
        assert_eq!(checked.status.code(), Some(0), "{}\n{}", stderr(&checked), fs::read_to_string(&file).unwrap());
    }
    assert!(fs::read_to_string(directory.path().join("0.toml")).unwrap().contains("[mailbox.help-desk]"));
}

#[test]
fn init_asks_again_for_what_cannot_be_right_and_writes_nothing_when_the_answers_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let output = init(&file, &["acme", "https://acme.atlassian.net", "nonsense"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("begins with https://") && said.contains("one of the words"), "{said}");
    assert!(said.contains("nothing was written") && !file.exists(), "{said}");
}

#[test]
fn init_leaves_a_file_alone_that_is_there() {
    let (_directory, path) = config_file("mine");
    let output = init(&path, &["https://acme.atlassian.net"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is there already"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn completions_and_the_manual_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&mail2jira(&["completions", shell]));
        assert!(script.contains("check-config") && script.contains("test-connection"), "{shell}");
    }
    let manual = stdout(&mail2jira(&["man"]));
    assert!(manual.starts_with(".ie") && manual.contains("MAIL2JIRA MESSAGES DISCARD"), "{manual:.300}");
    assert!(manual.contains("EXIT STATUS") && manual.contains("\\fB78\\fR"), "{manual:.300}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    let mut child =
        command.args(["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_schema_is_a_json_schema_that_the_example_keeps_to() {
    let schema: Value = serde_json::from_slice(&mail2jira(&["check-config", "--schema"]).stdout).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let example: toml::Table = fs::read_to_string(example).expect("the example").parse().expect("TOML");
    let example = serde_json::to_value(example).expect("JSON");
    assert!(
        validator.is_valid(&example),
        "{:?}",
        validator.iter_errors(&example).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    let wrong = serde_json::json!({"jira": {"urll": "https://example.atlassian.net"}});
    assert!(!validator.is_valid(&wrong));
}
