//! `preview --against`: what a change of rules would alter, over a folder of mail.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "[[rule]]\nname = \"urgent\"\nwhen.subject = \"(?i)urgent\"\npriority = \"High\"\n\n\
                     [[rule]]\nname = \"shop\"\nwhen.from = [\"shop.example\"]\naction = \"ignore\"\n";

fn mail(from: &str, subject: &str) -> String {
    format!("From: {from}\r\nTo: s@example.com\r\nSubject: {subject}\r\nMessage-ID: <{from}>\r\n\r\nhello\r\n")
}

/// A folder with mail, one of it in a folder below, and a file that is no mail.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("below")).unwrap();
    write("a.eml", &mail("ann@example.com", "hello"));
    write("b.EML", &mail("bob@example.com", "URGENT: hello"));
    write("below/c.eml", &mail("news@shop.example", "offers"));
    write("notes.txt", "no mail");
    write("rules.toml", RULES);
    dir
}

fn preview(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail2jira"));
    command.current_dir(dir).env_remove("MAIL2JIRA_CONFIG").arg("preview").args(args).output().unwrap()
}

#[test]
fn each_message_that_changes_is_shown_with_what_changes_and_all_are_counted() {
    let dir = folder();
    let output = preview(dir.path(), &["--against", "rules.toml", "--json", "."]);
    assert!(output.status.success(), "{output:?}");
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((compared["messages"].as_u64(), compared["changed"].as_u64()), (Some(3), Some(2)), "{compared}");
    assert_eq!(compared["actions"]["before"]["create"], 3);
    assert_eq!(
        (&compared["actions"]["after"]["create"], &compared["actions"]["after"]["ignore"]),
        (&2.into(), &1.into())
    );
    let urgent = &compared["changes"][0];
    assert_eq!((urgent["file"].as_str(), &urgent["rule"]["after"]), (Some("./b.EML"), &"urgent".into()), "{compared}");
    let change = serde_json::json!([{"what": "fields.priority", "before": null, "after": {"name": "High"}}]);
    assert_eq!(urgent["changes"], change);
    let text = String::from_utf8(preview(dir.path(), &["--against", "rules.toml", "."]).stdout).unwrap();
    assert!(text.contains("./below/c.eml: offers\n  rule: — → shop\n  action: create → ignore\n"), "{text}");
    assert!(text.contains("2 of 3 messages would change, 1 stay as they are\n      create  3 → 2\n"), "{text}");
}

#[test]
fn the_same_rules_alter_nothing_wherever_they_stand() {
    let dir = folder();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let example = example.to_str().unwrap();
    let output = preview(dir.path(), &["--config", example, "--against", example, "--json", "a.eml", "below"]);
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((compared["messages"].as_u64(), compared["changed"].as_u64()), (Some(2), Some(0)), "{compared}");
}

#[test]
fn wrong_rules_an_empty_folder_and_a_missing_file_are_told_apart() {
    let dir = folder();
    std::fs::write(dir.path().join("wrong.toml"), "[[rule]]\nnam = \"x\"\n").unwrap();
    let output = preview(dir.path(), &["--against", "wrong.toml", "."]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("wrong.toml:2"));
    let output = preview(dir.path(), &["--against", "gone.toml", "."]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot read the rules in gone.toml") && said.contains("--against"), "{said}");
    assert!(!said.contains("--config"), "{said}");
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(preview(dir.path(), &["empty"]).status.code(), Some(1));
    let output = preview(dir.path(), &["--against", "rules.toml", "--json", "a.eml", "gone.eml"]);
    assert_eq!(output.status.code(), Some(1));
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((compared["messages"].as_u64(), compared["unreadable"].as_array().map(Vec::len)), (Some(1), Some(1)));
}

#[test]
fn who_sees_a_comment_and_what_an_issue_is_tied_to_are_changes_too() {
    let dir = folder();
    let rules = "[[rule]]\nname = \"x\"\nvisibility = \"internal\"\nassignee = \"first-cc\"\nlinks = [\"OPS-1\"]\n";
    std::fs::write(dir.path().join("x.toml"), rules).unwrap();
    let reply =
        format!("In-Reply-To: <JIRA.10001.1700000000000@Atlassian.JIRA>\r\n{}", mail("ann@example.com", "Re: x"));
    std::fs::write(dir.path().join("reply.eml"), reply).unwrap();
    let output = preview(dir.path(), &["--against", "x.toml", "--json", "reply.eml", "a.eml"]);
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    let changes = |message: usize| compared["changes"][message]["changes"].clone();
    assert_eq!(changes(0), serde_json::json!([{"what": "visibility", "before": null, "after": "internal"}]));
    let names: Vec<Value> = changes(1).as_array().unwrap().iter().map(|change| change["what"].clone()).collect();
    assert_eq!(names, ["assignee", "links"], "{compared}");
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_being_shown() {
    let dir = folder();
    let output = preview(dir.path(), &["--json", "a.eml", "gone.eml", "b.EML"]);
    let (shown, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), shown.lines().count()), (Some(1), 2), "{shown}");
    assert!(said.contains("cannot read gone.eml"), "{said}");
}
