//! A Service Management request: what of an issue its form takes, and what is set on it afterwards. Pure.
//!
//! Raising a request takes no properties, so that the marker stands in its text as a last line, and only what its form
//! asks for. The step behind it ([`Write::Complete`](super::Write::Complete)) puts the text in its place, sets the rest
//! and the marker's property.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Fields, Marker};
use crate::config::{Customers, RequestSettings};
use crate::jira::RequestForm;
use crate::jira::json::Json;
use crate::mail::authentication::Dmarc;
use crate::mail::{Address, Mail};

/// People who can take part in one request by its being raised.
const MOST_PARTICIPANTS: usize = 50;

/// What a request is raised with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The service desk's id.
    pub desk: String,
    /// The request type's id.
    pub request_type: String,
    /// What its form is filled in with.
    pub values: Fields,
    /// Whom it is raised for; `None`: for the account that raises it.
    pub customer: Option<Customer>,
    /// Mail addresses of those who take part in it, as far as Jira knows them.
    pub participants: Vec<String>,
}

/// Whom a request is raised for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Mail address.
    pub address: String,
    /// The name that a new customer gets.
    pub name: String,
    /// What is done where Jira knows nobody by the address.
    pub unknown: Unknown,
}

/// What is done about a customer whom Jira does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Jira gets to know them.
    Create,
    /// The request is raised for the account that raises it.
    Leave,
}

/// What marks a request until its property is set: the last line of its text. Where we may not change the request it stays there,
/// for customers too, so that it says nothing of how the request came about.
pub fn marker_line(marker: &Marker) -> String {
    format!("Ref: {}", marker.0)
}

/// Who takes part in a request that a message raises.
#[derive(Debug)]
pub struct People<'m> {
    pub(super) mail: &'m Mail,
    pub(super) settings: &'m RequestSettings,
    /// The mailbox's own address, which takes part in nothing.
    pub(super) own: &'m str,
    pub(super) dmarc: Dmarc,
}

/// Parts the fields of an issue into a request, and what is set afterwards. `markup` is the text as wiki markup, which is all
/// that a form takes.
pub(super) fn request(mut fields: Fields, markup: Json, form: &RequestForm, people: &People<'_>) -> (Request, Fields) {
    fields.remove("project");
    fields.remove("issuetype");
    let customer = people.customer().filter(|_| form.raises_for_customers);
    if customer.is_some() {
        fields.remove("reporter");
    }
    let (mut values, mut rest): (Fields, Fields) =
        fields.into_iter().partition(|(field, _)| form.fields.contains_key(field));
    if let Some(text) = values.remove("description") {
        values.insert("description".to_owned(), markup);
        rest.insert("description".to_owned(), text);
    }
    let participants = if form.takes_participants { copied(people.mail, people.own) } else { Vec::new() };
    let (desk, request_type) = (form.desk.clone(), form.request_type.clone());
    (Request { desk, request_type, values, customer, participants }, rest)
}

impl People<'_> {
    /// The sender, if it is proved who that is: nobody becomes a customer on the word of a `From` that may be forged.
    fn customer(&self) -> Option<Customer> {
        let unknown = match self.settings.customers {
            Customers::Known => Unknown::Leave,
            Customers::Create => Unknown::Create,
            Customers::None => return None,
        };
        match self.dmarc {
            Dmarc::Pass => {
                let Address { name, address } = self.mail.from.first()?;
                let name = if name.is_empty() { address } else { name };
                Some(Customer { address: address.clone(), name: name.clone(), unknown })
            }
            Dmarc::Fail | Dmarc::None | Dmarc::Unknown => None,
        }
    }
}

/// Those in copy of a message to a mailbox of this address, each once, without the mailbox itself and the sender.
pub fn copied(mail: &Mail, own: &str) -> Vec<String> {
    let sender = mail.from.first().map(|from| from.address.to_lowercase()).unwrap_or_default();
    let is_other = |address: &String| *address != sender && !address.eq_ignore_ascii_case(own);
    let copies = mail.cc.iter().map(|cc| cc.address.to_lowercase());
    let once: BTreeSet<String> = copies.filter(|address| address.contains('@')).filter(is_other).collect();
    once.into_iter().take(MOST_PARTICIPANTS).collect()
}
