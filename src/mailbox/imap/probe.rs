//! Opening a mailbox stage by stage, for `test-connection`: the same steps as in earnest, timed, and nothing changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::folder::{self, Access};
use super::login;
use super::session::Session;
use crate::config::{MailboxSettings, TlsMode};
use crate::mailbox::connect::{Server, dial, resolve};
use crate::mailbox::{Credential, MailboxError, Stage};

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
pub struct Reached {
    session: Session,
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
    let session = timed(probed, Stage::Tls, async {
        let session = login::protect(&server, stream, settings.tls, tls).await?;
        Ok((session, how_protected(settings.tls).to_owned()))
    });
    session.await.map(|session| Reached { session })
}

impl Reached {
    /// Does the stages `login`, `capabilities`, `select` (by EXAMINE) and `count`.
    pub async fn sign_in(self, settings: &MailboxSettings, credential: &Credential) -> Vec<Probed> {
        let mut probed = Vec::new();
        let Self { mut session } = self;
        inspect(&mut session, settings, credential, &mut probed).boxed().await;
        probed
    }
}

async fn inspect(
    session: &mut Session,
    settings: &MailboxSettings,
    credential: &Credential,
    probed: &mut Vec<Probed>,
) -> Option<()> {
    timed(probed, Stage::Login, async {
        login::log_in(session, settings, credential).await?;
        Ok(((), String::new()))
    })
    .await?;
    timed(probed, Stage::Capabilities, async {
        login::introduce(session).await?;
        Ok(((), session.capabilities.as_str().to_owned()))
    })
    .await?;
    let counts = timed(probed, Stage::Select, async {
        let mut counts = Vec::new();
        for name in &settings.folders {
            folder::open(session, name, Access::ReadOnly).await?;
            counts.push(format!("{name}: {}", session.exists));
        }
        Ok((counts, settings.folders.join(", ")))
    })
    .await?;
    timed(probed, Stage::Count, async { Ok(((), counts.join(", "))) }).await
}

fn timed<'a, T: Send + 'a>(
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

fn how_protected(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Implicit => "TLS",
        TlsMode::StartTls => "STARTTLS",
        TlsMode::None => "off",
    }
}
