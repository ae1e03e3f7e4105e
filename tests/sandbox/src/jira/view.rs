//! Issues, comments, files and people as JSON, in the shapes of Atlassian's OpenAPI document.

use serde_json::{Map, Value, json};

use super::answer::{put, time};
use super::fields::FieldKind;
use super::site::{
    Account, AccountKind, Attachment, Comment, Issue, Link, LinkEnd, LinkType, Product, Project, RemoteLink, Shelf,
    Site, Status,
};

const SYSTEM_FIELDS: [&str; 14] = [
    "summary",
    "project",
    "issuetype",
    "status",
    "created",
    "updated",
    "creator",
    "reporter",
    "comment",
    "attachment",
    "issuelinks",
    "watches",
    "statuscategorychangedate",
    "archiveddate",
];

/// Which fields an answer should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All but these.
    AllBut(Vec<String>),
    /// Only these.
    Only(Vec<String>),
}

impl Wanted {
    /// Reads a `fields` parameter; an empty one means `default`.
    pub(super) fn parse(fields: &[String], default: Self) -> Self {
        let names: Vec<&str> = fields.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return default;
        }
        let (minus, plus): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| name.starts_with('-'));
        let all = plus.is_empty() || plus.iter().any(|name| name.starts_with('*'));
        if all {
            return Self::AllBut(
                minus.into_iter().filter_map(|name| name.strip_prefix('-')).map(str::to_owned).collect(),
            );
        }
        Self::Only(plus.into_iter().map(str::to_owned).collect())
    }

    fn wants(&self, field: &str) -> bool {
        match self {
            Self::AllBut(names) => !names.iter().any(|name| name == field),
            Self::Only(names) => names.iter().any(|name| name == field),
        }
    }

    /// Search answers with nothing but the id when no more is asked for.
    fn is_bare(&self) -> bool {
        *self == Self::Only(vec!["id".to_owned()])
    }
}

/// An issue, with the properties among `properties` that it has.
pub(super) fn issue(site: &Site, issue: &Issue, wanted: &Wanted, properties: &[String]) -> Value {
    let mut answer = json!({"expand": "renderedFields,names,schema,operations", "id": issue.id.to_string()});
    if !wanted.is_bare() {
        put(&mut answer, "self", json!(issue_url(site, issue)));
        put(&mut answer, "key", json!(issue.key));
        put(&mut answer, "fields", fields(site, issue, wanted));
    }
    if !properties.is_empty() {
        let all = properties.iter().any(|name| name == "*all");
        let shown = issue.properties.iter().filter(|(key, _)| all || properties.contains(key));
        let shown: Map<String, Value> = shown.map(|(key, value)| (key.clone(), value.clone())).collect();
        put(&mut answer, "properties", shown.into());
    }
    answer
}

/// Where an issue is found by the API.
pub(super) fn issue_url(site: &Site, issue: &Issue) -> String {
    format!("{}/issue/{}", site.rest(), issue.id)
}

fn fields(site: &Site, issue: &Issue, wanted: &Wanted) -> Value {
    let mut fields = Map::new();
    for name in SYSTEM_FIELDS.into_iter().filter(|name| wanted.wants(name)) {
        fields.insert(name.to_owned(), system_field(site, issue, name));
    }
    let project = site.project(&issue.project);
    for field in project.into_iter().flat_map(|project| &project.fields) {
        if wanted.wants(&field.id) && !fields.contains_key(&field.id) {
            let sent = issue.fields.get(&field.id).unwrap_or(&Value::Null);
            fields.insert(field.id.clone(), sent_field(site, &field.kind, &field.id, sent));
        }
    }
    fields.into()
}

fn system_field(site: &Site, issue: &Issue, name: &str) -> Value {
    match name {
        "summary" => json!(issue.summary),
        "project" => site.project(&issue.project).map_or(Value::Null, |found| project(site, found)),
        "issuetype" => issue_type(site, &issue.issue_type),
        "status" => status(site, issue.status),
        "created" => json!(time(issue.created, &site.time_zone)),
        "updated" | "statuscategorychangedate" => json!(time(issue.updated, &site.time_zone)),
        "archiveddate" => match site.settings.shelved.get(&issue.key) {
            Some(Shelf::Archived) => json!(time(issue.updated, &site.time_zone)),
            Some(Shelf::Quiet | Shelf::Hidden) | None => Value::Null,
        },
        "creator" => user(site, &issue.creator),
        "reporter" => user(site, &issue.reporter),
        "comment" => {
            let comments: Vec<Value> = issue.comments.iter().map(|found| comment(site, issue, found, &[])).collect();
            json!({"comments": comments, "self": format!("{}/comment", issue_url(site, issue)),
                "maxResults": comments.len(), "total": comments.len(), "startAt": 0})
        }
        "attachment" => issue.attachments.iter().map(|found| attachment(site, found)).collect(),
        "issuelinks" => issue.links.iter().map(|found| link(site, found)).collect(),
        "watches" => json!({"self": format!("{}/watchers", issue_url(site, issue)),
            "watchCount": issue.watchers.len(), "isWatching": true}),
        _ => Value::Null,
    }
}

fn sent_field(site: &Site, kind: &FieldKind, id: &str, sent: &Value) -> Value {
    let named = |choices: &[super::fields::Choice], sent: &Value, name_key: &str| {
        let given = |key: &str| sent.get(key).and_then(Value::as_str);
        let is_it = |id: &str, name: &str| given("id") == Some(id) || given(name_key) == Some(name);
        let choice = choices.iter().find(|choice| is_it(&choice.id, &choice.name));
        choice.map_or(Value::Null, |choice| json!({"id": choice.id, name_key: choice.name}))
    };
    match kind {
        FieldKind::Named(choices) if sent.is_null() && id == "priority" => choices
            .iter()
            .find(|choice| choice.name == "Medium")
            .map_or(Value::Null, |choice| json!({"id": choice.id, "name": choice.name})),
        FieldKind::Named(choices) => named(choices, sent, "name"),
        FieldKind::Option(choices) => named(choices, sent, "value"),
        FieldKind::NamedList(choices) => {
            sent.as_array().into_iter().flatten().map(|sent| named(choices, sent, "name")).collect()
        }
        FieldKind::User => {
            let id = site.named(sent).map(|account| account.id.as_str());
            id.map_or(Value::Null, |id| user(site, id))
        }
        FieldKind::Labels if sent.is_null() => json!([]),
        FieldKind::Labels
        | FieldKind::Project
        | FieldKind::IssueType
        | FieldKind::Line
        | FieldKind::Rich
        | FieldKind::Options(_)
        | FieldKind::Cascading(..)
        | FieldKind::Users
        | FieldKind::Moment
        | FieldKind::Number
        | FieldKind::Date
        | FieldKind::Issue => sent.clone(),
    }
}

/// A project.
pub(super) fn project(site: &Site, project: &Project) -> Value {
    let archived = site.settings.shelved.get(&project.key) == Some(&Shelf::Archived);
    json!({"archived": archived, "self": format!("{}/project/{}", site.rest(), project.id), "id": project.id, "key": project.key,
        "name": project.name, "projectTypeKey": "software", "simplified": false, "avatarUrls": {}})
}

/// An issue type.
pub(super) fn issue_type(site: &Site, issue_type: &super::fields::Choice) -> Value {
    json!({"self": format!("{}/issuetype/{}", site.rest(), issue_type.id), "id": issue_type.id,
        "description": "", "iconUrl": format!("{}/favicon.ico", site.url), "name": issue_type.name,
        "subtask": false, "hierarchyLevel": 0})
}

/// A status.
pub(super) fn status(site: &Site, status: Status) -> Value {
    let (id, name, color) = match status {
        Status::ToDo => (2, "To Do", "blue-gray"),
        Status::InProgress => (4, "In Progress", "yellow"),
        Status::Done => (3, "Done", "green"),
    };
    json!({"self": format!("{}/status/{}", site.rest(), status.id()), "id": status.id(), "description": "",
        "iconUrl": format!("{}/favicon.ico", site.url), "name": status.name(),
        "statusCategory": {"self": format!("{}/statuscategory/{id}", site.rest()), "id": id,
            "key": status.category(), "colorName": color, "name": name}})
}

/// Somebody by account id, as others see them.
pub(super) fn user(site: &Site, id: &str) -> Value {
    site.account(id).map_or(Value::Null, |found| account(site, found))
}

fn account_type(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "atlassian",
        AccountKind::Customer => "customer",
    }
}

/// An account, as others see it.
pub(super) fn account(site: &Site, account: &Account) -> Value {
    let mut user = json!({"displayName": account.name, "active": true, "avatarUrls": {},
        "timeZone": zone_name(&account.time_zone)});
    let own = match site.product {
        Product::Cloud => [
            ("self", format!("{}/user?accountId={}", site.rest(), account.id)),
            ("accountId", account.id.clone()),
            ("accountType", account_type(account.kind).to_owned()),
        ],
        Product::DataCenter => [
            ("self", format!("{}/user?username={}", site.rest(), account.username())),
            ("name", account.username().to_owned()),
            ("key", format!("JIRAUSER{}", account.id)),
        ],
    };
    own.into_iter().for_each(|(key, value)| put(&mut user, key, json!(value)));
    if account.shows_email {
        put(&mut user, "emailAddress", json!(account.email));
    }
    user
}

/// The IANA name of a zone; one that has none goes by its offset.
pub(super) fn zone_name(zone: &jiff::tz::TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone.to_fixed_offset().map_or_else(|_| "GMT".to_owned(), |offset| format!("GMT{offset}")),
    }
}

/// A comment, with the properties among `properties` that it has.
pub(super) fn comment(site: &Site, issue: &Issue, comment: &Comment, properties: &[&str]) -> Value {
    let mut answer = json!({"self": format!("{}/comment/{}", issue_url(site, issue), comment.id),
        "id": comment.id.to_string(), "author": user(site, &comment.author), "body": comment.body,
        "updateAuthor": user(site, &comment.author), "created": time(comment.created, &site.time_zone),
        "updated": time(comment.created, &site.time_zone)});
    // Data Center does not tell.
    if site.product == Product::Cloud {
        put(&mut answer, "jsdPublic", json!(!is_internal(comment)));
    }
    if let Some(visibility) = &comment.visibility {
        put(&mut answer, "visibility", visibility.clone());
    }
    if properties.contains(&"properties") {
        let shown = comment.properties.iter().map(|(key, value)| json!({"key": key, "value": value}));
        put(&mut answer, "properties", shown.collect());
    }
    answer
}

/// The property that makes a comment internal is long used but nowhere promised.
fn is_internal(comment: &Comment) -> bool {
    let flag = comment.properties.get("sd.public.comment").and_then(|value| value.get("internal"));
    flag.is_some_and(|internal| *internal == Value::Bool(true) || internal == "true")
}

/// A file.
pub(super) fn attachment(site: &Site, attachment: &Attachment) -> Value {
    json!({"self": format!("{}/attachment/{}", site.rest(), attachment.id),
        "id": attachment.id.to_string(), "filename": attachment.name, "author": user(site, &attachment.author),
        "created": time(attachment.created, &site.time_zone), "size": attachment.content.len(),
        "mimeType": attachment.content_type,
        "content": format!("{}/attachment/content/{}", site.rest(), attachment.id)})
}

/// A kind of link.
pub(super) fn link_type(site: &Site, kind: &LinkType) -> Value {
    json!({"id": kind.id, "name": kind.name, "inward": kind.inward, "outward": kind.outward,
        "self": format!("{}/issueLinkType/{}", site.rest(), kind.id)})
}

fn link(site: &Site, link: &Link) -> Value {
    let mut answer = json!({"id": link.id.to_string(), "type": link_type(site, link.kind),
        "self": format!("{}/issueLink/{}", site.rest(), link.id)});
    let Some(other) = site.issue(&link.other) else {
        return answer;
    };
    let short = Wanted::Only(["summary", "status", "priority", "issuetype"].map(str::to_owned).to_vec());
    let other = json!({"id": other.id.to_string(), "key": other.key, "self": issue_url(site, other),
        "fields": fields(site, other, &short)});
    match link.end {
        LinkEnd::Inward => put(&mut answer, "inwardIssue", other),
        LinkEnd::Outward => put(&mut answer, "outwardIssue", other),
    }
    answer
}

/// A link to elsewhere.
pub(super) fn remote_link(site: &Site, issue: &Issue, link: &RemoteLink) -> Value {
    let mut answer = Value::Object(link.link.clone());
    put(&mut answer, "id", json!(link.id));
    put(&mut answer, "self", json!(format!("{}/remotelink/{}", issue_url(site, issue), link.id)));
    answer
}
