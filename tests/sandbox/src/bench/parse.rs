//! What understanding a mail costs, beside mail-parser alone in the same run: lays out what `tests/parse-bench` measures.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use super::line;

const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Deserialize)]
struct Figures {
    heavy: Heavy,
    reply: Reply,
}

/// A mail that is nearly all attachments.
#[derive(Debug, Deserialize)]
struct Heavy {
    bytes: usize,
    ours_mb_s: f64,
    mail_parser_mb_s: f64,
}

/// An answer in plain text and HTML; microseconds of processor time.
#[derive(Debug, Deserialize)]
struct Reply {
    bytes: usize,
    understand_us: f64,
    decide_us: f64,
    plan_us: f64,
}

pub async fn measure() -> anyhow::Result<()> {
    let program = program()?;
    let mut command = Command::new(&program);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("parse-bench does not end")?;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    anyhow::ensure!(output.status.success(), "parse-bench failed");
    let Figures { heavy, reply } = serde_json::from_slice(&output.stdout)?;
    println!("a mail of {} bytes, nearly all attachments", heavy.bytes);
    line("mail-parser alone", &format!("{:.0} MB/s", heavy.mail_parser_mb_s), "");
    line("mail2jira's whole understanding", &format!("{:.0} MB/s", heavy.ours_mb_s), "");
    line("  that is, of its rate", &format!("{:.2}", heavy.ours_mb_s / heavy.mail_parser_mb_s), "goal: at least 0.6");
    println!("\na reply of {} bytes, in plain text and HTML: CPU-microseconds", reply.bytes);
    line("parse, text, whose words, classification", &format!("{:.1}", reply.understand_us), "");
    line("decision, with three rules", &format!("{:.1}", reply.decide_us), "");
    line("  together", &format!("{:.1}", reply.understand_us + reply.decide_us), "goal: at most 100");
    line("plan, with the text as Jira takes it", &format!("{:.1}", reply.plan_us), "");
    Ok(())
}

/// It is built beside this program.
fn program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("parse-bench");
    anyhow::ensure!(program.is_file(), "parse-bench is missing: `make bench` builds it");
    Ok(program)
}
