//! What it costs to understand a mail: mail2jira's whole understanding beside mail-parser alone, in turns in one process, and
//! the way of a reply from its bytes to a plan, step by step. Prints one line of JSON, for `sandbox bench` to lay out; a program
//! of its own, so that the stand-ins need not be built with mail2jira, nor it with them.

#![expect(clippy::print_stdout, reason = "what it prints is for whoever started it")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use mail_parser::MessageParser;
use mail2jira::config::{Config, MustExist};
use mail2jira::decide::{Facts, Grounds, decide};
use mail2jira::jira::plan::{Marker, PlanFacts, plan};
use mail2jira::jira::{Flavour, Form, IssueRef, UploadLimit};
use mail2jira::mail;
use serde_json::json;

mod letters;

/// Rounds of each kind. The kernel counts processor time in ticks, so that only their sum means something.
const ROUNDS: u32 = 15;
/// Messages with attachments understood in a round.
const HEAVY: u32 = 20;
/// Replies understood, and planned for, in a round.
const REPLIES: u32 = 2_000;
/// Decisions in a round.
const DECISIONS: u32 = 20_000;

/// A mailbox, and rules as teams have them, none of which the reply falls under.
const CONFIG: &str = r#"
state = "sqlite:///tmp/parse-bench.db"
[jira]
url = "https://example.atlassian.net"
[jira.auth.api_token]
email = "bot@example.com"
token = { env = "TOKEN" }
[mailbox.support]
address = "support@example.org"
host = "127.0.0.1"
project = "SUP"
issue_type = "Task"
[mailbox.support.password]
username = "support"
secret = { env = "SECRET" }
[[rule]]
name = "alerts"
when.from = ["*@alerts.example.com"]
when.subject = '(?i)^\[(?P<env>prod|dev)\]'
action = "create"
summary = "[{{ env }}] {{ subject }}"
[[rule]]
name = "invoices"
when.subject = '(?i)\b(invoice|rechnung|facture)\b'
labels = ["invoice"]
[[rule]]
name = "urgent"
when.body = '(?i)\b(outage|production is down)\b'
priority = "Highest"
"#;

fn main() -> anyhow::Result<()> {
    let (heavy, reply) = (letters::heavy(), letters::reply());
    let (ours, theirs) = beside_mail_parser(&heavy)?;
    let rate = |cpu: Duration| f64::from(HEAVY * ROUNDS) * megabytes(&heavy) / cpu.as_secs_f64();
    let [understood, decided, planned] = way_of(&reply)?;
    let each = |cpu: Duration, times: u32| cpu.as_secs_f64() * 1e6 / f64::from(times * ROUNDS);
    let figures = json!({
        "heavy": { "bytes": heavy.len(), "ours_mb_s": rate(ours), "mail_parser_mb_s": rate(theirs) },
        "reply": { "bytes": reply.len(), "understand_us": each(understood, REPLIES), "decide_us": each(decided, DECISIONS),
                   "plan_us": each(planned, REPLIES) },
    });
    println!("{figures}");
    Ok(())
}

fn megabytes(message: &[u8]) -> f64 {
    u32::try_from(message.len()).map_or(f64::INFINITY, f64::from) / 1e6
}

/// A round of ours and a round of mail-parser's, in turns.
fn beside_mail_parser(message: &[u8]) -> anyhow::Result<(Duration, Duration)> {
    let parser = MessageParser::default();
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        ours += spent(HEAVY, || drop(black_box(mail::parse(black_box(message)))))?;
        theirs += spent(HEAVY, || drop(black_box(parser.parse(black_box(message)))))?;
    }
    Ok((ours, theirs))
}

/// A reply's way from its bytes to what would be written: understood, decided about, planned.
fn way_of(reply: &[u8]) -> anyhow::Result<[Duration; 3]> {
    let path = Path::new("parse-bench.toml");
    let (config, _) = Config::parse(path, CONFIG, MustExist::MayBeElsewhere).ok().context("the rules are wrong")?;
    let settings = config.mailboxes.values().next().context("there is no mailbox")?;
    let issue = IssueRef { id: "10001".to_owned(), key: "SUP-1".to_owned() };
    let facts = Facts { thread_issue: Some(issue), ..Facts::default() };
    let size = u64::try_from(reply.len())?;
    let grounds = Grounds { facts: &facts, settings, rules: &config.rules, size };
    let plan_facts = PlanFacts {
        request_form: None,
        flavour: Flavour::Cloud,
        settings,
        original: size,
        existing: &[],
        pictures: &BTreeMap::new(),
        upload_limit: UploadLimit::Untold,
        form: &Form::new(),
        watchers: &[],
        participants: &[],
        nature: mail2jira::jira::Nature::Issue,
    };
    let understood = mail::parse(reply);
    let decision = decide(&understood, &grounds);
    let mut marker = || Marker(String::new());
    let mut total = [Duration::ZERO; 3];
    for _ in 0..ROUNDS {
        let [understand, decided, planned] = &mut total;
        *understand += spent(REPLIES, || drop(black_box(mail::parse(black_box(reply)))))?;
        *decided += spent(DECISIONS, || drop(black_box(decide(black_box(&understood), &grounds))))?;
        let mut write = || drop(black_box(plan(&decision, black_box(&understood), &plan_facts, &mut marker)));
        *planned += spent(REPLIES, &mut write)?;
    }
    Ok(total)
}

/// Processor time of so many repetitions.
fn spent(times: u32, mut work: impl FnMut()) -> anyhow::Result<Duration> {
    let before = processor_time()?;
    (0..times).for_each(|_| work());
    Ok(processor_time()?.saturating_sub(before))
}

/// Of this process, which has one thread: the first figure in `schedstat`, in nanoseconds.
fn processor_time() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/schedstat").context("the kernel does not say how long a process ran")?;
    let nanoseconds = stat.split(' ').next().and_then(|figure| figure.parse().ok());
    Ok(Duration::from_nanos(nanoseconds.context("/proc/self/schedstat cannot be read")?))
}
