//! The fields on a create screen, and whether what is sent for them is right. It refuses; it does not write.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::adf;
use super::answer::{Refusal, put};
use super::site::{NewIssue, Product, Project, Shelf, Site, TEXT_LIMIT};

/// One of the values that a field takes, an issue type or a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Numeric id, as text.
    pub id: String,
    /// For people.
    pub name: String,
}

/// Whether a field must be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// An issue cannot be created without it.
    Required,
    /// It may be left out.
    Optional,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// The project: `{"key": …}` or `{"id": …}`.
    Project,
    /// The issue type: `{"id": …}` or `{"name": …}`.
    IssueType,
    /// One line of text.
    Line,
    /// An ADF document.
    Rich,
    /// Words without spaces.
    Labels,
    /// `{"id": accountId}`.
    User,
    /// One of these, by `id` or `name`.
    Named(Vec<Choice>),
    /// Some of these, by `id` or `name`.
    NamedList(Vec<Choice>),
    /// One of these, by `id` or `value`.
    Option(Vec<Choice>),
    /// Some of these, by `id` or `value`.
    Options(Vec<Choice>),
    /// One of these, and one of those below it: `{"value": …, "child": {"value": …}}`.
    Cascading(Vec<Choice>, Vec<Choice>),
    /// Several of `{"id": accountId}`.
    Users,
    /// `2026-11-21T10:00:00.000+0000`.
    Moment,
    /// A number.
    Number,
    /// `2026-11-21`.
    Date,
    /// Another issue: `{"key": …}` or `{"id": …}`.
    Issue,
}

/// A field on the create screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `summary`, `customfield_10010`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Whether it must be there.
    pub need: Need,
    /// What it holds.
    pub kind: FieldKind,
}

impl Choice {
    /// A value.
    pub fn new(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned() }
    }

    fn is(&self, value: &Value, name_key: &str) -> bool {
        let given = |key: &str| value.get(key).and_then(Value::as_str);
        given("id").is_some_and(|id| id == self.id)
            || given(name_key).is_some_and(|name| name.eq_ignore_ascii_case(&self.name))
    }
}

impl Field {
    /// A field.
    pub fn new(id: &str, name: &str, need: Need, kind: FieldKind) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), need, kind }
    }

    /// As createmeta and `/field` describe its type.
    pub(super) fn schema(&self) -> Value {
        let (kind, items, custom) = match &self.kind {
            FieldKind::Project => ("project", None, "project"),
            FieldKind::IssueType => ("issuetype", None, "issuetype"),
            FieldKind::Line => ("string", None, "textfield"),
            FieldKind::Rich => ("string", None, "textarea"),
            FieldKind::Labels => ("array", Some("string"), "labels"),
            FieldKind::User => ("user", None, "userpicker"),
            FieldKind::Named(_) => ("priority", None, "select"),
            FieldKind::NamedList(_) => ("array", Some("component"), "multiselect"),
            FieldKind::Option(_) => ("option", None, "select"),
            FieldKind::Options(_) => ("array", Some("option"), "multiselect"),
            FieldKind::Cascading(..) => ("option-with-child", None, "cascadingselect"),
            FieldKind::Users => ("array", Some("user"), "multiuserpicker"),
            FieldKind::Moment => ("datetime", None, "datetime"),
            FieldKind::Number => ("number", None, "float"),
            FieldKind::Date => ("date", None, "datepicker"),
            FieldKind::Issue => ("issuelink", None, "issuelink"),
        };
        let mut schema = json!({"type": kind});
        if let Some(items) = items {
            put(&mut schema, "items", json!(items));
        }
        match self.id.strip_prefix("customfield_") {
            Some(number) => {
                put(
                    &mut schema,
                    "custom",
                    json!(format!("com.atlassian.jira.plugin.system.customfieldtypes:{custom}")),
                );
                put(&mut schema, "customId", json!(number.parse::<u64>().unwrap_or_default()));
            }
            None => put(&mut schema, "system", json!(self.id)),
        }
        schema
    }

    pub(super) fn choices(&self) -> Option<&[Choice]> {
        match &self.kind {
            FieldKind::Named(choices)
            | FieldKind::NamedList(choices)
            | FieldKind::Option(choices)
            | FieldKind::Options(choices)
            | FieldKind::Cascading(choices, _) => Some(choices),
            FieldKind::Project
            | FieldKind::IssueType
            | FieldKind::Line
            | FieldKind::Rich
            | FieldKind::Labels
            | FieldKind::User
            | FieldKind::Users
            | FieldKind::Moment
            | FieldKind::Number
            | FieldKind::Date
            | FieldKind::Issue => None,
        }
    }

    /// The same on the form of a request, which takes wiki markup where an issue takes a document.
    pub(super) fn fault_on_a_form(&self, value: &Value, site: &Site) -> Result<(), String> {
        if self.kind == FieldKind::Rich {
            return value.as_str().map(drop).ok_or_else(|| "Operation value must be a string".to_owned());
        }
        self.fault(value, site)
    }

    /// What is wrong with `value`, in Jira's words.
    fn fault(&self, value: &Value, site: &Site) -> Result<(), String> {
        match &self.kind {
            FieldKind::Project | FieldKind::IssueType => Ok(()),
            FieldKind::Line if self.id == "summary" => summary(value),
            FieldKind::Line => line(value),
            FieldKind::Rich => rich(value, site),
            FieldKind::Labels => labels(value),
            FieldKind::User => user(value, site),
            FieldKind::Named(choices) => one_of(choices, value, "name", &self.name),
            FieldKind::Option(choices) => one_of(choices, value, "value", &self.name),
            FieldKind::NamedList(choices) => {
                let items = value.as_array().ok_or("data was not an array")?;
                items.iter().try_for_each(|item| one_of(choices, item, "name", &self.name))
            }
            FieldKind::Options(choices) => {
                let items = value.as_array().ok_or("data was not an array")?;
                items.iter().try_for_each(|item| one_of(choices, item, "value", &self.name))
            }
            FieldKind::Cascading(parents, children) => {
                one_of(parents, value, "value", &self.name)?;
                value.get("child").map_or(Ok(()), |child| one_of(children, child, "value", &self.name))
            }
            FieldKind::Users => {
                let items = value.as_array().ok_or("data was not an array")?;
                items.iter().try_for_each(|item| user(item, site))
            }
            FieldKind::Moment => moment(value),
            FieldKind::Number => value.as_f64().map(drop).ok_or_else(|| "Operation value must be a number".to_owned()),
            FieldKind::Date => date(value),
            FieldKind::Issue => {
                let named = value.get("key").or_else(|| value.get("id")).and_then(Value::as_str);
                let found = named.and_then(|name| site.issue(name));
                found.map(drop).ok_or_else(|| "Could not find issue by id or key.".to_owned())
            }
        }
    }
}

/// What an ordinary create screen shows.
pub(super) fn usual() -> Vec<Field> {
    let priorities = [("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low"), ("5", "Lowest")];
    let components = [("10100", "Mail"), ("10101", "Web")];
    let choices = |list: &[(&str, &str)]| list.iter().map(|(id, name)| Choice::new(id, name)).collect();
    vec![
        Field::new("project", "Project", Need::Required, FieldKind::Project),
        Field::new("issuetype", "Issue Type", Need::Required, FieldKind::IssueType),
        Field::new("summary", "Summary", Need::Required, FieldKind::Line),
        Field::new("description", "Description", Need::Optional, FieldKind::Rich),
        Field::new("environment", "Environment", Need::Optional, FieldKind::Rich),
        Field::new("labels", "Labels", Need::Optional, FieldKind::Labels),
        Field::new("priority", "Priority", Need::Optional, FieldKind::Named(choices(&priorities))),
        Field::new("components", "Components", Need::Optional, FieldKind::NamedList(choices(&components))),
        Field::new("reporter", "Reporter", Need::Optional, FieldKind::User),
        Field::new("assignee", "Assignee", Need::Optional, FieldKind::User),
        Field::new("duedate", "Due date", Need::Optional, FieldKind::Date),
        Field::new("parent", "Parent", Need::Optional, FieldKind::Issue),
    ]
}

/// The issue that `fields` describe, or everything that is wrong with them.
pub(super) fn check(site: &Site, mut fields: Map<String, Value>) -> Result<NewIssue, Refusal> {
    let project = project(site, &fields)?;
    let issue_type = fields.get("issuetype").unwrap_or(&Value::Null);
    let issue_type = project.issue_types.iter().find(|known| known.is(issue_type, "name"));
    let mut errors = BTreeMap::new();
    if site.settings.shelved.get(&project.key) == Some(&Shelf::Archived) {
        errors.insert("project".to_owned(), "The project is archived.".to_owned());
    }
    if issue_type.is_none() {
        errors.insert("issuetype".to_owned(), "Specify a valid issue type".to_owned());
    }
    for (id, value) in &fields {
        let known = project.fields.iter().find(|field| field.id == *id && on_screen(field, site));
        let fault = match known {
            None => Err(format!("Field '{id}' cannot be set. It is not on the appropriate screen, or unknown.")),
            Some(_) if value.is_null() => Ok(()),
            Some(field) => field.fault(value, site),
        };
        if let Err(fault) = fault {
            errors.insert(id.clone(), fault);
        }
    }
    for field in project.fields.iter().filter(|field| field.need == Need::Required) {
        if fields.get(&field.id).is_none_or(Value::is_null) {
            errors.entry(field.id.clone()).or_insert_with(|| missing(field));
        }
    }
    let Some(issue_type) = issue_type.filter(|_| errors.is_empty()) else {
        return Err(Refusal::fields(errors));
    };
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let summary = text(fields.remove("summary")).unwrap_or_default();
    let reporter = fields.remove("reporter").and_then(|reporter| Some(site.named(&reporter)?.id.clone()));
    for own in ["project", "issuetype"] {
        fields.remove(own);
    }
    let (project, issue_type) = (project.key.clone(), issue_type.clone());
    Ok(NewIssue {
        project,
        issue_type,
        summary: summary.trim().to_owned(),
        reporter,
        fields,
        properties: BTreeMap::new(),
    })
}

/// What is wrong with fields that are to be changed on an issue that is there. Screens are not asked: Cloud does not.
pub(super) fn check_edit(site: &Site, project: &str, fields: &Map<String, Value>) -> Result<(), Refusal> {
    let project = site.project(project).ok_or_else(Refusal::no_issue)?;
    let mut errors = BTreeMap::new();
    for (id, value) in fields {
        let fault = match project.fields.iter().find(|field| field.id == *id) {
            None => Err(format!("Field '{id}' cannot be set. It is not on the appropriate screen, or unknown.")),
            Some(field) => field.fault(value, site),
        };
        if let Err(fault) = fault {
            errors.insert(id.clone(), fault);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::fields(errors)) }
}

fn project<'a>(site: &'a Site, fields: &Map<String, Value>) -> Result<&'a Project, Refusal> {
    let given = fields.get("project");
    let named = given.and_then(|project| project.get("key").or_else(|| project.get("id"))).and_then(Value::as_str);
    let found = named.and_then(|name| site.project(name));
    let Some(project) = found else {
        return Err(Refusal::field("project", "Specify a valid project ID or key"));
    };
    if !site.permits("CREATE_ISSUES") {
        let message = "You do not have permission to create issues in this project.";
        return Err(Refusal::field("project", message));
    }
    Ok(project)
}

/// Setting the reporter needs a permission; without it Jira acts as if the field were not on the screen.
fn on_screen(field: &Field, site: &Site) -> bool {
    field.id != "reporter" || site.permits("MODIFY_REPORTER")
}

fn missing(field: &Field) -> String {
    match field.id.as_str() {
        "summary" => "You must specify a summary of the issue.".to_owned(),
        _ => format!("{} is required.", field.name),
    }
}

fn summary(value: &Value) -> Result<(), String> {
    let text = value.as_str().ok_or("Operation value must be a string")?;
    if text.trim().is_empty() {
        return Err("You must specify a summary of the issue.".to_owned());
    }
    if text.contains(['\n', '\r']) {
        return Err("The summary is invalid because it contains newline characters.".to_owned());
    }
    if text.encode_utf16().count() > 255 {
        return Err("Summary can't exceed 255 characters.".to_owned());
    }
    Ok(())
}

fn line(value: &Value) -> Result<(), String> {
    let text = value.as_str().ok_or("Operation value must be a string")?;
    if text.encode_utf16().count() > 255 {
        return Err("The entered text is too long. It exceeds the allowed limit of 255 characters.".to_owned());
    }
    Ok(())
}

/// Whether `value` is an ADF document, on Data Center a text, of a length that Jira takes. Jira is Java: it counts UTF-16 units.
pub(super) fn rich(value: &Value, site: &Site) -> Result<(), String> {
    let length = match site.product {
        Product::Cloud => {
            adf::check(value, |media_id| site.media(media_id).is_some())?;
            adf::length(value, site.settings.counted)
        }
        Product::DataCenter => value.as_str().ok_or("Operation value must be a string")?.encode_utf16().count(),
    };
    if length > TEXT_LIMIT {
        return Err("The entered text is too long. It exceeds the allowed limit of 32,767 characters.".to_owned());
    }
    Ok(())
}

fn labels(value: &Value) -> Result<(), String> {
    for label in value.as_array().ok_or("data was not an array")? {
        let label = label.as_str().ok_or("string expected at index 0")?;
        if label.is_empty() || label.contains(char::is_whitespace) {
            return Err(format!("The label '{label}' contains spaces which is invalid."));
        }
        if label.chars().count() > 255 {
            return Err(format!("The label '{label}' exceeds the maximum length of 255 characters."));
        }
    }
    Ok(())
}

fn user(value: &Value, site: &Site) -> Result<(), String> {
    site.named(value).map(drop).ok_or_else(|| format!("User '{value}' does not exist."))
}

fn one_of(choices: &[Choice], value: &Value, name_key: &str, field: &str) -> Result<(), String> {
    if choices.iter().any(|choice| choice.is(value, name_key)) {
        return Ok(());
    }
    Err(format!("Specify a valid 'id' or '{name_key}' for {field}"))
}

/// Jira's own form has no colon in the offset.
fn moment(value: &Value) -> Result<(), String> {
    let is_one =
        |text: &str| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).is_ok() && text.ends_with("+0000");
    let fits = value.as_str().is_some_and(is_one);
    fits.then_some(()).ok_or_else(|| "Error parsing time string: Expected format 'yyyy-MM-ddTHH:mm:ss.SSSZ'".to_owned())
}

fn date(value: &Value) -> Result<(), String> {
    let date = value.as_str().and_then(|text| text.parse::<jiff::civil::Date>().ok());
    date.map(drop).ok_or_else(|| "Error parsing date string: a date has the form 'yyyy-MM-dd'".to_owned())
}
