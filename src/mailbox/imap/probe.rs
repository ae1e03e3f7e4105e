//! IMAP's stages of `test-connection`: the same steps as in earnest, by EXAMINE, so that nothing is changed.

use futures_util::FutureExt;

use super::folder::{self, Access};
use super::login;
use super::session::Session;
use crate::config::{MailboxSettings, Start};
use crate::mailbox::probe::{Probed, timed, would_take};
use crate::mailbox::{Credential, Stage};

/// Does the stages `login`, `capabilities`, `select` (by EXAMINE) and `count`.
pub async fn stages(mut session: Session, settings: &MailboxSettings, credential: &Credential) -> Vec<Probed> {
    let mut probed = Vec::new();
    inspect(&mut session, settings, credential, &mut probed).boxed().await;
    probed
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
