//! What a Jira site holds: projects, accounts, issues with all that hangs on them. It keeps and finds things; whether
//! they may be written is decided in `fields` and the API.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use axum::body::Bytes;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::Options;
use super::desk::{Desk, RequestFacts};
use super::log::LogBodies;

pub use super::fields::{Choice, Field, FieldKind, Need};

/// Jira's limit for one text, in characters.
pub const TEXT_LIMIT: usize = 32_767;

/// Which Jira it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Cloud: REST v3 at the root of its site.
    Cloud,
    /// Data Center: REST v2 below the context path `/jira`.
    DataCenter,
}

impl Product {
    /// What stands before every path.
    pub fn context(self) -> &'static str {
        match self {
            Self::Cloud => "",
            Self::DataCenter => "/jira",
        }
    }

    /// Where the REST API is, below the context path.
    pub fn api(self) -> &'static str {
        match self {
            Self::Cloud => "/rest/api/3",
            Self::DataCenter => "/rest/api/2",
        }
    }
}

/// Whether a create call's properties are kept, which is told not to be so everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentProperties {
    /// They are kept.
    Kept,
    /// They are taken without a word, and dropped.
    Dropped,
}

/// What is done to a caller whose credentials are no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// 401.
    Refused,
    /// Answered as anonymous, as Data Center does to a bad Bearer.
    Anonymous,
}

/// Where and how API tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiTokens {
    /// At the site.
    Everyday,
    /// At the gateway alone: they are scoped.
    Scoped,
    /// The same, and as Bearer alone: they are a service account's.
    ScopedBearer,
}

/// What can be changed while Jira runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What becomes of properties that come with an issue or a comment.
    pub sent_properties: SentProperties,
    /// Where and how API tokens are taken.
    pub api_tokens: ApiTokens,
    /// Whether a refused signature of an application link comes without a word about why.
    pub silent_link: bool,
    /// What is done to who cannot sign in.
    pub strangers: Strangers,
    /// Data Center's budget of requests, told in the headers of every answer: the bucket, and what comes back a second.
    pub budget: Option<(u64, u64)>,
    /// An issue younger than this is not found by search.
    pub search_lag: Duration,
    /// The largest attachment in bytes.
    pub upload_limit: u64,
    /// What [`TEXT_LIMIT`] counts, which Atlassian does not say.
    pub counted: Counted,
    /// Whether the comment list shows properties, which Atlassian does not promise.
    pub comment_properties: CommentProperties,
    /// Whether who a comment is for is heeded, which nobody promises of a property.
    pub discretion: Discretion,
    /// What a workflow offers for a finished issue.
    pub workflow: Workflow,
    /// Addresses of people to whom no issue can be assigned.
    pub unassignable: BTreeSet<String>,
    /// Permission keys that nobody has, such as `ADD_COMMENTS`.
    pub denied: BTreeSet<String>,
    /// Whether the log keeps bodies.
    pub log_bodies: LogBodies,
}

/// What becomes of the audience of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discretion {
    /// It is heeded.
    Kept,
    /// It is taken without a word, and the comment is shown to all.
    Overlooked,
}

/// What can be done with a finished issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workflow {
    /// It can be moved to every other status; the first way on offer asks for a field, and refuses without it.
    Open,
    /// It stays finished.
    Final,
}

/// What a text's length is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The characters that people see.
    Text,
    /// The ADF document as JSON.
    Json,
}

/// Whether `GET …/comment?expand=properties` does as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentProperties {
    /// It shows them.
    Listed,
    /// It leaves them out; `POST /comment/list` still shows them.
    NotListed,
}

/// A project, its issue types and what is on its create screen.
#[derive(Debug, Clone)]
pub struct Project {
    /// `SUP`.
    pub key: String,
    /// Numeric id, as text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Kinds of issue.
    pub issue_types: Vec<Choice>,
    /// Fields on the create screen, of every issue type.
    pub fields: Vec<Field>,
    /// The number of the last issue.
    pub last_number: u64,
    /// Its service desk, if it has one.
    pub desk: Option<Desk>,
}

/// Somebody that Jira knows.
#[derive(Debug, Clone)]
pub struct Account {
    /// Atlassian account id.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// The address.
    pub email: String,
    /// Whether others are shown the address.
    pub shows_email: bool,
    /// The API token to sign in with, if any.
    pub token: Option<String>,
    /// The zone that JQL dates are read in.
    pub time_zone: TimeZone,
    /// What kind of account it is.
    pub kind: AccountKind,
}

/// Kinds of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Of somebody who works with Jira.
    User,
    /// Of somebody who asks through a portal.
    Customer,
}

/// Where an issue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// New.
    ToDo,
    /// Being worked on.
    InProgress,
    /// Finished.
    Done,
}

/// An issue with all that hangs on it.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Never changes, and is unlike the number in the key.
    pub id: u64,
    /// `SUP-1`.
    pub key: String,
    /// The project's key.
    pub project: String,
    /// What kind of issue.
    pub issue_type: Choice,
    /// One line.
    pub summary: String,
    /// Every other field as it was sent, `description` among them.
    pub fields: Map<String, Value>,
    /// Account id of who created it.
    pub creator: String,
    /// Account id of who it is from.
    pub reporter: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it or what hangs on it last changed.
    pub updated: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Where callers of the API have moved it to, oldest first.
    pub moves: Vec<Status>,
    /// Issue properties by key.
    pub properties: BTreeMap<String, Value>,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Oldest first.
    pub attachments: Vec<Attachment>,
    /// Account ids.
    pub watchers: Vec<String>,
    /// Links with other issues.
    pub links: Vec<Link>,
    /// Links to elsewhere.
    pub remote_links: Vec<RemoteLink>,
    /// What makes it a request, if it is one.
    pub request: Option<RequestFacts>,
}

/// A comment on an issue.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Account id.
    pub author: String,
    /// ADF.
    pub body: Value,
    /// When it was added.
    pub created: Timestamp,
    /// Comment properties by key.
    pub properties: BTreeMap<String, Value>,
    /// `{"type": "role", "value": "…"}`, where it is not for all.
    pub visibility: Option<Value>,
}

/// A file on an issue.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its id.
    pub id: u64,
    /// The id that ADF names it by, at the media service.
    pub media_id: String,
    /// As it was sent.
    pub name: String,
    /// As it was sent.
    pub content_type: String,
    /// What is in it.
    pub content: Bytes,
    /// Account id.
    pub author: String,
    /// When it was added.
    pub created: Timestamp,
}

/// How one issue is tied to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: u64,
    /// One of [`LINK_TYPES`].
    pub kind: &'static LinkType,
    /// The other issue's key.
    pub other: String,
    /// Which end the other issue is.
    pub end: LinkEnd,
}

/// The ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// The other one is the inward issue.
    Inward,
    /// The other one is the outward issue.
    Outward,
}

/// A kind of link between issues.
#[derive(Debug, PartialEq, Eq)]
pub struct LinkType {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What the outward issue says of the inward one.
    pub inward: &'static str,
    /// What the inward issue says of the outward one.
    pub outward: &'static str,
}

/// The kinds of link that there are.
pub const LINK_TYPES: &[LinkType] = &[
    LinkType { id: "10000", name: "Blocks", inward: "is blocked by", outward: "blocks" },
    LinkType { id: "10001", name: "Cloners", inward: "is cloned by", outward: "clones" },
    LinkType { id: "10002", name: "Duplicate", inward: "is duplicated by", outward: "duplicates" },
    LinkType { id: "10003", name: "Relates", inward: "relates to", outward: "relates to" },
];

/// A link from an issue to elsewhere.
#[derive(Debug, Clone)]
pub struct RemoteLink {
    /// Its id.
    pub id: u64,
    /// The writer's own name for it: the same one again changes this link.
    pub global_id: Option<String>,
    /// The request as it was sent.
    pub link: Map<String, Value>,
}

/// What a new issue is made from, once it has been found to be right.
#[derive(Debug)]
pub(super) struct NewIssue {
    pub(super) project: String,
    pub(super) issue_type: Choice,
    pub(super) summary: String,
    pub(super) reporter: Option<String>,
    pub(super) fields: Map<String, Value>,
    pub(super) properties: BTreeMap<String, Value>,
}

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

impl Default for Settings {
    fn default() -> Self {
        Self {
            sent_properties: SentProperties::Kept,
            api_tokens: ApiTokens::Everyday,
            silent_link: false,
            strangers: Strangers::Refused,
            budget: None,
            search_lag: Duration::ZERO,
            upload_limit: 1 << 30,
            counted: Counted::Text,
            comment_properties: CommentProperties::Listed,
            discretion: Discretion::Kept,
            workflow: Workflow::Open,
            unassignable: BTreeSet::new(),
            denied: BTreeSet::new(),
            log_bodies: LogBodies::Off,
        }
    }
}

impl Project {
    /// A project with the usual issue types and fields.
    pub fn new(key: &str, name: &str) -> Self {
        let number: u32 = key.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 9_000);
        Self {
            key: key.to_owned(),
            id: (10_000 + number).to_string(),
            name: name.to_owned(),
            issue_types: [("10001", "Task"), ("10002", "Bug"), ("10003", "Story"), ("10004", "Incident")]
                .map(|(id, name)| Choice::new(id, name))
                .to_vec(),
            fields: super::fields::usual(),
            last_number: 0,
            desk: None,
        }
    }

    /// The same with a service desk.
    pub fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = Some(desk);
        self
    }

    /// The same with one more field on the create screen.
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The same without one field on the create screen.
    pub fn without_field(mut self, id: &str) -> Self {
        self.fields.retain(|field| field.id != id);
        self
    }
}

impl Account {
    /// The account that mail2jira writes as: `bot@example.com`, token `sandbox-token`.
    pub fn bot() -> Self {
        Self { token: Some("sandbox-token".to_owned()), ..Self::person("Mail Bot", "bot@example.com") }
    }

    /// Somebody who cannot sign in.
    pub fn person(name: &str, email: &str) -> Self {
        let id = email.bytes().fold(0x5b10_ac8d_82e0_5b22_u64, |hash, byte| hash.rotate_left(5) ^ u64::from(byte));
        Self {
            id: format!("5b10ac8d{id:016x}"),
            name: name.to_owned(),
            email: email.to_owned(),
            shows_email: true,
            token: None,
            time_zone: TimeZone::UTC,
            kind: AccountKind::User,
        }
    }

    /// Somebody who asks through a portal.
    pub fn customer(name: &str, email: &str) -> Self {
        Self { kind: AccountKind::Customer, ..Self::person(name, email) }
    }

    /// Data Center's name for the account.
    pub fn username(&self) -> &str {
        self.email.split_once('@').map_or(self.email.as_str(), |(name, _)| name)
    }

    /// What may stand under `Authorization`: on Data Center the token is a password and a personal access token as well, on Cloud
    /// it is an API token, of which the gateway alone may take both forms.
    fn authorizations(&self, product: Product) -> Vec<String> {
        let Some(token) = self.token.as_deref() else { return Vec::new() };
        let basic = |user: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")));
        let name = match product {
            Product::Cloud => self.email.as_str(),
            Product::DataCenter => self.username(),
        };
        vec![basic(name), format!("Bearer {token}")]
    }
}

impl Status {
    /// All of them, in the order of the workflow.
    pub const ALL: [Self; 3] = [Self::ToDo, Self::InProgress, Self::Done];

    /// Status id.
    pub fn id(self) -> &'static str {
        match self {
            Self::ToDo => "10000",
            Self::InProgress => "10001",
            Self::Done => "10002",
        }
    }

    /// The id of the transition that leads here.
    pub fn transition_id(self) -> &'static str {
        match self {
            Self::ToDo => "11",
            Self::InProgress => "21",
            Self::Done => "31",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToDo => "To Do",
            Self::InProgress => "In Progress",
            Self::Done => "Done",
        }
    }

    /// `new`, `indeterminate` or `done`.
    pub fn category(self) -> &'static str {
        match self {
            Self::ToDo => "new",
            Self::InProgress => "indeterminate",
            Self::Done => "done",
        }
    }
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
