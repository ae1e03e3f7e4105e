//! `test-connection`: stage by stage, what works, what does not, why, and what to do next. Changes nothing but a refreshed
//! token, which is saved.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::arguments::TestConnectionArgs;
use super::{Failure, opened, report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MailboxSettings, MustExist, Secret, SecretRef, SignIn};
use crate::failure::with_causes;
use crate::mailbox::probe::{self, Probed};
use crate::mailbox::{Credential, MailboxError, Stage};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{AccessTokens, LedgerGrants, TokensError};
use crate::tls;

mod jira;

/// What was tried, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    targets: Vec<Target>,
}

/// A mailbox, or `jira`.
#[derive(Debug, Serialize)]
struct Target {
    name: String,
    stages: Vec<Line>,
}

/// One stage.
#[derive(Debug, Serialize)]
struct Line {
    stage: &'static str,
    result: Outcome,
    ms: u64,
    /// What the other side said or showed, without secrets.
    server: Option<String>,
    /// What is wrong.
    cause: Option<String>,
    /// What to do about it.
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Pass,
    Fail,
    Skip,
}

impl Line {
    fn pass(stage: &'static str, elapsed: Duration, server: impl Into<Option<String>>) -> Self {
        Self { stage, result: Outcome::Pass, ms: ms(elapsed), server: server.into(), cause: None, next: None }
    }

    fn fail(stage: &'static str, elapsed: Duration, cause: String, next: String) -> Self {
        let (result, ms) = (Outcome::Fail, ms(elapsed));
        Self { stage, result, ms, server: None, cause: Some(cause), next: Some(next) }
    }

    fn skip(stage: &'static str, cause: &str) -> Self {
        Self { stage, result: Outcome::Skip, ms: 0, server: None, cause: Some(cause.to_owned()), next: None }
    }
}

fn ms(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

/// Tries what was named, or everything.
pub async fn run(args: &TestConnectionArgs, file: &Path) -> Result<(), Failure> {
    let began = Instant::now();
    let config = match Config::load(file, MustExist::MayBeElsewhere) {
        Ok((config, _warnings)) => config,
        Err(errors) => return config_is_wrong(args, errors, began.elapsed()),
    };
    let loaded = began.elapsed();
    let names = names(args, &config)?;
    let mut targets = Vec::new();
    for name in names {
        report::progress(&format!("testing {name} …"));
        let mut stages = vec![Line::pass("config", loaded, None)];
        match config.mailboxes.values().find(|settings| settings.name.as_str() == name) {
            Some(settings) => stages.extend(mailbox(&config, settings).await),
            None => stages.extend(jira::stages(&config).await),
        }
        targets.push(Target { name, stages });
    }
    let ok = targets.iter().flat_map(|target| &target.stages).all(|line| line.result != Outcome::Fail);
    print(args, &Report { ok, targets })?;
    if ok { Ok(()) } else { Err(Failure::Reported) }
}

fn names(args: &TestConnectionArgs, config: &Config) -> Result<Vec<String>, Failure> {
    let known: Vec<String> = config.mailboxes.keys().map(ToString::to_string).chain(["jira".to_owned()]).collect();
    if args.names.is_empty() {
        return Ok(known);
    }
    match args.names.iter().find(|name| !known.contains(name)) {
        Some(unknown) => Err(Failure::new(format!("there is no mailbox `{unknown}` in the configuration"))
            .with_hint(format!("name one of: {}", known.join(", ")))),
        None => Ok(args.names.clone()),
    }
}

fn config_is_wrong(
    args: &TestConnectionArgs,
    errors: crate::config::ConfigErrors,
    elapsed: Duration,
) -> Result<(), Failure> {
    if !args.json {
        return Err(Failure::Config(errors));
    }
    let next = "run `mail2jira check-config`, which shows every fault with its line".to_owned();
    let stages = vec![Line::fail("config", elapsed, errors.to_string(), next)];
    let names = if args.names.is_empty() { vec!["config".to_owned()] } else { args.names.clone() };
    let name = names.join(", ");
    print(args, &Report { ok: false, targets: vec![Target { name, stages }] })?;
    Err(Failure::ConfigReported)
}

fn print(args: &TestConnectionArgs, report: &Report) -> Result<(), Failure> {
    if args.json {
        return report::json_document(report);
    }
    for target in &report.targets {
        report::line(&target.name)?;
        for line in &target.stages {
            let word = match line.result {
                Outcome::Pass => "pass",
                Outcome::Fail => "FAIL",
                Outcome::Skip => "skip",
            };
            let said = line.server.as_deref().or(line.cause.as_deref()).unwrap_or_default();
            report::line(&format!("  {word}  {:<15} {:>6} ms  {said}", line.stage, line.ms))?;
            if let Some(next) = &line.next {
                report::line(&format!("        next: {next}"))?;
            }
        }
    }
    Ok(())
}

/// The stages of a mailbox behind `config`.
async fn mailbox(config: &Config, settings: &MailboxSettings) -> Vec<Line> {
    let mut lines = vec![secret(config, settings)];
    let tls = match tls::client_config(settings.ca_file.as_deref()) {
        Ok(tls) => tls,
        Err(error) => {
            let next = format!("mend `ca_file` of mailbox `{}`", settings.name);
            lines.push(Line::fail("tls", Duration::ZERO, with_causes(&error), next));
            return skipped(lines);
        }
    };
    let (probed, reached) = probe::reach(settings, tls).await;
    lines.extend(probed.into_iter().map(|stage| line(settings, stage)));
    let (credential, elapsed) = timed(credential(config, settings)).await;
    let credential = match credential {
        Ok((credential, said)) => {
            lines.push(Line { server: Some(said), ..Line::pass("token", elapsed, None) });
            credential
        }
        Err((cause, next)) => {
            lines.push(Line::fail("token", elapsed, cause, next));
            return skipped(lines);
        }
    };
    if let Some(reached) = reached {
        let probed = reached.sign_in(settings, &credential).await;
        lines.extend(probed.into_iter().map(|stage| line(settings, stage)));
    }
    skipped(lines)
}

const STAGES: [&str; 9] = ["secret", "dns", "tcp", "tls", "token", "login", "capabilities", "select", "count"];

/// Fills in the stages that were not come to, in their order.
fn skipped(lines: Vec<Line>) -> Vec<Line> {
    let mut lines = lines;
    let missing = STAGES.iter().filter(|stage| lines.iter().all(|line| line.stage != **stage));
    let missing: Vec<Line> = missing.map(|stage| Line::skip(stage, "an earlier stage failed")).collect();
    lines.extend(missing);
    lines.sort_by_key(|line| STAGES.iter().position(|stage| *stage == line.stage));
    lines
}

fn secret(config: &Config, settings: &MailboxSettings) -> Line {
    let began = Instant::now();
    let reference = match &settings.sign_in {
        SignIn::Password { secret, .. } => Some(secret),
        SignIn::OAuth(name) => config
            .providers
            .get(name)
            .and_then(|provider| provider.client_secret.as_ref().or(provider.client_certificate.as_ref())),
    };
    match reference.map(SecretRef::read) {
        None => Line::skip("secret", "a public client has no secret"),
        Some(Ok(_)) => Line::pass("secret", began.elapsed(), None),
        Some(Err(error)) => {
            let next = "put the secret where the config file says, readable for this user".to_owned();
            Line::fail("secret", began.elapsed(), with_causes(&error), next)
        }
    }
}

/// What is shown to the mail server, and in a word where it comes from; or the cause and the next step.
async fn credential(config: &Config, settings: &MailboxSettings) -> Result<(Credential, String), (String, String)> {
    match &settings.sign_in {
        SignIn::Password { username, secret } => {
            let secret =
                secret.read().map_err(|error| (with_causes(&error), "mend the password's secret".to_owned()))?;
            Ok((Credential::Password { username: username.clone(), secret }, "a password is used".to_owned()))
        }
        SignIn::OAuth(name) => {
            let mend = format!("mend `[provider.{name}]` in the config file");
            let provider = config
                .providers
                .get(name)
                .ok_or_else(|| ("its provider is not configured".to_owned(), mend.clone()))?;
            let provider =
                Provider::new(provider.clone(), Arc::new(SystemClock)).map_err(|error| (with_causes(&error), mend))?;
            let token = token(config, settings, provider).await?;
            Ok((
                Credential::Bearer { user: settings.address.clone(), token },
                "there is a valid access token".to_owned(),
            ))
        }
    }
}

async fn token(config: &Config, settings: &MailboxSettings, provider: Provider) -> Result<Secret, (String, String)> {
    let authorize = format!("run `mail2jira authorize {}`", settings.name);
    let state = "make the state readable for this user, or run the command as the daemon's user".to_owned();
    let needs_consent = provider.settings().grant.needs_consent();
    let ledger = match opened::ledger_if_any(config).await.map_err(|error| (error.to_string(), state.clone()))? {
        Some(ledger) => ledger,
        None if needs_consent => return Err(("nobody has consented yet".to_owned(), authorize)),
        None => opened::ledger(config).await.map_err(|error| (error.to_string(), state))?,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let grants = Arc::new(LedgerGrants::new(ledger, clock.clone()));
    let tokens = AccessTokens::new(settings.name.as_str(), &settings.address, Arc::new(provider), grants, clock);
    let token = tokens.get().await;
    tokens.finish().await;
    token.map_err(|error| {
        let next = match &error {
            TokensError::NeedsConsent { .. } => authorize,
            TokensError::NeedsAdmin { .. } => "ask an administrator of the mailbox's organisation".to_owned(),
            TokensError::Misconfigured { .. } => "mend the mailbox's provider in the config file".to_owned(),
            TokensError::Unavailable { .. } => "see whether the provider can be reached from here".to_owned(),
            TokensError::Store(_) => "see whether the state can be read and written by this user".to_owned(),
        };
        (with_causes(&error), next)
    })
}

fn line(settings: &MailboxSettings, probed: Probed) -> Line {
    let stage = probed.stage.as_str();
    match probed.outcome {
        Ok(words) => Line::pass(stage, probed.elapsed, Some(words).filter(|words| !words.is_empty())),
        Err(error) => Line::fail(stage, probed.elapsed, with_causes(&error), next(settings, probed.stage, &error)),
    }
}

/// What mends it, as far as the stage tells.
fn next(settings: &MailboxSettings, stage: Stage, error: &MailboxError) -> String {
    let name = &settings.name;
    match (stage, error) {
        (Stage::Dns, _) => format!("check `host` of mailbox `{name}`, and this machine's DNS"),
        (Stage::Tcp, _) => {
            format!("check `host` and `port` of mailbox `{name}`, and the firewall between here and there")
        }
        (Stage::Tls, MailboxError::NotOffered { .. }) => format!("check `tls` and `port` of mailbox `{name}`"),
        (Stage::Tls, _) => format!("check `tls`, `port` and `ca_file` of mailbox `{name}`"),
        (Stage::Login, MailboxError::LoginRefused { .. }) => match &settings.sign_in {
            SignIn::OAuth(_) => format!(
                "see that {} may be opened by {} over IMAP, then run `mail2jira authorize {name}`",
                settings.address, settings.login
            ),
            SignIn::Password { .. } => format!("check the user name and password of mailbox `{name}`"),
        },
        (Stage::Login, MailboxError::NotOffered { .. }) => format!("check `mechanism` of mailbox `{name}`"),
        (Stage::Select, _) => format!("check `folders` of mailbox `{name}`, and that the account may open them"),
        (Stage::Login | Stage::Capabilities | Stage::Count, _) => {
            "try again in a minute; if it stays so, ask the mail server's administrator".to_owned()
        }
    }
}
