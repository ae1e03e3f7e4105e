//! Did it get there? Finds what a write of unknown outcome may have left in Jira, by its marker. Writes nothing, and says
//! "not there" only when everything in question was looked at.
//!
//! The window that is looked through starts a day before the write was sent. Times in JQL have the resolution of a minute
//! and are read in the time zone of the caller's Jira profile, which we neither know nor may change; so the window is given
//! relative to now (`created >= -1500m`), which Jira reckons on its own clock and in no time zone at all. Our clock enters
//! only as the difference of two of its readings.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::call::{Call, Operation, path_name};
use super::markers::{Marked, marker_in};
use super::pictures::Text;
use super::reads::found;
use super::send::{Content, Request};
use super::{Client, Id, REQUEST_TIMEOUT};
use crate::failure::Verdict;
use crate::jira::json::Json;
use crate::jira::plan::{Fields, MARKER_PROPERTY, Marker, Step, Write};
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Target, Written};

mod census;
mod requests;

/// A look-up takes no longer than this, however many pages it needs.
pub const LOOK_UP_TIMEOUT: Duration = REQUEST_TIMEOUT;

/// How far before `sent_at` the window starts: more than clocks differ, and than an outage hides.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// How far our clock and Jira's may differ, where the text alone says that something is ours.
const CLOCKS: SignedDuration = SignedDuration::from_mins(10);

/// Issues whose markers are asked for at the same time.
const AT_ONCE: usize = 4;

/// Issues asked for at once. Jira gives so many only where little is asked of each, and fewer when it likes.
const ISSUES: u32 = 1000;
/// What Cloud is asked of an issue that its properties tell all about: of so little it gives a thousand at once.
const KEY: [&str; 1] = ["key"];
/// What of an issue tells that it is ours, where its marker does not.
const TEXTS: [&str; 3] = ["summary", "description", "created"];
/// Comments asked for at once; the most that Jira gives.
const COMMENTS: usize = 100;
/// Pages of either. Comments cannot fill them: an issue holds 5,000.
const PAGES: usize = 200;

impl Client {
    pub(super) async fn find_written(
        &self,
        step: &Step,
        target: Target<'_>,
        sent_at: Timestamp,
        claimed: &[String],
    ) -> Result<Option<Written>, JiraError> {
        let search = self.search_for(step, target, sent_at, claimed);
        timeout(LOOK_UP_TIMEOUT, search).await.unwrap_or_else(|_| Err(not_everything("it took too long")))
    }

    async fn search_for(
        &self,
        step: &Step,
        target: Target<'_>,
        sent_at: Timestamp,
        claimed: &[String],
    ) -> Result<Option<Written>, JiraError> {
        let (marker, issue) = (&step.marker, || target.issue.ok_or_else(super::without_issue));
        match &step.write {
            Write::CreateIssue { project, fields } => self.find_issue(project, fields, marker, sent_at).await,
            Write::RaiseRequest { project, request } => self.find_request(project, request, marker, sent_at).await,
            Write::Complete { .. } => {
                let done = self.completion_of(issue()?).await?.is_some_and(|done| done == *marker);
                Ok(change(done))
            }
            Write::AddComment { body, .. } => self.find_comment(issue()?, (body, marker), sent_at).await,
            // A proof is as good whenever it is had.
            Write::Prove { visibility } => self.prove_visibility(issue()?, target.comment, visibility).await.map(Some),
            Write::Attach { name, size, known, .. } => {
                let ours = |id: &String| !known.contains(id) && !claimed.contains(id);
                let attachments = self.read_issue(issue()?).await?.map(|issue| issue.attachments).unwrap_or_default();
                let mut candidates = attachments.into_iter().filter(|file| ours(&file.id));
                Ok(candidates
                    .find(|file| file.name == *name && file.size == *size)
                    .map(|file| Written::Attachment(file.id)))
            }
            Write::ShowPictures { text, place } => {
                Ok(change(!self.is_without_pictures(issue()?, text, &Text::of(place, target.comment)?).await?))
            }
            Write::Link { kind, other } => Ok(change(self.is_linked(issue()?, kind, other).await?)),
            Write::Watch { user } => Ok(change(self.is_watched_by(issue()?, user).await?)),
            Write::Reopen => Ok(change(self.was_reopened(issue()?, marker).await?)),
        }
    }

    async fn find_issue(
        &self,
        project: &str,
        fields: &Fields,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let jql = issues_since(project, minutes_back(sent_at, self.clock.now()));
        let mut next = Some(Next::first(self.flavour().await?));
        for _ in 0..PAGES {
            let Some(page) = next else { return Ok(None) };
            let hits = self.search(project, &jql, &page, &KEY).await?;
            next = page.after(&hits);
            let hits = hits.issues.into_iter().map(|hit| async move {
                Ok::<_, JiraError>(self.is_ours(&hit, fields, marker, sent_at).await?.then_some(hit))
            });
            let mut hits = stream::iter(hits).buffered(AT_ONCE);
            while let Some(ours) = hits.next().await {
                if let Some(hit) = ours? {
                    return Ok(Some(Written::Issue(IssueRef { id: hit.id.into(), key: hit.key })));
                }
            }
        }
        if next.is_none() { Ok(None) } else { Err(not_everything("there are too many issues")) }
    }

    /// Cloud tells properties with its hits and pages by token; Data Center does neither.
    async fn search(&self, project: &str, jql: &str, page: &Next, fields: &[&str]) -> Result<Hits, JiraError> {
        let mut body = json!({ "jql": jql, "fields": fields, "properties": [MARKER_PROPERTY], "maxResults": ISSUES });
        let path: &[&str] = match page {
            Next::First => &["search", "jql"],
            Next::Token(token) => {
                put(&mut body, "nextPageToken", json!(token));
                &["search", "jql"]
            }
            Next::Start(start) => {
                body = json!({ "jql": jql, "startAt": start, "maxResults": ISSUES, "fields": TEXTS });
                &["search"]
            }
        };
        let request = Request {
            call: Call::project(Operation::Search, project),
            method: Method::POST,
            path,
            query: &[],
            content: Content::Json(body),
            timeout: self.timeouts.read,
        };
        self.send(&request).await
    }

    /// Whether an issue carries the marker. Where the search did not tell any properties, the issue itself is asked. One that
    /// carries none at all is ours if it is the very text that was sent, at the time or later: such a Jira does not keep
    /// properties that come with a create.
    async fn is_ours(
        &self,
        hit: &Hit,
        fields: &Fields,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<bool, JiraError> {
        if let Some(properties) = &hit.properties {
            return Ok(marker_among(properties).as_ref() == Some(marker));
        }
        let issue = IssueRef { id: hit.id.clone().into(), key: hit.key.clone() };
        let marked = Marked::Issue(&issue);
        match self.marker_of(marked).await? {
            Some(found) => Ok(found == *marker),
            None if hit.is_twin(fields, sent_at) => {
                self.see_marker(marked, marker).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Newest first: what is added meanwhile moves the rest to later pages, so that one may be seen twice but none missed.
    async fn find_comment(
        &self,
        issue: &IssueRef,
        (body, marker): (&Json, &Marker),
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
                if self.is_our_comment(issue, &comment, (body, marker), sent_at).await? {
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
        let path = ["issue", path_name(issue), "comment"];
        let (start, count) = (start.to_string(), COMMENTS.to_string());
        let query =
            [("orderBy", "-created"), ("expand", "properties"), ("startAt", &start), ("maxResults", count.as_str())];
        found(self.checked(issue, self.get(call, &path, &query).await).await)
    }

    /// Whether a comment carries the marker. That the list tells properties is not promised; each comment is asked then. As
    /// with issues, a Data Center's comment without any marker is ours by its text.
    async fn is_our_comment(
        &self,
        issue: &IssueRef,
        comment: &Comment,
        (body, marker): (&Json, &Marker),
        sent_at: Timestamp,
    ) -> Result<bool, JiraError> {
        if let Some(found) = comment.properties.as_ref().and_then(marker_among) {
            return Ok(found == *marker);
        }
        let (told, kept) = (comment.properties.is_some(), self.flavour().await?);
        if told && kept == Flavour::Cloud {
            return Ok(false);
        }
        let id = String::from(comment.id.clone());
        let marked = Marked::Comment(issue, &id);
        match self.marker_of(marked).await? {
            Some(found) => Ok(found == *marker),
            None if kept == Flavour::DataCenter && comment.is_twin(&body.to_value(), sent_at) => {
                self.see_marker(marked, marker).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// Which page of a search comes next.
#[derive(Debug)]
enum Next {
    First,
    Token(String),
    Start(usize),
}

impl Next {
    const fn first(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Cloud => Self::First,
            Flavour::DataCenter => Self::Start(0),
        }
    }

    fn after(&self, hits: &Hits) -> Option<Self> {
        match self {
            Self::First | Self::Token(_) => hits.next_page_token.clone().filter(|_| !hits.is_last).map(Self::Token),
            Self::Start(start) => {
                let start = start + hits.issues.len();
                let more = !hits.issues.is_empty() && hits.total.is_none_or(|total| start < total);
                more.then_some(Self::Start(start))
            }
        }
    }
}

fn change(is_there: bool) -> Option<Written> {
    is_there.then_some(Written::Change)
}

fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(key.to_owned(), value);
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
    #[serde(default)]
    total: Option<usize>,
}

#[derive(Deserialize)]
struct Hit {
    id: Id,
    #[serde(default)]
    key: String,
    #[serde(default)]
    properties: Option<Value>,
    #[serde(default)]
    fields: Map<String, Value>,
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
    body: Value,
    #[serde(default)]
    properties: Option<Value>,
}

impl Comment {
    /// Whether it was written at that time or later. A time that cannot be read excludes nothing.
    fn may_be_since(&self, since: Timestamp) -> bool {
        may_be_since(self.created.as_deref(), since)
    }

    fn is_twin(&self, body: &Value, sent_at: Timestamp) -> bool {
        may_be_since(self.created.as_deref(), earliest_twin(sent_at)) && same_text(&self.body, body)
    }
}

impl Hit {
    /// Whether it is called as a request was to be called, and was made at the time or later.
    fn is_named(&self, request: &crate::jira::plan::request::Request, sent_at: Timestamp) -> bool {
        let created = self.fields.get("created").and_then(Value::as_str);
        let named = match (self.fields.get("summary"), request.values.get("summary").map(Json::to_value)) {
            (Some(found), Some(sent)) => same_text(found, &sent),
            (_, _) => false,
        };
        may_be_since(created, earliest_twin(sent_at)) && named
    }

    fn is_twin(&self, fields: &Fields, sent_at: Timestamp) -> bool {
        let created = self.fields.get("created").and_then(Value::as_str);
        let same = |name: &str| match (self.fields.get(name), fields.get(name).map(Json::to_value).as_ref()) {
            (Some(found), Some(sent)) => same_text(found, sent),
            (_, _) => false,
        };
        may_be_since(created, earliest_twin(sent_at)) && same("summary") && same("description")
    }
}

/// A twin was written after the request left; the clocks may differ by so much.
fn earliest_twin(sent_at: Timestamp) -> Timestamp {
    sent_at.checked_sub(CLOCKS).unwrap_or(Timestamp::MIN)
}

fn may_be_since(created: Option<&str>, since: Timestamp) -> bool {
    created.and_then(|text| text.parse::<Timestamp>().ok()).is_none_or(|created| created >= since)
}

/// The same words: Jira writes line ends and blanks at the edges as it likes.
fn same_text(found: &Value, sent: &Value) -> bool {
    match (found.as_str(), sent.as_str()) {
        (Some(found), Some(sent)) => !sent.trim().is_empty() && found.split_whitespace().eq(sent.split_whitespace()),
        (_, _) => false,
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
            body: Value::Null,
            properties: None,
        };
        assert!(comment(Some("2026-11-20T11:00:00.000+0100")).may_be_since(since));
        assert!(!comment(Some("2026-11-20T10:59:59.999+0100")).may_be_since(since));
        assert!(comment(Some("1763632800000")).may_be_since(since));
        assert!(comment(None).may_be_since(since));
    }
}
