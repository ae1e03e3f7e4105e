//! Fetching messages whole, in bounded memory, and telling one that vanished from one that the server will not give.

use std::collections::HashMap;

use bytes::Bytes;
use imap_proto::{AttributeValue, Response};
use tokio::sync::mpsc;

use super::Imap;
use super::answer::Answer;
use super::folder::uid_of;
use super::name;
use crate::mailbox::{Found, MailboxError, Piece, Place, Withheld, throttle};

/// Beyond this size a message is fetched in chunks.
const WHOLE_MESSAGE: u64 = 512 << 10;
const CHUNK: usize = 256 << 10;
/// Ranges of 100 reach the speed of the wire; with bigger messages the bytes bound them.
const RANGE_MESSAGES: usize = 100;
const RANGE_BYTES: u64 = 4 << 20;
/// How many messages of a range may be refused one by one before the rest is left for later.
const MAX_REFUSALS: usize = 3;

/// Messages of one folder that are fetched by one command.
struct Range<'a> {
    folder: &'a str,
    uid_validity: u32,
    messages: Vec<(u32, &'a Found)>,
}

/// What a command did not bring.
struct Missing<'a> {
    messages: Vec<(u32, &'a Found)>,
    refusal: Option<MailboxError>,
}

impl Imap {
    pub(super) async fn fetch_messages(
        &mut self,
        found: Vec<Found>,
        pieces: &mpsc::Sender<Piece>,
    ) -> Result<Vec<Withheld>, MailboxError> {
        let mut withheld = Vec::new();
        for range in ranges(&found) {
            if self.select(range.folder).await?.uid_validity != range.uid_validity {
                continue; // these UIDs mean nothing any more
            }
            let of_range = match range.messages.as_slice() {
                [(uid, message)] if message.size > WHOLE_MESSAGE => {
                    let fetched = self.fetch_big(*uid, message, pieces).await;
                    self.reason_to_withhold(fetched)?.map(|words| withheld_for(message, words)).into_iter().collect()
                }
                messages => self.fetch_range(messages, pieces).await?,
            };
            withheld.extend(of_range);
        }
        Ok(withheld)
    }

    /// Fetches a range, and what is missing afterwards one by one, because one message may make a server refuse them all.
    async fn fetch_range(
        &mut self,
        messages: &[(u32, &Found)],
        pieces: &mpsc::Sender<Piece>,
    ) -> Result<Vec<Withheld>, MailboxError> {
        let missing = self.fetch_whole(messages, pieces).await?;
        if let Some(refusal) = missing.refusal {
            self.reason_to_withhold(Err(refusal))?;
        }
        let mut withheld: Vec<Withheld> = Vec::new();
        for message in self.not_vanished(missing.messages).await? {
            if withheld.len() >= MAX_REFUSALS {
                withheld.push(withheld_for(message.1, "not asked for, after others were refused".to_owned()));
                continue;
            }
            let missing = self.fetch_whole(&[message], pieces).await?;
            if !missing.messages.is_empty() {
                let refusal = missing.refusal.unwrap_or_else(|| self.withheld());
                let words = self.reason_to_withhold(Err(refusal))?;
                withheld.extend(words.map(|words| withheld_for(message.1, words)));
            }
        }
        Ok(withheld)
    }

    /// The words of a failure that concerns one message, so that the others may be tried; the error itself where it is
    /// another one.
    fn reason_to_withhold(&self, fetched: Result<(), MailboxError>) -> Result<Option<String>, MailboxError> {
        match fetched {
            Ok(()) => Ok(None),
            Err(error) if may_go_on(&error) && self.session.is_sound() => {
                Ok(Some(error.server_words().map_or_else(|| error.to_string(), str::to_owned)))
            }
            Err(error) => Err(error),
        }
    }

    async fn fetch_whole<'a>(
        &mut self,
        messages: &[(u32, &'a Found)],
        pieces: &mpsc::Sender<Piece>,
    ) -> Result<Missing<'a>, MailboxError> {
        let mut wanted: HashMap<u32, &Found> = messages.iter().copied().collect();
        let arguments = format!("{} (UID BODY.PEEK[])", set_of(messages));
        let running = self.session.start("UID FETCH", &arguments).await?;
        let refusal = loop {
            match self.session.answer(&running, body_of).await? {
                Answer::Data(Some((uid, bytes))) => {
                    let is_credible = |message: &&Found| !bytes.is_empty() || message.size == 0;
                    if wanted.get(&uid).is_some_and(is_credible)
                        && let Some(message) = wanted.remove(&uid)
                    {
                        send(pieces, message, bytes, true).await?;
                    }
                }
                Answer::Data(None) => {}
                Answer::Continue(_) => return Err(self.session.protocol("a continuation that nothing waits for")),
                Answer::Done(ended) => break self.session.accept("UID FETCH", ended).err(),
            }
        };
        let messages = messages.iter().filter(|(uid, _)| wanted.contains_key(uid)).copied().collect();
        Ok(Missing { messages, refusal })
    }

    /// Fetches a message chunk by chunk. Its size is the server's estimate; the end is where nothing more comes.
    async fn fetch_big(&mut self, uid: u32, message: &Found, pieces: &mpsc::Sender<Piece>) -> Result<(), MailboxError> {
        let mut offset: u64 = 0;
        loop {
            let Some(bytes) = self.fetch_chunk(uid, offset).await? else {
                let is_there = !self.still_there(&[uid]).await?.is_empty();
                return if is_there { Err(self.withheld()) } else { Ok(()) };
            };
            if bytes.is_empty() && offset == 0 || bytes.len() > CHUNK {
                return Err(self.withheld());
            }
            let is_short = bytes.len() < CHUNK;
            offset += bytes.len() as u64;
            let last = bytes.is_empty() || (is_short && offset >= message.size);
            send(pieces, message, bytes, last).await?;
            if last {
                return Ok(());
            }
        }
    }

    async fn fetch_chunk(&mut self, uid: u32, offset: u64) -> Result<Option<Bytes>, MailboxError> {
        let mut chunk = None;
        let arguments = format!("{uid} (UID BODY.PEEK[]<{offset}.{CHUNK}>)");
        let asking = self.session.command("UID FETCH", &arguments, |response| {
            if let Some((_, bytes)) = body_of(response).filter(|(of, _)| *of == uid) {
                chunk = Some(bytes);
            }
        });
        asking.await?;
        Ok(chunk)
    }

    async fn not_vanished<'a>(
        &mut self,
        messages: Vec<(u32, &'a Found)>,
    ) -> Result<Vec<(u32, &'a Found)>, MailboxError> {
        if messages.is_empty() {
            return Ok(messages);
        }
        let uids: Vec<u32> = messages.iter().map(|(uid, _)| *uid).collect();
        let present = self.still_there(&uids).await?;
        Ok(messages.into_iter().filter(|(uid, _)| present.contains(uid)).collect())
    }

    fn withheld(&self) -> MailboxError {
        self.session.protocol("a message is there, but its body is not given")
    }
}

/// Whether a failure may concern one message alone, whatever the server calls it: only a server that has enough of us is
/// asked for no other.
fn may_go_on(error: &MailboxError) -> bool {
    match error {
        MailboxError::Refused { words, .. } => throttle::wait(words).is_none(),
        MailboxError::Protocol { .. } => true,
        MailboxError::Connect { .. }
        | MailboxError::Timeout { .. }
        | MailboxError::Closed { .. }
        | MailboxError::LoginRefused { .. }
        | MailboxError::NotOffered { .. }
        | MailboxError::GivenUp => false,
    }
}

fn withheld_for(message: &Found, words: String) -> Withheld {
    Withheld { place: message.place.clone(), words }
}

async fn send(pieces: &mpsc::Sender<Piece>, found: &Found, bytes: Bytes, last: bool) -> Result<(), MailboxError> {
    let piece = Piece { found: found.clone(), bytes, last };
    pieces.send(piece).await.map_err(|_| MailboxError::GivenUp)
}

/// Small messages by the range, then each big one by itself.
fn ranges(found: &[Found]) -> Vec<Range<'_>> {
    let (big, small): (Vec<_>, Vec<_>) = found.iter().partition(|message| message.size > WHOLE_MESSAGE);
    let mut ranges: Vec<Range<'_>> = Vec::new();
    let mut bytes = 0;
    for message in small.into_iter().chain(big) {
        let Place::Imap { folder, uid_validity, uid } = &message.place else {
            continue;
        };
        bytes += message.size;
        match ranges.last_mut() {
            Some(range)
                if range.folder == folder
                    && range.uid_validity == *uid_validity
                    && range.messages.len() < RANGE_MESSAGES
                    && bytes <= RANGE_BYTES
                    && message.size <= WHOLE_MESSAGE =>
            {
                range.messages.push((*uid, message));
            }
            Some(_) | None => {
                bytes = message.size;
                ranges.push(Range { folder, uid_validity: *uid_validity, messages: vec![(*uid, message)] });
            }
        }
    }
    ranges
}

fn set_of(messages: &[(u32, &Found)]) -> String {
    name::uid_set(&messages.iter().map(|(uid, _)| *uid).collect::<Vec<_>>())
}

/// A body in a FETCH response, and whose it is.
fn body_of(response: &Response<'_>) -> Option<(u32, Bytes)> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    let bytes = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection { section: None, data: Some(data), .. } => Some(Bytes::copy_from_slice(data)),
        AttributeValue::BodySection { section: None, data: None, .. } => Some(Bytes::new()), // NIL
        _ => None,
    })?;
    uid_of(response).map(|uid| (uid, bytes))
}
