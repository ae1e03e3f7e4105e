//! IMAP's stages of `test-connection`: the same steps as in earnest, by EXAMINE, so that nothing is changed.

use std::sync::Arc;

use futures_util::FutureExt;
use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::folder::{self, Access};
use super::login;
use super::session::Session;
use crate::config::{MailboxSettings, Start, TlsMode};
use crate::mailbox::connect::Server;
use crate::mailbox::probe::{Probed, timed, would_take};
use crate::mailbox::{Credential, MailboxError, Stage};

/// A connection that has come as far as TLS, and waits for a credential.
#[derive(Debug)]
pub struct Reached {
    session: Session,
}

impl Reached {
    /// Protects a connection.
    ///
    /// # Errors
    /// Those of stage `tls`.
    pub async fn over(
        server: &Server,
        stream: TcpStream,
        mode: TlsMode,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, MailboxError> {
        Ok(Self { session: login::protect(server, stream, mode, tls).await? })
    }

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
    let there = timed(probed, Stage::Select, async {
        let mut there = Vec::new();
        for name in &settings.folders {
            folder::open(session, name, Access::ReadOnly).await?;
            there.push((name, session.exists));
        }
        Ok((there, settings.folders.join(", ")))
    })
    .await?;
    timed(probed, Stage::Count, async {
        let mut counts = Vec::new();
        for (name, there) in there {
            let since = match settings.start {
                Start::Date(day) if there > 0 => {
                    folder::open(session, name, Access::ReadOnly).await?;
                    Some(folder::count_since(session, day).await?)
                }
                Start::Now | Start::All | Start::Date(_) => Some(0),
            };
            counts.push(format!("{name}: {}", would_take(settings.start, u64::from(there), since)));
        }
        Ok(((), counts.join("; ")))
    })
    .await
}
