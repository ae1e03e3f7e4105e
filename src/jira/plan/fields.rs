//! Field values as Jira takes them. Pure: what a rule says in plain words becomes the shape that the field's schema asks for
//! (Jira's "Field input formats"); where the schema is not known, the shape of system fields goes by their names.

use serde_json::{Map, Value, json};

use super::super::document::render_text;
use super::super::{FieldSchema, Flavour, Form};

/// Gives every field its shape. A value that is an object already was written by somebody who knows the field, and stays.
pub fn shaped(fields: &Map<String, Value>, form: &Form, flavour: Flavour) -> Map<String, Value> {
    with_markup(fields, form, flavour, flavour)
}

/// Shapes fields for the form of a request, which takes wiki markup on either product.
pub fn shaped_for_request(fields: &Map<String, Value>, form: &Form, flavour: Flavour) -> Map<String, Value> {
    with_markup(fields, form, flavour, Flavour::DataCenter)
}

/// `markup` is whose rich text is written.
fn with_markup(fields: &Map<String, Value>, form: &Form, flavour: Flavour, markup: Flavour) -> Map<String, Value> {
    let shape = |(field, value): (&String, &Value)| {
        let told = form.get(field).map(|field| &field.schema).filter(|schema| !schema.kind.is_empty());
        let schema = told.map_or_else(|| by_name(field), FieldSchema::clone);
        let holds = holds(field, &schema);
        let flavour = match holds {
            Holds::Line | Holds::Labels => flavour,
            Holds::RichText => markup,
        };
        (field.clone(), with_schema(value, &schema, holds, flavour))
    };
    fields.iter().map(shape).collect()
}

/// The schema of fields that every Jira has.
fn by_name(field: &str) -> FieldSchema {
    let (kind, items) = match field {
        "labels" => ("array", "string"),
        "components" => ("array", "component"),
        "versions" | "fixVersions" => ("array", "version"),
        "priority" => ("priority", ""),
        "security" => ("securitylevel", ""),
        "parent" => ("issuelink", ""),
        "duedate" => ("date", ""),
        "environment" => ("string", ""),
        _ => ("any", ""),
    };
    FieldSchema { kind: kind.to_owned(), items: items.to_owned(), custom: String::new() }
}

/// What the text of a field may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// One line.
    Line,
    /// Paragraphs with markup: a document on Cloud.
    RichText,
    /// Words without blanks.
    Labels,
}

fn holds(field: &str, schema: &FieldSchema) -> Holds {
    match (field, schema.custom.rsplit(':').next()) {
        ("environment", _) | (_, Some("textarea")) => Holds::RichText,
        ("labels", _) | (_, Some("labels")) => Holds::Labels,
        (_, _) => Holds::Line,
    }
}

fn with_schema(value: &Value, schema: &FieldSchema, holds: Holds, flavour: Flavour) -> Value {
    match (schema.kind.as_str(), value) {
        ("array", Value::Array(values)) if holds == Holds::Labels => values.iter().map(label).collect(),
        ("array", Value::Array(values)) => values.iter().map(|value| scalar(value, &schema.items, flavour)).collect(),
        // One value where a list is asked for; a list of labels may be written as one text.
        ("array", Value::String(text)) if schema.items == "string" => text.split_whitespace().collect(),
        ("array", value) => Value::Array(vec![scalar(value, &schema.items, flavour)]),
        ("option-with-child", value) => cascading(value),
        ("string", Value::String(text)) if holds == Holds::RichText => render_text(text, flavour).to_value(),
        ("string", Value::Number(number)) => Value::String(number.to_string()),
        ("string", Value::Bool(truth)) => Value::String(truth.to_string()),
        (kind, value) => scalar(value, kind, flavour),
    }
}

/// Jira refuses a label with blanks in it.
fn label(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| text.split_whitespace().collect::<Vec<_>>().join("-").into())
}

fn scalar(value: &Value, kind: &str, flavour: Flavour) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        // What people choose among may be called `7`.
        Value::Number(number) if is_chosen(kind) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return value.clone(),
    };
    let text = text.as_str();
    match kind {
        "option" => json!({"value": text}),
        "component" | "version" | "priority" | "securitylevel" | "resolution" | "group" => json!({"name": text}),
        "issuelink" | "project" => json!({"key": text}),
        "user" => user(text, flavour),
        "number" => text.trim().parse::<f64>().map_or_else(|_| value.clone(), |number| json!(number)),
        "date" => Value::String(day(text)),
        "datetime" => Value::String(offset_without_colon(text)),
        _ => value.clone(),
    }
}

fn is_chosen(kind: &str) -> bool {
    matches!(kind, "option" | "component" | "version" | "priority" | "securitylevel" | "resolution" | "group")
}

/// A user by the name that the flavour knows them by.
pub fn user(name: &str, flavour: Flavour) -> Value {
    match flavour {
        Flavour::Cloud => json!({"id": name}),
        Flavour::DataCenter => json!({"name": name}),
    }
}

/// `Hardware / Laptop`, or a list of both.
fn cascading(value: &Value) -> Value {
    let pair = match value {
        Value::String(text) => {
            let both = text.split_once(" / ").or_else(|| text.split_once('/'));
            both.map(|(parent, child)| (parent.trim(), child.trim()))
        }
        Value::Array(both) => match both.as_slice() {
            [Value::String(parent), Value::String(child)] => Some((parent.as_str(), child.as_str())),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    match (pair, value) {
        (Some((parent, child)), _) => json!({"value": parent, "child": {"value": child}}),
        (None, Value::String(parent)) => json!({"value": parent}),
        (None, value) => value.clone(),
    }
}

/// The day of a time, as it is called where that was written.
fn day(text: &str) -> String {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    day.parse::<jiff::civil::Date>().map_or_else(|_| text.to_owned(), |day| day.to_string())
}

/// Jira's own form is `+0000`; it takes `+00:00` and `Z` in some versions only. A day alone begins at midnight, UTC.
fn offset_without_colon(text: &str) -> String {
    let midnight = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let timestamp = text.parse().ok().or_else(|| Some(midnight()?.timestamp()));
    let written = |timestamp: jiff::Timestamp| timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
    timestamp.map_or_else(|| text.to_owned(), written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: &str, items: &str, value: Value) -> Value {
        let schema = FieldSchema { kind: kind.to_owned(), items: items.to_owned(), custom: String::new() };
        with_schema(&value, &schema, Holds::Line, Flavour::Cloud)
    }

    #[test]
    fn every_schema_gets_the_shape_that_jira_takes() {
        assert_eq!(shape("option", "", json!("red")), json!({"value": "red"}));
        assert_eq!(shape("array", "option", json!(["a", "b"])), json!([{"value": "a"}, {"value": "b"}]));
        assert_eq!(shape("array", "component", json!("Mail")), json!([{"name": "Mail"}]));
        assert_eq!(shape("array", "string", json!("one two")), json!(["one", "two"]));
        assert_eq!(shape("number", "", json!("3.5")), json!(3.5));
        assert_eq!(shape("user", "", json!("abc")), json!({"id": "abc"}));
        assert_eq!(shape("array", "user", json!(["abc", "def"])), json!([{"id": "abc"}, {"id": "def"}]));
        assert_eq!(shape("array", "version", json!(["1.0"])), json!([{"name": "1.0"}]));
        assert_eq!(shape("group", "", json!("agents")), json!({"name": "agents"}));
        assert_eq!(shape("string", "", json!(7)), json!("7"));
        assert_eq!(shape("date", "", json!("2026-11-21")), json!("2026-11-21"));
        assert_eq!(shape("date", "", json!("2026-11-21T10:00:00Z")), json!("2026-11-21"));
        assert_eq!(shape("datetime", "", json!("2026-11-21T10:00:00Z")), json!("2026-11-21T10:00:00.000+0000"));
        assert_eq!(shape("datetime", "", json!("2026-11-21")), json!("2026-11-21T00:00:00.000+0000"));
        assert_eq!(shape("option", "", json!(7)), json!({"value": "7"}));
        let both = json!({"value": "Hardware", "child": {"value": "Laptop"}});
        assert_eq!(shape("option-with-child", "", json!("Hardware / Laptop")), both);
        assert_eq!(shape("option-with-child", "", json!(["Hardware", "Laptop"])), both);
        let slashed = json!({"value": "TV/Radio", "child": {"value": "Radio"}});
        assert_eq!(shape("option-with-child", "", json!("TV/Radio / Radio")), slashed);
        assert_eq!(shape("option", "", json!({"id": "7"})), json!({"id": "7"}), "what is an object already stays");
    }

    #[test]
    fn labels_of_any_field_have_no_blanks() {
        let custom = "com.atlassian.jira.plugin.system.customfieldtypes:labels".to_owned();
        let schema = FieldSchema { kind: "array".to_owned(), items: "string".to_owned(), custom };
        let labels =
            |field: &str| with_schema(&json!(["two words", "one"]), &schema, holds(field, &schema), Flavour::Cloud);
        assert_eq!(labels("customfield_7"), json!(["two-words", "one"]));
    }

    #[test]
    fn system_fields_are_known_without_asking() {
        let fields = Map::from_iter([
            ("priority".to_owned(), json!("High")),
            ("components".to_owned(), json!(["Mail"])),
            ("parent".to_owned(), json!("SUP-1")),
            ("customfield_1".to_owned(), json!("as it is")),
        ]);
        let expected = json!({"priority": {"name": "High"}, "components": [{"name": "Mail"}],
            "parent": {"key": "SUP-1"}, "customfield_1": "as it is"});
        assert_eq!(Value::Object(shaped(&fields, &Form::new(), Flavour::Cloud)), expected);
    }
}
