//! The config file: what it means, and that everything wrong with it is said at once, in its place, without a secret.

use std::path::Path;
use std::time::Duration;

use mail2jira::config::{
    After, AfterFailure, Config, ConfigErrors, Endpoints, JiraAuth, MailboxSettings, MustExist, Problem, Protocol,
    SecretRef, Severity, SignIn, Skip, Start, StateSettings, TlsMode,
};

mod files;
mod providers;
mod example;

/// The smallest file that is sound.
const SMALLEST: &str = r#"
state = "sqlite:///var/lib/mail2jira/state.db"

[jira]
url = "https://example.atlassian.net"
[jira.auth.api_token]
email = "bot@example.com"
token = { env = "JIRA_TOKEN" }

[provider.corp]
kind = "custom"
issuer = "https://id.example.com/realm/"
client_id = "mail2jira"

[mailbox.support]
address = "support@example.com"
provider = "corp"
host = "imap.example.com"
project = "SUP"
issue_type = "Task"
"#;

fn parse(text: &str) -> Result<(Config, Vec<Problem>), ConfigErrors> {
    Config::parse(Path::new("config.toml"), text, MustExist::MayBeElsewhere)
}

fn sound(text: &str) -> Config {
    let (config, problems) = parse(text).unwrap_or_else(|errors| panic!("{:#?}", errors.problems));
    assert_eq!(problems, [], "no warnings either");
    config
}

fn faults(text: &str) -> Vec<Problem> {
    match parse(text) {
        Ok((_, warnings)) => panic!("the file was taken, with {warnings:?}"),
        Err(errors) => errors.problems,
    }
}

/// Path and line of each problem.
fn places(problems: &[Problem]) -> Vec<(&str, usize)> {
    problems
        .iter()
        .map(|problem| (problem.path.as_str(), problem.place.as_ref().map_or(0, |place| place.line)))
        .collect()
}

/// The one problem of [`SMALLEST`] with some text in the place of another.
fn only_fault(from: &str, to: &str) -> Problem {
    assert!(SMALLEST.contains(from), "{from}");
    let mut problems = faults(&SMALLEST.replacen(from, to, 1));
    assert_eq!(problems.len(), 1, "{from} -> {to}: {problems:#?}");
    problems.remove(0)
}

fn support(config: &Config) -> &MailboxSettings {
    config.mailboxes.values().find(|mailbox| mailbox.name.as_str() == "support").expect("the mailbox")
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = sound(SMALLEST);
    assert_eq!(config.state, StateSettings::Sqlite { path: "/var/lib/mail2jira/state.db".into() });
    assert!(config.admin.is_none() && config.vault.key.is_none());
    assert_eq!((config.limits.deliveries, config.limits.bytes_in_flight), (16, 256 << 20));
    assert_eq!(config.limits.settle, Duration::from_secs(180));
    let mailbox = support(&config);
    assert_eq!((mailbox.login.as_str(), mailbox.port, mailbox.tls), ("support@example.com", 993, TlsMode::Implicit));
    assert_eq!(
        (mailbox.start, &mailbox.after, &mailbox.after_failure),
        (Start::Now, &After::Seen, &AfterFailure::Keep)
    );
    assert_eq!((mailbox.folders.as_slice(), mailbox.ignore.len()), (&["INBOX".to_owned()][..], 6));
    let provider = config.providers.values().next().expect("the provider");
    assert_eq!(provider.redirect_uri.as_str(), "http://127.0.0.1/oauth/callback");
    let Endpoints::Discovery { issuer } = &provider.endpoints else { panic!("{provider:?}") };
    assert_eq!(issuer.as_str(), "https://id.example.com/realm/", "an issuer is compared, so it stays as written");
}

#[test]
fn what_is_written_is_what_is_used() {
    let text = r#"
state = "postgres://mail2jira@db.example.com/mail2jira"
state_password = { credential = "db" }
vault.key = { credential = "vault-key" }
admin = {}
limits = { deliveries = 4, settle = "90s" }
jira = { url = "https://jira.example.com/context/", auth.api_token = { email = "b@example.com", token = { credential = "t" } } }

[mailbox.support]
address = "support@example.com"
host = "127.0.0.1"
tls = "none"
port = 1143
folders = ["INBOX", "Überweisungen"]
start = 2026-11-21
after = { move = "Done" }
after_failure = { move = "Failed" }
ignore = ["bulk", "new"]
project = "SUP"
issue_type = "Task"
password = { username = "support", secret = { env = "PASSWORD" } }
attachments = { max_size = "1MB", skip = ["*.p7s", "image/* < 4KiB"] }
"#;
    let config = sound(text);
    assert!(
        matches!(&config.state, StateSettings::Postgres { password: Some(SecretRef::Credential(name)), .. } if name == "db")
    );
    assert_eq!(config.admin.map(|admin| admin.listen.to_string()).as_deref(), Some("127.0.0.1:8925"));
    assert_eq!((config.limits.deliveries, config.limits.settle.as_secs()), (4, 90));
    assert_eq!(config.jira.url.as_str(), "https://jira.example.com/context");
    assert!(matches!(&config.jira.auth, JiraAuth::ApiToken { token: SecretRef::Credential(name), .. } if name == "t"));
    let config = sound(text);
    let mailbox = support(&config);
    assert!(
        matches!(&mailbox.sign_in, SignIn::Password { username, secret: SecretRef::Env(_) } if username == "support")
    );
    assert_eq!(
        (mailbox.start, &mailbox.after),
        (Start::Date(jiff::civil::date(2026, 11, 21)), &After::Move("Done".into()))
    );
    assert_eq!((mailbox.ignore.len(), mailbox.attachments.max_size), (2, 1_000_000));
    let small_pictures = Skip { pattern: "image/*".into(), below: Some(4096) };
    assert_eq!(mailbox.attachments.skip[1], small_pictures);
}

#[test]
fn every_fault_is_reported_at_once_and_in_its_place() {
    let text = r#"state = "sqlite://state.db"
frobnicate = 1
[limits]
deliveries = "many"
settle = "3 parsecs"
[jira]
url = "http://jira.example.com"
[provider.corp]
kind = "custom"
[mailbox.support]
adress = "support@example.com"
provider = "crop"
host = "imap.example.com:993"
tls = "starttsl"
after = { mov = "Done" }
ignore = ["bulk", "bulck", 3]
project = "SUP"
issue_type = "Task"
address = "support@example.com"
[mailbox."no name"]
"#;
    let problems = faults(text);
    let expected = [
        ("state", 1),
        ("frobnicate", 2),
        ("limits.deliveries", 4),
        ("limits.settle", 5),
        ("jira.auth", 6),
        ("jira.url", 7),
        ("provider.corp", 8),
        ("provider.corp.client_id", 8),
        ("mailbox.support.adress", 11),
        ("mailbox.support.provider", 12),
        ("mailbox.support.host", 13),
        ("mailbox.support.tls", 14),
        ("mailbox.support.after", 15),
        ("mailbox.support.ignore[1]", 16),
        ("mailbox.support.ignore[2]", 16),
        ("mailbox.no name", 20),
    ];
    assert_eq!(places(&problems), expected, "{problems:#?}");
    assert!(problems.iter().all(|problem| problem.severity == Severity::Error && !problem.fix.is_empty()));
    let column = |path: &str| {
        problems.iter().find(|problem| problem.path == path).and_then(|p| p.place.as_ref()).map(|p| p.column)
    };
    assert_eq!((column("frobnicate"), column("mailbox.support.ignore[1]")), (Some(1), Some(19)));
}

#[test]
fn one_fault_of_a_mailbox_or_rule_hides_none_of_its_others() {
    let text = r#"state = "sqlite:///state.db"
[jira]
url = "https://example.atlassian.net"
[jira.auth.api_token]
email = "bot@example.com"
token = { env = "TOKEN" }
[mailbox.support]
address = "support@example.com"
host = "imap.example.com"
provider = "nobody"
[mailbox.support.password]
username = "support"
[[rule]]
name = "alerts"
when.subject = "(["
summary = "{{ severity }} {{ subject"
labels = ["{{ severity }}"]
visibility = "some"
"#;
    let expected = [
        ("mailbox.support.project", 7),
        ("mailbox.support.issue_type", 7),
        ("mailbox.support.provider", 10),
        ("mailbox.support.password", 11),
        ("mailbox.support.password.secret", 11),
        ("rule[0].when.subject[0]", 15),
        ("rule[0].summary", 16),
        ("rule[0].visibility", 18),
    ];
    let problems = faults(text);
    let about_rules = |path: &str| path.ends_with("project") || path.ends_with("issue_type");
    let of_faulty: Vec<_> = expected.into_iter().filter(|(path, _)| !about_rules(path)).collect();
    assert_eq!(places(&problems), of_faulty, "a rule that is not understood may give the rest: {problems:#?}");
    let sound_rule =
        text.replace("([", "(?P<severity>.)").replace("subject\"", "subject }}\"").replace("some", "public");
    let of_mailbox: Vec<_> = expected.into_iter().filter(|(path, _)| path.starts_with("mailbox")).collect();
    assert_eq!(places(&faults(&sound_rule)), of_mailbox);
}

#[test]
fn an_unknown_key_suggests_the_nearest_known_one_or_the_table_it_belongs_in() {
    let misspelt = only_fault("host = ", "hsot = \"x\"\nhost = ");
    assert!(misspelt.fix.contains("`host`"), "{misspelt:?}");
    let misplaced = only_fault("project = ", "client_secret = { env = \"X\" }\nproject = ");
    assert!(misplaced.fix.contains("[provider.NAME]"), "{misplaced:?}");
}

#[test]
fn a_missing_key_is_not_blamed_on_top_of_a_wrong_one() {
    for (from, to, path) in [
        ("provider = \"corp\"", "provider = 5", "mailbox.support.provider"),
        (
            "[jira.auth.api_token]\nemail = \"bot@example.com\"\ntoken = { env = \"JIRA_TOKEN\" }",
            "auth = \"x\"",
            "jira.auth",
        ),
        ("host = \"imap.example.com\"", "host = [\"imap.example.com\"]", "mailbox.support.host"),
        ("issuer = \"https://id.example.com/realm/\"", "issuer = true", "provider.corp.issuer"),
    ] {
        assert_eq!(only_fault(from, to).path, path);
    }
}

#[test]
fn a_pop3_mailbox_has_its_own_ports_and_no_flags_or_folders() {
    let pop3 = SMALLEST.replace("provider = \"corp\"", "provider = \"corp\"\nprotocol = \"pop3\"");
    let config = sound(&pop3);
    let mailbox = support(&config);
    assert_eq!((mailbox.protocol, mailbox.port, &mailbox.after), (Protocol::Pop3, 995, &After::Keep));
    let config = sound(&pop3.replace("host =", "tls = \"starttls\"\nafter = \"delete\"\nhost ="));
    assert_eq!((support(&config).port, &support(&config).after), (110, &After::Delete));
    for (line, path) in [
        ("after = \"seen\"", "mailbox.support.after"),
        ("after = { move = \"Done\" }", "mailbox.support.after"),
        ("after_failure = { move = \"Failed\" }", "mailbox.support.after_failure"),
        ("folders = [\"INBOX\"]", "mailbox.support.folders"),
    ] {
        let problems = faults(&pop3.replace("host =", &format!("{line}\nhost =")));
        assert_eq!(places(&problems), [(path, 19)], "{problems:#?}");
    }
}

#[test]
fn values_that_contradict_one_another_are_refused() {
    for (from, to, path) in [
        (
            "provider = \"corp\"",
            "provider = \"corp\"\npassword = { username = \"x\", secret = { env = \"X\" } }",
            "mailbox.support.password",
        ),
        ("provider = \"corp\"", "", "mailbox.support"),
        ("provider = \"corp\"", "provider = \"crop\"", "mailbox.support.provider"),
        ("provider = \"corp\"", "provider = \"corp\"\nmechanism = \"plain\"", "mailbox.support.mechanism"),
        ("provider = \"corp\"", "provider = \"corp\"\ntls = \"none\"", "mailbox.support.tls"),
        ("provider = \"corp\"", "provider = \"corp\"\nfolders = []", "mailbox.support.folders"),
        ("provider = \"corp\"", "provider = \"corp\"\nafter = { move = \"INBOX\" }", "mailbox.support.after.move"),
        ("provider = \"corp\"", "provider = \"corp\"\nport = 0", "mailbox.support.port"),
        ("provider = \"corp\"", "provider = \"corp\"\npoll = \"0s\"", "mailbox.support.poll"),
        ("client_id =", "authorization_url = \"https://id.example.com/a\"\nclient_id =", "provider.corp.issuer"),
        ("client_id =", "client_auth = \"post\"\nclient_id =", "provider.corp.client_secret"),
        ("client_id =", "tenant = \"common\"\nclient_id =", "provider.corp.tenant"),
        ("client_id =", "grant = \"client-credentials\"\nclient_id =", "provider.corp.client_secret"),
        ("client_id =", "secret_expires = \"soon\"\nclient_id =", "provider.corp.secret_expires"),
        ("client_id =", "redirect_uri = \"https://example.com/cb\"\nclient_id =", "provider.corp.redirect_uri"),
        ("\n[jira]", "state_password = { env = \"X\" }\n[jira]", "state_password"),
        ("project = \"SUP\"", "", "mailbox.support.project"),
    ] {
        assert_eq!(only_fault(from, to).path, path, "{to}");
    }
}

#[test]
fn two_mailboxes_on_one_folder_are_warned_about() {
    let twin = SMALLEST
        .split("[mailbox.support]")
        .nth(1)
        .map(|body| format!("{SMALLEST}\n[mailbox.twin]{body}"))
        .expect("a mailbox");
    let (_, warnings) = parse(&twin).expect("a sound file");
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].severity == Severity::Warning && warnings[0].message.contains("`support` and `twin`"),
        "{warnings:?}"
    );
    // One server's usual ports lead to the same mail, as those of tunnels do not.
    let with_port = |port: u16| twin.replacen("[mailbox.twin]", &format!("[mailbox.twin]\nport = {port}"), 1);
    assert_eq!(parse(&with_port(143)).expect("a sound file").1.len(), 1);
    assert_eq!(parse(&with_port(10993)).expect("a sound file").1, []);
}

#[test]
fn issues_in_the_name_of_senders_are_warned_about_where_nobody_is_named_who_proves_them() {
    let warned = |mailbox: &str, rule: &str| {
        let mailbox = SMALLEST.replace("[mailbox.support]", &format!("[mailbox.support]\n{mailbox}"));
        let (_, warnings) = parse(&format!("{mailbox}\n[[rule]]\nname = \"all\"\n{rule}")).expect("a sound file");
        places(&warnings).first().map(|(path, _)| (*path).to_owned())
    };
    let by_sender = "reporter = \"sender\"";
    assert_eq!(warned("", by_sender).as_deref(), Some("mailbox.support"));
    assert_eq!(warned("requests = { type = \"Get help\" }", "").as_deref(), Some("mailbox.support"));
    for (mailbox, rule) in [
        ("authserv_id = \"mx.example.com\"", by_sender),
        ("", "reporter = \"default\""),
        ("", "reporter = \"sender\"\naction = \"ignore\""),
        ("requests = { type = \"Get help\", customers = \"none\" }", ""),
    ] {
        assert_eq!(warned(mailbox, rule), None, "{mailbox} {rule}");
    }
    let google = SMALLEST.replace("imap.example.com", "imap.gmail.com");
    assert_eq!(parse(&format!("{google}\n[[rule]]\nname = \"all\"\n{by_sender}")).expect("a sound file").1, []);
}

#[test]
fn a_settle_time_that_jiras_search_may_outlast_is_warned_about() {
    let with = |settle: &str| parse(&format!("limits.settle = \"{settle}\"\n{SMALLEST}")).expect("a sound file").1;
    assert_eq!(places(&with("5s")).first().map(|(path, _)| *path), Some("limits.settle"));
    assert_eq!(with("90s"), []);
}

#[test]
fn a_file_without_a_mailbox_is_usable_and_warned_about() {
    let (config, warnings) =
        parse(SMALLEST.split("[mailbox.support]").next().expect("the rest")).expect("a usable file");
    assert!(config.mailboxes.is_empty());
    assert_eq!((places(&warnings).len(), warnings[0].path.as_str()), (1, "mailbox"));
}

#[test]
fn a_missing_secret_file_is_a_warning_when_checking_and_an_error_when_running() {
    let text = SMALLEST.replace("{ env = \"JIRA_TOKEN\" }", "{ file = \"/nonexistent/jira-token\" }");
    let (_, warnings) = parse(&text).expect("a usable file");
    assert_eq!(places(&warnings), [("jira.auth.api_token.token", 8)]);
    let errors = Config::parse(Path::new("config.toml"), &text, MustExist::Yes).expect_err("the file is needed");
    assert_eq!(errors.problems[0].severity, Severity::Error);
    assert!(errors.problems[0].message.contains("/nonexistent/jira-token"), "{errors}");
}

#[test]
fn no_mailbox_takes_the_name_of_jira() {
    let text = SMALLEST.replace("[mailbox.support]", "[mailbox.jira]");
    let problems = faults(&text);
    assert!(problems.iter().any(|problem| problem.message.contains("named `jira`")), "{problems:?}");
}

#[test]
fn a_rule_that_never_decides_is_found_also_behind_several_others() {
    let warned = |rules: &str, senders: &str| {
        let (_, warnings) = parse(&format!("{SMALLEST}{senders}\n{rules}")).unwrap();
        warnings.iter().filter(|warning| warning.message.contains("can never match")).count()
    };
    let rule = |name: &str, when: &str| format!("[[rule]]\nname = \"{name}\"\n{when}\n");
    let with = rule("with", "when.has_attachments = true");
    let without = rule("without", "when.has_attachments = false");
    let last = rule("last", "when.from = [\"example.com\"]");
    assert_eq!(warned(&[with.as_str(), &last].concat(), ""), 0);
    assert_eq!(warned(&[with.as_str(), &without, &last].concat(), ""), 1);
    let here = rule("here", "when.mailbox = [\"support\"]\nwhen.from = [\"example.com\"]");
    assert_eq!(warned(&[here.as_str(), &last].concat(), ""), 1, "there is no other mailbox");
    let spam = rule("spam", "when.from = [\"*@spam.test\"]");
    assert_eq!(warned(&spam, "[senders]\nblock = [\"spam.test\"]"), 1);
    assert_eq!(warned(&spam, "[senders]\nblock = [\"ann@spam.test\"]"), 0);
    let ann = rule("ann", "when.from = [\"ann@spam.test\"]");
    assert_eq!(warned(&ann, "[senders]\nallow = [\"example.com\"]"), 1, "strangers are kept out");
    assert_eq!(warned(&ann, "[senders]\nallow = [\"*@spam.test\"]"), 0);
    assert_eq!(warned(&spam, "[senders]\nallow = [\"example.com\"]"), 1, "whatever the star is");
    let some = rule("some", "when.from = [\"*spam*\"]");
    assert_eq!(warned(&some, "[senders]\nallow = [\"example.com\"]"), 0, "what a star may be is not known");
}
