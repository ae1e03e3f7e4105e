//! What a process has used, as `/proc` tells: processor time and memory. Linux only, as everything here.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// What one process has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// In user and kernel mode, all threads; in steps of a clock tick, mostly 10 ms.
    pub cpu: Duration,
    /// The most that was ever resident, in KiB.
    pub peak_kib: u64,
    /// What is resident, in KiB.
    pub resident_kib: u64,
    /// What is resident, shared pages counted in shares (PSS), in KiB.
    pub proportional_kib: u64,
}

impl Usage {
    /// Of a running process: its number, or `self`.
    pub fn of(pid: &str) -> anyhow::Result<Self> {
        let read = |name: &str| {
            fs::read_to_string(format!("/proc/{pid}/{name}")).with_context(|| format!("cannot measure process {pid}"))
        };
        let (status, rollup) = (read("status")?, read("smaps_rollup")?);
        Ok(Self {
            cpu: cpu(&read("stat")?).context("/proc/PID/stat cannot be read")?,
            peak_kib: kib(&status, "VmHWM:").context("no VmHWM")?,
            resident_kib: kib(&status, "VmRSS:").context("no VmRSS")?,
            proportional_kib: kib(&rollup, "Pss:").context("no Pss")?,
        })
    }
}

/// `utime` and `stime`, the 14th and 15th field of `/proc/PID/stat`; the second, in brackets, may hold spaces.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().split(' ').next()?.parse().ok()
}
