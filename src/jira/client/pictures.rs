//! Pictures in their places in a text on Jira Cloud, which are named there by their ids at the media service. Jira does not tell
//! them: they stand in the address that a file's content is redirected to ([`media`](super::media)). Where it cannot be had, the
//! text keeps the picture's name.
//!
//! A text is written anew only while it is as it was written: what a person has made of it is never lost.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, Operation, path_name};
use super::reads::found;
use super::send::{Content, Request};
use super::writes::restriction;
use super::{Client, unfit, without_comment};
use crate::config::rule::Visibility;
use crate::failure::{Scope, Verdict};
use crate::jira::document::placed::{is_same, names, with_ids};
use crate::jira::json::Json;
use crate::jira::plan::TextPlace;
use crate::jira::{ExistingAttachment, IssueRef, JiraError, Written};

/// Pictures of one text that are shown in their places: each takes a question to Jira. Further ones keep their names.
const MAX_PICTURES: usize = 20;

/// A text on an issue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Description,
    /// A comment by its id, and who sees it.
    Comment(&'a str, &'a Visibility),
}

impl<'a> Text<'a> {
    /// The text at such a place; a comment is the one of this id.
    pub(super) fn of(place: &'a TextPlace, comment: Option<&'a str>) -> Result<Self, JiraError> {
        match place {
            TextPlace::Description => Ok(Self::Description),
            TextPlace::Comment(visibility) => Ok(Self::Comment(comment.ok_or_else(without_comment)?, visibility)),
        }
    }

    /// What keeps Jira from mailing everybody a second time. For a description that takes an administrator's rights.
    fn quietly(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Description => &[],
            Self::Comment(..) => &[("notifyUsers", "false")],
        }
    }

    fn path<'p>(&self, issue: &'p IssueRef) -> Vec<&'p str>
    where
        'a: 'p,
    {
        match self {
            Self::Description => vec!["issue", path_name(issue)],
            Self::Comment(id, _) => vec!["issue", path_name(issue), "comment", id],
        }
    }
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    fields: Description,
}

#[derive(Deserialize, Default)]
struct Description {
    #[serde(default)]
    description: Value,
}

#[derive(Deserialize)]
struct Commented {
    #[serde(default)]
    body: Value,
}

impl Client {
    /// Writes a text anew with the pictures whose ids are known now. `attached` are files that the same message brought.
    pub(super) async fn show_pictures(
        &self,
        issue: &IssueRef,
        (document, text): (&Json, &Text<'_>),
        attached: &[ExistingAttachment],
    ) -> Result<Written, JiraError> {
        let files = self.picture_files(issue, &names(document), attached).await?;
        let ids = self.media_ids(issue, files).await?;
        if ids.is_empty() {
            return Err(unfit("Jira does not tell how the pictures are called at its media service"));
        }
        // Looked at as late as can be.
        if !self.is_without_pictures(issue, document, text).await? {
            return Err(unfit("somebody has changed the text meanwhile"));
        }
        let shown = with_ids(document, &ids);
        let body = match text {
            Text::Description => json!({ "fields": { "description": shown } }),
            // Without its restriction a comment that is written anew would be for all. What makes it an internal one stays.
            Text::Comment(_, visibility) => match restriction(visibility) {
                Some(restriction) => json!({ "body": shown, "visibility": restriction }),
                None => json!({ "body": shown }),
            },
        };
        let put = Request {
            call: Call::issue(Operation::ShowPictures, issue),
            method: Method::PUT,
            path: &text.path(issue),
            query: text.quietly(),
            content: Content::Json(body),
            timeout: self.timeouts.write,
        };
        let sent = self.send_for_nothing(&put).await;
        self.checked(issue, sent).await.map(|()| Written::Change)
    }

    /// Whether a text is as it was written, without its pictures. One that is gone is not.
    pub(super) async fn is_without_pictures(
        &self,
        issue: &IssueRef,
        document: &Json,
        text: &Text<'_>,
    ) -> Result<bool, JiraError> {
        let path = text.path(issue);
        let read = match text {
            Text::Description => {
                let call = Call::issue(Operation::ReadIssue, issue);
                let read = self.get::<Described>(call, &path, &[("fields", "description")]).await;
                read.map(|issue| issue.fields.description)
            }
            Text::Comment(..) => {
                let read = self.get::<Commented>(Call::issue(Operation::ReadComment, issue), &path, &[]).await;
                read.map(|comment| comment.body)
            }
        };
        let written = with_ids(document, &BTreeMap::new()).to_value();
        Ok(found(self.checked(issue, read).await)?.is_some_and(|found| is_same(&found, &written)))
    }

    /// The files of pictures by these names: the message's own, else the one file of that name that the issue has already.
    async fn picture_files(
        &self,
        issue: &IssueRef,
        names: &[String],
        attached: &[ExistingAttachment],
    ) -> Result<Vec<ExistingAttachment>, JiraError> {
        let own = |name: &String| attached.iter().find(|file| file.name == *name).cloned();
        let all_own: Option<Vec<_>> = names.iter().map(own).collect();
        if let Some(files) = all_own {
            return Ok(files);
        }
        let existing = self.read_issue(issue).await?.map(|issue| issue.attachments).unwrap_or_default();
        let only = |name: &String| {
            let mut called = existing.iter().filter(|file| file.name == *name);
            called.next().filter(|_| called.next().is_none()).cloned()
        };
        Ok(names.iter().filter_map(|name| own(name).or_else(|| only(name))).collect())
    }

    /// The ids of pictures at the media service, by their names, as far as Jira tells.
    async fn media_ids(
        &self,
        issue: &IssueRef,
        files: Vec<ExistingAttachment>,
    ) -> Result<BTreeMap<String, String>, JiraError> {
        let mut ids = BTreeMap::new();
        for file in files.into_iter().take(MAX_PICTURES) {
            match self.media_id(issue, &file.id).await {
                Ok(id) => ids.extend(id.map(|id| (file.name, id))),
                Err(error) => match error.verdict {
                    Verdict::Quarantine | Verdict::Halt(Scope::Project) => {
                        tracing::debug!(issue = %issue, error = %error, "Jira does not show a file");
                    }
                    Verdict::Retry(_) | Verdict::Unknown if !ids.is_empty() => {
                        tracing::debug!(issue = %issue, error = %error, "Jira does not tell the ids of all pictures now");
                        break;
                    }
                    Verdict::Retry(_) | Verdict::Unknown | Verdict::Halt(_) => return Err(error),
                },
            }
        }
        Ok(ids)
    }
}
