//! Service Management: requests by their forms, the customers that they are raised for, and files that customers see.
//!
//! Everything here is an interface of its own beside the platform's, of which some parts are experimental: they are
//! answered only with a header that says we know (`X-ExperimentalApi`), which is sent with all of them.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::call::{Call, Operation, path_name};
use super::markers::Marked;
use super::reads::found;
use super::send::{Content, Request};
use super::{Client, Id};
use crate::failure::{Scope, Verdict};
use crate::jira::json::Json;
use crate::jira::plan::request::{self, marker_line};
use crate::jira::plan::{COMPLETED_PROPERTY, Fields, MARKER_PROPERTY, Marker};
use crate::jira::{FieldSchema, FormField, IssueRef, JiraError, Nature, Need, RequestForm, Written};

mod customers;
mod files;
mod participants;

/// Request types asked for at once.
const PAGE: usize = 100;
/// Pages of them; no service desk has so many.
const PAGES: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestTypes {
    values: Vec<RequestType>,
    #[serde(default = "super::reads::yes")]
    is_last_page: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestType {
    id: Id,
    name: String,
    service_desk_id: Id,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormFields {
    request_type_fields: Vec<RequestField>,
    #[serde(default)]
    can_raise_on_behalf_of: bool,
    #[serde(default)]
    can_add_request_participants: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestField {
    field_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    default_values: Vec<IgnoredAny>,
    #[serde(default)]
    preset_values: Vec<IgnoredAny>,
    #[serde(default)]
    jira_schema: FieldSchema,
}

impl RequestField {
    fn into_form(self) -> (String, FormField) {
        let is_filled = !self.default_values.is_empty() || !self.preset_values.is_empty();
        let need = if self.required && !is_filled { Need::Required } else { Need::Optional };
        (self.field_id, FormField { name: self.name, schema: self.jira_schema, need })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raised {
    issue_id: Id,
    #[serde(default)]
    issue_key: String,
}

impl Client {
    /// The form of a request type, by its name or id.
    pub(super) async fn read_request_form(&self, project: &str, wanted: &str) -> Result<RequestForm, JiraError> {
        let asked = format!("{project} {wanted}");
        if let Some(form) = self.request_forms.get(&asked) {
            return Ok(form);
        }
        let Some(RequestType { id, service_desk_id, .. }) = self.request_type(project, wanted).await? else {
            let message = format!("there is no request type `{wanted}` in {project}, or it may not be seen");
            return Err(JiraError::new(Verdict::Halt(Scope::Project), None, message));
        };
        let (desk, request_type) = (String::from(service_desk_id), String::from(id));
        let path = ["servicedesk", &desk, "requesttype", &request_type, "field"];
        let call = Call::project(Operation::ReadRequestForm, project);
        let fields: FormFields = self.get(call, &path, &[]).await?;
        let form = RequestForm {
            fields: fields.request_type_fields.into_iter().map(RequestField::into_form).collect(),
            raises_for_customers: fields.can_raise_on_behalf_of,
            takes_participants: fields.can_add_request_participants,
            desk,
            request_type,
        };
        self.request_forms.put(&asked, form.clone());
        Ok(form)
    }

    async fn request_type(&self, project: &str, wanted: &str) -> Result<Option<RequestType>, JiraError> {
        let mut start = 0;
        for _ in 0..PAGES {
            let (from, limit) = (start.to_string(), PAGE.to_string());
            let query = [("start", from.as_str()), ("limit", limit.as_str())];
            let call = Call::project(Operation::ListRequestTypes, project);
            let page: RequestTypes = self.get(call, &["servicedesk", project, "requesttype"], &query).await?;
            start += page.values.len();
            let ends = page.is_last_page || page.values.is_empty();
            let is_it = |one: &RequestType| one.id.0 == wanted || one.name.eq_ignore_ascii_case(wanted);
            if let Some(found) = page.values.into_iter().find(is_it) {
                return Ok(Some(found));
            }
            if ends {
                break;
            }
        }
        Ok(None)
    }

    /// Whether an issue is a request. To who may not see requests it is none.
    pub(super) async fn read_nature(&self, issue: &IssueRef) -> Result<Nature, JiraError> {
        let call = Call::issue(Operation::ReadRequest, issue);
        let read = self.get::<IgnoredAny>(call, &["request", path_name(issue)], &[]).await;
        Ok(match JiraError::or_without(found(self.checked(issue, read).await))? {
            Some(Some(_)) => Nature::Request,
            Some(None) => Nature::Issue,
            None => Nature::Untold,
        })
    }

    /// Raises a request. Whom it is for is found, or made, first: that is done once however often it is asked for.
    pub(super) async fn raise_request(
        &self,
        project: &str,
        request: &request::Request,
        marker: &Marker,
    ) -> Result<Written, JiraError> {
        let mut body = json!({ "serviceDeskId": request.desk, "requestTypeId": request.request_type,
            "requestFieldValues": marked(&request.values, marker) });
        if let (Some(customer), Some(body)) = (&request.customer, body.as_object_mut()) {
            body.insert("raiseOnBehalfOf".to_owned(), self.customer(&request.desk, customer).await?.into());
        }
        let participants = self.participants(&request.participants).await?;
        if let (false, Some(body)) = (participants.is_empty(), body.as_object_mut()) {
            body.insert("requestParticipants".to_owned(), participants.into());
        }
        let post = Request {
            call: Call::project(Operation::RaiseRequest, project),
            method: Method::POST,
            path: &["request"],
            query: &[],
            content: Content::Json(body),
            timeout: self.timeouts.write,
        };
        let raised: Result<Raised, _> = self.send(&post).await;
        if raised.as_ref().is_err_and(|error| error.status == Some(StatusCode::BAD_REQUEST.as_u16())) {
            self.request_forms.forget(); // an administrator may have changed the form
        }
        let raised = raised?;
        let issue = IssueRef { id: raised.issue_id.into(), key: raised.issue_key };
        // A first help for whoever looks for it; the step behind this one sees to it for certain.
        if let Err(error) = self.set_marker(Marked::Issue(&issue), marker).await {
            tracing::debug!(issue = %issue, error = %error, "cannot mark a request yet");
        }
        Ok(Written::Issue(issue))
    }

    /// Sets fields of an issue, with the markers that tell what it is and that this was done.
    pub(super) async fn complete_issue(
        &self,
        issue: &IssueRef,
        (fields, origin): (&Fields, &Marker),
        marker: &Marker,
    ) -> Result<Written, JiraError> {
        let property = |key: &str, marker: &Marker| json!({ "key": key, "value": { "op": marker } });
        let properties = [property(MARKER_PROPERTY, origin), property(COMPLETED_PROPERTY, marker)];
        let put = Request {
            call: Call::issue(Operation::CompleteIssue, issue),
            method: Method::PUT,
            path: &["issue", path_name(issue)],
            query: &[],
            content: Content::Text(Json::of(&json!({ "fields": fields, "properties": properties }))),
            timeout: self.timeouts.write,
        };
        let sent = self.send_for_nothing(&put).await;
        self.checked(issue, sent).await?;
        Ok(Written::Change)
    }
}

/// The text with its marker as the last line; a form without a text has none.
fn marked(values: &Fields, marker: &Marker) -> Value {
    let with_line = |(field, value): (&String, &Json)| match (field.as_str(), value.to_value()) {
        ("description", Value::String(text)) => {
            (field.clone(), Value::String(format!("{text}\n\n{}", marker_line(marker))))
        }
        (_, value) => (field.clone(), value),
    };
    Value::Object(values.iter().map(with_line).collect())
}

/// A call that changes nothing which another one like it would double: not knowing what came of it is no trouble.
fn repeatable<T>(answer: Result<T, JiraError>) -> Result<T, JiraError> {
    answer.map_err(|error| match error.verdict {
        Verdict::Unknown => JiraError { verdict: Verdict::Retry(None), ..error },
        Verdict::Retry(_) | Verdict::Quarantine | Verdict::Halt(_) => error,
    })
}

/// A refusal that is about one part of a request, by its name: the request goes through without that part.
fn without(part: &str, refusal: JiraError) -> JiraError {
    let status = Some(StatusCode::BAD_REQUEST.as_u16());
    let fields = vec![(part.to_owned(), refusal.message.clone())];
    JiraError { verdict: Verdict::Quarantine, status, fields, ..refusal }
}
