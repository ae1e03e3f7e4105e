//! A step that Jira did not take: what becomes of it and of its message.

use super::Sending;
use crate::config::rule::Visibility;
use crate::failure::{Scope, Verdict};
use crate::jira::Progress::Finished;
use crate::jira::plan::Write;
use crate::jira::{Commenting, JiraError};
use crate::pipeline::backoff::{self, later};
use crate::pipeline::chance;
use crate::pipeline::concession::{self, Conceded};
use crate::store::delivery::Pause;
use crate::store::steps::PlannedStep;
use crate::store::{Lease, StoreError};

/// So often a message is refused in vain before it may be to blame itself.
const REFUSALS: u32 = 3;

impl Sending<'_, '_> {
    /// Puts a failed step to rest, as its verdict demands.
    pub(super) async fn failed(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        tracing::warn!(entry = lease.entry.id.0, step = step.position, error = %error, "Jira did not take a write");
        let error = &self.blamed(&lease, step, error.clone());
        // Before anything is left out: a text that is not minded stays as it is.
        match self.commenting(&lease, step, error).await {
            Ok(Commenting::Allowed) => {}
            Ok(Commenting::NotHere) => return self.takes_no_more(lease, step, error).await,
            Ok(Commenting::NotInProject) => {
                let verdict = Verdict::Halt(Scope::Project);
                return self.not_written(lease, step, &JiraError { verdict, ..error.clone() }).await;
            }
            Err(unanswered) => return self.not_written(lease, step, &of_question(unanswered)).await,
        }
        let refused = concession::Refused { step, steps: &self.steps, error };
        let lease = match concession::concede(self.ctx, lease, &refused).await? {
            Conceded::Lesser => return Ok(()),
            Conceded::Nothing(lease) => lease,
            Conceded::Unanswered(lease, unanswered) => {
                return self.not_written(lease, step, &of_question(unanswered)).await;
            }
        };
        if error.issue_is_gone(&step.step.write) {
            self.ctx.with_gate(|gate| gate.answered(self.ctx.now()));
            return self.issue_is_gone(lease, step, error).await;
        }
        match self.is_full_or_finished(&lease, step, error).await {
            Ok(true) => self.takes_no_more(lease, step, error).await,
            Ok(false) => self.not_written(lease, step, error).await,
            Err(unanswered) => self.not_written(lease, step, &of_question(unanswered)).await,
        }
    }

    /// A 400 that is not in Jira's own form may be about every message (a proxy that is set up wrongly) or about this one (a firewall
    /// that minds its text): it is about this one when it comes again and again, while Jira takes the like of it from others.
    fn blamed(&self, lease: &Lease, step: &PlannedStep, error: JiraError) -> JiraError {
        let is_anybodys = error.status == Some(400) && error.fields.is_empty();
        let again = lease.entry.attempts >= REFUSALS;
        let last_like_it = self.ctx.with_gate(|gate| gate.last_write_like(step.step.write.project()));
        match error.verdict {
            Verdict::Halt(_) if is_anybodys && again && self.is_recent(last_like_it) => {
                JiraError { verdict: Verdict::Quarantine, ..error }
            }
            Verdict::Retry(_) | Verdict::Unknown | Verdict::Quarantine | Verdict::Halt(_) => error,
        }
    }

    /// Puts a step to rest of which nothing takes the place.
    async fn not_written(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let (ledger, now) = (&self.ctx.ledger, self.ctx.now());
        let verdict = error.verdict();
        let project = step.step.write.project();
        self.ctx.jira_failed(error, project);
        let shut = self.ctx.with_gate(|gate| {
            gate.shut().or_else(|| project.and_then(|project| gate.shut_project(project, now))).map(|shut| shut.until)
        });
        let reason = error.message.clone();
        match verdict {
            Verdict::Retry(_) | Verdict::Halt(_) => {
                let asked = verdict.asked();
                let until =
                    shut.unwrap_or_else(|| later(now, backoff::delivery(lease.entry.attempts, asked, chance())));
                ledger.record_not_sent(lease, step.position, Pause { until, reason }, now).await
            }
            Verdict::Unknown => {
                let until = backoff::next_look(now, now, self.settle).unwrap_or(now);
                ledger.record_unknown(lease, step.position, Pause { until, reason }, now).await
            }
            Verdict::Quarantine => ledger.record_refused(lease, self.undone_by(step), &reason, now).await,
        }
    }

    /// Positions of the steps of which nothing is written once this one is refused: a comment that all could see was taken away,
    /// with all that was done to it.
    fn undone_by(&self, refused: &PlannedStep) -> Vec<u32> {
        let is_comment = |step: &&PlannedStep| step.step.write.audience().is_some();
        let until_then = || self.steps.iter().filter(|step| step.position <= refused.position);
        let is_proof = matches!(refused.step.write, Write::Prove { .. });
        let comment = until_then().rfind(is_comment).filter(|_| is_proof).unwrap_or(refused);
        let later = until_then().filter(|step| step.position >= comment.position);
        let undone = later.filter(|step| step.position == refused.position || step.step.write.is_about_a_comment());
        undone.map(|step| step.position).collect()
    }

    /// The issue was deleted, or may not be seen. If nothing is written yet, the message is decided on again.
    async fn issue_is_gone(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let issue = lease.entry.issue.as_ref().map(ToString::to_string).unwrap_or_default();
        let reason = format!("issue {issue} is gone, or may not be seen");
        if step.position == 0 {
            return self.ctx.ledger.record_replan(lease, &reason, self.ctx.now()).await;
        }
        // Of a proof the error says what that means.
        let reason = if matches!(step.step.write, Write::Prove { .. }) { &error.message } else { &reason };
        self.ctx.ledger.record_refused(lease, vec![step.position], reason, self.ctx.now()).await
    }

    /// Whether we may comment on the issue that has refused a comment, and blames nothing in it. What Jira refuses to tell proves
    /// nothing, unless it refuses us altogether.
    async fn commenting(&self, lease: &Lease, step: &PlannedStep, error: &JiraError) -> Result<Commenting, JiraError> {
        let is_comment = step.step.write.audience().is_some();
        let blames_nothing = matches!(error.status, Some(400 | 403)) && error.fields.is_empty();
        let Some(issue) =
            lease.entry.issue.as_ref().filter(|_| is_comment && error.is_about_one_thing() && blames_nothing)
        else {
            return Ok(Commenting::Allowed);
        };
        Ok(JiraError::or_refused(self.ctx.jira().commenting(issue).await)?.unwrap_or(Commenting::Allowed))
    }

    /// The issue takes no more comments. A message that is for all goes on in an issue of its own; what is for some, or
    /// what more there is to say of a message that Jira has, is for a person to look at.
    async fn takes_no_more(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let now = self.ctx.now();
        self.ctx.with_gate(|gate| gate.answered(now));
        if step.position == 0 && is_public(step) {
            return self.ctx.ledger.record_replan(lease, &error.message, now).await;
        }
        self.ctx.ledger.record_refused(lease, self.undone_by(step), &error.message, now).await
    }

    /// Whether the issue is what refuses a comment for all: it is full (413), or finished and closed to changes.
    async fn is_full_or_finished(
        &self,
        lease: &Lease,
        step: &PlannedStep,
        error: &JiraError,
    ) -> Result<bool, JiraError> {
        let is_message = step.position == 0 && is_public(step);
        match (error.status, &lease.entry.issue) {
            (Some(413), Some(_)) => Ok(is_message),
            (Some(400 | 403), Some(issue)) if is_message && error.is_about_one_thing() => {
                let existing = JiraError::or_refused(self.ctx.jira().issue(issue).await)?.flatten();
                Ok(existing.is_some_and(|issue| issue.progress == Finished))
            }
            (_, _) => Ok(false),
        }
    }
}

/// The error of a question that was asked after the write was refused: of the write it leaves nothing unknown.
fn of_question(error: JiraError) -> JiraError {
    match error.verdict() {
        Verdict::Unknown => JiraError { verdict: Verdict::Retry(None), ..error },
        Verdict::Retry(_) | Verdict::Halt(_) | Verdict::Quarantine => error,
    }
}

fn is_public(step: &PlannedStep) -> bool {
    step.step.write.audience() == Some(&Visibility::Public)
}
