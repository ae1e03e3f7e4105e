//! What is demanded of requests beyond Atlassian's OpenAPI document, which lets through what Jira then refuses or,
//! worse, overlooks: unknown keys, strings where a document belongs, summaries that are too long.

use anyhow::Context;
use serde_json::{Map, Value, json};

/// Writes our demands into the document. Fails when it has changed so that there is no place for one.
pub(super) fn tighten(document: &mut Value) -> anyhow::Result<()> {
    for (pointer, demand) in demands() {
        let target = document.pointer_mut(pointer).with_context(|| format!("no {pointer} in the OpenAPI document"))?;
        merge(target, demand);
    }
    let upload = "/paths/~1rest~1api~13~1issue~1{issueIdOrKey}~1attachments/post/parameters";
    let parameters = document.pointer_mut(upload).and_then(Value::as_array_mut);
    parameters.context("uploads have no parameters in the OpenAPI document")?.push(json!({
        "name": "X-Atlassian-Token", "in": "header", "required": true, "schema": {"type": "string", "enum": ["no-check"]}
    }));
    nullable(document);
    Ok(())
}

fn demands() -> Vec<(&'static str, Value)> {
    vec![
        ("/components/schemas/IssueUpdateDetails", json!({"additionalProperties": false})),
        ("/components/schemas/IssueUpdateDetails/properties/fields", fields()),
        (
            "/components/schemas/EntityProperty",
            json!({"required": ["key", "value"], "properties": {"key": {"minLength": 1, "maxLength": 255}}}),
        ),
        (
            "/components/schemas/Visibility",
            json!({"required": ["type"], "additionalProperties": false,
                "anyOf": [{"required": ["value"]}, {"required": ["identifier"]}]}),
        ),
        ("/components/schemas/RemoteIssueLinkRequest", json!({"additionalProperties": false})),
    ]
}

fn fields() -> Value {
    let object = || json!({"type": "object", "minProperties": 1});
    let objects = || json!({"type": "array", "items": object()});
    json!({
        "additionalProperties": false,
        "patternProperties": {"^customfield_[0-9]+$": {}},
        "properties": {
            "summary": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^\\r\\n]*$"},
            "description": {}, "environment": {},
            "project": object(), "issuetype": object(), "parent": object(), "priority": object(),
            "reporter": object(), "assignee": {}, "security": object(), "duedate": {},
            "labels": {"type": "array", "items": {"type": "string", "pattern": "^\\S+$", "maxLength": 255}},
            "components": objects(), "versions": objects(), "fixVersions": objects()
        }
    })
}

/// What one operation demands of its body, beyond the schema that it shares with others.
pub(super) fn own_demands(method: &str, template: &str) -> Value {
    let create = json!({"required": ["fields"],
        "properties": {"fields": {"required": ["project", "issuetype", "summary"]}}});
    let comment = json!({"required": ["body"], "additionalProperties": false,
        "properties": {"body": {"type": "object"}, "properties": {}, "visibility": {}}});
    let transition = json!({"required": ["transition"], "properties": {"transition": {"required": ["id"],
        "additionalProperties": false, "properties": {"id": {"type": "string"}}}}});
    match (method, template) {
        ("POST", "/rest/api/3/issue") => create,
        ("POST", "/rest/api/3/issue/{issueIdOrKey}/comment") => comment,
        ("PUT", "/rest/api/3/issue/{issueIdOrKey}/comment/{id}") => comment,
        ("POST", "/rest/api/3/issue/{issueIdOrKey}/transitions") => transition,
        ("POST", "/rest/api/3/search/jql") => json!({"required": ["jql"],
            "properties": {"properties": {"maxItems": 5}, "reconcileIssues": {"maxItems": 50}}}),
        ("POST", "/rest/api/3/comment/list") => json!({"properties": {"ids": {"maxItems": 1000}}}),
        ("POST", "/rest/api/3/issue/bulkfetch") => json!({"properties":
            {"issueIdsOrKeys": {"minItems": 1, "maxItems": 100}, "properties": {"maxItems": 5}}}),
        _ => json!({}),
    }
}

fn merge(target: &mut Value, demand: Value) {
    match (target, demand) {
        (Value::Object(target), Value::Object(demand)) => {
            for (key, value) in demand {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, demand) => *target = demand,
    }
}

/// OpenAPI 3.0 says `nullable` where JSON Schema lists the type `null`.
fn nullable(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_nullable = map.remove("nullable") == Some(Value::Bool(true));
            if let Some(kind) = type_of(map).filter(|_| is_nullable) {
                map.insert("type".to_owned(), json!([kind, "null"]));
            }
            map.values_mut().for_each(nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(nullable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn type_of(schema: &Map<String, Value>) -> Option<String> {
    schema.get("type").and_then(Value::as_str).map(str::to_owned)
}
