//! What a shadow does in place of writing: it says what it would have written, in the log and in the message's story, and settles
//! the message by that. Nothing is owed to its mailbox, now or later.
//!
//! A shadow runs beside another mail handler, which writes what the shadow only tells. So what a shadow has seen stays settled
//! when it becomes real: writing it then would double it. A person can have it delivered after all (`messages retry`).

use super::Ctx;
use crate::decide::{Action, Decision, Facts};
use crate::jira::IssueRef;
use crate::jira::document::placed;
use crate::jira::plan::{Plan, Step, Write};
use crate::store::delivery::Shadowed;
use crate::store::{Lease, StoreError};

/// Characters of a write that its story shows; the rest is kept with its step.
const SHOWN: usize = 2_000;

/// Ties an answer to the issue that would have been made of what it answers. There is none, so that it goes by the message.
pub(super) async fn imagine(ctx: &Ctx, lease: &Lease, facts: &mut Facts) -> Result<(), StoreError> {
    let is_tied = facts.thread_issue.is_some() || facts.claimed.is_some() || facts.follows.is_some();
    if is_tied || !lease.entry.continues {
        return Ok(());
    }
    let first = ctx.ledger.shadowed_before(lease.entry.id).await?;
    facts.thread_issue =
        first.map(|first| IssueRef { id: String::new(), key: format!("the issue of message {first}") });
    Ok(())
}

/// Settles a message by saying what would have been done with it.
pub(super) async fn settle(ctx: &Ctx, lease: Lease, decision: &Decision, plan: Plan) -> Result<(), StoreError> {
    let (action, what) = (decision.action.kind(), told(&decision.action));
    let (mailbox, entry) = (lease.entry.mailbox.as_str(), lease.entry.id.0);
    tracing::info!(mailbox, entry, action = action.as_str(), count = plan.steps.len(), "shadow: it would have {what}");
    let reason = format!("shadow: would have {what}, because {}", decision.because);
    let steps = plan.steps.iter().map(|step| format!("shadow: would have been asked to {}", written(step)));
    let left_out = plan.left_out.iter().map(|file| format!("shadow: would not have attached {file}"));
    let said = std::iter::once(reason.clone()).chain(steps).chain(left_out).collect();
    let shadowed = Shadowed { action, reason, steps: plan.steps, said };
    ctx.ledger.record_shadowed(lease, shadowed, ctx.now()).await
}

/// What the action would have done.
fn told(action: &Action) -> String {
    match action {
        Action::Create { project, issue_type, .. } => format!("created an issue in {project} ({issue_type})"),
        Action::Comment { issue, .. } => format!("commented on {issue}"),
        Action::Ignore => "made nothing of it".to_owned(),
        Action::Quarantine => "set it aside for a person".to_owned(),
    }
}

fn written(step: &Step) -> String {
    let what = step.write.name();
    let content = match &step.write {
        Write::RaiseRequest { request, .. } => serde_json::to_string(request).unwrap_or_default(),
        Write::CreateIssue { fields, .. } | Write::Complete { fields, .. } => {
            serde_json::to_string(fields).unwrap_or_default()
        }
        Write::AddComment { body, .. } => body.to_value().to_string(),
        Write::Attach { name, size, .. } => format!("{name} ({size} bytes)"),
        Write::Prove { visibility } => serde_json::to_string(visibility).unwrap_or_default(),
        Write::ShowPictures { text, .. } => placed::names(text).join(", "),
        Write::Link { kind, other } => format!("{kind} {other}"),
        Write::Watch { user } => user.clone(),
        Write::AddParticipants { users } => users.join(", "),
        Write::Reopen => String::new(),
    };
    let shown: String = content.chars().take(SHOWN).collect();
    let cut = if shown.len() < content.len() { "…" } else { "" };
    format!("{what}: {shown}{cut}")
}
