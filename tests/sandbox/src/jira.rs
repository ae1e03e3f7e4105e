//! A Jira to be run on one's own machine, Cloud (REST v3) or Data Center (REST v2): it keeps state, misbehaves when told to,
//! and shows what it holds. It is not Jira: little of Service Management, and one simple workflow.
//!
//! [`JiraCloud::start`] opens it on a loopback port. The API is at the usual paths; `/` is a page to look at;
//! `POST /_control`, `GET /_state` and `GET /_log` do over HTTP what the methods here do from Rust, also at
//! [`JiraCloud::control_url`], which still answers while Jira itself is down.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use door::Door;
use faults::{Chaos, Fault};
use log::Entry;
use shared::Shared;
use site::{Account, Issue, Product, Project, Settings, Site};
use ways::Ways;

pub mod desk;
pub mod documents;
pub mod faults;
pub mod log;
pub mod site;
pub mod ways;

mod adf;
mod answer;
mod api;
mod control;
mod door;
mod fields;
mod jql;
mod page;
mod shared;
mod view;

/// How a [`JiraCloud`] starts out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Which Jira it is.
    pub product: Product,
    /// What can be written to.
    pub projects: Vec<Project>,
    /// Who may sign in, and who else is known.
    pub accounts: Vec<Account>,
    /// The zone that timestamps in answers are written in.
    pub time_zone: TimeZone,
    /// Everything that can also be changed later.
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            product: Product::Cloud,
            projects: vec![
                Project::new("SUP", "Support"),
                Project::new("OPS", "Operations"),
                Project::new("HELP", "Help desk").with_desk(desk::Desk::usual()),
            ],
            accounts: vec![Account::bot(), Account::person("Ann Example", "ann@example.com")],
            time_zone: TimeZone::UTC,
            settings: Settings::default(),
        }
    }
}

/// Whether connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// Listening.
    Up,
    /// Not listening: connections are refused, and those that were open are cut.
    Down,
}

/// A running Jira. It stops when dropped.
#[derive(Debug)]
pub struct JiraCloud {
    shared: Arc<Shared>,
    control: SocketAddr,
    #[expect(dead_code, reason = "owns the tasks that accept connections, which end when it is dropped")]
    servers: JoinSet<()>,
}

impl JiraCloud {
    /// Starts listening. Fails when the address is taken.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.address).await.context("cannot listen for Jira")?;
        let address = listener.local_addr()?;
        let side = TcpListener::bind((address.ip(), 0)).await.context("cannot listen for control")?;
        let control = side.local_addr()?;
        let shared = Arc::new(Shared::new(
            Site::new(format!("http://{address}{}", options.product.context()), options),
            Ways::new()?,
        ));
        let door = Door::new(listener, address, Arc::clone(&shared));
        let main = api::router(Arc::clone(&shared)).into_make_service_with_connect_info::<door::Cable>();
        let beside = control::router(Arc::clone(&shared), control::Entrance::Side);
        let mut servers = JoinSet::new();
        servers.spawn(async move { axum::serve(door, main).await.unwrap_or_default() });
        servers.spawn(async move { axum::serve(side, beside).await.unwrap_or_default() });
        Ok(Self { shared, control, servers })
    }

    /// `http://127.0.0.1:PORT`, and the context path of Data Center, without a slash at the end.
    pub fn url(&self) -> String {
        self.shared.site().url.clone()
    }

    /// Where `/_control`, `/_state` and `/_log` answer even while Jira is down.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// Which Jira it is.
    pub fn product(&self) -> Product {
        self.shared.site().product
    }

    /// Every issue, oldest first, with its comments, attachments and properties.
    pub fn issues(&self) -> Vec<Issue> {
        self.shared.site().issues().to_vec()
    }

    /// The summary of every issue, and when it was created: little work, however much is in them.
    pub fn created(&self) -> Vec<(String, Timestamp)> {
        self.shared.site().issues().iter().map(|issue| (issue.summary.clone(), issue.created)).collect()
    }

    /// One issue by id or key.
    pub fn issue(&self, id_or_key: &str) -> Option<Issue> {
        self.shared.site().issue(id_or_key).cloned()
    }

    /// What `GET /_state` answers.
    pub fn state(&self) -> Value {
        control::state(&self.shared)
    }

    /// The requests to the API so far, oldest first; those that fell out of the log's bound are gone.
    pub fn requests(&self) -> Vec<Entry> {
        self.shared.log().entries()
    }

    /// The most requests that were in progress at one time.
    pub fn max_concurrent_requests(&self) -> usize {
        self.shared.max_concurrent()
    }

    /// Changes the settings in place.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.site().settings);
    }

    /// Adds a fault; the first that fits a request and has something left to do applies. Delays add up.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    /// Misbehaves at random from now on.
    pub fn set_chaos(&self, chaos: Chaos) {
        self.shared.faults().set_chaos(chaos);
    }

    /// Ends all faults and chaos. Settings stay, and so does [`Availability`].
    pub fn heal(&self) {
        self.shared.faults().heal();
    }

    /// Stops listening and cuts every connection, or listens again on the same port; returns when it is so.
    pub async fn set_availability(&self, availability: Availability) {
        self.shared.set_availability(availability).await;
    }

    /// Makes `token` the one that `email` signs in with; another one of that account is no longer taken.
    pub fn set_token(&self, email: &str, token: &str) {
        self.shared.site().set_token(email, token);
    }

    /// The application link's private key, as PEM.
    pub fn link_key(&self) -> anyhow::Result<String> {
        self.shared.ways().link_key()
    }

    /// Makes tokens end.
    pub fn control_tokens(&self, command: ways::Command) {
        self.shared.ways().obey(command);
    }

    /// Makes a second issue of one, properties and all, as a repeated create would have. Returns its key.
    pub fn copy_issue(&self, id_or_key: &str) -> Option<String> {
        self.shared.site().copy(id_or_key, now())
    }

    /// Deletes an issue, as a person would. Says whether there was one.
    pub fn delete_issue(&self, id_or_key: &str) -> bool {
        self.shared.site().delete_issue(id_or_key)
    }

    /// Deletes a comment or a file from its issue.
    pub fn delete_from_issue(&self, id_or_key: &str, id: u64) {
        self.shared.site().delete_from_issue(id_or_key, id, now());
    }

    /// Somebody writes another description.
    pub fn describe(&self, issue: &str, description: Value) {
        if let Some(issue) = self.shared.site().issue_mut(issue, now()) {
            issue.fields.insert("description".to_owned(), description);
        }
    }

    /// Somebody attaches a file to an issue.
    pub fn attach(&self, issue: &str, name: &str) {
        let attachment = site::Attachment {
            id: 0,
            media_id: "00000000-1111-2222-3333-444444444444".to_owned(),
            name: name.to_owned(),
            content_type: "image/png".to_owned(),
            content: "somebody's".into(),
            author: "somebody".to_owned(),
            created: now(),
        };
        self.shared.site().add_attachment(issue, attachment);
    }

    /// Somebody moves an issue through its workflow.
    pub fn set_status(&self, issue: &str, status: site::Status) {
        if let Some(issue) = self.shared.site().issue_mut(issue, now()) {
            issue.status = status;
        }
    }

    /// Somebody moves an issue to another project. Returns its new key.
    pub fn move_issue(&self, issue: &str, project: &str) -> Option<String> {
        self.shared.site().move_issue(issue, project)
    }

    /// Writes an issue directly, as if somebody else had created it just now. Returns its key.
    pub fn plant_issue(&self, project: &str, summary: &str) -> Option<String> {
        self.shared.site().plant(project, summary, now())
    }
}

impl Drop for JiraCloud {
    fn drop(&mut self) {
        self.shared.cut_all();
    }
}

/// The time that everything here goes by.
#[expect(clippy::disallowed_methods, reason = "the sandbox's own clock: the program under test has another")]
fn now() -> Timestamp {
    Timestamp::now()
}
