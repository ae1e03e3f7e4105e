//! What other rules would alter: the same message decided on twice, and the difference of what would be done. Pure.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Preview, preview};
use crate::config::{MailboxSettings, Rule};
use crate::decide::ActionKind;
use crate::mail::MessageId;
use crate::text::without_controls;

/// What stands where there is nothing.
const NOTHING: &str = "—";
/// Characters of a value that is shown to people.
const SHOWN: usize = 80;

/// What would become of a message under other rules, where that is not the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Altered {
    /// The message's file.
    pub file: String,
    /// Without angle brackets.
    pub message_id: Option<MessageId>,
    /// Empty where there is none.
    pub subject: String,
    /// The rule that decides.
    pub rule: Sides<Option<String>>,
    /// What differs in what would be done.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `action`, `project`, `fields.priority` and so on.
    pub what: String,
    /// Under the rules as they are; `null`: nothing.
    pub before: Value,
    /// Under the other ones.
    pub after: Value,
}

/// Something under the rules as they are, and under the other ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sides<T> {
    /// As they are.
    pub before: T,
    /// The other ones.
    pub after: T,
}

/// How many messages would become what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Actions {
    /// New issues.
    pub create: usize,
    /// Comments.
    pub comment: usize,
    /// Messages that nothing is made of.
    pub ignore: usize,
    /// Messages set aside for a person.
    pub quarantine: usize,
}

/// What a change of rules would do to many messages.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// How many were compared.
    pub messages: usize,
    /// What of them would be done otherwise.
    pub changed: usize,
    /// How many would become what.
    pub actions: Sides<Actions>,
    /// Each message that something else would be done with.
    pub changes: Vec<Altered>,
    /// Files that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// Two sets of rules.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    /// As they are.
    pub before: &'r [Rule],
    /// The other ones.
    pub after: &'r [Rule],
}

impl Comparison {
    /// Decides on a message under both.
    pub fn add(&mut self, file: &str, raw: &[u8], settings: &MailboxSettings, rules: Rules<'_>) {
        let (before, after) = (preview(raw, settings, rules.before), preview(raw, settings, rules.after));
        self.messages += 1;
        self.actions.before.count(before.plan.action);
        self.actions.after.count(after.plan.action);
        let changes = changes(&before, &after);
        if changes.is_empty() {
            return;
        }
        self.changed += 1;
        self.changes.push(Altered {
            file: file.to_owned(),
            message_id: before.message_id,
            subject: before.subject,
            rule: Sides { before: before.rule, after: after.rule },
            changes,
        });
    }

    /// For people: a paragraph for each message that changes, and the counts.
    pub fn to_text(&self) -> String {
        let mut text: String = self.changes.iter().map(Altered::to_text).collect();
        let Self { messages, changed, .. } = self;
        let same = messages - changed;
        text.push_str(&format!("{changed} of {messages} messages would change, {same} stay as they are\n"));
        let counts = self.actions.before.by_name().into_iter().zip(self.actions.after.by_name());
        for ((name, before), (_, after)) in counts {
            text.push_str(&format!("{name:>12}  {before} → {after}\n"));
        }
        text
    }
}

impl Actions {
    fn count(&mut self, action: ActionKind) {
        match action {
            ActionKind::Create => self.create += 1,
            ActionKind::Comment => self.comment += 1,
            ActionKind::Ignore => self.ignore += 1,
            ActionKind::Quarantine => self.quarantine += 1,
        }
    }

    fn by_name(&self) -> [(&'static str, usize); 4] {
        [("create", self.create), ("comment", self.comment), ("ignore", self.ignore), ("quarantine", self.quarantine)]
    }
}

impl Altered {
    fn to_text(&self) -> String {
        let rule = |rule: &Option<String>| rule.clone().unwrap_or_else(|| NOTHING.to_owned());
        let mut text = format!("{}: {}\n", self.file, super::printable(&self.subject).replace('\n', " "));
        text.push_str(&format!("  rule: {} → {}\n", rule(&self.rule.before), rule(&self.rule.after)));
        for Change { what, before, after } in &self.changes {
            text.push_str(&format!("  {what}: {} → {}\n", shown(before), shown(after)));
        }
        text.push('\n');
        text
    }
}

/// The differences of what would be done. Why it would be done is no difference.
fn changes(before: &Preview, after: &Preview) -> Vec<Change> {
    let (before, after) = (flat(before), flat(after));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |plan: &Map<String, Value>, name: &str| plan.get(name).cloned().unwrap_or(Value::Null);
    let all =
        names.into_iter().map(|name| Change { what: name.clone(), before: of(&before, name), after: of(&after, name) });
    all.filter(|change| change.before != change.after).collect()
}

/// What would be done as one row of names and values.
fn flat(preview: &Preview) -> Map<String, Value> {
    let Ok(Value::Object(mut plan)) = serde_json::to_value(&preview.plan) else { return Map::new() };
    plan.remove("reason");
    if let Some(Value::Object(fields)) = plan.remove("fields") {
        plan.extend(fields.into_iter().map(|(name, value)| (format!("fields.{name}"), value)));
    }
    plan
}

/// A value in one line that can do nothing to a terminal.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let line: String = without_controls(&text).chars().take(SHOWN).collect();
    if line.chars().count() < text.chars().count() { format!("{line}…") } else { line }
}
