//! What a rule puts into an issue, with its templates filled in from the message. Pure.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use super::follow::Followed;
use super::rules::{Groups, Seen};
use crate::config::rule::{Assignee, Due, FieldValue, LinkTemplate, Reporter, RuleValues, Visibility};
use crate::mail::{Address, Mail};
use crate::template::{Scope, Template, Values};

/// What a rule asks for, as plain values. Which shape a value has on the wire is the plan's business.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The summary, if it is not the subject.
    pub summary: Option<String>,
    /// Fields by their names in Jira's API.
    pub fields: Map<String, Value>,
    /// Who is to work on it.
    pub assignee: Option<Assignee>,
    /// Whom it is from.
    pub reporter: Reporter,
    /// The issues that it is linked to.
    pub links: Vec<Link>,
    /// The issue that it goes on from, which takes nothing any more.
    pub follows: Option<Followed>,
    /// The request type, by name or id, where a request of Service Management is to be raised.
    pub request_type: Option<String>,
    /// Who sees a comment.
    pub visibility: Visibility,
    /// What could not be filled in, a sentence each.
    pub trouble: Vec<String>,
}

/// A link to another issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The type's name.
    pub kind: String,
    /// The other issue's key, or id.
    pub issue: String,
}

/// What a rule's templates may name, beside the groups of its expressions.
const NAMES: [&str; 21] = [
    "subject",
    "from",
    "from.name",
    "from.address",
    "from.local",
    "from.domain",
    "to",
    "to.*",
    "cc",
    "cc.*",
    "reply_to",
    "reply_to.*",
    "message_id",
    "date",
    "body",
    "mailbox",
    "classification",
    "attachments",
    "attachments.*",
    "header",
    "header.*",
];

/// What a rule's templates may name, where its expressions have these groups.
pub fn scope<'g>(groups: impl Iterator<Item = &'g str>) -> Scope {
    let groups: Groups = groups.map(|name| (name.to_owned(), SAMPLE.to_owned())).collect();
    let names = NAMES.into_iter().map(str::to_owned).chain(groups.keys().cloned()).collect();
    let person = || Person { name: SAMPLE, address: SAMPLE, local: SAMPLE, domain: SAMPLE };
    let sample = Message {
        subject: SAMPLE,
        from: person(),
        to: vec![person()],
        cc: vec![person()],
        reply_to: vec![person()],
        message_id: Some(SAMPLE),
        date: Some(SAMPLE.to_owned()),
        body: SAMPLE,
        mailbox: SAMPLE,
        classification: SAMPLE,
        attachments: vec![SAMPLE],
        header: BTreeMap::new(),
        groups: &groups,
    };
    Scope { names, sample: Values::new(&sample) }
}

/// Stands for any text, where a template is only tried.
const SAMPLE: &str = "1";

/// Fills in what a rule says. A template that comes to nothing costs its field, never the message.
pub fn wanted(values: &RuleValues, seen: &Seen<'_>, groups: &Groups) -> Wanted {
    let make = || message_values(seen, groups);
    let mut filling = Filling { values: LazyCell::new(Box::new(make)), trouble: Vec::new() };
    let mut fields = Map::new();
    filling.fill(values, seen.mail, &mut fields);
    Wanted {
        request_type: values.request_type.clone(),
        summary: values.summary.as_ref().and_then(|summary| filling.text("summary", summary)),
        fields,
        assignee: values.assignee.clone(),
        reporter: values.reporter,
        links: values.links.iter().filter_map(|link| filling.link(link)).collect(),
        follows: None,
        visibility: values.visibility.clone(),
        trouble: filling.trouble,
    }
}

struct Filling<'m> {
    /// Made for the first template: a rule that sets nothing has none, and every header field is decoded for it.
    values: LazyCell<Values, Box<dyn FnOnce() -> Values + 'm>>,
    trouble: Vec<String>,
}

impl Filling<'_> {
    fn fill(&mut self, values: &RuleValues, mail: &Mail, fields: &mut Map<String, Value>) {
        let labels: Vec<_> = values.labels.iter().filter_map(|label| self.text("labels", label)).collect();
        let components: Vec<_> = values.components.iter().filter_map(|name| self.text("components", name)).collect();
        let named = [("priority", &values.priority), ("security", &values.security), ("parent", &values.parent)];
        for (field, template) in named {
            if let Some(text) = template.as_ref().and_then(|template| self.text(field, template)) {
                fields.insert(field.to_owned(), text.into());
            }
        }
        for (field, list) in [("labels", labels), ("components", components)] {
            if !list.is_empty() {
                fields.insert(field.to_owned(), list.into());
            }
        }
        if let Some(due) = values.due.as_ref().and_then(|due| self.due(due, mail)) {
            fields.insert("duedate".to_owned(), due.into());
        }
        for (field, value) in &values.fields {
            if let Some(value) = self.value(field, value) {
                fields.insert(field.clone(), value);
            }
        }
    }

    /// `None` where nothing came of it.
    fn text(&mut self, field: &str, template: &Template) -> Option<String> {
        match template.render(&self.values) {
            Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Err(why) => {
                self.trouble.push(format!("`{field}` could not be filled in: {why}"));
                None
            }
        }
    }

    fn link(&mut self, link: &LinkTemplate) -> Option<Link> {
        Some(Link { kind: link.kind.clone(), issue: self.text("links", &link.issue)? })
    }

    fn value(&mut self, field: &str, value: &FieldValue) -> Option<Value> {
        match value {
            FieldValue::Text(template) => self.text(field, template).map(Value::String),
            FieldValue::Plain(value) => Some(value.clone()),
            FieldValue::List(list) => Some(list.iter().filter_map(|value| self.value(field, value)).collect()),
            FieldValue::Table(table) => {
                let filled = table.iter().filter_map(|(key, value)| Some((key.clone(), self.value(field, value)?)));
                Some(Value::Object(filled.collect()))
            }
        }
    }

    fn due(&mut self, due: &Due, mail: &Mail) -> Option<String> {
        match due {
            Due::Days(days) => {
                let Some(date) = mail.date else {
                    self.trouble.push("`due` counts from the date of the message, and it has none".to_owned());
                    return None;
                };
                let date = date.to_zoned(TimeZone::UTC).date();
                date.checked_add(days.days()).ok().map(|date| date.to_string())
            }
            Due::Date(template) => {
                let text = self.text("due", template)?;
                let date = text.parse::<Date>().map(|date| date.to_string());
                date.map_err(|_| self.trouble.push("`due` did not come to a date".to_owned())).ok()
            }
        }
    }
}

#[derive(Serialize)]
struct Message<'m> {
    subject: &'m str,
    from: Person<'m>,
    to: Vec<Person<'m>>,
    cc: Vec<Person<'m>>,
    reply_to: Vec<Person<'m>>,
    message_id: Option<&'m str>,
    date: Option<String>,
    body: &'m str,
    mailbox: &'m str,
    classification: &'m str,
    attachments: Vec<&'m str>,
    header: BTreeMap<String, String>,
    #[serde(flatten)]
    groups: &'m Groups,
}

#[derive(Serialize)]
struct Person<'m> {
    name: &'m str,
    address: &'m str,
    local: &'m str,
    domain: &'m str,
}

impl<'m> From<&'m Address> for Person<'m> {
    fn from(address: &'m Address) -> Self {
        let (local, domain) = address.address.rsplit_once('@').unwrap_or((&address.address, ""));
        Self { name: &address.name, address: &address.address, local, domain }
    }
}

fn people(addresses: &[Address]) -> Vec<Person<'_>> {
    addresses.iter().map(Person::from).collect()
}

fn message_values(seen: &Seen<'_>, groups: &Groups) -> Values {
    let mail = seen.mail;
    let nobody = Person { name: "", address: "", local: "", domain: "" };
    Values::new(&Message {
        subject: &mail.subject,
        from: mail.from.first().map_or(nobody, Person::from),
        to: people(&mail.to),
        cc: people(&mail.cc),
        reply_to: people(&mail.reply_to),
        message_id: mail.message_id.as_ref().map(|id| id.as_str()),
        date: mail.date.map(|date| date.to_string()),
        body: &mail.body.text,
        mailbox: seen.mailbox.as_str(),
        classification: seen.classification.as_str(),
        attachments: mail.attachments.iter().map(|file| file.name.as_str()).collect(),
        header: mail.header.by_name(),
        groups,
    })
}
