//! What the ledger and Jira know that bears on the decision about a message, fetched before it is made. Decides nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Ctx;
use super::content::Message;
use super::proof::proved;
use crate::config::{MailboxSettings, Reopen};
use crate::decide::claim::{ClaimPlace, Claimed, Standing, Tie, claims, projects, standing};
use crate::decide::follow::{Followed, Unfit, has_moved};
use crate::decide::senders::Traffic;
use crate::decide::{Candidate, Condition, Facts, Kinship, thread_issue};
use crate::failure::{Scope, Verdict};
use crate::jira::{ExistingIssue, IssueRef, JiraError, Progress, WayBack};
use crate::mail::{Mail, MessageId};
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
    /// Something has to come first; why.
    TooEarly(String),
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
pub(super) async fn facts(
    ctx: &Ctx,
    lease: &Lease,
    message: &Message<'_>,
    settings: &MailboxSettings,
) -> Result<Facts, Trouble> {
    let mail = &message.mail;
    let config = ctx.config();
    let mut search =
        Search { ctx, lease, message, settings, projects: projects(settings, &config.rules), follows: None };
    let mut home = search.of_thread(mail).await?;
    if home.is_none() {
        home = search.named_by_jira(mail).await?;
    }
    let (claimed, claimed_condition) = match (&home, &search.follows) {
        (None, None) => {
            search.claimed().await?.map_or((None, Condition::Open), |(claimed, condition)| (Some(claimed), condition))
        }
        (Some(_), _) | (_, Some(_)) => (None, Condition::Open),
    };
    let condition = home.as_ref().map_or(claimed_condition, |home| home.condition);
    let thread_issue = home.map(|home| home.issue);
    let issue = thread_issue.as_ref().or(claimed.as_ref().map(|claimed| &claimed.issue));
    let (recent, traffic) = recent(&search, mail, issue).await?;
    let (follows, released) = (search.follows, lease.entry.released);
    Ok(Facts { thread_issue, claimed, condition, follows, recent, traffic, released })
}

/// An issue that takes comments.
struct Home {
    issue: IssueRef,
    condition: Condition,
}

/// The search for the issue that a message belongs to.
struct Search<'s> {
    ctx: &'s Ctx,
    lease: &'s Lease,
    message: &'s Message<'s>,
    settings: &'s MailboxSettings,
    projects: BTreeSet<&'s str>,
    /// The first one found that takes nothing any more.
    follows: Option<Followed>,
}

impl Search<'_> {
    /// The issue that other messages of the thread went to. Where one takes nothing any more, another one of the thread may go on
    /// from it already.
    async fn of_thread(&mut self, mail: &Mail) -> Result<Option<Home>, Trouble> {
        let mut candidates = candidates(self.ctx, self.lease).await?;
        let ancestors = mail.ancestors();
        // An issue's id in a Message-ID of Jira's form ties a message to that issue's thread before anybody has proved it: siblings
        // there are none of its.
        if !mail.jira_ancestors().is_empty() {
            let is_ancestor = |id: &MessageId| ancestors.contains(&id);
            candidates.retain(|candidate| candidate.message_id.as_ref().is_some_and(is_ancestor));
        }
        while let Some(issue) = thread_issue(&ancestors, &candidates).cloned() {
            let existing = self.ctx.jira().issue(&issue).await?;
            if let Some(home) = self.weigh(&issue, existing).await? {
                return Ok(Some(home));
            }
            candidates.retain(|candidate| candidate.issue.id != issue.id);
        }
        Ok(None)
    }

    /// Whether an issue takes comments. One that does not is kept in mind.
    async fn weigh(&mut self, before: &IssueRef, existing: Option<ExistingIssue>) -> Result<Option<Home>, JiraError> {
        let (issue, why) = match existing {
            None => (before.clone(), Unfit::Gone),
            Some(ExistingIssue { issue, .. }) if self.lease.entry.shunned.contains(&issue.id) => (issue, Unfit::Full),
            Some(ExistingIssue { issue, .. }) if has_moved(before, &issue, &self.projects) => (issue, Unfit::Moved),
            Some(ExistingIssue { issue, progress, .. }) => match (progress, self.settings.replies.reopen) {
                (Progress::Open, _) | (Progress::Finished, Reopen::Never) => {
                    return Ok(Some(Home { issue, condition: Condition::Open }));
                }
                (Progress::Finished, Reopen::WherePossible) => match self.way_back(&issue).await? {
                    WayBack::Open => return Ok(Some(Home { issue, condition: Condition::Finished })),
                    WayBack::Closed => (issue, Unfit::Closed),
                },
            },
        };
        self.follows.get_or_insert(Followed { issue, why });
        Ok(None)
    }

    /// A Jira that does not let us see the transitions lets us take none.
    async fn way_back(&self, issue: &IssueRef) -> Result<WayBack, JiraError> {
        match self.ctx.jira().can_reopen(issue).await {
            Err(error) => match error.verdict() {
                Verdict::Quarantine | Verdict::Halt(Scope::Project) => Ok(WayBack::Closed),
                Verdict::Retry(_) | Verdict::Unknown | Verdict::Halt(_) => Err(error),
            },
            answer => answer,
        }
    }

    /// The issue that Jira's own notification among the ancestors was about, if Jira agrees on when it was created: only who
    /// has seen a mail of this very issue knows that.
    async fn named_by_jira(&mut self, mail: &Mail) -> Result<Option<Home>, JiraError> {
        for named in mail.jira_ancestors() {
            let by_id = IssueRef { id: named.issue_id, key: String::new() };
            let Some(existing) = self.ctx.jira().issue(&by_id).await? else { continue };
            let created = existing.created.map(|created| created.as_millisecond());
            if created.is_some_and(|created| (created - named.created_ms).abs() <= CREATED_WITHIN_MS) {
                return self.weigh(&by_id, Some(existing)).await;
            }
        }
        Ok(None)
    }

    /// The issue that the message names itself, if there is such an issue. What becomes of one that takes nothing any more is asked
    /// only for those who have to do with it.
    async fn claimed(&mut self) -> Result<Option<(Claimed, Condition)>, Trouble> {
        for claim in claims(&self.message.mail, &self.settings.address, &self.projects) {
            let by_key = IssueRef { id: String::new(), key: claim.key };
            let Some(existing) = self.ctx.jira().issue(&by_key).await? else { continue };
            let issue = existing.issue.clone();
            let tie = match claim.place {
                ClaimPlace::AddressTag => Tie::AddressTag,
                ClaimPlace::Subject => Tie::SubjectKey(self.standing(&issue).await?),
            };
            return Ok(match tie {
                Tie::SubjectKey(Standing::Unproven) => Some((Claimed { issue, tie }, Condition::Open)),
                Tie::AddressTag | Tie::SubjectKey(Standing::OnIssue) => {
                    let home = self.weigh(&by_key, Some(existing)).await?;
                    home.map(|home| (Claimed { issue: home.issue, tie }, home.condition))
                }
            });
        }
        Ok(None)
    }

    /// Where the sender stands with an issue: first by what the ledger knows, which costs Jira nothing.
    async fn standing(&self, issue: &IssueRef) -> Result<Standing, Trouble> {
        let dmarc = proved(self.ctx, self.message, self.settings).await.dmarc();
        let senders = self.message.mail.senders(&self.settings.address, dmarc);
        match standing(&senders, dmarc, &self.ctx.ledger.authors(issue, Timestamp::UNIX_EPOCH).await?) {
            Standing::OnIssue => Ok(Standing::OnIssue),
            Standing::Unproven => Ok(standing(&senders, dmarc, &self.ctx.jira().involved(issue).await?)),
        }
    }
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

/// How many messages of the same sender went to the issue in the hour before this one came, and what else is limited.
async fn recent(search: &Search<'_>, mail: &Mail, issue: Option<&IssueRef>) -> Result<(usize, Traffic), Trouble> {
    let (ctx, entry) = (search.ctx, &search.lease.entry);
    let came = entry.arrived_at.or(entry.received_at).unwrap_or_else(|| ctx.now());
    let since = came.checked_sub(RECENT).unwrap_or(came);
    let Some(sender) = &mail.people.author else { return Ok((0, Traffic::default())) };
    let authors = match issue {
        Some(issue) => ctx.ledger.authors(issue, since).await?,
        None => Vec::new(),
    };
    let recent = authors.iter().filter(|author| author.eq_ignore_ascii_case(&sender.address)).count();
    let from_sender = match search.settings.senders.per_hour {
        Some(most) => {
            let sent = ctx.ledger.sent_by(&sender.address, entry.id, since).await?;
            // Of messages that are on their way at once each would see too few others.
            if sent.certain < most && sent.possible >= most && !entry.released {
                return Err(Trouble::TooEarly("it waits for earlier messages of its sender".to_owned()));
            }
            sent.certain
        }
        None => 0,
    };
    Ok((recent, Traffic { from_sender, to_issue: authors.len() }))
}
