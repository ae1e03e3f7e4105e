//! Looking for a write of unknown outcome: found, not there for certain, or too early to tell.

use std::time::Duration;

use jiff::Timestamp;

use super::Sending;
use crate::failure::Verdict;
use crate::jira::Written;
use crate::jira::plan::Weight;
use crate::pipeline::backoff::{self, later};
use crate::store::delivery::{Amendment, Pause, Settled};
use crate::store::steps::{PlannedStep, Progress, Sent};
use crate::store::{Lease, StoreError};

/// Writes of a message that turned out not to be there, while others succeed, after which it is set aside.
const UNKNOWNS: u32 = 10;
/// Bounds of the wait after a look-up that failed. It is no failure of the message's, and does not count as one.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What looking for a write of unknown outcome has come to.
pub(super) enum Looked {
    /// Jira holds it.
    Found(Lease, Written),
    /// The write was looked for long enough: it was not written.
    NotThere(Lease),
    /// It is too early to tell.
    Resting,
}

impl Sending<'_, '_> {
    /// Looks for a write of unknown outcome. Not finding it proves something only when the settle time was over before,
    /// which counts from the end of the request.
    pub(super) async fn look(&self, lease: Lease, step: &PlannedStep, sent: Sent) -> Result<Looked, StoreError> {
        let began = self.ctx.now();
        let (lease, over) = match sent.over {
            Some(over) => (lease, over),
            None => (self.ctx.ledger.record_over(lease, step.position, began).await?, began),
        };
        let claimed = self.claimed_attachments();
        let found = self.ctx.jira().look_up(&step.step, self.target(&lease, step), sent.at, &claimed).await;
        let now = self.ctx.now();
        let found = match found {
            // Two messages may say the same, to a Jira that keeps no markers.
            Ok(Some(written)) if self.ctx.ledger.is_of_another(lease.entry.id, &written).await? => Ok(None),
            found => found,
        };
        match found {
            Ok(Some(written)) => {
                self.ctx.with_gate(|gate| gate.answered(now));
                Ok(Looked::Found(lease, written))
            }
            Ok(None) => match backoff::next_look(over, began, self.settle) {
                Some(until) => {
                    let reason = "looking for what a failed request may have written".to_owned();
                    self.ctx.ledger.release(lease, Pause { until, reason }).await?;
                    Ok(Looked::Resting)
                }
                None => self.not_there(lease, step).await,
            },
            // It is there, and not as it was to be.
            Err(error) if error.verdict() == Verdict::Quarantine => {
                self.failed(lease, step, &error).await.map(|()| Looked::Resting)
            }
            Err(error) => {
                self.ctx.jira_failed(&error, None);
                let until = later(now, (self.settle / 5).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1));
                self.ctx.ledger.release(lease, Pause { until, reason: error.message }).await?;
                Ok(Looked::Resting)
            }
        }
    }

    /// A write was looked for long enough. Where that happens again and again while others succeed, this one never will.
    async fn not_there(&self, lease: Lease, step: &PlannedStep) -> Result<Looked, StoreError> {
        let now = self.ctx.now();
        let others_succeed = self.is_recent(self.ctx.with_gate(|gate| gate.last_write()));
        if lease.entry.unknowns + 1 >= UNKNOWNS && others_succeed {
            let reason = format!("Jira failed {UNKNOWNS} times without writing it, while other writes succeeded");
            if step.step.write.weight() == Weight::Extra {
                let said = format!("it was not possible to {}: {reason}", step.step.write.name());
                let amendment = Amendment { steps: vec![(step.position, None)], settled: Settled::Whole, said };
                self.ctx.ledger.record_amended(lease, amendment, now).await?;
                return Ok(Looked::Resting);
            }
            self.ctx.ledger.record_quarantined(lease, &reason, now).await?;
            return Ok(Looked::Resting);
        }
        Ok(Looked::NotThere(self.ctx.ledger.record_not_found(lease, step.position, now).await?))
    }

    /// Whether a write of others, if there was one, was within the settle time: Jira takes some, and not this one.
    pub(super) fn is_recent(&self, last_write: Option<Timestamp>) -> bool {
        last_write.is_some_and(|at| later(at, self.settle) > self.ctx.now())
    }

    /// Attachments that steps of this message own: none of them is another step's.
    fn claimed_attachments(&self) -> Vec<String> {
        let owned = self.steps.iter().filter_map(|step| match &step.progress {
            Progress::Done(Written::Attachment(id)) => Some(id.clone()),
            Progress::Done(Written::Issue(_) | Written::Comment(_) | Written::Change)
            | Progress::Planned
            | Progress::Sent(_) => None,
        });
        owned.collect()
    }
}
