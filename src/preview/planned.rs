//! What would be done with a message, as `preview` shows it: the plan without what only a ledger or Jira could add. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use super::against::shown;
use crate::config::rule::{Assignee, Reporter, Visibility};
use crate::decide::values::Wanted;
use crate::decide::{Action, ActionKind, Decision};
use crate::jira::plan::{Plan, Write};

/// What would be done with the message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// What the message becomes.
    pub action: ActionKind,
    /// One sentence.
    pub reason: String,
    /// Project key of a new issue.
    pub project: Option<String>,
    /// Issue type of a new issue.
    pub issue_type: Option<String>,
    /// The issue that is commented on.
    pub issue: Option<String>,
    /// Fields of a new issue, or `comment` with the comment's body.
    pub fields: Map<String, Value>,
    /// Names of the files that would be attached.
    pub attachments: Vec<String>,
    /// Files that Jira would not hold, with the reason.
    pub left_out: Vec<String>,
    /// Files that `skip` names.
    pub skipped: Vec<String>,
    /// What of the text is not shown at once, and where it stands.
    pub removed: Option<String>,
    /// Who sees the comment, where not everybody who sees the issue: as in a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
    /// Who is to work on the issue: as in a rule, since only Jira knows who that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// `sender`, where the issue is to be in the sender's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    /// The request type, where it is to be a request of Service Management.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_type: Option<String>,
    /// Issues that it is to be linked to: the link's type and the key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What a rule asks for and cannot be filled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Planned {
    pub(super) fn of(decision: Decision, plan: Plan) -> Self {
        let mut planned = Self {
            action: decision.action.kind(),
            reason: decision.because,
            project: None,
            issue_type: None,
            issue: None,
            fields: Map::new(),
            attachments: Vec::new(),
            left_out: plan.left_out,
            skipped: plan.skipped,
            removed: None,
            visibility: None,
            assignee: None,
            reporter: None,
            request_type: None,
            links: Vec::new(),
            notes: Vec::new(),
        };
        match decision.action {
            Action::Create { project, issue_type, wanted } => {
                planned.wants(*wanted);
                (planned.project, planned.issue_type) = (Some(project), Some(issue_type));
            }
            Action::Comment { issue, visibility, .. } => {
                planned.issue = Some(issue.to_string());
                planned.visibility = in_words(visibility);
            }
            Action::Ignore | Action::Quarantine => {}
        }
        for step in plan.steps {
            match step.write {
                Write::CreateIssue { fields, .. } => {
                    planned.fields = fields.into_iter().map(|(name, value)| (name, value.to_value())).collect();
                }
                // No form is known without asking Jira: what would be a request is shown as the issue that it is.
                Write::RaiseRequest { request, .. } => {
                    planned.fields = request.values.into_iter().map(|(name, value)| (name, value.to_value())).collect();
                }
                Write::Complete { fields, .. } => {
                    planned.fields.extend(fields.into_iter().map(|(name, value)| (name, value.to_value())));
                }
                Write::AddComment { body, .. } => {
                    planned.fields = Map::from_iter([("comment".to_owned(), body.to_value())]);
                }
                Write::Attach { name, .. } => planned.attachments.push(name),
                Write::Prove { .. }
                | Write::ShowPictures { .. }
                | Write::Link { .. }
                | Write::Watch { .. }
                | Write::AddParticipants { .. }
                | Write::Reopen => {}
            }
        }
        planned
    }

    fn wants(&mut self, wanted: Wanted) {
        self.assignee = wanted.assignee.map(|assignee| match assignee {
            Assignee::FirstCc => "first-cc".to_owned(),
            Assignee::ProjectLead => "project-lead".to_owned(),
            Assignee::Named(name) => name,
        });
        self.reporter = match wanted.reporter {
            Reporter::Sender => Some("sender".to_owned()),
            Reporter::Default => None,
        };
        self.request_type = wanted.request_type;
        self.links = wanted.links.into_iter().map(|link| format!("{} {}", link.kind, link.issue)).collect();
        self.notes = wanted.trouble;
    }

    /// For people: what would be written beside the text, a name and a value each.
    pub(super) fn facts(&self) -> impl Iterator<Item = (&str, String)> {
        let told = ["description", "comment", "project", "issuetype"]; // or too long
        let fields = self.fields.iter().filter(move |(name, _)| !told.contains(&name.as_str()));
        let fields = fields.map(|(name, value)| (name.as_str(), shown(value)));
        let named = [
            ("assignee", &self.assignee),
            ("reporter", &self.reporter),
            ("request", &self.request_type),
            ("visibility", &self.visibility),
            ("removed", &self.removed),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let lists = [
            ("link", &self.links),
            ("attach", &self.attachments),
            ("left out", &self.left_out),
            ("skipped", &self.skipped),
            ("note", &self.notes),
        ];
        let lists = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |value| (name, value.clone())));
        fields.chain(named).chain(lists)
    }
}

/// Who sees a comment, as a rule writes it; `None` where all do.
fn in_words(visibility: Visibility) -> Option<String> {
    match visibility {
        Visibility::Public => None,
        Visibility::Internal => Some("internal".to_owned()),
        Visibility::Role(name) => Some(format!("role:{name}")),
        Visibility::Group(name) => Some(format!("group:{name}")),
    }
}
