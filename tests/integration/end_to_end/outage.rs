//! Answers that were lost, a program that was killed, a Jira that is down: nothing is doubled, and all goes on in order.

use std::time::Duration;

use sandbox::dovecot::Flag;
use sandbox::jira::Availability;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::{Product, SentProperties};

use super::PRODUCTS;
use super::world::{World, mail};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_after_the_write_doubles_nothing() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "[limits]\nsettle = \"3s\"", "start = \"all\"").await;
        world.jira.configure(|settings| settings.search_lag = Duration::from_secs(1));
        for path in ["*/issue", "*/issue/*/comment", "*/issue/*/attachments"] {
            world.jira.add_fault(Fault::on("POST", path, Effect::Cut { when: When::AfterWrite }).times(1));
        }
        let with_file = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
        let mut first = String::from_utf8(mail("first", with_file)).unwrap();
        first = first.replace("\r\n\r\n", "\r\n\r\n--b\r\n\r\n");
        first.push_str(
            "--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n1;2\r\n--b--\r\n",
        );
        world.inbox().deliver(first.as_bytes()).unwrap();
        world.inbox().deliver(&mail("second", "References: <first@example.com>\r\n")).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issues = world.jira.issues();
        assert_eq!(issues.len(), 1);
        assert_eq!((issues[0].comments.len(), issues[0].attachments.len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_goes_on_where_it_was() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "[limits]\nsettle = \"3s\"", "start = \"all\"").await;
        world.jira.add_fault(
            Fault::on("POST", "*/issue", Effect::Delay { min_ms: 1_500, max_ms: 1_500, when: When::AfterWrite })
                .times(1),
        );
        let mut daemon = world.daemon();
        world.inbox().deliver(&mail("first", "")).unwrap();
        world.until("the request is on its way", async || !world.jira.issues().is_empty()).await;
        daemon.kill().await.unwrap();
        world.clean_pass().await;
        assert_eq!(world.jira.issues().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_does_not_wait_for_a_jira_that_is_down() {
    let world = World::authorized("", "start = \"all\"").await;
    world.inbox().deliver(&mail("first", "")).unwrap();
    world.inbox().deliver(&mail("second", "References: <first@example.com>\r\n")).unwrap();
    world.jira.set_availability(Availability::Down).await;
    let output = world.pass().await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(world.inbox().mails().unwrap().iter().filter(|mail| mail.has(Flag::Seen)).count(), 0);
    world.jira.set_availability(Availability::Up).await;
    world.until("both are written", async || world.pass().await.status.success()).await;
    assert_eq!((world.written("first-body"), world.written("second-body")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_keeps_flowing_in_while_jira_is_down_and_is_delivered_in_order_afterwards() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        world.jira.set_availability(Availability::Down).await;
        let mut daemon = world.daemon();
        for number in 0..20 {
            let ancestors = if number == 0 { String::new() } else { "References: <mail0@example.com>\r\n".to_owned() };
            world.inbox().deliver(&mail(&format!("mail{number}"), &ancestors)).unwrap();
        }
        let backlog = async || {
            let status = world.json(&["status", "--json"]).await;
            status["messages"]["pending"].as_u64().unwrap() + status["messages"]["deferred"].as_u64().unwrap()
        };
        world.until("all mail is in the ledger", async || backlog().await == 20).await;
        world.until("it watches all the same", async || world.state().await == "watching").await;
        world.jira.set_availability(Availability::Up).await;
        world.until("everything is delivered", async || world.written("-body") == 20).await;
        let issues = world.jira.issues();
        assert_eq!(issues.len(), 1);
        let order: Vec<bool> = issues[0]
            .comments
            .iter()
            .enumerate()
            .map(|(n, comment)| comment.body.to_string().contains(&format!("mail{}-body", n + 1)))
            .collect();
        assert!(order.iter().all(|right| *right), "{order:?}");
        daemon.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_center_that_drops_properties_gets_its_markers_afterwards_and_doubles_nothing() {
    let world = World::authorized_on(Product::DataCenter, "[limits]\nsettle = \"3s\"", "start = \"all\"").await;
    world.jira.configure(|settings| settings.sent_properties = SentProperties::Dropped);
    for path in ["*/issue", "*/issue/*/comment"] {
        world.jira.add_fault(Fault::on("POST", path, Effect::Cut { when: When::AfterWrite }).times(1));
    }
    world.inbox().deliver(&mail("first", "")).unwrap();
    world.inbox().deliver(&mail("second", "References: <first@example.com>\r\n")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    let issues = world.jira.issues();
    assert_eq!((issues.len(), issues[0].comments.len()), (1, 1));
    assert!(issues[0].properties.contains_key("mail2jira.origin"));
    assert!(issues[0].comments[0].properties.contains_key("mail2jira.origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_message_made_is_not_taken_for_ones_own_though_it_says_the_same() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "[limits]\nsettle = \"3s\"", "start = \"all\"").await;
        world.jira.configure(|settings| settings.sent_properties = SentProperties::Dropped);
        world.jira.add_fault(Fault::on("PUT", "*/properties/*", Effect::status(403, When::BeforeWrite)));
        let alarm = String::from_utf8(mail("alarm", "")).unwrap();
        for round in ["first", "second"] {
            let alarm = alarm.replace("<alarm@", &format!("<{round}@"));
            world.inbox().deliver(alarm.as_bytes()).unwrap();
            world.clean_pass().await;
            world.jira.add_fault(Fault::on("POST", "*/issue", Effect::status(502, When::BeforeWrite)).times(1));
        }
        assert_eq!(world.jira.issues().len(), 2, "{product:?}");
    }
}
