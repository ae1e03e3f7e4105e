//! What is asked of Jira, by name: for error messages, for pacing, and for telling a read from a write. Says nothing about how.

use crate::failure::Scope;
use crate::jira::IssueRef;

/// The calls that the program makes, one for each endpoint and method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /issue`.
    CreateIssue,
    /// `POST /issue/{id}/comment`.
    AddComment,
    /// `POST /issue/{id}/attachments`.
    Attach,
    /// `PUT /issue/{id}`.
    CompleteIssue,
    /// `POST /request` of Service Management.
    RaiseRequest,
    /// `POST /customer`, likewise.
    CreateCustomer,
    /// `POST /servicedesk/{id}/customer`.
    AdmitCustomer,
    /// `POST /servicedesk/{id}/attachTemporaryFile`.
    PutDownFile,
    /// `POST /request/{id}/attachment`.
    AttachToRequest,
    /// `GET /servicedesk/{id}/requesttype`.
    ListRequestTypes,
    /// `GET /servicedesk/{id}/requesttype/{id}/field`.
    ReadRequestForm,
    /// `GET /servicedesk/{id}/customer`.
    ListCustomers,
    /// `GET /request/{id}`.
    ReadRequest,
    /// `GET /request/{id}/participant`.
    ListParticipants,
    /// `POST /request/{id}/participant`.
    AddParticipants,
    /// `PUT …/properties/{key}`, of an issue or a comment.
    SetMarker,
    /// `POST /search/jql`; of Data Center `POST /search`.
    Search,
    /// `GET /issue/{id}/comment`.
    ListComments,
    /// `GET /comment/{id}/properties/{key}`.
    ReadCommentProperty,
    /// `GET /issue/{id}/properties/{key}`.
    ReadIssueProperty,
    /// `GET /issue/{id}?fields=…`.
    ReadIssue,
    /// `GET /issue/{id}/watchers`.
    ListWatchers,
    /// `GET /issue/{id}/transitions`.
    ListTransitions,
    /// `POST /issue/{id}/transitions`.
    Transition,
    /// `POST /issue/{id}/watchers`.
    Watch,
    /// `POST /issueLink`.
    LinkIssues,
    /// `GET /issue/{id}/comment/{id}`.
    ReadComment,
    /// `DELETE /issue/{id}/comment/{id}`.
    DeleteComment,
    /// `PUT /issue/{id}/comment/{id}`.
    EditComment,
    /// `PUT /issue/{id}`, or of a comment on it: the text with its pictures.
    ShowPictures,
    /// `GET /attachment/content/{id}`, for where it points to.
    FindMedia,
    /// `GET /attachment/meta`.
    ReadUploadLimit,
    /// `GET /myself`.
    Myself,
    /// `GET /serverInfo`.
    ServerInfo,
    /// `GET /project/{key}`.
    ReadProject,
    /// `GET /user/search`, or `GET /user/assignable/search`.
    FindUsers,
    /// `GET /mypermissions`.
    ReadPermissions,
    /// `GET /issue/createmeta/{project}/issuetypes`.
    ListIssueTypes,
    /// `GET /issue/createmeta/{project}/issuetypes/{id}`.
    ListCreateFields,
}

/// The interfaces that a Jira has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// `/rest/api/3` of Cloud, `/rest/api/2` of Data Center.
    Platform,
    /// `/rest/servicedeskapi`.
    ServiceDesk,
}

/// Of what kind a call is.
struct Nature {
    effect: Effect,
    interface: Interface,
    subject: Subject,
}

/// Whether a call changes something.
enum Effect {
    Read,
    Write,
}

/// What a call is about.
enum Subject {
    Site,
    Project,
    Issue,
}

impl Operation {
    /// Whether the call changes something, so that not knowing its outcome matters.
    pub const fn is_write(self) -> bool {
        matches!(self.nature().effect, Effect::Write)
    }

    /// Whether it is asked for the address that it is redirected to.
    pub const fn wants_address(self) -> bool {
        matches!(self, Self::FindMedia)
    }

    /// Which of Jira's interfaces it belongs to.
    pub const fn interface(self) -> Interface {
        self.nature().interface
    }

    /// Whether it is about one issue, which may be gone.
    pub const fn is_about_an_issue(self) -> bool {
        matches!(self.nature().subject, Subject::Issue)
    }

    /// How far a refusal (403, or 404 where the thing asked for is the project) reaches.
    pub const fn scope(self) -> Scope {
        match self.nature().subject {
            Subject::Site => Scope::Everything,
            Subject::Project | Subject::Issue => Scope::Project,
        }
    }

    /// All that tells one call from another but its endpoint.
    const fn nature(self) -> Nature {
        use Effect::{Read, Write};
        use Interface::{Platform, ServiceDesk};
        use Subject::{Issue, Project, Site};
        let (effect, interface, subject) = match self {
            Self::ReadUploadLimit | Self::Myself | Self::ServerInfo | Self::FindUsers => (Read, Platform, Site),
            Self::Search
            | Self::ReadProject
            | Self::ReadPermissions
            | Self::ListIssueTypes
            | Self::ListCreateFields => (Read, Platform, Project),
            Self::ListComments
            | Self::ReadCommentProperty
            | Self::ReadIssueProperty
            | Self::ReadIssue
            | Self::ListWatchers
            | Self::ListTransitions
            | Self::ReadComment
            | Self::FindMedia => (Read, Platform, Issue),
            Self::CreateIssue => (Write, Platform, Project),
            Self::AddComment
            | Self::Attach
            | Self::CompleteIssue
            | Self::SetMarker
            | Self::Transition
            | Self::Watch
            | Self::LinkIssues
            | Self::DeleteComment
            | Self::EditComment
            | Self::ShowPictures => (Write, Platform, Issue),
            Self::ListRequestTypes | Self::ReadRequestForm | Self::ListCustomers => (Read, ServiceDesk, Project),
            Self::ReadRequest | Self::ListParticipants => (Read, ServiceDesk, Issue),
            Self::RaiseRequest | Self::CreateCustomer | Self::AdmitCustomer | Self::PutDownFile => {
                (Write, ServiceDesk, Project)
            }
            Self::AttachToRequest | Self::AddParticipants => (Write, ServiceDesk, Issue),
        };
        Nature { effect, interface, subject }
    }
}

/// One call, with what it is about.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which.
    pub operation: Operation,
    /// The project or the issue, as people call it; empty for what concerns the whole site.
    pub about: &'a str,
    /// The issue by the name that pacing knows it by.
    pub issue: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A call about the whole site.
    pub const fn site(operation: Operation) -> Self {
        Self { operation, about: "", issue: None }
    }

    /// A call about a project.
    pub const fn project(operation: Operation, project: &'a str) -> Self {
        Self { operation, about: project, issue: None }
    }

    /// A call about an issue.
    pub fn issue(operation: Operation, issue: &'a IssueRef) -> Self {
        Self { operation, about: issue.name(), issue: Some(path_name(issue)) }
    }

    /// What was attempted, to follow "cannot".
    pub fn attempt(&self) -> String {
        let about = self.about;
        match self.operation {
            Operation::CreateIssue => format!("create an issue in {about}"),
            Operation::AddComment => format!("add a comment to {about}"),
            Operation::Attach => format!("attach a file to {about}"),
            Operation::CompleteIssue => format!("set the rest of {about}"),
            Operation::RaiseRequest => format!("raise a request in {about}"),
            Operation::CreateCustomer => "make a customer".to_owned(),
            Operation::AdmitCustomer => "admit a customer to the service desk".to_owned(),
            Operation::PutDownFile => format!("put a file down for {about}"),
            Operation::AttachToRequest => format!("attach a file to the request {about}"),
            Operation::ListRequestTypes => format!("list the request types of {about}"),
            Operation::ReadRequestForm => format!("read the form of a request type of {about}"),
            Operation::ReadRequest => format!("read the request {about}"),
            Operation::ListParticipants => format!("list the participants of {about}"),
            Operation::AddParticipants => format!("add participants to {about}"),
            Operation::ListCustomers => "list the customers of the service desk".to_owned(),
            Operation::SetMarker => format!("set a marker on {about}"),
            Operation::Search => format!("search {about}"),
            Operation::ListComments => format!("list the comments of {about}"),
            Operation::ReadCommentProperty => format!("read a comment's marker on {about}"),
            Operation::ReadIssueProperty => format!("read the marker of {about}"),
            Operation::ReadIssue => format!("read {about}"),
            Operation::ListWatchers => format!("list the watchers of {about}"),
            Operation::ListTransitions => format!("list the transitions of {about}"),
            Operation::Transition => format!("move {about} to another status"),
            Operation::Watch => format!("add a watcher to {about}"),
            Operation::LinkIssues => format!("link {about} to another issue"),
            Operation::ReadComment => format!("read a comment on {about}"),
            Operation::DeleteComment => format!("delete a comment on {about}"),
            Operation::EditComment => format!("empty a comment on {about}"),
            Operation::ShowPictures => format!("show pictures in {about}"),
            Operation::FindMedia => format!("find a picture of {about} at the media service"),
            Operation::ReadUploadLimit => "read the attachment limit".to_owned(),
            Operation::Myself => "read our own account".to_owned(),
            Operation::ServerInfo => "read what Jira this is".to_owned(),
            Operation::ReadProject => format!("read project {about}"),
            Operation::FindUsers => "find a user by mail address".to_owned(),
            Operation::ReadPermissions => format!("read our permissions in {about}"),
            Operation::ListIssueTypes => format!("list the issue types of {about}"),
            Operation::ListCreateFields => format!("list the fields of a new issue in {about}"),
        }
    }
}

/// How an issue is named in paths: by its id, which survives a move to another project, else by its key.
pub fn path_name(issue: &IssueRef) -> &str {
    if issue.id.is_empty() { &issue.key } else { &issue.id }
}
