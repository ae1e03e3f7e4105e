//! The stage `permissions`: what the account may do in a project, measured by what the configuration asks for there.

use std::collections::BTreeSet;

use super::jira::Answered;
use crate::config::rule::{Reporter, RuleValues};
use crate::config::{Config, CopiedPeople, MailboxSettings};
use crate::jira::client::Client;

/// Without these nothing goes.
const ALWAYS: [&str; 4] = ["BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "CREATE_ATTACHMENTS"];

/// Without these something is done otherwise, and nothing is lost.
const BETTER: [(&str, &str); 3] = [
    ("EDIT_ISSUES", "pictures do not stand in the text on Jira Cloud"),
    ("TRANSITION_ISSUES", "finished issues are not reopened"),
    ("LINK_ISSUES", "what goes on from a closed issue is not linked to it"),
];

/// Whether the account has in a project what is needed there. What Jira does not tell counts as lacking only where nothing goes
/// without it.
pub(super) async fn permissions(client: &Client, config: &Config, project: &str) -> Answered {
    let next = |what: &str| format!("give the account {what} in project {project}");
    let found = client.permissions(project, &ALWAYS).await;
    let found = found.map_err(|error| (error.message.clone(), next("access")))?;
    let mut lacking: Vec<String> =
        found.into_iter().filter(|one| one.granted != Some(true)).map(|one| one.key).collect();
    let asked = asked(config, project);
    let wanted: BTreeSet<&str> = asked.iter().copied().chain(BETTER.map(|(key, _)| key)).collect();
    let found = client.permissions(project, &wanted.into_iter().collect::<Vec<_>>()).await;
    let doubt = if found.is_err() { ", as far as Jira tells" } else { "" };
    let found = found.unwrap_or_default();
    let refused: BTreeSet<String> =
        found.into_iter().filter(|one| one.granted == Some(false)).map(|one| one.key).collect();
    lacking.extend(refused.iter().filter(|key| asked.contains(key.as_str())).cloned());
    if lacking.is_empty() {
        let losses = BETTER.iter().filter(|(key, _)| refused.contains(*key));
        let losses: String = losses.map(|(key, loss)| format!(", but not {key}: {loss}")).collect();
        return Ok(format!("{project}: all that is needed{losses}{doubt}"));
    }
    let lacking = lacking.join(", ");
    Err((format!("in project {project} the account lacks {lacking}"), next(&lacking)))
}

/// What the configuration asks for in a project beside the rest.
fn asked(config: &Config, project: &str) -> BTreeSet<&'static str> {
    let mut asked = BTreeSet::new();
    for mailbox in config.mailboxes.values() {
        let theirs = config.rules.iter().filter(|rule| {
            rule.when.is_for(&mailbox.name)
                && rule.may_create()
                && rule.set.project.as_ref().or(mailbox.project.as_ref()).is_some_and(|key| key == project)
        });
        let by_rules: BTreeSet<&str> = theirs.flat_map(|rule| by_rule(&rule.set)).collect();
        if mailbox.project.as_deref() == Some(project) || !by_rules.is_empty() {
            asked.extend(by_mailbox(mailbox));
        }
        asked.extend(by_rules);
    }
    asked
}

fn by_mailbox(mailbox: &MailboxSettings) -> impl Iterator<Item = &'static str> {
    let watches = match mailbox.cc {
        CopiedPeople::Watchers => Some("MANAGE_WATCHERS"),
        CopiedPeople::Nobody => None,
    };
    watches.into_iter().chain(mailbox.default_reporter.is_some().then_some("MODIFY_REPORTER"))
}

fn by_rule(set: &RuleValues) -> impl Iterator<Item = &'static str> {
    let asked = [
        ("ASSIGN_ISSUES", set.assignee.is_some()),
        ("LINK_ISSUES", !set.links.is_empty()),
        ("MODIFY_REPORTER", set.reporter == Reporter::Sender),
        ("SCHEDULE_ISSUES", set.due.is_some()),
        ("SET_ISSUE_SECURITY", set.security.is_some()),
    ];
    asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(key, _)| key)
}
