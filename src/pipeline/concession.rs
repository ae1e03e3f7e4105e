//! Going on after Jira refused a write for what stands in it: what is sent instead is in the ledger before it is sent. What that is
//! says [`crate::jira::plan::concede`].

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Ctx, forms, people, random_name};
use crate::config::rule::Visibility;
use crate::failure::{Scope, Verdict};
use crate::jira::document::{Fit, placed};
use crate::jira::json::Json;
use crate::jira::plan::concede::{Concession, Terms, below, concede as lesser};
use crate::jira::plan::fields::{shaped, shaped_for_request};
use crate::jira::plan::original::{self, Original};
use crate::jira::plan::{Marker, Source, Step, Weight, Write, audience, proof_of};
use crate::jira::{Flavour, Form, JiraError, Nature, UploadLimit};
use crate::store::delivery::{Amendment, Settled};
use crate::store::steps::{PlannedStep, Progress};
use crate::store::{Lease, StoreError};

/// A step that Jira refused, among the others of its plan.
pub(super) struct Refused<'r> {
    pub(super) step: &'r PlannedStep,
    pub(super) steps: &'r [PlannedStep],
    pub(super) error: &'r JiraError,
}

/// What comes of a refusal.
pub(super) enum Conceded {
    /// A lesser write has taken its place; the message is due again at once.
    Lesser,
    /// Nothing takes its place.
    Nothing(Lease),
    /// What could take its place depends on a question that Jira has not answered.
    Unanswered(Lease, JiraError),
}

/// Puts a lesser write in the place of a refused one, if there is one.
pub(super) async fn concede(ctx: &Ctx, lease: Lease, refused: &Refused<'_>) -> Result<Conceded, StoreError> {
    match lessened(ctx, &lease, refused).await {
        Ok(Some(amendment)) => {
            tracing::info!(
                entry = lease.entry.id.0,
                step = refused.step.position,
                "going on without what Jira refused"
            );
            ctx.ledger.record_amended(lease, amendment, ctx.now()).await.map(|()| Conceded::Lesser)
        }
        Ok(None) => Ok(Conceded::Nothing(lease)),
        Err(unanswered) => Ok(Conceded::Unanswered(lease, unanswered)),
    }
}

/// What is to change in the plan, if anything can take the place of what was refused.
async fn lessened(ctx: &Ctx, lease: &Lease, refused: &Refused<'_>) -> Result<Option<Amendment>, JiraError> {
    let write = &refused.step.step.write;
    let Some(flavour) = ctx.jira().known_flavour() else { return Ok(None) };
    if !is_about_the_write(ctx, lease, refused).await? {
        return Ok(None);
    }
    let form = form_of(ctx, refused).await?;
    let defaults = defaults(ctx, lease, write, &form, flavour).await?;
    let terms = Terms { flavour, defaults: &defaults, form: &form };
    let Some(concession) = lesser(write, refused.error, &terms) else { return Ok(None) };
    ctx.with_gate(|gate| gate.answered(ctx.now()));
    let whole = match concession.fit {
        Fit::Cut if write.weight() == Weight::Message => whole_message(ctx, lease, refused).await?,
        Fit::Cut | Fit::Whole => WholeMessage::NotAttached,
    };
    let readers = readers(ctx, lease, &concession, refused).await?;
    Ok(Some(amendment(concession, refused, whole, &readers)))
}

/// The form that the issue was to be made by, or was: its refusal has just had it read anew.
async fn form_of(ctx: &Ctx, refused: &Refused<'_>) -> Result<Arc<Form>, JiraError> {
    let (Write::CreateIssue { .. } | Write::RaiseRequest { .. } | Write::Complete { .. }) = refused.step.step.write
    else {
        return Ok(Arc::default());
    };
    for PlannedStep { step, .. } in refused.steps {
        if let Write::CreateIssue { project, fields } = &step.write {
            let issue_type = fields.get("issuetype").map(Json::to_value);
            let named = issue_type.as_ref().and_then(|kind| kind.get("name")).and_then(Value::as_str);
            return forms::form(ctx, project, named.unwrap_or_default()).await;
        }
        if let Write::RaiseRequest { project, request } = &step.write {
            let form = JiraError::or_without(ctx.jira().request_form(project, &request.request_type).await)?;
            return Ok(form.map(|form| Arc::new(form.fields)).unwrap_or_default());
        }
    }
    Ok(Arc::default())
}

/// What the mailbox fills in where Jira requires a field, in the shape that the write asks for. Where Jira refuses to
/// tell who people are, they stand as the configuration names them.
async fn defaults(
    ctx: &Ctx,
    lease: &Lease,
    write: &Write,
    form: &Form,
    flavour: Flavour,
) -> Result<Map<String, Value>, JiraError> {
    let config = ctx.config();
    let Some(settings) = config.mailbox(&lease.entry.mailbox) else { return Ok(Map::new()) };
    let shape = if matches!(write, Write::RaiseRequest { .. }) { shaped_for_request } else { shaped };
    let with_users = JiraError::or_refused(people::with_users(ctx, form, &settings.defaults).await)?;
    Ok(match with_users {
        Some((defaults, _)) => shape(&defaults, form, flavour),
        None => shape(&settings.defaults, form, flavour),
    })
}

/// Whether a refusal is about what was sent, rather than about the issue it was sent to or about us. For a file, or a change of a
/// request, that Jira answers with 403 or 404, that is so when the issue is there to be seen; what the message can do without is
/// not worth the question.
async fn is_about_the_write(ctx: &Ctx, lease: &Lease, refused: &Refused<'_>) -> Result<bool, JiraError> {
    let write = &refused.step.step.write;
    if write.weight() == Weight::Extra {
        return Ok(refused.error.is_about_one_thing());
    }
    let goes_on = matches!(write, Write::Attach { .. } | Write::Complete { .. });
    match (refused.error.verdict(), refused.error.status, &lease.entry.issue) {
        (Verdict::Quarantine | Verdict::Halt(Scope::Project), Some(403 | 404), Some(issue)) if goes_on => {
            Ok(JiraError::or_refused(ctx.jira().issue(issue).await)?.flatten().is_some())
        }
        (Verdict::Quarantine, status, _) => Ok(status != Some(404)),
        (Verdict::Retry(_) | Verdict::Unknown | Verdict::Halt(_), _, _) => Ok(false),
    }
}

/// Where all of a message is whose text had to be cut.
enum WholeMessage {
    /// The message is among the planned files.
    Planned,
    /// The message is to be attached by this write.
    ToBeAttached(Write),
    /// Jira will not hold it.
    NotAttached,
}

/// The message as it came, for a text that had to be cut.
async fn whole_message(ctx: &Ctx, lease: &Lease, refused: &Refused<'_>) -> Result<WholeMessage, JiraError> {
    if matches!(refused.step.step.write, Write::Attach { .. }) {
        return Ok(WholeMessage::NotAttached);
    }
    let writes = || refused.steps.iter().map(|step| &step.step.write);
    if writes().any(|write| matches!(write, Write::Attach { source: Source::Original, .. })) {
        return Ok(WholeMessage::Planned);
    }
    let size = lease.entry.size;
    let most = ctx.config().mailbox(&lease.entry.mailbox).map_or(0, |settings| settings.attachments.max_size);
    let most = match JiraError::or_refused(ctx.jira().upload_limit().await)? {
        Some(UploadLimit::Bytes(limit)) => limit.min(most),
        Some(UploadLimit::Untold) => most,
        Some(UploadLimit::Off) | None => return Ok(WholeMessage::NotAttached),
    };
    if size > most {
        return Ok(WholeMessage::NotAttached);
    }
    let existing = match &lease.entry.issue {
        Some(issue) => JiraError::or_refused(ctx.jira().issue(issue).await)?.flatten(),
        None => None,
    };
    let existing = existing.map(|issue| issue.attachments).unwrap_or_default();
    let original = Original { subject: &lease.entry.envelope.subject, size };
    Ok(WholeMessage::ToBeAttached(original::upload(original, &existing, writes())))
}

/// Who reads a message where it goes to.
struct Readers {
    visibility: Visibility,
    nature: Nature,
}

/// Who reads a message, as far as the concession depends on it.
async fn readers(
    ctx: &Ctx,
    lease: &Lease,
    concession: &Concession,
    refused: &Refused<'_>,
) -> Result<Readers, JiraError> {
    let writes = || refused.steps.iter().map(|step| &step.step.write);
    let visibility = writes().next().and_then(Write::audience).cloned().unwrap_or_default();
    let raises = writes().any(|write| matches!(write, Write::RaiseRequest { .. }));
    let depends = concession.told.is_some() || concession.fit == Fit::Cut;
    let nature = match &lease.entry.issue {
        _ if raises => Nature::Request,
        Some(issue) if depends => ctx.jira().nature(issue).await?,
        Some(_) | None => Nature::Issue,
    };
    Ok(Readers { visibility, nature })
}

/// What changes in the plan. What has to be told is told in one comment at its end, whatever it takes.
fn amendment(concession: Concession, refused: &Refused<'_>, whole: WholeMessage, readers: &Readers) -> Amendment {
    let settled = match (concession.fit, &whole) {
        (Fit::Whole, _) | (Fit::Cut, WholeMessage::Planned | WholeMessage::ToBeAttached(_)) => Settled::Whole,
        (Fit::Cut, WholeMessage::NotAttached) => Settled::LeftOut,
    };
    let pictures = pictures(concession.instead.as_ref(), refused);
    let marker = refused.step.step.marker.clone();
    let instead = concession.instead.map(|write| Step { marker, write });
    let mut steps = vec![(refused.step.position, instead)];
    steps.extend(pictures);
    // Whoever may not see a comment may not see what its files are called; and Jira's own words are not for customers.
    let (told, visibility) = match (&readers.visibility, readers.nature) {
        (Visibility::Public, Nature::Request) => (concession.told, Visibility::Internal),
        (Visibility::Public, Nature::Untold) => (concession.told_to_customers, Visibility::Public),
        (visibility, Nature::Request | Nature::Untold | Nature::Issue) => (concession.told, visibility.clone()),
    };
    let told = told.map(|told| last_words(told, refused, visibility)).unwrap_or_default();
    steps.extend(told.changed.map(|(position, step)| (position, Some(step))));
    let whole = match whole {
        WholeMessage::ToBeAttached(write) => Some(write.for_audience(audience(&readers.visibility, readers.nature))),
        WholeMessage::Planned | WholeMessage::NotAttached => None,
    };
    let next = refused.steps.last().map_or(0, |last| last.position + 1);
    let added = told.added.into_iter().chain(whole).map(|write| Some(Step { marker: Marker(random_name()), write }));
    steps.extend((next..).zip(added));
    Amendment { steps, settled, said: concession.said }
}

/// The pictures of a text that was refused: they are shown in what it has become, unless that is another text.
fn pictures(instead: Option<&Write>, refused: &Refused<'_>) -> Option<(u32, Option<Step>)> {
    refused.step.step.write.text()?;
    let mut later = refused.steps.iter().filter(|step| step.position > refused.step.position);
    let (planned, text, place) = later.find_map(|planned| {
        let Write::ShowPictures { text, place } = &planned.step.write else { return None };
        Some((planned, text, place.clone()))
    })?;
    let text = instead.and_then(Write::text).and_then(|instead| placed::carried_over(text, instead));
    let marker = planned.step.marker.clone();
    Some((planned.position, text.map(|text| Step { marker, write: Write::ShowPictures { text, place } })))
}

/// How something is told in a comment.
#[derive(Default)]
struct Told {
    /// By one that is planned already, and says more now.
    changed: Option<(u32, Step)>,
    /// By one at the end of the plan.
    added: Vec<Write>,
}

fn last_words(told: Json, refused: &Refused<'_>, visibility: Visibility) -> Told {
    // What stands before the refused step may have been written since these steps were read.
    let is_pending = |step: &&PlannedStep| step.position > refused.step.position && step.progress == Progress::Planned;
    let mut pending = refused.steps.iter().filter(is_pending);
    let changed = pending.find_map(|PlannedStep { position, step, .. }| {
        let body = below(step.write.text()?, &told);
        let visibility = step.write.audience().filter(|audience| **audience == visibility)?.clone();
        let write = Write::AddComment { body, visibility };
        Some((*position, Step { marker: step.marker.clone(), write }))
    });
    if changed.is_some() {
        return Told { changed, added: Vec::new() };
    }
    let proof = proof_of(&visibility);
    Told { changed: None, added: std::iter::once(Write::AddComment { body: told, visibility }).chain(proof).collect() }
}
