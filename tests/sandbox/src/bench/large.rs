//! What one very large mail costs: the most memory that mail2jira has at any time, and how long it takes, over IMAP and POP3.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::line;
use super::mailboxes::{Mailbox, config};
use crate::program::{Program, Running};
use crate::together::{Together, Wanted};
use crate::usage::Usage;

const PATIENCE: Duration = Duration::from_secs(600);
/// What was needed to log in is given back meanwhile.
const REST: Duration = Duration::from_secs(5);
/// Bytes of content that a line of base64 stands for.
const LINE: usize = 57;
/// Bytes of such a line, its end included.
const ENCODED_LINE: usize = 78;

/// How the mail is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Imap,
    Pop3,
}

/// What one passage came to.
struct Figures {
    idle: Usage,
    after: Usage,
    /// From the delivery into the mailbox until the ledger has all of it.
    fetched: Duration,
    /// From there until its file is in Jira.
    delivered: Duration,
}

/// A large mail, and the content of the file in it.
pub struct Letter {
    /// As it goes over the wire.
    pub raw: Vec<u8>,
    file: Vec<u8>,
}

pub async fn measure(mebibytes: usize, program: Option<&Path>) -> anyhow::Result<()> {
    println!("\nA mail of {mebibytes} MiB, all of it one file in base64 that cannot be compressed");
    let letter = letter(mebibytes << 20);
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let figures = passage(protocol, &letter, program).await?;
        report(protocol, letter.raw.len(), &figures);
    }
    Ok(())
}

async fn passage(protocol: Protocol, letter: &Letter, program: Option<&Path>) -> anyhow::Result<Figures> {
    let address = "large@load.example.test".to_owned();
    let addresses = std::slice::from_ref(&address);
    let wanted = Wanted { addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let together = Together::start(&wanted).await?;
    let ports = together.dovecot.ports();
    let (port, keys) = match protocol {
        Protocol::Imap => (ports.imaps, "start = \"all\""),
        Protocol::Pop3 => (ports.pop3s, "start = \"all\"\nprotocol = \"pop3\"\npoll = \"2s\""),
    };
    let mailbox = Mailbox::at_dovecot(&together, &address, port).with(keys);
    let mailbox = mailbox.with_tables("[mailbox.large.attachments]\nmax_size = \"1GiB\"");
    let program = Program::find(program, &config(&together, "large", std::iter::once(mailbox))?)?;
    let mut daemon = program.run()?;
    // The first mail brings everything into being that every mail needs.
    together.inbox().deliver(b"From: ann@example.com\r\nSubject: small\r\nMessage-ID: <small@x>\r\n\r\nHello.\r\n")?;
    until(&program, &mut daemon, async || Ok(together.jira.issues().len() == 1)).await?;
    sleep(REST).await;
    let pid = daemon.pid().to_string();
    let (idle, began) = (Usage::of(&pid)?, Instant::now());
    together.inbox().deliver(&letter.raw)?;
    until(&program, &mut daemon, async || Ok(known(&program).await? == 2)).await?;
    let fetched = began.elapsed();
    let is_there = || together.jira.issues().into_iter().find_map(|issue| issue.attachments.into_iter().next());
    until(&program, &mut daemon, async || Ok(is_there().is_some())).await?;
    let (delivered, after) = (began.elapsed() - fetched, Usage::of(&pid)?);
    daemon.stop().await?;
    let file = is_there().context("the file is gone")?;
    ensure!(file.content == letter.file, "the file is not what was sent");
    Ok(Figures { idle, after, fetched, delivered })
}

/// How many messages the ledger has.
async fn known(program: &Program) -> anyhow::Result<usize> {
    let messages: Vec<Value> = program.ask(&["--log-level", "error", "messages", "list", "--json"]).await?;
    Ok(messages.len())
}

async fn until(
    program: &Program,
    daemon: &mut Running,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !is_so().await? {
        daemon.must_run(program)?;
        if Instant::now() > end {
            bail!("not through after {} s:\n{}", PATIENCE.as_secs(), program.last_words());
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// A mail of about so many bytes.
pub fn letter(bytes: usize) -> Letter {
    let mut random = fastrand::Rng::with_seed(1);
    let file: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(bytes / ENCODED_LINE * LINE).collect();
    let mut text = String::with_capacity(bytes + (1 << 10));
    text += "From: Ann <ann@example.com>\r\nTo: large@load.example.test\r\nSubject: large\r\nMessage-ID: <large@x>\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n\
             Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=large.zip\r\n\r\n";
    for line in file.chunks(LINE) {
        let _ = write!(text, "{}\r\n", encoded(line)); // writing to a String cannot fail
    }
    text += "--b--\r\n";
    Letter { raw: text.into_bytes(), file }
}

fn encoded(line: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(line)
}

fn report(protocol: Protocol, bytes: usize, figures: &Figures) {
    let Figures { idle, after, fetched, delivered } = figures;
    println!(
        "  over {}",
        match protocol {
            Protocol::Imap => "IMAP",
            Protocol::Pop3 => "POP3",
        }
    );
    let mebibytes = |kib: u64| format!("{:.1} MiB", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0);
    let size = f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0;
    let rate = |time: &Duration| format!("{:.1} s, {:.0} MiB/s", time.as_secs_f64(), size / time.as_secs_f64());
    line("resident while idle", &mebibytes(idle.resident_kib), "");
    line("  at its peak", &mebibytes(after.peak_kib), "");
    line("  peak above idle", &mebibytes(after.peak_kib.saturating_sub(idle.resident_kib)), "goal: at most 64 MiB");
    line("from the mailbox into the ledger", &rate(fetched), "");
    line("from the ledger into Jira", &rate(delivered), "");
    let cpu = after.cpu.saturating_sub(idle.cpu).as_secs_f64();
    line("CPU, the whole daemon", &format!("{cpu:.1} s"), "");
}
