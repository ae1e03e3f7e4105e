//! A message's bytes and what they say, read from the ledger when they are first needed and at most once a delivery.

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::Ctx;
use super::memory::Held;
use crate::jira::plan::Source;
use crate::mail::{self, Mail};
use crate::store::bodies::CHUNK;
use crate::store::{BodyId, Entry, StoreError};

/// A message larger than this is never held whole: its beginning is read for the text, the rest stays in the ledger.
const WHOLE: u64 = 48 << 20;
/// Chunks of such a message that are read.
const BEGINNING: i64 = 2;
/// From this size on parsing is done on a thread that may block.
const LARGE: usize = 256 << 10;

/// A message to be read.
pub struct Content<'a> {
    ctx: &'a Ctx,
    body: Option<BodyId>,
    size: u64,
    message: OnceCell<Message<'a>>,
}

/// A message that was read.
pub struct Message<'a> {
    /// What it says.
    pub mail: Mail,
    /// As it came over the wire.
    pub raw: Bytes,
    /// Whether `raw` is all of it.
    pub extent: Extent,
    _held: Held<'a>,
}

/// How much of a message was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All.
    Whole,
    /// Only its beginning: it is too large to be held.
    Beginning,
}

impl<'a> Content<'a> {
    /// The content of an entry. Nothing is read yet.
    pub fn new(ctx: &'a Ctx, entry: &Entry) -> Self {
        Self { ctx, body: entry.body.clone(), size: entry.size, message: OnceCell::new() }
    }

    /// The message, read and parsed at the first call.
    pub async fn message(&self) -> Result<&Message<'a>, StoreError> {
        self.message.get_or_try_init(|| Box::pin(self.read())).await
    }

    /// What an upload uploads.
    pub async fn upload(&self, source: Source) -> Result<Bytes, StoreError> {
        let message = self.message().await?;
        let bytes = match source {
            Source::Original => Some(message.raw.clone()).filter(|_| message.extent == Extent::Whole),
            Source::Attachment(index) => message.mail.attachments.get(index).map(|file| file.content.clone()),
        };
        bytes.ok_or_else(|| StoreError::Corrupt("a plan names a file that its message does not have".to_owned()))
    }

    async fn read(&self) -> Result<Message<'a>, StoreError> {
        let body = self.body.as_ref().ok_or_else(|| StoreError::Corrupt("its bytes were deleted".to_owned()))?;
        let extent = if self.size > WHOLE { Extent::Beginning } else { Extent::Whole };
        // Its bytes, and its parts decoded beside them.
        let held = self.ctx.delivery_memory.hold(self.size.min(WHOLE).saturating_mul(2)).await;
        let raw = match extent {
            Extent::Whole => self.ctx.ledger.body(body).await?,
            Extent::Beginning => self.beginning(body).await?,
        };
        let raw = Bytes::from(raw);
        let mail = parse(raw.clone()).await;
        let mail = match extent {
            Extent::Whole => mail,
            Extent::Beginning => mail.cut_off(),
        };
        Ok(Message { mail, raw, extent, _held: held })
    }

    async fn beginning(&self, body: &BodyId) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::with_capacity(CHUNK);
        for position in 0..BEGINNING {
            bytes.extend(self.ctx.ledger.chunk(body, position).await?.unwrap_or_default());
        }
        Ok(bytes)
    }
}

async fn parse(raw: Bytes) -> Mail {
    if raw.len() < LARGE {
        return mail::parse(&raw);
    }
    match tokio::task::spawn_blocking(move || mail::parse(&raw)).await {
        Ok(mail) => mail,
        // A panic goes on here, where the delivery catches and counts it.
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await, // cancelled: the runtime is being torn down
        },
    }
}
