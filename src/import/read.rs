//! From a file to handlers, whatever form it has: Jira's XML backup, its tables as JSON, a list of handlers as JSON, or lines of
//! `key=value`.

use serde_json::Value;

use super::tables::Tables;
use super::{Handler, pairs};

/// Why there are no handlers in a file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    /// It begins as XML and is none.
    #[error("this is not sound XML: {0}")]
    Xml(String),
    /// It begins as an archive.
    #[error("this is a ZIP archive: take entities.xml out of it")]
    Archive,
    /// It begins as JSON and is none.
    #[error("this is not sound JSON: {0}")]
    Json(String),
    /// Nothing in it describes a handler.
    #[error("nothing in it describes a mail handler")]
    NoHandler,
}

/// Reads every mail handler that a file describes, in UTF-8 or UTF-16. Bytes that are neither may stand in texts that do not matter.
pub fn read(bytes: &[u8]) -> Result<Vec<Handler>, ImportError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(ImportError::Archive);
    }
    let unit = |of: fn([u8; 2]) -> u16| bytes.as_chunks().0.iter().skip(1).map(|pair| of(*pair)).collect::<Vec<_>>();
    match bytes {
        [0xff, 0xfe, ..] => from_text(&String::from_utf16_lossy(&unit(u16::from_le_bytes))),
        [0xfe, 0xff, ..] => from_text(&String::from_utf16_lossy(&unit(u16::from_be_bytes))),
        bytes => from_text(&String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))),
    }
}

fn from_text(text: &str) -> Result<Vec<Handler>, ImportError> {
    let handlers = match text.trim_start().chars().next() {
        Some('<') => Tables::from_xml(text)?.handlers(),
        Some('{' | '[') if !is_heading(text) => from_json(text)?,
        Some(_) | None => from_lines(text),
    };
    if handlers.is_empty() { Err(ImportError::NoHandler) } else { Ok(handlers) }
}

/// A description may begin with `[name]`, and JSON with `[{` or `["`.
fn is_heading(text: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    first.starts_with('[') && first.ends_with(']') && !first.contains(['{', '"'])
}

fn from_json(text: &str) -> Result<Vec<Handler>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::Json(error.to_string()))?;
    let tables = Tables::from_json(&value).handlers();
    if !tables.is_empty() {
        return Ok(tables);
    }
    let mut handlers = Vec::new();
    collect(&value, &mut handlers);
    Ok(handlers)
}

/// Every object that has parameters of a handler is one, however deep it stands.
fn collect(value: &Value, handlers: &mut Vec<Handler>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, handlers)),
        Value::Object(members) => {
            let mut handler = Handler::default();
            fill(value, "", &mut handler);
            if is_handler(&handler) && !members.values().any(holds_handlers) {
                handlers.push(handler);
            } else {
                members.values().for_each(|member| collect(member, handlers));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a list of handlers stands there.
fn holds_handlers(value: &Value) -> bool {
    let mut handlers = Vec::new();
    if value.is_array() {
        collect(value, &mut handlers);
    }
    !handlers.is_empty()
}

fn fill(value: &Value, name: &str, handler: &mut Handler) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| match (name.as_str(), member) {
            ("name", Value::String(text)) if handler.name.is_empty() => handler.name.clone_from(text),
            // what it is called, in the JSON of Jira's own pages: `{"key": "project", "name": …}`
            (_, member) => fill(member, name, handler),
        }),
        Value::String(text) => handler.set(name, text),
        Value::Bool(_) | Value::Number(_) => handler.set(name, &value.to_string()),
        Value::Array(_) => handler.set(name, "[…]"),
        Value::Null => {}
    }
}

fn is_handler(handler: &Handler) -> bool {
    ["project", "catchemail", "bulk", "stripquotes", "reporterusername"].iter().any(|name| handler.get(name).is_some())
}

/// `[name]` or an empty line begins another handler, and so does a second `project`. A line is `key=value`, several of them with
/// commas, `key: value`, or a row `service | key | value` of a query.
fn from_lines(text: &str) -> Vec<Handler> {
    let mut handlers = vec![Handler::default()];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let begin = |name: &str| Handler { name: name.to_owned(), ..Handler::default() };
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            handlers.push(begin(name.trim()));
        } else if line.is_empty() {
            handlers.push(begin(""));
        } else if let [service, key, value] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] {
            if handlers.last().is_none_or(|handler| handler.name != service) {
                handlers.push(begin(service));
            }
            set(&mut handlers, key, value);
        } else {
            let parameters: Vec<(&str, &str)> = parameters(line);
            let again = parameters.iter().any(|(name, _)| name.trim().eq_ignore_ascii_case("project"));
            if again && handlers.last().is_some_and(|handler| handler.get("project").is_some()) {
                handlers.push(begin(""));
            }
            parameters.into_iter().for_each(|(name, value)| set(&mut handlers, name, value));
        }
    }
    handlers.into_iter().filter(is_handler).collect()
}

fn set(handlers: &mut [Handler], name: &str, value: &str) {
    let Some(handler) = handlers.last_mut() else { return };
    match name.trim() {
        "name" => value.trim().clone_into(&mut handler.name),
        name => handler.set(name, value),
    }
}

/// `handler.params: project=SUP, issuetype=1` or `project=SUP, issuetype=1`.
fn parameters(line: &str) -> Vec<(&str, &str)> {
    let colon = line.split_once(':').filter(|(name, _)| !name.contains(['=', ',']));
    let equals = line.split_once('=').filter(|(name, _)| super::plain_name(name).ends_with("params"));
    match colon.or(equals) {
        Some(whole) => vec![whole],
        None => pairs(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, String)> {
        let handlers = read(text.as_bytes()).unwrap();
        handlers.iter().map(|one| (one.name.clone(), one.get("project").unwrap_or_default().to_owned())).collect()
    }

    fn pair(name: &str, project: &str) -> (String, String) {
        (name.to_owned(), project.to_owned())
    }

    #[test]
    fn handlers_are_found_in_lines_however_they_are_parted() {
        let line = "project=SUP, issuetype=1, bulk=forward, catchemail=help@example.com, stripquotes=true";
        let one = read(line.as_bytes()).unwrap().remove(0);
        assert_eq!((one.get("catchemail"), one.get("stripquotes")), (Some("help@example.com"), Some("true")));
        assert_eq!(names(&format!("{line}\nproject=OPS,issuetype=3\n")), [pair("", "SUP"), pair("", "OPS")]);
        let blocks = "# ours\n[Help desk]\nproject=SUP\nstripquotes = true\n\n[Bills]\nhandler.params: project=FIN, bulk=ignore\n";
        assert_eq!(names(blocks), [pair("Help desk", "SUP"), pair("Bills", "FIN")]);
        let rows = " Mail | handler.params | project=SUP, bulk=accept\n Mail | foldername | INBOX\n Other | handler.params | project=X\n";
        assert_eq!(names(rows), [pair("Mail", "SUP"), pair("Other", "X")]);
        assert_eq!(read(rows.as_bytes()).unwrap()[0].get("foldername"), Some("INBOX"));
    }

    #[test]
    fn handlers_are_found_in_json_however_deep() {
        let deep = r#"{"handlers": [{"name": "Desk", "params": "project=SUP, issuetype=1", "server": {"host": "imap.example.com"}},
                       {"name": "Bills", "project": "FIN", "stripQuotes": true}]}"#;
        assert_eq!(names(deep), [pair("Desk", "SUP"), pair("Bills", "FIN")]);
        let handlers = read(deep.as_bytes()).unwrap();
        assert_eq!((handlers[0].get("host"), handlers[1].get("stripquotes")), (Some("imap.example.com"), Some("true")));
    }

    #[test]
    fn an_export_is_read_in_every_encoding_that_it_may_have() {
        let text = "\u{feff}<a><ServiceConfig id=\"1\" name=\"Büro\"/><OSPropertyEntry id=\"2\" entityName=\"ServiceConfig\" \
                    entityId=\"1\" propertyKey=\"handler.params\"/><OSPropertyString id=\"2\" value=\"project=SUP\"/></a>";
        let wide = |of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
        for bytes in [text.as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            let handlers = read(&bytes).unwrap();
            assert_eq!((handlers.len(), handlers[0].name.as_str()), (1, "Büro"));
        }
        assert_eq!(read(b"PK\x03\x04\x14"), Err(ImportError::Archive));
    }

    #[test]
    fn what_describes_no_handler_is_said_to_be_none() {
        assert_eq!(read(b"hello\n"), Err(ImportError::NoHandler));
        assert_eq!(read(b"[1, 2]"), Err(ImportError::NoHandler));
        assert!(matches!(read(b"{\"project\": "), Err(ImportError::Json(_))));
        assert!(matches!(read(b"<entity-engine-xml><a></entity-engine-xml>"), Err(ImportError::Xml(_))));
    }
}
