//! What Jira has refused is tried at once where a person may have mended it: after a consent, a reload, a start. Judges no
//! refusal. What waits for a Jira that is away is due with the rest, and held back by the gate.

use jiff::Timestamp;

use super::Ctx;
use super::gate::{Asked, Kind, Shut};
use crate::status::JiraState;
use crate::store::StoreError;
use crate::store::status::JiraRow;

/// Takes up a refusal where the process before this one has left it: Jira is asked at once, with one question, and refuses us as
/// far as is known until it has answered that, or has taken a message that it refused.
pub async fn recall(ctx: &Ctx) -> Result<(), StoreError> {
    let refusal = ctx.ledger.jira().await?.and_then(|row| refusal(row, ctx.now()));
    let Some(shut) = refusal else { return Ok(()) };
    let asked = match (shut.kind, ctx.ledger.make_all_due(ctx.now()).await?) {
        (Kind::Refused, 1..) => Asked::Work,
        (Kind::Refused, 0) | (Kind::NeedsConsent | Kind::Away, _) => Asked::Reach,
    };
    ctx.with_gate(|gate| gate.recall(shut, asked));
    Ok(())
}

/// Makes due what waits for another try. Failing that, it is tried at its time.
pub(super) async fn make_due(ctx: &Ctx) {
    if let Err(error) = ctx.ledger.make_all_due(ctx.now()).await {
        tracing::warn!(error = %error, "messages that Jira has refused wait for their time");
    }
    ctx.work.notify_one();
}

fn refusal(row: JiraRow, now: Timestamp) -> Option<Shut> {
    let state = JiraState::parse(&row.state)?;
    let kind = match state {
        JiraState::NeedsConsent => Kind::NeedsConsent,
        JiraState::Misconfigured | JiraState::NeedsAdmin => Kind::Refused,
        JiraState::Connecting | JiraState::Ok | JiraState::BackingOff | JiraState::Stopped => return None,
    };
    Some(Shut { until: now, reason: row.error, kind, tries: 0 })
}
