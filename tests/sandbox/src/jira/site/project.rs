//! Projects and the people who work in them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::tz::TimeZone;

use super::Product;
use crate::jira::desk::Desk;
use crate::jira::fields::{Choice, Field};

/// A project, its issue types and what is on its create screen.
#[derive(Debug, Clone)]
pub struct Project {
    /// `SUP`.
    pub key: String,
    /// Numeric id, as text.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Kinds of issue.
    pub issue_types: Vec<Choice>,
    /// Fields on the create screen, of every issue type.
    pub fields: Vec<Field>,
    /// The number of the last issue.
    pub last_number: u64,
    /// Its service desk, if it has one.
    pub desk: Option<Desk>,
}

/// Somebody that Jira knows.
#[derive(Debug, Clone)]
pub struct Account {
    /// Atlassian account id.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// The address.
    pub email: String,
    /// Whether others are shown the address.
    pub shows_email: bool,
    /// The API token to sign in with, if any.
    pub token: Option<String>,
    /// The zone that JQL dates are read in.
    pub time_zone: TimeZone,
    /// What kind of account it is.
    pub kind: AccountKind,
}

/// Kinds of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Of somebody who works with Jira.
    User,
    /// Of somebody who asks through a portal.
    Customer,
}

impl Project {
    /// A project with the usual issue types and fields.
    pub fn new(key: &str, name: &str) -> Self {
        let number: u32 = key.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % 9_000);
        Self {
            key: key.to_owned(),
            id: (10_000 + number).to_string(),
            name: name.to_owned(),
            issue_types: [("10001", "Task"), ("10002", "Bug"), ("10003", "Story"), ("10004", "Incident")]
                .map(|(id, name)| Choice::new(id, name))
                .to_vec(),
            fields: crate::jira::fields::usual(),
            last_number: 0,
            desk: None,
        }
    }

    /// The same with a service desk.
    pub fn with_desk(mut self, desk: Desk) -> Self {
        self.desk = Some(desk);
        self
    }

    /// The same with one more field on the create screen.
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The same without one field on the create screen.
    pub fn without_field(mut self, id: &str) -> Self {
        self.fields.retain(|field| field.id != id);
        self
    }
}

impl Account {
    /// The account that mail2jira writes as: `bot@example.com`, token `sandbox-token`.
    pub fn bot() -> Self {
        Self { token: Some("sandbox-token".to_owned()), ..Self::person("Mail Bot", "bot@example.com") }
    }

    /// Somebody who cannot sign in.
    pub fn person(name: &str, email: &str) -> Self {
        let id = email.bytes().fold(0x5b10_ac8d_82e0_5b22_u64, |hash, byte| hash.rotate_left(5) ^ u64::from(byte));
        Self {
            id: format!("5b10ac8d{id:016x}"),
            name: name.to_owned(),
            email: email.to_owned(),
            shows_email: true,
            token: None,
            time_zone: TimeZone::UTC,
            kind: AccountKind::User,
        }
    }

    /// Somebody who asks through a portal.
    pub fn customer(name: &str, email: &str) -> Self {
        Self { kind: AccountKind::Customer, ..Self::person(name, email) }
    }

    /// Data Center's name for the account.
    pub fn username(&self) -> &str {
        self.email.split_once('@').map_or(self.email.as_str(), |(name, _)| name)
    }

    /// What may stand under `Authorization`: on Data Center the token is a password and a personal access token as well, on Cloud
    /// it is an API token, of which the gateway alone may take both forms.
    pub(super) fn authorizations(&self, product: Product) -> Vec<String> {
        let Some(token) = self.token.as_deref() else { return Vec::new() };
        let basic = |user: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")));
        let name = match product {
            Product::Cloud => self.email.as_str(),
            Product::DataCenter => self.username(),
        };
        vec![basic(name), format!("Bearer {token}")]
    }
}
