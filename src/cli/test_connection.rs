//! `test-connection`: stage by stage, what works, what does not, why, and what to do next. Changes nothing but a refreshed
//! token, which is saved.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::arguments::TestConnectionArgs;
use super::{Failure, report};
use crate::config::{Config, MustExist};

mod diagnosis;
mod evidence;
mod exchange;
mod jira;
mod mailbox;
mod permissions;

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
        Ok((config, warnings)) => {
            report::problems(file, &warnings);
            config
        }
        Err(errors) => return config_is_wrong(args, errors, began.elapsed()),
    };
    let loaded = began.elapsed();
    let names = names(args, &config)?;
    let mut targets = Vec::new();
    for name in names {
        report::progress(&format!("testing {name} …"));
        let mut stages = vec![Line::pass("config", loaded, None)];
        match config.mailboxes.values().find(|settings| settings.name.as_str() == name) {
            Some(settings) => stages.extend(mailbox::stages(&config, settings).await),
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
    let next = "run `mail2jira check-config`, which shows every fault with its line".to_owned();
    let stages = vec![Line::fail("config", elapsed, errors.to_string(), next)];
    let names = if args.names.is_empty() { vec!["config".to_owned()] } else { args.names.clone() };
    let name = names.join(", ");
    print(args, &Report { ok: false, targets: vec![Target { name, stages }] })?;
    Err(if args.json { Failure::ConfigReported } else { Failure::Config(errors) })
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
            let said = line.cause.as_deref().or(line.server.as_deref()).unwrap_or_default();
            report::line(&format!("  {word}  {:<15} {:>6} ms  {said}", line.stage, line.ms))?;
            if let (Some(_), Some(server)) = (&line.cause, &line.server) {
                report::line(&format!("        the server said: {server}"))?;
            }
            for (index, next) in line.next.iter().flat_map(|next| next.lines()).enumerate() {
                let label = if index == 0 { "next:" } else { "     " };
                report::line(&format!("        {label} {next}"))?;
            }
        }
    }
    Ok(())
}
