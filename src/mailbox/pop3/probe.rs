//! POP3's stages of `test-connection`: it logs in and counts. It fetches nothing, and deletes nothing.

use futures_util::FutureExt;
use tokio::time::timeout;

use super::maildrop::Maildrop;
use super::seen::Seen;
use super::session::Session;
use super::{GOODBYE_LIMIT, login};
use crate::config::MailboxSettings;
use crate::mailbox::probe::{Probed, timed, would_take};
use crate::mailbox::{Credential, Stage};

/// Does the stages `login`, `capabilities` (CAPA), `select` (STAT) and `count` (UIDL).
pub async fn stages(mut session: Session, settings: &MailboxSettings, credential: &Credential) -> Vec<Probed> {
    let mut probed = Vec::new();
    inspect(&mut session, settings, credential, &mut probed).boxed().await;
    // Without QUIT some servers keep the maildrop locked for minutes.
    let _nothing_depends_on_it = timeout(GOODBYE_LIMIT, session.command("QUIT", "")).await;
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
        session.learn_capabilities().await?;
        Ok(((), session.capabilities.to_words()))
    })
    .await?;
    timed(probed, Stage::Select, async {
        let stat = session.command("STAT", "").await?;
        Ok(((), stat))
    })
    .await?;
    timed(probed, Stage::Count, async {
        let maildrop = Maildrop::read(session, &Seen::default()).await?;
        Ok(((), would_take(settings.start, maildrop.left() as u64, None)))
    })
    .await
}
