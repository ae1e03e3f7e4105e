//! Requests to Jira, judged by Atlassian's own documents: the OpenAPI document of Jira Cloud (`JIRA_OPENAPI`) and the
//! schema of the Atlassian Document Format (`ADF_SCHEMA`). Without them nothing is judged, which CI does not accept.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sandbox::jira::documents::{Complaint, Documents, Found, Sent};
use sandbox::jira::log::LogBodies;
use sandbox::jira::{JiraCloud, Options};
use serde_json::{Value, json};

/// The documents, or `None` where there are none and need be none.
pub fn documents() -> anyhow::Result<Option<Documents>> {
    Ok(match Documents::from_environment()? {
        Found::Documents(documents) => Some(*documents),
        Found::Skipped(why) => {
            eprintln!("SKIPPED: {why}");
            None
        }
    })
}

/// A request that is right but for what a case changes.
struct Draft {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

impl Draft {
    fn json(method: &'static str, path: &'static str, body: &Value) -> Self {
        let headers = vec![("authorization", "Basic [hidden]"), ("content-type", "application/json")];
        Self { method, path, headers, body: body.to_string().into_bytes() }
    }

    fn get(path: &'static str) -> Self {
        Self { method: "GET", path, headers: vec![("authorization", "Basic [hidden]")], body: Vec::new() }
    }

    fn upload(part: &str, token: Option<&'static str>) -> Self {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"a.txt\"\r\n\r\nabc\r\n--b--\r\n"
        );
        let mut headers =
            vec![("authorization", "Basic [hidden]"), ("content-type", "multipart/form-data; boundary=b")];
        headers.extend(token.map(|token| ("x-atlassian-token", token)));
        Self { method: "POST", path: "/rest/api/3/issue/10048/attachments", headers, body: body.into_bytes() }
    }

    fn judged(&self, documents: &Documents) -> Vec<Complaint> {
        let fields =
            self.headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = fields.collect();
        documents.judge(Sent { method: self.method, path: self.path, headers: &headers, body: &self.body })
    }
}

fn adf(content: &Value) -> Value {
    json!({"type": "doc", "version": 1, "content": content})
}

fn words() -> Value {
    adf(
        &json!([{"type": "paragraph", "content": [{"type": "text", "text": "Hello"}, {"type": "hardBreak"}]}, {"type": "paragraph"}]),
    )
}

fn create(change: impl Fn(&mut Value)) -> Draft {
    let mut body = json!({
        "fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "Printer", "description": words(),
            "labels": ["from-mail"]},
        "properties": [{"key": "mail2jira.origin", "value": {"op": "1"}}],
    });
    change(&mut body);
    Draft::json("POST", "/rest/api/3/issue", &body)
}

fn comment(body: &Value) -> Draft {
    Draft::json("POST", "/rest/api/3/issue/10048/comment", body)
}

#[test]
fn right_requests_pass() {
    let Some(documents) = documents().unwrap() else { return };
    let properties = json!([{"key": "mail2jira.origin", "value": "m"}]);
    let search =
        json!({"jql": "project = SUP", "fields": ["created"], "properties": ["mail2jira.origin"], "maxResults": 50});
    for draft in [
        create(|_| {}),
        create(|body| body["fields"]["customfield_10010"] = json!(3)),
        comment(
            &json!({"body": words(), "properties": properties, "visibility": {"type": "role", "value": "Developers"}}),
        ),
        Draft::json("POST", "/rest/api/3/search/jql", &search),
        Draft::json("POST", "/rest/api/3/issue/10048/transitions", &json!({"transition": {"id": "31"}})),
        Draft::json("PUT", "/rest/api/3/issue/10048/properties/mail2jira.origin", &json!("m")),
        Draft::json("POST", "/rest/api/3/comment/list?expand=properties", &json!({"ids": [10_048]})),
        Draft::json("POST", "/rest/api/3/issue/bulkfetch", &json!({"issueIdsOrKeys": ["SUP-1"], "properties": ["a"]})),
        Draft::upload("file", Some("no-check")),
        Draft::get("/rest/api/3/issue/SUP-1?fields=attachment&properties=mail2jira.origin"),
        Draft::get("/rest/api/3/issue/10048/comment?orderBy=-created&maxResults=100&expand=properties"),
        Draft::get("/rest/api/3/mypermissions?projectKey=SUP&permissions=CREATE_ISSUES,ADD_COMMENTS"),
    ] {
        assert_eq!(draft.judged(&documents), [], "{} {}", draft.method, draft.path);
    }
}

fn set(pointer: &'static str, value: Value) -> Draft {
    create(move |body| {
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value.clone();
        }
    })
}

fn described(content: &Value) -> Draft {
    set("/fields/description", adf(content))
}

fn paragraph(content: &Value) -> Value {
    json!({"type": "paragraph", "content": content})
}

fn assert_caught(cases: Vec<(Draft, &str)>, documents: &Documents) {
    for (draft, place) in cases {
        let complaints = draft.judged(documents);
        let places: Vec<&str> = complaints.iter().map(|complaint| complaint.place.as_str()).collect();
        assert!(places.contains(&place), "{place} is not among {complaints:#?}");
    }
}

#[test]
fn a_wrong_field_is_caught_and_its_place_is_named() {
    let Some(documents) = documents().unwrap() else { return };
    let cases = vec![
        (set("/fields/description", json!("plain")), "body/fields/description"),
        (set("/fields/summary", json!("x".repeat(300))), "body/fields/summary"),
        (set("/fields/summary", json!("a\nb")), "body/fields/summary"),
        (set("/fields/labels", json!(["a b"])), "body/fields/labels/0"),
        (set("/fields", json!({"summary": "no project"})), "body/fields"),
        (create(|body| body["fields"]["sumary"] = json!("x")), "body/fields"),
        (create(|body| body["feilds"] = json!({})), "body"),
        (set("/properties/0", json!({"key": "no value"})), "body/properties/0"),
        (set("/properties/0/value", json!("x".repeat(40_000))), "body/properties/0/value"),
    ];
    assert_caught(cases, &documents);
}

#[test]
fn a_wrong_node_is_caught_where_it_stands_in_the_document() {
    let Some(documents) = documents().unwrap() else { return };
    let fine = paragraph(&json!([{"type": "text", "text": "ok"}]));
    let heading = json!({"type": "heading", "attrs": {"level": 1}});
    let list = json!([{"type": "bulletList", "content": [{"type": "listItem", "content": [fine, heading]}]}]);
    let nested = json!([paragraph(&json!([paragraph(&json!([]))]))]);
    let hollow = json!([paragraph(&json!([{"type": "text", "text": ""}]))]);
    let bare = json!([{"type": "text", "text": "bare"}]);
    let cases = vec![
        (described(&nested), "body/fields/description/content/0/content/0"),
        (described(&hollow), "body/fields/description/content/0/content/0/text"),
        (described(&bare), "body/fields/description/content/0"),
        (described(&list), "body/fields/description/content/0/content/0/content/1"),
        (comment(&json!({"body": adf(&hollow)})), "body/body/content/0/content/0/text"),
    ];
    assert_caught(cases, &documents);
}

#[test]
fn a_wrong_comment_upload_search_or_address_is_caught() {
    let Some(documents) = documents().unwrap() else { return };
    let anonymous = Draft { headers: Vec::new(), ..Draft::get("/rest/api/3/myself") };
    let old_paging = json!({"jql": "project = SUP", "startAt": 0});
    let cases = vec![
        (comment(&json!({"body": "plain"})), "body/body"),
        (comment(&json!({"body": words(), "jsdPublic": false})), "body"),
        (comment(&json!({"body": words(), "visibility": {"type": "role"}})), "body/visibility"),
        (Draft::upload("file", None), "header/x-atlassian-token"),
        (Draft::upload("file", Some("nocheck")), "header/x-atlassian-token"),
        (Draft::upload("attachment", Some("no-check")), "body/part/0"),
        (Draft::json("POST", "/rest/api/3/search/jql", &old_paging), "body"),
        (Draft::get("/rest/api/3/issue/SUP-1?feilds=attachment"), "query/feilds"),
        (Draft::get("/rest/api/3/issue/SUP-1/comment?orderBy=newest"), "query/orderBy"),
        (Draft::get("/rest/api/3/search?jql=project=SUP"), "path"),
        (anonymous, "header/authorization"),
    ];
    assert_caught(cases, &documents);
}

/// One request to everything that answers with JSON; the fourth is wrong.
fn tour() -> Vec<Draft> {
    let search = json!({"jql": "project = SUP", "fields": ["*all"], "properties": ["a"]});
    let upload = Draft::upload("file", Some("no-check"));
    let mut drafts = vec![
        create(|_| {}),
        Draft::json("POST", "/rest/api/3/issue/SUP-1/comment", &json!({"body": words()})),
        Draft { path: "/rest/api/3/issue/SUP-1/attachments", ..upload },
        Draft::json("POST", "/rest/api/3/issue", &json!({"fields": {"summary": "x"}})),
        Draft::json("POST", "/rest/api/3/search/jql", &search),
        Draft::json("POST", "/rest/api/3/issue/bulkfetch", &json!({"issueIdsOrKeys": ["SUP-1"]})),
    ];
    let paths = [
        "/rest/api/3/issue/SUP-1",
        "/rest/api/3/issue/SUP-1/comment?expand=properties",
        "/rest/api/3/issue/SUP-1/properties",
        "/rest/api/3/issue/SUP-1/properties/mail2jira.origin",
        "/rest/api/3/issue/SUP-1/transitions",
        "/rest/api/3/issue/SUP-1/watchers",
        "/rest/api/3/issue/createmeta/SUP/issuetypes",
        "/rest/api/3/issue/createmeta/SUP/issuetypes/10001",
        "/rest/api/3/attachment/meta",
        "/rest/api/3/serverInfo",
        "/rest/api/3/myself",
        "/rest/api/3/mypermissions?permissions=CREATE_ISSUES",
        "/rest/api/3/project/search",
        "/rest/api/3/field",
        "/rest/api/3/issueLinkType",
        "/rest/api/3/user/search?query=ann",
    ];
    drafts.extend(paths.map(Draft::get));
    drafts
}

#[tokio::test]
async fn what_the_stand_in_logs_and_answers_is_as_the_documents_say() {
    let Some(documents) = documents().unwrap() else { return };
    let jira = JiraCloud::start(Options::default()).await.unwrap();
    jira.configure(|settings| settings.log_bodies = LogBodies::UpTo(1 << 20));
    let client = mail2jira::http::client(None, std::time::Duration::from_secs(20)).unwrap();
    for draft in tour() {
        let mut request = client.request(draft.method.parse().unwrap(), format!("{}{}", jira.url(), draft.path));
        for (name, value) in draft.headers.iter().filter(|(name, _)| *name != "authorization") {
            request = request.header(*name, *value);
        }
        let request = request.basic_auth("bot@example.com", Some("sandbox-token")).body(draft.body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        let complaints = documents.judge_answer(draft.method, draft.path, status, &body);
        assert_eq!(complaints, [], "{} {} {status}", draft.method, draft.path);
    }
    let judged: Vec<_> = jira.requests().iter().map(|entry| documents.judge_entry(entry)).collect();
    let wrong = judged.iter().enumerate().filter(|(_, found)| !found.is_empty());
    let wrong: Vec<usize> = wrong.map(|(index, _)| index).collect();
    assert_eq!(wrong, [3], "{judged:#?}"); // the create without a project
}
