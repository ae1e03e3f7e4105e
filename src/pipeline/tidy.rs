//! Deleting bodies when their time is over: they are personal data. And calling back messages that wait for a time which a
//! clock that was wrong has named.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Ctx;
use super::backoff::{LONGEST_WAIT, later};
use crate::store::StoreError;

/// How often it is looked whether there is something to delete.
const EVERY: Duration = Duration::from_secs(600);
/// No fetch takes so long: what it stored and no message names will never be named.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Tidies until `stop`.
pub async fn run(ctx: Arc<Ctx>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tidy(&ctx).await;
        stop.run_until_cancelled(tokio::time::sleep(EVERY)).await;
    }
}

/// Makes due what waits for a time that a clock which was far ahead has named.
pub(super) async fn recall(ctx: &Ctx) {
    match ctx.ledger.recall_misdated(ctx.now(), later(ctx.now(), LONGEST_WAIT)).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::warn!(count, "the clock was set back: what waited for a time far ahead is due now");
            ctx.work.notify_one();
        }
        Err(error) => tracing::warn!(error = %error, "cannot look for messages that wait for a wrong time"),
    }
}

async fn tidy(ctx: &Ctx) {
    recall(ctx).await;
    match delete(ctx).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "deleted the bodies of settled messages"),
        Err(error) => tracing::warn!(error = %error, "cannot delete old bodies"),
    }
}

async fn delete(ctx: &Ctx) -> Result<u64, StoreError> {
    let before = |age: Duration| ctx.now().checked_sub(age).unwrap_or(Timestamp::MIN);
    ctx.ledger.delete_abandoned_chunks(before(ABANDONED)).await?;
    ctx.ledger.delete_old_bodies(before(ctx.config().limits.keep_bodies)).await
}
