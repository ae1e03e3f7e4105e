//! What the client makes of a Jira that answers in every way it can, and of one that does not answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail2jira::clock::{Clock, SystemClock};
use mail2jira::config::rule::Visibility;
use mail2jira::config::{Deployment, JiraAuth, JiraSettings, Secret, SecretError, SecretRef, Writing};
use mail2jira::failure::{Scope, Verdict};
use mail2jira::jira::auth::Keys;
use mail2jira::jira::client::{Client, Timeouts};
use mail2jira::jira::json::Json;
use mail2jira::jira::plan::{Marker, Source, Step, Write};
use mail2jira::jira::{IssueRef, Jira, JiraError, Target, UploadLimit, Written};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::wire::{Server, Then, answer, json};

mod limits;

const EVERYTHING: Verdict = Verdict::Halt(Scope::Everything);
const PROJECT: Verdict = Verdict::Halt(Scope::Project);
const GONE: &str = r#"{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}"#;
const CREATED: &str = r#"{"id":"10001","key":"OPS-1","self":"https://example.com"}"#;
const ME: &str = r#"{"accountId":"5b10","displayName":"Bot"}"#;

struct Site {
    server: Server,
    client: Client,
    secret: PathBuf,
    _directory: tempfile::TempDir,
}

impl Site {
    async fn start(script: impl IntoIterator<Item = Then>) -> Self {
        let server = Server::start(script).await;
        let url = format!("http://{}/jira", server.address);
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("token");
        std::fs::write(&secret, "token-1").unwrap();
        let client = client(&url, &secret, Timeouts::default());
        Self { server, client, secret, _directory: directory }
    }

    async fn create(&self) -> Result<Written, JiraError> {
        self.client.apply(&create(), Target::default(), None).await
    }

    async fn comment(&self, issue: &IssueRef) -> Result<Written, JiraError> {
        self.client.apply(&comment(), Target::issue(issue), None).await
    }

    fn lines(&self) -> Vec<String> {
        self.server.received().into_iter().map(|request| request.line).collect()
    }
}

fn client(url: &str, secret: &Path, timeouts: Timeouts) -> Client {
    let auth = JiraAuth::ApiToken { email: "bot@example.com".into(), token: SecretRef::File(secret.to_owned()) };
    let settings = settings(url, Deployment::Cloud, auth);
    Client::new(&settings, Keys::secrets(read_secret), Arc::new(SystemClock), timeouts).unwrap()
}

fn settings(url: &str, deployment: Deployment, auth: JiraAuth) -> JiraSettings {
    JiraSettings {
        writing: Writing::Real,
        url: url.parse().unwrap(),
        deployment,
        authorization_url: None,
        token_url: None,
        api_url: None,
        ca_file: None,
        token_expires: None,
        auth,
    }
}

fn read_secret(reference: &SecretRef) -> Result<Secret, SecretError> {
    let SecretRef::File(path) = reference else {
        return Err(SecretError::Unset("none".into()));
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text)),
        Err(source) => Err(SecretError::Unreadable { path: path.clone(), source }),
    }
}

fn step(write: Write) -> Step {
    Step { marker: Marker("m-1".into()), write }
}

fn create() -> Step {
    let fields = [("project", json!({"key": "OPS"})), ("summary", json!("x"))];
    let fields = fields.map(|(name, value)| (name.to_owned(), Json::of(&value))).into();
    step(Write::CreateIssue { project: "OPS".into(), fields })
}

fn comment() -> Step {
    step(Write::AddComment {
        body: Json::of(&json!({"type": "doc", "version": 1, "content": []})),
        visibility: Visibility::Public,
    })
}

fn attach(known: &[&str]) -> Step {
    step(Write::Attach {
        name: "請求書.pdf".into(),
        content_type: "application/pdf".into(),
        size: 4,
        source: Source::Attachment(0),
        known: known.iter().map(|id| (*id).to_owned()).collect(),
        picture: None,
        audience: None,
    })
}

fn issue(id: &str) -> IssueRef {
    IssueRef { id: id.into(), key: format!("OPS-{id}") }
}

#[tokio::test]
async fn an_issue_and_a_comment_carry_their_marker_below_the_context_path() {
    let site = Site::start([json("201 Created", CREATED), json("201 Created", r#"{"id":77}"#)]).await;
    let written = site.create().await.unwrap();
    assert_eq!(written, Written::Issue(IssueRef { id: "10001".into(), key: "OPS-1".into() }));
    assert_eq!(site.comment(&issue("7")).await.unwrap(), Written::Comment("77".into()));

    let [create, comment] = site.server.received().try_into().unwrap();
    assert_eq!(create.line, "POST /jira/rest/api/3/issue");
    assert_eq!(create.header("authorization"), "Basic Ym90QGV4YW1wbGUuY29tOnRva2VuLTE=");
    let properties = json!([{"key": "mail2jira.origin", "value": {"op": "m-1"}}]);
    assert_eq!(create.json(), json!({"fields": {"project": {"key": "OPS"}, "summary": "x"}, "properties": properties}));
    assert_eq!(comment.line, "POST /jira/rest/api/3/issue/7/comment");
    assert_eq!(comment.json()["properties"], properties);
}

#[tokio::test]
async fn a_file_arrives_with_its_name_its_type_and_its_bytes() {
    let site = Site::start([json("200 OK", r#"[{"id":"900","filename":"x","size":4}]"#)]).await;
    let content = Some(Bytes::from_static(b"%PDF").into());
    let written = site.client.apply(&attach(&[]), Target::issue(&issue("7")), content).await.unwrap();
    assert_eq!(written, Written::Attachment("900".into()));

    let [upload] = site.server.received().try_into().unwrap();
    assert_eq!(upload.line, "POST /jira/rest/api/3/issue/7/attachments");
    assert_eq!(upload.header("x-atlassian-token"), "no-check");
    assert_eq!(upload.header("content-length"), upload.body.len().to_string());
    let body = String::from_utf8(upload.body).unwrap();
    assert!(
        body.contains("name=\"file\"; filename=\"請求書.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n"),
        "{body}"
    );
}

#[tokio::test]
async fn what_jira_refuses_has_the_verdict_of_its_status() {
    let html = [("Content-Type", "text/html")];
    let captcha = [("X-Seraph-LoginReason", "AUTHENTICATION_DENIED")];
    let moved = [("Location", "https://id.example.com/login?secret=1")];
    let table = [
        (json("400 Bad Request", r#"{"errorMessages":[],"errors":{"summary":"too long"}}"#), Verdict::Quarantine),
        (answer("401 Unauthorized", &html, "Client must be authenticated"), EVERYTHING),
        (json("403 Forbidden", GONE), PROJECT),
        (answer("403 Forbidden", &captcha, ""), EVERYTHING),
        (json("404 Not Found", GONE), PROJECT),
        (answer("413 Payload Too Large", &html, "<html>"), Verdict::Quarantine),
        (answer("302 Found", &moved, ""), EVERYTHING),
        (json("500 Internal Server Error", "{}"), Verdict::Unknown),
        (answer("502 Bad Gateway", &html, "<html>"), Verdict::Unknown),
        (answer("504 Gateway Timeout", &[], ""), Verdict::Unknown),
        (answer("503 Service Unavailable", &[("Retry-After", "0")], ""), Verdict::Unknown),
        (answer("429 Too Many Requests", &[("Retry-After", "0")], ""), Verdict::Retry(Some(Duration::ZERO))),
    ];
    for (then, verdict) in table {
        let site = Site::start([then.clone()]).await;
        let error = site.create().await.unwrap_err();
        assert_eq!(error.verdict, verdict, "{then:?}: {error}");
        assert_eq!(site.lines().len(), 1, "nothing is repeated unasked");
        assert!(error.message.starts_with("cannot create an issue in OPS: Jira answered "), "{error}");
        for hidden in ["<html", "secret", "token-1", "Ym90"] {
            assert!(!format!("{error:?}").contains(hidden), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_400_tells_what_is_wrong_by_field() {
    let body = r#"{"errorMessages":["No."],"errors":{"summary":"too long","customfield_1":"is required"}}"#;
    let site = Site::start([json("400 Bad Request", body)]).await;
    let error = site.create().await.unwrap_err();
    let fields = [("customfield_1", "is required"), ("summary", "too long")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(error.fields, fields);
    assert!(error.message.contains("No.; customfield_1: is required; summary: too long"), "{}", error.message);
    let logged = error.to_string();
    assert!(
        logged.contains("customfield_1, summary") && !logged.contains("too long"),
        "its words may repeat the mail: {logged}"
    );
}

#[tokio::test]
async fn a_write_without_a_whole_answer_is_unknown_and_a_read_is_tried_again() {
    let cut = |text: &str| Then::SendAndCut(text.as_bytes().to_vec());
    let whole = |text: &str| Then::Send(text.as_bytes().to_vec());
    for then in [
        cut(""),
        Then::Reset,
        cut("HTTP/1.1 20"),
        cut("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"),
        cut("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":\"10001\""),
        cut("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n"),
        whole("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{\"id\":\"1\""),
        whole("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        whole("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<html>sign in\n"),
        whole("SSH-2.0-OpenSSH_9.2\r\n"),
    ] {
        let site = Site::start([then.clone(), then.clone()]).await;
        let write = site.create().await.unwrap_err();
        assert_eq!(write.verdict, Verdict::Unknown, "{then:?}: {write}");
        assert_eq!(site.lines().len(), 1, "nothing is repeated unasked");
        let read = site.client.reach().await.unwrap_err();
        assert_eq!(read.verdict, Verdict::Retry(None), "{then:?}: {read}");
    }
}

#[tokio::test]
async fn a_jira_that_falls_silent_leaves_a_write_unknown_and_a_read_to_be_tried_again() {
    let server = Server::start([Then::Hang, Then::Hang]).await;
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("token");
    std::fs::write(&secret, "token").unwrap();
    let brief = Duration::from_millis(300);
    let client = client(&format!("http://{}", server.address), &secret, Timeouts { write: brief, read: brief });
    let error = client.apply(&create(), Target::default(), None).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Unknown);
    assert_eq!(error.message, "cannot create an issue in OPS: 127.0.0.1 did not answer in time");
    assert_eq!(client.reach().await.unwrap_err().verdict, Verdict::Retry(None));
}

#[tokio::test]
async fn without_a_connection_nothing_was_written() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let without_tls = plain.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("token");
    std::fs::write(&secret, "token").unwrap();
    for url in [
        format!("http://{free}"),         // refused
        "http://jira.invalid".to_owned(), // no such name
        format!("https://{without_tls}"), // no TLS there
    ] {
        let error =
            client(&url, &secret, Timeouts::default()).apply(&create(), Target::default(), None).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Retry(None), "{url}: {error}");
        assert!(error.message.starts_with("cannot create an issue in OPS: no connection to "), "{error}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_under_a_write_is_unknown_and_not_repeated() {
    let site = Site::start([json("200 OK", ME), Then::Reset, json("201 Created", CREATED)]).await;
    site.client.reach().await.unwrap();
    let error = site.create().await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Unknown, "{error}");
    let requests = site.server.received();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[0].connection, requests[1].connection, "the connection was used again");
}

#[tokio::test]
async fn a_write_at_the_moment_a_kept_connection_closes_arrives_once_or_is_unknown() {
    let closing = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ME}", ME.len());
    for _ in 0..20 {
        let site = Site::start([Then::SendAndCut(closing.clone().into_bytes()), json("201 Created", CREATED)]).await;
        site.client.reach().await.unwrap();
        match site.create().await {
            Ok(_) => assert_eq!(site.lines().len(), 2),
            Err(error) => assert_eq!((error.verdict, site.lines().len()), (Verdict::Unknown, 1), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_404_in_jiras_own_form_says_that_the_issue_is_gone() {
    let site = Site::start([json("404 Not Found", GONE)]).await;
    let error = site.comment(&issue("7")).await.unwrap_err();
    assert!(error.issue_is_gone(&comment().write), "{error:?}");
    assert!(!error.issue_is_gone(&create().write));
}

#[tokio::test]
async fn a_404_of_somebody_else_is_believed_only_while_jira_is_there() {
    let page = || answer("404 Not Found", &[("Content-Type", "text/html")], "<h1>no</h1>");
    let there = Site::start([page(), json("200 OK", ME)]).await;
    assert!(there.comment(&issue("7")).await.unwrap_err().issue_is_gone(&comment().write));
    assert_eq!(there.lines()[1], "GET /jira/rest/api/3/myself");

    let away = Site::start([page(), page()]).await;
    let error = away.comment(&issue("7")).await.unwrap_err();
    assert!(!error.issue_is_gone(&comment().write), "{error:?}");
    assert_eq!(error.verdict, EVERYTHING);
}

#[tokio::test]
async fn a_swapped_secret_is_taken_up_after_a_401_and_the_same_one_is_not_shown_again() {
    let denied = || json("401 Unauthorized", "{}");
    let site = Site::start([denied(), denied(), json("201 Created", CREATED), json("200 OK", ME)]).await;
    assert_eq!(site.create().await.unwrap_err().verdict, EVERYTHING);
    assert_eq!(site.lines().len(), 1);

    std::fs::write(&site.secret, "token-2").unwrap();
    site.create().await.unwrap();
    site.client.reach().await.unwrap();
    let shown: Vec<String> =
        site.server.received().iter().map(|request| request.header("authorization").to_owned()).collect();
    let (old, new) = ("Basic Ym90QGV4YW1wbGUuY29tOnRva2VuLTE=", "Basic Ym90QGV4YW1wbGUuY29tOnRva2VuLTI=");
    assert_eq!(shown, [old, old, new, new]);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_halts_before_anything_is_sent() {
    let site = Site::start([json("201 Created", CREATED)]).await;
    std::fs::remove_file(&site.secret).unwrap();
    let error = site.create().await.unwrap_err();
    assert_eq!(error.verdict, EVERYTHING);
    assert!(error.message.starts_with("cannot create an issue in OPS: cannot read the secret in "), "{error}");
    assert!(site.lines().is_empty());
}

#[tokio::test]
async fn an_answer_to_a_stranger_proves_nothing() {
    let empty = || answer("200 OK", &[("X-AUSERNAME", "anonymous")], r#"{"issues":[],"isLast":true}"#);
    let site = Site::start([empty()]).await;
    let error = site.client.look_up(&create(), Target::default(), SystemClock.now(), &[]).await.unwrap_err();
    assert_eq!(error.verdict, EVERYTHING, "{error}");
}

#[tokio::test]
async fn a_lost_issue_is_found_by_its_marker_on_a_later_page() {
    let other = r#"{"issues":[{"id":"1","key":"OPS-1","properties":{"mail2jira.origin":{"op":"m-0"}}},
        {"id":"2","key":"OPS-2","properties":{}}],"nextPageToken":"p2"}"#;
    let ours = r#"{"issues":[{"id":"3","key":"OPS-3","properties":{"mail2jira.origin":{"op":"m-1"}}}],"isLast":true}"#;
    let site = Site::start([json("200 OK", other), json("200 OK", ours)]).await;
    let found = site.client.look_up(&create(), Target::default(), SystemClock.now(), &[]).await.unwrap();
    assert_eq!(found, Some(Written::Issue(issue("3"))));

    let [first, second] = site.server.received().try_into().unwrap();
    assert_eq!(first.line, "POST /jira/rest/api/3/search/jql");
    let jql = "project = \"OPS\" AND creator = currentUser() AND created >= -1441m ORDER BY created DESC";
    assert_eq!(first.json()["jql"], jql);
    assert_eq!(first.json()["properties"], json!(["mail2jira.origin"]));
    assert_eq!(second.json()["nextPageToken"], "p2");
}

#[tokio::test]
async fn an_issue_that_is_not_there_is_none_and_a_search_that_fails_is_not() {
    let site = Site::start([
        json("200 OK", r#"{"issues":[],"isLast":true}"#),
        json("500 Internal Server Error", "{}"),
        json("200 OK", r#"{"warnings":[]}"#),
    ])
    .await;
    let look_up = async || site.client.look_up(&create(), Target::default(), SystemClock.now(), &[]).await;
    assert_eq!(look_up().await.unwrap(), None);
    assert_eq!(look_up().await.unwrap_err().verdict, Verdict::Retry(None));
    assert_eq!(look_up().await.unwrap_err().verdict, Verdict::Retry(None), "an answer without `issues` is no answer");
}

#[tokio::test]
async fn an_issue_of_which_the_search_tells_no_properties_is_asked_itself() {
    let site = Site::start([
        json("200 OK", r#"{"issues":[{"id":"3","key":"OPS-3"},{"id":"4","key":"OPS-4"}],"isLast":true}"#),
        json("404 Not Found", r#"{"errorMessages":["The property mail2jira.origin does not exist."]}"#),
        json("200 OK", r#"{"key":"mail2jira.origin","value":{"op":"m-1"}}"#),
    ])
    .await;
    let found = site.client.look_up(&create(), Target::default(), SystemClock.now(), &[]).await.unwrap();
    assert_eq!(found, Some(Written::Issue(issue("4"))));
    assert_eq!(site.lines()[2], "GET /jira/rest/api/3/issue/4/properties/mail2jira.origin");
}

#[tokio::test]
async fn a_marker_that_was_seen_is_not_asked_for_again_by_the_next_look() {
    let issues = || json("200 OK", r#"{"issues":[{"id":"3","key":"OPS-3"},{"id":"4","key":"OPS-4"}],"isLast":true}"#);
    let other = json("200 OK", r#"{"key":"mail2jira.origin","value":{"op":"m-7"}}"#);
    let ours = json("200 OK", r#"{"key":"mail2jira.origin","value":{"op":"m-1"}}"#);
    let site = Site::start([issues(), other, json("502 Bad Gateway", "{}"), issues(), ours]).await;
    let look = async || site.client.look_up(&create(), Target::default(), SystemClock.now(), &[]).await;
    look().await.unwrap_err();
    assert_eq!(look().await.unwrap(), Some(Written::Issue(issue("4"))));
    let asked = site.lines().iter().filter(|line| line.contains("/issue/3/")).count();
    assert_eq!(asked, 1, "{:?}", site.lines());
}

#[tokio::test]
async fn a_lost_comment_is_found_by_its_marker_where_the_list_tells_it() {
    let now = SystemClock.now();
    let list = json!({"total": 2, "comments": [
        {"id": "12", "created": now, "properties": []},
        {"id": "11", "created": now, "properties": [{"key": "mail2jira.origin", "value": {"op": "m-1"}}]},
    ]});
    let site = Site::start([json("200 OK", &list.to_string())]).await;
    let found = site.client.look_up(&comment(), Target::issue(&issue("7")), now, &[]).await.unwrap();
    assert_eq!(found, Some(Written::Comment("11".into())));
    let line = "GET /jira/rest/api/3/issue/7/comment?orderBy=-created&expand=properties&startAt=0&maxResults=100";
    assert_eq!(site.lines(), [line]);
}

#[tokio::test]
async fn a_lost_comment_is_found_by_its_marker_where_each_must_be_asked_and_old_ones_are_not() {
    let now = SystemClock.now();
    let list = json!({"total": 999, "comments": [
        {"id": "12", "created": now}, {"id": "11", "created": now}, {"id": "3", "created": "2020-01-01T00:00:00.000+0000"},
    ]});
    let site = Site::start([
        json("200 OK", &list.to_string()),
        json("404 Not Found", r#"{"errorMessages":["no such property"]}"#),
        json("404 Not Found", r#"{"errorMessages":["no such property"]}"#),
    ])
    .await;
    assert_eq!(site.client.look_up(&comment(), Target::issue(&issue("7")), now, &[]).await.unwrap(), None);
    let asked = |id| format!("GET /jira/rest/api/3/comment/{id}/properties/mail2jira.origin");
    assert_eq!(site.lines()[1..], [asked(12), asked(11)]);
}

#[tokio::test]
async fn a_cloud_that_keeps_no_markers_is_searched_for_the_text_that_was_sent() {
    let now = SystemClock.now();
    let document = |attributes: Value| {
        let text = json!({"type": "text", "text": "It does not print."});
        json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "attrs": attributes, "content": [text]}]})
    };
    let hit = |id: &str, summary: &str, properties: Value| {
        let fields = json!({"summary": summary, "description": document(json!({"localId": "x"})), "created": now});
        json!({"id": id, "key": format!("OPS-{id}"), "fields": fields, "properties": properties})
    };
    let other = hit("3", "Printer", json!({"mail2jira.origin": {"op": "another"}}));
    let page = |hits: &[&Value]| json!({"issues": hits, "isLast": true}).to_string();
    let (twin, unlike) = (hit("4", "Printer", json!({})), hit("5", "Scanner", json!({})));
    let site = Site::start([
        json("200 OK", &page(&[&json!({"id": "5", "properties": {}}), &json!({"id": "4", "properties": {}})])),
        json("200 OK", &page(&[&unlike, &other, &twin])),
        json("201 Created", ""),
        json("200 OK", &page(&[&other])),
    ])
    .await;
    let mut lost = create();
    if let Write::CreateIssue { fields, .. } = &mut lost.write {
        fields.insert("summary".to_owned(), Json::of(&json!("Printer")));
        fields.insert("description".to_owned(), Json::of(&document(Value::Null)));
    }
    let look_up = async || site.client.look_up(&lost, Target::default(), now, &[]).await.unwrap();
    assert_eq!(look_up().await, Some(Written::Issue(issue("4"))));
    assert_eq!(site.lines()[2], "PUT /jira/rest/api/3/issue/4/properties/mail2jira.origin", "now it is known as ours");
    assert_eq!(look_up().await, None, "where all carry markers, texts are not asked for");
}

#[tokio::test]
async fn comments_that_are_not_told_are_not_said_to_be_missing() {
    let there = json!({"id": "7", "key": "OPS-7", "fields": {}}).to_string();
    let site = Site::start([json("404 Not Found", GONE), json("200 OK", &there)]).await;
    let error = site.client.look_up(&comment(), Target::issue(&issue("7")), SystemClock.now(), &[]).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Retry(None));
}

#[tokio::test]
async fn a_lost_attachment_is_one_of_that_name_and_size_that_nobody_else_owns() {
    let file = |id: u32, size: u32| json!({"id": id.to_string(), "filename": "請求書.pdf", "size": size});
    let body =
        json!({"id": "7", "fields": {"attachment": [file(1, 4), file(2, 4), file(3, 5), file(4, 4)]}}).to_string();
    let site = Site::start([json("200 OK", &body), json("200 OK", &body), json("404 Not Found", GONE)]).await;
    let (seven, claimed) = (issue("7"), ["2".to_owned()]);
    let look_up = async |known: &[&str]| {
        site.client.look_up(&attach(known), Target::issue(&seven), SystemClock.now(), &claimed).await.unwrap()
    };
    assert_eq!(look_up(&["1"]).await, Some(Written::Attachment("4".into())));
    assert_eq!(look_up(&["1", "4"]).await, None);
    assert_eq!(look_up(&[]).await, None, "the issue is gone");
}

#[tokio::test]
async fn the_upload_limit_is_read_once_and_may_be_off_or_untold() {
    let site = Site::start([json("200 OK", r#"{"enabled":true,"uploadLimit":1000}"#)]).await;
    assert_eq!(site.client.upload_limit().await.unwrap(), UploadLimit::Bytes(1000));
    assert_eq!(site.client.upload_limit().await.unwrap(), UploadLimit::Bytes(1000));
    assert_eq!(site.lines().len(), 1);
    let off = Site::start([json("200 OK", r#"{"enabled":false}"#)]).await;
    assert_eq!(off.client.upload_limit().await.unwrap(), UploadLimit::Off);
    for untold in [json("404 Not Found", "{}"), answer("405 Method Not Allowed", &[], ""), json("200 OK", "{}")] {
        let site = Site::start([untold]).await;
        assert_eq!(site.client.upload_limit().await.unwrap(), UploadLimit::Untold);
        assert_eq!(site.client.upload_limit().await.unwrap(), UploadLimit::Untold, "and is not asked again");
    }
}

#[tokio::test]
async fn a_check_of_the_set_up_learns_product_identity_project_permissions_and_fields() {
    let site = Site::start([
        json("200 OK", r#"{"deploymentType":"Cloud","version":"1001.0.0","baseUrl":"https://e.atlassian.net"}"#),
        json("200 OK", ME),
        json("200 OK", r#"{"values":[{"id":"10000","key":"OPS","name":"Operations","projectTypeKey":"software"}]}"#),
        json(
            "200 OK",
            r#"{"permissions":{"CREATE_ISSUES":{"havePermission":true},"ADD_COMMENTS":{"havePermission":false}}}"#,
        ),
        json("200 OK", r#"{"startAt":0,"maxResults":1,"total":2,"issueTypes":[{"id":"1","name":"Task"}]}"#),
        json("200 OK", r#"{"startAt":1,"maxResults":1,"total":2,"issueTypes":[{"id":"2","name":"Bug"}]}"#),
        json(
            "200 OK",
            r#"{"total":2,"fields":[{"fieldId":"summary","key":"summary","name":"Summary","required":true},
            {"fieldId":"priority","key":"priority","name":"Priority","required":true,"hasDefaultValue":true}]}"#,
        ),
    ])
    .await;
    assert_eq!(site.client.server_info().await.unwrap().deployment_type, "Cloud");
    assert_eq!(site.client.myself().await.unwrap().account_id, "5b10");
    assert_eq!(site.client.project("OPS").await.unwrap().map(|project| project.key).as_deref(), Some("OPS"));
    let permissions = site.client.permissions("OPS", &["CREATE_ISSUES", "ADD_COMMENTS"]).await.unwrap();
    assert_eq!(permissions.iter().map(|permission| permission.granted).collect::<Vec<_>>(), [Some(true), Some(false)]);
    let fields = site.client.create_fields("OPS", "bug").await.unwrap().unwrap();
    let must: Vec<_> =
        fields.iter().filter(|field| field.must_be_given()).map(|field| field.field_id.as_str()).collect();
    assert_eq!(must, ["summary"]);
    assert!(site.lines()[6].starts_with("GET /jira/rest/api/3/issue/createmeta/OPS/issuetypes/2?"));
}
