//! What an idle mailbox costs in memory: the difference between a daemon with one and a daemon with hundreds.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use sandbox::dovecot::Load;
use sandbox::jira::site::Product;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{authorized, line};
use crate::program::{Program, Running};
use crate::together::{Together, Wanted, mailbox_name};
use crate::usage::Usage;

const PATIENCE: Duration = Duration::from_secs(180);
/// What was needed to log in is given back meanwhile.
const REST: Duration = Duration::from_secs(5);

pub async fn measure(count: usize, program: Option<&Path>) -> anyhow::Result<()> {
    println!("\n{count} idle mailboxes, each signed in with a token and waiting in IDLE");
    let addresses: Vec<String> = (0..count).map(|index| format!("idle{index}@load.example.test")).collect();
    let wanted = Wanted { addresses: &addresses, dir: None, product: Product::Cloud, load: Load::Many, settle: None };
    let together = Together::start(&wanted).await?;
    let one = Wanted { addresses: addresses.get(..1).unwrap_or_default(), ..wanted };
    let alone = usage(&together, &one, "one", program).await?;
    let many = usage(&together, &wanted, "many", program).await?;
    let difference = |of: fn(&Usage) -> u64| {
        let kib = i64::try_from(of(&many)).unwrap_or(i64::MAX) - i64::try_from(of(&alone)).unwrap_or_default();
        let others = i32::try_from(count.saturating_sub(1).max(1)).map_or(f64::INFINITY, f64::from);
        i32::try_from(kib).map_or(f64::INFINITY, f64::from) / others
    };
    line("resident with one mailbox", &format!("{} KiB", alone.resident_kib), "");
    line("resident with all", &format!("{} KiB", many.resident_kib), "");
    line(
        "resident, each further mailbox (RSS)",
        &format!("{:.1} KiB", difference(|u| u.resident_kib)),
        "goal: at most 64",
    );
    line("the same as PSS", &format!("{:.1} KiB", difference(|u| u.proportional_kib)), "");
    line("the same at its peak (VmHWM)", &format!("{:.1} KiB", difference(|u| u.peak_kib)), "");
    line("CPU to sign all of them in", &format!("{:.2} s", many.cpu.as_secs_f64()), "");
    Ok(())
}

async fn usage(together: &Together, wanted: &Wanted<'_>, dir: &str, program: Option<&Path>) -> anyhow::Result<Usage> {
    let config = together.write_config(&together.dir.join(dir), wanted)?;
    let names: Vec<&str> = wanted.addresses.iter().map(|address| mailbox_name(address)).collect();
    let program = authorized(&config, program, &names).await?;
    let mut daemon = program.run()?;
    all_watching(&program, &mut daemon, names.len()).await?;
    sleep(REST).await;
    let usage = Usage::of(&daemon.pid().to_string())?;
    daemon.stop().await?;
    Ok(usage)
}

async fn all_watching(program: &Program, daemon: &mut Running, count: usize) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut watching = 0;
    while Instant::now() < until {
        daemon.must_run(program)?;
        let status = program.ask(&["--log-level", "error", "status", "--json"]).await?;
        let mailboxes = status.first().and_then(|status| status.get("mailboxes")).and_then(Value::as_array);
        let state = |mailbox: &&Value| mailbox.get("state").and_then(Value::as_str) == Some("watching");
        watching = mailboxes.into_iter().flatten().filter(state).count();
        if watching == count {
            return Ok(());
        }
        sleep(Duration::from_secs(1)).await;
    }
    bail!("only {watching} of {count} mailboxes are watched:\n{}", program.last_words())
}
