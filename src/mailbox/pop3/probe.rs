//! POP3's stages of `test-connection`: it logs in and counts. It fetches nothing, and deletes nothing.

use futures_util::FutureExt;
use tokio::time::timeout;

use super::maildrop::{Maildrop, arrival_of};
use super::seen::Seen;
use super::session::Session;
use super::{GOODBYE_LIMIT, is_old, login};
use crate::config::{MailboxSettings, Start};
use crate::mailbox::probe::{Probed, timed, would_take};
use crate::mailbox::{Credential, MailboxError, Stage};

/// Of more messages than this the headers are not read only to count them.
const MAX_LOOKED_AT: usize = 1000;

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
        let there = maildrop.numbers();
        let since = match settings.start {
            Start::Date(_) if there.len() <= MAX_LOOKED_AT => Some(count_since(session, settings.start, &there).await?),
            Start::Now | Start::All | Start::Date(_) => None,
        };
        Ok(((), would_take(settings.start, there.len() as u64, since)))
    })
    .await
}

/// How many of the messages a first look would take.
async fn count_since(session: &mut Session, start: Start, numbers: &[u32]) -> Result<u64, MailboxError> {
    let mut count = 0;
    for number in numbers {
        if !is_old(start, arrival_of(session, *number).await?) {
            count += 1;
        }
    }
    Ok(count)
}
