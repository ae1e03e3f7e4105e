//! The text as a tree: from a key's path to its place and back. Knows TOML, not what any key means.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The way to a key: `mailbox.support.folders[0]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

impl KeyPath {
    /// The path of `key` in this table.
    pub fn key(&self, key: &str) -> Self {
        self.child(Segment::Key(key.to_owned()))
    }

    /// The path of an entry of this array.
    pub fn index(&self, index: usize) -> Self {
        self.child(Segment::Index(index))
    }

    /// The path of the table or array that this stands in.
    pub fn parent(&self) -> Self {
        Self(self.0.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default())
    }

    /// The key itself; `None` for the whole file and for entries of arrays.
    pub fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Segment::Key(key)) => Some(key),
            Some(Segment::Index(_)) | None => None,
        }
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    fn child(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A key's node: where the key stands, where its value stands, and the value.
pub(super) struct Node<'d, 't> {
    pub path: KeyPath,
    pub key_span: Option<Range<usize>>,
    pub value: &'d Spanned<DeValue<'t>>,
}

/// Visits every node below `value`, parents first.
pub(super) fn walk<'d, 't>(value: &'d DeValue<'t>, path: &KeyPath, visit: &mut dyn FnMut(Node<'d, 't>)) {
    match value {
        DeValue::Table(table) => walk_table(table, path, visit),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = path.index(index);
                visit(Node { path: path.clone(), key_span: None, value: item });
                walk(item.get_ref(), &path, visit);
            }
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// As [`walk`], from a table.
pub(super) fn walk_table<'d, 't>(table: &'d DeTable<'t>, path: &KeyPath, visit: &mut dyn FnMut(Node<'d, 't>)) {
    for (key, value) in table {
        let path = path.key(key.get_ref());
        visit(Node { path: path.clone(), key_span: Some(key.span()), value });
        walk(value.get_ref(), &path, visit);
    }
}

/// The path of the node whose key or value has this span. A table's span is that of its header: keys go first.
pub(super) fn locate(table: &DeTable<'_>, span: &Range<usize>) -> Option<KeyPath> {
    let (mut by_key, mut by_value) = (None, None);
    walk_table(table, &KeyPath::default(), &mut |node| {
        if node.key_span.as_ref() == Some(span) {
            by_key.get_or_insert(node.path);
        } else if node.value.span() == *span {
            by_value.get_or_insert(node.path);
        }
    });
    by_key.or(by_value)
}

/// Where the value at `path` stands, or, where there is none, the key of the nearest table above it.
pub(super) fn span_of(table: &DeTable<'_>, path: &KeyPath) -> Option<Range<usize>> {
    let mut nearest = None;
    walk_table(table, &KeyPath::default(), &mut |node| {
        if !path.0.starts_with(&node.path.0) {
            return;
        }
        let is_table = matches!(node.value.get_ref(), DeValue::Table(_));
        nearest = match (is_table, node.key_span) {
            (true, Some(key_span)) => Some(key_span),
            (true | false, _) => Some(node.value.span()),
        };
    });
    nearest
}

/// Takes the node with this key or value out of the tree; `false` when there is none.
pub(super) fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let mut entries = table.iter();
    let entry = entries.find(|(key, value)| key.span() == *span || value.span() == *span);
    match entry.map(|(key, _)| key.get_ref().to_string()) {
        Some(key) => table.remove(key.as_str()).is_some(),
        None => table.iter_mut().any(|(_, value)| remove_below(value.get_mut(), span)),
    }
}

fn remove_below(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => remove(table, span),
        DeValue::Array(items) => {
            let before = items.len();
            let kept = items.clone().into_iter().filter(|item| item.span() != *span);
            *items = kept.collect();
            items.len() < before || items.iter_mut().any(|item| remove_below(item.get_mut(), span))
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            false
        }
    }
}
