//! Threads: which messages and issues belong together, so that work on them is ordered and answers find their issue.
//!
//! A thread is a set of names: Message-IDs that its messages are or name, and the issues that they are tied to. A message
//! that names two sets makes them one. Everything of one thread is worked on in order; that is also what keeps the
//! siblings of one conversation from making two issues.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::database::{Arg, Lock, Tx};
use super::entry::EntryId;
use super::{Ledger, StoreError, ms};
use crate::jira::{IssueRef, Written};
use crate::mail::MessageId;
use crate::mail::thread::{Conversation, Part};

/// A message of the same thread that is tied to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The message.
    pub id: EntryId,
    /// Its mailbox.
    pub mailbox: String,
    /// Its `Message-ID`.
    pub message_id: Option<MessageId>,
    /// The issue that it made or went to.
    pub issue: IssueRef,
}

/// Whether a message may be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing of its thread stands before it.
    Ours,
    /// Something of its thread has come earlier, or is being worked on.
    Others,
}

impl Ledger {
    /// The messages of a message's thread that are tied to an issue, oldest first, the newest thousand of them. It is the
    /// thread of this moment: another message may have made two threads one since the message was claimed.
    pub async fn related(&self, id: EntryId) -> Result<Vec<Related>, StoreError> {
        self.read(move |tx| select_related(tx, id)).await
    }

    /// The first message of a message's thread that came to the same mailbox before it, and that a shadow would have taken to Jira.
    pub async fn shadowed_before(&self, id: EntryId) -> Result<Option<EntryId>, StoreError> {
        self.read(move |tx| select_shadowed_before(tx, id)).await
    }

    /// Puts a message into the thread of an issue that it turned out to belong to, so that all work on that is ordered.
    pub async fn join_issue(&self, id: EntryId, issue: &IssueRef, now: Timestamp) -> Result<Turn, StoreError> {
        let issue = issue.clone();
        self.write_under(Some(Lock::Threads), move |tx| {
            tie(tx, id, &issue)?;
            select_turn(tx, id, ms(now))
        })
        .await
    }

    /// Whether what was found in Jira is what another message has made there.
    pub async fn is_of_another(&self, id: EntryId, found: &Written) -> Result<bool, StoreError> {
        let (sql, made) = match found {
            Written::Issue(issue) => (
                "/* select_maker */ SELECT id FROM messages WHERE issue_id = $2 AND action = 'create' AND id <> $1 LIMIT 1",
                issue.id.clone(),
            ),
            Written::Comment(comment) => (
                "/* select_author */ SELECT id FROM messages WHERE comment_id = $2 AND id <> $1 LIMIT 1",
                comment.clone(),
            ),
            Written::Attachment(_) | Written::Change => return Ok(false),
        };
        let args = move |tx: &mut Tx<'_>| tx.optional(sql, &[Arg::Int(id.0), Arg::Text(&made)], |mut row| row.int());
        Ok(self.read(args).await?.is_some())
    }

    /// The addresses of those whose messages went to an issue, of the newest thousand that came to a mailbox since then: one
    /// for each message.
    pub async fn authors(&self, issue: &IssueRef, since: Timestamp) -> Result<Vec<String>, StoreError> {
        let issue = issue.clone();
        let sealed = self.read(move |tx| select_envelopes(tx, &issue, ms(since))).await?;
        let mut authors = Vec::new();
        for envelope in sealed {
            authors.extend(self.unsealed_envelope(&envelope)?.from.map(|from| from.address));
        }
        Ok(authors)
    }
}

/// The name under which an issue belongs to a thread. No Message-ID holds a space.
pub(super) fn issue_name(id: &str) -> String {
    format!("issue {id}")
}

/// The name of one of Outlook's conversations: what another mailbox knows of it is of no concern.
pub(super) fn conversation_name(mailbox: &str, conversation: &Conversation) -> String {
    format!("conversation {mailbox} {}", conversation.root)
}

/// What a new message is and names.
pub(super) struct Names<'n> {
    /// Its Message-ID.
    pub(super) own: Option<&'n str>,
    /// What it answers.
    pub(super) ancestors: Vec<String>,
    /// The conversation that it is in, and where it stands there.
    pub(super) conversation: Option<(String, Part)>,
}

/// The thread that a new message joins, and whether it continues a conversation.
pub(super) struct Joined {
    pub(super) thread: i64,
    /// It names an ancestor, or was named as one before it came, or answers within a conversation. A message that only
    /// shares its Message-ID with another one (the copy in another mailbox, a broken sender) is in that thread too, but
    /// starts a conversation of its own.
    pub(super) continues: bool,
}

/// Puts a new message into the thread of everything that it is and names. Outlook's conversation counts only where nothing of that
/// is known: people begin new subjects by answering old mail, and their threads would become one for ever.
pub(super) fn join(tx: &mut Tx<'_>, id: EntryId, names: &Names<'_>) -> Result<Joined, StoreError> {
    let mut named: Vec<&str> = names.ancestors.iter().map(String::as_str).collect();
    named.sort_unstable();
    named.dedup();
    let mut threads = BTreeSet::from([id.0]);
    for name in &named {
        threads.insert(give_name(tx, name, id.0, Owner::Unseen)?.thread);
    }
    let mut continues = !named.is_empty();
    if let Some(own) = names.own {
        let given = give_name(tx, own, id.0, Owner::Seen)?;
        continues |= given.before == Some(Owner::Unseen);
        threads.insert(given.thread);
    }
    if let Some((conversation, part)) = &names.conversation {
        continues |= *part == Part::Answers;
        let given = give_name(tx, conversation, id.0, Owner::Unseen)?;
        if threads.iter().all(|thread| *thread == id.0) {
            threads.insert(given.thread);
        }
    }
    if threads.len() > 2 {
        continue_heads(tx, id, &threads)?;
        let thread = merge(tx, threads)?;
        for name in named {
            continue_answered(tx, id, thread, name)?;
        }
        return Ok(Joined { thread, continues });
    }
    Ok(Joined { thread: merge(tx, threads)?, continues })
}

/// What began a thread goes on with the oldest of those that become one, if it was answered: its thread has an answer
/// of the same mailbox.
fn continue_heads(tx: &mut Tx<'_>, id: EntryId, threads: &BTreeSet<i64>) -> Result<(), StoreError> {
    for thread in threads.iter().skip(1).filter(|thread| **thread != id.0) {
        tx.execute(
            "/* continue_heads */ UPDATE messages SET continues = 1 WHERE id = $2 AND stage = 'received' AND continues = 0 \
             AND mailbox = (SELECT n.mailbox FROM messages n WHERE n.id = $1) AND EXISTS (SELECT 1 FROM messages a \
             WHERE a.thread = $2 AND a.continues = 1 AND a.mailbox = messages.mailbox)",
            &[Arg::Int(id.0), Arg::Int(*thread)],
        )?;
    }
    Ok(())
}

/// What is answered, and by that turns out to be of a conversation that began to come before it, goes on with that one.
/// Nothing has been made of it yet.
fn continue_answered(tx: &mut Tx<'_>, id: EntryId, thread: i64, answered: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* continue_answered */ UPDATE messages SET continues = 1 WHERE message_id = $3 AND thread = $2 AND id <> $2 \
         AND mailbox = (SELECT n.mailbox FROM messages n WHERE n.id = $1) AND stage = 'received' AND continues = 0",
        &[Arg::Int(id.0), Arg::Int(thread), Arg::Text(answered)],
    )?;
    Ok(())
}

/// Ties an issue to the thread of a message; where it is tied to another one already, they become one.
pub(super) fn tie(tx: &mut Tx<'_>, id: EntryId, issue: &IssueRef) -> Result<(), StoreError> {
    let Some(thread) = select_thread_of(tx, id)? else { return Ok(()) };
    let tied = give_name(tx, &issue_name(&issue.id), thread, Owner::Unseen)?;
    merge(tx, BTreeSet::from([thread, tied.thread]))?;
    Ok(())
}

/// Makes several threads one: the oldest.
fn merge(tx: &mut Tx<'_>, threads: BTreeSet<i64>) -> Result<i64, StoreError> {
    let mut threads = threads.into_iter();
    let oldest = threads.next().unwrap_or_default();
    for other in threads {
        move_names(tx, other, oldest)?;
        move_messages(tx, other, oldest)?;
    }
    Ok(oldest)
}

/// Whether the message that a name belongs to has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Unseen,
    Seen,
}

/// What a name belongs to.
struct Given {
    thread: i64,
    /// Whose it was already.
    before: Option<Owner>,
}

/// Gives a name to a thread, unless it has one already. Under [`Lock::Threads`](super::database::Lock), so that nobody
/// else gives it to another one meanwhile.
fn give_name(tx: &mut Tx<'_>, name: &str, thread: i64, owner: Owner) -> Result<Given, StoreError> {
    let Some((thread, before)) = select_thread(tx, name)? else {
        insert_name(tx, name, thread, owner)?;
        return Ok(Given { thread, before: None });
    };
    match (before, owner) {
        (Owner::Unseen, Owner::Seen) => set_seen(tx, name)?,
        (Owner::Seen, Owner::Seen | Owner::Unseen) | (Owner::Unseen, Owner::Unseen) => {}
    }
    Ok(Given { thread, before: Some(before) })
}

fn insert_name(tx: &mut Tx<'_>, name: &str, thread: i64, owner: Owner) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_name */ INSERT INTO thread_ids (name, thread, owned) VALUES ($1, $2, $3)",
        &[Arg::Text(name), Arg::Int(thread), Arg::Int(i64::from(owner == Owner::Seen))],
    )?;
    Ok(())
}

fn set_seen(tx: &mut Tx<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute("/* set_seen */ UPDATE thread_ids SET owned = 1 WHERE name = $1", &[Arg::Text(name)])?;
    Ok(())
}

fn select_thread(tx: &mut Tx<'_>, name: &str) -> Result<Option<(i64, Owner)>, StoreError> {
    tx.optional(
        "/* select_thread */ SELECT thread, owned FROM thread_ids WHERE name = $1",
        &[Arg::Text(name)],
        |mut row| Ok((row.int()?, if row.int()? == 0 { Owner::Unseen } else { Owner::Seen })),
    )
}

fn select_thread_of(tx: &mut Tx<'_>, id: EntryId) -> Result<Option<i64>, StoreError> {
    tx.optional("/* select_thread_of */ SELECT thread FROM messages WHERE id = $1", &[Arg::Int(id.0)], |mut row| {
        row.int()
    })
}

fn move_names(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* move_names */ UPDATE thread_ids SET thread = $2 WHERE thread = $1",
        &[Arg::Int(from), Arg::Int(to)],
    )?;
    Ok(())
}

fn move_messages(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* move_messages */ UPDATE messages SET thread = $2 WHERE thread = $1",
        &[Arg::Int(from), Arg::Int(to)],
    )?;
    Ok(())
}

fn select_turn(tx: &mut Tx<'_>, id: EntryId, now: i64) -> Result<Turn, StoreError> {
    let other = tx.optional(
        "/* select_turn */ SELECT e.id FROM messages e WHERE e.thread = (SELECT o.thread FROM messages o WHERE o.id = $1) \
         AND e.id <> $1 AND e.settled_at = 0 AND (e.id < $1 OR e.lease_until > $2) LIMIT 1",
        &[Arg::Int(id.0), Arg::Int(now)],
        |mut row| row.int(),
    )?;
    Ok(if other.is_some() { Turn::Others } else { Turn::Ours })
}

fn select_envelopes(tx: &mut Tx<'_>, issue: &IssueRef, since: i64) -> Result<Vec<Vec<u8>>, StoreError> {
    tx.query(
        "/* select_envelopes */ SELECT envelope FROM messages \
         WHERE thread = (SELECT n.thread FROM thread_ids n WHERE n.name = $1) AND issue_id = $2 \
         AND arrived_at >= $3 ORDER BY id DESC LIMIT 1000",
        &[Arg::Text(&issue_name(&issue.id)), Arg::Text(&issue.id), Arg::Int(since)],
        |mut row| row.bytes(),
    )
}

fn select_related(tx: &mut Tx<'_>, id: EntryId) -> Result<Vec<Related>, StoreError> {
    let mut related = tx.query(
        "/* select_related */ SELECT id, mailbox, message_id, issue_id, issue_key FROM messages \
         WHERE thread = (SELECT o.thread FROM messages o WHERE o.id = $1) AND issue_id <> '' ORDER BY id DESC LIMIT 1000",
        &[Arg::Int(id.0)],
        |mut row| {
            Ok(Related {
                id: EntryId(row.int()?),
                mailbox: row.text()?,
                message_id: MessageId::parse(&row.text()?),
                issue: IssueRef { id: row.text()?, key: row.text()? },
            })
        },
    )?;
    related.reverse();
    Ok(related)
}

fn select_shadowed_before(tx: &mut Tx<'_>, id: EntryId) -> Result<Option<EntryId>, StoreError> {
    tx.optional(
        "/* select_shadowed_before */ SELECT e.id FROM messages e, messages o WHERE o.id = $1 AND e.thread = o.thread \
         AND e.mailbox = o.mailbox AND e.id < $1 AND e.stage = 'ignored' AND e.action IN ('create', 'comment') \
         ORDER BY e.id LIMIT 1",
        &[Arg::Int(id.0)],
        |mut row| row.int().map(EntryId),
    )
}
