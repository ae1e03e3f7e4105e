//! The stages of Jira: reach, product, identity, and what the configured projects allow.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{jira_keys, opened};
use super::permissions::permissions;
use super::{Line, timed};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, IssueTarget, JiraAuth, SecretRef, TargetForm};
use crate::failure::with_causes;
use crate::jira::auth::Keys;
use crate::jira::client::{Client, NO_PASSWORDS, Timeouts};
use crate::jira::plan::ALWAYS_FILLED;
use crate::jira::{Flavour, Jira, JiraError, Need, UploadLimit};
use crate::oauth::tokens::Holder;

const STAGES: [&str; 8] =
    ["secret", "reach", "product", "identity", "project", "permissions", "required_fields", "attachments"];

/// The stages of Jira behind `config`.
pub async fn stages(config: &Config) -> Vec<Line> {
    let mut lines = vec![secret(config)];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = match keys(config, &clock).await {
        Ok(keys) => keys,
        Err(line) => {
            lines.push(line);
            return with_skipped(lines);
        }
    };
    match Client::new(&config.jira, keys, clock, Timeouts::default()) {
        Ok(client) => try_all(&client, config, &mut lines).await,
        Err(error) => {
            let next = "check `url` and `ca_file` of `[jira]`".to_owned();
            lines.push(Line::fail("reach", Duration::ZERO, with_causes(&error), next));
        }
    }
    with_skipped(lines)
}

fn with_skipped(mut lines: Vec<Line>) -> Vec<Line> {
    let missing = STAGES.iter().filter(|stage| lines.iter().all(|line| line.stage != **stage));
    let missing: Vec<Line> = missing.map(|stage| Line::skip(stage, "an earlier stage failed")).collect();
    lines.extend(missing);
    lines
}

/// A consent is in the ledger; the other ways in do without it.
async fn keys(config: &Config, clock: &Arc<dyn Clock>) -> Result<Keys, Line> {
    match &config.jira.auth {
        JiraAuth::ApiToken { .. } | JiraAuth::Pat { .. } | JiraAuth::Basic { .. } => Ok(Keys::secrets(SecretRef::read)),
        JiraAuth::ServiceAccount { .. } | JiraAuth::OAuth2(_) | JiraAuth::OAuth1 { .. } => {
            let began = Instant::now();
            let next = "run this as the user that the daemon runs as".to_owned();
            let ledger = opened::ledger(config).await;
            let ledger = ledger.map_err(|error| Line::fail("reach", began.elapsed(), error.to_string(), next))?;
            Ok(jira_keys::keys(&config.jira, &ledger, clock, Holder::Command))
        }
    }
}

fn secret(config: &Config) -> Line {
    let began = Instant::now();
    match place_of_secret(&config.jira.auth).read() {
        Ok(_) => Line::pass("secret", began.elapsed(), None),
        Err(error) => {
            let next = "put the secret where the config file says, readable for this user".to_owned();
            Line::fail("secret", began.elapsed(), with_causes(&error), next)
        }
    }
}

const fn place_of_secret(auth: &JiraAuth) -> &SecretRef {
    match auth {
        JiraAuth::ApiToken { token, .. } | JiraAuth::Pat { token } => token,
        JiraAuth::ServiceAccount { client_secret, .. } => client_secret,
        JiraAuth::OAuth2(oauth2) => &oauth2.client_secret,
        JiraAuth::OAuth1 { private_key, .. } => private_key,
        JiraAuth::Basic { password, .. } => password,
    }
}

async fn try_all(client: &Client, config: &Config, lines: &mut Vec<Line>) {
    let (found, elapsed) = timed(async { Ok((client.flavour().await?, client.server_info().await)) }).await;
    let (flavour, info) = match found {
        // Whoever refuses us has been reached; who we are is a later stage's question.
        Ok((_, Err(error))) if error.status.is_none() => return lines.push(failed("reach", elapsed, &error)),
        Err(error) => return lines.push(failed("reach", elapsed, &error)),
        Ok((flavour, info)) => (flavour, info),
    };
    lines.push(Line::pass("reach", elapsed, Some(config.jira.url.to_string())));
    let version = info.map(|info| info.version).unwrap_or_default();
    lines.push(Line::pass("product", Duration::ZERO, Some(product(flavour, &version))));
    let (myself, elapsed) = timed(client.myself()).await;
    match myself {
        Ok(myself) => lines.push(Line::pass("identity", elapsed, Some(myself.display_name))),
        Err(error) => return lines.push(not_let_in(&config.jira.auth, elapsed, &error)),
    }
    let targets = config.issue_targets();
    let projects: BTreeSet<&str> = targets.iter().map(|target| target.project).collect();
    lines.push(each("project", &projects, async |project| project_exists(client, project).await).await);
    lines.push(each("permissions", &projects, async |project| permissions(client, config, project).await).await);
    lines.push(each("required_fields", &targets, async |target| required_fields(client, target).await).await);
    lines.push(attachments(client).await);
}

fn product(flavour: Flavour, version: &str) -> String {
    match flavour {
        Flavour::Cloud => "Jira Cloud".to_owned(),
        Flavour::DataCenter => format!("Jira Data Center {version}").trim_end().to_owned(),
    }
}

/// What came of one question: words for a person, or the cause and the next step.
pub(super) type Answered = Result<String, (String, String)>;

/// Asks the same of several things, and tells all that is wrong with them at once.
async fn each<T>(stage: &'static str, things: &BTreeSet<T>, ask: impl AsyncFn(&T) -> Answered) -> Line {
    let began = Instant::now();
    let (mut words, mut causes, mut ways_out) = (Vec::new(), Vec::new(), Vec::new());
    // Several rules may lead to one thing.
    let add = |said: &mut Vec<String>, new: String| {
        if !said.contains(&new) {
            said.push(new);
        }
    };
    for thing in things {
        match ask(thing).await {
            Ok(said) => add(&mut words, said),
            Err((cause, next)) => {
                add(&mut causes, cause);
                add(&mut ways_out, next);
            }
        }
    }
    if causes.is_empty() {
        return Line::pass(stage, began.elapsed(), Some(words.join("; ")));
    }
    Line::fail(stage, began.elapsed(), causes.join("; "), ways_out.join("; "))
}

async fn project_exists(client: &Client, project: &str) -> Answered {
    let next = format!("check that project {project} exists and that the account may see it");
    let found = client.project(project).await.map_err(|error| (error.message.clone(), next.clone()))?;
    match found {
        None => Err((format!("there is no project {project} for this account"), next)),
        Some(found) if found.archived => {
            Err((format!("project {project} is archived"), "restore it, or name another project".to_owned()))
        }
        Some(found) => Ok(format!("{} ({})", found.key, found.name)),
    }
}

async fn required_fields(client: &Client, target: &IssueTarget<'_>) -> Answered {
    let IssueTarget { project, form, by, filled, unsure } = target;
    let name = form.name();
    let fields = match form {
        TargetForm::IssueType(issue_type) => client.form(project, issue_type).await,
        TargetForm::RequestType(request_type) => {
            client.request_form(project, request_type).await.map(|form| Arc::new(form.fields))
        }
    };
    let next = "name one that the project has in `issue_type`, or in `type` of its requests";
    let fields = fields.map_err(|error| (error.message.clone(), next.to_owned()))?;
    if fields.is_empty() {
        let cause = format!("project {project} has no issue type `{name}`, or none that the account may create");
        return Err((cause, next.to_owned()));
    }
    let required = |is_it: &dyn Fn(&str) -> bool| {
        let those = fields.iter().filter(|(id, field)| field.need == Need::Required && is_it(id));
        those.map(|(id, field)| format!("{} (`{id}`)", field.name)).collect::<Vec<_>>().join(", ")
    };
    let lacking = required(&|id| !ALWAYS_FILLED.contains(&id) && !filled.contains(id));
    let unsure = required(&|id| unsure.contains(id));
    if lacking.is_empty() && unsure.is_empty() {
        return Ok(format!("{project}/{name}: nothing else is required"));
    }
    if lacking.is_empty() {
        let advice = "`[mailbox.NAME.defaults]` helps there";
        return Ok(format!("{project}/{name}: a template of `{by}` may come to nothing for {unsure}: {advice}"));
    }
    let cause = format!("`{by}` leaves empty what {project}/{name} requires: {lacking}");
    let next = "give them in the rule's `fields` or in the mailbox's `defaults`, or make them optional in Jira";
    Err((cause, next.to_owned()))
}

async fn attachments(client: &Client) -> Line {
    let (limit, elapsed) = timed(client.upload_limit()).await;
    match limit {
        Ok(UploadLimit::Bytes(limit)) => Line::pass("attachments", elapsed, Some(format!("up to {} MiB", limit >> 20))),
        Ok(UploadLimit::Untold) => {
            Line::pass("attachments", elapsed, Some("Jira does not say how large a file may be".to_owned()))
        }
        Ok(UploadLimit::Off) => {
            let next = "switch attachments on in Jira, or files will stay in the mailbox and the ledger".to_owned();
            Line::fail("attachments", elapsed, "attachments are switched off in Jira".to_owned(), next)
        }
        Err(error) => failed("attachments", elapsed, &error),
    }
}

/// Jira 11 and later take no passwords by default, and do not always say so.
fn not_let_in(auth: &JiraAuth, elapsed: Duration, error: &JiraError) -> Line {
    match (auth, error.status) {
        (JiraAuth::Basic { .. }, Some(401 | 403)) => {
            let next = format!("check the password; Jira 11 and later take none unless told to: {NO_PASSWORDS}");
            Line::fail("identity", elapsed, error.message.clone(), next)
        }
        (_, _) => failed("identity", elapsed, error),
    }
}

fn failed(stage: &'static str, elapsed: Duration, error: &JiraError) -> Line {
    let next = match error.status {
        Some(200 | 401) => "check the account and its secret: it may have expired",
        Some(403) => "see that the account has access to Jira",
        Some(_) => "check `[jira] url`: another program may answer there",
        None => "check `[jira] url`, this machine's DNS, and the way to Jira",
    };
    Line::fail(stage, elapsed, error.message.clone(), next.to_owned())
}
