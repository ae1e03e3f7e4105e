//! Did it get there? Finds what a write of unknown outcome may have left in Jira, by its marker. Writes nothing, and says
//! "not there" only when everything in question was looked at.
//!
//! The window that is looked through starts a day before the write was sent. Times in JQL have the resolution of a minute
//! and are read in the time zone of the caller's Jira profile, which we neither know nor may change; so the window is given
//! relative to now (`created >= -1500m`), which Jira reckons on its own clock and in no time zone at all. Our clock enters
//! only as the difference of two of its readings.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::call::{Call, Operation, path_name};
use super::reads::found;
use super::send::{Content, Request};
use super::{Client, Id, REQUEST_TIMEOUT};
use crate::failure::Verdict;
use crate::jira::plan::{MARKER_PROPERTY, Marker, Step, Write};
use crate::jira::{IssueRef, JiraError, Written};

/// A look-up takes no longer than this, however many pages it needs.
pub const LOOK_UP_TIMEOUT: Duration = REQUEST_TIMEOUT;

/// How far before `sent_at` the window starts: more than clocks differ, and than an outage hides.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// Issues asked for at once. Jira gives so many only where little is asked of each, and fewer when it likes.
const ISSUES: u32 = 1000;
/// Comments asked for at once; the most that Jira gives.
const COMMENTS: usize = 100;
/// Pages of either. Comments cannot fill them: an issue holds 5,000.
const PAGES: usize = 200;

impl Client {
    pub(super) async fn find_written(
        &self,
        step: &Step,
        issue: Option<&IssueRef>,
        sent_at: Timestamp,
        claimed: &[String],
    ) -> Result<Option<Written>, JiraError> {
        let search = async {
            match (&step.write, issue) {
                (Write::CreateIssue { project, .. }, _) => self.find_issue(project, &step.marker, sent_at).await,
                (Write::AddComment { .. }, Some(issue)) => self.find_comment(issue, &step.marker, sent_at).await,
                (Write::Attach { name, size, known, .. }, Some(issue)) => {
                    let ours = |id: &String| !known.contains(id) && !claimed.contains(id);
                    let attachments = self.read_issue(issue).await?.map(|issue| issue.attachments).unwrap_or_default();
                    let mut candidates = attachments.into_iter().filter(|file| ours(&file.id));
                    Ok(candidates
                        .find(|file| file.name == *name && file.size == *size)
                        .map(|file| Written::Attachment(file.id)))
                }
                (Write::AddComment { .. } | Write::Attach { .. }, None) => Err(super::without_issue()),
            }
        };
        timeout(LOOK_UP_TIMEOUT, search).await.unwrap_or_else(|_| Err(not_everything("it took too long")))
    }

    async fn find_issue(
        &self,
        project: &str,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let jql = issues_since(project, minutes_back(sent_at, self.clock.now()));
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.search(project, &jql, token.as_deref()).await?;
            for hit in page.issues {
                if self.carries(&hit, marker).await? {
                    return Ok(Some(Written::Issue(IssueRef { id: hit.id.into(), key: hit.key })));
                }
            }
            token = page.next_page_token.filter(|_| !page.is_last);
            if token.is_none() {
                return Ok(None);
            }
        }
        Err(not_everything("there are too many issues"))
    }

    async fn search(&self, project: &str, jql: &str, token: Option<&str>) -> Result<Hits, JiraError> {
        let mut body = json!({ "jql": jql, "fields": ["key"], "properties": [MARKER_PROPERTY], "maxResults": ISSUES });
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("nextPageToken".to_owned(), token.into());
        }
        let request = Request {
            call: Call::project(Operation::Search, project),
            method: Method::POST,
            path: &["rest", "api", "3", "search", "jql"],
            query: &[],
            content: Content::Json(body),
            timeout: self.timeouts.read,
        };
        self.send(&request).await
    }

    /// Whether an issue carries the marker. Where the search did not tell any properties, the issue itself is asked.
    async fn carries(&self, hit: &Hit, marker: &Marker) -> Result<bool, JiraError> {
        if let Some(properties) = &hit.properties {
            return Ok(marker_among(properties).as_ref() == Some(marker));
        }
        let issue = IssueRef { id: hit.id.clone().into(), key: hit.key.clone() };
        let call = Call::issue(Operation::ReadIssueProperty, &issue);
        let path = ["rest", "api", "3", "issue", path_name(&issue), "properties", MARKER_PROPERTY];
        let property = self.checked(&issue, self.get::<Property>(call, &path, &[]).await).await;
        Ok(found(property)?.and_then(|property| marker_in(&property.value)).as_ref() == Some(marker))
    }

    /// Newest first: what is added meanwhile moves the rest to later pages, so that one may be seen twice but none missed.
    async fn find_comment(
        &self,
        issue: &IssueRef,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let since = sent_at.checked_sub(MARGIN).unwrap_or(Timestamp::MIN);
        let mut start = 0;
        for _ in 0..PAGES {
            let Some(page) = self.comments(issue, start).await? else {
                return Ok(None);
            };
            start += page.comments.len();
            let all_seen = page.comments.is_empty() || page.total.is_some_and(|total| start >= total);
            let past_window = page.comments.last().is_some_and(|oldest| !oldest.may_be_since(since));
            for comment in page.comments.into_iter().filter(|comment| comment.may_be_since(since)) {
                if self.comment_carries(issue, &comment, marker).await? {
                    return Ok(Some(Written::Comment(comment.id.into())));
                }
            }
            if all_seen || past_window {
                return Ok(None);
            }
        }
        Err(not_everything("there are too many comments"))
    }

    async fn comments(&self, issue: &IssueRef, start: usize) -> Result<Option<Comments>, JiraError> {
        let call = Call::issue(Operation::ListComments, issue);
        let path = ["rest", "api", "3", "issue", path_name(issue), "comment"];
        let (start, count) = (start.to_string(), COMMENTS.to_string());
        let query =
            [("orderBy", "-created"), ("expand", "properties"), ("startAt", &start), ("maxResults", count.as_str())];
        found(self.checked(issue, self.get(call, &path, &query).await).await)
    }

    /// Whether a comment carries the marker. That the list tells properties is not promised; each comment is asked then.
    async fn comment_carries(&self, issue: &IssueRef, comment: &Comment, marker: &Marker) -> Result<bool, JiraError> {
        if let Some(properties) = &comment.properties {
            return Ok(marker_among(properties).as_ref() == Some(marker));
        }
        let id = String::from(comment.id.clone());
        let call = Call::issue(Operation::ReadCommentProperty, issue);
        let path = ["rest", "api", "3", "comment", &id, "properties", MARKER_PROPERTY];
        let property = self.checked(issue, self.get::<Property>(call, &path, &[]).await).await;
        Ok(found(property)?.and_then(|property| marker_in(&property.value)).as_ref() == Some(marker))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hits {
    issues: Vec<Hit>,
    #[serde(default)]
    next_page_token: Option<String>,
    #[serde(default)]
    is_last: bool,
}

#[derive(Deserialize)]
struct Hit {
    id: Id,
    #[serde(default)]
    key: String,
    #[serde(default)]
    properties: Option<Value>,
}

#[derive(Deserialize)]
struct Comments {
    comments: Vec<Comment>,
    #[serde(default)]
    total: Option<usize>,
}

#[derive(Deserialize)]
struct Comment {
    id: Id,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    properties: Option<Value>,
}

#[derive(Deserialize)]
struct Property {
    value: Value,
}

impl Comment {
    /// Whether it was written at that time or later. A time that cannot be read excludes nothing.
    fn may_be_since(&self, since: Timestamp) -> bool {
        let created = self.created.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        created.is_none_or(|created| created >= since)
    }
}

/// The marker among the properties of an issue (an object by key) or a comment (a list of key and value).
fn marker_among(properties: &Value) -> Option<Marker> {
    match properties {
        Value::Object(by_key) => marker_in(by_key.get(MARKER_PROPERTY)?),
        Value::Array(list) => {
            let ours = |property: &&Value| property.get("key").and_then(Value::as_str) == Some(MARKER_PROPERTY);
            marker_in(list.iter().find(ours)?.get("value")?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn marker_in(value: &Value) -> Option<Marker> {
    Some(Marker(value.get("op")?.as_str()?.to_owned()))
}

/// The window's length in minutes, rounded up. A clock set back meanwhile makes it no shorter than the margin.
fn minutes_back(sent_at: Timestamp, now: Timestamp) -> i64 {
    let passed = now.duration_since(sent_at).max(SignedDuration::ZERO);
    (passed + MARGIN).as_mins() + 1
}

fn issues_since(project: &str, minutes: i64) -> String {
    let project = project.replace('\\', "\\\\").replace('"', "\\\"");
    format!("project = \"{project}\" AND creator = currentUser() AND created >= -{minutes}m ORDER BY created DESC")
}

fn not_everything(why: &str) -> JiraError {
    let message = format!("cannot look through everything that may be ours in Jira: {why}");
    JiraError { verdict: Verdict::Retry(None), status: None, message, fields: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_starts_a_day_before_the_write_whatever_our_clock_does() {
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T10:00:59Z")), 24 * 60 + 1);
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T16:00:00Z")), 30 * 60 + 1);
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T07:00:00Z")), 24 * 60 + 1);
        assert_eq!(
            issues_since("OPS", 1441),
            "project = \"OPS\" AND creator = currentUser() AND created >= -1441m ORDER BY created DESC"
        );
    }

    #[test]
    fn a_marker_is_found_in_both_shapes_and_nowhere_else() {
        let ours = Some(Marker("m1".to_owned()));
        assert_eq!(marker_among(&json!({ MARKER_PROPERTY: {"op": "m1"}, "x": 1 })), ours);
        assert_eq!(marker_among(&json!([{"key": "x"}, {"key": MARKER_PROPERTY, "value": {"op": "m1"}}])), ours);
        for other in [json!({}), json!([]), json!(null), json!({ MARKER_PROPERTY: "m1" }), json!({"op": "m1"})] {
            assert_eq!(marker_among(&other), None, "{other}");
        }
    }

    #[test]
    fn a_comment_whose_time_cannot_be_read_stays_in_question() {
        let since = at("2026-11-20T10:00:00Z");
        let comment = |created: Option<&str>| Comment {
            id: Id("1".to_owned()),
            created: created.map(str::to_owned),
            properties: None,
        };
        assert!(comment(Some("2026-11-20T11:00:00.000+0100")).may_be_since(since));
        assert!(!comment(Some("2026-11-20T10:59:59.999+0100")).may_be_since(since));
        assert!(comment(Some("1763632800000")).may_be_since(since));
        assert!(comment(None).may_be_since(since));
    }
}
