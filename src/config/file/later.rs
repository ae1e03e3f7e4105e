//! What the documented file format has and this version has not: known by name, refused in plain words. A line leaves
//! this list on the day its key works.

use super::document::{KeyPath, Node, Segment};

/// Keys, with `*` for any name or entry of a list.
const LATER: &[&[&str]] = &[
    &["rule", "*", "assignee"],
    &["rule", "*", "reporter"],
    &["rule", "*", "links"],
    &["mailbox", "*", "default_reporter"],
    &["mailbox", "*", "replies", "reopen"],
];

/// Says so when a node is something that this version does not support yet.
pub(super) fn refusal(node: &Node<'_, '_>) -> Option<String> {
    let later = LATER.iter().any(|pattern| matches(pattern, &node.path));
    later.then(|| format!("`{}` is not supported by this version yet", node.path))
}

fn matches(pattern: &[&str], path: &KeyPath) -> bool {
    let same = |(pattern, segment): (&&str, &Segment)| match segment {
        Segment::Key(key) => *pattern == "*" || pattern == key,
        Segment::Index(_) => *pattern == "*",
    };
    pattern.len() == path.segments().len() && pattern.iter().zip(path.segments()).all(same)
}
