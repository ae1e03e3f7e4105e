//! Recording: intent, outcome, and what is not known; and nobody records anything without the lease.

use std::future::Future;

use mail2jira::config::rule::Visibility;
use mail2jira::decide::ActionKind;
use mail2jira::jira::Written;
use mail2jira::jira::plan::{Marker, Source, Step, Write};
use mail2jira::store::delivery::{Amendment, Pause, PlanSummary, Settled, Stumble};
use mail2jira::store::entry::Stage;
use mail2jira::store::owed::Why;
use mail2jira::store::pictures::Picture;
use mail2jira::store::queries::Wish;
use mail2jira::store::steps::{Progress, Sent};
use mail2jira::store::{Lease, Ledger, StoreError};

use super::book::{Book, at, claim, comment, create, issue, on, on_both, plan};

fn pause(seconds: i64) -> Pause {
    Pause { until: at(seconds), reason: "Jira rests".to_owned() }
}

/// A message whose two steps are planned and whose first one is about to be sent.
async fn sending(book: &Book) -> Lease {
    book.new_message(book.letter(1)).await;
    let lease = book.claim_one(0).await;
    let (lease, steps) = book.ledger.record_planned(lease, vec![create(), comment()], plan(), at(0)).await.unwrap();
    assert_eq!(steps.iter().map(|step| step.position).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(lease.entry.stage, Stage::Planned);
    book.ledger.record_sending(lease, 0, at(5)).await.unwrap()
}

fn sent(from: i64, over: Option<i64>) -> Progress {
    Progress::Sent(Sent { at: at(from), over: over.map(at) })
}

async fn progress(book: &Book, lease: &Lease) -> Vec<Progress> {
    book.ledger.steps(lease.entry.id).await.unwrap().into_iter().map(|step| step.progress).collect()
}

#[test]
fn a_plan_comes_back_as_it_was_recorded_and_goes_from_intent_to_outcome() {
    on_both(async |book| {
        let lease = sending(book).await;
        let id = lease.entry.id;
        let steps = book.ledger.steps(id).await.unwrap();
        assert_eq!(steps.iter().map(|step| &step.step).collect::<Vec<_>>(), [&create(), &comment()]);
        assert_eq!(progress(book, &lease).await, [sent(5, None), Progress::Planned]);
        let wrote_issue = Written::Issue(issue(3));
        let lease = book.ledger.record_written(lease, (0, &wrote_issue), Some(1), at(6)).await.unwrap();
        assert_eq!((lease.entry.stage, &lease.entry.issue), (Stage::Sent, &Some(issue(3))));
        assert_eq!(progress(book, &lease).await, [Progress::Done(wrote_issue.clone()), sent(6, None)]);
        let wrote_comment = Written::Comment("77".to_owned());
        book.ledger.record_delivered(lease, Some((1, &wrote_comment)), at(7)).await.unwrap();
        let entry = book.ledger.entry(id).await.unwrap().unwrap();
        assert_eq!(
            (entry.stage, entry.issue, entry.comment_id),
            (Stage::Delivered, Some(issue(3)), Some("77".to_owned()))
        );
        assert_eq!((entry.action, entry.reason.as_str()), (Some(ActionKind::Create), "it is new"));
        assert_eq!(entry.settled_at, Some(at(7)));
        let owed = book.ledger.owed("support", 9).await.unwrap();
        assert_eq!((owed.len(), owed[0].id, owed[0].why), (1, id, Why::Delivered));
        let story: Vec<_> = book.ledger.story(id).await.unwrap().into_iter().map(|event| event.what).collect();
        assert_eq!(
            story[1..],
            [
                "planned: create in 2 steps, because it is new",
                "Jira has written issue SUP-3",
                "delivered: Jira has written comment 77"
            ]
        );
    });
}

#[test]
fn what_was_taken_away_from_jira_again_counts_as_written_no_more() {
    on_both(async |book| {
        let lease = sending(book).await;
        let id = lease.entry.id;
        let lease =
            book.ledger.record_written(lease, (0, &Written::Comment("77".to_owned())), Some(1), at(6)).await.unwrap();
        book.ledger.record_refused(lease, vec![0, 1], "all could see it", at(7)).await.unwrap();
        let progress = async || -> Vec<Progress> {
            book.ledger.steps(id).await.unwrap().into_iter().map(|step| step.progress).collect()
        };
        assert_eq!(progress().await, [Progress::Planned, Progress::Planned]);
        assert!(matches!(book.ledger.retry(id, at(8)).await.unwrap(), Wish::Granted));
        let lease = book.claim_one(9).await;
        let (lease, _) = book.ledger.record_planned(lease, vec![create(), comment()], plan(), at(9)).await.unwrap();
        let lease = book.ledger.record_sending(lease, 0, at(10)).await.unwrap();
        book.ledger.record_unknown(lease, 0, pause(11), at(10)).await.unwrap();
        assert_eq!(progress().await, [sent(10, Some(10)), Progress::Planned]);
    });
}

#[test]
fn what_a_plan_lacks_is_put_in_its_place_and_what_was_written_stays_written() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        let (id, steps) = (lease.entry.id, vec![comment(), create(), comment()]);
        let (lease, _) = book.ledger.record_planned(lease, steps, plan(), at(0)).await.unwrap();
        let written = [Written::Comment("77".to_owned()), Written::Change];
        let lease = book.ledger.record_sending(lease, 0, at(1)).await.unwrap();
        let lease = book.ledger.record_written(lease, (0, &written[0]), Some(1), at(2)).await.unwrap();
        let lease = book.ledger.record_written(lease, (1, &written[1]), Some(2), at(3)).await.unwrap();
        let proof =
            Step { marker: Marker("proof".to_owned()), write: Write::Prove { visibility: Visibility::Internal } };
        book.ledger.record_inserted(lease, 0, &proof, at(4)).await.unwrap();
        let steps = book.ledger.steps(id).await.unwrap();
        let told: Vec<_> = steps.iter().map(|step| (step.position, step.step.write.name(), &step.progress)).collect();
        let expected = [
            (0, "add the comment", &Progress::Done(written[0].clone())),
            (1, "prove who sees the comment", &Progress::Planned),
            (2, "create the issue", &Progress::Done(written[1].clone())),
            (3, "add the comment", &sent(3, None)),
        ];
        assert_eq!(told, expected);
    });
}

#[test]
fn a_picture_that_jira_holds_is_remembered_for_its_issue() {
    on_both(async |book| {
        let file = |picture: Option<&str>| Step {
            marker: create().marker,
            write: Write::Attach {
                audience: None,
                name: "logo.png".to_owned(),
                content_type: "image/png".to_owned(),
                size: 4,
                source: Source::Attachment(0),
                known: Vec::new(),
                picture: picture.map(str::to_owned),
            },
        };
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        let steps = vec![create(), file(Some("abc")), file(None), file(Some("abc"))];
        let (lease, _) = book.ledger.record_planned(lease, steps, plan(), at(0)).await.unwrap();
        let attached = |id: &str| Written::Attachment(id.to_owned());
        let lease = book.ledger.record_sending(lease, 0, at(0)).await.unwrap();
        let lease = book.ledger.record_written(lease, (0, &Written::Issue(issue(3))), Some(1), at(1)).await.unwrap();
        assert_eq!(book.ledger.pictures(&issue(3)).await.unwrap(), []);
        let lease = book.ledger.record_written(lease, (1, &attached("70")), Some(2), at(1)).await.unwrap();
        let lease = book.ledger.record_written(lease, (2, &attached("71")), Some(3), at(1)).await.unwrap();
        let known = |id: &str| [Picture { sha256: "abc".to_owned(), attachment_id: id.to_owned() }];
        assert_eq!(book.ledger.pictures(&issue(3)).await.unwrap(), known("70"));
        book.ledger.record_delivered(lease, Some((3, &attached("72"))), at(2)).await.unwrap();
        assert_eq!(book.ledger.pictures(&issue(3)).await.unwrap(), known("72"), "the newest, if it was attached again");
        assert_eq!(book.ledger.pictures(&issue(4)).await.unwrap(), []);
    });
}

#[test]
fn a_plan_goes_on_with_other_steps_where_jira_refused_one() {
    on_both(async |book| {
        let lease = sending(book).await;
        let id = lease.entry.id;
        let (lesser, last) = (Step { marker: create().marker, ..comment() }, comment());
        let steps = vec![(0, Some(lesser.clone())), (1, None), (2, Some(last.clone()))];
        let amendment = Amendment { steps, settled: Settled::LeftOut, said: "without the file".to_owned() };
        book.ledger.record_amended(lease, amendment, at(6)).await.unwrap();
        let found = book.ledger.steps(id).await.unwrap();
        let found: Vec<_> = found.iter().map(|step| (step.position, &step.step, &step.progress)).collect();
        assert_eq!(found, [(0, &lesser, &Progress::Planned), (2, &last, &Progress::Planned)]);
        let lease = book.claim_one(6).await; // at once
        assert_eq!((lease.entry.id, lease.entry.stage), (id, Stage::Planned));
        book.ledger.record_delivered(lease, None, at(7)).await.unwrap();
        assert_eq!(book.ledger.owed("support", 9).await.unwrap()[0].why, Why::Failed);
        assert_eq!(book.ledger.story(id).await.unwrap()[2].what, "without the file");
    });
}

#[test]
fn a_step_that_was_written_may_leave_the_next_one_unarmed() {
    on_both(async |book| {
        let lease = sending(book).await;
        let lease = book.ledger.record_written(lease, (0, &Written::Issue(issue(3))), None, at(6)).await.unwrap();
        assert_eq!(lease.entry.stage, Stage::Planned);
        assert_eq!(progress(book, &lease).await[1], Progress::Planned);
        let id = lease.entry.id;
        book.ledger.record_delivered(lease, None, at(7)).await.unwrap();
        assert_eq!(book.ledger.entry(id).await.unwrap().unwrap().stage, Stage::Delivered);
    });
}

#[test]
fn a_message_of_which_a_part_was_left_out_owes_what_a_failure_owes() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        let summary =
            PlanSummary { settled: Settled::LeftOut, action: ActionKind::Comment, issue: Some(issue(9)), ..plan() };
        let (lease, _) = book.ledger.record_planned(lease, vec![comment()], summary, at(0)).await.unwrap();
        assert_eq!(lease.entry.issue, Some(issue(9)));
        book.ledger.record_delivered(lease, Some((0, &Written::Comment("1".to_owned()))), at(1)).await.unwrap();
        assert_eq!(book.ledger.owed("support", 9).await.unwrap()[0].why, Why::Failed);
    });
}

#[test]
fn a_step_that_was_not_sent_is_planned_again_and_one_of_unknown_outcome_stays_sent() {
    on_both(async |book| {
        let lease = sending(book).await;
        book.ledger.record_not_sent(lease, 0, pause(60), at(6)).await.unwrap();
        let lease = book.claim_one(60).await;
        assert_eq!((lease.entry.stage, lease.entry.attempts), (Stage::Planned, 1));
        assert_eq!(progress(book, &lease).await, [Progress::Planned, Progress::Planned]);
        let lease = book.ledger.record_sending(lease, 0, at(61)).await.unwrap();
        book.ledger.record_unknown(lease, 0, pause(90), at(62)).await.unwrap();
        assert_eq!(book.ledger.open_until(None, 0).await.unwrap(), 1, "an unknown outcome is waited for");
        let lease = book.claim_one(90).await;
        assert_eq!(lease.entry.stage, Stage::Sent);
        assert_eq!(
            progress(book, &lease).await[0],
            sent(61, Some(62)),
            "from when, and until when, it may have been written"
        );
        let lease = book.ledger.record_not_found(lease, 0, at(300)).await.unwrap();
        assert_eq!((lease.entry.stage, lease.entry.unknowns), (Stage::Planned, 1));
        assert_eq!(progress(book, &lease).await[0], Progress::Planned);
        book.ledger.record_replan(lease, "the issue is gone", at(301)).await.unwrap();
        let lease = book.claim_one(301).await;
        assert_eq!((lease.entry.stage, &lease.entry.issue, lease.entry.unknowns), (Stage::Received, &None, 1));
        assert!(progress(book, &lease).await.is_empty());
    });
}

#[test]
fn what_waits_for_a_time_that_only_a_wrong_clock_can_name_is_called_back() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        book.ledger.record_delayed(lease, pause(90_000)).await.unwrap();
        assert_eq!(book.ledger.recall_misdated(at(10), at(90_000)).await.unwrap(), 0, "it is no later than that");
        assert_eq!(book.ledger.recall_misdated(at(10), at(50_000)).await.unwrap(), 1);
        assert_eq!(book.ledger.next_due().await.unwrap(), Some(at(10)));
    });
}

#[test]
fn what_is_ignored_or_set_aside_is_settled_with_its_reason() {
    on_both(async |book| {
        for number in [1, 2] {
            book.new_message(book.letter(number)).await;
        }
        let [first, second] = <[_; 2]>::try_from(book.claim(0).await).unwrap();
        book.ledger.record_ignored(first, "an out-of-office note", at(1)).await.unwrap();
        book.ledger.record_quarantined(second, "Jira refused it", at(1)).await.unwrap();
        let owed = book.ledger.owed("support", 9).await.unwrap();
        assert_eq!(owed.iter().map(|owed| owed.why).collect::<Vec<_>>(), [Why::Ignored, Why::Failed]);
        let entry = book.ledger.entry(owed[1].id).await.unwrap().unwrap();
        assert_eq!(
            (entry.stage, entry.action, entry.reason.as_str()),
            (Stage::Quarantined, Some(ActionKind::Quarantine), "Jira refused it")
        );
    });
}

#[test]
fn panics_are_counted_and_failures_of_the_ledger_are_not() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        for (stumble, panics) in [(Stumble::Ledger, 0), (Stumble::Panic, 1)] {
            let lease = book.claim_one(0).await;
            let (id, token) = (lease.entry.id, lease.token);
            book.ledger.record_stumble(id, token, stumble, pause(0)).await.unwrap();
            assert_eq!(book.ledger.entry(id).await.unwrap().unwrap().panics, panics);
        }
        let lease = book.claim_one(0).await;
        book.ledger.quarantine_stumbled(lease.entry.id, lease.token, "five panics", at(1)).await.unwrap();
        assert_eq!(book.ledger.entry(lease.entry.id).await.unwrap().unwrap().stage, Stage::Quarantined);
    });
}

/// Claims the only message, lets somebody else claim it after the lease ran out, and records with the old lease.
async fn too_late<T, F: Future<Output = Result<T, StoreError>>>(book: &Book, record: impl FnOnce(Ledger, Lease) -> F) {
    let now = book.ask("SELECT MAX(lease_until) FROM messages").parse::<i64>().unwrap().max(at(0).as_millisecond())
        / 1000
        - 1_800_000_000;
    let lost = claim(&book.ledger, "slow", 1, now).await.remove(0);
    let id = lost.entry.id;
    let taken = claim(&book.ledger, "quick", 1, now + 1_000).await.remove(0);
    let before = book.ask("SELECT * FROM messages");
    let refused = record(book.ledger.clone(), lost).await.err();
    assert!(matches!(refused, Some(StoreError::LeaseLost(lost)) if lost == id), "{refused:?}");
    assert_eq!(book.ask("SELECT * FROM messages"), before);
    assert_eq!(book.ask("SELECT COUNT(*) FROM story"), "1");
    book.ledger.renew(id, taken.token, at(now + 1_000)).await.unwrap();
}

#[test]
fn a_lost_lease_records_nothing_whatever_it_is_handed_in_with() {
    on_both(async |book| {
        book.new_message(book.letter(1)).await;
        let written = &Written::Issue(issue(1));
        too_late(book, async |ledger, lease| ledger.record_planned(lease, vec![create()], plan(), at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_sending(lease, 0, at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_written(lease, (0, written), None, at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_delivered(lease, Some((0, written)), at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_ignored(lease, "x", at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_quarantined(lease, "x", at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_not_sent(lease, 0, pause(9), at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_unknown(lease, 0, pause(9), at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_not_found(lease, 0, at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_replan(lease, "x", at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.release(lease, pause(9)).await).await;
        too_late(book, async |ledger, lease| ledger.renew(lease.entry.id, lease.token, at(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_not_begun(lease, 0, pause(9)).await).await;
        too_late(book, async |ledger, lease| ledger.record_over(lease, 0, at(9)).await).await;
        too_late(book, async |ledger, lease| {
            ledger.record_stumble(lease.entry.id, lease.token, Stumble::Panic, pause(9)).await
        })
        .await;
        too_late(book, async |ledger, lease| ledger.quarantine_stumbled(lease.entry.id, lease.token, "x", at(9)).await)
            .await;
    });
}

/// PostgreSQL alone can be in the middle of both at once.
#[test]
fn a_lease_that_is_renewed_at_the_moment_of_a_claim_stays_where_it_is() {
    on(super::book::Kind::Postgres, &async |book| {
        book.new_message(book.letter(1)).await;
        let lease = book.claim_one(0).await;
        let mut holder = postgres_client(&book.url);
        let (until, id) = (at(100_000).as_millisecond(), lease.entry.id.0);
        let renewal = format!("BEGIN; UPDATE messages SET lease_until = {until} WHERE id = {id}");
        holder = blocking(move || {
            holder.batch_execute(&renewal).unwrap();
            holder
        })
        .await;
        let other = book.ledger.clone();
        let mut tasks = tokio::task::JoinSet::new();
        let claiming = tasks.spawn(async move { claim(&other, "other", 9, 1_000).await });
        let waits =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while book.ask(waits) == "0" {
            assert!(!claiming.is_finished(), "the claim did not wait for the renewal");
        }
        blocking(move || holder.batch_execute("COMMIT").unwrap()).await;
        assert!(tasks.join_next().await.unwrap().unwrap().is_empty());
        book.ledger.renew(lease.entry.id, lease.token, at(1_001)).await.unwrap();
    });
}

fn postgres_client(url: &str) -> postgres::Client {
    let url = url.to_owned();
    std::thread::spawn(move || postgres::Client::connect(&url, postgres::NoTls).unwrap()).join().unwrap()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
