//! People of the mail as users of Jira's; and nobody by a forged `From`.

use sandbox::jira::faults::{Effect, Fault, When};
use serde_json::json;

use super::world::{World, mail};
use super::{ADDRESS, PRODUCTS};

const RULE: &str =
    "[[rule]]\nname = \"theirs\"\nreporter = \"sender\"\nassignee = \"first-cc\"\nfields.customfield_10010 = \"3\"";
const PROVED: &str = "Authentication-Results: mx.example.test; dmarc=pass header.from=example.com\r\n";

async fn world(product: sandbox::jira::site::Product, mailbox: &str) -> World {
    let mailbox = format!("start = \"all\"\nauthserv_id = \"mx.example.test\"\n{mailbox}\n{RULE}");
    World::authorized_on(product, "", &mailbox).await
}

fn reporter_of(world: &World, token: &str) -> String {
    let issue = world.jira.issues().into_iter().find(|issue| issue.summary.contains(token));
    let issue = issue.unwrap_or_else(|| panic!("no issue about {token}: {}", world.jira.state()));
    issue.reporter
}

/// As `mail` writes it, with the receiving server's word on top, where it belongs.
fn judged(token: &str, headers: &str) -> Vec<u8> {
    [headers.as_bytes(), &mail(token, "Cc: nobody@example.com, ann@example.com\r\n")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proved_sender_is_the_reporter_and_a_forged_one_never_is() {
    for product in PRODUCTS {
        let world = world(product, "default_reporter = \"bot@example.com\"").await;
        let forged = PROVED.replace("pass", "fail");
        let elsewhere = PROVED.replace("mx.example.test", "mx.attacker.test");
        let mails = [("genuine", PROVED), ("forged", &forged), ("silent", ""), ("elsewhere", &elsewhere)];
        world.inbox().deliver_all(mails.map(|(token, headers)| judged(token, headers))).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let (ann, bot) = (reporter_of(&world, "genuine"), reporter_of(&world, "silent"));
        assert_ne!(ann, bot);
        assert_eq!([reporter_of(&world, "forged"), reporter_of(&world, "elsewhere")], [bot.clone(), bot]);
        let issues = serde_json::to_value(world.jira.state()).unwrap().to_string();
        assert!(issues.contains("assignee"), "{ADDRESS}: the first of Cc whom Jira knows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_the_reporter_is_named_in_the_text() {
    for product in PRODUCTS {
        let world = world(product, "").await;
        world.jira.configure(|settings| settings.denied.extend(["MODIFY_REPORTER".to_owned()]));
        world.inbox().deliver(&judged("genuine", PROVED)).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issue = world.jira.issues().remove(0);
        let text = json!(issue.fields).to_string();
        assert!(text.contains("Jira did not take the field reporter") && text.contains("ann@example.com"), "{text}");
        world.jira.configure(|settings| settings.denied.extend(["USER_PICKER".to_owned()]));
        world.inbox().deliver(&judged("unseen", PROVED)).unwrap();
        assert!(world.pass().await.status.success());
        assert_eq!(world.written("unseen-body"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copied_people_watch_the_issue_and_links_and_assignees_are_made() {
    const WHOLE: &str = "cc = \"watchers\"\n[[rule]]\nname = \"tied\"\nassignee = \"first-cc\"\n\
        links = [\"SUP-1\", { type = \"Blocks\", issue = \"SUP-1\" }, \"SUP-99\"]";
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", &format!("start = \"all\"\n{WHOLE}")).await;
        world.jira.plant_issue("SUP", "an older one");
        world.jira.configure(|settings| settings.unassignable = ["bot@example.com".to_owned()].into());
        let cc = "Cc: nobody@example.com, bot@example.com, ann@example.com\r\n";
        world.inbox().deliver(&mail("tied", cc)).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issue = world.jira.issue("SUP-2").unwrap();
        assert_eq!(issue.watchers.len(), 2, "ann, and the bot that watches anyway: {:?}", issue.watchers);
        let links: Vec<_> = issue.links.iter().map(|link| (link.kind.name, link.other.as_str())).collect();
        assert_eq!(links, [("Relates", "SUP-1"), ("Blocks", "SUP-1")]);
        assert!(
            issue.fields["assignee"].to_string().contains("ann") || issue.fields["assignee"]["id"] != issue.creator
        );
        world.jira.configure(|settings| settings.denied.extend(["MANAGE_WATCHERS".to_owned()]));
        world.inbox().deliver(&mail("unwatched", cc)).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "who may not watch costs no mail: {output:?}");
        let listed = world.run(&["messages", "list", "--json", "--limit", "1"]).await;
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(listed["state"], "delivered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jira_requires_is_filled_from_the_defaults_before_and_after_it_says_so() {
    use sandbox::jira::site::{Choice, Field, FieldKind, Need, Project};
    let kinds = vec![Choice::new("1", "General"), Choice::new("2", "Special")];
    let field = Field::new("customfield_10020", "Kind", Need::Required, FieldKind::Option(kinds));
    for product in PRODUCTS {
        let defaults = "[mailbox.support.defaults]\ncustomfield_10020 = \"General\"";
        let mailbox = format!("start = \"all\"\n{defaults}");
        let project = Project::new("SUP", "Support").with_field(field.clone());
        let world = World::authorized_with(product, vec![project], &mailbox).await;
        world.inbox().deliver(&mail("told", "")).unwrap();
        assert!(world.pass().await.status.success());
        // A Jira that does not show its form says only with its refusal what it requires.
        world.jira.add_fault(Fault::on("GET", "*/createmeta/*", Effect::status(403, When::BeforeWrite)).times(1));
        world.inbox().deliver(&mail("untold", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issues = world.jira.issues();
        assert_eq!(issues.len(), 2);
        assert!(issues.iter().all(|issue| issue.fields["customfield_10020"]["value"] == "General"));
        assert!(
            issues[1].fields["description"].to_string().contains("requires the field customfield\\\\_10020")
                || issues[1].fields["description"].to_string().contains("requires the field customfield_10020")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_field_gets_the_shape_that_its_form_asks_for() {
    use sandbox::jira::site::{Choice, Field, FieldKind, Need, Project};
    let colours = || vec![Choice::new("1", "red"), Choice::new("2", "blue")];
    let kinds = [
        ("1", FieldKind::Line, "7", "7"),
        ("2", FieldKind::Rich, "\"two\\nlines\"", "lines"),
        ("3", FieldKind::Labels, "\"one two\"", "one"),
        ("4", FieldKind::User, "\"{{ from.address }}\"", ""),
        ("5", FieldKind::Users, "[\"ann@example.com\", \"bot@example.com\"]", ""),
        ("6", FieldKind::Option(colours()), "\"blue\"", "blue"),
        ("7", FieldKind::Options(colours()), "[\"blue\", \"red\"]", "blue"),
        ("8", FieldKind::Cascading(colours(), vec![Choice::new("9", "dark")]), "\"red / dark\"", "dark"),
        ("9", FieldKind::Number, "\"3.5\"", "3.5"),
        ("10", FieldKind::Date, "\"2026-11-21\"", "2026-11-21"),
        ("11", FieldKind::Moment, "\"2026-11-21T10:00:00+00:00\"", "2026-11-21T10:00:00.000+0000"),
    ];
    for product in PRODUCTS {
        let mut project = Project::new("SUP", "Support");
        let mut rule = "[[rule]]\nname = \"all\"\n".to_owned();
        for (number, kind, value, _) in &kinds {
            let field = format!("customfield_100{number}");
            project = project.with_field(Field::new(&field, number, Need::Optional, kind.clone()));
            rule += &format!("fields.{field} = {value}\n");
        }
        let world = World::authorized_with(product, vec![project], &format!("start = \"all\"\n{rule}")).await;
        world.inbox().deliver(&mail("shaped", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issue = world.jira.issues().remove(0);
        for (number, _, _, expected) in &kinds {
            let value = issue.fields.get(&format!("customfield_100{number}")).map(ToString::to_string);
            assert!(value.as_ref().is_some_and(|value| value.contains(expected)), "{number}: {value:?}");
        }
    }
}
