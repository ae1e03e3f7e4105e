//! Opening a mailbox stage by stage, for `test-connection` and `authorize`: the same steps as in earnest, timed, and
//! nothing changed. The protocols' own stages stand beside the protocols.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::connect::{Server, dial, resolve};
use super::protect::protect;
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
pub struct Reached(Session);

#[derive(Debug)]
enum Session {
    Imap(Box<imap::Session>),
    Pop3(Box<pop3::Session>),
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
        let tls_mode = settings.tls;
        let session = match settings.protocol {
            Protocol::Imap => Session::Imap(Box::new(protect(&server, stream, tls_mode, tls).await?)),
            Protocol::Pop3 => Session::Pop3(Box::new(protect(&server, stream, tls_mode, tls).await?)),
        };
        Ok((Reached(session), how_protected(tls_mode).to_owned()))
    })
    .await
}

impl Reached {
    /// Does the stages `login`, `capabilities`, `select` and `count`: by EXAMINE, or by STAT.
    pub async fn sign_in(self, settings: &MailboxSettings, credential: &Credential) -> Vec<Probed> {
        match self.0 {
            Session::Imap(session) => imap::probe::stages(*session, settings, credential).await,
            Session::Pop3(session) => pop3::probe::stages(*session, settings, credential).await,
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
