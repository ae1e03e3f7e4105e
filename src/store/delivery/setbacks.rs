//! What is recorded of a delivery that does not go through for now: nothing was written, nobody knows, another plan,
//! another time. Leases are handled as beside it.

use jiff::Timestamp;

use super::super::entry::{EntryId, Lease, LeaseToken, Stage};
use super::super::{Ledger, StoreError, ms, steps, story};
use super::Settled;
use super::statements::{
    count_panic, count_unknown, forget_issue, hand_in, make_all_due, postpone, set_due, set_left_out, set_stage,
    settle, shun,
};
use crate::jira::plan::Step;

/// What stopped a delivery for now, and when it is worth another look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Due again then.
    pub until: Timestamp,
    /// For the list and the story.
    pub reason: String,
}

/// What the program stumbled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stumble {
    /// A panic: counted, because a message that causes them is set aside in the end.
    Panic,
    /// A failure of the ledger: no message's fault.
    Ledger,
}

/// How a plan goes on after Jira refused a step for what stands in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// The steps that change, by position: what is sent there from now on, or nothing.
    pub steps: Vec<(u32, Option<Step>)>,
    /// Whether Jira still gets every part of the message.
    pub settled: Settled,
    /// For the story.
    pub said: String,
}

impl Ledger {
    /// Records that nothing was written, for certain; the step is tried again then.
    pub async fn record_not_sent(
        &self,
        lease: Lease,
        position: u32,
        pause: Pause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = lease.entry.id;
        let event = self.sealed_story(&format!("nothing was written: {}", pause.reason))?;
        self.finish(lease, move |tx| {
            steps::mark_planned(tx, id, position)?;
            story::insert(tx, id, now, &event)?;
            set_stage(tx, id, Stage::Planned)?;
            postpone(tx, id, &pause)
        })
        .await
    }

    /// Takes back the intent of a step that was not sent after all.
    pub async fn record_not_begun(&self, lease: Lease, position: u32, pause: Pause) -> Result<(), StoreError> {
        let id = lease.entry.id;
        self.finish(lease, move |tx| {
            steps::mark_planned(tx, id, position)?;
            set_stage(tx, id, Stage::Planned)?;
            set_due(tx, id, &pause)
        })
        .await
    }

    /// Records that nobody knows whether a step was written until now. It stays `sent`; it is looked for at the time given.
    pub async fn record_unknown(
        &self,
        lease: Lease,
        position: u32,
        pause: Pause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = lease.entry.id;
        let event = self.sealed_story(&format!("it is not known whether Jira has written: {}", pause.reason))?;
        self.finish(lease, move |tx| {
            steps::mark_over(tx, id, position, ms(now))?;
            story::insert(tx, id, now, &event)?;
            postpone(tx, id, &pause)
        })
        .await
    }

    /// Records that a request is over for certain, because whoever sent it is gone.
    pub async fn record_over(&self, lease: Lease, position: u32, now: Timestamp) -> Result<Lease, StoreError> {
        let id = lease.entry.id;
        self.advance(lease, now, move |tx| steps::mark_over(tx, id, position, ms(now))).await
    }

    /// Records that a step of unknown outcome was looked for long enough, and is not there.
    pub async fn record_not_found(&self, lease: Lease, position: u32, now: Timestamp) -> Result<Lease, StoreError> {
        let id = lease.entry.id;
        let event = self.sealed_story("Jira does not have it: it will be sent again")?;
        let mut lease = self
            .advance(lease, now, move |tx| {
                steps::mark_planned(tx, id, position)?;
                story::insert(tx, id, now, &event)?;
                count_unknown(tx, id)?;
                set_stage(tx, id, Stage::Planned)
            })
            .await?;
        lease.entry.unknowns += 1;
        lease.entry.stage = Stage::Planned;
        Ok(lease)
    }

    /// Throws a plan away of which nothing was written. The message is due at once, and is decided on again; the issue that it
    /// was for is not asked again.
    pub async fn record_replan(&self, lease: Lease, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let (id, pause) = (lease.entry.id, Pause { until: now, reason: reason.to_owned() });
        let shunned = lease.entry.issue.as_ref().map(|issue| issue.id.clone()).unwrap_or_default();
        let event = self.sealed_story(&format!("planned again: {reason}"))?;
        self.finish(lease, move |tx| {
            steps::delete(tx, id)?;
            shun(tx, id, &shunned)?;
            forget_issue(tx, id)?;
            story::insert(tx, id, now, &event)?;
            set_stage(tx, id, Stage::Received)?;
            postpone(tx, id, &pause)
        })
        .await
    }

    /// Records that a plan goes on with other steps in the place of one that Jira refused, for certain without writing it. The
    /// message is due at once: nothing new is sent before it stands here.
    pub async fn record_amended(&self, lease: Lease, amendment: Amendment, now: Timestamp) -> Result<(), StoreError> {
        let Amendment { steps, settled, said } = amendment;
        let (id, event) = (lease.entry.id, self.sealed_story(&said)?);
        let mut sealed = Vec::new();
        for (position, step) in steps {
            sealed.push((position, self.seal_steps(step.as_slice())?));
        }
        let pause = Pause { until: now, reason: said };
        self.finish(lease, move |tx| {
            for (position, step) in &sealed {
                steps::replace(tx, id, *position, step.first())?;
            }
            story::insert(tx, id, now, &event)?;
            match settled {
                Settled::Whole => {}
                Settled::LeftOut => set_left_out(tx, id)?,
            }
            set_stage(tx, id, Stage::Planned)?;
            set_due(tx, id, &pause)
        })
        .await
    }

    /// Puts a step into a plan that was stored without it, behind the one at `position`.
    pub async fn record_inserted(
        &self,
        lease: Lease,
        position: u32,
        step: &Step,
        now: Timestamp,
    ) -> Result<Lease, StoreError> {
        let id = lease.entry.id;
        let sealed = self.seal_steps(std::slice::from_ref(step))?;
        let event = self.sealed_story(&format!("an older program planned this, and not to {}", step.write.name()))?;
        self.advance(lease, now, move |tx| {
            sealed.iter().try_for_each(|step| steps::insert_behind(tx, id, position, step))?;
            story::insert(tx, id, now, &event)
        })
        .await
    }

    /// Records that a message could not even be planned: a question that had to be answered first was not.
    pub async fn record_delayed(&self, lease: Lease, pause: Pause) -> Result<(), StoreError> {
        let id = lease.entry.id;
        self.finish(lease, move |tx| postpone(tx, id, &pause)).await
    }

    /// Gives a lease back with nothing changed but when the message is due. It was not tried.
    pub async fn release(&self, lease: Lease, pause: Pause) -> Result<(), StoreError> {
        let id = lease.entry.id;
        self.finish(lease, move |tx| set_due(tx, id, &pause)).await
    }

    /// Makes due what waits for another try, since what was in its way may be gone. What may have been written is looked for
    /// at its time.
    pub async fn make_all_due(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write_alone(move |tx| make_all_due(tx, ms(now))).await
    }

    /// Counts that the program stumbled over a message (a panic, a failure of the ledger), and gives the lease back.
    pub async fn record_stumble(
        &self,
        id: EntryId,
        token: LeaseToken,
        stumble: Stumble,
        pause: Pause,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            hand_in(tx, id, token)?;
            match stumble {
                Stumble::Panic => count_panic(tx, id)?,
                Stumble::Ledger => {}
            }
            postpone(tx, id, &pause)
        })
        .await
    }

    /// Sets a message aside that the program stumbles over again and again: a panic, or what is stored of it cannot be read.
    pub async fn quarantine_stumbled(
        &self,
        id: EntryId,
        token: LeaseToken,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        let event = self.sealed_story(&format!("quarantined: {reason}"))?;
        self.write(move |tx| {
            hand_in(tx, id, token)?;
            story::insert(tx, id, now, &event)?;
            settle(tx, id, Stage::Quarantined, &reason, ms(now))
        })
        .await
    }
}
