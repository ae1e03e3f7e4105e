//! From a received message to a stored plan: fetch what is known, decide from values, plan, record.

use std::sync::Arc;
use std::time::Duration;

use super::backoff::{self, later};
use super::content::{Content, Message};
use super::delivery::pause;
use super::files::files;
use super::fingerprint::print;
use super::known::{Trouble, facts};
use super::people::{self, Named};
use super::{Ctx, chance, forms, random_name, shadow};
use crate::config::rule::Visibility;
use crate::config::{MailboxSettings, Writing};
use crate::decide::{Action, Decision, Grounds, decide};
use crate::jira::plan::request::copied;
use crate::jira::plan::{Marker, Plan, PlanFacts, Step, plan as plan_writes};
use crate::jira::{Form, IssueRef, JiraError, Nature, RequestForm};
use crate::store::delivery::{FirstStep, Pause, PlanSummary, Settled};
use crate::store::steps::PlannedStep;
use crate::store::threads::Turn;
use crate::store::{Entry, Lease, StoreError};

/// How long a message waits for others of a thread that it has joined just now.
const TAKE_TURNS: Duration = Duration::from_secs(1);

/// A message with its plan.
pub(super) struct Planned {
    pub(super) lease: Lease,
    pub(super) steps: Vec<PlannedStep>,
    /// Whether the first unfinished step is recorded as being sent already, by this very delivery.
    pub(super) first: FirstStep,
}

/// The intent of the first step is recorded with the plan, unless Jira or its project is not to be asked now.
fn first_step(ctx: &Ctx, steps: &[Step]) -> FirstStep {
    match steps.first() {
        Some(step) if ctx.shut(&step.write).is_none() => FirstStep::Sending,
        Some(_) | None => FirstStep::Waits,
    }
}

/// Plans a message. `None`: nothing is to be written now; the lease is handed in.
pub(super) async fn plan(
    ctx: &Ctx,
    lease: Lease,
    settings: &MailboxSettings,
    content: &Content<'_>,
) -> Result<Option<Planned>, StoreError> {
    let message = content.message().await?;
    let mut facts = match facts(ctx, &lease, message, settings).await {
        Ok(facts) => facts,
        Err(trouble) => return rest(ctx, lease, trouble).await,
    };
    let config = ctx.config();
    let is_shadow = config.jira.writing == Writing::Shadow;
    if is_shadow {
        shadow::imagine(ctx, &lease, &mut facts).await?;
    }
    let grounds = Grounds { facts: &facts, settings, rules: &config.rules, size: lease.entry.size };
    let mut decision = decide(&message.mail, &grounds);
    match &decision.action {
        Action::Ignore | Action::Quarantine if is_shadow => {
            return shadow::settle(ctx, lease, &decision, Plan::default()).await.map(|()| None);
        }
        Action::Ignore => {
            return ctx.ledger.record_ignored(lease, &decision.because, ctx.now()).await.map(|()| None);
        }
        Action::Quarantine => {
            return ctx.ledger.record_quarantined(lease, &decision.because, ctx.now()).await.map(|()| None);
        }
        Action::Create { .. } | Action::Comment { .. } => {}
    }
    // A message of the issue's thread was ordered when it came; one that only names the issue joins now.
    if let Some(issue) = issue_of(&decision)
        && facts.thread_issue.is_none()
        && ctx.ledger.join_issue(lease.entry.id, issue, ctx.now()).await? == Turn::Others
    {
        let reason = format!("it waits for other messages to {issue}");
        return pause(ctx, lease, TAKE_TURNS, reason).await.map(|()| None);
    }
    match writes(ctx, &lease.entry, settings, message, &mut decision).await {
        Ok(plan) if is_shadow => shadow::settle(ctx, lease, &decision, plan).await.map(|()| None),
        Ok(plan) => record(ctx, lease, &decision, plan).await.map(Some),
        Err(trouble) => rest(ctx, lease, trouble).await,
    }
}

/// What is to be written for a decision, with what only Jira can tell filled in.
async fn writes(
    ctx: &Ctx,
    entry: &Entry,
    settings: &MailboxSettings,
    message: &Message<'_>,
    decision: &mut Decision,
) -> Result<Plan, Trouble> {
    let asked = ask(ctx, decision, message, settings).await?;
    let mail = &message.mail;
    let files = files(ctx, mail, issue_of(decision).filter(|issue| is_real(issue))).await?;
    let facts = PlanFacts {
        flavour: files.flavour,
        settings,
        original: entry.size,
        existing: &files.existing,
        pictures: &files.pictures,
        upload_limit: files.upload_limit,
        form: &asked.form,
        request_form: asked.request_form.as_ref(),
        nature: asked.nature,
        watchers: &asked.watchers,
        participants: &asked.participants,
    };
    let mut print = print(entry); // for the first step, which writes the text
    let mut marker = || match print.take() {
        Some(print) => Marker::with_print(&random_name(), &print),
        None => Marker(random_name()),
    };
    Ok(plan_writes(decision, mail, &facts, &mut marker))
}

async fn record(ctx: &Ctx, lease: Lease, decision: &Decision, plan: Plan) -> Result<Planned, StoreError> {
    let issue = issue_of(decision);
    let first = first_step(ctx, &plan.steps);
    let summary = PlanSummary {
        action: decision.action.kind(),
        reason: decision.because.clone(),
        issue: issue.cloned(),
        settled: if plan.left_out.is_empty() { Settled::Whole } else { Settled::LeftOut },
        first,
        notes: plan.notes,
    };
    let (lease, steps) = ctx.ledger.record_planned(lease, plan.steps, summary, ctx.now()).await?;
    Ok(Planned { lease, steps, first })
}

/// What Jira says about the form of a new issue, about what is commented on, and about people.
#[derive(Default)]
struct Asked {
    form: Arc<Form>,
    nature: Nature,
    request_form: Option<RequestForm>,
    watchers: Vec<String>,
    participants: Vec<String>,
}

/// Fills in what only Jira can tell: people, and what its form requires.
async fn ask(
    ctx: &Ctx,
    decision: &mut Decision,
    message: &Message<'_>,
    settings: &MailboxSettings,
) -> Result<Asked, JiraError> {
    let mail = &message.mail;
    match &mut decision.action {
        Action::Ignore | Action::Quarantine => Ok(Asked::default()),
        Action::Comment { issue, visibility, .. } => {
            let watchers = people::watchers(ctx, mail, settings).await?;
            // Participants see what customers see.
            let joins = *visibility == Visibility::Public && !copied(mail, &settings.address).is_empty();
            let nature = match ctx.config().raises_requests() && is_real(issue) {
                true => ctx.jira().nature(issue).await?,
                false => Nature::Issue,
            };
            let participants = match nature {
                Nature::Request if joins => people::participants(ctx, mail, settings).await?,
                Nature::Request | Nature::Issue | Nature::Untold => Vec::new(),
            };
            Ok(Asked { nature, watchers, participants, ..Asked::default() })
        }
        Action::Create { project, issue_type, wanted } => {
            people::name_people(ctx, &Named { message, settings, project }, wanted).await?;
            let mut form = forms::form(ctx, project, issue_type).await?;
            let request_form = match &wanted.request_type {
                Some(request_type) => Some(ctx.jira().request_form(project, request_type).await?),
                None => None,
            };
            if let Some(request) = &request_form {
                let fields = request.fields.iter().map(|(id, field)| (id.clone(), field.clone()));
                Arc::make_mut(&mut form).extend(fields);
            }
            forms::fill_required(&form, settings, wanted);
            people::name_in_fields(ctx, &form, wanted).await?;
            let watchers = people::watchers(ctx, mail, settings).await?;
            let nature = if request_form.is_some() { Nature::Request } else { Nature::Issue };
            Ok(Asked { form, nature, request_form, watchers, ..Asked::default() })
        }
    }
}

fn issue_of(decision: &Decision) -> Option<&IssueRef> {
    match &decision.action {
        Action::Comment { issue, .. } => Some(issue),
        Action::Create { .. } | Action::Ignore | Action::Quarantine => None,
    }
}

/// Whether Jira can be asked about an issue: not about one that a shadow only imagines.
fn is_real(issue: &IssueRef) -> bool {
    !issue.id.is_empty()
}

/// Puts a message to rest that could not be planned; nothing was written. No answer of Jira to a question sets a message
/// aside: it is the question that failed, not the message.
async fn rest(ctx: &Ctx, lease: Lease, trouble: Trouble) -> Result<Option<Planned>, StoreError> {
    let error = match trouble {
        Trouble::Store(error) => return Err(error),
        Trouble::Jira(error) => error,
        Trouble::TooEarly(reason) => return pause(ctx, lease, TAKE_TURNS, reason).await.map(|()| None),
    };
    let now = ctx.now();
    tracing::warn!(entry = lease.entry.id.0, error = %error, "Jira did not answer a question");
    ctx.jira_failed(&error, None);
    let until = ctx.with_gate(|gate| gate.shut().map(|shut| shut.until));
    let asked = error.verdict().asked();
    let until = until.unwrap_or_else(|| later(now, backoff::delivery(lease.entry.attempts, asked, chance())));
    ctx.ledger.record_delayed(lease, Pause { until, reason: error.message }).await?;
    Ok(None)
}
