//! A step that Jira did not take: what becomes of it and of its message.

use super::{Sending, later};
use crate::config::rule::Visibility;
use crate::failure::Verdict;
use crate::jira::JiraError;
use crate::jira::Progress::Finished;
use crate::jira::plan::Write;
use crate::pipeline::{backoff, chance, concession};
use crate::store::delivery::Pause;
use crate::store::steps::PlannedStep;
use crate::store::{Lease, StoreError};

impl Sending<'_, '_> {
    /// Puts a failed step to rest, as its verdict demands.
    pub(super) async fn failed(&self, lease: Lease, step: &PlannedStep, error: &JiraError) -> Result<(), StoreError> {
        let (ledger, now) = (&self.ctx.ledger, self.ctx.now());
        tracing::warn!(entry = lease.entry.id.0, step = step.position, error = %error, "Jira did not take a write");
        let refused = concession::Refused { step, steps: &self.steps, error };
        let Some(lease) = concession::concede(self.ctx, lease, &refused).await? else { return Ok(()) };
        if error.issue_is_gone(&step.step.write) {
            self.ctx.with_gate(|gate| gate.answered(now));
            return self.issue_is_gone(lease, step, error).await;
        }
        if self.takes_no_more(&lease, step, error).await {
            self.ctx.with_gate(|gate| gate.answered(now));
            return ledger.record_replan(lease, &error.message, now).await;
        }
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

    /// Whether the issue is what refuses a comment: it is full (413), or finished and closed to changes. The message then goes on
    /// in an issue of its own, if it is for all.
    async fn takes_no_more(&self, lease: &Lease, step: &PlannedStep, error: &JiraError) -> bool {
        let is_public = matches!(&step.step.write, Write::AddComment { visibility: Visibility::Public, .. });
        match (error.status, &lease.entry.issue) {
            (Some(413), Some(_)) => is_public && step.position == 0,
            (Some(400 | 403), Some(issue)) if is_public && step.position == 0 => {
                let existing = self.ctx.jira().issue(issue).await;
                existing.is_ok_and(|issue| issue.is_some_and(|issue| issue.progress == Finished))
            }
            (_, _) => false,
        }
    }
}
