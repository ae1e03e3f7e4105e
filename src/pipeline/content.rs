//! A message's bytes and what they say, read from the ledger when they are first needed and at most once a delivery. A large
//! one is never held whole: its big files stay in the ledger, and are read from there while they are sent.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::OnceCell;

use super::memory::Held;
use super::proof::Proof;
use super::{Ctx, random_name};
use crate::jira::Payload;
use crate::jira::payload::Streamed;
use crate::jira::plan::Source;
use crate::mail::dkim::Digests;
use crate::mail::large::{Cut, Large, Reader};
use crate::mail::{self, Mail};
use crate::store::{BodyId, Entry, Ledger, StoreError};

/// A message larger than this is large.
const WHOLE: u64 = 8 << 20;
/// What reading a large one costs at most, and what it leaves to be held.
const LARGE_COST: u64 = 16 << 20;
/// From this size on parsing is done on a thread that may block.
const SLOW: usize = 256 << 10;

/// The memory that the content of a message of so many bytes takes.
pub fn memory(size: u64) -> u64 {
    // Its bytes, and its parts decoded beside them.
    if size > WHOLE { LARGE_COST } else { size.saturating_mul(2) }
}

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
    /// What its signatures prove, once somebody needed to know.
    pub(super) signed: OnceCell<Proof>,
    source: Bodies,
    _held: Held<'a>,
}

/// Where the bytes of a message and its files are.
enum Bodies {
    /// Here: the message as it came over the wire, and its files in the [`Mail`].
    Here(Bytes),
    /// In the ledger, but for small files, which are in the [`Mail`].
    InLedger { body: BodyId, cuts: BTreeMap<usize, Cut> },
}

impl Message<'_> {
    /// What the signatures on the message are about.
    pub(super) async fn digests(&self, ledger: &Ledger) -> Result<Digests, StoreError> {
        match &self.source {
            Bodies::Here(raw) => Ok(Digests::of(raw)),
            Bodies::InLedger { body, .. } => read_through(ledger, body, Digests::default(), Digests::take).await,
        }
    }
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
    pub async fn upload(&self, source: Source) -> Result<Payload, StoreError> {
        let message = self.message().await?;
        let file = |index: usize| message.mail.attachments.get(index).map(|file| Payload::Held(file.content.clone()));
        let payload = match (source, &message.source) {
            (Source::Original, Bodies::Here(raw)) => Some(raw.clone().into()),
            (Source::Original, Bodies::InLedger { .. }) => Some(self.all()?),
            (Source::Attachment(index), Bodies::Here(_)) => file(index),
            (Source::Attachment(index), Bodies::InLedger { cuts, .. }) => match cuts.get(&index) {
                Some(cut) => Some(self.cut_out(cut)?),
                None => file(index),
            },
        };
        payload.ok_or_else(|| StoreError::Corrupt("a plan names a file that its message does not have".to_owned()))
    }

    async fn read(&self) -> Result<Message<'a>, StoreError> {
        let body = self.body()?;
        let held = self.ctx.delivery_memory.hold(memory(self.size)).await;
        if self.size > WHOLE {
            let reader = Reader::new(random_name());
            let reader = read_through(&self.ctx.ledger, body, reader, Reader::take).await?;
            let Large { mail, cuts } = blocking(move || reader.finish()).await;
            return Ok(Message {
                mail,
                signed: OnceCell::new(),
                source: Bodies::InLedger { body: body.clone(), cuts },
                _held: held,
            });
        }
        let raw = Bytes::from(self.ctx.ledger.body(body).await?);
        let mail = parse(raw.clone()).await;
        Ok(Message { mail, signed: OnceCell::new(), source: Bodies::Here(raw), _held: held })
    }

    fn body(&self) -> Result<&BodyId, StoreError> {
        self.body.as_ref().ok_or_else(|| StoreError::Corrupt("its bytes were deleted".to_owned()))
    }

    fn all(&self) -> Result<Payload, StoreError> {
        let (ledger, body) = (self.ctx.ledger.clone(), self.body()?.clone());
        let open = move || chunks(ledger.clone(), body.clone(), 0).map(|chunk| chunk.map(|(_, bytes)| bytes)).boxed();
        Ok(Payload::Streamed(Streamed { size: self.size, open: Arc::new(open) }))
    }

    fn cut_out(&self, cut: &Cut) -> Result<Payload, StoreError> {
        let (ledger, body, cut, size) = (self.ctx.ledger.clone(), self.body()?.clone(), cut.clone(), cut.size);
        let open = move || {
            let chunks = chunks(ledger.clone(), body.clone(), cut.from);
            decoded(chunks, cut.clone()).boxed()
        };
        Ok(Payload::Streamed(Streamed { size, open: Arc::new(open) }))
    }
}

/// Gives a body to a reader, chunk by chunk.
async fn read_through<R: Send + 'static>(
    ledger: &Ledger,
    body: &BodyId,
    mut reader: R,
    take: fn(&mut R, &[u8]),
) -> Result<R, StoreError> {
    let mut position = 0;
    while let Some(chunk) = ledger.chunk(body, position).await? {
        reader = blocking(move || {
            take(&mut reader, &chunk);
            reader
        })
        .await;
        position += 1;
    }
    match position {
        0 => Err(StoreError::Corrupt("its bytes are missing".to_owned())),
        _ => Ok(reader),
    }
}

/// The bytes of a body from `from` on, chunk by chunk, each with where it begins.
fn chunks(ledger: Ledger, body: BodyId, from: u64) -> BoxStream<'static, io::Result<(u64, Bytes)>> {
    let chunk = move |(ledger, body, position, offset): (Ledger, BodyId, i64, u64)| async move {
        let chunk = ledger.chunk(&body, position).await.map_err(io::Error::other).transpose()?;
        let bytes = chunk.map(Bytes::from);
        let behind = offset + bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Some((bytes.map(|bytes| (offset, bytes)), (ledger, body, position + 1, behind)))
    };
    let chunks = stream::unfold((ledger, body, 0, 0), chunk).filter_map(move |chunk| async move {
        match chunk {
            Ok((offset, mut bytes)) => {
                let before = usize::try_from(from.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
                let rest = bytes.split_off(before);
                (!rest.is_empty()).then(|| Ok((offset + before as u64, rest)))
            }
            Err(error) => Some(Err(error)),
        }
    });
    chunks.boxed()
}

/// The content of a file, from the chunks that it begins in, goes through and ends in.
fn decoded(
    chunks: BoxStream<'static, io::Result<(u64, Bytes)>>,
    cut: Cut,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((chunks, cut.decoder())), move |state| {
        let to = cut.to;
        async move {
            let (mut chunks, mut decoder) = state?;
            match chunks.next().await {
                Some(Ok((offset, bytes))) if offset < to => {
                    let wanted = usize::try_from(to - offset).unwrap_or(usize::MAX);
                    let content = decoder.update(bytes.get(..wanted).unwrap_or(&bytes));
                    Some((Ok(content.into()), Some((chunks, decoder))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                Some(Ok(_)) | None => Some((Ok(decoder.finish().into()), None)),
            }
        }
    })
}

async fn parse(raw: Bytes) -> Mail {
    if raw.len() < SLOW {
        return mail::parse(&raw);
    }
    blocking(move || mail::parse(&raw)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // A panic goes on here, where the delivery catches and counts it.
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await, // cancelled: the runtime is being torn down
        },
    }
}
