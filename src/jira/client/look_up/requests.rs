//! Finding a request that may have been raised: by the marker's property where that could be set, else by the last line of its text.

use jiff::Timestamp;
use serde_json::Value;

use super::{Hit, Next, PAGES, TEXTS, issues_since, marker_among, minutes_back, not_everything};
use crate::jira::client::Client;
use crate::jira::client::markers::Marked;
use crate::jira::plan::Marker;
use crate::jira::plan::request::{Request, marker_line};
use crate::jira::{IssueRef, Jira, JiraError, Written};

impl Client {
    pub(super) async fn find_request(
        &self,
        project: &str,
        request: &Request,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<Option<Written>, JiraError> {
        let jql = issues_since(project, minutes_back(sent_at, self.clock.now()));
        let mut next = Some(Next::first(self.flavour().await?));
        for _ in 0..PAGES {
            let Some(page) = next else { return Ok(None) };
            let hits = self.search(project, &jql, &page, &TEXTS).await?;
            next = page.after(&hits);
            for hit in hits.issues {
                if self.is_our_request(&hit, request, marker, sent_at).await? {
                    return Ok(Some(Written::Issue(IssueRef { id: hit.id.into(), key: hit.key })));
                }
            }
        }
        if next.is_none() { Ok(None) } else { Err(not_everything("there are too many issues")) }
    }

    async fn is_our_request(
        &self,
        hit: &Hit,
        request: &Request,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<bool, JiraError> {
        let issue = IssueRef { id: hit.id.clone().into(), key: hit.key.clone() };
        let carried = match &hit.properties {
            Some(properties) => marker_among(properties),
            None => self.marker_of(Marked::Issue(&issue)).await?,
        };
        if let Some(carried) = carried {
            return Ok(carried == *marker);
        }
        if request.values.contains_key("description") {
            let text = hit.fields.get("description").map(Value::to_string).unwrap_or_default();
            return Ok(text.contains(&marker_line(marker)));
        }
        // A form without a text has no place for a marker: what carries none, and is called the same, is taken for ours.
        Ok(hit.is_named(request, sent_at))
    }
}
