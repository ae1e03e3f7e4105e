//! How the program is configured in every case.

use std::collections::BTreeMap;

use mail2jira::config::rule::{Assignee, LinkTemplate, Pattern, Rule, RuleAction, RuleValues, Visibility, When};
use mail2jira::config::{
    Config, CopiedPeople, Deployment, JiraAuth, JiraSettings, Limits, MailboxName, MailboxSettings, NameServers,
    SecretRef, StateSettings, VaultSettings, Writing,
};
use mail2jira::template::Template;

/// Keeps among agents what is for them.
fn private() -> Rule {
    let visibility = Visibility::Role("Agents".to_owned());
    Rule {
        name: "private".to_owned(),
        when: When { body: vec![Pattern::new("^private").unwrap()], ..When::default() },
        action: RuleAction::Auto,
        set: RuleValues { visibility, ..RuleValues::default() },
    }
}

/// Sets a field that Jira may refuse, and a link.
fn urgent() -> Rule {
    let priority = Some(Template::parse_unbound("Urgent").unwrap());
    Rule {
        name: "urgent".to_owned(),
        when: When::default(),
        action: RuleAction::Auto,
        set: RuleValues {
            priority,
            assignee: Some(Assignee::Named("ann@example.com".to_owned())),
            links: vec![LinkTemplate { kind: "Relates".to_owned(), issue: Template::parse_unbound("OPS-1").unwrap() }],
            ..RuleValues::default()
        },
    }
}

/// Raises requests for a part of the mail.
fn requests() -> Rule {
    let set = RuleValues { request_type: Some("25".to_owned()), ..RuleValues::default() };
    let subject = vec![Pattern::new("about 2").unwrap()];
    Rule { name: "requests".to_owned(), when: When { subject, ..When::default() }, action: RuleAction::Auto, set }
}

pub fn config(deliveries: usize) -> Config {
    let name = MailboxName::parse("support").unwrap();
    let mailbox = MailboxSettings {
        address: "support@example.com".to_owned(),
        project: Some("SUP".to_owned()),
        cc: CopiedPeople::Watchers,
        ..mail2jira::preview::default_settings(name.clone())
    };
    Config {
        state: StateSettings::Sqlite { path: "/nowhere".into() },
        vault: VaultSettings { key: None },
        admin: None,
        notify: Default::default(),
        limits: Limits { deliveries, ..Limits::default() },
        name_servers: NameServers::OfSystem,
        jira: JiraSettings {
            writing: Writing::Real,
            url: "https://jira.example.com".parse().unwrap(),
            deployment: Deployment::Cloud,
            authorization_url: None,
            token_url: None,
            api_url: None,
            ca_file: None,
            token_expires: None,
            auth: JiraAuth::ApiToken { email: String::new(), token: SecretRef::Env(String::new()) },
        },
        providers: BTreeMap::new(),
        mailboxes: BTreeMap::from([(name, mailbox)]),
        rules: vec![private(), requests(), urgent()],
    }
}
