//! What the program says became of each mail, and whether Jira agrees. Asks nobody; is told.

use std::collections::BTreeMap;

use sandbox::jira::JiraCloud;
use sandbox::mails::{Outcome, Sample};
use serde_json::Value;

use super::wish;

/// What is known, by the sample's name.
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<&'static str, Fate>);

/// A line of `messages list --json`.
#[derive(Debug)]
struct Fate {
    state: String,
    issue_key: Option<String>,
    comment_id: Option<String>,
}

impl Ledger {
    /// Takes in the list; returns a line for people for each mail that is new in it.
    pub fn learn(&mut self, list: &[Value], sent: &[Sample], jira: &JiraCloud) -> Vec<String> {
        let mut lines = Vec::new();
        // The list has the newest first.
        for entry in list.iter().rev() {
            let text = |name: &str| entry.get(name).and_then(Value::as_str);
            let state = text("state").unwrap_or_default();
            let id = text("message_id");
            let Some(sample) = sent.iter().find(|sample| sample.message_id.as_deref() == id) else { continue };
            if !matches!(state, "delivered" | "ignored" | "quarantined") || self.0.contains_key(sample.name) {
                continue;
            }
            let (issue_key, comment_id) = (text("issue_key").map(str::to_owned), text("comment_id").map(str::to_owned));
            let fate = Fate { state: state.to_owned(), issue_key, comment_id };
            lines.push(fate.line(text("subject").unwrap_or_default()));
            lines.extend(
                fate.detail(text("reason").unwrap_or_default(), jira).map(|detail| format!("{:22}{detail}", "")),
            );
            self.0.insert(sample.name, fate);
        }
        lines
    }

    /// Whether each of these mails is through.
    pub fn knows_all(&self, sent: &[Sample]) -> bool {
        sent.iter().all(|sample| self.0.contains_key(sample.name))
    }

    /// The issue that a sample went to.
    pub fn key_of(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.issue_key.as_deref()
    }

    /// What is wrong with what became of a sample, if anything.
    pub fn fault(&self, sample: &Sample, jira: &JiraCloud) -> Option<String> {
        let Sample { name, outcome, .. } = sample;
        let Some(fate) = self.0.get(name) else {
            return Some(format!("{name} should have become {outcome}, and is not settled"));
        };
        let fits = match outcome {
            Outcome::NewIssue => fate.is_issue(jira) && self.is_the_only_issue(fate),
            Outcome::CommentOn(other) => fate.is_comment(jira) && fate.issue_key.as_deref() == self.key_of(other),
            Outcome::CommentOnNotified => fate.is_comment(jira) && fate.issue_key.as_deref() == self.key_of("badge"),
            Outcome::Ignored => fate.state == "ignored" && fate.issue_key.is_none(),
        };
        (!fits)
            .then(|| format!("{name} should have become {outcome} ({}), and became {}", wish(*outcome), fate.words()))
    }

    fn is_the_only_issue(&self, fate: &Fate) -> bool {
        let made_it = |other: &&Fate| other.comment_id.is_none() && other.issue_key == fate.issue_key;
        self.0.values().filter(made_it).count() == 1
    }
}

impl Fate {
    fn is_issue(&self, jira: &JiraCloud) -> bool {
        let there = self.issue_key.as_deref().is_some_and(|key| jira.issue(key).is_some());
        self.state == "delivered" && self.comment_id.is_none() && there
    }

    fn is_comment(&self, jira: &JiraCloud) -> bool {
        let issue = self.issue_key.as_deref().and_then(|key| jira.issue(key));
        let id = self.comment_id.as_deref().and_then(|id| id.parse().ok());
        let there = issue.is_some_and(|issue| issue.comments.iter().any(|comment| Some(comment.id) == id));
        self.state == "delivered" && there
    }

    fn line(&self, subject: &str) -> String {
        let subject: String = subject.chars().take(70).collect();
        format!("  {:<11} {:<7} {subject}", self.words(), self.issue_key.as_deref().unwrap_or("-"))
    }

    /// Why nothing was made; for an issue, which files came with it.
    fn detail(&self, reason: &str, jira: &JiraCloud) -> Option<String> {
        let Some(key) = &self.issue_key else { return Some(format!("({reason})")) };
        let issue = jira.issue(key).filter(|_| self.comment_id.is_none())?;
        let names: Vec<&str> = issue.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("+ {}", names.join(", ")))
    }

    fn words(&self) -> &str {
        match (self.state.as_str(), &self.comment_id) {
            ("delivered", Some(_)) => "comment",
            ("delivered", None) => "new issue",
            (other, _) => other,
        }
    }
}
