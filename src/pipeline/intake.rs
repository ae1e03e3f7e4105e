//! Bringing messages from a mailbox into the ledger: list, fetch, store; the bookmark moves last.
//!
//! Several messages share a transaction, and large ones go in chunk by chunk, so that neither many nor large ones cost
//! much at a time. What a mailbox's provider allows to be fetched in a day is not exceeded.

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Ctx;
use crate::config::MailboxSettings;
use crate::mailbox::{Bookmark, Depth, Found, Mailbox, MailboxError, NoFolder, Withheld};
use crate::status::WorkState;
use crate::store::StoreError;
use crate::store::traffic::Day;
use storing::Stored;

mod storing;

/// Messages fetched and stored together at most.
const BATCH_MESSAGES: usize = 100;
/// Bytes fetched and stored together at most, unless one message alone is larger.
const BATCH_BYTES: u64 = 4 << 20;
/// Pieces that may wait between the connection and the ledger: each is up to a whole small message, and not counted yet.
const PIECES: usize = 2;

/// Why intake stopped.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The session broke.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The ledger refused; nothing is lost, since the mailbox was told nothing.
    #[error("cannot store what was fetched")]
    Store(#[from] StoreError),
}

/// What a look into a folder came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many messages were new.
    pub new: usize,
    /// What kept it from bringing in everything, while the session is sound.
    pub hindrance: Option<Hindrance>,
}

/// What keeps mail in a folder from being brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// The folder cannot be opened, in the server's words.
    NoFolder(String),
    /// The mailbox's bytes for the day are used up.
    BudgetSpent {
        /// Messages that wait in this folder.
        waiting: usize,
        /// When the next day begins.
        until: Timestamp,
    },
    /// The server does not give so many messages that are there, and gives others.
    Withheld(usize),
}

impl Hindrance {
    /// The state of a mailbox that it applies to; `None`: any, since everything else goes on.
    pub fn state(&self) -> Option<WorkState> {
        match self {
            Self::NoFolder(_) => Some(WorkState::Misconfigured),
            Self::BudgetSpent { .. } => Some(WorkState::BackingOff),
            Self::Withheld(_) => None,
        }
    }

    /// What it is, for people.
    pub fn in_words(&self, folder: &str) -> String {
        match self {
            Self::NoFolder(words) => format!("folder `{folder}` cannot be opened: {words}"),
            Self::BudgetSpent { waiting, until } => {
                format!("`daily_bytes` is used up: {waiting} messages in `{folder}` wait until {until}")
            }
            Self::Withheld(messages) => {
                let place = if folder.is_empty() { "the maildrop" } else { folder };
                format!("the server does not give {messages} of the messages in {place}, and is asked again")
            }
        }
    }
}

/// Brings everything new in a folder into the ledger. Gives the session back.
pub async fn check_folder(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
    folder: &str,
    mut depth: Depth,
) -> Result<(Box<dyn Mailbox>, Looked), IntakeError> {
    let mailbox = settings.name.as_str();
    let (mut looked, mut withheld) = (Looked::default(), 0);
    loop {
        let bookmark = ctx.ledger.bookmark(mailbox, folder).await?;
        let (back, listing) = session.list(folder, bookmark.clone(), depth).await?;
        let listing = match listing {
            Ok(listing) => listing,
            Err(NoFolder(words)) => {
                looked.hindrance = Some(Hindrance::NoFolder(words));
                return Ok((back, looked));
            }
        };
        let places = listing.found.iter().map(|found| found.place.clone()).collect();
        let unknown = ctx.ledger.unknown(mailbox, places).await?;
        let found = listing.found.into_iter().filter(|found| unknown.contains(&found.place)).collect();
        let found = not_recognised(ctx, settings, found).await?;
        let (back, taken) = take_in(ctx, settings, back, found).await?;
        session = back;
        looked.new += taken.new;
        withheld += taken.withheld.len();
        let now = listing.bookmark.withholding(&taken.withheld);
        withheld = withheld.max(now.as_ref().map_or(0, Bookmark::withheld));
        let is_all = taken.spent.is_none();
        looked.hindrance = taken.spent.or((withheld > 0).then_some(Hindrance::Withheld(withheld)));
        let (true, Some(now)) = (is_all, now) else {
            return Ok((session, looked)); // the bookmark waits with the messages
        };
        if bookmark.as_ref() != Some(&now) {
            ctx.ledger.save_bookmark(mailbox, folder, &now).await?;
        }
        if !listing.more {
            return Ok((session, looked));
        }
        // Looking back once is enough. Every time, a listing would be full before it came to what is new.
        depth = Depth::New;
    }
}

/// Which messages have to be fetched: Gmail's own ids tell the others.
async fn not_recognised(ctx: &Ctx, settings: &MailboxSettings, found: Vec<Found>) -> Result<Vec<Found>, StoreError> {
    if found.iter().all(|found| found.gmail_id.is_none()) {
        return Ok(found);
    }
    let intakes = ctx.ledger.recognise(settings.name.as_str(), &found, ctx.now()).await?;
    let mut to_be_fetched = Vec::with_capacity(found.len());
    for (found, intake) in found.into_iter().zip(intakes) {
        match intake {
            Some(intake) => storing::tell(ctx, settings, intake),
            None => to_be_fetched.push(found),
        }
    }
    Ok(to_be_fetched)
}

/// What came of fetching messages.
#[derive(Default)]
struct Taken {
    new: usize,
    /// What the server did not give.
    withheld: Vec<Withheld>,
    /// Why the rest waits.
    spent: Option<Hindrance>,
}

/// Fetches messages batch by batch and stores each batch, as far as the day's budget goes.
async fn take_in(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
    found: Vec<Found>,
) -> Result<(Box<dyn Mailbox>, Taken), IntakeError> {
    let mut taken = Taken::default();
    let mut waiting = found.len();
    for batch in batches(found) {
        let day = Day::of(ctx.now());
        if !may_fetch(ctx, settings, day, &batch).await? {
            taken.spent = Some(Hindrance::BudgetSpent { waiting, until: day.end() });
            return Ok((session, taken));
        }
        waiting -= batch.len();
        let (pieces, fetched) = mpsc::channel(PIECES);
        let mut stored = Stored::default();
        let (session_back, storing) =
            tokio::join!(session.fetch(batch, pieces), storing::store(ctx, settings, fetched, &mut stored));
        if settings.daily_bytes.is_some() {
            ctx.ledger.add_traffic(settings.name.as_str(), day, stored.bytes).await?;
        }
        // Where both failed, the ledger's failure is the cause and the fetch's the consequence.
        storing?;
        let (back, withheld) = session_back?;
        session = back;
        for Withheld { words, .. } in &withheld {
            tracing::warn!(mailbox = settings.name.as_str(), reason = words, "the server does not give a message");
        }
        taken.withheld.extend(withheld);
        taken.new += stored.new;
    }
    Ok((session, taken))
}

/// Whether the day's budget has room for a batch. A message larger than all of it is let through on a day of its own.
async fn may_fetch(ctx: &Ctx, settings: &MailboxSettings, day: Day, batch: &[Found]) -> Result<bool, StoreError> {
    let Some(budget) = settings.daily_bytes else { return Ok(true) };
    let spent = ctx.ledger.traffic(settings.name.as_str(), day).await?;
    let wanted: u64 = batch.iter().map(|found| found.size).sum();
    Ok(spent == 0 || spent.saturating_add(wanted) <= budget)
}

fn batches(found: Vec<Found>) -> Vec<Vec<Found>> {
    let mut batches: Vec<Vec<Found>> = Vec::new();
    let mut bytes = 0;
    for found in found {
        bytes += found.size;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_MESSAGES && bytes <= BATCH_BYTES => batch.push(found),
            _ => {
                bytes = found.size;
                batches.push(vec![found]);
            }
        }
    }
    batches
}
