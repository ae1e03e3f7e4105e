//! What mail2jira relies on when it is tried against the stand-in instead of Jira.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers of tests fail as tests do")]

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use sandbox::jira::site::Account;
use sandbox::jira::{JiraCloud, Options};
use serde_json::{Value, json};

mod faults;
mod refusals;
mod search;

const MARKER: &str = "mail2jira.origin";
const WAIT: Duration = Duration::from_secs(60);

struct Visitor {
    jira: JiraCloud,
    client: Client,
}

#[expect(clippy::disallowed_methods, reason = "a plain client of the stand-in, not the program's")]
fn client() -> Client {
    Client::builder().timeout(WAIT).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Visitor {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        Self { jira: JiraCloud::start(options).await.unwrap(), client: client() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}/rest/api/3{path}", self.jira.url()))
            .basic_auth("bot@example.com", Some("sandbox-token"))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client
            .post(format!("{}/rest/api/3{path}", self.jira.url()))
            .basic_auth("bot@example.com", Some("sandbox-token"))
    }

    fn put(&self, path: &str) -> RequestBuilder {
        self.client
            .put(format!("{}/rest/api/3{path}", self.jira.url()))
            .basic_auth("bot@example.com", Some("sandbox-token"))
    }

    fn create(&self, marker: &str) -> RequestBuilder {
        self.post("/issue").json(&json!({
            "fields": {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "Printer", "description": adf("on fire")},
            "properties": [{"key": MARKER, "value": marker}],
        }))
    }

    fn comment(&self, issue: &str, marker: &str) -> RequestBuilder {
        let body = json!({"body": adf(marker), "properties": [{"key": MARKER, "value": marker}]});
        self.post(&format!("/issue/{issue}/comment")).json(&body)
    }

    async fn created(&self, marker: &str) -> (String, String) {
        let answer = read(self.create(marker).send().await.unwrap(), 201).await;
        (answer["id"].as_str().unwrap().to_owned(), answer["key"].as_str().unwrap().to_owned())
    }

    async fn search(&self, jql: &str) -> Vec<String> {
        let body = json!({"jql": jql, "fields": ["summary"], "properties": [MARKER]});
        let answer = read(self.post("/search/jql").json(&body).send().await.unwrap(), 200).await;
        answer["issues"].as_array().unwrap().iter().map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
    }

    async fn upload(&self, issue: &str, name: &str, content: &[u8]) -> Response {
        let mut body =
            format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n").into_bytes();
        body.extend_from_slice(b"Content-Type: image/png\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n--b--\r\n");
        let request =
            self.post(&format!("/issue/{issue}/attachments")).header("content-type", "multipart/form-data; boundary=b");
        request.header("x-atlassian-token", "no-check").body(body).send().await.unwrap()
    }
}

fn adf(text: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]})
}

async fn read(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Looks until `holds`, for a bounded time.
async fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT, "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn files_keep_their_bytes_and_are_read_from_the_media_service() {
    let visitor = Visitor::new().await;
    let (id, _) = visitor.created("m").await;
    let content: Vec<u8> = (0..=255).collect();
    let added = read(visitor.upload(&id, "bytes \u{65e5}.png", &content).await, 200).await;
    assert_eq!((&added[0]["filename"], &added[0]["size"]), (&json!("bytes \u{65e5}.png"), &json!(256)));
    let path = format!("/issue/{id}?fields=attachment");
    let listed = read(visitor.get(&path).send().await.unwrap(), 200).await;
    assert_eq!(listed["fields"]["attachment"], added);
    let attachment = visitor.jira.issue(&id).unwrap().attachments.remove(0);
    assert_eq!(attachment.content, content);
    let path = format!("/attachment/content/{}", attachment.id);
    let redirect = visitor.get(&path).send().await.unwrap();
    assert_eq!(redirect.status().as_u16(), 303);
    let location = redirect.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.contains(&format!("/file/{}/binary?token=", attachment.media_id)), "{location}");
    assert_eq!(visitor.client.get(location).send().await.unwrap().bytes().await.unwrap(), content);
    let direct = visitor.get(&format!("{path}?redirect=false")).send().await.unwrap();
    assert_eq!(direct.bytes().await.unwrap(), content);
}

#[tokio::test]
async fn everything_can_be_set_and_seen_over_http() {
    let visitor = Visitor::new().await;
    let control = |body: Value| visitor.client.post(format!("{}/_control", visitor.jira.url())).json(&body).send();
    let wrong = control(json!({"laetncy_ms": 1})).await.unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
    assert!(wrong.text().await.unwrap().contains("laetncy_ms"));
    let faults = json!({"search_lag_ms": 5, "log_bodies": {"up_to": 1_000}, "add_faults": [
        {"method": "POST", "path": "/rest/api/3/issue", "times": 1, "effect": {"status": {"status": 503, "when": "after_write"}}}]});
    read(control(faults).await.unwrap(), 200).await;
    read(visitor.create("twice").send().await.unwrap(), 503).await;
    let (id, key) = visitor.created("twice").await;
    read(visitor.comment(&key, "c").send().await.unwrap(), 201).await;
    read(visitor.upload(&id, "a.png", b"abc").await, 200).await;
    let state = visitor.client.get(format!("{}/_state", visitor.jira.url())).send().await.unwrap();
    let state = read(state, 200).await;
    assert_eq!(state["counts"], json!({"issues": 2, "comments": 1, "attachments": 1}));
    assert_eq!(state["markers"], json!({"twice": {"issues": 2}, "c": {"comments": 1}}));
    assert_eq!(state["issues"][1]["text"], "on fire");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(state["issues"][1]["attachments"][0]["sha256"], hash);
    assert_eq!(state["requests"]["by_status"], json!({"200": 1, "201": 2, "503": 1}));
    let log = read(visitor.client.get(format!("{}/_log", visitor.jira.url())).send().await.unwrap(), 200).await;
    assert_eq!((&log[0]["status"], &log[0]["handled"], &log[0]["fault"]), (&json!(503), &json!(201), &json!("status")));
    assert_eq!(log[0]["headers"]["authorization"], "Basic [hidden]");
    assert!(log[0]["body"].as_str().unwrap().contains("on fire"));
}

#[tokio::test]
async fn issues_move_through_the_workflow() {
    let visitor = Visitor::new().await;
    let (id, _) = visitor.created("a").await;
    let names = |answer: Value| {
        answer["transitions"].as_array().unwrap().iter().map(|to| to["name"].clone()).collect::<Vec<_>>()
    };
    let path = format!("/issue/{id}/transitions");
    assert_eq!(names(read(visitor.get(&path).send().await.unwrap(), 200).await), ["In Progress", "Done"]);
    read(visitor.post(&path).json(&json!({"transition": {"id": "31"}})).send().await.unwrap(), 204).await;
    assert_eq!(visitor.jira.issue(&id).unwrap().status.category(), "done");
    let wrong = read(visitor.post(&path).json(&json!({"transition": {"id": "31"}})).send().await.unwrap(), 400).await;
    assert_eq!(wrong["errorMessages"][0], "Transition id '31' is not valid for this issue.");
}

#[tokio::test]
async fn issues_are_watched_and_the_same_link_is_made_once() {
    let visitor = Visitor::new().await;
    let (id, _) = visitor.created("a").await;
    visitor.created("b").await;
    let ann = Account::person("Ann Example", "ann@example.com").id;
    read(visitor.post(&format!("/issue/{id}/watchers")).json(&json!(ann)).send().await.unwrap(), 204).await;
    let watchers = read(visitor.get(&format!("/issue/{id}/watchers")).send().await.unwrap(), 200).await;
    assert_eq!(watchers["watchCount"], 2);
    let link = json!({"type": {"name": "Relates"}, "inwardIssue": {"key": "SUP-1"}, "outwardIssue": {"key": "SUP-2"}});
    for _ in 0..2 {
        read(visitor.post("/issueLink").json(&link).send().await.unwrap(), 201).await;
    }
    assert_eq!(visitor.jira.issue("SUP-2").unwrap().links.len(), 1);
    let remote = json!({"globalId": "mail:1", "object": {"url": "https://example.com/1", "title": "Thread"}});
    let path = format!("/issue/{id}/remotelink");
    let first = read(visitor.post(&path).json(&remote).send().await.unwrap(), 201).await;
    let second = read(visitor.post(&path).json(&remote).send().await.unwrap(), 200).await;
    assert_eq!(first["id"], second["id"]);
}

#[tokio::test]
async fn the_page_shows_what_arrived_and_lets_nothing_in_it_run() {
    let visitor = Visitor::new().await;
    let (id, key) = visitor.created("m").await;
    visitor.jira.plant_issue("SUP", "<script>alert(1)</script>").unwrap();
    read(visitor.comment(&key, "</div><script>alert(2)</script>").send().await.unwrap(), 201).await;
    read(visitor.upload(&id, "<img onerror=alert(3)>.png", b"abc").await, 200).await;
    for path in ["/", "/browse/SUP-1"] {
        let page =
            visitor.client.get(format!("{}{path}", visitor.jira.url())).send().await.unwrap().text().await.unwrap();
        for (text, there) in
            [("on fire", true), ("<script>alert", false), ("&lt;script&gt;alert(2)", true), ("<img onerror", false)]
        {
            assert_eq!(page.contains(text), there, "{path} {text}");
        }
    }
    let missing = visitor.client.get(format!("{}/browse/SUP-9", visitor.jira.url())).send().await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);
    let attachment = visitor.jira.issue(&id).unwrap().attachments.remove(0);
    let file =
        visitor.client.get(format!("{}/_file/{}/a.html", visitor.jira.url(), attachment.id)).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "application/octet-stream");
    assert_eq!(file.headers()["content-disposition"], "attachment");
}
