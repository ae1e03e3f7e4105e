//! What the ledger and Jira know that bears on the decision about a message, fetched before it is made. Decides nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::Ctx;
use crate::config::MailboxSettings;
use crate::decide::claim::{ClaimPlace, Claimed, Standing, Tie, claims, projects, standing};
use crate::decide::{Candidate, Facts, Kinship, thread_issue};
use crate::jira::{IssueRef, JiraError};
use crate::mail::Mail;
use crate::store::{Lease, StoreError};

/// How far back the messages of a sender are counted.
const RECENT: Duration = Duration::from_secs(3_600);

/// How far Jira's idea of when an issue was created may be from the one in a Message-ID.
const CREATED_WITHIN_MS: i64 = 1_000;

/// What stopped the planning.
#[derive(Debug)]
pub(super) enum Trouble {
    Store(StoreError),
    Jira(JiraError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<JiraError> for Trouble {
    fn from(error: JiraError) -> Self {
        Self::Jira(error)
    }
}

/// What the ledger and Jira know that bears on the decision.
pub(super) async fn facts(ctx: &Ctx, lease: &Lease, mail: &Mail, settings: &MailboxSettings) -> Result<Facts, Trouble> {
    let thread_issue = match of_thread(ctx, lease, mail).await? {
        Some(issue) => Some(issue),
        None => named_by_jira(ctx, mail).await?,
    };
    let claimed = match &thread_issue {
        Some(_) => None,
        None => claimed(ctx, mail, settings).await?,
    };
    let issue = thread_issue.as_ref().or(claimed.as_ref().map(|claimed| &claimed.issue));
    let recent = recent(ctx, lease, mail, issue).await?;
    Ok(Facts { thread_issue, claimed, recent, released: lease.entry.released })
}

/// The issue that other messages of the thread went to.
async fn of_thread(ctx: &Ctx, lease: &Lease, mail: &Mail) -> Result<Option<IssueRef>, Trouble> {
    let mut candidates = candidates(ctx, lease).await?;
    let ancestors = mail.ancestors();
    while let Some(issue) = thread_issue(&ancestors, &candidates).cloned() {
        // A first try trusts the ledger; a message that was sent back because its issue is gone does not.
        if lease.entry.attempts == 0 || ctx.jira().issue(&issue).await?.is_some() {
            return Ok(Some(issue));
        }
        candidates.retain(|candidate| candidate.issue.id != issue.id);
    }
    Ok(None)
}

/// The messages of the same thread that led to an issue, if this one continues a conversation at all.
async fn candidates(ctx: &Ctx, lease: &Lease) -> Result<Vec<Candidate>, StoreError> {
    if !lease.entry.continues {
        return Ok(Vec::new());
    }
    let related = ctx.ledger.related(lease.entry.id).await?;
    let others = related.into_iter().filter(|related| related.id != lease.entry.id);
    Ok(others
        .map(|related| Candidate {
            message_id: related.message_id,
            issue: related.issue,
            mailbox: if related.mailbox == lease.entry.mailbox { Kinship::Same } else { Kinship::Other },
            order: related.id.0.unsigned_abs(),
        })
        .collect())
}

/// The issue that Jira's own notification among the ancestors was about, if Jira agrees on when it was created: only who
/// has seen a mail of this very issue knows that.
async fn named_by_jira(ctx: &Ctx, mail: &Mail) -> Result<Option<IssueRef>, JiraError> {
    for named in mail.jira_ancestors() {
        let by_id = IssueRef { id: named.issue_id, key: String::new() };
        let Some(existing) = ctx.jira().issue(&by_id).await? else { continue };
        let created = existing.created.map(|created| created.as_millisecond());
        if created.is_some_and(|created| (created - named.created_ms).abs() <= CREATED_WITHIN_MS) {
            return Ok(Some(existing.issue));
        }
    }
    Ok(None)
}

/// How many messages of the same sender went to the issue in the hour before this one came.
async fn recent(ctx: &Ctx, lease: &Lease, mail: &Mail, issue: Option<&IssueRef>) -> Result<usize, StoreError> {
    let (Some(issue), Some(sender)) = (issue, mail.from.first()) else { return Ok(0) };
    let came = lease.entry.arrived_at.unwrap_or_else(|| ctx.now());
    let authors = ctx.ledger.authors(issue, came.checked_sub(RECENT).unwrap_or(came)).await?;
    Ok(authors.iter().filter(|author| author.eq_ignore_ascii_case(&sender.address)).count())
}

/// The issue that the message names itself, if there is such an issue.
async fn claimed(ctx: &Ctx, mail: &Mail, settings: &MailboxSettings) -> Result<Option<Claimed>, Trouble> {
    let config = ctx.config();
    for claim in claims(mail, &settings.address, &projects(settings, &config.rules)) {
        let by_key = IssueRef { id: String::new(), key: claim.key };
        let Some(existing) = ctx.jira().issue(&by_key).await? else { continue };
        let tie = match claim.place {
            ClaimPlace::AddressTag => Tie::AddressTag,
            ClaimPlace::Subject => Tie::SubjectKey(sender_standing(ctx, mail, settings, &existing.issue).await?),
        };
        return Ok(Some(Claimed { issue: existing.issue, tie }));
    }
    Ok(None)
}

/// Where the sender stands with an issue: first by what the ledger knows, which costs Jira nothing.
async fn sender_standing(
    ctx: &Ctx,
    mail: &Mail,
    settings: &MailboxSettings,
    issue: &IssueRef,
) -> Result<Standing, Trouble> {
    let dmarc = mail.dmarc(&settings.trusted_results());
    match standing(&mail.from, dmarc, &ctx.ledger.authors(issue, Timestamp::UNIX_EPOCH).await?) {
        Standing::OnIssue => Ok(Standing::OnIssue),
        Standing::Unproven => Ok(standing(&mail.from, dmarc, &ctx.jira().involved(issue).await?)),
    }
}
