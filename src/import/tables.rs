//! The tables in which Jira keeps its mail handlers, as its XML backup (`entities.xml`) writes them, or the same as JSON: services,
//! their properties, mail servers, issue types.
//!
//! A service's properties are rows of `OSPropertyEntry` for the entity `ServiceConfig`, whose values stand in `OSPropertyString` or
//! `OSPropertyText` under the same id.

use std::collections::BTreeMap;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::Value;

use super::read::ImportError;
use super::{Handler, plain_name};

/// Tables that matter here, by their plain names.
const TABLES: [&str; 6] =
    ["serviceconfig", "ospropertyentry", "ospropertystring", "ospropertytext", "mailserver", "issuetype"];

/// A row: its columns under plain names.
type Row = BTreeMap<String, String>;

/// The rows of each table, by its plain name.
#[derive(Debug, Default)]
pub(super) struct Tables(BTreeMap<String, Vec<Row>>);

impl Tables {
    /// Rows are elements named after their table; a column is an attribute, or a child element where its text is long.
    pub(super) fn from_xml(text: &str) -> Result<Self, ImportError> {
        let mut reader = Reader::from_str(text);
        let (mut tables, mut open, mut column) = (Self::default(), None::<(String, Row)>, String::new());
        loop {
            let event = reader.read_event().map_err(|error| ImportError::Xml(error.to_string()))?;
            match event {
                Event::Empty(element) if open.is_none() => {
                    let (table, row) = row_of(&element)?;
                    tables.add(table, row);
                }
                Event::Start(element) if open.is_none() => {
                    open = Some(row_of(&element)?).filter(|(table, _)| TABLES.contains(&table.as_str()));
                }
                Event::Start(element) => column = plain_name(element.name().as_ref()),
                Event::Text(piece) => append(&mut open, &column, &piece.xml10_content()),
                Event::CData(piece) => append(&mut open, &column, &piece.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                    let named = resolve_predefined_entity(&reference.xml10_content()).map(str::to_owned);
                    append(&mut open, &column, &character.or(named).unwrap_or_default());
                }
                Event::End(element) => {
                    let name = plain_name(element.name().as_ref());
                    if open.as_ref().is_some_and(|(table, _)| *table == name)
                        && let Some((table, row)) = open.take()
                    {
                        tables.add(table, row);
                    }
                    column.clear();
                }
                Event::Eof => return Ok(tables),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    /// An object whose members are tables: lists of rows.
    pub(super) fn from_json(value: &Value) -> Self {
        let mut tables = Self::default();
        for (table, rows) in value.as_object().into_iter().flatten() {
            for row in rows.as_array().into_iter().flatten().filter_map(Value::as_object) {
                let columns = row.iter().map(|(name, value)| (plain_name(name), plain_text(value)));
                tables.add(plain_name(table), columns.collect());
            }
        }
        tables
    }

    fn add(&mut self, table: String, row: Row) {
        if TABLES.contains(&table.as_str()) {
            self.0.entry(table).or_default().push(row);
        }
    }

    fn rows(&self, table: &str) -> impl Iterator<Item = &Row> {
        self.0.get(table).into_iter().flatten()
    }

    /// The services that are mail handlers, with all that is known of each.
    pub(super) fn handlers(&self) -> Vec<Handler> {
        let issue_types: BTreeMap<String, String> =
            self.rows("issuetype").map(|row| (column(row, "id"), column(row, "name"))).collect();
        let services = self.rows("serviceconfig").map(|service| {
            let name = [column(service, "name"), column(service, "servicename")].concat();
            let mut handler = Handler { name, issue_types: issue_types.clone(), ..Handler::default() };
            self.properties(&column(service, "id")).for_each(|(name, value)| handler.set(&name, &value));
            if let Some(server) = handler.get("popserver").and_then(|id| self.mail_server(id)) {
                let server = server.clone();
                server.iter().filter(|(name, _)| *name != "id" && *name != "name").for_each(|(name, value)| {
                    handler.set(&format!("server{}", name.trim_start_matches("server")), value);
                });
            }
            handler
        });
        services.filter(|handler| handler.get("handler").is_some() || handler.get("project").is_some()).collect()
    }

    fn mail_server(&self, id: &str) -> Option<&Row> {
        self.rows("mailserver").find(|row| column(row, "id") == id)
    }

    fn properties(&self, service: &str) -> impl Iterator<Item = (String, String)> {
        let entries = self.rows("ospropertyentry").filter(move |row| {
            column(row, "entityname").eq_ignore_ascii_case("ServiceConfig") && column(row, "entityid") == service
        });
        entries.filter_map(|entry| {
            let id = column(entry, "id");
            let value = self.rows("ospropertystring").chain(self.rows("ospropertytext"));
            let value = value.into_iter().find(|row| column(row, "id") == id)?;
            Some((column(entry, "propertykey"), column(value, "value")))
        })
    }
}

fn row_of(element: &BytesStart<'_>) -> Result<(String, Row), ImportError> {
    let table = plain_name(element.name().as_ref());
    let mut row = Row::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| ImportError::Xml(error.to_string()))?;
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| ImportError::Xml(error.to_string()))?;
        row.insert(plain_name(attribute.key.as_ref()), value.into_owned());
    }
    Ok((table, row))
}

fn append(open: &mut Option<(String, Row)>, name: &str, piece: &str) {
    if let Some((_, row)) = open
        && !name.is_empty()
    {
        row.entry(name.to_owned()).or_default().push_str(piece);
    }
}

fn column(row: &Row, name: &str) -> String {
    row.get(name).cloned().unwrap_or_default()
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKUP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<entity-engine-xml>
  <IssueType id="10203" sequence="1" name="Service &amp; request"/>
  <MailServer id="10001" name="Desk" servername="imap.example.com" smtpPort="993" username="desk@example.com" password="s3cret" type="imap" protocol="imaps"/>
  <ServiceConfig id="10100" time="60000" clazz="com.atlassian.jira.service.services.mail.MailFetcherService" name="Desk mail"/>
  <ServiceConfig id="10000" time="60000" clazz="com.atlassian.jira.service.services.mail.MailQueueService" name="Mail Queue Service"/>
  <OSPropertyEntry id="1" entityName="ServiceConfig" entityId="10100" propertyKey="handler" type="5"/>
  <OSPropertyEntry id="2" entityName="ServiceConfig" entityId="10100" propertyKey="handler.params" type="6"/>
  <OSPropertyEntry id="3" entityName="ServiceConfig" entityId="10100" propertyKey="popserver" type="5"/>
  <OSPropertyEntry id="4" entityName="Other" entityId="10100" propertyKey="handler.params" type="5"/>
  <OSPropertyString id="1" value="com.atlassian.jira.plugins.mail.handlers.CreateOrCommentHandler"/>
  <OSPropertyString id="3" value="10001"/>
  <OSPropertyString id="4" value="project=NO"/>
  <OSPropertyText id="2">
    <value><![CDATA[project=SUP, issuetype=10203, stripquotes=true]]></value>
  </OSPropertyText>
</entity-engine-xml>"#;

    #[test]
    fn a_handler_is_put_together_from_the_rows_of_a_backup() {
        let handlers = Tables::from_xml(BACKUP).unwrap().handlers();
        assert_eq!(handlers.len(), 1, "{handlers:?}");
        let handler = &handlers[0];
        assert_eq!((handler.name.as_str(), handler.get("project")), ("Desk mail", Some("SUP")));
        assert_eq!((handler.get("servername"), handler.get("servertype")), (Some("imap.example.com"), Some("imap")));
        assert_eq!(handler.issue_types.get("10203").map(String::as_str), Some("Service & request"));
    }
}
