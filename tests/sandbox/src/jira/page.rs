//! The page for people: projects, issues, comments and files as they arrive. It shows; nothing can be changed on it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::answer::html;
use super::shared::Shared;
use super::site::{Attachment, Comment, Issue, Project, Site};
use markup::{Markup, rich};

mod markup;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// So many issues of a project are shown, the newest.
const SHOWN: usize = 100;

/// Pictures that a browser may show in place. No SVG: it can hold scripts.
const PICTURES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"];

/// How much of an issue is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Short,
    Full,
}

/// The script asks with the number of changes it has seen.
#[derive(Debug, Deserialize)]
struct Look {
    seen: Option<u64>,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(all))
        .route("/browse/{key}", get(one))
        .route("/_file/{id}/{name}", get(file))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .with_state(shared)
}

async fn all(State(shared): State<Arc<Shared>>, Query(look): Query<Look>) -> Response {
    let site = shared.site();
    answer(&site, &look, "All issues", |site| {
        let mut page = counts(site);
        for project in &site.projects {
            page.push(&section(site, project));
        }
        page
    })
}

async fn one(State(shared): State<Arc<Shared>>, Path(key): Path<String>, Query(look): Query<Look>) -> Response {
    let site = shared.site();
    let Some(found) = site.issue(&key) else {
        return html(StatusCode::NOT_FOUND, "There is no such issue.");
    };
    let title = format!("{} {}", found.key, found.summary);
    answer(&site, &look, &title, |site| issue(site, found, Length::Full))
}

/// The whole page, or for the script its inner part, or that nothing has changed.
fn answer(site: &Site, look: &Look, title: &str, content: impl Fn(&Site) -> Markup) -> Response {
    let changes = site.changes();
    if look.seen == Some(changes) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let content = content(site);
    let seen = [(HeaderName::from_static("x-seen"), HeaderValue::from(changes))];
    let body = if look.seen.is_some() { content } else { whole(title, changes, &content) };
    let policy =
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))];
    (seen, policy, Html(body.into_string())).into_response()
}

fn whole(title: &str, changes: u64, content: &Markup) -> Markup {
    let mut page = Markup::raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.tag("<meta name=\"viewport\" content=\"width=device-width\"><title>").text(title);
    page.tag(" · Jira (sandbox)</title><style>").tag(STYLE).tag("</style></head><body><header><a href=\"/\">Jira</a>");
    page.tag("<span class=\"note\">sandbox: nothing here is real</span><span class=\"live\">live</span></header>");
    page.tag("<main data-seen=\"").text(&changes.to_string()).tag("\">");
    page.push(content);
    page.tag("</main><script>").tag(SCRIPT).tag("</script></body></html>\n");
    page
}

fn counts(site: &Site) -> Markup {
    let issues = site.issues();
    let comments: usize = issues.iter().map(|issue| issue.comments.len()).sum();
    let files: usize = issues.iter().map(|issue| issue.attachments.len()).sum();
    let mut markup = Markup::raw("<div class=\"counts\">");
    for (count, name) in [(issues.len(), "issues"), (comments, "comments"), (files, "attachments")] {
        markup.tag("<div><b>").text(&count.to_string()).tag("</b>").text(name).tag("</div>");
    }
    markup.tag("</div>");
    markup
}

fn section(site: &Site, project: &Project) -> Markup {
    let mut markup = Markup::raw("<section><h2>");
    markup.text(&project.name).tag(" · ").text(&project.key).tag("</h2>");
    let issues = site.issues().iter().rev().filter(|issue| issue.project == project.key);
    let mut shown = issues.take(SHOWN).peekable();
    if shown.peek().is_none() {
        markup.tag("<div class=\"empty\">No issues yet.</div>");
    }
    for found in shown {
        markup.push(&issue(site, found, Length::Short));
    }
    markup.tag("</section>");
    markup
}

fn issue(site: &Site, issue: &Issue, length: Length) -> Markup {
    let mut markup = match length {
        Length::Short => Markup::raw("<article class=\"issue short\">"),
        Length::Full => Markup::raw("<article class=\"issue\">"),
    };
    markup.push(&head(site, issue));
    if let Some(description) = issue.fields.get("description").filter(|description| !description.is_null()) {
        markup.tag("<div class=\"text\">").push(&rich(description, &issue.key)).tag("</div>");
    }
    markup.push(&files(&issue.attachments));
    for found in &issue.comments {
        markup.push(&comment(site, found));
    }
    match length {
        Length::Short => {}
        Length::Full => {
            markup.push(&facts(issue));
        }
    }
    markup.tag("</article>");
    markup
}

fn head(site: &Site, issue: &Issue) -> Markup {
    let mut markup = Markup::raw("<div class=\"meta\"><a class=\"key\" href=\"/browse/");
    markup.text(&issue.key).tag("\">").text(&issue.key).tag("</a><span class=\"status ");
    markup.tag(issue.status.category()).tag("\">").text(issue.status.name()).tag("</span>");
    for fact in [&issue.issue_type.name, &moment(site, issue.created), &name(site, &issue.reporter)] {
        markup.tag("<span>").text(fact).tag("</span>");
    }
    for label in issue.fields.get("labels").and_then(|labels| labels.as_array()).into_iter().flatten() {
        markup.tag("<span class=\"label\">").text(label.as_str().unwrap_or_default()).tag("</span>");
    }
    markup.tag("</div><h3><a href=\"/browse/").text(&issue.key).tag("\">").text(&issue.summary).tag("</a></h3>");
    markup
}

fn comment(site: &Site, comment: &Comment) -> Markup {
    let mut markup = Markup::raw("<div class=\"comment\"><div class=\"who\"><b>");
    markup.text(&name(site, &comment.author)).tag("</b> ").text(&moment(site, comment.created));
    if let Some(visibility) = &comment.visibility {
        let value = visibility.get("value").and_then(|value| value.as_str()).unwrap_or_default();
        markup.tag(" <span class=\"lock\">only ").text(value).tag("</span>");
    }
    markup.tag("</div><div class=\"text\">").push(&rich(&comment.body, &comment.id.to_string())).tag("</div></div>");
    markup
}

fn files(attachments: &[Attachment]) -> Markup {
    let mut markup = Markup::raw("");
    if attachments.is_empty() {
        return markup;
    }
    markup.tag("<div class=\"files\">");
    for attachment in attachments {
        let address = format!("/_file/{}/{}", attachment.id, path_segment(&attachment.name));
        markup.tag("<div class=\"file\">");
        if is_picture(attachment) {
            markup.tag("<img loading=\"lazy\" alt=\"\" src=\"").text(&address).tag("?show=1\">");
        }
        markup.tag("<a href=\"").text(&address).tag("\" download>").text(&attachment.name).tag("</a> <span>");
        markup.text(&size(attachment.content.len())).tag("</span></div>");
    }
    markup.tag("</div>");
    markup
}

fn facts(issue: &Issue) -> Markup {
    let mut markup = Markup::raw("<div class=\"comment\"><table class=\"facts\">");
    let properties = issue.properties.iter().map(|(key, value)| (key.clone(), value.to_string()));
    let fields = issue.fields.iter().filter(|(key, _)| *key != "description" && *key != "labels");
    let fields = fields.map(|(key, value)| (key.clone(), value.to_string()));
    for (key, value) in [("id".to_owned(), issue.id.to_string())].into_iter().chain(fields).chain(properties) {
        markup.tag("<tr><td>").text(&key).tag("</td><td><code>").text(&value).tag("</code></td></tr>");
    }
    markup.tag("</table></div>");
    markup
}

fn name(site: &Site, id: &str) -> String {
    site.account(id).map_or_else(|| id.to_owned(), |account| account.name.clone())
}

fn moment(site: &Site, at: jiff::Timestamp) -> String {
    at.to_zoned(site.time_zone.clone()).strftime("%-d %b %Y, %H:%M:%S").to_string()
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes.div_ceil(1_024)),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

fn is_picture(attachment: &Attachment) -> bool {
    let kind = attachment.content_type.split(';').next().unwrap_or_default().trim();
    PICTURES.iter().any(|picture| picture.eq_ignore_ascii_case(kind))
}

fn path_segment(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let segment =
        name.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    segment.collect()
}

#[derive(Debug, Deserialize)]
struct Show {
    show: Option<u8>,
}

/// Files come from strangers: nothing but pictures is shown in place, and nothing runs.
async fn file(
    State(shared): State<Arc<Shared>>,
    Path((id, _)): Path<(u64, String)>,
    Query(show): Query<Show>,
) -> Response {
    let site = shared.site();
    let Some(attachment) = site.attachment(id) else {
        return html(StatusCode::NOT_FOUND, "There is no such file.");
    };
    let picture = show.show.is_some() && is_picture(attachment);
    let kind = if picture { attachment.content_type.as_str() } else { "application/octet-stream" };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, if picture { "inline" } else { "attachment" }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, attachment.content.clone()).into_response()
}
