//! Every way in which a call can go wrong.

use std::time::Duration;

use sandbox::jira::Availability;
use sandbox::jira::faults::{Chaos, Effect, Fault, Looks, When};
use serde_json::json;

use super::{MARKER, Visitor, read, until};

/// A fault, the status that the client sees (if it sees one), and how many issues there are then.
fn every_fault() -> Vec<(Effect, Option<u16>, usize)> {
    use When::{AfterWrite, BeforeWrite};
    let html = |when| Effect::Status { status: 502, when, looks: Looks::Html };
    let busy = Effect::Busy { retry_after_s: 7, reason: "jira-burst-based".to_owned() };
    let mut faults: Vec<_> =
        [401, 403, 404, 413, 503].map(|status| (Effect::status(status, BeforeWrite), Some(status), 0)).to_vec();
    faults.extend([
        (Effect::status(500, AfterWrite), Some(500), 1),
        (html(BeforeWrite), Some(502), 0),
        (html(AfterWrite), Some(502), 1),
        (busy, Some(429), 0),
        (Effect::Cut { when: BeforeWrite }, None, 0),
        (Effect::Cut { when: AfterWrite }, None, 1),
        (Effect::CutMidBody, None, 1),
        (Effect::Hang { when: BeforeWrite, ms: 20 }, None, 0),
        (Effect::Hang { when: AfterWrite, ms: 20 }, None, 1),
    ]);
    faults
}

#[tokio::test]
async fn a_fault_before_the_write_writes_nothing_and_one_after_it_writes_all() {
    for (effect, status, writes) in every_fault() {
        let visitor = Visitor::new().await;
        visitor.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", effect.clone()).times(1));
        read(visitor.get("/myself").send().await.unwrap(), 200).await;
        let answer = match visitor.create("m").send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer.bytes().await.ok().map(|_| status)
            }
            Err(_) => None,
        };
        assert_eq!(answer, status, "{effect:?}");
        assert_eq!(visitor.jira.issues().len(), writes, "{effect:?}");
        let entry = visitor.jira.requests().pop().unwrap();
        assert_eq!((entry.status, entry.handled), (status, (writes == 1).then_some(201)), "{effect:?}");
        visitor.created("again").await;
        assert_eq!(visitor.jira.issues().len(), writes + 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_fault_shows_what_a_client_must_go_by() {
    let visitor = Visitor::new().await;
    let busy = Effect::Busy { retry_after_s: 7, reason: "jira-per-issue-on-write".to_owned() };
    visitor.jira.add_fault(Fault::on("POST", "*/comment", busy).times(1));
    let (id, _) = visitor.created("m").await;
    let answer = visitor.comment(&id, "c").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.headers()["ratelimit-reason"], "jira-per-issue-on-write");
    let html = Effect::Status { status: 503, when: When::BeforeWrite, looks: Looks::Html };
    visitor.jira.add_fault(Fault::always(html));
    let answer = visitor.get("/myself").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    visitor.jira.heal();
    read(visitor.get("/myself").send().await.unwrap(), 200).await;
}

#[tokio::test]
async fn a_write_that_its_client_gave_up_on_takes_place_all_the_same() {
    let visitor = Visitor::new().await;
    visitor.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", Effect::delay(Duration::from_secs(4))));
    let error = visitor.create("late").timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(visitor.jira.issues().len(), 0);
    until(|| visitor.jira.issues().len() == 1).await;
}

#[tokio::test]
async fn chaos_loses_answers_but_never_a_write_that_was_answered_with_201() {
    let visitor = Visitor::new().await;
    visitor.jira.set_chaos(Chaos { hang_ms: 5, slow_ms: 5, ..Chaos::mix(3, 0.6) });
    let (mut answered, mut failed) = (Vec::new(), 0);
    for number in 0..150 {
        let marker = format!("m-{number}");
        let sent = visitor.create(&marker).send().await;
        let status = sent.as_ref().map(|answer| answer.status().as_u16()).unwrap_or_default();
        let whole = match sent {
            Ok(answer) => answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        if status == 201 && whole {
            answered.push(marker);
        } else {
            failed += 1;
        }
    }
    visitor.jira.heal();
    let written: Vec<String> =
        visitor.jira.issues().iter().map(|issue| issue.properties[MARKER].as_str().unwrap().to_owned()).collect();
    assert!(answered.iter().all(|marker| written.contains(marker)));
    assert!(failed > 40 && written.len() > answered.len(), "{failed} failed, {} written", written.len());
    read(visitor.get("/myself").send().await.unwrap(), 200).await;
}

#[tokio::test]
async fn a_jira_that_is_down_refuses_connections_and_comes_back_on_the_same_port_with_all_it_held() {
    let visitor = Visitor::new().await;
    visitor.created("m").await;
    visitor.jira.add_fault(Fault::on("GET", "*", Effect::Hang { when: When::BeforeWrite, ms: 60_000 }));
    let waiting = visitor.get("/myself").send();
    let down = async {
        until(|| visitor.jira.max_concurrent_requests() == 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        visitor.jira.set_availability(Availability::Down).await;
    };
    let (waited, ()) = tokio::join!(waiting, down);
    assert!(waited.is_err());
    assert!(visitor.get("/myself").send().await.unwrap_err().is_connect());
    visitor.jira.heal();
    let up = visitor.client.post(format!("{}/_control", visitor.jira.control_url())).json(&json!({"down": false}));
    assert_eq!(read(up.send().await.unwrap(), 200).await["up"], true);
    read(visitor.get("/issue/SUP-1").send().await.unwrap(), 200).await;
}
