//! Taking messages in: each place once, each message once, and the cursor only behind what is safe.

use jiff::Timestamp;

use super::bodies::{BodyId, SealedChunk, delete_body, insert_chunks};
use super::database::{Arg, Lock, Tx};
use super::entry::{EntryId, Envelope, at_place, place_columns};
use super::threads::{Names, conversation_name, issue_name, join};
use super::{Ledger, StoreError, ms, story};
use crate::mail::MessageId;
use crate::mail::thread::Conversation;
use crate::mailbox::{Bookmark, Found, GmailId, Place};

/// A message on its way into the ledger.
pub struct NewMessage {
    /// The mailbox that it came to.
    pub mailbox: String,
    /// Where it sits there.
    pub place: Place,
    /// What Gmail calls it.
    pub gmail_id: Option<GmailId>,
    /// Its `Message-ID`.
    pub message_id: Option<MessageId>,
    /// With the Message-ID, what makes it the same message wherever it sits.
    pub body_hash: String,
    /// The Message-IDs that it names as its ancestors.
    pub ancestors: Vec<MessageId>,
    /// Ids of issues that it names (in Jira's own Message-IDs).
    pub issues: Vec<String>,
    /// The conversation that Outlook puts it into.
    pub conversation: Option<Conversation>,
    /// What lists show.
    pub envelope: Envelope,
    /// Its bytes.
    pub body: BodyId,
    /// Those of its chunks that are not stored yet.
    pub chunks: Vec<SealedChunk>,
    /// Bytes.
    pub size: u64,
    /// When it came to the mailbox.
    pub arrived_at: Timestamp,
}

/// What became of a message on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// The message is new.
    New(EntryId),
    /// The ledger holds the same message from another place: an entry of its own, with nothing to be made of it.
    Duplicate(EntryId),
    /// The ledger knows the message from before UIDVALIDITY changed; the entry now points to the new place.
    Moved(EntryId),
    /// The very place of the message is in the ledger already.
    Known,
}

impl Ledger {
    /// How far a folder has been read.
    pub async fn bookmark(&self, mailbox: &str, folder: &str) -> Result<Option<Bookmark>, StoreError> {
        let (mailbox, folder) = (mailbox.to_owned(), folder.to_owned());
        let text = self.read(move |tx| select_cursor(tx, &mailbox, &folder)).await?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| StoreError::corrupt(format!("a cursor: {error}"))))
            .transpose()
    }

    /// Remembers how far a folder has been read. Everything in front of it must be in the ledger already.
    pub async fn save_bookmark(&self, mailbox: &str, folder: &str, bookmark: &Bookmark) -> Result<(), StoreError> {
        let (mailbox, folder) = (mailbox.to_owned(), folder.to_owned());
        let text = serde_json::to_string(bookmark).map_err(|error| StoreError::corrupt(error.to_string()))?;
        self.write(move |tx| upsert_cursor(tx, &mailbox, &folder, &text)).await
    }

    /// Which of `places` the ledger does not know: those are new.
    pub async fn unknown(&self, mailbox: &str, places: Vec<Place>) -> Result<Vec<Place>, StoreError> {
        let mailbox = mailbox.to_owned();
        self.read(move |tx| {
            let mut unknown = Vec::new();
            for place in places {
                if !knows_place(tx, &mailbox, &place)? {
                    unknown.push(place);
                }
            }
            Ok(unknown)
        })
        .await
    }

    /// Takes messages in, in order, all or none.
    pub async fn receive(&self, messages: Vec<NewMessage>, now: Timestamp) -> Result<Vec<Intake>, StoreError> {
        let mut sealed = Vec::with_capacity(messages.len());
        for message in messages {
            let envelope = self.sealed_envelope(&message.envelope)?;
            let story = self.sealed_story(&format!("received from {}", describe(&message.place)))?;
            sealed.push((message, envelope, story));
        }
        self.write_under(Some(Lock::Threads), move |tx| {
            sealed.iter().map(|(message, envelope, story)| receive_one(tx, message, envelope, story, now)).collect()
        })
        .await
    }

    /// Finds messages again by what Gmail calls them, which saves fetching them: in another folder, or after UIDVALIDITY has
    /// changed. One of another size is not believed to be the same. Says what became of each; `None`: it must be fetched.
    pub async fn recognise(
        &self,
        mailbox: &str,
        found: &[Found],
        now: Timestamp,
    ) -> Result<Vec<Option<Intake>>, StoreError> {
        let mut sealed = Vec::with_capacity(found.len());
        for found in found {
            let story = self.sealed_story(&format!("found again, by Gmail's own id, in {}", describe(&found.place)))?;
            sealed.push((found.clone(), story));
        }
        let mailbox = mailbox.to_owned();
        self.write_under(Some(Lock::Threads), move |tx| {
            sealed.iter().map(|(found, story)| recognise_one(tx, &mailbox, found, story, now)).collect()
        })
        .await
    }
}

fn recognise_one(
    tx: &mut Tx<'_>,
    mailbox: &str,
    found: &Found,
    story: &[u8],
    now: Timestamp,
) -> Result<Option<Intake>, StoreError> {
    let Some(original) = select_by_gmail_id(tx, mailbox, found)? else { return Ok(None) };
    if knows_place(tx, mailbox, &found.place)? {
        return Ok(Some(Intake::Known));
    }
    if original.lost_its_place(&found.place) {
        move_to(tx, original.id, &found.place)?;
        story::insert(tx, original.id, now, story)?;
        return Ok(Some(Intake::Moved(original.id)));
    }
    let id = insert_copy(tx, original.id, found, now)?;
    story::insert(tx, id, now, story)?;
    settle_duplicate(tx, id, original.id, now)?;
    Ok(Some(Intake::Duplicate(original.id)))
}

fn receive_one(
    tx: &mut Tx<'_>,
    message: &NewMessage,
    envelope: &[u8],
    story: &[u8],
    now: Timestamp,
) -> Result<Intake, StoreError> {
    if knows_place(tx, &message.mailbox, &message.place)? {
        delete_body(tx, &message.body)?; // chunks that were stored ahead
        return Ok(Intake::Known);
    }
    let original = select_same(tx, message)?;
    if let Some(original) = &original
        && original.lost_its_place(&message.place)
    {
        move_to(tx, original.id, &message.place)?;
        story::insert(tx, original.id, now, story)?;
        delete_body(tx, &message.body)?;
        return Ok(Intake::Moved(original.id));
    }
    let id = insert_message(tx, message, envelope, now)?;
    story::insert(tx, id, now, story)?;
    match original {
        Some(original) => {
            delete_body(tx, &message.body)?;
            settle_duplicate(tx, id, original.id, now)?;
            Ok(Intake::Duplicate(original.id))
        }
        None => {
            insert_chunks(tx, &message.chunks, now)?;
            join_thread(tx, id, message)?;
            Ok(Intake::New(id))
        }
    }
}

fn describe(place: &Place) -> String {
    match place {
        Place::Imap { folder, uid_validity, uid } => format!("folder {folder}, UID {uid} (UIDVALIDITY {uid_validity})"),
        Place::Pop3 { uidl } => format!("the maildrop, UIDL {uidl}"),
    }
}

fn join_thread(tx: &mut Tx<'_>, id: EntryId, message: &NewMessage) -> Result<(), StoreError> {
    let ancestors = message.ancestors.iter().map(|ancestor| ancestor.as_str().to_owned());
    let names = Names {
        own: message.message_id.as_ref().map(MessageId::as_str),
        ancestors: ancestors.chain(message.issues.iter().map(|issue| issue_name(issue))).collect(),
        conversation: message
            .conversation
            .as_ref()
            .map(|found| (conversation_name(&message.mailbox, found), found.part)),
    };
    let joined = join(tx, id, &names)?;
    tx.execute(
        "/* join_thread */ UPDATE messages SET thread = $2, continues = $3 WHERE id = $1",
        &[Arg::Int(id.0), Arg::Int(joined.thread), Arg::Int(i64::from(joined.continues))],
    )?;
    Ok(())
}

/// The entry that is the same message.
struct Original {
    id: EntryId,
    folder: String,
    uid_validity: i64,
}

impl Original {
    /// Whether its place died with an older UIDVALIDITY of the folder in which the message was found again.
    fn lost_its_place(&self, found: &Place) -> bool {
        let found = place_columns(found);
        self.folder == found.folder && self.uid_validity != found.uid_validity
    }
}

fn select_same(tx: &mut Tx<'_>, message: &NewMessage) -> Result<Option<Original>, StoreError> {
    let place = place_columns(&message.place);
    tx.optional(
        // the one whose place died first, then the original rather than one of its duplicates
        "/* select_same */ SELECT id, folder, uid_validity FROM messages \
         WHERE mailbox = $1 AND message_id = $2 AND body_hash = $3 \
         ORDER BY CASE WHEN folder = $4 AND uid_validity <> $5 THEN 0 ELSE 1 END, duplicate_of, id LIMIT 1",
        &[
            Arg::Text(&message.mailbox),
            Arg::Text(message.message_id.as_ref().map_or("", MessageId::as_str)),
            Arg::Text(&message.body_hash),
            Arg::Text(place.folder),
            Arg::Int(place.uid_validity),
        ],
        |mut row| Ok(Original { id: EntryId(row.int()?), folder: row.text()?, uid_validity: row.int()? }),
    )
}

fn select_by_gmail_id(tx: &mut Tx<'_>, mailbox: &str, found: &Found) -> Result<Option<Original>, StoreError> {
    let Some(GmailId(gmail_id)) = found.gmail_id else { return Ok(None) };
    let place = place_columns(&found.place);
    tx.optional(
        "/* select_by_gmail_id */ SELECT id, folder, uid_validity FROM messages \
         WHERE mailbox = $1 AND gmail_id = $2 AND gmail_id <> '' AND size = $3 \
         ORDER BY CASE WHEN folder = $4 AND uid_validity <> $5 THEN 0 ELSE 1 END, duplicate_of, id LIMIT 1",
        &[
            Arg::Text(mailbox),
            Arg::Text(&gmail_id.to_string()),
            Arg::Int(i64::try_from(found.size).unwrap_or(i64::MAX)),
            Arg::Text(place.folder),
            Arg::Int(place.uid_validity),
        ],
        |mut row| Ok(Original { id: EntryId(row.int()?), folder: row.text()?, uid_validity: row.int()? }),
    )
}

/// A second entry for a message that the ledger has, at another place and without a body.
fn insert_copy(tx: &mut Tx<'_>, original: EntryId, found: &Found, now: Timestamp) -> Result<EntryId, StoreError> {
    let place = place_columns(&found.place);
    let id = tx.insert(
        "/* insert_copy */ INSERT INTO messages (mailbox, folder, uid_validity, uid, uidl, gmail_id, message_id, body_hash, \
         envelope, body, size, arrived_at, received_at, next_attempt_at, thread, continues, stage, action, reason, because, \
         duplicate_of, released, left_out, issue_id, issue_key, comment_id, attempts, unknowns, panics, lease_owner, \
         lease_token, lease_until, settled_at, acknowledgement) \
         SELECT mailbox, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), $5, gmail_id, message_id, body_hash, envelope, '', size, \
         CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($7 AS BIGINT), 0, 0, 'received', '', '', '', \
         0, 0, 0, '', '', '', 0, 0, 0, '', 0, 0, 0, 'none' FROM messages WHERE id = $1 /*postgres RETURNING id*/",
        &[
            Arg::Int(original.0),
            Arg::Text(place.folder),
            Arg::Int(place.uid_validity),
            Arg::Int(place.uid),
            Arg::Text(place.uidl),
            Arg::Int(ms(found.arrived)),
            Arg::Int(ms(now)),
        ],
    )?;
    Ok(EntryId(id))
}

fn insert_message(
    tx: &mut Tx<'_>,
    message: &NewMessage,
    envelope: &[u8],
    now: Timestamp,
) -> Result<EntryId, StoreError> {
    let place = place_columns(&message.place);
    let gmail_id = message.gmail_id.map(|GmailId(id)| id.to_string()).unwrap_or_default();
    let id = tx.insert(
        "/* insert_message */ INSERT INTO messages (mailbox, folder, uid_validity, uid, uidl, gmail_id, message_id, body_hash, \
         envelope, body, size, arrived_at, received_at, next_attempt_at, thread, continues, stage, action, reason, because, \
         duplicate_of, released, left_out, issue_id, issue_key, comment_id, attempts, unknowns, panics, lease_owner, \
         lease_token, lease_until, settled_at, acknowledgement) \
         VALUES ($1, $2, $3, $4, $5, $13, $6, $7, $8, $9, $10, $11, $12, $12, 0, 0, 'received', '', '', '', \
         0, 0, 0, '', '', '', 0, 0, 0, '', 0, 0, 0, 'none') /*postgres RETURNING id*/",
        &[
            Arg::Text(&message.mailbox),
            Arg::Text(place.folder),
            Arg::Int(place.uid_validity),
            Arg::Int(place.uid),
            Arg::Text(place.uidl),
            Arg::Text(message.message_id.as_ref().map_or("", MessageId::as_str)),
            Arg::Text(&message.body_hash),
            Arg::Bytes(envelope),
            Arg::Text(message.body.as_str()),
            Arg::Int(i64::try_from(message.size).unwrap_or(i64::MAX)),
            Arg::Int(ms(message.arrived_at)),
            Arg::Int(ms(now)),
            Arg::Text(&gmail_id),
        ],
    )?;
    Ok(EntryId(id))
}

fn settle_duplicate(tx: &mut Tx<'_>, id: EntryId, original: EntryId, now: Timestamp) -> Result<(), StoreError> {
    let reason = format!("a copy of message {original}, which is in the ledger from another place");
    tx.execute(
        "/* settle_duplicate */ UPDATE messages SET stage = 'ignored', action = 'ignore', reason = $2, thread = id, body = '', \
         duplicate_of = $3, settled_at = $4, acknowledgement = 'owed' WHERE id = $1",
        &[Arg::Int(id.0), Arg::Text(&reason), Arg::Int(original.0), Arg::Int(ms(now))],
    )?;
    Ok(())
}

fn move_to(tx: &mut Tx<'_>, id: EntryId, place: &Place) -> Result<(), StoreError> {
    // What was acknowledged at the old place is owed again at the new one: the server has forgotten it.
    tx.execute(
        "/* move_to */ UPDATE messages SET folder = $2, uid_validity = $3, uid = $4, uidl = $5, \
         acknowledgement = CASE acknowledgement WHEN 'done' THEN 'owed' ELSE acknowledgement END WHERE id = $1",
        &at_place(Arg::Int(id.0), place),
    )?;
    Ok(())
}

fn knows_place(tx: &mut Tx<'_>, mailbox: &str, place: &Place) -> Result<bool, StoreError> {
    let found = tx.optional(
        "/* knows_place */ SELECT id FROM messages \
         WHERE mailbox = $1 AND folder = $2 AND uid_validity = $3 AND uid = $4 AND uidl = $5",
        &at_place(Arg::Text(mailbox), place),
        |mut row| row.int(),
    )?;
    Ok(found.is_some())
}

fn select_cursor(tx: &mut Tx<'_>, mailbox: &str, folder: &str) -> Result<Option<String>, StoreError> {
    tx.optional(
        "/* select_cursor */ SELECT cursor FROM cursors WHERE mailbox = $1 AND folder = $2",
        &[Arg::Text(mailbox), Arg::Text(folder)],
        |mut row| row.text(),
    )
}

fn upsert_cursor(tx: &mut Tx<'_>, mailbox: &str, folder: &str, cursor: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* upsert_cursor */ INSERT INTO cursors (mailbox, folder, cursor) VALUES ($1, $2, $3) \
         ON CONFLICT (mailbox, folder) DO UPDATE SET cursor = excluded.cursor",
        &[Arg::Text(mailbox), Arg::Text(folder), Arg::Text(cursor)],
    )?;
    Ok(())
}
