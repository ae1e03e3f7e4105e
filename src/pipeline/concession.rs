//! Going on after Jira refused a write for what stands in it: what is sent instead is in the ledger before it is sent. What that is
//! says [`crate::jira::plan::concede`].

use super::{Ctx, random_name};
use crate::failure::{Scope, Verdict};
use crate::jira::JiraError;
use crate::jira::document::Fit;
use crate::jira::json::Json;
use crate::jira::plan::concede::{Concession, below, concede as lesser};
use crate::jira::plan::{Marker, Step, Write};
use crate::store::delivery::{Amendment, Settled};
use crate::store::steps::{PlannedStep, Progress};
use crate::store::{Lease, StoreError};

/// A step that Jira refused, among the others of its plan.
pub(super) struct Refused<'r> {
    pub(super) step: &'r PlannedStep,
    pub(super) steps: &'r [PlannedStep],
    pub(super) error: &'r JiraError,
}

/// Puts a lesser write in the place of a refused one, if there is one; the message is due again at once. The lease comes back
/// where there is none.
pub(super) async fn concede(ctx: &Ctx, lease: Lease, refused: &Refused<'_>) -> Result<Option<Lease>, StoreError> {
    let write = &refused.step.step.write;
    let Some(flavour) = ctx.jira().known_flavour() else { return Ok(Some(lease)) };
    if !is_about_the_write(ctx, &lease, refused).await {
        return Ok(Some(lease));
    }
    let Some(concession) = lesser(write, refused.error, flavour) else { return Ok(Some(lease)) };
    ctx.with_gate(|gate| gate.answered(ctx.now()));
    let amendment = amendment(concession, refused);
    tracing::info!(entry = lease.entry.id.0, step = refused.step.position, "going on without what Jira refused");
    ctx.ledger.record_amended(lease, amendment, ctx.now()).await.map(|()| None)
}

/// Whether a refusal is about what was sent, rather than about the issue it was sent to or about us. For a file that Jira
/// answers with 403 or 404, that is so when the issue is there to be seen.
async fn is_about_the_write(ctx: &Ctx, lease: &Lease, refused: &Refused<'_>) -> bool {
    let is_file = match &refused.step.step.write {
        Write::Attach { .. } => true,
        Write::CreateIssue { .. } | Write::AddComment { .. } => false,
    };
    match (refused.error.verdict(), refused.error.status, &lease.entry.issue) {
        (Verdict::Quarantine | Verdict::Halt(Scope::Project), Some(403 | 404), Some(issue)) if is_file => {
            matches!(ctx.jira().issue(issue).await, Ok(Some(_)))
        }
        (Verdict::Quarantine, status, _) => status != Some(404),
        (Verdict::Retry(_) | Verdict::Unknown | Verdict::Halt(_), _, _) => false,
    }
}

/// What changes in the plan. What has to be told is told in one comment at its end, whatever it takes.
fn amendment(concession: Concession, refused: &Refused<'_>) -> Amendment {
    let marker = refused.step.step.marker.clone();
    let instead = concession.instead.map(|write| Step { marker, write });
    let mut steps = vec![(refused.step.position, instead)];
    steps.extend(concession.told.map(|told| last_words(told, refused.steps)).map(|(at, step)| (at, Some(step))));
    let settled = match concession.fit {
        Fit::Whole => Settled::Whole,
        Fit::Cut => Settled::LeftOut,
    };
    Amendment { steps, settled, said: concession.said }
}

fn last_words(told: Json, steps: &[PlannedStep]) -> (u32, Step) {
    let last = steps.last().map_or(0, |last| last.position);
    let pending = steps.last().filter(|last| last.position > 0 && last.progress == Progress::Planned);
    if let Some(PlannedStep {
        position, step: Step { marker, write: Write::AddComment { body, visibility } }, ..
    }) = pending
    {
        let write = Write::AddComment { body: below(body, &told), visibility: visibility.clone() };
        return (*position, Step { marker: marker.clone(), write });
    }
    // Whoever may not see a comment may not see what its files are called.
    let visibility = steps.iter().find_map(|step| match &step.step.write {
        Write::AddComment { visibility, .. } => Some(visibility.clone()),
        Write::CreateIssue { .. } | Write::Attach { .. } => None,
    });
    let write = Write::AddComment { body: told, visibility: visibility.unwrap_or_default() };
    (last + 1, Step { marker: Marker(random_name()), write })
}
