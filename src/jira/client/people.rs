//! Who is who in Jira: the user behind a mail address, and who leads a project. People are named as issues name them: by account id
//! on Cloud, by user name on Data Center.

use serde::Deserialize;

use super::Client;
use super::call::{Call, Operation};
use crate::jira::{Among, Flavour, Jira, JiraError};

/// Somebody whom Jira knows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundUser {
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    account_type: Option<String>,
    #[serde(default)]
    active: Option<bool>,
}

#[derive(Deserialize)]
struct Led {
    #[serde(default)]
    key: String,
    #[serde(default)]
    lead: Option<FoundUser>,
}

impl FoundUser {
    /// Cloud also finds apps, and customers of service desks.
    fn is_of(&self, address: &str, among: Among<'_>) -> bool {
        let shown = self.email_address.as_deref().unwrap_or_default();
        let person = match (self.account_type.as_deref(), among) {
            (None | Some("atlassian"), _) => true,
            (Some(kind), Among::WithCustomers) => kind != "app",
            (Some(_), Among::All | Among::AssignableIn(_)) => false,
        };
        shown.eq_ignore_ascii_case(address) && person && self.active != Some(false)
    }

    pub(super) fn into_name(self, flavour: Flavour) -> Option<String> {
        match flavour {
            Flavour::Cloud => self.account_id,
            Flavour::DataCenter => self.name,
        }
    }
}

/// A question about a person, as its answer is kept under.
fn asked(address: &str, among: Among<'_>) -> String {
    let address = address.to_lowercase();
    match among {
        Among::All => format!(" {address}"),
        Among::AssignableIn(project) => format!("{project} {address}"),
        Among::WithCustomers => format!("* {address}"),
    }
}

impl Client {
    /// The one user who shows this address, as it was answered not too long ago, or is now.
    pub(super) async fn find_user(&self, address: &str, among: Among<'_>) -> Result<Option<String>, JiraError> {
        match self.users.get(&asked(address, among)) {
            Some(known) => Ok(known),
            None => self.ask_for_user(address, among).await,
        }
    }

    /// The one user who shows this address. Jira also finds by the beginnings of names, and finds people who hide their
    /// addresses: neither proves anything. Without the permission to browse users it finds nobody.
    pub(super) async fn ask_for_user(&self, address: &str, among: Among<'_>) -> Result<Option<String>, JiraError> {
        let address = address.to_lowercase();
        let (path, project): (&[&str], _) = match among {
            Among::All | Among::WithCustomers => (&["user", "search"], None),
            Among::AssignableIn(project) => (&["user", "assignable", "search"], Some(project)),
        };
        let flavour = self.flavour().await?;
        let parameter = match flavour {
            Flavour::Cloud => "query",
            Flavour::DataCenter => "username",
        };
        let query: Vec<_> =
            [(parameter, address.as_str())].into_iter().chain(project.map(|key| ("project", key))).collect();
        let found: Vec<FoundUser> = self.get(Call::site(Operation::FindUsers), path, &query).await?;
        let mut exact = found.into_iter().filter(|user| user.is_of(&address, among));
        let user = match (exact.next(), exact.next()) {
            (Some(user), None) => user.into_name(flavour),
            (Some(_), Some(_)) | (None, _) => None,
        };
        self.users.put(&asked(&address, among), user.clone());
        Ok(user)
    }

    /// Takes note of a customer whom we made.
    pub(super) fn know_customer(&self, address: &str, name: &str) {
        self.users.put(&asked(address, Among::WithCustomers), Some(name.to_owned()));
    }

    /// Who leads a project, where it says so.
    pub(super) async fn find_lead(&self, project: &str) -> Result<Option<String>, JiraError> {
        if let Some(known) = self.leads.get(project) {
            return Ok(known);
        }
        let query = [("keys", project), ("expand", "lead")];
        let led = self.project_as(project, &query, |led: &Led| &led.key).await?;
        let flavour = self.flavour().await?;
        let lead = led.and_then(|led| led.lead).and_then(|lead| lead.into_name(flavour));
        self.leads.put(project, lead.clone());
        Ok(lead)
    }
}
