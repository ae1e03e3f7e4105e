//! Everything of ours that Jira holds, with its markers: what an audit compares the ledger with. Reads only, and gives nothing
//! rather than half of it.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::hits::{Comment, Hit, Next, marker_among};
use super::{AT_ONCE, KEY, MARGIN, PAGES, issues_since, minutes_back, not_everything};
use crate::jira::client::Client;
use crate::jira::client::markers::Marked;
use crate::jira::plan::Marker;
use crate::jira::{IssueRef, Jira, JiraError};

/// A comment, and the marker that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedComment {
    /// Its id.
    pub id: String,
    /// `None`: it is not ours.
    pub marker: Option<Marker>,
}

impl Client {
    /// Every issue in a project that we made since then (and up to a day before) and that carries a marker.
    pub async fn marked_issues(&self, project: &str, since: Timestamp) -> Result<Vec<(Marker, IssueRef)>, JiraError> {
        let jql = issues_since(project, minutes_back(since, self.clock.now(), MARGIN));
        let mut next = Some(Next::first(self.flavour().await?));
        let mut marked = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = next else { return Ok(marked) };
            let hits = self.search(project, &jql, &page, &KEY).await?;
            next = page.after(&hits);
            let markers = stream::iter(hits.issues.into_iter().map(|hit| self.marker_on(hit))).buffered(AT_ONCE);
            marked.extend(markers.try_collect::<Vec<_>>().await?.into_iter().flatten());
        }
        if next.is_none() { Ok(marked) } else { Err(not_everything("there are too many issues")) }
    }

    async fn marker_on(&self, hit: Hit) -> Result<Option<(Marker, IssueRef)>, JiraError> {
        Ok(self.carried_by(&hit).await?.map(|marker| (marker, hit.issue())))
    }

    /// Every comment on an issue; `None` where there is no such issue.
    pub async fn marked_comments(&self, issue: &IssueRef) -> Result<Option<Vec<MarkedComment>>, JiraError> {
        let (mut marked, mut seen) = (Vec::new(), 0);
        for _ in 0..PAGES {
            let Some(page) = self.comments(issue, seen).await? else { return Ok(None) };
            seen += page.comments.len();
            let all_seen = page.comments.is_empty() || page.total.is_some_and(|total| seen >= total);
            let comments = page.comments.into_iter().map(|comment| self.marked_comment(issue, comment));
            marked.extend(stream::iter(comments).buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
            if all_seen {
                return Ok(Some(marked));
            }
        }
        Err(not_everything("there are too many comments"))
    }

    async fn marked_comment(&self, issue: &IssueRef, comment: Comment) -> Result<MarkedComment, JiraError> {
        let id = String::from(comment.id);
        let marker = match comment.properties {
            Some(properties) => marker_among(&properties),
            None => self.marker_of(Marked::Comment(issue, &id)).await?,
        };
        Ok(MarkedComment { id, marker })
    }
}
