//! Who a new issue is from, who is to work on it, and who watches it: people of the mail as users of Jira's. Nobody is
//! named as the reporter on the word of a `From` that may be forged, and a question about people that Jira will not
//! answer holds up no mail.

use serde_json::{Map, Value};

use super::Ctx;
use super::content::Message;
use super::proof::{Proof, proved};
use crate::config::rule::{Assignee, Reporter};
use crate::config::{CopiedPeople, MailboxSettings};
use crate::decide::values::Wanted;
use crate::jira::plan::fields::user;
use crate::jira::plan::request::copied;
use crate::jira::{Among, Flavour, Form, JiraError};
use crate::mail::authentication::Dmarc;
use crate::mail::{Address, Mail};

/// Addresses of `Cc` that are asked about.
const MOST_ASKED: usize = 20;

/// What names are taken from.
pub(super) struct Named<'n> {
    pub(super) message: &'n Message<'n>,
    pub(super) settings: &'n MailboxSettings,
    pub(super) project: &'n str,
}

/// Fills in reporter and assignee, as far as they are wanted and known; who is not stands in the message's story.
pub(super) async fn name_people(ctx: &Ctx, named: &Named<'_>, wanted: &mut Wanted) -> Result<(), JiraError> {
    let flavour = ctx.jira().flavour().await?;
    let reporter = reporter(ctx, named, wanted, flavour).await?;
    let assignee = match &wanted.assignee {
        Some(assignee) => {
            let assigned = assigned(ctx, named, assignee, flavour).await?;
            let unknown = assigned.is_none().then(|| "`assignee` leads to nobody whom Jira knows".to_owned());
            wanted.trouble.extend(unknown);
            assigned
        }
        None => None,
    };
    for (field, name) in [("reporter", reporter), ("assignee", assignee)] {
        wanted.fields.extend(name.map(|name| (field.to_owned(), user(&name, flavour))));
    }
    Ok(())
}

async fn reporter(
    ctx: &Ctx,
    named: &Named<'_>,
    wanted: &mut Wanted,
    flavour: Flavour,
) -> Result<Option<String>, JiraError> {
    let sender = match wanted.reporter {
        Reporter::Sender => Some(proved_sender(ctx, named).await),
        Reporter::Default => None,
    };
    match sender {
        Some(Ok(sender)) => match known(ctx, &sender.address, Among::All).await? {
            Some(known) => return Ok(Some(known)),
            None => wanted.trouble.push("Jira shows no user with the sender's address as the reporter".to_owned()),
        },
        Some(Err(why)) => wanted.trouble.push(format!("the sender is not the reporter: {why}")),
        None => {}
    }
    let Some(default) = &named.settings.default_reporter else { return Ok(None) };
    let found = by_name(ctx, default, flavour).await?;
    let unknown = found.is_none().then(|| "`default_reporter` is nobody whom Jira knows".to_owned());
    wanted.trouble.extend(unknown);
    Ok(found)
}

/// The sender, if the receiving server or a signature says that the mail is theirs, or why not. Of several authors
/// nobody proves each.
async fn proved_sender(ctx: &Ctx, named: &Named<'_>) -> Result<Address, &'static str> {
    let proof = proved(ctx, named.message, named.settings).await;
    match (named.message.mail.senders(&named.settings.address, proof.dmarc()).as_slice(), proof) {
        ([author], Proof::Known(Dmarc::Pass)) => Ok(author.clone()),
        (_, Proof::Unanswered) => Err("no name server gave the key of the signature in time"),
        (_, Proof::Known(_)) => Err("nothing proves that it is them"),
    }
}

/// Who of `Cc` is to watch the issue: those whom Jira knows, where the mailbox wants that.
pub(super) async fn watchers(ctx: &Ctx, mail: &Mail, settings: &MailboxSettings) -> Result<Vec<String>, JiraError> {
    match settings.cc {
        CopiedPeople::Nobody => return Ok(Vec::new()),
        CopiedPeople::Watchers => {}
    }
    let mut watchers: Vec<String> = Vec::new();
    for address in mail.cc.iter().take(MOST_ASKED) {
        if let Some(known) = known(ctx, &address.address, Among::All).await?
            && !watchers.contains(&known)
        {
            watchers.push(known);
        }
    }
    Ok(watchers)
}

/// Who of `Cc` is to take part in the request that a message goes to: those whom Jira knows.
pub(super) async fn participants(ctx: &Ctx, mail: &Mail, settings: &MailboxSettings) -> Result<Vec<String>, JiraError> {
    let mut participants = Vec::new();
    for address in copied(mail, &settings.address).iter().take(MOST_ASKED) {
        participants.extend(known(ctx, address, Among::WithCustomers).await?);
    }
    Ok(participants)
}

async fn assigned(
    ctx: &Ctx,
    named: &Named<'_>,
    assignee: &Assignee,
    flavour: Flavour,
) -> Result<Option<String>, JiraError> {
    match assignee {
        Assignee::Named(name) => by_name(ctx, name, flavour).await,
        Assignee::ProjectLead => Ok(JiraError::or_without(ctx.jira().project_lead(named.project).await)?.flatten()),
        Assignee::FirstCc => {
            for address in named.message.mail.cc.iter().take(MOST_ASKED) {
                if let Some(known) = known(ctx, &address.address, Among::AssignableIn(named.project)).await? {
                    return Ok(Some(known));
                }
            }
            Ok(None)
        }
    }
}

/// Puts users in the place of the mail addresses in fields for people. A field that names nobody whom Jira knows is left out.
pub(super) async fn name_in_fields(ctx: &Ctx, form: &Form, wanted: &mut Wanted) -> Result<(), JiraError> {
    let (fields, unknown) = with_users(ctx, form, &wanted.fields).await?;
    wanted.fields = fields;
    wanted.trouble.extend(unknown.iter().map(|field| format!("`{field}` names nobody whom Jira knows")));
    Ok(())
}

/// The fields with users in the place of mail addresses where they are for people, and those that name nobody whom Jira knows.
pub(super) async fn with_users(
    ctx: &Ctx,
    form: &Form,
    fields: &Map<String, Value>,
) -> Result<(Map<String, Value>, Vec<String>), JiraError> {
    let flavour = ctx.jira().flavour().await?;
    let (mut named, mut unknown) = (Map::new(), Vec::new());
    for (field, value) in fields {
        let schema = form.get(field).map(|field| &field.schema);
        let is_for_people = schema.is_some_and(|schema| schema.kind == "user" || schema.items == "user");
        let value = value.clone();
        match if is_for_people { as_users(ctx, value, flavour).await? } else { Some(value) } {
            Some(value) => drop(named.insert(field.clone(), value)),
            None => unknown.push(field.clone()),
        }
    }
    Ok((named, unknown))
}

async fn as_users(ctx: &Ctx, value: Value, flavour: Flavour) -> Result<Option<Value>, JiraError> {
    match value {
        Value::String(name) => Ok(by_name(ctx, &name, flavour).await?.map(Value::String)),
        Value::Array(names) => {
            let mut users = Vec::new();
            for name in names {
                match name {
                    Value::String(name) => users.extend(by_name(ctx, &name, flavour).await?.map(Value::String)),
                    other => users.push(other),
                }
            }
            Ok((!users.is_empty()).then_some(Value::Array(users)))
        }
        other => Ok(Some(other)),
    }
}

/// A user as the configuration names one. On Data Center a user name may itself look like a mail address.
async fn by_name(ctx: &Ctx, name: &str, flavour: Flavour) -> Result<Option<String>, JiraError> {
    if !name.contains('@') {
        return Ok(Some(name.to_owned()));
    }
    let found = known(ctx, name, Among::All).await?;
    Ok(match flavour {
        Flavour::Cloud => found,
        Flavour::DataCenter => found.or_else(|| Some(name.to_owned())),
    })
}

async fn known(ctx: &Ctx, address: &str, among: Among<'_>) -> Result<Option<String>, JiraError> {
    if !address.contains('@') {
        return Ok(None);
    }
    Ok(JiraError::or_without(ctx.jira().user(address, among).await)?.flatten())
}
