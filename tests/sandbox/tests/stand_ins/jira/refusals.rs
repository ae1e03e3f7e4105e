//! What Jira refuses, the stand-in refuses.

use sandbox::jira::Options;
use sandbox::jira::site::{Choice, Counted, Field, FieldKind, Need, Project, Settings};
use serde_json::{Value, json};

use super::{Visitor, adf, read};

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
