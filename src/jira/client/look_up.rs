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
use serde_json::{Value, json};
use tokio::time::timeout;

use super::call::{Call, Operation, path_name};
use super::markers::Marked;
use super::pictures::Text;
use super::reads::found;
use super::send::{Content, Request};
use super::{Client, REQUEST_TIMEOUT};
use crate::failure::Verdict;
use crate::jira::json::Json;
use crate::jira::plan::{Fields, MARKER_PROPERTY, Marker, Step, Write, request};
use crate::jira::{Flavour, IssueRef, Jira, JiraError, Target, Written};
use hits::{Comment, Comments, Hit, Hits, Next, marker_among};

pub use census::MarkedComment;

mod census;
mod hits;
mod requests;

/// A look-up takes no longer than this, however many pages it needs.
pub const LOOK_UP_TIMEOUT: Duration = REQUEST_TIMEOUT;

/// How far before `sent_at` the window starts: more than clocks differ, and than an outage hides.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// Issues whose markers are asked for at the same time.
const AT_ONCE: usize = 4;

/// Issues asked for at once. Jira gives so many only where little is asked of each, and fewer when it likes.
const ISSUES: u32 = 1000;
/// What is asked of an issue that its marker tells all about: of so little Cloud gives a thousand at once.
const KEY: [&str; 1] = ["key"];
/// What of an issue tells that it is ours, where its marker does not.
const TEXTS: [&str; 3] = ["summary", "description", "created"];
/// Issues asked for at once with their texts: as many as fit into an answer, however long they are.
const ISSUES_WITH_TEXTS: u32 = 200;
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
            Write::AddParticipants { users } => Ok(change(self.take_part(issue()?, users).await?)),
            Write::Reopen => Ok(change(self.was_reopened(issue()?, marker).await?)),
        }
    }

    /// By its marker. Where the search shows issues without one, a second time by its text: some do not keep the properties that
    /// come with a create.
    async fn find_issue(
        &self,
        project: &str,
        fields: &Fields,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let sweep = self.find_made(project, Made::Issue, marker, sent_at).await?;
        if sweep.found.is_some() || sweep.unmarked == 0 {
            return Ok(sweep.found);
        }
        self.find_made(project, Made::Twin(fields), marker, sent_at).await.map(|sweep| sweep.found)
    }

    /// Among what is ours, and then among everybody's: nobody promises that whoever raises a request for a customer is its
    /// creator. There only the marker in its text tells which it is.
    async fn find_request(
        &self,
        project: &str,
        request: &request::Request,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let ours = self.find_made(project, Made::Request(request), marker, sent_at).await?.found;
        let may_be_anothers = request.customer.is_some() && request.values.contains_key("description");
        if ours.is_some() || !may_be_anothers {
            return Ok(ours);
        }
        self.find_made(project, Made::Anybodys(request), marker, sent_at).await.map(|sweep| sweep.found)
    }

    /// What may have been made in a project: the newest first.
    async fn find_made(
        &self,
        project: &str,
        made: Made<'_>,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Sweep, JiraError> {
        let minutes = minutes_back(sent_at, self.clock.now(), made.margin());
        let jql = match made {
            Made::Issue | Made::Twin(_) | Made::Request(_) => issues_since(project, minutes),
            Made::Anybodys(_) => anybodys_issues_since(project, minutes),
        };
        let mut next = Some(Next::first(self.flavour().await?));
        let mut unmarked = 0;
        for _ in 0..PAGES {
            let Some(page) = next else { return Ok(Sweep { found: None, unmarked }) };
            let hits = self.search(project, &jql, &page, made.telling()).await?;
            next = page.after(&hits);
            unmarked += hits.issues.iter().filter(|hit| !hit.shows_marker()).count();
            let hits = hits.issues.into_iter().map(|hit| async move {
                let is_it = match made {
                    Made::Issue => self.is_ours(&hit, marker).await?,
                    Made::Twin(fields) => self.is_our_twin(&hit, fields, marker, sent_at).await?,
                    Made::Request(request) | Made::Anybodys(request) => {
                        self.is_our_request(&hit, request, marker, sent_at).await?
                    }
                };
                Ok::<_, JiraError>(is_it.then_some(hit))
            });
            let mut hits = stream::iter(hits).buffered(AT_ONCE);
            while let Some(ours) = hits.next().await {
                if let Some(hit) = ours? {
                    let found = Some(Written::Issue(hit.issue()));
                    return Ok(Sweep { found, unmarked });
                }
            }
        }
        if next.is_none() {
            Ok(Sweep { found: None, unmarked })
        } else {
            Err(not_everything("there are too many issues"))
        }
    }

    /// Cloud tells properties with its hits and pages by token; Data Center does neither.
    async fn search(&self, project: &str, jql: &str, page: &Next, fields: &[&str]) -> Result<Hits, JiraError> {
        let most = if fields == TEXTS { ISSUES_WITH_TEXTS } else { ISSUES };
        let mut body = json!({ "jql": jql, "fields": fields, "properties": [MARKER_PROPERTY], "maxResults": most });
        let path: &[&str] = match page {
            Next::First => &["search", "jql"],
            Next::Token(token) => {
                put(&mut body, "nextPageToken", json!(token));
                &["search", "jql"]
            }
            Next::Start(start) => {
                body = json!({ "jql": jql, "startAt": start, "maxResults": most, "fields": fields });
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

    async fn is_ours(&self, hit: &Hit, marker: &Marker) -> Result<bool, JiraError> {
        Ok(self.carried_by(hit).await?.is_some_and(|carried| carried == *marker))
    }

    /// Whether an issue is the very text that was sent, and nobody's. It gets its marker, so that no other message takes it for its
    /// own.
    async fn is_our_twin(
        &self,
        hit: &Hit,
        fields: &Fields,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<bool, JiraError> {
        if !hit.is_twin(fields, sent_at) || self.carried_by(hit).await?.is_some() {
            return Ok(false);
        }
        self.mark(Marked::Issue(&hit.issue()), marker).await;
        Ok(true)
    }

    /// The marker of an issue. Where the search did not tell any properties, the issue itself is asked.
    async fn carried_by(&self, hit: &Hit) -> Result<Option<Marker>, JiraError> {
        match &hit.properties {
            Some(properties) => Ok(marker_among(properties)),
            None => self.marker_of(Marked::Issue(&hit.issue())).await,
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
                return match self.read_issue(issue).await? {
                    None => Ok(None),
                    Some(_) => Err(not_everything("it does not tell the comments of an issue that is there")),
                };
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
    /// with issues, one without any marker is ours by its text.
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
        let id = String::from(comment.id.clone());
        let marked = Marked::Comment(issue, &id);
        let found = match (&comment.properties, self.flavour().await?) {
            (Some(_), Flavour::Cloud) => None,
            (Some(_) | None, Flavour::DataCenter) | (None, Flavour::Cloud) => self.marker_of(marked).await?,
        };
        match found {
            Some(found) => Ok(found == *marker),
            None if comment.is_twin(&body.to_value(), sent_at) => {
                self.mark(marked, marker).await;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// What a search for what was made has come to.
struct Sweep {
    found: Option<Written>,
    /// Issues of which the search shows no marker.
    unmarked: usize,
}

/// What may have been made.
#[derive(Debug, Clone, Copy)]
enum Made<'a> {
    /// An issue, to be known by its marker.
    Issue,
    /// An issue without one, to be known by its text.
    Twin(&'a Fields),
    Request(&'a request::Request),
    /// The same, where Jira may say that somebody else has made it.
    Anybodys(&'a request::Request),
}

impl Made<'_> {
    /// What is asked of each issue, beside its marker.
    const fn telling(&self) -> &'static [&'static str] {
        match self {
            Self::Issue => &KEY,
            Self::Twin(_) | Self::Request(_) | Self::Anybodys(_) => &TEXTS,
        }
    }

    /// How far before the time it was sent it is looked for.
    const fn margin(&self) -> SignedDuration {
        match self {
            Self::Issue | Self::Request(_) => MARGIN,
            Self::Twin(_) | Self::Anybodys(_) => hits::CLOCKS,
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

/// The window's length in minutes, rounded up. A clock set back meanwhile makes it no shorter than the margin.
fn minutes_back(sent_at: Timestamp, now: Timestamp, margin: SignedDuration) -> i64 {
    let passed = now.duration_since(sent_at).max(SignedDuration::ZERO);
    (passed + margin).as_mins() + 1
}

fn issues_since(project: &str, minutes: i64) -> String {
    let project = quoted(project);
    format!("project = {project} AND creator = currentUser() AND created >= -{minutes}m ORDER BY created DESC")
}

fn anybodys_issues_since(project: &str, minutes: i64) -> String {
    format!("project = {} AND created >= -{minutes}m ORDER BY created DESC", quoted(project))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn not_everything(why: &str) -> JiraError {
    let message = format!("cannot look through everything that may be ours in Jira: {why}");
    JiraError::new(Verdict::Retry(None), None, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_starts_a_day_before_the_write_whatever_our_clock_does() {
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T10:00:59Z"), MARGIN), 24 * 60 + 1);
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T16:00:00Z"), MARGIN), 30 * 60 + 1);
        assert_eq!(minutes_back(at("2026-11-21T10:00:00Z"), at("2026-11-21T07:00:00Z"), MARGIN), 24 * 60 + 1);
        assert_eq!(
            issues_since("OPS", 1441),
            "project = \"OPS\" AND creator = currentUser() AND created >= -1441m ORDER BY created DESC"
        );
    }
}
