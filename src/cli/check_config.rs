//! `check-config`: every fault of the config file at once, and nothing else. No network; other files are only looked for.

use std::path::Path;

use serde::Serialize;

use super::arguments::CheckConfigArgs;
use super::{Failure, report};
use crate::config::{Config, MustExist, Problem, Severity, file};

/// Checks the file, or prints the schema.
pub fn run(args: &CheckConfigArgs, path: &Path) -> Result<(), Failure> {
    if args.schema {
        return report::json_document(&file::schema());
    }
    match Config::load(path, MustExist::MayBeElsewhere) {
        Ok((_, warnings)) if args.json => print_json(&warnings),
        Ok((config, warnings)) => {
            report::problems(path, &warnings);
            report::line(&summary(path, &config))
        }
        Err(errors) if args.json => print_json(&errors.problems).and(Err(Failure::ConfigReported)),
        Err(errors) => Err(Failure::Config(errors)),
    }
}

/// One problem, as `--json` prints it.
#[derive(Serialize)]
struct ProblemJson<'p> {
    severity: Severity,
    line: Option<usize>,
    column: Option<usize>,
    path: &'p str,
    message: &'p str,
    fix: &'p str,
}

fn print_json(problems: &[Problem]) -> Result<(), Failure> {
    let problems: Vec<_> = problems.iter().map(problem_json).collect();
    report::json_document(&problems)
}

fn problem_json(problem: &Problem) -> ProblemJson<'_> {
    ProblemJson {
        severity: problem.severity,
        line: problem.place.as_ref().map(|place| place.line),
        column: problem.place.as_ref().map(|place| place.column),
        path: &problem.path,
        message: &problem.message,
        fix: &problem.fix,
    }
}

fn summary(path: &Path, config: &Config) -> String {
    let mailboxes: Vec<_> = config.mailboxes.keys().map(|name| name.as_str()).collect();
    let host = config.jira.url.host_str().unwrap_or_default();
    format!("{} is sound: mail of {} goes to Jira at {host}", path.display(), mailboxes.join(", "))
}
