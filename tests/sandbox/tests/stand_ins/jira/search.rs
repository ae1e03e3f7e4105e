//! What is written is found again, as soon and as late as in Jira.

use std::time::Duration;

use sandbox::jira::Options;
use sandbox::jira::site::{Account, CommentProperties};
use serde_json::json;

use super::{MARKER, Visitor, adf, read};

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
