//! A Jira that is busy, refuses, loses answers before and after writing, and whose search lags.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use mail2jira::clock::Clock;
use mail2jira::config::rule::Visibility;
use mail2jira::failure::{Scope, Verdict};
use mail2jira::jira::document::placed::{names, with_ids};
use mail2jira::jira::json::Json;
use mail2jira::jira::plan::{Marker, Step, TextPlace, Write};
use mail2jira::jira::{ExistingAttachment, IssueRef, JiraError, Payload, Target, Written};

use super::faults::{Faults, Sabotage, SimulatedClock};
use super::letters::REFUSED;

mod people;
mod questions;

/// How long a written issue may stay invisible to the search, and a request that has failed may go on in Jira.
const LAG: Duration = Duration::from_secs(145);

/// How old the intent of a request may be: the lag and this fit into the settle time.
const FRESH: Duration = Duration::from_secs(30);

/// The fault after which a picture is not shown.
pub const NO_PICTURE: &str = "Jira let a picture not be shown";

/// What a person puts into a text.
pub const EDITED: &str = "{\"type\":\"rule\"}";

pub struct SimulatedJira {
    pub issues: Mutex<Vec<Issue>>,
    /// Texts of comments that all could see for a while.
    pub leaked: Mutex<Vec<String>>,
    /// Intents that were older than [`FRESH`] when their request came: the time in which "not found" is not believed was then over
    /// too early.
    pub old_intents: Mutex<Vec<String>>,
    asked: Mutex<HashMap<Marker, Timestamp>>,
    last_id: AtomicU64,
    late: Mutex<Vec<LateWrite>>,
    faults: Arc<Faults>,
    clock: SimulatedClock,
    sabotage: Sabotage,
}

/// A write that Jira does although it has not answered.
struct LateWrite {
    failed_at: Timestamp,
    at: Timestamp,
    step: Step,
    issue: Option<IssueRef>,
    comment: Option<String>,
    content: Option<Payload>,
}

#[derive(Debug, Clone)]
pub struct Issue {
    pub id: String,
    pub marker: Marker,
    pub text: String,
    /// A person has changed the text.
    pub edited: bool,
    pub searchable_at: Timestamp,
    pub comments: Vec<Comment>,
    pub attachments: Vec<ExistingAttachment>,
    pub completions: Vec<Marker>,
    pub deleted: bool,
    pub state: State,
    /// Markers of what was done besides: the same one twice is a doubled write.
    pub reopened: Vec<Marker>,
    pub links: Vec<(String, Marker)>,
    pub watchers: Vec<(String, Marker)>,
}

/// What people have made of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Finished,
    FinishedForGood,
    Full,
    Archived,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub id: String,
    pub marker: Marker,
    pub text: String,
    /// A person has changed the text.
    pub edited: bool,
    pub audience: Audience,
}

/// Who sees a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those whom it is for.
    Right,
    /// All, though it is for some.
    All,
}

impl SimulatedJira {
    pub fn new(faults: Arc<Faults>, clock: SimulatedClock, sabotage: Sabotage) -> Self {
        let (issues, leaked, old_intents, late) = Default::default();
        Self {
            issues,
            leaked,
            old_intents,
            asked: Mutex::default(),
            last_id: AtomicU64::new(10_000),
            late,
            faults,
            clock,
            sabotage,
        }
    }

    /// Never one that something had which is gone.
    fn next_id(&self) -> String {
        self.last_id.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// When a write is looked for, it must have been sent soon after the time from which that counts.
    fn judge_intent(&self, step: &Step, sent_at: Timestamp) {
        let Some(asked) = self.asked.lock().unwrap().get(&step.marker).copied() else { return };
        if asked > sent_at.checked_add(FRESH).unwrap() {
            self.old_intents.lock().unwrap().push(format!("sent at {asked}, and meant to be sent at {sent_at}"));
        }
    }

    /// Proves that a comment is seen by the right people, as the client does before it counts as written.
    fn prove(&self, id: &str) -> Result<(), JiraError> {
        let mut issues = self.issues.lock().unwrap();
        for issue in issues.iter_mut() {
            let Some(at) = issue.comments.iter().position(|comment| comment.id == id) else { continue };
            if issue.comments[at].audience == Audience::Right || self.sabotage == Sabotage::LeakNotNoticed {
                return Ok(());
            }
            self.leaked.lock().unwrap().push(issue.comments.remove(at).text);
            return Err(failed(Verdict::Quarantine));
        }
        Err(failed(Verdict::Quarantine)) // we took it away ourselves, before the answer was lost
    }

    /// Puts pictures into a text that is as it was written.
    fn show_pictures(
        &self,
        issue: &mut Issue,
        target: Target<'_>,
        write: (&Json, &TextPlace),
    ) -> Result<Written, JiraError> {
        if self.faults.strike(NO_PICTURE, 0.1) {
            return Err(failed(Verdict::Quarantine));
        }
        let (document, place) = write;
        let Some(text) = text_of(issue, target, place) else { return Err(gone()) };
        let (before, after) = before_and_after(document);
        match text.contains(&before) || self.sabotage == Sabotage::EditsOverwritten {
            true => *text = text.replace(&before, &after).replace(&format!("{EDITED},"), ""),
            false => return Err(failed(Verdict::Quarantine)),
        }
        Ok(Written::Change)
    }

    fn audience(&self, visibility: &Visibility) -> Audience {
        match visibility {
            Visibility::Public => Audience::Right,
            _ if self.faults.strike("Jira showed to all what is for some", 0.3) => Audience::All,
            _ => Audience::Right,
        }
    }

    fn change(&self, step: &Step, issue: &mut Issue) -> Result<Written, JiraError> {
        let marker = step.marker.clone();
        match (&step.write, issue.state) {
            (Write::Link { other, .. }, _) => issue.links.push((other.clone(), marker)),
            (Write::Watch { .. }, _) if self.faults.strike("Jira let nobody be a watcher", 0.1) => {
                return Err(JiraError { status: Some(403), ..failed(Verdict::Halt(Scope::Project)) });
            }
            (Write::Watch { user }, _) => issue.watchers.push((user.clone(), marker)),
            (Write::AddParticipants { users }, _) => issue.watchers.push((users.join(" "), marker)),
            (_, State::Open | State::Full | State::Archived) => {}
            (_, State::FinishedForGood) => return Err(failed(Verdict::Quarantine)),
            (_, State::Finished) => {
                issue.reopened.push(marker);
                let again = self.faults.strike("a person finished an issue again", 0.3);
                issue.state = if again { State::Finished } else { State::Open };
            }
        }
        Ok(Written::Change)
    }

    /// What a new issue says; `None` for a write to one that is there.
    fn issue_text(&self, write: &Write) -> Result<Option<String>, JiraError> {
        match write {
            Write::CreateIssue { fields, .. } => Ok(Some(serde_json::to_string(fields).unwrap())),
            Write::RaiseRequest { request, .. } => {
                if request.customer.is_some() && self.faults.strike("Jira knew no such customer", 0.3) {
                    let fields = vec![("raiseOnBehalfOf".to_owned(), "is not known".to_owned())];
                    return Err(JiraError { status: Some(400), fields, ..failed(Verdict::Quarantine) });
                }
                Ok(Some(serde_json::to_string(&request.values).unwrap()))
            }
            Write::Complete { .. }
            | Write::AddComment { .. }
            | Write::Prove { .. }
            | Write::Attach { .. }
            | Write::ShowPictures { .. }
            | Write::Link { .. }
            | Write::Watch { .. }
            | Write::AddParticipants { .. }
            | Write::Reopen => Ok(None),
        }
    }

    fn write(
        &self,
        step: &Step,
        target: Target<'_>,
        content: Option<&Payload>,
        at: Timestamp,
    ) -> Result<Written, JiraError> {
        if let Write::Prove { .. } = &step.write {
            return self.prove(target.comment.expect("a proof needs a comment")).map(|()| Written::Change);
        }
        if let Some(text) = self.issue_text(&step.write)? {
            return self.create(step, text, at);
        }
        let mut issues = self.issues.lock().unwrap();
        let id = self.next_id();
        let wanted = &target.issue.expect("comments and attachments need an issue").id;
        let Some(issue) = issues.iter_mut().find(|issue| issue.id == *wanted && !issue.deleted) else {
            return Err(gone());
        };
        match &step.write {
            Write::AddComment { .. } if issue.state == State::Full => {
                Err(JiraError { status: Some(413), ..failed(Verdict::Quarantine) })
            }
            Write::AddComment { .. } if issue.state == State::Archived => {
                Err(JiraError { status: Some(403), ..failed(Verdict::Halt(Scope::Project)) })
            }
            Write::AddComment { body, visibility } => {
                let text = serde_json::to_string(body).unwrap();
                refuse_unacceptable(&text)?;
                let audience = self.audience(visibility);
                let marker = step.marker.clone();
                issue.comments.push(Comment { id: id.clone(), marker, text, edited: false, audience });
                Ok(Written::Comment(id))
            }
            Write::Link { .. } | Write::Watch { .. } | Write::AddParticipants { .. } | Write::Reopen => {
                self.change(step, issue)
            }
            Write::Attach { name, .. } if name.contains(REFUSED) => {
                Err(JiraError { status: Some(413), ..failed(Verdict::Quarantine) })
            }
            Write::Attach { name, size, .. } => {
                assert_eq!(content.map(Payload::size), Some(*size), "an upload of another size than planned");
                issue.attachments.push(ExistingAttachment { id: id.clone(), name: name.clone(), size: *size });
                Ok(Written::Attachment(id))
            }
            Write::Complete { fields, .. } => {
                issue.text.push_str(&serde_json::to_string(fields).unwrap());
                issue.completions.push(step.marker.clone());
                Ok(Written::Change)
            }
            Write::ShowPictures { text, place } => self.show_pictures(issue, target, (text, place)),
            Write::CreateIssue { .. } | Write::RaiseRequest { .. } | Write::Prove { .. } => unreachable!(),
        }
    }

    fn create(&self, step: &Step, text: String, at: Timestamp) -> Result<Written, JiraError> {
        let mut issues = self.issues.lock().unwrap();
        let (id, lag) = (self.next_id(), LAG.mul_f64(self.faults.chance()));
        let searchable_at = at.checked_add(lag).unwrap();
        refuse_unacceptable(&text)?;
        if text.contains("\"priority\"") && self.faults.strike("Jira refused a field", 0.5) {
            let fields = vec![("priority".to_owned(), "is not for you".to_owned())];
            return Err(JiraError { status: Some(400), fields, ..failed(Verdict::Quarantine) });
        }
        issues.push(Issue {
            id: id.clone(),
            marker: step.marker.clone(),
            text,
            edited: false,
            searchable_at,
            comments: Vec::new(),
            attachments: Vec::new(),
            completions: Vec::new(),
            deleted: false,
            state: State::Open,
            reopened: Vec::new(),
            links: Vec::new(),
            watchers: Vec::new(),
        });
        Ok(Written::Issue(IssueRef { key: format!("SUP-{}", issues.len()), id }))
    }

    fn find(&self, step: &Step, target: Target<'_>, claimed: &[String]) -> Option<Written> {
        let (mut issues, now) = (self.issues.lock().unwrap(), self.clock.now());
        if let Write::CreateIssue { .. } | Write::RaiseRequest { .. } = &step.write {
            let found =
                issues.iter().find(|issue| issue.marker == step.marker && issue.searchable_at <= now && !issue.deleted);
            return found.map(|issue| Written::Issue(IssueRef { id: issue.id.clone(), key: "SUP-0".to_owned() }));
        }
        let wanted = &target.issue?.id;
        let issue = issues.iter_mut().find(|candidate| candidate.id == *wanted && !candidate.deleted)?;
        match &step.write {
            Write::Attach { name, known, .. } => {
                let ours = |file: &&ExistingAttachment| {
                    file.name == *name && !known.contains(&file.id) && !claimed.contains(&file.id)
                };
                issue.attachments.iter().find(ours).map(|file| Written::Attachment(file.id.clone()))
            }
            Write::Complete { .. } => issue.completions.contains(&step.marker).then_some(Written::Change),
            Write::Link { other, .. } => {
                issue.links.iter().any(|(linked, _)| linked == other).then_some(Written::Change)
            }
            Write::Watch { user } => {
                issue.watchers.iter().any(|(watcher, _)| watcher == user).then_some(Written::Change)
            }
            Write::AddParticipants { users } => {
                issue.watchers.iter().any(|(watchers, _)| *watchers == users.join(" ")).then_some(Written::Change)
            }
            Write::Reopen => {
                let ours = issue.reopened.contains(&step.marker);
                (ours || matches!(issue.state, State::Open | State::Full | State::Archived)).then_some(Written::Change)
            }
            Write::ShowPictures { text, place } => {
                let (before, _) = before_and_after(text);
                let is_without = text_of(issue, target, place).is_some_and(|text| text.contains(&before));
                (!is_without).then_some(Written::Change)
            }
            Write::AddComment { .. } | Write::CreateIssue { .. } | Write::RaiseRequest { .. } | Write::Prove { .. } => {
                let found = issue.comments.iter().find(|comment| comment.marker == step.marker);
                found.map(|comment| Written::Comment(comment.id.clone()))
            }
        }
    }

    /// Fails before anything is written, if it is to be so.
    fn before_writing(&self, write: &Write) -> Result<(), JiraError> {
        if self.faults.strike("Jira was busy", 0.05) {
            return Err(failed(Verdict::Retry(Some(Duration::from_secs(3)))));
        }
        if self.faults.strike("Jira did not know us", 0.02) {
            return Err(failed(Verdict::Halt(Scope::Everything)));
        }
        if self.faults.strike("Jira closed the project to us", 0.02) {
            // What a message can do without, it then goes without.
            if let Write::ShowPictures { .. } = write {
                self.faults.strike(NO_PICTURE, 1.0);
            }
            return Err(failed(Verdict::Halt(Scope::Project)));
        }
        if self.faults.strike("Jira failed without writing", 0.05) {
            return Err(self.unknown());
        }
        Ok(())
    }

    /// Keeps a write for later; a proof is asked for anew instead.
    fn put_off(&self, step: &Step, target: Target<'_>, content: Option<Payload>) {
        let failed_at = self.clock.now();
        let at = failed_at.checked_add(LAG.mul_f64(self.faults.chance())).unwrap();
        let (issue, comment) = (target.issue.cloned(), target.comment.map(str::to_owned));
        self.late.lock().unwrap().push(LateWrite { failed_at, at, step: step.clone(), issue, comment, content });
    }

    /// Writes what was put off until now. Nobody hears what came of it.
    pub fn write_what_is_late(&self) {
        let now = self.clock.now();
        let due: Vec<LateWrite> = self.late.lock().unwrap().extract_if(.., |write| write.at <= now).collect();
        for LateWrite { failed_at, step, issue, comment, content, .. } in due {
            let target = Target { issue: issue.as_ref(), comment: comment.as_deref(), attached: &[] };
            let _ = self.write(&step, target, content.as_ref(), failed_at);
        }
    }

    /// An outcome that nobody knows; one of the bugs takes it for a plain no.
    fn unknown(&self) -> JiraError {
        match self.sabotage {
            Sabotage::ServerErrorTakenAsNotWritten => failed(Verdict::Retry(None)),
            _ => failed(Verdict::Unknown),
        }
    }
}

/// The text that pictures are to be shown in.
fn text_of<'i>(issue: &'i mut Issue, target: Target<'_>, place: &TextPlace) -> Option<&'i mut String> {
    match place {
        TextPlace::Description => Some(&mut issue.text),
        TextPlace::Comment(_) => {
            let mut comments = issue.comments.iter_mut();
            comments.find(|comment| Some(comment.id.as_str()) == target.comment).map(|comment| &mut comment.text)
        }
    }
}

/// A document without its pictures, and with them.
fn before_and_after(document: &Json) -> (String, String) {
    let ids = names(document).into_iter().map(|name| (name.clone(), format!("id-of-{name}"))).collect();
    (with_ids(document, &Default::default()).as_str().to_owned(), with_ids(document, &ids).as_str().to_owned())
}

fn failed(verdict: Verdict) -> JiraError {
    JiraError::new(verdict, None, "a planned failure".to_owned())
}

fn gone() -> JiraError {
    JiraError { status: Some(404), ..failed(Verdict::Quarantine) }
}

fn refuse_unacceptable(text: &str) -> Result<(), JiraError> {
    match text.contains("unacceptable") {
        true => Err(JiraError { status: Some(400), ..failed(Verdict::Quarantine) }),
        false => Ok(()),
    }
}
