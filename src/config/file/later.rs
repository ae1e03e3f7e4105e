//! What the documented file format has and this version has not: known by name, refused in plain words. A line leaves
//! this list on the day its key works.

use toml::de::DeValue;

use super::document::{KeyPath, Node, Segment};

/// A key, with `*` for any name or entry of a list, and the values of it that do not work yet; no values: the key itself.
type Later = (&'static [&'static str], &'static [&'static str]);

const LATER: &[Later] = &[
    (&["rule", "*", "assignee"], &[]),
    (&["rule", "*", "reporter"], &[]),
    (&["rule", "*", "links"], &[]),
    (&["mailbox", "*", "default_reporter"], &[]),
    (&["mailbox", "*", "replies", "reopen"], &[]),
];

/// Says so when a node is something that this version does not support yet.
pub(super) fn refusal(node: &Node<'_, '_>) -> Option<String> {
    let (_, values) = LATER.iter().find(|(pattern, _)| matches(pattern, &node.path))?;
    if values.is_empty() {
        return Some(format!("`{}` is not supported by this version yet", node.path));
    }
    let DeValue::String(value) = node.value.get_ref() else {
        return None;
    };
    let known = values.iter().find(|known| **known == value.as_ref())?;
    Some(format!("`{} = \"{known}\"` is not supported by this version yet", node.path))
}

fn matches(pattern: &[&str], path: &KeyPath) -> bool {
    let same = |(pattern, segment): (&&str, &Segment)| match segment {
        Segment::Key(key) => *pattern == "*" || pattern == key,
        Segment::Index(_) => *pattern == "*",
    };
    pattern.len() == path.segments().len() && pattern.iter().zip(path.segments()).all(same)
}
