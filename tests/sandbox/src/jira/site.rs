//! What a Jira site holds: projects, accounts, issues with all that hangs on them. It keeps and finds things; whether
//! they may be written is decided in `fields` and the API.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::Options;

pub use super::fields::{Choice, Field, FieldKind, Need};
pub(super) use issue::NewIssue;
pub use issue::{Attachment, Comment, Issue, LINK_TYPES, Link, LinkEnd, LinkType, RemoteLink, Status};
pub use project::{Account, AccountKind, Project};
pub use settings::{
    ApiTokens, CommentProperties, Counted, Discretion, Product, Release, SentProperties, Settings, Shelf, Strangers,
    Workflow,
};

mod issue;
mod project;
mod settings;

/// Jira's limit for one text, in characters.
pub const TEXT_LIMIT: usize = 32_767;

/// All that one Jira holds.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) url: String,
    pub(super) product: Product,
    pub(super) time_zone: TimeZone,
    pub(super) projects: Vec<Project>,
    pub(super) accounts: Vec<Account>,
    pub(super) settings: Settings,
    /// Files that belong to no request yet, by their ids.
    pub(super) temporary: HashMap<String, Attachment>,
    issues: Vec<Issue>,
    by_name: HashMap<String, usize>,
    comment_issue: HashMap<u64, usize>,
    attachment_issue: HashMap<u64, usize>,
    credentials: HashMap<String, usize>,
    last_id: u64,
    changes: u64,
}

impl Site {
    pub(super) fn new(url: String, options: Options) -> Self {
        let mut site = Self {
            url,
            product: options.product,
            time_zone: options.time_zone,
            projects: options.projects,
            accounts: options.accounts,
            settings: options.settings,
            temporary: HashMap::new(),
            issues: Vec::new(),
            by_name: HashMap::new(),
            comment_issue: HashMap::new(),
            attachment_issue: HashMap::new(),
            credentials: HashMap::new(),
            last_id: 10_041,
            changes: 0,
        };
        site.index_credentials();
        site
    }

    fn index_credentials(&mut self) {
        let product = self.product;
        let known = self.accounts.iter().enumerate();
        let shown = known.flat_map(|(index, account)| {
            account.authorizations(product).into_iter().map(move |authorization| (authorization, index))
        });
        self.credentials = shown.collect();
    }

    /// Who an `Authorization` field belongs to.
    pub(super) fn account_by_authorization(&self, authorization: &str) -> Option<&Account> {
        self.credentials.get(authorization).and_then(|index| self.accounts.get(*index))
    }

    /// Where the API is.
    pub(super) fn rest(&self) -> String {
        format!("{}{}", self.url, self.product.api())
    }

    /// The account that a field of a request names, in the product's way.
    pub(super) fn named(&self, value: &Value) -> Option<&Account> {
        let given = |key: &str| value.get(key).and_then(Value::as_str);
        match self.product {
            Product::Cloud => self.account(given("id").or_else(|| given("accountId"))?),
            Product::DataCenter => {
                let name = given("name")?;
                self.accounts.iter().find(|account| account.username() == name)
            }
        }
    }

    pub(super) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn set_token(&mut self, email: &str, token: &str) {
        match self.accounts.iter_mut().find(|account| account.email == email) {
            Some(account) => account.token = Some(token.to_owned()),
            None => {
                self.accounts.push(Account { token: Some(token.to_owned()), ..Account::person(email, email) });
            }
        }
        self.index_credentials();
    }

    pub(super) fn project(&self, id_or_key: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.key.eq_ignore_ascii_case(id_or_key) || project.id == id_or_key)
    }

    pub(super) fn permits(&self, permission: &str) -> bool {
        !self.settings.denied.contains(permission)
    }

    /// Why an issue takes no comments, if so.
    pub(super) fn shelf(&self, issue: &Issue) -> Option<Shelf> {
        [&issue.key, &issue.project].into_iter().find_map(|key| self.settings.shelved.get(key).copied())
    }

    /// Oldest first.
    pub(super) fn issues(&self) -> &[Issue] {
        &self.issues
    }

    pub(super) fn issue(&self, id_or_key: &str) -> Option<&Issue> {
        let index = self.by_name.get(id_or_key).or_else(|| self.by_name.get(&id_or_key.to_ascii_uppercase()))?;
        self.issues.get(*index)
    }

    /// An issue to be changed.
    pub(super) fn issue_mut(&mut self, id_or_key: &str, now: Timestamp) -> Option<&mut Issue> {
        let index = *self.by_name.get(id_or_key).or_else(|| self.by_name.get(&id_or_key.to_ascii_uppercase()))?;
        self.changes += 1;
        let issue = self.issues.get_mut(index)?;
        issue.updated = now;
        Some(issue)
    }

    pub(super) fn comment(&self, id: u64) -> Option<(&Issue, &Comment)> {
        let issue = self.issues.get(*self.comment_issue.get(&id)?)?;
        Some((issue, issue.comments.iter().find(|comment| comment.id == id)?))
    }

    pub(super) fn comment_mut(&mut self, id: u64) -> Option<&mut Comment> {
        let issue = self.issues.get_mut(*self.comment_issue.get(&id)?)?;
        self.changes += 1;
        issue.comments.iter_mut().find(|comment| comment.id == id)
    }

    pub(super) fn attachment(&self, id: u64) -> Option<&Attachment> {
        let issue = self.issues.get(*self.attachment_issue.get(&id)?)?;
        issue.attachments.iter().find(|attachment| attachment.id == id)
    }

    pub(super) fn media(&self, media_id: &str) -> Option<&Attachment> {
        self.issues.iter().flat_map(|issue| &issue.attachments).find(|attachment| attachment.media_id == media_id)
    }

    /// Grows with every change: a page that saw this number has nothing new to show.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Ids leap, so that nobody takes them for the number in a key.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 7;
        self.last_id
    }

    pub(super) fn create_issue(&mut self, new: NewIssue, creator: &str, now: Timestamp) -> Option<&Issue> {
        let id = self.next_id();
        let project = self.projects.iter_mut().find(|project| project.key == new.project)?;
        project.last_number += 1;
        let key = format!("{}-{}", project.key, project.last_number);
        let index = self.issues.len();
        self.by_name.insert(key.clone(), index);
        self.by_name.insert(id.to_string(), index);
        self.changes += 1;
        self.issues.push(Issue {
            id,
            key,
            project: new.project,
            issue_type: new.issue_type,
            summary: new.summary,
            fields: new.fields,
            creator: creator.to_owned(),
            reporter: new.reporter.unwrap_or_else(|| creator.to_owned()),
            created: now,
            updated: now,
            status: Status::ToDo,
            moves: Vec::new(),
            properties: new.properties,
            comments: Vec::new(),
            attachments: Vec::new(),
            watchers: vec![creator.to_owned()],
            links: Vec::new(),
            remote_links: Vec::new(),
            request: None,
        });
        self.issues.last()
    }

    /// An issue as somebody else would have made it.
    pub(super) fn plant(&mut self, project: &str, summary: &str, now: Timestamp) -> Option<String> {
        let project = self.project(project)?;
        let new = NewIssue {
            project: project.key.clone(),
            issue_type: project.issue_types.first()?.clone(),
            summary: summary.to_owned(),
            reporter: None,
            fields: Map::from_iter([("labels".to_owned(), json!([]))]),
            properties: BTreeMap::new(),
        };
        let creator = self.accounts.last()?.id.clone();
        Some(self.create_issue(new, &creator, now)?.key.clone())
    }

    /// Changes an issue's fields and properties, as they were found to be right.
    pub(super) fn edit(
        &mut self,
        id_or_key: &str,
        (mut fields, properties): (Map<String, Value>, BTreeMap<String, Value>),
        now: Timestamp,
    ) {
        let reporter = fields.remove("reporter").and_then(|reporter| Some(self.named(&reporter)?.id.clone()));
        let Some(issue) = self.issue_mut(id_or_key, now) else { return };
        if let Some(Value::String(summary)) = fields.remove("summary") {
            issue.summary = summary;
        }
        if let Some(reporter) = reporter {
            issue.reporter = reporter;
        }
        issue.fields.extend(fields);
        issue.properties.extend(properties);
    }

    /// A second issue like that one, as its creator would have made it by asking twice.
    pub(super) fn copy(&mut self, id_or_key: &str, now: Timestamp) -> Option<String> {
        let original = self.issue(id_or_key)?.clone();
        let new = NewIssue {
            project: original.project,
            issue_type: original.issue_type,
            summary: original.summary,
            reporter: Some(original.reporter),
            fields: original.fields,
            properties: original.properties,
        };
        Some(self.create_issue(new, &original.creator, now)?.key.clone())
    }

    /// Forgets an issue and what hangs on it: it cannot be found by any name.
    pub(super) fn delete_issue(&mut self, id_or_key: &str) -> bool {
        let Some(id) = self.issue(id_or_key).map(|issue| issue.id) else { return false };
        self.issues.retain(|issue| issue.id != id);
        self.changes += 1;
        self.by_name.clear();
        self.comment_issue.clear();
        self.attachment_issue.clear();
        for (index, issue) in self.issues.iter().enumerate() {
            self.by_name.extend([(issue.key.clone(), index), (issue.id.to_string(), index)]);
            self.comment_issue.extend(issue.comments.iter().map(|comment| (comment.id, index)));
            self.attachment_issue.extend(issue.attachments.iter().map(|attachment| (attachment.id, index)));
        }
        true
    }

    pub(super) fn delete_from_issue(&mut self, id_or_key: &str, id: u64, now: Timestamp) {
        let Some(issue) = self.issue_mut(id_or_key, now) else { return };
        issue.comments.retain(|comment| comment.id != id);
        issue.attachments.retain(|attachment| attachment.id != id);
    }

    /// Somebody moves an issue to another project, where it gets another key. The old one still leads to it.
    pub(super) fn move_issue(&mut self, issue: &str, project: &str) -> Option<String> {
        let index = *self.by_name.get(issue)?;
        let project = self.projects.iter_mut().find(|known| known.key == project)?;
        project.last_number += 1;
        let key = format!("{}-{}", project.key, project.last_number);
        let moved = self.issues.get_mut(index)?;
        (moved.project, moved.key) = (project.key.clone(), key.clone());
        self.by_name.insert(key.clone(), index);
        self.changes += 1;
        Some(key)
    }

    /// Adds a comment; its id is set here. `None` when there is no such issue.
    pub(super) fn add_comment(&mut self, issue: &str, mut comment: Comment) -> Option<&Comment> {
        comment.id = self.next_id();
        let index = *self.by_name.get(issue)?;
        self.comment_issue.insert(comment.id, index);
        let issue = self.issue_mut(issue, comment.created)?;
        issue.comments.push(comment);
        issue.comments.last()
    }

    /// Adds a file; its id is set here. `None` when there is no such issue.
    pub(super) fn add_attachment(&mut self, issue: &str, mut attachment: Attachment) -> Option<&Attachment> {
        attachment.id = self.next_id();
        let index = *self.by_name.get(issue)?;
        self.attachment_issue.insert(attachment.id, index);
        let issue = self.issue_mut(issue, attachment.created)?;
        issue.attachments.push(attachment);
        issue.attachments.last()
    }
}
