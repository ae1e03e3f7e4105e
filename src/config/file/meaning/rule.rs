//! `[[rule]]`: what becomes of some mail. Finds rules that can never decide anything.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::document::KeyPath;
use super::super::shape::any_of;
use super::super::values::{self, Wrong};
use super::super::{LinkEntry, OneOrMany, ReporterName, RuleActionName, RuleTable, WhenTable};
use super::Checker;
use super::mailbox::project;
use crate::config::rule::{
    AddressPattern, Assignee, Due, FieldValue, LinkTemplate, Pattern, RELATES, Reporter, Rule, RuleAction, RuleValues,
    Visibility, When,
};
use crate::config::{MailboxName, MailboxSettings};
use crate::decide::rules::{covers_senders, is_contradictory, is_covered, keeps_out, shadows};
use crate::decide::values::NAMES;
use crate::mail::Classification;
use crate::template::Template;

/// Fields that have keys of their own in a rule.
pub(super) const OWN_KEYS: &[&str] = &["project", "issuetype", "summary", "description", "reporter", "assignee"];

/// What a rule's templates may name. `None`: its expressions have a fault, and nobody knows what groups they were to have.
type Scope<'n> = Option<&'n [String]>;

impl Checker<'_> {
    /// Rules without those that have a fault, which has been reported.
    pub(super) fn rules(&mut self, tables: Vec<RuleTable>) -> Vec<Option<Rule>> {
        let root = KeyPath::default().key("rule");
        let rules: Vec<_> =
            tables.into_iter().enumerate().map(|(index, table)| self.rule(&root.index(index), table)).collect();
        rules
    }

    fn rule(&mut self, path: &KeyPath, mut table: RuleTable) -> Option<Rule> {
        let name =
            self.required(&path.key("name"), table.name.take(), values::plain, "write name = \"what it is for\"");
        let when = self.when(&path.key("when"), table.when.take().unwrap_or_default());
        let action = match table.action.unwrap_or(RuleActionName::Auto) {
            RuleActionName::Auto => RuleAction::Auto,
            RuleActionName::Create => RuleAction::Create,
            RuleActionName::Comment => RuleAction::Comment,
            RuleActionName::Ignore => RuleAction::Ignore,
            RuleActionName::Quarantine => RuleAction::Quarantine,
        };
        let names = when.as_ref().map(names_in_scope);
        // What is left of a `when` with a wrong key holds more often than is meant.
        let when = when.filter(|_| !self.findings.is_faulty(&path.key("when")));
        let set = self.values(path, table, names.as_deref());
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

    fn values(&mut self, path: &KeyPath, table: RuleTable, names: Scope<'_>) -> Option<RuleValues> {
        let template = |text: &str| template(text, names);
        let project = self.optional(&path.key("project"), table.project.as_deref(), project);
        let issue_type = self.optional(&path.key("issue_type"), table.issue_type.as_deref(), values::plain);
        let request_type = self.optional(&path.key("request_type"), table.request_type.as_deref(), values::plain);
        let summary = self.optional(&path.key("summary"), table.summary.as_deref(), template);
        let labels = self.each(&path.key("labels"), &table.labels.unwrap_or_default(), template);
        let priority = self.optional(&path.key("priority"), table.priority.as_deref(), template);
        let components = self.each(&path.key("components"), &table.components.unwrap_or_default(), template);
        let security = self.optional(&path.key("security"), table.security.as_deref(), template);
        let due = self.optional(&path.key("due"), table.due.as_deref(), |text| due(text, names));
        let parent = self.optional(&path.key("parent"), table.parent.as_deref(), template);
        let assignee = self.optional(&path.key("assignee"), table.assignee.as_deref(), assignee);
        let reporter = match table.reporter {
            Some(ReporterName::Sender) => Reporter::Sender,
            Some(ReporterName::Default) | None => Reporter::Default,
        };
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
            reporter,
            links: links?,
            fields: fields?,
            visibility: visibility?.unwrap_or_default(),
        })
    }

    fn links(&mut self, path: &KeyPath, links: Vec<LinkEntry>, names: Scope<'_>) -> Option<Vec<LinkTemplate>> {
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
        names: Scope<'_>,
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

    /// A rule behind others of which one always holds where it does never decides anything, and neither does one for senders who
    /// are blocked.
    pub(super) fn warn_of_idle(
        &mut self,
        rules: &[Option<Rule>],
        mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>,
    ) {
        let root = KeyPath::default().key("rule");
        let known = told_apart(rules, mailboxes);
        for (index, rule) in rules.iter().enumerate() {
            let Some(rule) = rule else { continue };
            let earlier: Vec<&Rule> = rules.iter().take(index).flatten().collect();
            let whens: Vec<&When> = earlier.iter().map(|rule| &rule.when).collect();
            let (why, fix) = if is_contradictory(&rule.when) {
                let fix = "mend the expression, or take the rule out";
                ("an expression of its `when` is found in no text".to_owned(), fix)
            } else if let Some(one) = earlier.iter().find(|earlier| shadows(&earlier.when, &rule.when)) {
                let fix = "put it further up, or narrow the other one's `when`";
                (format!("`{}` always decides before it", one.name), fix)
            } else if is_covered(&rule.when, &whens, &known) {
                let fix = "put it further up, or narrow the `when` of the others";
                ("the rules before it decide on everything together".to_owned(), fix)
            } else if is_blocked(&rule.when, mailboxes) {
                let fix = "change the `block` and `allow` lists, or take the rule out";
                ("its senders are all blocked, or not on the allow list".to_owned(), fix)
            } else {
                continue;
            };
            self.findings.warning(&root.index(index), format!("the rule `{}` can never match: {why}", rule.name), fix);
        }
    }

    /// A rule may be for mailboxes that exist; a mailbox without project or issue type needs rules that give them.
    pub(super) fn check_rules_of(
        &mut self,
        mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>,
        rules: &[Option<Rule>],
    ) {
        let root = KeyPath::default().key("rule");
        for (index, rule) in rules.iter().enumerate() {
            for (position, name) in rule.iter().flat_map(|rule| &rule.when.mailbox).enumerate() {
                if !mailboxes.contains_key(name) && !self.findings.is_torn() {
                    let path = root.index(index).key("when").key("mailbox").index(position);
                    self.findings.error(&path, format!("there is no mailbox `{name}`"), "name one that this file has");
                }
            }
        }
        self.warn_of_idle(rules, mailboxes);
        if rules.iter().any(Option::is_none) {
            return;
        }
        let rules: Vec<&Rule> = rules.iter().flatten().collect();
        for (mailbox, given) in std::mem::take(&mut self.given) {
            let path = KeyPath::default().key("mailbox").key(mailbox.as_str());
            let wants = |given: fn(&RuleValues) -> bool| !always_given(&rules, &mailbox, given);
            if !given.project && wants(|set| set.project.is_some()) {
                self.findings.missing(&path.key("project"), "write project = \"KEY\"");
            }
            if !given.issue_type && wants(|set| set.issue_type.is_some() || set.request_type.is_some()) {
                self.findings.missing(&path.key("issue_type"), "write issue_type = \"Task\"");
            }
        }
    }
}

/// The mailboxes that rules name, and one that stands for all others.
fn told_apart(rules: &[Option<Rule>], mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>) -> Vec<MailboxName> {
    let is_named = |name: &&MailboxName| rules.iter().flatten().any(|rule| rule.when.mailbox.contains(name));
    let (named, others): (Vec<_>, Vec<_>) = mailboxes.keys().partition(is_named);
    named.into_iter().chain(others.into_iter().take(1)).cloned().collect()
}

/// Whether every mailbox that a rule is for keeps out all senders that it is for.
fn is_blocked(when: &When, mailboxes: &BTreeMap<MailboxName, Option<MailboxSettings>>) -> bool {
    let mut theirs = mailboxes
        .values()
        .flatten()
        .filter(|mailbox| when.mailbox.is_empty() || when.mailbox.contains(&mailbox.name))
        .peekable();
    theirs.peek().is_some()
        && theirs.all(|mailbox| {
            let senders = &mailbox.senders;
            covers_senders(&senders.block, &when.from) || keeps_out(&senders.allow, &when.from)
        })
}

/// Whether every message of a mailbox falls under a rule that gives something, or makes no issue.
fn always_given(rules: &[&Rule], mailbox: &MailboxName, given: fn(&RuleValues) -> bool) -> bool {
    let for_it = |rule: &&&Rule| rule.when.mailbox.is_empty() || rule.when.mailbox.contains(mailbox);
    let whole = When { mailbox: vec![mailbox.clone()], ..When::default() };
    let enough = |rule: &Rule| match rule.action {
        RuleAction::Auto | RuleAction::Create => given(&rule.set),
        RuleAction::Comment | RuleAction::Ignore | RuleAction::Quarantine => true,
    };
    let mut theirs = rules.iter().filter(for_it);
    let last = theirs.clone().position(|rule| shadows(&rule.when, &whole));
    last.is_some_and(|last| theirs.by_ref().take(last + 1).all(|rule| enough(rule)))
}

/// What a rule's templates may name.
fn names_in_scope(when: &When) -> Vec<String> {
    let patterns = when.subject.iter().chain(&when.body).chain(when.header.values().flatten());
    let groups = patterns.flat_map(|pattern| pattern.group_names().map(str::to_owned).collect::<Vec<_>>());
    NAMES.iter().map(|name| (*name).to_owned()).chain(groups).collect()
}

fn template(text: &str, names: Scope<'_>) -> Result<Template, Wrong> {
    let template = match names {
        Some(names) => Template::parse(text, &names.iter().map(String::as_str).collect::<Vec<_>>()),
        None => Template::parse_unbound(text),
    };
    template.map_err(|why| Wrong {
        message: format!("this is no template: {why}"),
        fix: format!("write it as MiniJinja does, with {} or named groups of the rule's expressions", NAMES.join(", ")),
    })
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
    if text.contains(['<', '>', ' ', ',']) || !text.contains(['@', '.', '*']) {
        return Err(Wrong {
            message: "this never matches a mail address".into(),
            fix: "write \"ann@example.com\", \"*@example.com\" or \"example.com\"".into(),
        });
    }
    Ok(AddressPattern::new(&text))
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

fn due(text: &str, names: Scope<'_>) -> Result<Due, Wrong> {
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
        name => values::plain(name).map(Assignee::Named),
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
        Some(("role", name)) if !name.trim().is_empty() => Ok(Visibility::Role(name.trim().to_owned())),
        Some(("group", name)) if !name.trim().is_empty() => Ok(Visibility::Group(name.trim().to_owned())),
        Some(_) | None => Err(wrong()),
    }
}

fn field_value(value: &toml::Value, names: Scope<'_>) -> Result<FieldValue, Wrong> {
    Ok(match value {
        toml::Value::String(text) => FieldValue::Text(template(text, names)?),
        toml::Value::Integer(number) => FieldValue::Plain((*number).into()),
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
