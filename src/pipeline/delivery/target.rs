//! What Jira holds of a message already, and which part of that a step is about. Writes nothing.

use super::Sending;
use crate::jira::plan::Write;
use crate::jira::{ExistingAttachment, Target, Written};
use crate::store::steps::{PlannedStep, Progress};
use crate::store::{Lease, StoreError};

impl Sending<'_, '_> {
    /// What Jira holds of a message that a step may be about, as far as it is recorded.
    pub(super) fn target<'t>(&'t self, lease: &'t Lease, step: &PlannedStep) -> Target<'t> {
        let comment = comment_of(&self.steps, step).or(lease.entry.comment_id.as_deref());
        Target { issue: lease.entry.issue.as_ref(), comment, attached: &[] }
    }

    /// The files that this message has brought to the issue so far, where a text is to show them.
    pub(super) async fn attached(
        &self,
        lease: &Lease,
        step: &PlannedStep,
    ) -> Result<Vec<ExistingAttachment>, StoreError> {
        if !matches!(step.step.write, Write::ShowPictures { .. }) {
            return Ok(Vec::new());
        }
        let steps = self.ctx.ledger.steps(lease.entry.id).await?;
        let file = |step: PlannedStep| match (step.step.write, step.progress) {
            (Write::Attach { name, size, .. }, Progress::Done(Written::Attachment(id))) => {
                Some(ExistingAttachment { id, name, size })
            }
            (_, Progress::Planned | Progress::Sent(_) | Progress::Done(_)) => None,
        };
        Ok(steps.into_iter().filter_map(file).collect())
    }
}

/// The comment that a step is about, as far as these steps tell: the one written last of all may stand behind it, where an older
/// program went on without a proof.
fn comment_of<'s>(steps: &'s [PlannedStep], step: &PlannedStep) -> Option<&'s str> {
    let is_before = |other: &&PlannedStep| other.position < step.position && other.step.write.audience().is_some();
    match steps.iter().rfind(is_before).map(|comment| &comment.progress) {
        Some(Progress::Done(Written::Comment(id))) => Some(id),
        Some(Progress::Planned | Progress::Sent(_) | Progress::Done(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rule::Visibility;
    use crate::jira::json::Json;
    use crate::jira::plan::{Marker, Step};

    #[test]
    fn a_proof_is_about_the_comment_before_it_though_another_one_was_written_since() {
        let comment = || Write::AddComment { body: Json::of(&"a note"), visibility: Visibility::Internal };
        let prove = || Write::Prove { visibility: Visibility::Internal };
        let done = |id: &str| Progress::Done(Written::Comment(id.to_owned()));
        let plan = [
            (comment(), done("7")),
            (prove(), Progress::Planned),
            (comment(), done("8")),
            (prove(), Progress::Planned),
            (comment(), Progress::Planned),
            (prove(), Progress::Planned),
        ];
        let marker = || Marker("m".to_owned());
        let steps = (0..).zip(plan).map(|(position, (write, progress))| PlannedStep {
            position,
            step: Step { marker: marker(), write },
            progress,
        });
        let steps: Vec<PlannedStep> = steps.collect();
        let of = |position: usize| comment_of(&steps, &steps[position]);
        assert_eq!(
            (of(1), of(3), of(5)),
            (Some("7"), Some("8"), None),
            "what this very delivery writes it knows itself"
        );
    }
}
