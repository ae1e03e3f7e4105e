//! Deleting bodies when their time is over: they are personal data.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Ctx;
use crate::store::StoreError;

/// How often it is looked whether there is something to delete.
const EVERY: Duration = Duration::from_secs(600);
/// No fetch takes so long: what it stored and no message names will never be named.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Tidies until `stop`.
pub async fn run(ctx: Arc<Ctx>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tidy(&ctx).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn tidy(ctx: &Ctx) {
    match delete(ctx).await {
        Ok(0) => {}
        Ok(bodies) => tracing::info!(bodies, "deleted the bodies of settled messages"),
        Err(error) => tracing::warn!(error = %error, "cannot delete old bodies"),
    }
}

async fn delete(ctx: &Ctx) -> Result<u64, StoreError> {
    let before = |age: Duration| ctx.now().checked_sub(age).unwrap_or(Timestamp::MIN);
    ctx.ledger.delete_abandoned_chunks(before(ABANDONED)).await?;
    ctx.ledger.delete_old_bodies(before(ctx.config().limits.keep_bodies)).await
}
