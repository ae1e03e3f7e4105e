//! The statements behind the moves of a message: one function each. Whether a lease still holds is proved here.

use super::super::database::{Arg, Tx};
use super::super::entry::{EntryId, LeaseToken, SealedEntry, Stage, entry_columns};
use super::super::{Ledger, StoreError, ms, threads};
use super::{Claim, Pause, PlanSummary, Settled, YOUNG_S, lease_until};
use crate::decide::ActionKind;
use crate::jira::{IssueRef, Written};

/// Claims about as many of each mailbox that has something due, so that a mailbox with ten thousand messages keeps no other
/// waiting; what the others leave is for those that have more.
pub(super) fn claim_in_turns(tx: &mut Tx<'_>, claim: &Claim, now: i64) -> Result<Vec<(SealedEntry, i64)>, StoreError> {
    let with_room = |mailbox: String| Some(claim.room(&mailbox)).filter(|room| *room > 0).map(|room| (mailbox, room));
    let mut mailboxes: Vec<_> = select_mailboxes_due(tx, claim, now)?.into_iter().filter_map(with_room).collect();
    let share = claim.limit.div_ceil(mailboxes.len().max(1));
    let mut claimed = Vec::new();
    for share in [share, claim.limit] {
        let mut have_more = Vec::new();
        for (mailbox, room) in mailboxes {
            let limit = share.min(room).min(claim.limit.saturating_sub(claimed.len()));
            if limit == 0 {
                continue;
            }
            let of_mailbox = claim_due(tx, claim, Turn { mailbox: &mailbox, limit }, now)?;
            if of_mailbox.len() == limit {
                have_more.push((mailbox, room - limit));
            }
            claimed.extend(of_mailbox);
        }
        mailboxes = have_more;
    }
    Ok(claimed)
}

/// The mailboxes that have something due, from the one whose turn it is. The names are found by one look into the index
/// each, however much mail there is.
fn select_mailboxes_due(tx: &mut Tx<'_>, claim: &Claim, now: i64) -> Result<Vec<String>, StoreError> {
    let at_most = claim.limit + claim.of.len(); // for those that have no room
    tx.query(
        "/* select_mailboxes_due */ WITH RECURSIVE busy (mailbox) AS ( \
         SELECT MIN(f.mailbox) FROM messages f WHERE f.settled_at = 0 \
         UNION ALL SELECT (SELECT MIN(n.mailbox) FROM messages n WHERE n.settled_at = 0 \
         AND n.mailbox > busy.mailbox) FROM busy WHERE busy.mailbox IS NOT NULL) \
         SELECT busy.mailbox FROM busy WHERE busy.mailbox IS NOT NULL AND EXISTS (SELECT 1 FROM messages m \
         WHERE m.mailbox = busy.mailbox AND m.settled_at = 0 \
         AND m.next_attempt_at <= $1 AND m.lease_until <= $1 \
         AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.thread = m.thread AND e.id <> m.id \
         AND e.settled_at = 0 AND (e.id < m.id OR e.lease_until > $1))) \
         ORDER BY CASE WHEN busy.mailbox > $2 THEN 0 ELSE 1 END, busy.mailbox LIMIT $3",
        &[Arg::Int(now), Arg::Text(&claim.after), Arg::Int(i64::try_from(at_most).unwrap_or(i64::MAX))],
        |mut row| row.text(),
    )
}

/// One mailbox's part of a claim.
#[derive(Clone, Copy)]
struct Turn<'c> {
    mailbox: &'c str,
    limit: usize,
}

/// Due and free is asked for twice: where PostgreSQL has to wait for a row, it looks again at that row alone, and not into
/// the inner query (Read Committed, chapter 13.2.1 of its manual). A lease that was renewed meanwhile would be claimed.
fn claim_due(tx: &mut Tx<'_>, claim: &Claim, turn: Turn<'_>, now: i64) -> Result<Vec<(SealedEntry, i64)>, StoreError> {
    let mut claimed = tx.query(
        concat!(
            "/* claim_due */ UPDATE messages SET lease_owner = $1, lease_token = lease_token + 1, lease_until = $2 \
             WHERE id IN (SELECT m.id FROM messages m \
             WHERE m.mailbox = $5 AND m.settled_at = 0 \
             AND m.next_attempt_at <= $3 AND m.lease_until <= $3 \
             AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.thread = m.thread AND e.id <> m.id \
             AND e.settled_at = 0 AND (e.id < m.id OR e.lease_until > $3)) \
             ORDER BY m.id LIMIT $4) \
             AND settled_at = 0 AND next_attempt_at <= $3 AND lease_until <= $3 RETURNING ",
            entry_columns!(),
            ", lease_token"
        ),
        &[
            Arg::Text(&claim.owner),
            Arg::Int(lease_until(now)),
            Arg::Int(now),
            Arg::Int(i64::try_from(turn.limit).unwrap_or(i64::MAX)),
            Arg::Text(turn.mailbox),
        ],
        |mut row| Ok((Ledger::sealed_entry(&mut row)?, row.int()?)),
    )?;
    claimed.sort_by_key(|(entry, _)| entry.id());
    Ok(claimed)
}

pub(super) fn select_next_due(tx: &mut Tx<'_>) -> Result<Option<i64>, StoreError> {
    let due = tx.optional(
        "/* select_next_due */ SELECT COALESCE(MIN(CASE WHEN m.lease_until > m.next_attempt_at THEN m.lease_until \
         ELSE m.next_attempt_at END), -1) FROM messages m WHERE m.settled_at = 0 \
         AND NOT EXISTS (SELECT 1 FROM messages e WHERE e.thread = m.thread AND e.id < m.id \
         AND e.settled_at = 0)",
        &[],
        |mut row| row.int(),
    )?;
    Ok(due.filter(|due| *due >= 0))
}

pub(super) fn free_leases(tx: &mut Tx<'_>, but: &str) -> Result<u64, StoreError> {
    tx.execute(
        "/* free_leases */ UPDATE messages SET lease_owner = '', lease_until = 0 \
         WHERE settled_at = 0 AND lease_owner <> '' AND lease_owner <> $1",
        &[Arg::Text(but)],
    )
}

/// Gives a lease for longer, if it still holds and is not young. That it holds is proved, not timed: until
/// somebody else has claimed the entry, it is ours.
pub(super) fn extend(tx: &mut Tx<'_>, id: EntryId, token: LeaseToken, until: i64) -> Result<(), StoreError> {
    let held_until = tx.optional(
        "/* select_lease */ SELECT lease_until FROM messages \
         WHERE id = $1 AND lease_token = $2 AND lease_owner <> '' /*postgres FOR UPDATE*/",
        &[Arg::Int(id.0), Arg::Int(token.0)],
        |mut row| row.int(),
    )?;
    match held_until {
        Some(held_until) if until.saturating_sub(held_until) < (YOUNG_S * 1000).cast_signed() => Ok(()),
        Some(_) => prolong(tx, id, token, until),
        None => Err(StoreError::LeaseLost(id)),
    }
}

fn prolong(tx: &mut Tx<'_>, id: EntryId, token: LeaseToken, until: i64) -> Result<(), StoreError> {
    let held = tx.execute(
        "/* extend_lease */ UPDATE messages SET lease_until = $3 \
         WHERE id = $1 AND lease_token = $2 AND lease_owner <> ''",
        &[Arg::Int(id.0), Arg::Int(token.0), Arg::Int(until)],
    )?;
    proved(id, held)
}

/// Ends a lease, if it still holds.
pub(super) fn hand_in(tx: &mut Tx<'_>, id: EntryId, token: LeaseToken) -> Result<(), StoreError> {
    let held = tx.execute(
        "/* hand_in_lease */ UPDATE messages SET lease_owner = '', lease_until = 0 \
         WHERE id = $1 AND lease_token = $2 AND lease_owner <> ''",
        &[Arg::Int(id.0), Arg::Int(token.0)],
    )?;
    proved(id, held)
}

fn proved(id: EntryId, held: u64) -> Result<(), StoreError> {
    if held == 1 { Ok(()) } else { Err(StoreError::LeaseLost(id)) }
}

pub(super) fn set_stage(tx: &mut Tx<'_>, id: EntryId, stage: Stage) -> Result<(), StoreError> {
    tx.execute(
        "/* set_stage */ UPDATE messages SET stage = $2 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(stage.as_str())],
    )?;
    Ok(())
}

pub(super) fn set_plan(tx: &mut Tx<'_>, id: EntryId, stage: Stage, summary: &PlanSummary) -> Result<(), StoreError> {
    let (issue_id, issue_key) = summary.issue.as_ref().map_or(("", ""), |issue| (&issue.id, &issue.key));
    tx.execute(
        "/* set_plan */ UPDATE messages SET stage = $7, action = $2, reason = $3, because = $3, issue_id = $4, issue_key = $5, \
         left_out = $6 WHERE id = $1",
        &[
            Arg::Int(id.0),
            Arg::Text(summary.action.as_str()),
            Arg::Text(&summary.reason),
            Arg::Text(issue_id),
            Arg::Text(issue_key),
            Arg::Int(i64::from(summary.settled == Settled::LeftOut)),
            Arg::Text(stage.as_str()),
        ],
    )?;
    Ok(())
}

pub(super) fn set_left_out(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute("/* set_left_out */ UPDATE messages SET left_out = 1 WHERE id = $1", &[Arg::Int(id.0)])?;
    Ok(())
}

pub(super) fn set_written(tx: &mut Tx<'_>, id: EntryId, written: &Written) -> Result<(), StoreError> {
    match written {
        Written::Issue(issue) => {
            set_issue(tx, id, issue)?;
            threads::tie(tx, id, issue)
        }
        Written::Comment(comment) => set_comment(tx, id, comment),
        Written::Attachment(_) | Written::Change => Ok(()),
    }
}

fn set_issue(tx: &mut Tx<'_>, id: EntryId, issue: &IssueRef) -> Result<(), StoreError> {
    tx.execute(
        "/* set_issue */ UPDATE messages SET issue_id = $2, issue_key = $3 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(&issue.id), Arg::Text(&issue.key)],
    )?;
    Ok(())
}

pub(super) fn forget_issue(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute(
        "/* forget_issue */ UPDATE messages SET issue_id = '', issue_key = '', action = '' WHERE id = $1",
        &[Arg::Int(id.0)],
    )?;
    Ok(())
}

/// Only ever added to: each issue is asked once.
pub(super) fn shun(tx: &mut Tx<'_>, id: EntryId, issue: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* shun */ UPDATE messages SET shunned = shunned || ' ' || $2 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(issue)],
    )?;
    Ok(())
}

fn set_comment(tx: &mut Tx<'_>, id: EntryId, comment: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* set_comment */ UPDATE messages SET comment_id = $2 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(comment)],
    )?;
    Ok(())
}

/// Ends the work on a message. What is to be done at its mailbox is owed from here on. An empty reason stands for the one
/// that its plan was made for, whatever delayed it since.
pub(super) fn settle(tx: &mut Tx<'_>, id: EntryId, stage: Stage, reason: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* settle */ UPDATE messages SET stage = $2, reason = CASE WHEN $3 = '' THEN because ELSE $3 END, \
         action = CASE WHEN $2 = 'ignored' THEN 'ignore' WHEN $2 = 'quarantined' AND action = '' THEN 'quarantine' ELSE action END, \
         settled_at = $4, acknowledgement = 'owed' WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(stage.as_str()), Arg::Text(reason), Arg::Int(now)],
    )?;
    Ok(())
}

/// Ends the work on a message of which nothing was written. Nothing is to be done at its mailbox.
pub(super) fn settle_shadowed(
    tx: &mut Tx<'_>,
    id: EntryId,
    (action, reason): (ActionKind, &str),
    now: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "/* settle_shadowed */ UPDATE messages SET stage = 'ignored', action = $2, reason = $3, settled_at = $4, \
         acknowledgement = 'none' WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(action.as_str()), Arg::Text(reason), Arg::Int(now)],
    )?;
    Ok(())
}

/// Ends a lease, if it still holds, because Jira has all of the message, with what was written last. One statement, since
/// every message comes through here.
pub(super) fn deliver(
    tx: &mut Tx<'_>,
    id: EntryId,
    token: LeaseToken,
    written: Option<&Written>,
    now: i64,
) -> Result<(), StoreError> {
    let (issue, comment) = match written {
        Some(Written::Issue(issue)) => (Some(issue), ""),
        Some(Written::Comment(comment)) => (None, comment.as_str()),
        Some(Written::Attachment(_) | Written::Change) | None => (None, ""),
    };
    let (issue_id, issue_key) = issue.map_or(("", ""), |issue| (&issue.id, &issue.key));
    let held = tx.execute(
        "/* deliver */ UPDATE messages SET stage = 'delivered', reason = because, settled_at = $3, acknowledgement = 'owed', \
         issue_id = CASE WHEN $4 = '' THEN issue_id ELSE $4 END, issue_key = CASE WHEN $4 = '' THEN issue_key ELSE $5 END, \
         comment_id = CASE WHEN $6 = '' THEN comment_id ELSE $6 END, lease_owner = '', lease_until = 0 \
         WHERE id = $1 AND lease_token = $2 AND lease_owner <> ''",
        &[
            Arg::Int(id.0),
            Arg::Int(token.0),
            Arg::Int(now),
            Arg::Text(issue_id),
            Arg::Text(issue_key),
            Arg::Text(comment),
        ],
    )?;
    proved(id, held)?;
    issue.map_or(Ok(()), |issue| threads::tie(tx, id, issue))
}

pub(super) fn set_due(tx: &mut Tx<'_>, id: EntryId, pause: &Pause) -> Result<(), StoreError> {
    tx.execute(
        "/* set_due */ UPDATE messages SET next_attempt_at = $2, reason = $3 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Int(ms(pause.until)), Arg::Text(&pause.reason)],
    )?;
    Ok(())
}

pub(super) fn make_all_due(tx: &mut Tx<'_>, now: i64) -> Result<u64, StoreError> {
    tx.execute(
        "/* make_all_due */ UPDATE messages SET next_attempt_at = $1 \
         WHERE settled_at = 0 AND next_attempt_at > $1 AND lease_owner = '' AND stage <> 'sent'",
        &[Arg::Int(now)],
    )
}

pub(super) fn postpone(tx: &mut Tx<'_>, id: EntryId, pause: &Pause) -> Result<(), StoreError> {
    tx.execute(
        "/* postpone */ UPDATE messages SET next_attempt_at = $2, reason = $3, attempts = attempts + 1 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Int(ms(pause.until)), Arg::Text(&pause.reason)],
    )?;
    Ok(())
}

pub(super) fn count_unknown(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute("/* count_unknown */ UPDATE messages SET unknowns = unknowns + 1 WHERE id = $1", &[Arg::Int(id.0)])?;
    Ok(())
}

pub(super) fn count_panic(tx: &mut Tx<'_>, id: EntryId) -> Result<(), StoreError> {
    tx.execute("/* count_panic */ UPDATE messages SET panics = panics + 1 WHERE id = $1", &[Arg::Int(id.0)])?;
    Ok(())
}
