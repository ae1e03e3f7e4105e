//! How far a sender is proved: by the word of the mailbox's own server, and where that has not looked, by the signatures on the
//! message. Asks the DNS, and so only where somebody needs to know.

use super::Ctx;
use super::content::Message;
use crate::config::MailboxSettings;
use crate::dns::Resolver;
use crate::mail::authentication::Dmarc;

/// What is known of the sender. A signature proves a sender; that there is none, or that it could not be checked, proves nothing.
pub(super) async fn proved(ctx: &Ctx, message: &Message<'_>, settings: &MailboxSettings) -> Dmarc {
    let said = message.mail.dmarc(&settings.trusted_results());
    match said {
        Dmarc::Pass | Dmarc::Fail | Dmarc::None => return said,
        Dmarc::Unknown => {}
    }
    let resolver = Resolver::system();
    for signature in message.mail.author_signatures(message.raw().unwrap_or_default(), ctx.now()) {
        let records = resolver.txt(&signature.key_name).await.unwrap_or_default();
        if records.iter().any(|record| signature.holds(record)) {
            return Dmarc::Pass;
        }
    }
    said
}
