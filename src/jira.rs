//! Jira: what is to be written ([`plan`], [`document`]; pure), and writing it ([`client`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Scope, Verdict};
pub use payload::Payload;
use plan::{Step, Write};

pub mod auth;
pub mod client;
pub mod document;
pub mod json;
pub mod payload;
pub mod plan;

/// What kind of Jira it is, and with it its API, its markup and how it names people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// REST v3, rich text as Atlassian Documents, people by account id.
    Cloud,
    /// REST v2, rich text as wiki markup, people by user name.
    DataCenter,
}

impl Flavour {
    /// The word for it in the configuration and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::DataCenter => "data-center",
        }
    }
}

/// An issue by both its names: the id never changes, the key does when the issue is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRef {
    /// Numeric id, as text.
    pub id: String,
    /// `OPS-123`; empty while only the id is known.
    pub key: String,
}

impl IssueRef {
    /// Its key, or its id while only that is known.
    pub fn name(&self) -> &str {
        if self.key.is_empty() { &self.id } else { &self.key }
    }

    /// The key of the project that it is in, as far as its own key tells.
    pub fn project(&self) -> Option<&str> {
        project_of(&self.key)
    }
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The key of the project that an issue with such a key is in: `OPS` of `OPS-123`.
pub fn project_of(issue_key: &str) -> Option<&str> {
    issue_key.rsplit_once('-').map(|(project, _)| project)
}

/// What of a message Jira holds already: where its further writes go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The issue.
    pub issue: Option<&'a IssueRef>,
    /// The comment that it wrote last, by its id.
    pub comment: Option<&'a str>,
    /// The files that it has brought, where a text is to show them.
    pub attached: &'a [ExistingAttachment],
}

impl<'a> Target<'a> {
    /// An issue, and nothing else on it.
    pub const fn issue(issue: &'a IssueRef) -> Self {
        Self { issue: Some(issue), comment: None, attached: &[] }
    }
}

/// What Jira said was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// An issue.
    Issue(IssueRef),
    /// A comment, by its id.
    Comment(String),
    /// An attachment, by its id.
    Attachment(String),
    /// What leaves nothing with an id: a link, a watcher, another status.
    Change,
}

/// An issue as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingIssue {
    /// By its current key: issues are moved.
    pub issue: IssueRef,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// How far the work on it has come.
    pub progress: Progress,
    /// The files that it has.
    pub attachments: Vec<ExistingAttachment>,
}

/// How far the work on an issue has come, whatever its statuses are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is work left, or Jira does not say.
    Open,
    /// Its status is of the category "done".
    Finished,
}

/// What kind of value a field takes, as Jira's create metadata says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FieldSchema {
    /// `string`, `array`, `option`, `user` and so on.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What a list is of; empty where it is none.
    #[serde(default)]
    pub items: String,
    /// The type of a custom field; empty for a system field.
    #[serde(default)]
    pub custom: String,
}

/// The form for new issues of a type: its fields by their ids. Empty where Jira does not tell.
pub type Form = BTreeMap<String, FormField>;

/// A field of that form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// For people.
    pub name: String,
    /// What kind of value it takes.
    pub schema: FieldSchema,
    /// Whether it can be left out.
    pub need: Need,
}

/// Whether a field can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There is no issue without it, and Jira does not fill it by itself.
    Required,
    /// The field may be left out.
    Optional,
}

/// Among whom a user is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among<'a> {
    /// Everybody.
    All,
    /// Those who can be assigned an issue of this project.
    AssignableIn(&'a str),
    /// Everybody, and the customers of service desks, who cannot be named on an issue.
    WithCustomers,
}

/// Whether a finished issue can be worked on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    /// A transition leads there.
    Open,
    /// None does, or none that we may take: it is closed for good.
    Closed,
}

/// Whether an issue that has refused a comment takes any of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commenting {
    /// The issue takes comments of ours, as far as Jira tells.
    Allowed,
    /// This one does not, whoever mends what: it is archived, may not be seen, or its status or its people forbid it.
    NotHere,
    /// None in its project does, until a person mends the permissions there.
    NotInProject,
}

/// Whether an issue is for those alone who work with Jira, or for customers too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nature {
    /// It is an issue and no request.
    #[default]
    Issue,
    /// Jira refuses to tell.
    Untold,
    /// It is a request of Service Management, too.
    Request,
}

/// What a request type of a service desk asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestForm {
    /// The service desk's id.
    pub desk: String,
    /// The request type's id.
    pub request_type: String,
    /// Its fields: it takes no others.
    pub fields: Form,
    /// We may raise it on behalf of a customer.
    pub raises_for_customers: bool,
    /// Others may take part in it.
    pub takes_participants: bool,
}

/// How large a file Jira takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadLimit {
    /// Up to so many bytes.
    Bytes(u64),
    /// It does not say.
    Untold,
    /// None: attachments are switched off.
    Off,
}

/// A file that an issue already has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExistingAttachment {
    /// Attachment id.
    pub id: String,
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// The seam between the pipeline and Jira. [`client::Client`] speaks to a real one; the simulation is the other implementation.
pub trait Jira: Send + Sync {
    /// Does one write. `content` is what an [`Write::Attach`] uploads; `target` is where everything but an issue goes.
    fn apply<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        content: Option<Payload>,
    ) -> BoxFuture<'a, Result<Written, JiraError>>;

    /// Looks for what `step` may have written at `sent_at`. `None` means that it is not there to be seen, no more than that.
    /// `claimed` are attachment ids that other steps own.
    fn look_up<'a>(
        &'a self,
        step: &'a Step,
        target: Target<'a>,
        sent_at: Timestamp,
        claimed: &'a [String],
    ) -> BoxFuture<'a, Result<Option<Written>, JiraError>>;

    /// What an issue is now, or `None` when there is no such issue (or none that may be seen).
    fn issue<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Option<ExistingIssue>, JiraError>>;

    /// The addresses of those who are on an issue (who reported it, works on it, watches it, takes part in it), as far as Jira
    /// shows them to us.
    fn involved<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Vec<String>, JiraError>>;

    /// What kind of Jira it is. Asked once.
    fn flavour(&self) -> BoxFuture<'_, Result<Flavour, JiraError>>;

    /// What kind of Jira it is, where that is known already. Asks nobody.
    fn known_flavour(&self) -> Option<Flavour>;

    /// How large a file Jira takes.
    fn upload_limit(&self) -> BoxFuture<'_, Result<UploadLimit, JiraError>>;

    /// The user with this mail address, by the name that issues know users by; `None` where no single one shows it.
    fn user<'a>(&'a self, address: &'a str, among: Among<'a>) -> BoxFuture<'a, Result<Option<String>, JiraError>>;

    /// Who leads a project, named likewise.
    fn project_lead<'a>(&'a self, project: &'a str) -> BoxFuture<'a, Result<Option<String>, JiraError>>;

    /// The form for new issues of a type; empty where Jira has no such form for us.
    fn form<'a>(&'a self, project: &'a str, issue_type: &'a str) -> BoxFuture<'a, Result<Arc<Form>, JiraError>>;

    /// Whether some transition leads a finished issue back to work.
    fn can_reopen<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<WayBack, JiraError>>;

    /// Whether an issue that has refused a comment takes any of ours.
    fn commenting<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Commenting, JiraError>>;

    /// Whether an issue is a request of Service Management.
    fn nature<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<Nature, JiraError>>;

    /// The form of a request type of a project's service desk, by its name or id.
    fn request_form<'a>(
        &'a self,
        project: &'a str,
        request_type: &'a str,
    ) -> BoxFuture<'a, Result<RequestForm, JiraError>>;

    /// Moves an issue to a finished status. One that is finished, or gone, is left as it is; one that no transition leads on
    /// from stays open, and that is logged.
    fn finish<'a>(&'a self, issue: &'a IssueRef) -> BoxFuture<'a, Result<(), JiraError>>;

    /// Whether Jira answers and knows us; used to leave a halt and for health.
    fn reach(&self) -> BoxFuture<'_, Result<(), JiraError>>;
}

/// Why a call to Jira came to nothing, or to nobody knows what.
///
/// Shown with `{}` it is fit for a log: whatever of [`Self::message`] may quote the mail is left out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .logged.as_ref().unwrap_or(.message))]
pub struct JiraError {
    /// What it means for the message at hand.
    pub verdict: Verdict,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What was attempted and what came back, for people; holds no secret and no HTML.
    pub message: String,
    /// [`Self::message`] without Jira's own words, where those may quote the mail.
    pub logged: Option<String>,
    /// Messages by field, from a 400.
    pub fields: Vec<(String, String)>,
}

impl JiraError {
    /// A failure that quotes nothing and names no field.
    pub const fn new(verdict: Verdict, status: Option<u16>, message: String) -> Self {
        Self { verdict, status, message, logged: None, fields: Vec::new() }
    }

    /// What the failure means.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Jira will not answer, now or later.
    pub fn is_refusal(&self) -> bool {
        match self.verdict {
            Verdict::Quarantine | Verdict::Halt(_) => true,
            Verdict::Retry(_) | Verdict::Unknown => false,
        }
    }

    /// There is nothing at the address that was asked. Of what every Jira has it may also mean that this is none.
    pub const fn lacks_what_was_asked(&self) -> bool {
        matches!(self.status, Some(404 | 405 | 410 | 501))
    }

    /// Jira refuses what was asked for, and not us altogether.
    pub fn is_about_one_thing(&self) -> bool {
        match self.verdict {
            Verdict::Quarantine | Verdict::Halt(Scope::Project) => true,
            Verdict::Retry(_) | Verdict::Unknown | Verdict::Halt(Scope::Everything | Scope::Consent) => false,
        }
    }

    /// The answer to a question that nothing depends on: one that may come later is waited for, one that Jira refuses is done
    /// without.
    pub fn or_without<T>(answer: Result<T, Self>) -> Result<Option<T>, Self> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_refusal() => {
                tracing::debug!(error = %error, "done without what Jira refuses to tell");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The answer to a question on which something depends: that Jira refuses this one (`None`) is an answer, too. While it refuses us
    /// altogether nobody knows.
    pub fn or_refused<T>(answer: Result<T, Self>) -> Result<Option<T>, Self> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_about_one_thing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The issue that a comment or attachment was meant for is not there, by Jira's own word. A 404 of somebody else (a proxy,
    /// a wrong address) has another verdict and proves nothing.
    pub fn issue_is_gone(&self, write: &Write) -> bool {
        let said_by_jira = self.status == Some(404) && self.verdict == Verdict::Quarantine;
        said_by_jira
            && matches!(
                write,
                Write::AddComment { .. } | Write::Prove { .. } | Write::Attach { .. } | Write::Complete { .. }
            )
    }
}
