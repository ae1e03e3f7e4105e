//! How far a sender is proved: by the word of the mailbox's own server, and where that has not looked, by the signatures on the
//! message. Asks the DNS, and so only where somebody needs to know, and once a delivery.

use std::time::Duration;

use tokio::time::timeout;

use super::Ctx;
use super::content::Message;
use crate::config::MailboxSettings;
use crate::mail::authentication::Dmarc;

/// How long the keys of one message's signatures may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The sender is proved this far.
    Known(Dmarc),
    /// There may be signatures that would prove them, and the message or their keys could not be read in time.
    Unanswered,
}

impl Proof {
    /// How far the sender is proved.
    pub(super) fn dmarc(self) -> Dmarc {
        match self {
            Self::Known(dmarc) => dmarc,
            Self::Unanswered => Dmarc::Unknown,
        }
    }
}

/// What is known of the sender. A signature proves a sender; that there is none, or that it does not hold, proves nothing.
pub(super) async fn proved(ctx: &Ctx, message: &Message<'_>, settings: &MailboxSettings) -> Proof {
    match message.mail.dmarc(&settings.trusted_results()) {
        said @ (Dmarc::Pass | Dmarc::Fail | Dmarc::None) => Proof::Known(said),
        Dmarc::Unknown => {
            *message
                .signed
                .get_or_init(async || timeout(PATIENCE, signed(ctx, message)).await.unwrap_or(Proof::Unanswered))
                .await
        }
    }
}

async fn signed(ctx: &Ctx, message: &Message<'_>) -> Proof {
    let Ok(digests) = message.digests(&ctx.ledger).await else { return Proof::Unanswered };
    let mut proof = Proof::Known(Dmarc::Unknown);
    for signature in message.mail.author_signatures(digests, ctx.now()) {
        match ctx.resolver.txt(&signature.key_name).await {
            Some(records) if records.iter().any(|record| signature.holds(record)) => return Proof::Known(Dmarc::Pass),
            Some(_) => {}
            None => proof = Proof::Unanswered,
        }
    }
    proof
}
