//! Requests of Service Management: raised for whoever wrote, by the form of their type, once, and complete.

use sandbox::jira::desk::SeenBy;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::log::Entry;
use sandbox::jira::site::{Account, Choice, Comment, Field, FieldKind, Issue, Need, Product, Project};
use serde_json::Value;

use super::PRODUCTS;
use super::world::{World, mail};

const PROVED: &str = "Authentication-Results: localhost; dmarc=pass header.from=example.com\r\n";

/// Requests are made by a rule alone, of some mail.
const BY_A_RULE: &str = "start = \"all\"\n[[rule]]\nname = \"help\"\nwhen.subject = \"asked\"\nproject = \"HELP\"\n\
    request_type = \"ask a question\"";

/// A mailbox whose mail becomes requests; `more` stands in `[mailbox.support.requests]`.
async fn desk(product: Product, more: &str) -> World {
    let requests = format!(
        "start = \"all\"\nauthserv_id = \"localhost\"\n[mailbox.support.requests]\ntype = \"ask a question\"\n{more}"
    );
    let world = World::authorized_on(product, "", &requests).await;
    let text = world.config_text().replace("project = \"SUP\"\nissue_type = \"Task\"\n", "project = \"HELP\"\n");
    world.write_config(&text);
    world
}

fn only(world: &World) -> Issue {
    let mut issues = world.jira.issues();
    assert_eq!(issues.len(), 1, "{issues:?}");
    issues.remove(0)
}

fn reporter(world: &World, issue: &Issue) -> String {
    let state = world.jira.state();
    let account = |one: &&Value| one["id"] == issue.reporter.as_str() || one["accountId"] == issue.reporter.as_str();
    let accounts = state["accounts"].as_array().cloned().unwrap_or_default();
    accounts.iter().find(account).and_then(|one| one["email"].as_str()).unwrap_or(&issue.reporter).to_owned()
}

fn ann() -> String {
    Account::person("Ann Example", "ann@example.com").id
}

/// A mail with a file, from somebody whom the receiving server vouches for, and with people in copy.
fn with_a_file(token: &str) -> Vec<u8> {
    let headers = format!(
        "{PROVED}Cc: ann@example.com, support@example.test, stranger@example.org\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=b=\"\r\n"
    );
    let text = String::from_utf8(mail(token, &headers)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let file =
        "--=b=\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"a.log\"\r\n\r\nlog\r\n";
    format!("{head}\r\n\r\n--=b=\r\n\r\n{body}\r\n{file}--=b=--\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_becomes_a_request_of_its_sender_and_a_reply_is_seen_by_them() {
    for product in PRODUCTS {
        let world = desk(product, "[[rule]]\nname = \"all\"\nlabels = [\"from-mail\"]").await;
        world.inbox().deliver(&with_a_file("asked")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let request = only(&world);
        let facts = request.request.as_ref().unwrap();
        assert_eq!((facts.kind.as_str(), &request.reporter), ("25", &ann()), "{request:?}");
        assert_eq!(facts.files, [("a.log".to_owned(), SeenBy::Customers)]);
        let fields = serde_json::to_string(&request.fields).unwrap();
        assert!(fields.contains("asked-body") && fields.contains("from-mail"), "what the form lacks is set: {fields}");
        assert!(!fields.contains("Ref: "), "the marker's line is gone: {fields}");
        assert!(request.properties.contains_key("mail2jira.origin"), "{request:?}");

        world.inbox().deliver(&mail("answered", "In-Reply-To: <asked@example.com>\r\n")).unwrap();
        assert!(world.pass().await.status.success());
        let request = only(&world);
        assert_eq!((request.comments.len(), request.comments[0].visibility.is_none()), (1, true));
        assert!(!request.comments[0].properties.contains_key("sd.public.comment"), "it is no internal note");
        assert_eq!(world.run(&["audit"]).await.status.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_in_copy_take_part_as_far_as_jira_knows_them() {
    let world = desk(Product::Cloud, "customers = \"none\"").await;
    world.inbox().deliver(&mail("copied", "Cc: Ann <ANN@example.com>, stranger@example.org\r\n").to_vec()).unwrap();
    let raw = String::from_utf8(mail("other", "Cc: Ann <ANN@example.com>, stranger@example.org\r\n")).unwrap();
    world.inbox().deliver(raw.replace("From: Ann <ann@", "From: Bob <bob@").as_bytes()).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    let issues = world.jira.issues();
    let about = |token: &str| issues.iter().find(|issue| issue.summary.ends_with(token)).unwrap();
    let people = |token: &str| about(token).request.as_ref().unwrap().participants.clone();
    assert_eq!((people("copied"), people("other")), (Vec::new(), vec![ann()]), "the sender is no participant");
    assert_ne!(about("copied").reporter, ann(), "`none` raises for nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_in_copy_of_a_reply_take_part_once_where_jira_lets_them() {
    for product in PRODUCTS {
        let world = desk(product, "customers = \"none\"").await;
        world.inbox().deliver(&mail("asked", "")).unwrap();
        assert!(world.pass().await.status.success());
        let lost = Effect::Cut { when: When::AfterWrite };
        world.jira.add_fault(Fault::on("POST", "*/participant", lost).times(1));
        let copied =
            "In-Reply-To: <asked@example.com>\r\nCc: ann@example.com, support@example.test, stranger@example.org\r\n";
        for token in ["answered", "again"] {
            let raw = String::from_utf8(mail(token, copied)).unwrap().replace("From: Ann <ann@", "From: Bob <bob@");
            world.inbox().deliver(raw.as_bytes()).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
        }
        let request = only(&world);
        assert_eq!((request.comments.len(), request.request.unwrap().participants), (2, vec![ann()]));
        let refused = Effect::status(403, When::BeforeWrite);
        world.jira.add_fault(Fault::on("POST", "*/participant", refused));
        let raw = String::from_utf8(mail("refused", copied)).unwrap().replace("From: Ann <ann@", "From: Bob <bob@");
        world.inbox().deliver(raw.as_bytes()).unwrap();
        assert!(world.pass().await.status.success(), "the text is there without them");
        assert_eq!(only(&world).comments.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_type_requires_and_nothing_fills_is_found_before_the_first_mail_and_filled_from_the_defaults() {
    for product in PRODUCTS {
        let mut desk = sandbox::jira::desk::Desk::usual();
        desk.request_types[0].required = vec!["customfield_10077".to_owned()];
        let field = sandbox::jira::site::Field::new(
            "customfield_10077",
            "Floor",
            sandbox::jira::site::Need::Optional,
            sandbox::jira::site::FieldKind::Line,
        );
        let projects = vec![Project::new("HELP", "Help desk").with_desk(desk).with_field(field)];
        let requests = "start = \"all\"\n[mailbox.support.requests]\ntype = \"ask a question\"";
        let world = World::authorized_with(product, projects, requests).await;
        let text = world.config_text().replace("project = \"SUP\"\nissue_type = \"Task\"\n", "project = \"HELP\"\n");
        world.write_config(&text);
        let tested = world.json(&["test-connection", "jira", "--json"]).await.to_string();
        let cause = "`support` leaves empty what HELP/ask a question requires: Floor (`customfield_10077`)";
        assert!(tested.contains(cause), "{tested}");
        world.write_config(&format!("{text}\n[mailbox.support.defaults]\ncustomfield_10077 = \"3\"\n"));
        assert!(world.run(&["test-connection", "jira"]).await.status.success());
        world.inbox().deliver(&mail("asked", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(only(&world).fields["customfield_10077"], "3");
    }
}

/// A service desk whose form has a field for a choice, one for a text and one for a person, and a validator that asks for all.
fn demanding() -> Project {
    let mut desk = sandbox::jira::desk::Desk::usual();
    desk.request_types[0].demanded =
        ["customfield_10077", "customfield_10078", "customfield_10079"].map(str::to_owned).to_vec();
    let choices = vec![Choice::new("1", "General"), Choice::new("2", "Travel")];
    Project::new("HELP", "Help desk")
        .with_desk(desk)
        .with_field(Field::new("customfield_10077", "Cost centre", Need::Optional, FieldKind::Option(choices)))
        .with_field(Field::new("customfield_10078", "Steps", Need::Optional, FieldKind::Rich))
        .with_field(Field::new("customfield_10079", "Approver", Need::Optional, FieldKind::User))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_validator_asks_for_is_filled_from_the_defaults_and_agents_are_told() {
    for product in PRODUCTS {
        let requests = "start = \"all\"\n[mailbox.support.requests]\ntype = \"ask a question\"\n\
            [mailbox.support.defaults]\ncustomfield_10077 = \"General\"\ncustomfield_10078 = \"none\"\n\
            customfield_10079 = \"ann@example.com\"";
        let world = World::authorized_with(product, vec![demanding()], requests).await;
        let text = world.config_text().replace("project = \"SUP\"\nissue_type = \"Task\"\n", "project = \"HELP\"\n");
        world.write_config(&text);
        world.inbox().deliver(&mail("asked", "")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let request = only(&world);
        assert_eq!(request.fields["customfield_10077"]["value"], "General", "{request:?}");
        assert!(request.fields["customfield_10078"].to_string().contains("none"), "{request:?}");
        let approver = request.fields["customfield_10079"].to_string();
        assert!(!approver.contains('@') && approver.contains("ann") || approver.contains(&ann()), "{approver}");
        let told = request.comments.iter().map(|comment| comment.body.to_string()).collect::<String>();
        assert!(told.contains("10077") && told.contains("General"), "{told}");
        assert!(request.comments.iter().all(|comment| comment.properties.contains_key("sd.public.comment")));

        // A rule's own choice stands; a wrong one gives way to the default.
        let rule = "\n[[rule]]\nname = \"choice\"\nfields.customfield_10077 = \"{{ subject | replace('about ', '') }}\"\n\
            fields.customfield_10078 = \"written *here*\"\n";
        world.write_config(&format!("{text}{rule}"));
        for (choice, kept) in [("Travel", "Travel"), ("Nowhere", "General")] {
            world.inbox().deliver(&mail(choice, "")).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
            let issues = world.jira.issues();
            let issue = issues.iter().find(|issue| issue.summary.ends_with(choice)).unwrap();
            assert_eq!(issue.fields["customfield_10077"]["value"], kept, "{issue:?}");
            assert!(issue.fields["customfield_10078"].to_string().contains("here"), "{issue:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_a_rule_makes_requests_a_reply_to_one_adds_people_and_files_for_customers_and_to_an_issue_not() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", BY_A_RULE).await;
        for token in ["asked", "plain"] {
            world.inbox().deliver(&mail(token, "")).unwrap();
            assert!(world.pass().await.status.success());
            let reply = String::from_utf8(with_a_file(&format!("{token}-again"))).unwrap();
            let reply = reply.replace("From: Ann <ann@", "From: Bob <bob@");
            let reply = reply.replacen("Cc:", &format!("In-Reply-To: <{token}@example.com>\r\nCc:"), 1);
            world.inbox().deliver(reply.as_bytes()).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
        }
        let issues = world.jira.issues();
        let about = |token: &str| issues.iter().find(|issue| issue.summary.ends_with(token)).unwrap();
        let request = about("asked").request.as_ref().unwrap();
        assert_eq!(request.participants, [ann()], "{request:?}");
        assert_eq!(request.files, [("a.log".to_owned(), SeenBy::Customers)]);
        let plain = about("plain");
        assert!(plain.request.is_none() && plain.attachments.len() == 1 && plain.comments.len() == 1, "{plain:?}");
        let refused = |request: &Entry| request.method == "POST" && request.status.is_none_or(|status| status >= 400);
        assert!(!world.jira.requests().iter().any(refused), "nobody tries what cannot be");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_becomes_a_customer_where_that_is_wanted_and_allowed() {
    for product in PRODUCTS {
        for (allowed, proved) in [(true, true), (false, true), (true, false)] {
            let world = desk(product, "customers = \"create\"").await;
            if !allowed {
                world.jira.configure(|settings| settings.denied.extend(["ADMINISTER".to_owned()]));
            }
            let raw = String::from_utf8(mail("new", if proved { PROVED } else { "" })).unwrap();
            let raw = raw.replace("From: Ann <ann@example.com>", "From: Nora New <nora@example.com>");
            world.inbox().deliver(raw.as_bytes()).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{output:?}");
            let request = only(&world);
            let is_noras = request.reporter == Account::customer("Nora New", "nora@example.com").id;
            assert_eq!(is_noras, allowed && proved, "{} {request:?}", reporter(&world, &request));
            assert!(serde_json::to_string(&request.fields).unwrap().contains("nora@example.com"), "named in the text");
            let listed = world.json(&["messages", "list", "--json"]).await;
            let story = world.json(&["messages", "show", &listed["id"].to_string(), "--json"]).await.to_string();
            assert_eq!(story.contains("not raised for its sender"), !allowed, "{story}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_became_a_customer_by_a_request_whose_answer_was_lost_is_found_and_who_hides_is_not_waited_for() {
    for product in PRODUCTS {
        for is_shown in [true, false] {
            let world = desk(product, "customers = \"create\"").await;
            world.jira.add_fault(Fault::on("POST", "*/customer", Effect::status(502, When::AfterWrite)).times(1));
            let refused = Effect::status(403, When::BeforeWrite);
            world.jira.add_fault(Fault::on("GET", "*/servicedesk/*/customer", refused.clone()));
            if !is_shown {
                world.jira.add_fault(Fault::on("GET", "*/user/search", refused).after(1));
            }
            let raw = String::from_utf8(mail("new", PROVED)).unwrap();
            let raw = raw.replace("From: Ann <ann@example.com>", "From: Nora New <nora@example.com>");
            world.inbox().deliver(raw.as_bytes()).unwrap();
            world.clean_pass().await;
            let is_noras = only(&world).reporter == Account::customer("Nora New", "nora@example.com").id;
            assert_eq!(is_noras, is_shown, "{}", world.jira.state());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_for_a_form_is_cut_there_and_all_of_it_is_attached_for_its_customer() {
    for product in PRODUCTS {
        let world = desk(product, "").await;
        let too_long = Effect::status(413, When::BeforeWrite);
        world.jira.add_fault(Fault::on("POST", "*/servicedeskapi/request", too_long).times(2));
        let raw = String::from_utf8(mail("asked", PROVED)).unwrap().replace("asked-body", &"asked-body ".repeat(200));
        world.inbox().deliver(raw.as_bytes()).unwrap();
        world.clean_pass().await;
        let request = only(&world);
        assert_eq!((request.reporter, request.attachments.len()), (ann(), 1), "nothing else is given up");
        assert_eq!(request.request.unwrap().files, [("about asked.eml".to_owned(), SeenBy::Customers)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_gone_before_it_was_taken_to_the_request_is_put_down_again() {
    for product in PRODUCTS {
        for (times, seen_by) in [(1, vec![("a.log".to_owned(), SeenBy::Customers)]), (2, Vec::new())] {
            let world = desk(product, "").await;
            let gone = Effect::status(400, When::BeforeWrite);
            world.jira.add_fault(Fault::on("POST", "*/request/*/attachment", gone).times(times));
            world.inbox().deliver(&with_a_file("asked")).unwrap();
            world.clean_pass().await;
            let request = only(&world);
            assert_eq!(
                (request.attachments.len(), request.request.unwrap().files),
                (1, seen_by),
                "on the issue at least"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_is_lost_is_found_by_its_marker_and_raised_once() {
    for product in PRODUCTS {
        for path in ["*/servicedeskapi/request", "*/api/*/issue/*", "*/request/*/attachment"] {
            let settings = "[limits]\nsettle = \"2s\"";
            let world = desk(product, "").await;
            let text = world.config_text();
            let (state, rest) = text.split_once('\n').unwrap();
            world.write_config(&format!("{state}\n{settings}\n{rest}"));
            let method = if path.ends_with("issue/*") { "PUT" } else { "POST" };
            let lost = |when| Effect::Status { status: 502, when, looks: Default::default() };
            world.jira.add_fault(Fault::on(method, path, lost(When::AfterWrite)).times(1));
            world.jira.add_fault(Fault::on(method, path, lost(When::BeforeWrite)).times(1));
            world.inbox().deliver(&with_a_file("lost")).unwrap();
            let output = world.pass().await;
            assert!(output.status.success(), "{path}: {output:?}");
            let request = only(&world);
            assert_eq!(request.attachments.len(), 1, "{path}: {request:?}");
            let fields = serde_json::to_string(&request.fields).unwrap();
            assert!(fields.contains("lost-body") && !fields.contains("Ref: "), "{path}: {fields}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jira_refuses_of_a_request_is_left_out_and_the_request_is_raised() {
    let world = desk(Product::Cloud, "").await;
    let refuses = Effect::Status { status: 400, when: When::BeforeWrite, looks: Default::default() };
    world.jira.add_fault(Fault::on("POST", "*/servicedeskapi/request", refuses).times(2));
    world.inbox().deliver(&with_a_file("refused")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    let request = only(&world);
    assert_ne!(request.reporter, ann());
    assert!(serde_json::to_string(&request.fields).unwrap().contains("refused-body"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_type_that_is_not_there_holds_the_mail_and_says_so() {
    let world = desk(Product::Cloud, "").await;
    world.write_config(&world.config_text().replace("ask a question", "no such thing"));
    world.inbox().deliver(&mail("held", "")).unwrap();
    assert!(!world.pass().await.status.success());
    let listed = world.json(&["messages", "list", "--json"]).await;
    assert!(listed["reason"].as_str().unwrap().contains("no request type `no such thing` in HELP"), "{listed}");
    assert_eq!(world.jira.issues().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_we_may_not_change_is_there_with_its_text_and_agents_are_told_what_is_not() {
    for product in PRODUCTS {
        let world = desk(product, "[[rule]]\nname = \"all\"\nlabels = [\"from-mail\"]").await;
        world.jira.configure(|settings| settings.denied.extend(["EDIT_ISSUES".to_owned()]));
        world.inbox().deliver(&with_a_file("asked")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let request = only(&world);
        assert!(serde_json::to_string(&request.fields).unwrap().contains("asked-body"));
        assert_eq!((request.attachments.len(), request.comments.len()), (1, 1), "{request:?}");
        let comment = &request.comments[0];
        assert!(comment.body.to_string().contains("labels (from-mail)"), "{:?}", comment.body);
        assert!(comment.body.to_string().contains("ends with our mark"), "{:?}", comment.body);
        assert!(comment.properties.contains_key("sd.public.comment"), "it is for agents alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_after_a_request_was_raised_is_told_to_agents_and_not_to_customers() {
    for product in PRODUCTS {
        let world = desk(product, "[[rule]]\nname = \"all\"\nlabels = [\"from-mail\"]\npriority = \"Urgent\"").await;
        world.inbox().deliver(&with_a_file("asked")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let request = only(&world);
        let fields = serde_json::to_string(&request.fields).unwrap();
        assert!(fields.contains("from-mail") && fields.contains("asked-body") && !fields.contains("Ref: "), "{fields}");
        assert!(!fields.contains("did not take"), "customers read the description: {fields}");
        assert_eq!(request.comments.len(), 1, "{request:?}");
        let told = &request.comments[0];
        assert!(told.body.to_string().contains("did not take the field priority"), "{:?}", told.body);
        assert!(told.properties.contains_key("sd.public.comment"), "it is for agents alone");
        // Where Jira shows it to all, it is taken away.
        world.jira.configure(|settings| settings.discretion = sandbox::jira::site::Discretion::Overlooked);
        world.inbox().deliver(&mail("again", PROVED)).unwrap();
        assert_eq!(world.pass().await.status.code(), Some(1), "a person is needed");
        assert_eq!((world.written("again-body"), world.written("field priority")), (1, 1), "{}", world.jira.state());
    }
}

/// What stands in the comments on an issue: those for agents alone, and those that customers see.
fn told(issue: &Issue) -> (String, String) {
    let is_internal = |comment: &&Comment| comment.properties.contains_key("sd.public.comment");
    let (internal, public): (Vec<_>, Vec<_>) = issue.comments.iter().partition(is_internal);
    let text = |comments: Vec<&Comment>| comments.iter().map(|comment| comment.body.to_string()).collect::<String>();
    (text(internal), text(public))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_jira_refuses_of_a_reply_is_told_to_agents_on_a_request_and_to_all_on_an_issue() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", BY_A_RULE).await;
        for token in ["asked", "plain"] {
            world.inbox().deliver(&mail(token, "")).unwrap();
        }
        world.clean_pass().await;
        // Whoever makes no requests may still reply to some.
        let raising = world.config_text();
        let config = raising.split("[[rule]]").next().unwrap();
        let refused = Effect::status(413, When::BeforeWrite);
        for path in ["*/attachTemporaryFile", "*/attachments"] {
            world.jira.add_fault(Fault::on("POST", path, refused.clone()));
        }
        for (round, config) in [("one", raising.as_str()), ("two", config)] {
            world.write_config(config);
            replies_with_a_file(&world, round).await;
            let issues = world.jira.issues();
            let about = |token: &str| told(issues.iter().find(|issue| issue.summary.ends_with(token)).unwrap());
            let reply = format!("-{round}-body");
            let (internal, public) = about("asked");
            assert!(internal.contains("a.log") && public.contains(&reply), "{product:?}: {internal} {public}");
            assert!(!public.contains("413") && !public.contains("a.log"), "customers read Jira's words: {public}");
            let (internal, public) = about("plain");
            assert!(internal.is_empty() && public.contains("a.log") && public.contains(&reply), "{internal} {public}");
        }
        // Where Jira refuses to tell whether it is a request, its words are kept from all.
        let refused = Effect::status(403, When::BeforeWrite);
        world.jira.add_fault(Fault::on("GET", "*/servicedeskapi/request/*", refused));
        replies_with_a_file(&world, "three").await;
        for issue in world.jira.issues().iter().filter(|issue| issue.summary.ends_with("asked")) {
            let (_, public) = told(issue);
            assert!(public.contains("-three-body") && public.contains("Not attached: a.log ("), "{public}");
            assert!(!public.contains("413"), "{public}");
        }
    }
}

async fn replies_with_a_file(world: &World, round: &str) {
    for token in ["asked", "plain"] {
        let reply = String::from_utf8(with_a_file(&format!("{token}-{round}"))).unwrap();
        let reply = reply.replacen("Cc:", &format!("In-Reply-To: <{token}@example.com>\r\nX-Cc:"), 1);
        world.inbox().deliver(reply.as_bytes()).unwrap();
    }
    world.clean_pass().await;
}
