//! How long mail waits on its way into Jira while other mailboxes are in trouble: first without, then with all of them at once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use sandbox::clock;
use sandbox::dovecot::Load;
use sandbox::jira::faults::{Effect, Fault};
use sandbox::jira::site::Product;
use sandbox::mails;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::arrivals::{A_SECOND, Delays, letter, milliseconds};
use super::mailboxes::{Mailbox, config, until_watched};
use super::{large, line};
use crate::program::Program;
use crate::together::{Together, Wanted, mailbox_name};

/// Mailboxes that nothing is wrong with.
const HEALTHY: usize = 20;
/// So many mails come to them in all.
const MAILS: u32 = 800;
/// A backlog that lasts for as long as that takes.
const BACKLOG: usize = 6_000;
/// Mails that nobody should have to parse.
const POISON: usize = 50;
/// Mails that are quick, and earn their mailbox every place that it can have; then so many that are slow.
const QUICK: u32 = 100;
const SLOW: usize = 100;
const LATENCY: Duration = Duration::from_millis(200);
/// A file takes much longer.
const UPLOAD: Duration = Duration::from_secs(10);
/// Mail that has not become an issue after so long never will.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a server says that is no mail server, or has enough of us.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// Nothing at all.
    Silence,
    /// That we should go away.
    Throttling,
    /// What would hurt a parser.
    Garbage,
}

pub async fn measure(mebibytes: usize, program: Option<&Path>) -> anyhow::Result<()> {
    println!(
        "\nMail to {HEALTHY} mailboxes, {A_SECOND} a second, {MAILS} in all; Jira takes {} ms a request, {} s for a file",
        LATENCY.as_millis(),
        UPLOAD.as_secs()
    );
    let calm = run(None, program).await?;
    let troubled = run(Some(mebibytes), program).await?;
    report(&calm, &troubled, mebibytes);
    Ok(())
}

/// How long mail took, and what was left of the backlog then.
struct Figures {
    delays: Delays,
    left: u64,
}

/// One run; `trouble` is the size of the large mail in it.
async fn run(trouble: Option<usize>, program: Option<&Path>) -> anyhow::Result<Figures> {
    let mailbox = |name: &str| format!("{name}@load.example.test");
    let healthy: Vec<String> = (0..HEALTHY).map(|index| mailbox(&format!("healthy{index}"))).collect();
    let troubled = ["backlog", "poison", "large", "slow"].map(mailbox);
    let addresses = [healthy.as_slice(), troubled.as_slice()].concat();
    let wanted =
        Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Functional, settle: None };
    let together = Together::start(&wanted).await?;
    together.jira.add_fault(Fault::on("POST", "*/attachments", Effect::delay(UPLOAD)));
    together.jira.add_fault(Fault::always(Effect::delay(LATENCY)));
    let imaps = together.dovecot.ports().imaps;
    let mut mailboxes: Vec<Mailbox> =
        healthy.iter().map(|address| Mailbox::at_dovecot(&together, address, imaps)).collect();
    let mut servers = JoinSet::new();
    if let Some(mebibytes) = trouble {
        fill(&together, &troubled, mebibytes)?;
        mailboxes.extend(troubled.iter().map(|address| {
            let tables = format!("[mailbox.{}.attachments]\nmax_size = \"1GiB\"", mailbox_name(address));
            Mailbox::at_dovecot(&together, address, imaps).with("start = \"all\"").with_tables(&tables)
        }));
        for trouble in [Trouble::Silence, Trouble::Throttling, Trouble::Garbage] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = mailbox(&format!("{trouble:?}").to_lowercase());
            mailboxes.push(Mailbox::in_the_clear(&address, listener.local_addr()?.port()));
            servers.spawn(trouble.serve(listener));
        }
    }
    let program = Program::find(program, &config(&together, "neighbours", mailboxes.into_iter())?)?;
    let mut daemon = program.run()?;
    until_watched(&program, &mut daemon, "healthy", HEALTHY).await?;
    let delays = delays(&together, &healthy).await?;
    daemon.must_run(&program)?;
    let left = left_in(&program, "backlog").await?;
    daemon.kill().await?; // what is slow would keep it from coming to its end
    Ok(Figures { delays, left })
}

/// Delivers mail to one healthy mailbox after the other, and waits for the issues.
async fn delays(together: &Together, healthy: &[String]) -> anyhow::Result<Delays> {
    const NAME: &str = "to the healthy:";
    let (began, mut delivered) = (Instant::now(), HashMap::new());
    for (number, address) in (0..MAILS).zip(healthy.iter().cycle()) {
        sleep_until(began + Duration::from_secs(1) * number / A_SECOND).await;
        let subject = format!("{NAME} {number}");
        together.dovecot.inbox(address).deliver(letter(&subject, number).as_bytes())?;
        delivered.insert(subject, clock::now());
    }
    let until = Instant::now() + PATIENCE;
    let mut delays = Vec::new();
    while !delivered.is_empty() {
        if Instant::now() > until {
            bail!("{} of {MAILS} mails did not become issues", delivered.len());
        }
        sleep(Duration::from_secs(1)).await;
        for (subject, created) in together.jira.created() {
            delays.extend(delivered.remove(&subject).map(|delivered| milliseconds(delivered, created)));
        }
    }
    Ok(Delays::of(delays))
}

/// Puts mail into the mailboxes that are in trouble for what is in them.
fn fill(together: &Together, [backlog, poison, big, slow]: &[String; 4], mebibytes: usize) -> anyhow::Result<()> {
    together.dovecot.inbox(backlog).deliver_all(mails::plain(BACKLOG, 10_000))?;
    together.dovecot.inbox(poison).deliver_all((0..POISON).map(poisonous))?;
    together.dovecot.inbox(big).deliver(&large::letter(mebibytes << 20).raw)?;
    together.dovecot.inbox(slow).deliver_all((0..QUICK).map(|number| letter(&format!("quick {number}"), number)))?;
    together.dovecot.inbox(slow).deliver_all((0..SLOW).map(with_a_file))?;
    Ok(())
}

/// A mail whose file takes its time.
fn with_a_file(number: usize) -> Vec<u8> {
    let text = format!(
        "From: a@b.example\r\nSubject: slow {number}\r\nMessage-ID: <slow-{number}@x>\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n\
         Content-Disposition: attachment; filename=a.bin\r\n\r\nx\r\n--b--\r\n"
    );
    text.into_bytes()
}

/// Tens of thousands of mails within mails, or of headers, parts and tags.
fn poisonous(number: usize) -> Vec<u8> {
    const MANY: usize = 50_000;
    let mut text = format!("From: a@b.example\r\nSubject: poison {number}\r\nMessage-ID: <poison-{number}@x>\r\n");
    match number % 4 {
        0 => text += &"Content-Type: message/rfc822\r\n\r\n".repeat(MANY),
        1 => (0..MANY).for_each(|line| {
            let _ = write!(text, "X-{line}: y\r\n"); // writing to a String cannot fail
        }),
        2 => text += &format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(MANY)),
        _ => text += &format!("Content-Type: text/html\r\n\r\n{}", "<table><tr><td><b>".repeat(MANY)),
    }
    text.into_bytes()
}

impl Trouble {
    /// Never ends by itself.
    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let words: Vec<u8> = match self {
                    Self::Silence => Vec::new(),
                    Self::Throttling => b"* BYE [THROTTLED] Too many simultaneous connections\r\n".to_vec(),
                    Self::Garbage => {
                        b"* OK x\r\n* 1 FETCH (BODYSTRUCTURE ".iter().copied().chain([b'('; 60_000]).collect()
                    }
                };
                let _they_may_hang_up = stream.write_all(&words).await;
                match self {
                    Self::Throttling => {}
                    Self::Silence | Self::Garbage => while let Ok(1..) = stream.read(&mut [0; 1024]).await {},
                }
            });
            while connections.try_join_next().is_some() {}
        }
    }
}

async fn left_in(program: &Program, name: &str) -> anyhow::Result<u64> {
    sleep(Duration::from_secs(3)).await; // the state tells it every two seconds
    let status = program.ask(&["--log-level", "error", "status", "--json"]).await?;
    let mailboxes = status.first().and_then(|status| status.get("mailboxes")).and_then(Value::as_array);
    let of = |mailbox: &&Value| mailbox.get("name").and_then(Value::as_str) == Some(name);
    let backlog = mailboxes.into_iter().flatten().find(of).and_then(|mailbox| mailbox.get("backlog")?.as_u64());
    Ok(backlog.unwrap_or_default())
}

fn report(calm: &Figures, troubled: &Figures, mebibytes: usize) {
    println!(
        "  in trouble beside them: a server that says nothing, one that throttles and one that sends garbage; mailboxes with"
    );
    println!(
        "  {BACKLOG} mails of 10 KB, {POISON} mails that hurt a parser, one mail of {mebibytes} MiB, and {QUICK} quick mails"
    );
    println!("  with {SLOW} slow ones behind them");
    for (what, percent) in [("median", 50), ("99 in a hundred", 99), ("the longest", 100)] {
        let of = |figures: &Figures| figures.delays.percentile(percent);
        let values = format!("{:.0} / {:.0} ms", of(calm), of(troubled));
        let goal = if percent == 100 { "goal: at most 5000 ms longer" } else { "" };
        line(&format!("from delivery to the issue, alone / in trouble: {what}"), &values, goal);
    }
    line("  of the backlog still waiting then", &troubled.left.to_string(), "");
}
