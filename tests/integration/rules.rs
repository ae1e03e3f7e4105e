//! What rules make of mail, from the config file to the fields that Jira would get; and which rules are refused.

use std::path::Path;

use mail2jira::config::{Config, ConfigErrors, MustExist, Problem, Strangers};
use mail2jira::decide::claim::{Claimed, Standing, Tie};
use mail2jira::decide::{Action, ActionKind, Facts, Grounds, decide};
use mail2jira::jira::IssueRef;
use mail2jira::mail::parse as parse_mail;
use mail2jira::preview::{Preview, preview};
use serde_json::{Value, json};

const BASE: &str = r#"
state = "sqlite:///tmp/rules.db"
[jira]
url = "https://example.atlassian.net"
[jira.auth.api_token]
email = "bot@example.com"
token = { env = "TOKEN" }
[mailbox.support]
address = "support@example.org"
host = "127.0.0.1"
project = "SUP"
issue_type = "Task"
[mailbox.support.password]
username = "support"
secret = { env = "SECRET" }
"#;

fn parse(rules: &str) -> Result<(Config, Vec<Problem>), ConfigErrors> {
    Config::parse(Path::new("rules.toml"), &format!("{BASE}{rules}"), MustExist::MayBeElsewhere)
}

fn shown(rules: &str, message: &str) -> Preview {
    let (config, _) = parse(rules).unwrap_or_else(|errors| panic!("{errors:?}"));
    let settings = config.mailboxes.values().next().unwrap();
    preview(message.replace('\n', "\r\n").as_bytes(), settings, &config.rules)
}

fn refused(rules: &str) -> Vec<String> {
    let problems = match parse(rules) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors.problems,
    };
    problems.into_iter().map(|problem| problem.message).collect()
}

const ALERT: &str = "From: Disk <disk@alerts.example.com>\nTo: support@example.org\nSubject: [prod] Disk full on db1\nX-Severity: 1\n\
    Date: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <a@x>\n\n/var is at 99 %\n";

#[test]
fn a_rule_fills_an_issue_from_the_message_and_the_groups_of_its_expressions() {
    let shown = shown(
        r#"
[[rule]]
name = "alerts"
when.mailbox = ["support"]
when.from = ["*@alerts.example.com"]
when.subject = '(?i)^\[(?P<env>prod|dev)\]\s*(?P<what>.*)'
when.header.X-Severity = "^(?P<severity>[12])$"
action = "create"
project = "OPS"
issue_type = "Incident"
summary = "{{ env | upper }}: {{ what }}"
labels = ["from mail", "sev-{{ severity }}"]
priority = "High"
components = ["Mail"]
due = "3d"
parent = "OPS-1"
fields.customfield_10010 = "{{ from.address }} {{ header.x_severity }}"
fields.customfield_10011 = { value = "{{ env }}" }
fields.customfield_10012 = 5
"#,
        ALERT,
    );
    assert_eq!(shown.rule.as_deref(), Some("alerts"));
    let plan = serde_json::to_value(&shown.plan).unwrap();
    assert_eq!(
        (&plan["project"], &plan["issue_type"], &plan["action"]),
        (&json!("OPS"), &json!("Incident"), &json!("create"))
    );
    let field = |name: &str| plan["fields"][name].clone();
    assert_eq!(field("summary"), json!("PROD: Disk full on db1"));
    assert_eq!(field("labels"), json!(["from-mail", "sev-1"]));
    assert_eq!(field("priority"), json!({"name": "High"}));
    assert_eq!(field("components"), json!([{"name": "Mail"}]));
    assert_eq!(field("duedate"), json!("2026-11-24"));
    assert_eq!(field("parent"), json!({"key": "OPS-1"}));
    assert_eq!(field("customfield_10010"), json!("disk@alerts.example.com 1"));
    assert_eq!(field("customfield_10011"), json!({"value": "prod"}));
    assert_eq!(field("customfield_10012"), json!(5));
    assert_eq!(field("project"), json!({"key": "OPS"}));
}

#[test]
fn the_first_rule_that_holds_decides_and_every_condition_of_it_must_hold() {
    let rules = r#"
[[rule]]
name = "large"
when.size_over = "1MiB"
action = "ignore"
[[rule]]
name = "with files"
when.has_attachments = true
action = "ignore"
[[rule]]
name = "both"
when.from = "alerts.example.com"
when.body = "(?m)^nothing like it$"
action = "ignore"
[[rule]]
name = "to us"
when.recipient = ["other@example.org", "support@example.org"]
action = "quarantine"
[[rule]]
name = "rest"
action = "ignore"
"#;
    let shown = shown(rules, ALERT);
    assert_eq!((shown.rule.as_deref(), shown.plan.action), (Some("to us"), ActionKind::Quarantine));
}

#[test]
fn what_the_mailbox_ignores_is_made_an_issue_only_by_a_rule_that_names_its_kind() {
    let away = "From: ann@example.com\nTo: support@example.org\nSubject: Out of office\nAuto-Submitted: auto-replied\nMessage-ID: <b@x>\n\nI am away.\n";
    let broad = "[[rule]]\nname = \"broad\"\nwhen.from = \"*@example.com\"\naction = \"create\"\n";
    assert_eq!(shown(broad, away).plan.action, ActionKind::Ignore);
    let named = format!("{broad}when.classification = [\"auto_reply\", \"bounce\"]\n");
    assert_eq!(shown(&named, away).plan.action, ActionKind::Create);
}

#[test]
fn a_group_that_took_no_part_leaves_its_place_empty_and_loses_no_mail() {
    let rules = "[[rule]]\nname = \"r\"\nwhen.subject = '^(?P<a>x)?'\nsummary = \"{{ a }}{{ subject }}\"\nfields.customfield_1 = \"{{ a }}\"\n";
    let shown = shown(rules, ALERT);
    assert_eq!(shown.plan.fields.get("summary"), Some(&Value::from("[prod] Disk full on db1")));
    assert_eq!(shown.plan.fields.get("customfield_1"), None, "an empty field is left alone");
}

#[test]
fn a_comment_only_rule_takes_strangers_as_the_mailbox_says_and_what_a_person_released_as_it_comes() {
    let (config, _) = parse("[[rule]]\nname = \"c\"\naction = \"comment\"\n").unwrap();
    let issue = IssueRef { id: "7".to_owned(), key: "SUP-7".to_owned() };
    let tie = Tie::SubjectKey(Standing::Unproven);
    let mail = parse_mail(b"From: ann@example.com\r\nSubject: [SUP-7]\r\n\r\ntext");
    let mut settings = config.mailboxes.values().next().unwrap().clone();
    let mut decided = |strangers, released| {
        settings.replies.strangers = strangers;
        let claimed = Some(Claimed { issue: issue.clone(), tie });
        let facts = Facts { claimed, released, ..Facts::default() };
        decide(&mail, &Grounds { facts: &facts, settings: &settings, rules: &config.rules, size: 100 })
    };
    let held = decided(Strangers::NewIssue, false);
    assert_eq!(held.action, Action::Quarantine);
    assert!(held.because.ends_with("its subject names SUP-7, and its sender is not known to be on that"), "{held:?}");
    assert!(matches!(decided(Strangers::NewIssue, true).action, Action::Create { .. }));
    assert!(matches!(decided(Strangers::Comment, false).action, Action::Comment { .. }));
    assert_eq!(decided(Strangers::Ignore, false).action, Action::Ignore);
}

#[test]
fn a_comment_only_rule_asks_a_person_where_no_issue_is_known() {
    let rules = "[[rule]]\nname = \"c\"\naction = \"comment\"\nvisibility = \"role:Agents\"\n";
    assert_eq!(shown(rules, ALERT).plan.action, ActionKind::Quarantine);
    let reply = format!("In-Reply-To: <JIRA.10001.1700000000000@Atlassian.JIRA>\n{ALERT}");
    assert_eq!(shown(rules, &reply).plan.action, ActionKind::Comment);
}

#[test]
fn faults_of_rules_are_found_before_any_mail_comes() {
    let with = |line: &str| refused(&format!("[[rule]]\nname = \"r\"\n{line}\n"));
    for (line, words) in [
        ("when.subject = '('", "no regular expression"),
        ("when.subject = '(?=x)'", "no regular expression"),
        ("summary = \"{{ sbject }}\"", "nothing is called `sbject`"),
        ("summary = \"{{ subject\"", "no template"),
        ("summary = \"{{ subject | uper }}\"", "uper"),
        ("when.from = []", "an empty list never holds"),
        ("when.classification = []", "an empty list never holds"),
        ("when.classification = [\"newsletter\"]", "`newsletter` is no kind of message"),
        ("due = \"soon\"", "`soon` is no day"),
        ("when.from = [\"Ann <ann@example.com>\"]", "never matches"),
        ("when.mailbox = [\"sales\"]", "no mailbox `sales`"),
        ("visibility = \"everyone\"", "no visibility"),
        ("fields.summary = \"x\"", "not set as a field"),
        ("priority = \"High\"\nfields.priority = \"Low\"", "`priority` is given twice"),
        ("fields.customfield_1 = nan", "no such number"),
        ("issue_type = \"{{ subject }}\"", "takes no template"),
        ("visibility = \"role:{{ subject }}\"", "takes no template"),
        ("summary = \"{{ from.adress }}\"", "nothing is called `from.adress`"),
        ("when.from = \"@example.com\"", "never matches a mail address"),
        ("when.from = [\"a@b.test\", 5]", "every entry of `rule[0].when.from` must be text in quotes"),
        ("when.from = 5", "must be text in quotes or a list in [ ], not a number"),
        ("links = [{ type = \"Blocks\" }]", "every entry of `rule[0].links` must be text in quotes or a table"),
        ("action = \"comment\"\nsummary = \"x\"", "`summary` is for new issues, and this rule makes comments only"),
    ] {
        let found = with(line);
        assert!(found.iter().any(|message| message.contains(words)), "{line}: {found:?}");
    }
    assert_eq!(refused("[[rule]]\naction = \"ignore\"\n").len(), 1, "a rule has a name");
    let faulty = "[[rule]]\nname = \"x\"\nwhen.size = 1\n[[rule]]\nname = \"y\"\nwhen.subject = \"y\"\n";
    assert_eq!(refused(faulty).len(), 1, "a `when` that is not known shadows nothing");
}

#[test]
fn a_rule_that_can_never_match_is_pointed_out() {
    let found = refused(
        "[[rule]]\nname = \"wide\"\nwhen.from = \"*@*.example.com\"\n\
         [[rule]]\nname = \"narrow\"\nwhen.from = \"*@a.example.com\"\nwhen.subject = \"x\"\n\
         [[rule]]\nname = \"other\"\nwhen.from = \"*@example.com\"\n",
    );
    assert_eq!(found, ["the rule `narrow` can never match: `wide` always decides before it"]);
}

#[test]
fn a_rule_whose_own_conditions_hold_for_nothing_is_pointed_out_and_no_other() {
    let vain = "the rule `x` can never match: an expression of its `when` is found in no text";
    let behind = "the rule `x` can never match: `all` always decides before it";
    let all = "[[rule]]\nname = \"all\"\nwhen.subject = \".*\"\n";
    for (before, when, expected) in [
        ("", "when.subject = \"[a&&b]\"", Some(vain)),
        ("", "when.body = \"late^\"", Some(vain)),
        ("", "when.header.x-priority = [\"1$0\", \"x[^\\\\s\\\\S]\"]", Some(vain)),
        ("", "when.subject = [\"a^\", \"a\"]", None),
        ("", "when.subject = \"(?m)a$\\n^b\"", None),
        ("", "when.subject = \"^$\"", None),
        (all, "when.subject = \"urgent\"", Some(behind)),
        (all, "when.from = \"ann@example.com\"", Some(behind)),
        ("[[rule]]\nname = \"all\"\nwhen.subject = \"^.*$\"\n", "when.subject = \"urgent\"", None),
        ("[[rule]]\nname = \"all\"\nwhen.header.x-a = \".*\"\n", "when.subject = \"urgent\"", None),
        ("[[rule]]\nname = \"all\"\nwhen.header.x-a = \".*\"\n", "when.header.x-a = \"1\"", Some(behind)),
    ] {
        let found = refused(&format!("{before}[[rule]]\nname = \"x\"\n{when}\n"));
        assert_eq!(found.first().map(String::as_str), expected, "{before}{when}");
    }
    assert!(
        refused("[[rule]]\nname = \"x\"\nwhen.header.\"x a:\" = \"1\"\n")[0]
            .contains("no header field can be called so")
    );
}

#[test]
fn a_rule_behind_those_that_take_all_its_mail_is_pointed_out_and_no_other() {
    let rule = |name: &str, when: &str| format!("[[rule]]\nname = \"{name}\"\n{when}\n");
    for (before, later, is_idle) in [
        (&["when.from = \"example.com\""][..], "when.from = \"sub.example.com\"", true),
        (&["when.from = \"sub.example.com\""], "when.from = \"example.com\"", false),
        (&["when.from = \"*\""], "when.from = \"example.com\"", true),
        (&["when.from = \"*\""], "when.subject = \"x\"", false),
        (&["when.recipient = \"example.org\""], "when.to = \"support@example.org\"", true),
        (&["when.recipient = \"example.org\""], "when.cc = \"support@example.org\"", true),
        (&["when.to = \"example.org\""], "when.recipient = \"support@example.org\"", false),
        (&["when.from = \"a.test\"", "when.from = \"b.test\""], "when.from = [\"x@a.test\", \"b.test\"]", true),
        (&["when.from = \"a.test\"", "when.from = \"b.test\""], "when.from = [\"x@a.test\", \"c.test\"]", false),
        (&["when.has_attachments = true", "when.has_attachments = false"], "when.subject = \"x\"", true),
        (&["when.size_over = \"1MiB\""], "when.size_over = \"2MiB\"", true),
        (&["when.subject = \"(?i)urgent\""], "when.subject = \"^URGENT: (?P<what>.*)\"", true),
        (&["when.subject = \"^urgent\""], "when.subject = \"urgent\"", false),
        (&["when.body = \"down\"", "when.body = \"up\""], "when.body = [\"up and\", \"shutdown\"]", true),
    ] {
        let before: String = before.iter().map(|when| rule("before", when)).collect();
        let found = refused(&format!("{before}{}", rule("later", later)));
        let warned = found.iter().any(|message| message.starts_with("the rule `later` can never match"));
        assert_eq!((warned, found.len()), (is_idle, usize::from(is_idle)), "{before}{later}: {found:?}");
    }
    let allowed = "[mailbox.support.senders]\nallow = [\"example.com\"]\n";
    let found = |from: &str| refused(&format!("{allowed}{}", rule("x", &format!("when.from = \"{from}\""))));
    assert_eq!(found("*@other.test").len(), 1, "whom nobody lets in");
    assert_eq!(found("*@sub.example.com"), Vec::<String>::new());
}

#[test]
fn a_mailbox_needs_no_project_where_rules_always_give_one() {
    let without = BASE.replace("project = \"SUP\"\n", "");
    let problems = |rules: &str| {
        let text = format!("{without}{rules}");
        match Config::parse(Path::new("rules.toml"), &text, MustExist::MayBeElsewhere) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.problems.into_iter().map(|problem| problem.message).collect(),
        }
    };
    let some = "[[rule]]\nname = \"some\"\nwhen.from = \"*@a.test\"\nproject = \"A\"\n";
    let rest = "[[rule]]\nname = \"rest\"\nproject = \"B\"\n";
    assert_eq!(problems(some), ["`mailbox.support.project` is missing"]);
    assert_eq!(problems(&format!("{some}{rest}")), Vec::<String>::new());
    assert_eq!(problems(&format!("[[rule]]\nname = \"x\"\nwhen.from = \"*@a.test\"\n{rest}")).len(), 1);
    assert_eq!(problems("[[rule]]\nname = \"none\"\naction = \"ignore\"\n"), Vec::<String>::new());
}
