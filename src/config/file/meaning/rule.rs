//! `[[rule]]`: what becomes of some mail, one rule by itself.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::document::KeyPath;
use super::super::shape::any_of;
use super::super::values::{self, Wrong};
use super::super::{LinkEntry, OneOrMany, RuleTable, WhenTable};
use super::Checker;
use super::mailbox::project;
use crate::config::MailboxName;
use crate::config::rule::{
    AddressPattern, Assignee, Due, FieldValue, LinkTemplate, Pattern, RELATES, Rule, RuleAction, RuleValues,
    Visibility, When,
};
use crate::decide::values::scope;
use crate::mail::Classification;
use crate::template::{Scope, Template};

/// Fields that have keys of their own in a rule.
pub(super) const OWN_KEYS: &[&str] = &["project", "issuetype", "summary", "description", "reporter", "assignee"];

/// What a rule's templates may name. `None`: its expressions have a fault, and nobody knows what groups they were to have.
type Names<'n> = Option<&'n Scope>;

impl Checker<'_> {
    /// Rules without those that have a fault, which has been reported.
    pub(super) fn rules(&mut self, tables: Vec<RuleTable>) -> Vec<Option<Rule>> {
        let root = KeyPath::default().key("rule");
        tables.into_iter().enumerate().map(|(index, table)| self.rule(&root.index(index), table)).collect()
    }

    fn rule(&mut self, path: &KeyPath, mut table: RuleTable) -> Option<Rule> {
        let name =
            self.required(&path.key("name"), table.name.take(), values::plain, "write name = \"what it is for\"");
        let when = self.when(&path.key("when"), table.when.take().unwrap_or_default());
        let action = table.action.unwrap_or_default();
        self.refuse_twice(path, &table);
        if action == RuleAction::Comment {
            self.warn_of_unused(path, &table);
        }
        let names = when.as_ref().map(names_in_scope);
        // What is left of a `when` with a wrong key holds more often than is meant.
        let when = when.filter(|_| !self.findings.is_faulty(&path.key("when")));
        let set = self.values(path, table, names.as_ref());
        Some(Rule { name: name?, when: when?, action, set: set? })
    }

    fn when(&mut self, path: &KeyPath, table: WhenTable) -> Option<When> {
        let mailbox = self.any_of(&path.key("mailbox"), table.mailbox, mailbox_name);
        let from = self.any_of(&path.key("from"), table.from, address_pattern);
        let to = self.any_of(&path.key("to"), table.to, address_pattern);
        let cc = self.any_of(&path.key("cc"), table.cc, address_pattern);
        let recipient = self.any_of(&path.key("recipient"), table.recipient, address_pattern);
        let subject = self.any_of(&path.key("subject"), table.subject, pattern);
        let header = self.headers(&path.key("header"), table.header.unwrap_or_default());
        let body = self.any_of(&path.key("body"), table.body, pattern);
        let size_over = self.optional(&path.key("size_over"), table.size_over.as_deref(), values::size);
        let classification = self.any_of(&path.key("classification"), table.classification, classification);
        Some(When {
            mailbox: mailbox?,
            from: from?,
            to: to?,
            cc: cc?,
            recipient: recipient?,
            subject: subject?,
            header: header?,
            body: body?,
            classification: classification?,
            has_attachments: table.has_attachments,
            size_over: size_over?,
        })
    }

    fn headers(
        &mut self,
        path: &KeyPath,
        headers: BTreeMap<String, OneOrMany>,
    ) -> Option<BTreeMap<String, Vec<Pattern>>> {
        let checked: Vec<_> = headers
            .into_iter()
            .map(|(name, patterns)| {
                let path = path.key(&name);
                let patterns = self.any_of(&path, Some(patterns), pattern);
                Some((self.checked(&path, name.as_str(), header_name)?, patterns?))
            })
            .collect();
        checked.into_iter().collect()
    }

    /// A condition that is there must name something, or it could never hold.
    fn any_of<T>(
        &mut self,
        path: &KeyPath,
        texts: Option<OneOrMany>,
        check: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let Some(texts) = texts.map(OneOrMany::into_list) else { return Some(Vec::new()) };
        if texts.is_empty() {
            self.findings.error(path, "an empty list never holds", "name something, or leave the key out");
            return None;
        }
        self.each(path, &texts, check)
    }

    /// A field that has a key of its own, given by both.
    fn refuse_twice(&mut self, path: &KeyPath, table: &RuleTable) {
        let given = [
            ("labels", "labels", table.labels.is_some()),
            ("priority", "priority", table.priority.is_some()),
            ("components", "components", table.components.is_some()),
            ("security", "security", table.security.is_some()),
            ("due", "duedate", table.due.is_some()),
            ("parent", "parent", table.parent.is_some()),
        ];
        let is_field = |field: &str| table.fields.as_ref().is_some_and(|fields| fields.contains_key(field));
        for (key, field, _) in given.into_iter().filter(|(_, field, is_given)| *is_given && is_field(field)) {
            let message = format!("`{field}` is given twice: the rule's own key for it is `{key}`");
            self.findings.error(&path.key("fields").key(field), message, "take one of them out");
        }
    }

    /// Keys for new issues, in a rule that makes none. Where an issue would go says also which issues mail may name.
    fn warn_of_unused(&mut self, path: &KeyPath, table: &RuleTable) {
        let given = [
            ("summary", table.summary.is_some()),
            ("labels", table.labels.is_some()),
            ("priority", table.priority.is_some()),
            ("components", table.components.is_some()),
            ("security", table.security.is_some()),
            ("due", table.due.is_some()),
            ("parent", table.parent.is_some()),
            ("links", table.links.is_some()),
            ("assignee", table.assignee.is_some()),
            ("reporter", table.reporter.is_some()),
            ("fields", table.fields.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            let message = format!("`{key}` is for new issues, and this rule makes comments only");
            self.findings.warning(&path.key(key), message, "take it out, or write action = \"auto\"");
        }
    }

    fn values(&mut self, path: &KeyPath, table: RuleTable, names: Names<'_>) -> Option<RuleValues> {
        let template = |text: &str| template(text, names);
        let project = self.optional(&path.key("project"), table.project.as_deref(), project);
        let issue_type = self.optional(&path.key("issue_type"), table.issue_type.as_deref(), literal);
        let request_type = self.optional(&path.key("request_type"), table.request_type.as_deref(), literal);
        let summary = self.optional(&path.key("summary"), table.summary.as_deref(), template);
        let labels = self.each(&path.key("labels"), &table.labels.unwrap_or_default(), template);
        let priority = self.optional(&path.key("priority"), table.priority.as_deref(), template);
        let components = self.each(&path.key("components"), &table.components.unwrap_or_default(), template);
        let security = self.optional(&path.key("security"), table.security.as_deref(), template);
        let due = self.optional(&path.key("due"), table.due.as_deref(), |text| due(text, names));
        let parent = self.optional(&path.key("parent"), table.parent.as_deref(), template);
        let assignee = self.optional(&path.key("assignee"), table.assignee.as_deref(), assignee);
        let links = self.links(&path.key("links"), table.links.unwrap_or_default(), names);
        let fields = self.fields(&path.key("fields"), table.fields.unwrap_or_default(), names);
        let visibility = self.optional(&path.key("visibility"), table.visibility.as_deref(), visibility);
        Some(RuleValues {
            project: project?,
            issue_type: issue_type?,
            request_type: request_type?,
            summary: summary?,
            labels: labels?,
            priority: priority?,
            components: components?,
            security: security?,
            due: due?,
            parent: parent?,
            assignee: assignee?,
            reporter: table.reporter.unwrap_or_default(),
            links: links?,
            fields: fields?,
            visibility: visibility?.unwrap_or_default(),
        })
    }

    fn links(&mut self, path: &KeyPath, links: Vec<LinkEntry>, names: Names<'_>) -> Option<Vec<LinkTemplate>> {
        let checked: Vec<_> = links
            .into_iter()
            .enumerate()
            .map(|(index, link)| {
                let path = path.index(index);
                let (kind, issue, path) = match link {
                    LinkEntry::Related(issue) => (RELATES.to_owned(), issue, path),
                    LinkEntry::Typed(table) => {
                        let kind = self.checked(&path.key("type"), table.kind.as_str(), values::plain)?;
                        (kind, table.issue, path.key("issue"))
                    }
                };
                Some(LinkTemplate { kind, issue: self.checked(&path, issue.as_str(), |text| template(text, names))? })
            })
            .collect();
        checked.into_iter().collect()
    }

    fn fields(
        &mut self,
        path: &KeyPath,
        fields: BTreeMap<String, toml::Value>,
        names: Names<'_>,
    ) -> Option<BTreeMap<String, FieldValue>> {
        let checked: Vec<_> = fields
            .into_iter()
            .map(|(field, value)| {
                let path = path.key(&field);
                if OWN_KEYS.contains(&field.as_str()) {
                    let message = format!("`{field}` is not set as a field");
                    self.findings.error(&path, message, "use the rule's own key for it");
                    return None;
                }
                Some((field, self.checked(&path, &value, |value| field_value(value, names))?))
            })
            .collect();
        checked.into_iter().collect()
    }
}

fn names_in_scope(when: &When) -> Scope {
    let patterns = when.subject.iter().chain(&when.body).chain(when.header.values().flatten());
    scope(patterns.flat_map(Pattern::group_names))
}

fn template(text: &str, names: Names<'_>) -> Result<Template, Wrong> {
    let template = match names {
        Some(scope) => Template::parse(text, scope),
        None => Template::parse_unbound(text),
    };
    template.map_err(|why| Wrong { message: format!("this is no template: {why}"), fix: IN_TEMPLATES.to_owned() })
}

/// What config.example.toml says too.
const IN_TEMPLATES: &str = "write it as MiniJinja does, with subject, from.name, from.address, from.local, from.domain, to, cc, \
     reply_to, message_id, date, body, mailbox, classification, attachments, header.x_name or named groups of the rule's expressions";

/// A name that stands for itself, where somebody may think of a template.
fn literal(text: &str) -> Result<String, Wrong> {
    if text.contains("{{") || text.contains("{%") {
        return Err(Wrong {
            message: "this key takes no template".into(),
            fix: "write the name itself; another rule may have another one".into(),
        });
    }
    values::plain(text)
}

fn mailbox_name(text: &str) -> Result<MailboxName, Wrong> {
    MailboxName::parse(text).ok_or_else(|| Wrong {
        message: format!("`{text}` cannot be a mailbox's name"),
        fix: "write the NAME of a [mailbox.NAME]".into(),
    })
}

/// RFC 5322, 3.6.8: printable ASCII without a colon.
fn header_name(name: &str) -> Result<String, Wrong> {
    let is_sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    is_sound.then(|| name.to_lowercase()).ok_or_else(|| Wrong {
        message: "no header field can be called so".into(),
        fix: "write its name alone, as `X-Priority`".into(),
    })
}

pub(super) fn address_pattern(text: &str) -> Result<AddressPattern, Wrong> {
    let text = values::plain(text)?;
    let pattern = AddressPattern::new(&text);
    if !pattern.may_match() || !text.contains(['@', '.', '*']) {
        return Err(Wrong {
            message: "this never matches a mail address".into(),
            fix: "write \"ann@example.com\", \"*@example.com\", or \"example.com\" with all below it; `*` stands for anything"
                .into(),
        });
    }
    Ok(pattern)
}

fn pattern(text: &str) -> Result<Pattern, Wrong> {
    Pattern::new(text).map_err(|why| Wrong {
        message: format!("this is no regular expression: {}", why.lines().last().unwrap_or_default().trim()),
        fix: "write it as the Rust crate regex takes it, without look-around and back-references".into(),
    })
}

fn classification(text: &str) -> Result<Classification, Wrong> {
    let found = Classification::ALL.into_iter().find(|known| known.as_str() == text);
    found.ok_or_else(|| Wrong {
        message: format!("`{text}` is no kind of message"),
        fix: format!("write {}", any_of(&Classification::ALL.map(|known| format!("\"{}\"", known.as_str())))),
    })
}

fn due(text: &str, names: Names<'_>) -> Result<Due, Wrong> {
    match text.strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) if (0..=3650).contains(&days) => Ok(Due::Days(days)),
        Some(_) | None if text.contains('{') || text.parse::<Date>().is_ok() => template(text, names).map(Due::Date),
        Some(_) | None => Err(Wrong {
            message: format!("`{text}` is no day"),
            fix: "write \"7d\" for so many days after the message, \"2026-11-30\", or a template that comes to a date"
                .into(),
        }),
    }
}

fn assignee(text: &str) -> Result<Assignee, Wrong> {
    match text {
        "first-cc" => Ok(Assignee::FirstCc),
        "project-lead" => Ok(Assignee::ProjectLead),
        name => literal(name).map(Assignee::Named),
    }
}

fn visibility(text: &str) -> Result<Visibility, Wrong> {
    let wrong = || Wrong {
        message: format!("`{text}` is no visibility"),
        fix: "write \"public\", \"internal\", \"role:NAME\" or \"group:NAME\"".into(),
    };
    match text.split_once(':') {
        None if text == "public" => Ok(Visibility::Public),
        None if text == "internal" => Ok(Visibility::Internal),
        Some(("role", name)) if !name.trim().is_empty() => literal(name.trim()).map(Visibility::Role),
        Some(("group", name)) if !name.trim().is_empty() => literal(name.trim()).map(Visibility::Group),
        Some(_) | None => Err(wrong()),
    }
}

fn field_value(value: &toml::Value, names: Names<'_>) -> Result<FieldValue, Wrong> {
    Ok(match value {
        toml::Value::String(text) => FieldValue::Text(template(text, names)?),
        toml::Value::Integer(number) => FieldValue::Plain((*number).into()),
        toml::Value::Float(number) if !number.is_finite() => {
            return Err(Wrong {
                message: "Jira takes no such number".into(),
                fix: "write a number that has an end".into(),
            });
        }
        toml::Value::Float(number) => FieldValue::Plain((*number).into()),
        toml::Value::Boolean(truth) => FieldValue::Plain((*truth).into()),
        toml::Value::Datetime(date) => FieldValue::Plain(date.to_string().into()),
        toml::Value::Array(list) => {
            FieldValue::List(list.iter().map(|value| field_value(value, names)).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| Ok((key.clone(), field_value(value, names)?)));
            FieldValue::Table(pairs.collect::<Result<_, _>>()?)
        }
    })
}
