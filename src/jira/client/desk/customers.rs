//! Whom a request is raised for: found by their address, or made a customer where that is wanted. Making one twice makes one.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{repeatable, without};
use crate::jira::client::call::{Call, Operation};
use crate::jira::client::people::FoundUser;
use crate::jira::client::send::{Content, Request};
use crate::jira::client::{Client, unfit};
use crate::jira::plan::request::{Customer, Unknown};
use crate::jira::{Among, Flavour, Jira, JiraError};

/// The part of a request that names whom it is for.
const PART: &str = "raiseOnBehalfOf";

#[derive(Deserialize)]
struct Customers {
    values: Vec<FoundUser>,
}

impl Client {
    /// Whom a request is raised for, by the name that Jira knows them by. Where nobody can be named, the error says that it is
    /// to be raised without.
    pub(super) async fn customer(&self, desk: &str, customer: &Customer) -> Result<String, JiraError> {
        let found = self.find_user(&customer.address, Among::WithCustomers).await.map_err(as_part)?;
        match (found, customer.unknown) {
            (Some(found), _) => Ok(found),
            (None, Unknown::Leave) => Err(without(PART, unfit("Jira knows no customer by the sender's address"))),
            (None, Unknown::Create) => self.new_customer(desk, customer).await.map_err(as_part),
        }
    }

    /// Those of `addresses` whom Jira knows.
    pub(super) async fn participants(&self, addresses: &[String]) -> Result<Vec<String>, JiraError> {
        let mut known = Vec::new();
        for address in addresses {
            match JiraError::or_without(self.find_user(address, Among::WithCustomers).await)? {
                Some(found) => known.extend(found),
                None => break,
            }
        }
        Ok(known)
    }

    /// Makes a customer, and lets them use the service desk. That there is one already is as good.
    async fn new_customer(&self, desk: &str, customer: &Customer) -> Result<String, JiraError> {
        let flavour = self.flavour().await?;
        let (body, query): (Value, &[(&str, &str)]) = match flavour {
            Flavour::Cloud => (
                json!({ "email": customer.address, "displayName": customer.name }),
                &[("strictConflictStatusCode", "true")],
            ),
            Flavour::DataCenter => (json!({ "email": customer.address, "fullName": customer.name }), &[]),
        };
        let post = Request {
            call: Call::site(Operation::CreateCustomer),
            method: Method::POST,
            path: &["customer"],
            query,
            content: Content::Json(body),
            timeout: self.timeouts.read,
        };
        let named = match repeatable(self.send::<FoundUser>(&post).await) {
            Ok(person) => person.into_name(flavour),
            // Strictly a 409; without the parameter, and on Data Center, it is a 400 as any other. Neither passes by waiting.
            Err(error) if matches!(error.status, Some(400 | 409)) => match self.known_already(desk, customer).await? {
                Some(name) => Some(name),
                None => return Err(without(PART, error)),
            },
            Err(error) => return Err(error),
        };
        let Some(name) = named else {
            return Err(without(PART, unfit("Jira made a customer, and does not say which")));
        };
        self.admit(desk, &name, flavour).await?;
        self.know_customer(&customer.address, &name);
        Ok(name)
    }

    /// Whom Jira knows by an address after all: a customer of this service desk, or of another one, or one whom we made a moment
    /// ago and whose name was lost on the way.
    async fn known_already(&self, desk: &str, customer: &Customer) -> Result<Option<String>, JiraError> {
        let listed = JiraError::or_without(self.listed_customer(desk, customer).await)?;
        match listed.flatten() {
            Some(listed) => Ok(Some(listed)),
            None => self.ask_for_user(&customer.address, Among::WithCustomers).await,
        }
    }

    /// The one customer of a service desk with this address, who may hide it: the question is about the address.
    async fn listed_customer(&self, desk: &str, customer: &Customer) -> Result<Option<String>, JiraError> {
        let flavour = self.flavour().await?;
        let call = Call::site(Operation::ListCustomers);
        let path = ["servicedesk", desk, "customer"];
        let found: Customers = self.get(call, &path, &[("query", &customer.address), ("limit", "2")]).await?;
        let mut found = found.values.into_iter();
        match (found.next(), found.next()) {
            (Some(person), None) => Ok(person.into_name(flavour)),
            (Some(_), Some(_)) | (None, _) => Ok(None),
        }
    }

    async fn admit(&self, desk: &str, name: &str, flavour: Flavour) -> Result<(), JiraError> {
        let body = match flavour {
            Flavour::Cloud => json!({ "accountIds": [name] }),
            Flavour::DataCenter => json!({ "usernames": [name] }),
        };
        let post = Request {
            call: Call::site(Operation::AdmitCustomer),
            method: Method::POST,
            path: &["servicedesk", desk, "customer"],
            query: &[],
            content: Content::Json(body),
            timeout: self.timeouts.read,
        };
        repeatable(self.send_for_nothing(&post).await)
    }
}

/// What Jira will not do for a customer, the request is raised without; what passes is waited for.
fn as_part(error: JiraError) -> JiraError {
    if error.is_refusal() { without(PART, error) } else { error }
}
