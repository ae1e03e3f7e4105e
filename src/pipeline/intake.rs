//! Bringing messages from a mailbox into the ledger: list, fetch, store; the bookmark moves last.
//!
//! Several messages share a transaction, and large ones go in chunk by chunk, so that neither many nor large ones cost
//! much at a time.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::fingerprint::Fingerprint;
use super::{Ctx, random_name};
use crate::config::MailboxSettings;
use crate::mail::thread::JiraMessageId;
use crate::mail::{self, MessageId};
use crate::mailbox::{Found, Mailbox, MailboxError, Piece, Place};
use crate::store::bodies::{CHUNK, SealedChunk};
use crate::store::entry::Envelope;
use crate::store::intake::{Intake, NewMessage};
use crate::store::{BodyId, StoreError};

/// Messages fetched and stored together at most.
const BATCH_MESSAGES: usize = 100;
/// Bytes fetched and stored together at most, unless one message alone is larger.
const BATCH_BYTES: u64 = 4 << 20;
/// Pieces that may wait between the connection and the ledger.
const PIECES: usize = 16;

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

/// Whether a check looks behind the bookmark as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only what came since.
    New,
    /// What the ledger may have missed, too.
    Full,
}

/// Brings everything new in a folder into the ledger. Gives the session back and says how many messages were new.
pub async fn check_folder(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
    folder: &str,
    mut depth: Depth,
) -> Result<(Box<dyn Mailbox>, usize), IntakeError> {
    let mailbox = settings.name.as_str();
    let mut new = 0;
    loop {
        let bookmark = ctx.ledger.bookmark(mailbox, folder).await?;
        let (back, listing) = session.list(folder, bookmark.clone(), depth == Depth::Full).await?;
        let places = listing.found.iter().map(|found| found.place.clone()).collect();
        let unknown = ctx.ledger.unknown(mailbox, places).await?;
        let found = listing.found.into_iter().filter(|found| unknown.contains(&found.place)).collect();
        let (back, taken) = take_in(ctx, settings, back, found).await?;
        session = back;
        new += taken;
        if bookmark.as_ref() != Some(&listing.bookmark) {
            ctx.ledger.save_bookmark(mailbox, folder, &listing.bookmark).await?;
        }
        if !listing.more {
            return Ok((session, new));
        }
        // Looking back once is enough. Every time, a listing would be full before it came to what is new.
        depth = Depth::New;
    }
}

/// Fetches messages batch by batch and stores each batch.
async fn take_in(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut session: Box<dyn Mailbox>,
    found: Vec<Found>,
) -> Result<(Box<dyn Mailbox>, usize), IntakeError> {
    let mut new = 0;
    for batch in batches(found) {
        let bytes = batch.iter().map(|found| found.size.min(BATCH_BYTES)).sum();
        let _held = ctx.hold(bytes).await;
        let (pieces, fetched) = mpsc::channel(PIECES);
        let (session_back, stored) = tokio::join!(session.fetch(batch, pieces), store(ctx, settings, fetched));
        // Where both failed, the ledger's failure is the cause and the fetch's the consequence.
        let stored = stored?;
        session = session_back?;
        new += stored;
    }
    if new > 0 {
        ctx.board.received(settings.name.as_str(), ctx.now());
        ctx.work.notify_one();
    }
    Ok((session, new))
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

/// Stores what comes through the channel; small messages together when the channel closes.
async fn store(ctx: &Ctx, settings: &MailboxSettings, mut pieces: mpsc::Receiver<Piece>) -> Result<usize, StoreError> {
    let mut whole = Vec::new();
    let mut growing: Option<Growing> = None;
    while let Some(piece) = pieces.recv().await {
        // What broke off (it vanished, or the server gives no more of it) must not run into the next message.
        growing = growing.filter(|message| message.place == piece.found.place);
        let message = growing.get_or_insert_with(|| Growing::new(&piece.found));
        message.take(ctx, piece.bytes).await?;
        if piece.last
            && let Some(message) = growing.take()
        {
            whole.push(message.finish(ctx, settings)?);
        }
    }
    // What is left in `growing` broke off as well: where it is still there, it is fetched again.
    let intakes = ctx.ledger.receive(whole, ctx.now()).await?;
    for intake in &intakes {
        tell(ctx, settings, *intake);
    }
    Ok(intakes.iter().filter(|intake| matches!(intake, Intake::New(_))).count())
}

fn tell(ctx: &Ctx, settings: &MailboxSettings, intake: Intake) {
    let mailbox = settings.name.as_str();
    match intake {
        Intake::New(id) => tracing::info!(mailbox, entry = id.0, "received a message"),
        Intake::Moved(id) => tracing::info!(mailbox, entry = id.0, "found a known message at a new place"),
        Intake::Duplicate(original) => {
            tracing::info!(mailbox, original = original.0, "received a copy of a known message");
            ctx.board.ring(mailbox); // its mailbox is owed an acknowledgement
        }
        Intake::Known => {}
    }
}

/// A message whose pieces are coming in.
struct Growing {
    place: Place,
    arrived_at: jiff::Timestamp,
    body: BodyId,
    fingerprint: Fingerprint,
    waiting: Vec<u8>,
    position: i64,
}

impl Growing {
    fn new(found: &Found) -> Self {
        Self {
            place: found.place.clone(),
            arrived_at: found.arrived,
            body: BodyId::new(random_name()),
            fingerprint: Fingerprint::default(),
            waiting: Vec::new(),
            position: 0,
        }
    }

    /// Takes the next piece, and stores full chunks ahead of the message itself.
    async fn take(&mut self, ctx: &Ctx, piece: Bytes) -> Result<(), StoreError> {
        self.fingerprint.update(&piece);
        self.waiting.extend_from_slice(&piece);
        while self.waiting.len() > CHUNK {
            let rest = self.waiting.split_off(CHUNK);
            let chunk = std::mem::replace(&mut self.waiting, rest);
            let sealed = self.seal(ctx, &chunk)?;
            ctx.ledger.store_chunks(sealed, ctx.now()).await?;
        }
        Ok(())
    }

    fn seal(&mut self, ctx: &Ctx, chunk: &[u8]) -> Result<Vec<SealedChunk>, StoreError> {
        let sealed = ctx.ledger.seal_chunk(&self.body, self.position, chunk)?;
        self.position += 1;
        Ok(vec![sealed])
    }

    fn finish(mut self, ctx: &Ctx, settings: &MailboxSettings) -> Result<NewMessage, StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        let chunks = self.seal(ctx, &waiting)?;
        let taken = self.fingerprint.finish();
        let head = mail::parse(&taken.head);
        let ancestors: Vec<MessageId> = head.ancestors().into_iter().cloned().collect();
        let issues = ancestors.iter().filter_map(JiraMessageId::recognise).map(|id| id.issue_id);
        Ok(NewMessage {
            mailbox: settings.name.as_str().to_owned(),
            place: self.place,
            body_hash: taken.body_hash(head.message_id.is_some()),
            issues: issues.collect(),
            ancestors,
            envelope: Envelope { subject: head.subject, from: head.from.into_iter().next() },
            message_id: head.message_id,
            body: self.body,
            chunks,
            size: taken.size,
            arrived_at: self.arrived_at,
        })
    }
}
