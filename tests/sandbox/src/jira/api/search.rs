//! Search by JQL. It comes from an index that lags: an issue younger than the lag is not there.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Refusal, ok, put};
use super::super::jql::{Jql, Reader};
use super::super::now;
use super::super::shared::Shared;
use super::super::site::{Issue, Site};
use super::super::view::{self, Wanted};
use super::{Answer, Caller, Parameters, parse};

/// What can be asked for; the same as JSON and as a query.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Search {
    jql: String,
    fields: Vec<String>,
    properties: Vec<String>,
    max_results: Option<usize>,
    next_page_token: Option<String>,
    reconcile_issues: Vec<u64>,
    #[serde(rename = "expand")]
    _expand: Option<String>,
    #[serde(rename = "fieldsByKeys")]
    _fields_by_keys: bool,
}

pub(super) async fn by_body(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let search: Search = parse(&body)?;
    answer(&shared.site(), &caller, &search)
}

pub(super) async fn by_query(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<Parameters>,
) -> Answer {
    let most = query.get("maxResults").map(|_| query.number("maxResults", 50)).transpose()?;
    let search = Search {
        jql: query.get("jql").unwrap_or_default().to_owned(),
        fields: query.list("fields"),
        properties: query.list("properties"),
        max_results: most,
        next_page_token: query.get("nextPageToken").map(str::to_owned),
        reconcile_issues: query.list("reconcileIssues").iter().filter_map(|id| id.parse().ok()).collect(),
        ..Search::default()
    };
    answer(&shared.site(), &caller, &search)
}

fn answer(site: &Site, caller: &Caller, search: &Search) -> Answer {
    if search.properties.len() > 5 || search.reconcile_issues.len() > 50 {
        return Err(Refusal::bad("At most 5 properties and 50 issues to reconcile can be asked for."));
    }
    let now = now();
    let zone = site.account(&caller.0).map(|account| account.time_zone.clone()).unwrap_or(jiff::tz::TimeZone::UTC);
    let jql = Jql::parse(&search.jql, &Reader { now, zone, caller: &caller.0, site }).map_err(Refusal::bad)?;
    let lag = site.settings.search_lag;
    let indexed = |issue: &&Issue| {
        let age = now.duration_since(issue.created);
        age >= jiff::SignedDuration::try_from(lag).unwrap_or_default() || search.reconcile_issues.contains(&issue.id)
    };
    let mut found: Vec<&Issue> = site.issues().iter().filter(indexed).filter(|issue| jql.holds(issue)).collect();
    jql.sort(&mut found);
    if let Some(token) = &search.next_page_token {
        let last = page_after(token).ok_or_else(|| Refusal::bad("The nextPageToken is not valid."))?;
        let position = found.iter().position(|issue| issue.id == last);
        found.drain(..position.map_or(0, |position| position + 1));
    }
    let wanted = Wanted::parse(&search.fields, Wanted::Only(vec!["id".to_owned()]));
    // Jira gives large pages only of ids and keys.
    let most = search.max_results.unwrap_or(50).clamp(1, if search.fields.is_empty() { 5_000 } else { 100 });
    let page = found.get(..most).unwrap_or(&found);
    let issues: Vec<Value> = page.iter().map(|issue| view::issue(site, issue, &wanted, &search.properties)).collect();
    let mut answer = json!({"issues": issues, "isLast": page.len() == found.len()});
    if page.len() < found.len()
        && let Some(last) = page.last()
    {
        put(&mut answer, "nextPageToken", json!(BASE64_URL_SAFE_NO_PAD.encode(format!("after:{}", last.id))));
    }
    Ok(ok(&answer))
}

fn page_after(token: &str) -> Option<u64> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("after:")?.parse().ok()
}

/// What Data Center takes: pages by number, and no properties.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct PagedSearch {
    jql: String,
    fields: Vec<String>,
    start_at: usize,
    max_results: Option<usize>,
}

/// Data Center's search. A stranger finds nothing, which is no error.
pub(super) async fn by_page(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    let search: PagedSearch = parse(&body)?;
    let (site, now) = (shared.site(), now());
    let zone = site.account(&caller.0).map(|account| account.time_zone.clone()).unwrap_or(jiff::tz::TimeZone::UTC);
    let jql = Jql::parse(&search.jql, &Reader { now, zone, caller: &caller.0, site: &site }).map_err(Refusal::bad)?;
    let lag = jiff::SignedDuration::try_from(site.settings.search_lag).unwrap_or_default();
    let indexed = |issue: &&Issue| now.duration_since(issue.created) >= lag;
    let mut found: Vec<&Issue> = site.issues().iter().filter(indexed).filter(|issue| jql.holds(issue)).collect();
    jql.sort(&mut found);
    let (total, most) = (found.len(), search.max_results.unwrap_or(50).min(1_000));
    let wanted = Wanted::parse(&search.fields, Wanted::AllBut(Vec::new()));
    let page = found.into_iter().skip(search.start_at).take(most);
    let issues: Vec<Value> = page.map(|issue| view::issue(&site, issue, &wanted, &[])).collect();
    Ok(ok(&json!({"startAt": search.start_at, "maxResults": most, "total": total, "issues": issues})))
}

pub(super) async fn gone() -> Refusal {
    let message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.";
    Refusal::new(StatusCode::GONE, message)
}
