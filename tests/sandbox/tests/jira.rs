//! What mail2jira relies on when it is tried against the stand-in instead of Jira.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers of tests fail as tests do")]

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use sandbox::jira::faults::{Chaos, Effect, Fault, Looks, When};
use sandbox::jira::site::{Account, Choice, CommentProperties, Counted, Field, FieldKind, Need, Project, Settings};
use sandbox::jira::{Availability, JiraCloud, Options};
use serde_json::{Value, json};

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
async fn what_is_created_comes_back_with_its_properties_at_once() {
    let visitor = Visitor::new().await;
    let (id, key) = visitor.created("m-1").await;
    assert_eq!(key, "SUP-1");
    assert_ne!(id, "1");
    for name in [&id, &key, &"sup-1".to_owned()] {
        let issue = read(
            visitor
                .get(&format!("/issue/{name}?fields=summary,description,attachment&properties={MARKER}"))
                .send()
                .await
                .unwrap(),
            200,
        )
        .await;
        assert_eq!(issue["properties"][MARKER], "m-1");
        assert_eq!(issue["fields"], json!({"summary": "Printer", "description": adf("on fire"), "attachment": []}));
    }
    let property = read(visitor.get(&format!("/issue/{id}/properties/{MARKER}")).send().await.unwrap(), 200).await;
    assert_eq!(property, json!({"key": MARKER, "value": "m-1"}));
    read(visitor.put(&format!("/issue/{id}/properties/other")).json(&json!({"a": 1})).send().await.unwrap(), 201).await;
    let keys = read(visitor.get(&format!("/issue/{id}/properties")).send().await.unwrap(), 200).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    let ask = json!({"issueIdsOrKeys": ["SUP-1", "SUP-2"], "fields": ["summary"], "properties": [MARKER]});
    let fetched = read(visitor.post("/issue/bulkfetch").json(&ask).send().await.unwrap(), 200).await;
    assert_eq!(fetched["issues"].as_array().unwrap().len(), 1);
    assert_eq!(fetched["issues"][0]["properties"][MARKER], "m-1");
    let created = read(visitor.get("/issue/SUP-1?fields=created").send().await.unwrap(), 200).await;
    let created = created["fields"]["created"].as_str().unwrap().to_owned();
    assert!(created.ends_with("+0000") && created.len() == "2026-09-27T10:03:11.123+0000".len(), "{created}");
}

#[tokio::test]
async fn comments_are_listed_at_once_with_their_properties() {
    let visitor = Visitor::new().await;
    let (id, _) = visitor.created("m").await;
    let mut ids = Vec::new();
    for marker in ["c-1", "c-2", "c-3"] {
        let comment = read(visitor.comment(&id, marker).send().await.unwrap(), 201).await;
        ids.push(comment["id"].as_str().unwrap().parse::<u64>().unwrap());
    }
    let path = format!("/issue/{id}/comment?orderBy=-created&startAt=1&maxResults=1&expand=properties");
    let page = read(visitor.get(&path).send().await.unwrap(), 200).await;
    assert_eq!((&page["total"], &page["startAt"]), (&json!(3), &json!(1)));
    assert_eq!(page["comments"][0]["properties"], json!([{"key": MARKER, "value": "c-2"}]));
    let listed =
        read(visitor.post("/comment/list?expand=properties").json(&json!({"ids": ids})).send().await.unwrap(), 200)
            .await;
    assert_eq!(listed["values"][2]["properties"][0]["value"], "c-3");
    let property =
        read(visitor.get(&format!("/comment/{}/properties/{MARKER}", ids[0])).send().await.unwrap(), 200).await;
    assert_eq!(property["value"], "c-1");
    visitor.jira.configure(|settings| settings.comment_properties = CommentProperties::NotListed);
    let page = read(visitor.get(&path).send().await.unwrap(), 200).await;
    assert_eq!(page["comments"][0].get("properties"), None);
    let internal = json!({"body": adf("psst"), "properties": [{"key": "sd.public.comment", "value": {"internal": true}}],
        "visibility": {"type": "role", "value": "Administrators"}});
    let comment = read(visitor.post(&format!("/issue/{id}/comment")).json(&internal).send().await.unwrap(), 201).await;
    assert_eq!((&comment["jsdPublic"], &comment["visibility"]["value"]), (&json!(false), &json!("Administrators")));
}

#[tokio::test]
async fn search_finds_an_issue_only_when_it_is_older_than_the_lag() {
    let visitor = Visitor::new().await;
    visitor.jira.configure(|settings| settings.search_lag = Duration::from_secs(3_600));
    let (id, key) = visitor.created("m").await;
    let jql = "project = SUP AND creator = currentUser() AND created >= -1d ORDER BY created DESC";
    assert_eq!(visitor.search(jql).await, Vec::<String>::new());
    let reconciled = json!({"jql": jql, "reconcileIssues": [id.parse::<u64>().unwrap()]});
    let answer = read(visitor.post("/search/jql").json(&reconciled).send().await.unwrap(), 200).await;
    assert_eq!(answer["issues"], json!([{"expand": "renderedFields,names,schema,operations", "id": id}]));
    read(visitor.get(&format!("/issue/{key}")).send().await.unwrap(), 200).await;
    visitor.jira.configure(|settings| settings.search_lag = Duration::ZERO);
    assert_eq!(visitor.search(jql).await, [key]);
}

#[tokio::test]
async fn search_reads_dates_in_the_callers_zone_and_to_the_minute() {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-9));
    let bot = Account { time_zone: zone.clone(), ..Account::bot() };
    let visitor =
        Visitor::with(Options { accounts: vec![bot, Account::person("Ann", "ann@example.com")], ..Options::default() })
            .await;
    visitor.created("m").await;
    visitor.jira.plant_issue("SUP", "somebody else's").unwrap();
    let created = visitor.jira.issue("SUP-1").unwrap().created.to_zoned(zone);
    let minute = |minutes: i64| {
        created.checked_add(jiff::Span::new().minutes(minutes)).unwrap().strftime("%Y-%m-%d %H:%M").to_string()
    };
    let mine = |date: &str| format!("project in (SUP, \"OPS\") and creator=currentUser() AND created >= \"{date}\"");
    assert_eq!(visitor.search(&mine(&minute(0))).await, ["SUP-1"]);
    assert_eq!(visitor.search(&mine(&minute(1))).await, Vec::<String>::new());
    assert_eq!(visitor.search("key in (SUP-1, SUP-2) order by key").await, ["SUP-1", "SUP-2"]);
    for (jql, words) in [
        ("ORDER BY created DESC", "Unbounded JQL"),
        ("", "Unbounded JQL"),
        ("project = NOPE", "The value 'NOPE' does not exist"),
        ("created >= \"2026-11-21 10:00:30\"", "Date value"),
        ("colour = red", "Field 'colour' does not exist"),
        ("project = SUP AND", "was not expected"),
        ("project = SUP OR project = OPS", "was not expected"),
        ("project = \"SUP", "quoted string"),
    ] {
        let answer = visitor.post("/search/jql").json(&json!({"jql": jql})).send().await.unwrap();
        let message = read(answer, 400).await["errorMessages"][0].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{jql}: {message}");
    }
    let gone = read(visitor.get("/search?jql=project=SUP").send().await.unwrap(), 410).await;
    assert!(gone["errorMessages"][0].as_str().unwrap().contains("/rest/api/3/search/jql"));
}

#[tokio::test]
async fn search_pages_by_token_until_the_last() {
    let visitor = Visitor::new().await;
    for number in 0..5 {
        visitor.created(&format!("m-{number}")).await;
    }
    let (mut found, mut token) = (Vec::new(), None::<String>);
    for _ in 0..3 {
        let mut body = json!({"jql": "project = SUP", "maxResults": 2, "fields": ["key"], "properties": [MARKER]});
        if let Some(token) = &token {
            body["nextPageToken"] = json!(token);
        }
        let answer = read(visitor.post("/search/jql").json(&body).send().await.unwrap(), 200).await;
        found.extend(answer["issues"].as_array().unwrap().iter().map(|issue| issue["properties"][MARKER].clone()));
        token = answer["nextPageToken"].as_str().map(str::to_owned);
        assert_eq!(answer["isLast"], json!(token.is_none()));
    }
    assert_eq!(found, ["m-4", "m-3", "m-2", "m-1", "m-0"]);
    assert_eq!(token, None);
}

/// A field, a value that is wrong for it, and Jira's words.
fn wrong_values() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("project", json!({"key": "NOPE"}), "Specify a valid project"),
        ("issuetype", json!({"name": "Nope"}), "Specify a valid issue type"),
        ("summary", json!(""), "You must specify a summary"),
        ("summary", json!("a\nb"), "newline"),
        ("summary", json!("x".repeat(256)), "Summary can't exceed 255 characters."),
        ("description", json!("plain text"), "must be an Atlassian Document"),
        ("description", adf(&"x".repeat(32_768)), "It exceeds the allowed limit of 32,767 characters."),
        ("labels", json!(["a b"]), "contains spaces"),
        ("reporter", json!({"id": "nobody"}), "does not exist"),
        ("priority", json!({"name": "Hottest"}), "Priority"),
        ("feilds", json!(1), "Field 'feilds' cannot be set. It is not on the appropriate screen, or unknown."),
    ]
}

fn bare_fields(project: &str) -> Value {
    json!({"project": {"key": project}, "issuetype": {"id": "10001"}, "summary": "x"})
}

#[tokio::test]
async fn what_jira_would_refuse_is_refused_field_by_field() {
    let team = FieldKind::Option(vec![Choice::new("7", "Blue")]);
    let field = Field::new("customfield_10010", "Team", Need::Required, team);
    let projects = vec![Project::new("SUP", "Support"), Project::new("OPS", "Operations").with_field(field)];
    let visitor = Visitor::with(Options { projects, ..Options::default() }).await;
    for (field, value, words) in wrong_values() {
        let mut fields = bare_fields("SUP");
        fields[field] = value;
        let body = json!({"fields": fields});
        let answer = read(visitor.post("/issue").json(&body).send().await.unwrap(), 400).await;
        let message = answer["errors"][field].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(message.contains(words), "{message}");
    }
    let without_team = json!({"fields": bare_fields("OPS")});
    let answer = read(visitor.post("/issue").json(&without_team).send().await.unwrap(), 400).await;
    assert_eq!(answer["errors"], json!({"customfield_10010": "Team is required."}));
    let misspelt = json!({"feilds": bare_fields("SUP")});
    read(visitor.post("/issue").json(&misspelt).send().await.unwrap(), 400).await;
    assert_eq!(visitor.jira.issues().len(), 0);
    let right = json!({"fields": bare_fields("SUP")});
    read(visitor.post("/issue").json(&right).send().await.unwrap(), 201).await;
}

#[tokio::test]
async fn a_document_is_refused_for_an_empty_text_and_for_its_length_however_it_is_counted() {
    let visitor = Visitor::new().await;
    visitor.created("m").await;
    let comment = async |text: &str, status: u16| {
        let body = json!({"body": adf(text)});
        read(visitor.post("/issue/SUP-1/comment").json(&body).send().await.unwrap(), status).await
    };
    let answer = comment("", 400).await;
    assert_eq!(answer, json!({"errorMessages": ["INVALID_INPUT"], "errors": {}}));
    let long = "x".repeat(32_700);
    comment(&long, 201).await;
    visitor.jira.configure(|settings| settings.counted = Counted::Json);
    let answer = comment(&long, 400).await;
    assert!(answer["errors"]["comment"].as_str().unwrap().contains("32,767"));
}

#[tokio::test]
async fn only_who_has_the_token_gets_in() {
    let visitor = Visitor::new().await;
    let url = format!("{}/rest/api/3/myself", visitor.jira.url());
    let wrong = visitor.client.get(&url).basic_auth("bot@example.com", Some("wrong")).send().await.unwrap();
    let answer = read(wrong, 401).await;
    assert_eq!(answer["errorMessages"][0], "Client must be authenticated to access this resource.");
    read(visitor.client.get(&url).send().await.unwrap(), 401).await;
    let me = visitor.get("/myself").send().await.unwrap();
    let id = me.headers()["x-aaccountid"].to_str().unwrap().to_owned();
    assert_eq!(read(me, 200).await["accountId"], json!(id));
    visitor.jira.set_token("bot@example.com", "changed");
    read(visitor.get("/myself").send().await.unwrap(), 401).await;
}

#[tokio::test]
async fn files_are_refused_without_the_token_and_above_the_limit() {
    let settings = Settings { upload_limit: 1_000, ..Settings::default() };
    let visitor = Visitor::with(Options { settings, ..Options::default() }).await;
    let (id, _) = visitor.created("m").await;
    let meta = read(visitor.get("/attachment/meta").send().await.unwrap(), 200).await;
    assert_eq!(meta, json!({"enabled": true, "uploadLimit": 1_000}));
    read(visitor.upload(&id, "large.png", &[0; 1_001]).await, 413).await;
    let bare = visitor.post(&format!("/issue/{id}/attachments"));
    let bare = bare.header("content-type", "multipart/form-data; boundary=b").body("--b--\r\n");
    read(bare.send().await.unwrap(), 403).await;
    assert_eq!(visitor.jira.issue(&id).unwrap().attachments.len(), 0);
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

/// A fault, the status that the client sees (if it sees one), and how many issues there are then.
fn every_fault() -> Vec<(Effect, Option<u16>, usize)> {
    use When::{AfterWrite, BeforeWrite};
    let html = |when| Effect::Status { status: 502, when, looks: Looks::Html };
    let busy = Effect::Busy { retry_after_s: 7, reason: "jira-burst-based".to_owned() };
    let mut faults: Vec<_> =
        [401, 403, 404, 413, 503].map(|status| (Effect::status(status, BeforeWrite), Some(status), 0)).to_vec();
    faults.extend([
        (Effect::status(500, AfterWrite), Some(500), 1),
        (html(BeforeWrite), Some(502), 0),
        (html(AfterWrite), Some(502), 1),
        (busy, Some(429), 0),
        (Effect::Cut { when: BeforeWrite }, None, 0),
        (Effect::Cut { when: AfterWrite }, None, 1),
        (Effect::CutMidBody, None, 1),
        (Effect::Hang { when: BeforeWrite, ms: 20 }, None, 0),
        (Effect::Hang { when: AfterWrite, ms: 20 }, None, 1),
    ]);
    faults
}

#[tokio::test]
async fn a_fault_before_the_write_writes_nothing_and_one_after_it_writes_all() {
    for (effect, status, writes) in every_fault() {
        let visitor = Visitor::new().await;
        visitor.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", effect.clone()).times(1));
        read(visitor.get("/myself").send().await.unwrap(), 200).await;
        let answer = match visitor.create("m").send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer.bytes().await.ok().map(|_| status)
            }
            Err(_) => None,
        };
        assert_eq!(answer, status, "{effect:?}");
        assert_eq!(visitor.jira.issues().len(), writes, "{effect:?}");
        let entry = visitor.jira.requests().pop().unwrap();
        assert_eq!((entry.status, entry.handled), (status, (writes == 1).then_some(201)), "{effect:?}");
        visitor.created("again").await;
        assert_eq!(visitor.jira.issues().len(), writes + 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_fault_shows_what_a_client_must_go_by() {
    let visitor = Visitor::new().await;
    let busy = Effect::Busy { retry_after_s: 7, reason: "jira-per-issue-on-write".to_owned() };
    visitor.jira.add_fault(Fault::on("POST", "*/comment", busy).times(1));
    let (id, _) = visitor.created("m").await;
    let answer = visitor.comment(&id, "c").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.headers()["ratelimit-reason"], "jira-per-issue-on-write");
    let html = Effect::Status { status: 503, when: When::BeforeWrite, looks: Looks::Html };
    visitor.jira.add_fault(Fault::always(html));
    let answer = visitor.get("/myself").send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    visitor.jira.heal();
    read(visitor.get("/myself").send().await.unwrap(), 200).await;
}

#[tokio::test]
async fn a_write_that_its_client_gave_up_on_takes_place_all_the_same() {
    let visitor = Visitor::new().await;
    visitor.jira.add_fault(Fault::on("POST", "/rest/api/3/issue", Effect::delay(Duration::from_secs(4))));
    let error = visitor.create("late").timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(visitor.jira.issues().len(), 0);
    until(|| visitor.jira.issues().len() == 1).await;
}

#[tokio::test]
async fn chaos_loses_answers_but_never_a_write_that_was_answered_with_201() {
    let visitor = Visitor::new().await;
    visitor.jira.set_chaos(Chaos { hang_ms: 5, slow_ms: 5, ..Chaos::mix(3, 0.6) });
    let (mut answered, mut failed) = (Vec::new(), 0);
    for number in 0..150 {
        let marker = format!("m-{number}");
        let sent = visitor.create(&marker).send().await;
        let status = sent.as_ref().map(|answer| answer.status().as_u16()).unwrap_or_default();
        let whole = match sent {
            Ok(answer) => answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        if status == 201 && whole {
            answered.push(marker);
        } else {
            failed += 1;
        }
    }
    visitor.jira.heal();
    let written: Vec<String> =
        visitor.jira.issues().iter().map(|issue| issue.properties[MARKER].as_str().unwrap().to_owned()).collect();
    assert!(answered.iter().all(|marker| written.contains(marker)));
    assert!(failed > 40 && written.len() > answered.len(), "{failed} failed, {} written", written.len());
    read(visitor.get("/myself").send().await.unwrap(), 200).await;
}

#[tokio::test]
async fn a_jira_that_is_down_refuses_connections_and_comes_back_on_the_same_port_with_all_it_held() {
    let visitor = Visitor::new().await;
    visitor.created("m").await;
    visitor.jira.add_fault(Fault::on("GET", "*", Effect::Hang { when: When::BeforeWrite, ms: 60_000 }));
    let waiting = visitor.get("/myself").send();
    let down = async {
        until(|| visitor.jira.max_concurrent_requests() == 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        visitor.jira.set_availability(Availability::Down).await;
    };
    let (waited, ()) = tokio::join!(waiting, down);
    assert!(waited.is_err());
    assert!(visitor.get("/myself").send().await.unwrap_err().is_connect());
    visitor.jira.heal();
    let up = visitor.client.post(format!("{}/_control", visitor.jira.control_url())).json(&json!({"down": false}));
    assert_eq!(read(up.send().await.unwrap(), 200).await["up"], true);
    read(visitor.get("/issue/SUP-1").send().await.unwrap(), 200).await;
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
