//! Putting fetched messages into the ledger while their pieces come in, within the memory that there is for it.
//!
//! Nobody waits for memory while holding some, and a server that falls silent in the middle of something holds none: what
//! has come of it is put down. So one slow mailbox keeps no memory from the others.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::MailboxSettings;
use crate::mail::thread::JiraMessageId;
use crate::mail::{self, MessageId};
use crate::mailbox::{Found, GmailId, Piece, Place};
use crate::pipeline::fingerprint::Fingerprint;
use crate::pipeline::memory::Held;
use crate::pipeline::{Ctx, random_name};
use crate::store::bodies::{CHUNK, SealedChunk};
use crate::store::entry::Envelope;
use crate::store::intake::{Intake, NewMessage};
use crate::store::{BodyId, StoreError};

/// A server that sends nothing for so long has what it sent so far put down.
const SILENCE: Duration = Duration::from_secs(1);

/// What was stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored {
    /// Messages that were new.
    pub new: usize,
    /// Bytes that came over the wire, those of messages that broke off included.
    pub bytes: u64,
}

/// Stores what comes through the channel; small messages together when the channel closes.
pub async fn store(
    ctx: &Ctx,
    settings: &MailboxSettings,
    mut pieces: mpsc::Receiver<Piece>,
    stored: &mut Stored,
) -> Result<(), StoreError> {
    let mut storing = Storing { ctx, settings, whole: Vec::new(), growing: None, held: Held::nothing(), stored };
    loop {
        match timeout(SILENCE, pieces.recv()).await {
            Ok(Some(piece)) => storing.take(piece).await?,
            Ok(None) => break,
            Err(_silence) => storing.put_down().await?,
        }
    }
    // What is left in `growing` broke off: where it is still there, it is fetched again.
    storing.receive().await
}

struct Storing<'s> {
    ctx: &'s Ctx,
    settings: &'s MailboxSettings,
    whole: Vec<NewMessage>,
    growing: Option<Growing>,
    held: Held<'s>,
    stored: &'s mut Stored,
}

impl Storing<'_> {
    async fn take(&mut self, piece: Piece) -> Result<(), StoreError> {
        let size = piece.bytes.len() as u64;
        self.stored.bytes += size;
        match self.ctx.intake_memory.try_hold(size) {
            Some(more) => self.held.join(more),
            None => {
                self.put_down().await?;
                self.held = self.ctx.intake_memory.hold(size).await;
            }
        }
        // What broke off (it vanished, or the server gives no more of it) must not run into the next message.
        self.growing = self.growing.take().filter(|message| message.place == piece.found.place);
        let message = self.growing.get_or_insert_with(|| Growing::new(&piece.found, self.ctx.now()));
        message.take(self.ctx, piece.bytes).await?;
        if piece.last
            && let Some(message) = self.growing.take()
        {
            self.whole.push(message.finish(self.ctx, self.settings)?);
        }
        Ok(())
    }

    /// Puts everything into the ledger, a message that is not whole yet as far as it has come; holds no memory then.
    async fn put_down(&mut self) -> Result<(), StoreError> {
        self.receive().await?;
        if let Some(message) = &mut self.growing {
            message.put_down(self.ctx).await?;
        }
        self.held = Held::nothing();
        Ok(())
    }

    /// Takes in the messages that are whole.
    async fn receive(&mut self) -> Result<(), StoreError> {
        let whole = std::mem::take(&mut self.whole);
        if whole.is_empty() {
            return Ok(());
        }
        let intakes = self.ctx.ledger.receive(whole, self.ctx.now()).await?;
        for intake in &intakes {
            tell(self.ctx, self.settings, *intake);
        }
        let new = intakes.iter().filter(|intake| matches!(intake, Intake::New(_))).count();
        self.stored.new += new;
        if new > 0 {
            self.ctx.board.received(self.settings.name.as_str(), self.ctx.now());
            self.ctx.work.notify_one();
        }
        Ok(())
    }
}

/// Says what became of a message on its way in.
pub fn tell(ctx: &Ctx, settings: &MailboxSettings, intake: Intake) {
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
    gmail_id: Option<GmailId>,
    arrived_at: Timestamp,
    body: BodyId,
    fingerprint: Fingerprint,
    waiting: Vec<u8>,
    position: i64,
}

impl Growing {
    fn new(found: &Found, now: Timestamp) -> Self {
        Self {
            place: found.place.clone(),
            gmail_id: found.gmail_id,
            arrived_at: found.arrived,
            body: BodyId::new(now, &random_name()),
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

    /// Stores what is there of it as a chunk, however short.
    async fn put_down(&mut self, ctx: &Ctx) -> Result<(), StoreError> {
        let chunk = std::mem::take(&mut self.waiting);
        if chunk.is_empty() {
            return Ok(());
        }
        let sealed = self.seal(ctx, &chunk)?;
        ctx.ledger.store_chunks(sealed, ctx.now()).await
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
            gmail_id: self.gmail_id,
            body_hash: taken.body_hash(head.message_id.as_ref()),
            issues: issues.collect(),
            conversation: head.conversation(),
            ancestors,
            envelope: Envelope { subject: head.subject, from: head.people.author },
            message_id: head.message_id,
            body: self.body,
            chunks,
            size: taken.size,
            arrived_at: self.arrived_at,
        })
    }
}
