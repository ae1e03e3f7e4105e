//! What `test-connection` says about real servers that are wrong in one way each.

use serde_json::Value;

use super::world::World;
use sandbox::dovecot::{Certificate, Dovecot, DovecotOptions};
use sandbox::jira::site::{Field, FieldKind, Need, Product, Project};

/// The first stage that failed: its name, cause and next step.
fn failure(report: &Value) -> (String, String, String) {
    let stages = report["targets"][0]["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["result"] == "fail").unwrap_or_else(|| panic!("{report}"));
    let text = |field: &str| stage[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(stages.len(), 10, "every stage is told: {report}");
    (text("stage"), text("cause"), text("next"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_on_the_way_has_its_own_cause_and_next_step() {
    let world = World::authorized("", "").await;
    let sound = world.config_text();
    let ports = world.dovecot.ports();
    let port = |port: u16| (format!("port = {}\n", ports.imaps), format!("port = {port}\n"));
    let host = ("host = \"localhost\"".to_owned(), "host = \"no-such-host.invalid\"".to_owned());
    let ca_file = (format!("ca_file = \"{}\"\n", world.dovecot.ca_file().display()), String::new());
    for ((from, to), stage, cause, next) in [
        (host, "dns", "has no address", "getent hosts no-such-host.invalid"),
        (port(1), "tcp", "nothing listens on port 1", "993 goes with tls = \"implicit\""),
        (port(ports.imap), "tls", "does not speak TLS from the first byte", "tls = \"starttls\""),
        (ca_file, "tls", "issuer is not trusted", "`ca_file`"),
        (port(ports.pop3s), "login", "does not speak IMAP", "`protocol`"),
    ] {
        assert!(sound.contains(&from), "{from}");
        world.write_config(&sound.replace(&from, &to));
        let report = world.json(&["test-connection", "support", "--json"]).await;
        let told = failure(&report);
        assert_eq!(told.0, stage, "{report}");
        assert!(told.1.contains(cause) && told.2.contains(next), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_certificate_has_its_own_cause_and_next_step() {
    let world = World::start_on(Product::Cloud, "", "").await;
    let sound = world.config_text();
    let (port, ca_file) = (world.dovecot.ports().imaps, world.dovecot.ca_file().display().to_string());
    for (certificate, cause, next) in [
        (
            Certificate::OtherName,
            "for another name than localhost",
            "the name that stands in the certificate as `host`",
        ),
        (Certificate::Expired, "has expired", "renew the certificate"),
        (Certificate::NotYetValid, "not valid yet", "check `date`"),
        (Certificate::SelfSigned, "self-signed", "basicConstraints=critical,CA:FALSE"),
    ] {
        let options = DovecotOptions { certificate, ..DovecotOptions::default() };
        let dovecot = Dovecot::start(options).await.unwrap();
        let config = sound.replace(&format!("port = {port}\n"), &format!("port = {}\n", dovecot.ports().imaps));
        world.write_config(&config.replace(&ca_file, &dovecot.ca_file().display().to_string()));
        let (stage, told, way_out) = failure(&world.json(&["test-connection", "support", "--json"]).await);
        assert_eq!(stage, "tls", "{certificate:?}: {told}");
        assert!(told.contains(cause) && way_out.contains(next), "{certificate:?}: {told}; {way_out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_mailbox_is_tried_and_run_over_either_protocol() {
    let mut world = World::start_on(Product::Cloud, "", "start = \"all\"").await;
    world.dovecot.set_password(super::world::ADDRESS, "right").await.unwrap();
    let secret = world.dir.path().join("password");
    let sound = world.config_text();
    let ports = world.dovecot.ports();
    let table = format!(
        "\n[mailbox.support.password]\nusername = \"{}\"\nsecret = {{ file = \"{}\" }}\n",
        super::world::ADDRESS,
        secret.display()
    );
    let with_password = sound.replace("provider = \"sandbox\"\n", "") + &table;
    let pop3 = with_password
        .replace(&format!("port = {}\n", ports.imaps), &format!("port = {}\nprotocol = \"pop3\"\n", ports.pop3s));
    for (round, text) in [with_password, pop3].into_iter().enumerate() {
        world.write_config(&text);
        std::fs::write(&secret, "wrong").unwrap();
        let report = world.json(&["test-connection", "support", "--json"]).await;
        let (stage, cause, next) = failure(&report);
        assert_eq!(stage, "login", "{report}");
        assert!(cause.contains("user name or the password") && next.contains("[mailbox.support.password]"), "{report}");
        std::fs::write(&secret, "right").unwrap();
        assert_eq!(world.json(&["test-connection", "support", "--json"]).await["ok"], true);
        let token = format!("round{round}");
        world.inbox().deliver(&super::world::mail(&token, "")).unwrap();
        world.clean_pass().await;
        assert_eq!(world.written(&format!("{token}-body")), 1);
    }
    assert_eq!(world.jira.issues().len(), 2, "what came over IMAP is known over POP3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_config_file_is_a_failed_stage_and_exit_78() {
    let world = World::start_on(Product::Cloud, "", "").await;
    world.write_config(&world.config_text().replace("project = \"SUP\"", "projct = \"SUP\""));
    for args in [&["test-connection", "--json"][..], &["test-connection"][..]] {
        let output = world.run(args).await;
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("config"), "{output:?}");
    }
}

/// A stage of Jira's: its result, what was said, and its cause.
async fn jira_stage(world: &World, name: &str) -> (String, String, String) {
    let report = world.json(&["test-connection", "jira", "--json"]).await;
    let stages = report["targets"][0]["stages"].as_array().unwrap();
    let stage = stages.iter().find(|stage| stage["stage"] == name).unwrap_or_else(|| panic!("{report}"));
    let text = |field: &str| stage[field].as_str().unwrap_or_default().to_owned();
    (text("result"), text("server"), text("cause"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_project_that_a_rule_leads_to_tells_what_is_left_empty_there() {
    let field = || Field::new("customfield_10020", "Severity", Need::Required, FieldKind::Line);
    let projects = ["SUP", "OPS", "FIN"].map(|key| Project::new(key, key).with_field(field())).to_vec();
    let rules = "[[rule]]\nname = \"ops\"\nwhen.subject = \"ops\"\nproject = \"OPS\"\n\
                 [[rule]]\nname = \"fin\"\nwhen.subject = \"fin\"\nproject = \"FIN\"\n\
                 fields.customfield_10020 = \"{{ header.x_severity }}\"\n";
    let world = World::authorized_with(Product::Cloud, projects, rules).await;
    let (result, _, cause) = jira_stage(&world, "required_fields").await;
    assert_eq!(result, "fail");
    for words in
        ["`support` leaves empty what SUP/Task requires", "`ops` leaves empty what OPS/Task requires: Severity"]
    {
        assert!(cause.contains(words), "{cause}");
    }
    let filled = "[mailbox.support.defaults]\ncustomfield_10020 = \"low\"\n";
    let sound = world.config_text();
    world.write_config(&sound.replacen("[[rule]]", &format!("{filled}[[rule]]"), 1));
    assert_eq!(jira_stage(&world, "required_fields").await.0, "pass");
    let only = sound
        .replace("project = \"SUP\"", "project = \"FIN\"")
        .replace("name = \"ops\"", "name = \"ops\"\naction = \"ignore\"");
    world.write_config(&only.replace("when.subject = \"fin\"\n", ""));
    let (_, _, cause) = jira_stage(&world, "required_fields").await;
    assert!(!cause.contains("`fin`"), "a template that may come to nothing is no empty field: {cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_missed_where_the_configuration_asks_for_what_it_allows() {
    let rules =
        "cc = \"watchers\"\n[[rule]]\nname = \"all\"\nlinks = [\"SUP-1\"]\nassignee = \"first-cc\"\ndue = \"3d\"\n";
    for product in [Product::Cloud, Product::DataCenter] {
        let world = World::start_on(product, "", rules).await;
        let (result, server, _) = jira_stage(&world, "permissions").await;
        assert_eq!((result.as_str(), server.as_str()), ("pass", "SUP: all that is needed"));
        for key in ["CREATE_ATTACHMENTS", "LINK_ISSUES", "ASSIGN_ISSUES", "SCHEDULE_ISSUES", "MANAGE_WATCHERS"] {
            world.jira.configure(|settings| settings.denied = [key.to_owned()].into());
            let (result, _, cause) = jira_stage(&world, "permissions").await;
            assert_eq!((result.as_str(), cause), ("fail", format!("in project SUP the account lacks {key}")));
        }
        world.jira.configure(|settings| settings.denied = ["TRANSITION_ISSUES".to_owned()].into());
        let (result, server, _) = jira_stage(&world, "permissions").await;
        assert_eq!(result, "pass");
        assert!(server.ends_with("but not TRANSITION_ISSUES: finished issues are not reopened"), "{server}");
    }
}
