//! Plans that an older program has stored: what they lack by today's rules is added before they go on. It changes nothing of what
//! they write.

use super::{Ctx, random_name};
use crate::jira::plan::{Marker, Step, Unproved, unproved};
use crate::store::steps::PlannedStep;
use crate::store::{Lease, StoreError};

/// Proofs that a plan lacks at most: a comment is written, and written anew with its pictures; so is one that tells
/// what is missing.
const MOST_LACKING: usize = 8;

/// The plan of a message, in which every comment for some is proved.
pub(super) async fn steps(ctx: &Ctx, mut lease: Lease) -> Result<(Lease, Vec<PlannedStep>), StoreError> {
    let mut steps = ctx.ledger.steps(lease.entry.id).await?;
    for _ in 0..MOST_LACKING {
        let writes = steps.iter().map(|planned| &planned.step.write);
        let Some(Unproved { index, proof }) = unproved(writes) else { break };
        let Some(behind) = steps.get(index).map(|planned| planned.position) else { break };
        let proof = Step { marker: Marker(random_name()), write: proof };
        lease = ctx.ledger.record_inserted(lease, behind, &proof, ctx.now()).await?;
        steps = ctx.ledger.steps(lease.entry.id).await?;
    }
    Ok((lease, steps))
}
