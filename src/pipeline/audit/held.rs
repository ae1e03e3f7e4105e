//! Whether Jira holds what the ledger says it does, and holds it once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, stream};

use super::{Auditor, Notes, finding};
use crate::audit::{Finding, Kind, Unchecked};
use crate::decide::ActionKind;
use crate::jira::client::MarkedComment;
use crate::jira::plan::{Marker, Write};
use crate::jira::{IssueRef, Jira, JiraError, Written};
use crate::pipeline::fingerprint::print;
use crate::store::StoreError;
use crate::store::audit::{Period, Standing};
use crate::store::entry::Stage;
use crate::store::steps::{PlannedStep, Progress};

/// Issues that are asked for at the same time.
const AT_ONCE: usize = 4;

/// A message with what Jira was to write for it.
struct Planned<'s> {
    standing: &'s Standing,
    steps: Vec<PlannedStep>,
}

/// What was written to one issue.
#[derive(Default)]
struct Held<'p> {
    issue: Option<&'p IssueRef>,
    planned: Vec<&'p Planned<'p>>,
}

impl Auditor<'_> {
    /// Compares what the ledger says was written with what Jira holds.
    pub(super) async fn compare_jira(
        &self,
        all: &[Standing],
        period: Period,
        notes: &mut Notes,
    ) -> Result<(), StoreError> {
        let mut planned = Vec::new();
        for standing in all.iter().filter(|standing| may_be_in_jira(standing.entry.stage)) {
            planned.push(Planned { standing, steps: self.ledger.steps(standing.entry.id).await? });
        }
        let mut issues: BTreeMap<&str, Held<'_>> = BTreeMap::new();
        for one in &planned {
            let Some(issue) = &one.standing.entry.issue else { continue };
            let held = issues.entry(issue.id.as_str()).or_default();
            held.issue = Some(issue);
            held.planned.push(one);
        }
        notes.compared.issues = issues.len();
        let mut compared = stream::iter(issues.into_values().map(|held| self.compare_issue(held))).buffered(AT_ONCE);
        let mut done = 0;
        while let Some(outcome) = compared.next().await {
            done += 1;
            (self.progress)(&format!("jira: {done} of {} issues compared", notes.compared.issues));
            notes.take(outcome);
        }
        for (project, mine) in by_project(&planned) {
            (self.progress)(&format!("jira: looking for doubles in {project}"));
            notes.take(self.doubled_issues(project, &mine, period).await);
        }
        Ok(())
    }

    /// What is gone from an issue, or twice on it.
    async fn compare_issue(&self, held: Held<'_>) -> Result<Vec<Finding>, JiraError> {
        let Some(issue) = held.issue else { return Ok(Vec::new()) };
        let gone = |kind: Kind, what: String| move |one: &&Planned<'_>| finding(kind, one.standing, what.clone());
        let Some(existing) = self.jira.issue(issue).await? else {
            let what = format!("issue {issue} is gone from Jira, or may not be seen");
            return Ok(held.planned.iter().map(gone(Kind::IssueGone, what)).collect());
        };
        let attached: BTreeSet<&str> = existing.attachments.iter().map(|attachment| attachment.id.as_str()).collect();
        let mut findings = Vec::new();
        for (one, id, name) in held.planned.iter().flat_map(|one| one.attachments()) {
            if !attached.contains(id) {
                let what = format!("attachment {id} ({name}) is gone from {issue}");
                findings.push(finding(Kind::AttachmentGone, one.standing, what));
            }
        }
        if held.planned.iter().all(|one| one.comments().next().is_none()) {
            return Ok(findings);
        }
        let comments = self.jira.marked_comments(issue).await?.unwrap_or_default();
        findings.extend(held.stray(issue, &comments));
        for (one, id, marker) in held.planned.iter().flat_map(|one| one.comments()) {
            if !comments.iter().any(|comment| comment.id == id) {
                let what = format!("comment {id} is gone from {issue}");
                findings.push(finding(Kind::CommentGone, one.standing, what));
            }
            let twins = comments.iter().filter(|comment| marker.is_some() && comment.marker.as_ref() == marker).count();
            if twins > 1 {
                let what = format!("{twins} comments on {issue} carry its marker");
                findings.push(finding(Kind::CommentDoubled, one.standing, what));
            }
        }
        Ok(findings)
    }

    /// Messages whose marker stands on several issues.
    async fn doubled_issues(
        &self,
        project: &str,
        mine: &[&Planned<'_>],
        period: Period,
    ) -> Result<Vec<Finding>, JiraError> {
        let mut by_marker: HashMap<Marker, Vec<IssueRef>> = HashMap::new();
        for (marker, issue) in self.jira.marked_issues(project, period.since).await? {
            by_marker.entry(marker).or_default().push(issue);
        }
        let (several, single): (Vec<_>, Vec<_>) = by_marker.into_iter().partition(|(_, issues)| issues.len() > 1);
        let mine = Signs::of(mine);
        let strays = single.iter().filter(|(marker, issues)| mine.created(marker, issues).is_none());
        let strays = strays.filter_map(|(marker, issues)| {
            let one = mine.told_by(marker)?;
            let issues: Vec<String> = one.standing.entry.issue.iter().chain(issues).map(ToString::to_string).collect();
            let what = format!("the ledger does not know all the issues that it became: {}", issues.join(", "));
            Some(Finding { issues, ..finding(Kind::IssueDoubled, one.standing, what) })
        });
        let doubled = several.iter().filter_map(|(marker, issues)| {
            let one = mine.created(marker, issues)?;
            let mut issues: Vec<String> = issues.iter().map(ToString::to_string).collect();
            issues.sort();
            let what = format!("several issues carry its marker: {}", issues.join(", "));
            Some(Finding { issues, ..finding(Kind::IssueDoubled, one.standing, what) })
        });
        Ok(doubled.chain(strays).collect())
    }
}

impl Held<'_> {
    /// Comments that no step wrote, and that tell what message they are of.
    fn stray(&self, issue: &IssueRef, comments: &[MarkedComment]) -> Vec<Finding> {
        let signs = Signs::of(&self.planned);
        let markers = comments.iter().filter_map(|comment| comment.marker.as_ref());
        let strays = markers.filter(|marker| !signs.steps.contains_key(marker)).filter_map(|marker| {
            let one = signs.told_by(marker)?;
            let what = format!("{issue} holds another comment of it, which the ledger does not know");
            Some(finding(Kind::CommentDoubled, one.standing, what))
        });
        strays.collect()
    }
}

impl Notes {
    fn take(&mut self, outcome: Result<Vec<Finding>, JiraError>) {
        match outcome {
            Ok(findings) => self.findings.extend(findings),
            Err(error) => {
                let unchecked = Unchecked { subject: "jira".to_owned(), reason: error.message };
                if !self.unchecked.iter().any(|known| known.reason == unchecked.reason) {
                    self.unchecked.push(unchecked);
                }
            }
        }
    }
}

impl Planned<'_> {
    /// Files that Jira said it had taken: id and name.
    fn attachments(&self) -> impl Iterator<Item = (&Self, &str, &str)> {
        self.steps.iter().filter_map(move |step| match (&step.step.write, &step.progress) {
            (Write::Attach { name, .. }, Progress::Done(Written::Attachment(id))) => {
                Some((self, id.as_str(), name.as_str()))
            }
            _not_a_file_that_was_taken => None,
        })
    }

    /// Comments that Jira said it had taken, with their markers where the steps are still kept.
    fn comments(&self) -> impl Iterator<Item = (&Self, &str, Option<&Marker>)> {
        let last = self.standing.entry.comment_id.as_deref().filter(|_| self.steps.is_empty());
        let written = self.steps.iter().filter_map(|step| match &step.progress {
            Progress::Done(Written::Comment(id)) => Some((id.as_str(), Some(&step.step.marker))),
            Progress::Done(Written::Issue(_) | Written::Attachment(_) | Written::Change)
            | Progress::Planned
            | Progress::Sent(_) => None,
        });
        written.chain(last.map(|id| (id, None))).map(move |(id, marker)| (self, id, marker))
    }
}

/// What tells of something in Jira which message it is of.
struct Signs<'p> {
    /// Markers of steps.
    steps: HashMap<&'p Marker, &'p Planned<'p>>,
    /// Ids of the issues that they made or went to.
    issues: HashMap<&'p str, &'p Planned<'p>>,
    /// Prints of messages, which markers hold. Where steps are not kept any more a print proves nothing.
    prints: HashMap<String, &'p Planned<'p>>,
}

impl<'p> Signs<'p> {
    fn of(planned: &[&'p Planned<'p>]) -> Self {
        let (mut steps, mut issues, mut prints) = (HashMap::new(), HashMap::new(), HashMap::new());
        for one in planned.iter().copied() {
            for step in &one.steps {
                steps.entry(&step.step.marker).or_insert(one);
            }
            if let Some(issue) = &one.standing.entry.issue {
                issues.entry(issue.id.as_str()).or_insert(one);
            }
            if let Some(print) = print(&one.standing.entry).filter(|_| !one.steps.is_empty()) {
                prints.entry(print).or_insert(one);
            }
        }
        Self { steps, issues, prints }
    }

    /// The message that a marker which no step has tells of: a ledger that was set back has forgotten it.
    fn told_by(&self, marker: &Marker) -> Option<&'p Planned<'p>> {
        self.prints.get(marker.print()?).copied()
    }

    /// The message that issues with such a marker are of: by the marker, or by the issue where the steps are not kept any more.
    fn created(&self, marker: &Marker, issues: &[IssueRef]) -> Option<&'p Planned<'p>> {
        let by_issue = || issues.iter().find_map(|issue| self.issues.get(issue.id.as_str()));
        self.steps.get(marker).or_else(by_issue).copied()
    }
}

/// What was given up by a person, or never meant for Jira, is not looked for there.
fn may_be_in_jira(stage: Stage) -> bool {
    match stage {
        Stage::Planned | Stage::Sent | Stage::Delivered | Stage::Quarantined => true,
        Stage::Received | Stage::Ignored | Stage::Discarded => false,
    }
}

/// Messages that made an issue, or may have, by project.
fn by_project<'p>(planned: &'p [Planned<'p>]) -> BTreeMap<&'p str, Vec<&'p Planned<'p>>> {
    let mut projects: BTreeMap<&str, Vec<&Planned<'_>>> = BTreeMap::new();
    for one in planned.iter().filter(|one| one.standing.entry.action == Some(ActionKind::Create)) {
        let asked = one.steps.iter().find_map(|step| step.step.write.project());
        let of_key = one.standing.entry.issue.as_ref().and_then(IssueRef::project);
        if let Some(project) = asked.or(of_key) {
            projects.entry(project).or_default().push(one);
        }
    }
    projects
}
