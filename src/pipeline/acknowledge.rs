//! Telling a mailbox what became of its messages: the ledger says what is owed, the configuration how it is paid.

use super::Ctx;
use super::intake::IntakeError;
use crate::config::{MailboxSettings, Writing};
use crate::mailbox::{Acknowledged, Acknowledgement, Mailbox};
use crate::store::EntryId;
use crate::store::owed::{Owed, Told, Why};

/// Messages that are acknowledged together at most.
const TOGETHER: usize = 500;

/// How it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paid {
    /// What the server would not do, in its words. It stays owed, and is tried again with the next check.
    pub refused: Option<String>,
    /// What the session leaves.
    pub left: Left,
}

/// What a session leaves to be acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Left {
    /// Nothing that was owed when it was looked at last, but for what was refused.
    #[default]
    Nothing,
    /// What this session takes no more of.
    ForAnotherSession,
}

impl Paid {
    /// What is in the way, for people.
    pub fn in_words(&self) -> Option<String> {
        self.refused.as_ref().map(|words| format!("the server refused to mark messages: {words}"))
    }
}

/// Tells a mailbox everything that it is owed; a shadow tells it nothing. What the server refuses holds up nothing else.
pub async fn acknowledge_owed(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
) -> Result<(Box<dyn Mailbox>, Paid), IntakeError> {
    let writing = ctx.config().jira.writing;
    let (mut paid, mut behind) = (Paid::default(), EntryId(0));
    while paid.left == Left::Nothing {
        let owed = ctx.ledger.owed_behind(settings.name.as_str(), behind, TOGETHER).await?;
        let Some(last) = owed.last() else { break };
        behind = last.id;
        let owed = match writing {
            Writing::Real => owed,
            // Copies of what a shadow has seen are let go untouched; what was delivered before it is told when it is over.
            Writing::Shadow => owed.into_iter().filter(|owed| owed.why == Why::Ignored).collect(),
        };
        for (how, owed) in grouped(settings, writing, owed) {
            let outcomes = match how {
                None => vec![Acknowledged::Done; owed.len()],
                Some(how) => {
                    let places = owed.iter().map(|owed| owed.place.clone()).collect();
                    let (back, outcomes) = session.acknowledge(places, how).await?;
                    session = back;
                    outcomes
                }
            };
            let told = owed.into_iter().zip(outcomes).filter_map(|(owed, outcome)| told(owed, outcome, &mut paid));
            ctx.ledger.record_acknowledged(told.collect()).await?;
        }
    }
    Ok((session, paid))
}

/// What is to be recorded; `None` where it is still owed.
fn told(owed: Owed, outcome: Acknowledged, paid: &mut Paid) -> Option<Told> {
    let moved_to = match outcome {
        Acknowledged::Moved(place) => place,
        Acknowledged::Done | Acknowledged::Gone => None,
        Acknowledged::Refused(words) => {
            paid.refused = Some(words);
            return None;
        }
        Acknowledged::Later => {
            paid.left = Left::ForAnotherSession;
            return None;
        }
    };
    Some(Told { id: owed.id, at: owed.place, moved_to })
}

fn grouped(settings: &MailboxSettings, writing: Writing, owed: Vec<Owed>) -> Vec<(Option<Acknowledgement>, Vec<Owed>)> {
    let mut groups: Vec<(Option<Acknowledgement>, Vec<Owed>)> = Vec::new();
    for owed in owed {
        let how = how(settings, owed.why).filter(|_| writing == Writing::Real);
        match groups.iter_mut().find(|(group, _)| *group == how) {
            Some((_, members)) => members.push(owed),
            None => groups.push((how, vec![owed])),
        }
    }
    groups
}

/// What is done at the mailbox to a message that was settled so; `None` is to leave it as it is.
pub(super) fn how(settings: &MailboxSettings, why: Why) -> Option<Acknowledgement> {
    match why {
        Why::Delivered => Acknowledgement::after(&settings.after),
        Why::Ignored => Acknowledgement::after_ignored(&settings.after),
        Why::Failed => Acknowledgement::after_failure(&settings.after_failure),
    }
}
