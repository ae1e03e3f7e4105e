//! What may stand where: the schema of the file types, asked by path. It names neighbours and expectations for messages;
//! what is accepted is serde's decision alone.

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::document::{KeyPath, Segment};
use super::{FileTable, SecretTable};

/// The schema of the whole file.
pub(super) struct Shape {
    schema: Schema,
    secret: Option<Value>,
}

/// What the schema says about a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'s>(&'s Value);

impl Shape {
    pub fn of_file() -> Self {
        let mut generator = SchemaGenerator::default();
        let secret = serde_json::to_value(generator.subschema_for::<SecretTable>()).ok();
        Self { schema: SchemaGenerator::default().into_root_schema_for::<FileTable>(), secret }
    }

    pub fn into_json(self) -> Value {
        self.schema.to_value()
    }

    /// What is expected at `path`; `None` when nothing may stand there.
    pub fn at(&self, path: &KeyPath) -> Option<Expected<'_>> {
        let root = self.resolve(self.schema.as_value());
        path.segments().iter().try_fold(root, |node, segment| self.step(node, segment)).map(Expected)
    }

    /// Whether a secret's reference, and never a secret, stands at `path`.
    pub fn is_secret(&self, path: &KeyPath) -> bool {
        let parent = self.schema.as_value();
        let node =
            path.segments().iter().try_fold(parent, |node, segment| self.step_unresolved(self.resolve(node), segment));
        node.is_some_and(|node| self.alternatives(node).any(|node| Some(node) == self.secret.as_ref()))
    }

    /// The keys of the table at `path`.
    pub fn keys(&self, path: &KeyPath) -> Vec<&str> {
        let properties = self.at(path).and_then(|expected| expected.0.get("properties"));
        properties.and_then(Value::as_object).map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// The tables that have this key, as `[mailbox.NAME]`.
    pub fn homes_of(&self, key: &str) -> Vec<String> {
        let mut homes = Vec::new();
        self.collect(self.resolve(self.schema.as_value()), "", &mut |path, node| {
            if node.get("properties").and_then(|keys| keys.get(key)).is_some() {
                homes.push(path.to_owned());
            }
        });
        homes
    }

    fn collect<'s>(&'s self, node: &'s Value, path: &str, visit: &mut dyn FnMut(&str, &'s Value)) {
        visit(path, node);
        let join = |key: &str| {
            if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
        };
        for (key, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.collect(self.resolve(child), &join(key), visit);
        }
        if let Some(child) = node.get("additionalProperties").filter(|child| child.is_object()) {
            self.collect(self.resolve(child), &join("NAME"), visit);
        }
    }

    fn step<'s>(&'s self, node: &'s Value, segment: &Segment) -> Option<&'s Value> {
        self.step_unresolved(node, segment).map(|node| self.resolve(node))
    }

    fn step_unresolved<'s>(&'s self, node: &'s Value, segment: &Segment) -> Option<&'s Value> {
        match segment {
            Segment::Key(key) => {
                let named = node.get("properties").and_then(|keys| keys.get(key));
                named.or_else(|| node.get("additionalProperties").filter(|child| child.is_object()))
            }
            Segment::Index(_) => node.get("items").or_else(|| either(node).find_map(|one| one.get("items"))),
        }
    }

    /// Follows references, and looks through the "or null" of an option: TOML has no null.
    fn resolve<'s>(&'s self, node: &'s Value) -> &'s Value {
        let Some(node) = self.alternatives(node).next() else {
            return node;
        };
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else {
            return node;
        };
        let target = reference.strip_prefix('#').and_then(|pointer| self.schema.as_value().pointer(pointer));
        target.unwrap_or(node)
    }

    fn alternatives<'s>(&'s self, node: &'s Value) -> impl Iterator<Item = &'s Value> {
        let either = node.get("anyOf").and_then(Value::as_array);
        let optional = either.filter(|either| either.iter().any(is_null));
        let own = optional.is_none().then_some(node);
        own.into_iter().chain(optional.into_iter().flatten().filter(|one| !is_null(one)))
    }
}

/// What may stand in one place, of several kinds.
fn either(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("anyOf").and_then(Value::as_array).into_iter().flatten()
}

fn is_null(node: &Value) -> bool {
    node.get("type").and_then(Value::as_str) == Some("null")
}

impl<'s> Expected<'s> {
    /// In words: `a string`, `"keep", "seen" or { move = "…" }`.
    pub fn in_words(&self) -> String {
        let words = self.words();
        if !words.is_empty() {
            return any_of(&words);
        }
        let kinds: Vec<_> = either(self.0).map(|one| Expected(one).in_words()).collect();
        if !kinds.is_empty() {
            return any_of(&kinds);
        }
        let kind = match self.0.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().find_map(Value::as_str), // an option is of its kind "or null"
            Some(kind) => kind.as_str(),
            None => None,
        };
        match kind {
            Some("string") => "text in quotes".into(),
            Some("integer") => "a whole number".into(),
            Some("boolean") => "true or false".into(),
            Some("array") => "a list in [ ]".into(),
            Some("object") => "a table".into(),
            None if self.0.get("$ref").is_some() => "a table".into(),
            Some(_) | None => "another kind of value".into(),
        }
    }

    /// The words that may stand here, where only some may.
    pub fn choices(&self) -> Vec<&'s str> {
        let listed = self.0.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let single = self.0.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let described = single.clone().filter_map(|one| one.get("const").and_then(Value::as_str));
        let grouped =
            single.filter_map(|one| one.get("enum").and_then(Value::as_array)).flatten().filter_map(Value::as_str);
        listed.chain(grouped).chain(described).collect()
    }

    pub fn is_table(&self) -> bool {
        self.0.get("properties").is_some() || self.0.get("additionalProperties").is_some_and(Value::is_object)
    }

    /// The keys that may stand here, where exactly one of several must: `move`.
    pub fn tags(&self) -> Vec<&'s str> {
        let variants = self.0.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let tables = variants.filter_map(|variant| variant.get("properties").and_then(Value::as_object));
        tables.flat_map(|table| table.keys().map(String::as_str)).collect()
    }

    fn words(&self) -> Vec<String> {
        let plain = self.choices().into_iter().map(|choice| format!("\"{choice}\""));
        let tagged = self.tags().into_iter().map(|tag| format!("{{ {tag} = \"…\" }}"));
        plain.chain(tagged).collect()
    }
}

/// `a, b or c`
pub(super) fn any_of<T: AsRef<str>>(words: &[T]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.as_ref().to_owned(),
        Some((last, rest)) => {
            let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", rest.join(", "), last.as_ref())
        }
    }
}

/// The one of `known` that was most likely meant.
pub(super) fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|known| (strsim::normalized_damerau_levenshtein(written, known), *known));
    scored.filter(|(score, _)| *score >= 0.6).max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, known)| known)
}
