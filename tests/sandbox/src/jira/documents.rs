//! Judges requests and answers by Atlassian's own documents: the OpenAPI document of Jira Cloud and the schema of
//! the Atlassian Document Format. The documents are read from where they lie; they are not part of this crate.
//!
//! Atlassian's document is loose where mistakes hurt (`fields` and `body` may be anything); [`tighten`] says what is
//! demanded beyond it.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use axum::http::{HeaderMap, header};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::log::Entry;

mod explain;
mod multipart;
mod tighten;

/// Both documents, ready to judge by.
#[derive(Debug)]
pub struct Documents {
    openapi: Value,
    operations: Vec<Operation>,
    adf: Validator,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// What the environment says about the documents.
#[derive(Debug)]
pub enum Found {
    /// They are there.
    Documents(Box<Documents>),
    /// They are not, and need not be; why.
    Skipped(String),
}

/// A request as it went over the wire.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// All header fields.
    pub headers: &'a HeaderMap,
    /// The body, empty where there was none.
    pub body: &'a [u8],
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// `body/fields/summary`, `query/fields`, `header/x-atlassian-token`, `path`.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

#[derive(Debug)]
struct Operation {
    method: String,
    template: String,
    about: Value,
}

impl Documents {
    /// Reads the documents; fails when one cannot be read or lacks what is to be tightened.
    pub fn load(openapi: &Path, adf: &Path) -> anyhow::Result<Self> {
        let mut openapi = read(openapi)?;
        tighten::tighten(&mut openapi)?;
        let paths = openapi.get("paths").and_then(Value::as_object).context("the OpenAPI document has no paths")?;
        let mut operations = Vec::new();
        for (template, methods) in paths {
            for (method, about) in methods.as_object().into_iter().flatten() {
                let (method, template) = (method.to_uppercase(), template.clone());
                operations.push(Operation { method, template, about: about.clone() });
            }
        }
        let adf = jsonschema::draft4::new(&read(adf)?).context("the ADF schema is no JSON schema")?;
        Ok(Self { openapi, operations, adf, validators: Mutex::default() })
    }

    /// Reads the documents that `JIRA_OPENAPI` and `ADF_SCHEMA` name. Where they name none that is fine, except in
    /// CI (`CI=true`), where it is an error.
    pub fn from_environment() -> anyhow::Result<Found> {
        let (openapi, adf) = (variable("JIRA_OPENAPI"), variable("ADF_SCHEMA"));
        if let (Some(openapi), Some(adf)) = (&openapi, &adf) {
            return Ok(Found::Documents(Box::new(Self::load(Path::new(openapi), Path::new(adf))?)));
        }
        let unset = [("JIRA_OPENAPI", openapi), ("ADF_SCHEMA", adf)];
        let unset: Vec<&str> = unset.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        let why = format!("{} not set: requests are not judged by Atlassian's documents", unset.join(" and "));
        if variable("CI").is_some_and(|ci| ci == "true") {
            bail!("{why}, which CI must do");
        }
        Ok(Found::Skipped(why))
    }

    /// What is wrong with a request that Jira's log holds. The log must have been told to keep bodies.
    pub fn judge_entry(&self, entry: &Entry) -> Vec<Complaint> {
        let Some(body) = &entry.body else {
            return vec![Complaint::new("body", "was not logged: set `Settings::log_bodies`")];
        };
        self.judge(Sent { method: &entry.method, path: &entry.path, headers: &entry.headers, body })
    }

    /// What is wrong with a request; nothing is best.
    pub fn judge(&self, sent: Sent<'_>) -> Vec<Complaint> {
        let (path, query) = sent.path.split_once('?').unwrap_or((sent.path, ""));
        let Some(operation) = self.operation(sent.method, path) else {
            return vec![Complaint::new("path", format!("there is no operation {} {path}", sent.method))];
        };
        let mut complaints = judge_query(operation, query);
        complaints.extend(judge_headers(operation, sent));
        let content = operation.about.pointer("/requestBody/content");
        let is = |kind: &str| content.is_some_and(|content| content.get(kind).is_some());
        if is("multipart/form-data") {
            complaints.extend(multipart::judge(sent.headers, sent.body));
        } else if is("application/json") {
            complaints.extend(self.judge_json(operation, sent.body));
        } else if !sent.body.is_empty() {
            complaints.push(Complaint::new("body", "this operation takes none"));
        }
        complaints
    }

    /// What is wrong with a JSON answer to a request; for judging stand-ins.
    pub fn judge_answer(&self, method: &str, path: &str, status: u16, body: &Value) -> Vec<Complaint> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let Some(operation) = self.operation(method, path) else {
            return vec![Complaint::new("path", format!("there is no operation {method} {path}"))];
        };
        let Some(answer) = operation.about.pointer(&format!("/responses/{status}")) else {
            return vec![Complaint::new("status", format!("{status} is not among the answers"))];
        };
        let Some(schema) = answer.pointer("/content/application~1json/schema") else {
            return Vec::new();
        };
        self.complaints(&format!("{method} {} {status}", operation.template), schema, body)
    }

    /// What is wrong with an ADF document.
    pub fn judge_adf(&self, document: &Value) -> Vec<Complaint> {
        explain::complaints(&self.adf, document, "document")
    }

    /// The operation with the most literal path that fits.
    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let fits = |operation: &&Operation| {
            let mut pieces = path.split('/');
            let all = operation.template.split('/').all(|wanted| {
                pieces.next().is_some_and(|piece| wanted == piece || wanted.starts_with('{') && !piece.is_empty())
            });
            operation.method == method && all && pieces.next().is_none()
        };
        self.operations.iter().filter(fits).min_by_key(|operation| operation.template.matches('{').count())
    }

    fn judge_json(&self, operation: &Operation, body: &[u8]) -> Vec<Complaint> {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return vec![Complaint::new("body", "is not JSON")];
        };
        let ours = tighten::own_demands(&operation.method, &operation.template);
        let schema = operation.about.pointer("/requestBody/content/application~1json/schema");
        let schema = json!({"allOf": [schema.unwrap_or(&json!({})), ours]});
        let mut complaints = self.complaints(&format!("{} {}", operation.method, operation.template), &schema, &body);
        for pointer in rich_texts(&body) {
            let document = body.pointer(&pointer).unwrap_or(&Value::Null);
            complaints.extend(explain::complaints(&self.adf, document, &format!("body{pointer}")));
        }
        for (index, property) in body.get("properties").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let length = property.get("value").map(|value| value.to_string().chars().count());
            if length.is_some_and(|length| length > 32_768) {
                complaints.push(Complaint::new(format!("body/properties/{index}/value"), "is longer than 32768"));
            }
        }
        complaints
    }

    fn complaints(&self, name: &str, schema: &Value, instance: &Value) -> Vec<Complaint> {
        match self.validator(name, schema) {
            Ok(validator) => explain::complaints(&validator, instance, "body"),
            Err(error) => vec![Complaint::new("document", error.to_string())],
        }
    }

    /// References in a schema point into the whole document, so it comes along.
    fn validator(&self, name: &str, schema: &Value) -> anyhow::Result<Arc<Validator>> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(name) {
            return Ok(Arc::clone(validator));
        }
        let schema = json!({"allOf": [schema], "components": self.openapi.get("components")});
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(false);
        let validator = options.build(&schema).map_err(|error| error.to_owned())?;
        Ok(Arc::clone(validators.entry(name.to_owned()).or_insert(Arc::new(validator))))
    }
}

impl Complaint {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "tests take the documents' paths from the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a body must hold ADF. A custom field may also hold other things, so there only what says it is a document.
fn rich_texts(body: &Value) -> Vec<String> {
    let mut pointers = Vec::new();
    let fields = body.get("fields").and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        let is_rich = matches!(name.as_str(), "description" | "environment");
        if !value.is_null() && (is_rich || value.get("type").is_some_and(|kind| kind == "doc")) {
            pointers.push(format!("/fields/{}", name.replace('~', "~0").replace('/', "~1")));
        }
    }
    if body.get("body").is_some() {
        pointers.push("/body".to_owned());
    }
    pointers
}

fn parameters<'a>(operation: &'a Operation, place: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = operation.about.get("parameters").and_then(Value::as_array).into_iter().flatten();
    all.filter(move |parameter| parameter.get("in").is_some_and(|found| found == place))
}

fn judge_query(operation: &Operation, query: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let place = format!("query/{name}");
        let Some(parameter) = parameters(operation, "query").find(|known| known.get("name") == Some(&json!(name)))
        else {
            complaints.push(Complaint::new(place, "is unknown to this operation"));
            continue;
        };
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        let right = match schema.get("type").and_then(Value::as_str) {
            Some("integer") => value.parse::<i64>().is_ok(),
            Some("boolean") => value == "true" || value == "false",
            _ => schema.get("enum").and_then(Value::as_array).is_none_or(|all| all.contains(&json!(value))),
        };
        if !right {
            complaints.push(Complaint::new(place, format!("`{value}` is not what {schema} allows")));
        }
    }
    complaints
}

fn judge_headers(operation: &Operation, sent: Sent<'_>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !sent.headers.contains_key(header::AUTHORIZATION) && operation.template != "/rest/api/3/serverInfo" {
        complaints.push(Complaint::new("header/authorization", "is missing"));
    }
    for parameter in parameters(operation, "header") {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let value = sent.headers.get(name).and_then(|value| value.to_str().ok());
        let allowed = parameter.pointer("/schema/enum").and_then(Value::as_array);
        match value {
            None => complaints.push(Complaint::new(format!("header/{}", name.to_lowercase()), "is missing")),
            Some(value) if allowed.is_some_and(|allowed| !allowed.contains(&json!(value))) => {
                complaints.push(Complaint::new(format!("header/{}", name.to_lowercase()), "has a wrong value"));
            }
            Some(_) => {}
        }
    }
    let wanted = operation.about.pointer("/requestBody/content").and_then(Value::as_object);
    let given = sent.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if wanted.is_some_and(|wanted| !wanted.contains_key(given)) {
        complaints.push(Complaint::new("header/content-type", format!("`{given}` is not what this operation takes")));
    }
    complaints
}
