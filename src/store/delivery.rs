//! Moving messages on: claiming them under a lease, and recording intent before and outcome after every write. What is
//! recorded where a delivery does not go through stands in [`setbacks`].
//!
//! Whoever moves an entry on hands in its lease and gets it back only while it is still good.

use std::collections::BTreeMap;

use jiff::Timestamp;

use statements::{
    claim_in_turns, deliver, extend, free_leases, hand_in, select_next_due, set_plan, set_stage, set_written, settle,
    settle_shadowed,
};

use super::database::{Lock, Tx};
use super::entry::{EntryId, Lease, LeaseToken, Stage};
use super::steps::{self, PlannedStep, Progress};
use super::{Ledger, StoreError, ms, pictures, story};
use crate::decide::ActionKind;
use crate::jira::plan::Step;
use crate::jira::{IssueRef, Written};

pub use setbacks::{Amendment, Pause, Stumble};

mod statements;
mod setbacks;

/// How long a lease lasts from when it was claimed or given anew.
pub const LEASE_S: u64 = 130;
/// A lease that is younger is not given anew: it stands in an index, and writing that for every step of a message would
/// cost more than the steps do.
const YOUNG_S: u64 = 5;
/// How long a lease lasts at least from when something was recorded under it.
pub const LEASE_LEFT_S: u64 = LEASE_S - YOUNG_S;

/// Who claims, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Random, per process: whoever restarts is somebody else.
    pub owner: String,
    /// Entries at most.
    pub limit: usize,
    /// The mailbox that had its turn last; empty at first.
    pub after: String,
    /// Entries of one mailbox at most.
    pub of_each: usize,
    /// Entries at most of each mailbox that has a limit of its own.
    pub of: BTreeMap<String, usize>,
}

impl Claim {
    fn room(&self, mailbox: &str) -> usize {
        self.of.get(mailbox).copied().unwrap_or(self.of_each)
    }
}

/// How a message was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Jira holds every part of it.
    Whole,
    /// A part of it had to be left out.
    LeftOut,
}

/// What a plan is, beside its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSummary {
    /// What the message becomes: an issue or a comment.
    pub action: ActionKind,
    /// Why.
    pub reason: String,
    /// The issue that it goes to, if it exists already.
    pub issue: Option<IssueRef>,
    /// Whether the plan holds every part of the message.
    pub settled: Settled,
    /// Whether its first step is sent at once.
    pub first: FirstStep,
    /// What is not there as it was to be, a sentence each for the story.
    pub notes: Vec<String>,
}

/// What is recorded of a plan's first step together with the plan: one commit instead of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStep {
    /// The step waits.
    Waits,
    /// The step is about to be sent: from here on it may have been written.
    Sending,
}

/// What a shadow would have done with a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadowed {
    /// What the message would have become.
    pub action: ActionKind,
    /// What would have become of it, and why.
    pub reason: String,
    /// What would have been written, in full.
    pub steps: Vec<Step>,
    /// For the story, a sentence each.
    pub said: Vec<String>,
}

impl Ledger {
    /// Leases whatever is due, oldest first: the first open message of each thread, unless another one of it is leased.
    pub async fn claim(&self, claim: Claim, now: Timestamp) -> Result<Vec<Lease>, StoreError> {
        let claimed = self.write_under(Some(Lock::Threads), move |tx| claim_in_turns(tx, &claim, ms(now))).await?;
        // One that cannot be opened keeps its lease until that runs out, and holds up no other.
        let opened = claimed.into_iter().filter_map(|(entry, token)| match self.unsealed(entry) {
            Ok(entry) => Some(Lease { entry, token: LeaseToken(token) }),
            Err(error) => {
                tracing::error!(error = %error, "a message in the ledger cannot be opened");
                None
            }
        });
        Ok(opened.collect())
    }

    /// When the next message can be claimed: the first open one of some thread, due and not leased.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due = self.read(select_next_due).await?;
        Ok(due.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }

    /// Gives back the leases of an owner that is gone for certain (on SQLite: of anybody but the one who asks).
    pub async fn free_leases(&self, but: &str) -> Result<u64, StoreError> {
        let but = but.to_owned();
        self.write(move |tx| free_leases(tx, &but)).await
    }

    /// Records what is to be written. Replaces an older plan, of which nothing may have been begun. The steps come back as
    /// planned; whether the first one is being sent is in the summary.
    pub async fn record_planned(
        &self,
        lease: Lease,
        steps: Vec<Step>,
        summary: PlanSummary,
        now: Timestamp,
    ) -> Result<(Lease, Vec<PlannedStep>), StoreError> {
        let sealed = self.seal_steps(&steps)?;
        let event = self.sealed_story(&format!(
            "planned: {} in {} {}, because {}",
            summary.action.as_str(),
            steps.len(),
            if steps.len() == 1 { "step" } else { "steps" },
            summary.reason
        ))?;
        let mut events = vec![event];
        for note in &summary.notes {
            events.push(self.sealed_story(note)?);
        }
        let (id, issue) = (lease.entry.id, summary.issue.clone());
        let (stage, first_sent_at) = match summary.first {
            FirstStep::Waits => (Stage::Planned, None),
            FirstStep::Sending => (Stage::Sent, Some(ms(now))),
        };
        let mut lease = self
            .advance(lease, now, move |tx| {
                steps::delete(tx, id)?;
                steps::insert(tx, id, &sealed, first_sent_at)?;
                set_plan(tx, id, stage, &summary)?;
                events.iter().try_for_each(|event| story::insert(tx, id, now, event))
            })
            .await?;
        lease.entry.stage = stage;
        lease.entry.issue = issue;
        let planned =
            (0..).zip(steps).map(|(position, step)| PlannedStep { position, step, progress: Progress::Planned });
        Ok((lease, planned.collect()))
    }

    /// Records that a step is about to be sent. From here on it may have been written.
    pub async fn record_sending(&self, lease: Lease, position: u32, now: Timestamp) -> Result<Lease, StoreError> {
        let id = lease.entry.id;
        let mut lease = self
            .advance(lease, now, move |tx| {
                steps::mark_sent(tx, id, position, ms(now))?;
                set_stage(tx, id, Stage::Sent)
            })
            .await?;
        lease.entry.stage = Stage::Sent;
        Ok(lease)
    }

    /// Records what Jira wrote for a step, and in the same breath that the next one is about to be sent.
    pub async fn record_written(
        &self,
        lease: Lease,
        (position, written): (u32, &Written),
        next: Option<u32>,
        now: Timestamp,
    ) -> Result<Lease, StoreError> {
        let id = lease.entry.id;
        let event = self.sealed_story(&format!("Jira has written {}", describe(written)))?;
        let json = serde_json::to_string(written).map_err(|error| StoreError::corrupt(error.to_string()))?;
        let outcome = written.clone();
        let mut lease = self
            .advance_under(lock_for(written), lease, now, move |tx| {
                steps::insert_outcome(tx, id, position, &json)?;
                set_written(tx, id, &outcome)?;
                pictures::remember(tx, id, position, &outcome)?;
                story::insert(tx, id, now, &event)?;
                match next {
                    Some(next) => steps::mark_sent(tx, id, next, ms(now)),
                    None => set_stage(tx, id, Stage::Planned),
                }
            })
            .await?;
        lease.entry.stage = if next.is_some() { Stage::Sent } else { Stage::Planned };
        match written {
            Written::Issue(issue) => lease.entry.issue = Some(issue.clone()),
            Written::Comment(comment) => lease.entry.comment_id = Some(comment.clone()),
            Written::Attachment(_) | Written::Change => {}
        }
        Ok(lease)
    }

    /// Records that Jira wrote the last step, which settles the message.
    pub async fn record_delivered(
        &self,
        lease: Lease,
        last: Option<(u32, &Written)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, token) = (lease.entry.id, lease.token);
        let mut said = "delivered".to_owned();
        let mut outcome = None;
        if let Some((position, written)) = last {
            said = format!("delivered: Jira has written {}", describe(written));
            let json = serde_json::to_string(written).map_err(|error| StoreError::corrupt(error.to_string()))?;
            outcome = Some((position, json, written.clone()));
        }
        let event = self.sealed_story(&said)?;
        self.write_under(last.and_then(|(_, written)| lock_for(written)), move |tx| {
            let written = outcome.as_ref().map(|(_, _, written)| written);
            deliver(tx, id, token, written, ms(now))?;
            if let Some((position, json, written)) = &outcome {
                steps::insert_outcome(tx, id, *position, json)?;
                pictures::remember(tx, id, *position, written)?;
            }
            story::insert(tx, id, now, &event)
        })
        .await
    }

    /// Records that nothing is made of a message, and why.
    pub async fn record_ignored(&self, lease: Lease, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        self.record_settled(lease, Stage::Ignored, reason, now).await
    }

    /// Records what would have been done with a message. It is settled by that, and its mailbox is owed nothing.
    pub async fn record_shadowed(&self, lease: Lease, shadowed: Shadowed, now: Timestamp) -> Result<(), StoreError> {
        let Shadowed { action, reason, steps, said } = shadowed;
        let (id, sealed) = (lease.entry.id, self.seal_steps(&steps)?);
        let events = said.iter().map(|said| self.sealed_story(said)).collect::<Result<Vec<_>, _>>()?;
        self.finish(lease, move |tx| {
            steps::delete(tx, id)?;
            steps::insert(tx, id, &sealed, None)?;
            events.iter().try_for_each(|event| story::insert(tx, id, now, event))?;
            settle_shadowed(tx, id, (action, &reason), ms(now))
        })
        .await
    }

    /// Sets a message aside for a person, with the reason.
    pub async fn record_quarantined(&self, lease: Lease, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        self.record_settled(lease, Stage::Quarantined, reason, now).await
    }

    /// Sets a message aside because Jira refused a step. Of the steps at these positions nothing is written, for certain.
    pub async fn record_refused(
        &self,
        lease: Lease,
        positions: Vec<u32>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, reason) = (lease.entry.id, reason.to_owned());
        let event = self.sealed_story(&format!("quarantined: {reason}"))?;
        self.finish(lease, move |tx| {
            positions.iter().try_for_each(|position| steps::mark_planned(tx, id, *position))?;
            story::insert(tx, id, now, &event)?;
            settle(tx, id, Stage::Quarantined, &reason, ms(now))
        })
        .await
    }

    async fn record_settled(&self, lease: Lease, stage: Stage, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let (id, reason) = (lease.entry.id, reason.to_owned());
        let event = self.sealed_story(&format!("{}: {reason}", stage.as_str()))?;
        self.finish(lease, move |tx| {
            story::insert(tx, id, now, &event)?;
            settle(tx, id, stage, &reason, ms(now))
        })
        .await
    }

    /// Gives a lease for as long again.
    pub async fn renew(&self, id: EntryId, token: LeaseToken, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| extend(tx, id, token, lease_until(ms(now)))).await
    }

    /// Does `work` under a lease, and gives the lease for as long again.
    async fn advance(
        &self,
        lease: Lease,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Lease, StoreError> {
        self.advance_under(None, lease, now, work).await
    }

    async fn advance_under(
        &self,
        lock: Option<Lock>,
        lease: Lease,
        now: Timestamp,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Lease, StoreError> {
        let (id, token) = (lease.entry.id, lease.token);
        self.write_under(lock, move |tx| {
            extend(tx, id, token, lease_until(ms(now)))?;
            work(tx)
        })
        .await?;
        Ok(lease)
    }

    /// Does `work` under a lease, and ends the lease.
    async fn finish(
        &self,
        lease: Lease,
        work: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (id, token) = (lease.entry.id, lease.token);
        self.write(move |tx| {
            hand_in(tx, id, token)?;
            work(tx)
        })
        .await
    }
}

fn describe(written: &Written) -> String {
    match written {
        Written::Issue(issue) => format!("issue {issue}"),
        Written::Comment(id) => format!("comment {id}"),
        Written::Attachment(id) => format!("attachment {id}"),
        Written::Change => "a change".to_owned(),
    }
}

/// An issue belongs to a thread.
fn lock_for(written: &Written) -> Option<Lock> {
    match written {
        Written::Issue(_) => Some(Lock::Threads),
        Written::Comment(_) | Written::Attachment(_) | Written::Change => None,
    }
}

fn lease_until(now: i64) -> i64 {
    now.saturating_add((LEASE_S * 1000).cast_signed())
}
