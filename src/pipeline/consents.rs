//! Noticing that a person has consented, or has taken a consent back, in another process or at another node: one look at the
//! ledger a second, for everybody who waits for it. Judges no consent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Ctx, refused};
use crate::jira::auth::SUBJECT;

/// How often it is looked: what follows, up to the log-in, takes less than a second more.
const LOOK: Duration = Duration::from_secs(1);

/// When a person consented, by subject; `None` where that was taken back.
type Consented = BTreeMap<String, Option<Timestamp>>;

/// Looks until `stop`.
pub async fn notice(ctx: Arc<Ctx>, stop: CancellationToken) {
    let mut known: Option<Consented> = None;
    while !stop.is_cancelled() {
        match ctx.ledger.consented().await {
            Ok(found) => {
                if let Some(known) = &known {
                    for subject in changed(known, &found) {
                        tell(&ctx, subject).await;
                    }
                }
                known = Some(found);
            }
            Err(error) => tracing::warn!(error = %error, "cannot look for new consents"),
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
    }
}

fn changed<'a>(known: &'a Consented, found: &'a Consented) -> impl Iterator<Item = &'a str> {
    let is_new = |(subject, at): &(&String, &Option<Timestamp>)| known.get(*subject) != Some(*at);
    found.iter().filter(is_new).map(|(subject, _)| subject.as_str())
}

async fn tell(ctx: &Ctx, subject: &str) {
    tracing::info!(subject, "the consent has changed");
    if subject != SUBJECT {
        return ctx.board.consent_changed(subject);
    }
    ctx.with_gate(|gate| gate.consent_changed(ctx.now()));
    refused::make_due(ctx).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_a_further_and_a_withdrawn_consent_are_told_and_nothing_else_is() {
        let at = |second| Timestamp::from_second(second).ok();
        let consented = |all: &[(&str, Option<Timestamp>)]| -> Consented {
            all.iter().map(|(subject, at)| ((*subject).to_owned(), *at)).collect()
        };
        let known = consented(&[("further", at(1)), ("same", at(1)), ("withdrawn", at(1)), ("still-withdrawn", None)]);
        let found = consented(&[
            ("first", at(2)),
            ("further", at(2)),
            ("same", at(1)),
            ("withdrawn", None),
            ("still-withdrawn", None),
        ]);
        assert_eq!(changed(&known, &found).collect::<Vec<_>>(), ["first", "further", "withdrawn"]);
    }
}
