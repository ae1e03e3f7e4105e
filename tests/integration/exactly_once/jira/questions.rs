//! What the program asks this Jira, and how the answers go wrong.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use mail2jira::clock::Clock;
use mail2jira::failure::Verdict;
use mail2jira::jira::plan::{Step, Write};
use mail2jira::jira::{
    Among, Commenting, ExistingIssue, FieldSchema, Flavour, Form, FormField, IssueRef, Jira, JiraError, Nature, Need,
    Payload, Progress, RequestForm, Target, UploadLimit, WayBack, Written,
};

use super::{Issue, SimulatedJira, State, failed};
use crate::exactly_once::faults::Sabotage;

/// How long an upload may take on a slow line.
const SLOW_UPLOAD: Duration = Duration::from_secs(600);

impl Jira for SimulatedJira {
    fn apply<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        content: Option<Payload>,
    ) -> BoxFuture<'a, Result<Written, JiraError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().insert(step.marker.clone(), self.clock.now());
            self.faults.pause(2.0).await;
            if self.faults.strike("Jira was slow", 0.2) {
                self.faults.pause(55.0).await; // a request is given up after a minute
            }
            if matches!(step.write, Write::Attach { .. }) && self.faults.strike("an upload took minutes", 0.1) {
                self.faults.pause(SLOW_UPLOAD.as_secs_f64()).await;
            }
            self.write_what_is_late();
            self.before_writing(&step.write)?;
            if !matches!(step.write, Write::Prove { .. }) && self.faults.strike("Jira failed, and wrote later", 0.05) {
                self.put_off(step, target, content);
                return Err(self.unknown());
            }
            let written = self.write(step, target, content.as_ref(), self.clock.now())?;
            self.faults.pause(2.0).await;
            if self.faults.strike("Jira wrote, and its answer was lost", 0.08) {
                return Err(self.unknown());
            }
            if self.faults.strike("Jira wrote, and answered after the lease was over", 0.01) {
                self.faults.pause(900.0).await;
            }
            Ok(written)
        })
    }

    fn look_up<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        sent_at: Timestamp,
        claimed: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Written>, JiraError>> {
        Box::pin(async move {
            self.judge_intent(step, sent_at);
            self.faults.pause(1.0).await;
            self.write_what_is_late();
            if self.sabotage == Sabotage::RepeatWithoutLooking {
                return Ok(None);
            }
            // Whoever takes a failure for an answer goes wrong only when the last of several look-ups fails.
            let takes_failures = self.sabotage == Sabotage::FailedLookUpTakenAsNotThere;
            if self.faults.strike("a look-up failed", if takes_failures { 0.6 } else { 0.15 }) {
                return if takes_failures { Ok(None) } else { Err(failed(Verdict::Retry(None))) };
            }
            if let Write::Prove { .. } = &step.write {
                return self.write(step, target, None, self.clock.now()).map(Some);
            }
            Ok(self.find(step, target, claimed))
        })
    }

    fn issue<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Option<ExistingIssue>, JiraError>> {
        Box::pin(async move {
            self.write_what_is_late();
            if self.faults.strike("a question about an issue failed", 0.05) {
                return Err(failed(Verdict::Retry(None)));
            }
            let issues = self.issues.lock().unwrap();
            let found = issues.iter().find(|candidate| candidate.id == issue.id && !candidate.deleted);
            Ok(found.map(|found| ExistingIssue {
                issue: IssueRef { id: found.id.clone(), key: "SUP-0".to_owned() },
                created: None,
                progress: match found.state {
                    State::Open | State::Full | State::Archived => Progress::Open,
                    State::Finished | State::FinishedForGood => Progress::Finished,
                },
                attachments: found.attachments.clone(),
            }))
        })
    }

    fn involved<'a>(&'a self, _: &'a IssueRef) -> BoxFuture<'a, Result<Vec<String>, JiraError>> {
        Box::pin(async {
            match self.faults.strike("a question about people failed", 0.05) {
                true => Err(failed(Verdict::Retry(None))),
                false => Ok(vec!["ann@example.com".to_owned()]),
            }
        })
    }

    fn flavour(&self) -> BoxFuture<'_, Result<Flavour, JiraError>> {
        Box::pin(async { Ok(Flavour::Cloud) })
    }

    fn known_flavour(&self) -> Option<Flavour> {
        Some(Flavour::Cloud)
    }

    fn upload_limit(&self) -> BoxFuture<'_, Result<UploadLimit, JiraError>> {
        Box::pin(async { Ok(UploadLimit::Bytes(10 << 20)) })
    }

    fn can_reopen<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<WayBack, JiraError>> {
        Box::pin(async move {
            if self.faults.strike("a question about transitions failed", 0.1) {
                return Err(failed(Verdict::Retry(None)));
            }
            let issues = self.issues.lock().unwrap();
            let closed = |found: &&Issue| found.id == issue.id && found.state == State::FinishedForGood;
            Ok(if issues.iter().any(|found| closed(&found)) { WayBack::Closed } else { WayBack::Open })
        })
    }

    fn user<'a>(&'a self, address: &'a str, _: Among<'a>) -> BoxFuture<'a, Result<Option<String>, JiraError>> {
        Box::pin(async move {
            match self.faults.strike("a question about a person failed", 0.05) {
                true => Err(failed(Verdict::Retry(None))),
                false => Ok(Some(address.to_owned())),
            }
        })
    }

    fn project_lead<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<String>, JiraError>> {
        Box::pin(async { Ok(None) }) // nobody asks here
    }

    fn form<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Arc<Form>, JiraError>> {
        Box::pin(async { Ok(Arc::default()) })
    }

    fn commenting<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Commenting, JiraError>> {
        Box::pin(async move {
            if self.faults.strike("a question about permissions failed", 0.1) {
                return Err(failed(Verdict::Retry(None)));
            }
            let issues = self.issues.lock().unwrap();
            let open = |found: &Issue| found.id == issue.id && !found.deleted && found.state != State::Archived;
            Ok(if issues.iter().any(open) { Commenting::Allowed } else { Commenting::NotHere })
        })
    }

    fn nature<'a>(&'a self, _: &'a IssueRef) -> BoxFuture<'a, Result<Nature, JiraError>> {
        Box::pin(async {
            match self.faults.strike("a question about a request failed", 0.05) {
                true => Err(failed(Verdict::Retry(None))),
                false => Ok(Nature::Request),
            }
        })
    }

    fn request_form<'a>(&'a self, _: &'a str, kind: &'a str) -> BoxFuture<'a, Result<RequestForm, JiraError>> {
        Box::pin(async move {
            if self.faults.strike("a question about a form failed", 0.05) {
                return Err(failed(Verdict::Retry(None)));
            }
            Ok(RequestForm {
                desk: "4".to_owned(),
                request_type: kind.to_owned(),
                fields: ["summary", "description"].map(|id| (id.to_owned(), optional_field())).into(),
                raises_for_customers: true,
                takes_participants: true,
            })
        })
    }

    fn finish<'a>(&'a self, _: &'a IssueRef) -> BoxFuture<'a, Result<(), JiraError>> {
        Box::pin(async { Ok(()) }) // no alert is configured here
    }

    fn reach(&self) -> BoxFuture<'_, Result<(), JiraError>> {
        Box::pin(async {
            match self.faults.strike("Jira was still away", 0.3) {
                true => Err(failed(Verdict::Retry(None))),
                false => Ok(()),
            }
        })
    }
}

fn optional_field() -> FormField {
    FormField { name: String::new(), schema: FieldSchema::default(), need: Need::Optional }
}
