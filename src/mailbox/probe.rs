//! Opening a mailbox stage by stage, for `test-connection` and `authorize`: the same steps as in earnest, timed, and
//! nothing changed. The protocols' own stages stand beside the protocols.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connect::{Server, dial, resolve};
use super::{Credential, MailboxError, Stage, imap, pop3};
use crate::config::{MailboxSettings, Protocol, Start, TlsMode};

/// How one stage went.
#[derive(Debug)]
pub struct Probed {
    /// Which.
    pub stage: Stage,
    /// How long it took.
    pub elapsed: Duration,
    /// What was learnt in words, without addresses or tokens; or the failure, after which no stage follows.
    pub outcome: Result<String, MailboxError>,
}

/// A connection that has come as far as TLS, and waits for a credential.
#[derive(Debug)]
pub enum Reached {
    /// Over IMAP.
    Imap(imap::probe::Reached),
    /// Over POP3.
    Pop3(pop3::probe::Reached),
}

/// Does the stages `dns`, `tcp` and `tls`. `None` where one failed.
pub async fn reach(settings: &MailboxSettings, tls: Arc<ClientConfig>) -> (Vec<Probed>, Option<Reached>) {
    let mut probed = Vec::new();
    let reached = connect(settings, tls, &mut probed).boxed().await;
    (probed, reached)
}

async fn connect(settings: &MailboxSettings, tls: Arc<ClientConfig>, probed: &mut Vec<Probed>) -> Option<Reached> {
    let server = Server { host: settings.host.clone(), port: settings.port };
    let addresses = timed(probed, Stage::Dns, async {
        let addresses = resolve(&server).await?;
        let words: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        Ok((addresses, words.join(", ")))
    });
    let addresses = addresses.await?;
    let stream = timed(probed, Stage::Tcp, async {
        let stream = dial(&server, &addresses).await?;
        let words = stream.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
        Ok((stream, words))
    });
    let stream = stream.await?;
    timed(probed, Stage::Tls, async {
        let reached = protect(settings, &server, stream, tls).await?;
        Ok((reached, how_protected(settings.tls).to_owned()))
    })
    .await
}

async fn protect(
    settings: &MailboxSettings,
    server: &Server,
    stream: TcpStream,
    tls: Arc<ClientConfig>,
) -> Result<Reached, MailboxError> {
    match settings.protocol {
        Protocol::Imap => imap::probe::Reached::over(server, stream, settings.tls, tls).await.map(Reached::Imap),
        Protocol::Pop3 => pop3::probe::Reached::over(server, stream, settings.tls, tls).await.map(Reached::Pop3),
    }
}

impl Reached {
    /// Does the stages `login`, `capabilities`, `select` and `count`: by EXAMINE, or by STAT.
    pub async fn sign_in(self, settings: &MailboxSettings, credential: &Credential) -> Vec<Probed> {
        match self {
            Self::Imap(reached) => reached.sign_in(settings, credential).await,
            Self::Pop3(reached) => reached.sign_in(settings, credential).await,
        }
    }
}

/// Does a stage, and notes how it went; `None` where it failed.
pub(super) fn timed<'a, T: Send + 'a>(
    probed: &'a mut Vec<Probed>,
    stage: Stage,
    work: impl Future<Output = Result<(T, String), MailboxError>> + Send + 'a,
) -> BoxFuture<'a, Option<T>> {
    Box::pin(async move {
        let started = Instant::now();
        let (value, outcome) = match work.await {
            Ok((value, words)) => (Some(value), Ok(words)),
            Err(error) => (None, Err(error)),
        };
        probed.push(Probed { stage, elapsed: started.elapsed(), outcome });
        value
    })
}

/// What a first look would take of so many messages, of which `since` came on the day of the start or later.
pub(super) fn would_take(start: Start, there: u64, since: Option<u64>) -> String {
    match (start, since) {
        (Start::Now, _) => format!("{there} there, a first look takes none of them"),
        (Start::All, _) => format!("{there} there, a first look takes all of them"),
        (Start::Date(day), Some(since)) => format!("{there} there, a first look takes the {since} since {day}"),
        (Start::Date(day), None) => format!("{there} there, a first look takes those since {day}"),
    }
}

fn how_protected(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Implicit => "TLS",
        TlsMode::StartTls => "STARTTLS",
        TlsMode::None => "off",
    }
}
