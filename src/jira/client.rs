//! Jira over REST: v3 of Cloud, v2 of Data Center. Does what a step says and tells what came of it; decides nothing,
//! remembers nothing but manners.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use super::auth::{Credentials, Keys};
use super::plan::{Marker, Step, Write};
use super::{
    Among, Commenting, ExistingIssue, Flavour, Form, IssueRef, Jira, JiraError, Nature, Payload, RequestForm, Target,
    UploadLimit, WayBack, Written,
};
use crate::clock::Clock;
use crate::config::{JiraSettings, Writing};
use crate::failure::Verdict;
use crate::http::{self, HttpError};
use crate::sync::locked;
use entrance::Entrance;
use kept::Kept;
use pace::Pace;
use pictures::Text;
use place::{Place, Site};
use upload::Upload;

pub use answer::NO_PASSWORDS;
pub use call::Call;
pub use look_up::{LOOK_UP_TIMEOUT, MarkedComment};
pub use permissions::Permission;
pub use reads::{CreateField, Myself, Project, ServerInfo};
pub use send::LONGEST_WAIT;

mod answer;
mod budget;
mod call;
mod desk;
mod doubt;
mod entrance;
mod involved;
mod kept;
mod limit;
mod links;
mod look_up;
mod markers;
mod media;
mod pace;
mod people;
mod permissions;
mod pictures;
mod place;
mod reads;
mod send;
mod signs;
mod transitions;
mod upload;
mod visible;
mod words;
mod writes;

/// How long a write may take. Jira Cloud cuts requests off at about that time itself.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a read may take.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The slowest upload that is waited for, in bytes a second.
const SLOWEST_UPLOAD: u64 = 256 << 10;

/// How long an upload of `size` bytes may take: `base`, and the time that the bytes need on a slow line.
pub const fn upload_timeout(base: Duration, size: u64) -> Duration {
    base.saturating_add(Duration::from_secs(size / SLOWEST_UPLOAD))
}

/// How long requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A write; an upload gets [`upload_timeout`] on top of it.
    pub write: Duration,
    /// A read.
    pub read: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { write: REQUEST_TIMEOUT, read: READ_TIMEOUT }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// See [`HttpError`].
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The address is of a kind that has no paths, as `mailto:`.
    #[error("`url` under [jira] is no web address")]
    Address,
}

/// A Jira site and our way in. Cheap to share behind an [`Arc`]; one for the process, for it holds the pace.
pub struct Client {
    http: reqwest::Client,
    site: Site,
    place: OnceCell<Place>,
    /// Where an API token turned out to be taken, if not at the site.
    entrance: Mutex<Option<Entrance>>,
    credentials: Credentials,
    writing: Writing,
    markers: markers::Kept,
    seen_markers: Kept<Marker>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    pace: Mutex<Pace>,
    limit: Mutex<Option<limit::KeptLimit>>,
    users: Kept<Option<String>>,
    leads: Kept<Option<String>>,
    forms: Kept<Arc<Form>>,
    request_forms: Kept<RequestForm>,
}

impl Client {
    /// A client for the Jira of `settings`. Connects to nothing yet; `keys` are asked for at the first request.
    pub fn new(
        settings: &JiraSettings,
        keys: Keys,
        clock: Arc<dyn Clock>,
        timeouts: Timeouts,
    ) -> Result<Self, SetUpError> {
        if [Some(&settings.url), settings.api_url.as_ref()].into_iter().flatten().any(Url::cannot_be_a_base) {
            return Err(SetUpError::Address);
        }
        Ok(Self {
            http: http::client(settings.ca_file.as_deref(), timeouts.write)?,
            site: Site::of(settings),
            place: OnceCell::new(),
            entrance: Mutex::default(),
            credentials: Credentials::new(settings.auth.clone(), keys),
            writing: settings.writing,
            markers: markers::Kept::default(),
            seen_markers: Kept::default(),
            clock,
            timeouts,
            pace: Mutex::default(),
            limit: Mutex::default(),
            users: Kept::default(),
            leads: Kept::default(),
            forms: Kept::default(),
            request_forms: Kept::default(),
        })
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        locked(&self.pace)
    }

    fn kept_limit(&self) -> MutexGuard<'_, Option<limit::KeptLimit>> {
        locked(&self.limit)
    }

    async fn write(&self, step: &Step, target: Target<'_>, content: Option<Payload>) -> Result<Written, JiraError> {
        let (marker, issue) = (&step.marker, || target.issue.ok_or_else(without_issue));
        match &step.write {
            Write::CreateIssue { project, fields } => self.create_issue(project, fields, marker).await,
            Write::RaiseRequest { project, request } => self.raise_request(project, request, marker).await,
            Write::Complete { origin, fields } => self.complete_issue(issue()?, (fields, origin), marker).await,
            Write::AddComment { body, visibility } => self.add_comment(issue()?, (body, visibility), marker).await,
            Write::Prove { visibility } => self.prove_visibility(issue()?, target.comment, visibility).await,
            Write::Attach { name, content_type, audience, .. } => {
                let content = content.ok_or_else(|| unfit("an attachment was to be sent without its bytes"))?;
                let upload = Upload { name: name.clone(), content_type: content_type.clone(), content };
                match audience {
                    None => self.attach(issue()?, upload).await,
                    Some(audience) => self.attach_to_request(issue()?, upload, *audience).await,
                }
            }
            Write::ShowPictures { text, place } => {
                self.show_pictures(issue()?, (text, &Text::of(place, target.comment)?), target.attached).await
            }
            Write::Link { kind, other } => self.link(issue()?, kind, other).await,
            Write::Watch { user } => self.watch(issue()?, user).await,
            Write::AddParticipants { users } => self.add_participants(issue()?, users).await,
            Write::Reopen => self.reopen(issue()?, marker).await,
        }
    }
}

impl Jira for Client {
    fn apply<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        content: Option<Payload>,
    ) -> BoxFuture<'a, Result<Written, JiraError>> {
        Box::pin(self.write(step, target, content))
    }

    fn look_up<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        sent_at: Timestamp,
        claimed: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Written>, JiraError>> {
        Box::pin(self.find_written(step, target, sent_at, claimed))
    }

    fn issue<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Option<ExistingIssue>, JiraError>> {
        Box::pin(self.read_issue(issue))
    }

    fn involved<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Vec<String>, JiraError>> {
        Box::pin(self.read_involved(issue))
    }

    fn flavour(&self) -> BoxFuture<'_, Result<Flavour, JiraError>> {
        Box::pin(async { Ok(self.place().await?.flavour) })
    }

    fn known_flavour(&self) -> Option<Flavour> {
        self.place.get().map(|place| place.flavour)
    }

    fn upload_limit(&self) -> BoxFuture<'_, Result<UploadLimit, JiraError>> {
        Box::pin(self.read_upload_limit())
    }

    fn user<'a>(&'a self, address: &'a str, among: Among<'a>) -> BoxFuture<'a, Result<Option<String>, JiraError>> {
        Box::pin(self.find_user(address, among))
    }

    fn project_lead<'a>(&'a self, project: &'a str) -> BoxFuture<'a, Result<Option<String>, JiraError>> {
        Box::pin(self.find_lead(project))
    }

    fn form<'a>(&'a self, project: &'a str, issue_type: &'a str) -> BoxFuture<'a, Result<Arc<Form>, JiraError>> {
        Box::pin(self.read_form(project, issue_type))
    }

    fn can_reopen<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<WayBack, JiraError>> {
        Box::pin(async {
            let ways = self.transitions(issue).await?;
            Ok(if transitions::ways_back(&ways).next().is_some() { WayBack::Open } else { WayBack::Closed })
        })
    }

    fn commenting<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Commenting, JiraError>> {
        Box::pin(self.read_commenting(issue))
    }

    fn nature<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Nature, JiraError>> {
        Box::pin(self.read_nature(issue))
    }

    fn request_form<'a>(
        &'a self,
        project: &'a str,
        request_type: &'a str,
    ) -> BoxFuture<'a, Result<RequestForm, JiraError>> {
        Box::pin(self.read_request_form(project, request_type))
    }

    fn finish<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<(), JiraError>> {
        Box::pin(self.finish_issue(issue))
    }

    fn reach(&self) -> BoxFuture<'_, Result<(), JiraError>> {
        Box::pin(async { self.myself().await.map(drop) })
    }
}

/// An id, which most endpoints send as text and some as a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "TextOrNumber")]
pub struct Id(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl From<TextOrNumber> for Id {
    fn from(id: TextOrNumber) -> Self {
        match id {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// A step that cannot be done as it stands; nothing was sent.
fn unfit(why: &str) -> JiraError {
    JiraError::new(Verdict::Quarantine, None, why.to_owned())
}

fn without_issue() -> JiraError {
    unfit("something was to be written to an issue, and there is none")
}

fn without_comment() -> JiraError {
    unfit("something was to be done to a comment, and there is none")
}
