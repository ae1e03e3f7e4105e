//! The cheapest way to have a mailbox's bytes: one pipelined `UID FETCH 1:*` over TLS, nothing kept. A yardstick, no mail client.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::usage::Usage;

/// So many times over, since processor time comes in coarse ticks.
const ROUNDS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub struct RawFetchArgs {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    ca_file: PathBuf,
    #[arg(long)]
    user: String,
    #[arg(long)]
    password: String,
}

/// What a fetch came to, per round.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RawFetch {
    /// Mails in the mailbox.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the command to the tagged answer, in seconds.
    pub seconds: f64,
    /// Processor time of the whole process, in milliseconds.
    pub cpu_ms: f64,
}

/// Fetches in this process and prints a [`RawFetch`] as JSON.
pub async fn run(arguments: RawFetchArgs) -> anyhow::Result<()> {
    let mut session = BufReader::with_capacity(64 << 10, connect(&arguments).await?);
    let mut line = Vec::new();
    session.read_until(b'\n', &mut line).await?; // the greeting
    command(&mut session, &format!("LOGIN {} {}", arguments.user, arguments.password)).await?;
    command(&mut session, "EXAMINE INBOX").await?;
    let started = Instant::now();
    let mut total = (0, 0);
    for _ in 0..ROUNDS {
        let (messages, bytes) = timeout(PATIENCE, command(&mut session, "UID FETCH 1:* (BODY.PEEK[])")).await??;
        total = (total.0 + messages, total.1 + bytes);
    }
    let rounds = f64::from(ROUNDS);
    let result = RawFetch {
        messages: total.0 / u64::from(ROUNDS),
        bytes: total.1 / u64::from(ROUNDS),
        seconds: started.elapsed().as_secs_f64() / rounds,
        cpu_ms: Usage::of("self")?.cpu.as_secs_f64() * 1000.0 / rounds,
    };
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
}

/// Fetches in a process of its own.
pub async fn fetch(port: u16, ca_file: &Path, user: &str, password: &str) -> anyhow::Result<RawFetch> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("raw-fetch").arg("--port").arg(port.to_string()).arg("--ca-file").arg(ca_file);
    command.args(["--user", user, "--password", password]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("the raw fetch does not end")??;
    anyhow::ensure!(output.status.success(), "the raw fetch failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn connect(arguments: &RawFetchArgs) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&arguments.ca_file)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", arguments.port)).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)
}

/// Sends a command and reads its answer to the end; how many literals there were, and their bytes (RFC 3501, 4.3).
async fn command(session: &mut BufReader<TlsStream<TcpStream>>, command: &str) -> anyhow::Result<(u64, u64)> {
    session.get_mut().write_all(format!("a {command}\r\n").as_bytes()).await?;
    session.get_mut().flush().await?;
    let (mut line, mut literal, mut count, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        line.clear();
        if session.read_until(b'\n', &mut line).await? == 0 {
            bail!("the server closed the connection");
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(size) = literal_size(&text) {
            literal.resize(size, 0);
            session.read_exact(&mut literal).await?;
            count += 1;
            bytes += size as u64;
        } else if let Some(answer) = text.strip_prefix("a ") {
            anyhow::ensure!(answer.starts_with("OK"), "the server answers {answer}");
            return Ok((count, bytes));
        }
    }
}

fn literal_size(line: &str) -> Option<usize> {
    let (_, size) = line.trim_end().strip_suffix('}')?.rsplit_once('{')?;
    size.parse().ok()
}
