//! Folders: selecting one, and listing what is in it. [`cursor`](crate::mailbox::cursor) decides what to ask for.

use imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode};
use jiff::Timestamp;
use jiff::civil::Date;

use super::Imap;
use super::name;
pub(super) use super::session::News;
use super::session::Session;
use crate::config::Start;
use crate::mailbox::cursor::{Cursor, Entry, Reading};
use crate::mailbox::{Bookmark, Depth, Found, GmailId, Listing, MailboxError, Place};

/// The size of a message whose RFC822.SIZE has more than the parser's 32 bits.
const UNREADABLE: u64 = u32::MAX as u64;

/// The folder that is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Its name, decoded.
    pub folder: Box<str>,
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
}

/// How far a folder had come when this session listed it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    selected: Selected,
    last_uid: u32,
}

/// How to open a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// SELECT.
    ReadWrite,
    /// EXAMINE, which changes nothing.
    ReadOnly,
}

/// Opens a folder; gives its UIDVALIDITY, without which no UID means anything.
///
/// # Errors
/// Those of a command; `Protocol` where the server names no UIDVALIDITY.
pub async fn open(session: &mut Session, folder: &str, access: Access) -> Result<u32, MailboxError> {
    let command = match access {
        Access::ReadWrite => "SELECT",
        Access::ReadOnly => "EXAMINE",
    };
    let mut uid_validity = None;
    session.exists = 0;
    let name = name::folder(folder);
    let opening = session.command(command, &name, |response| {
        if let Response::Data { outcome, .. } | Response::Done { outcome, .. } = response
            && let Some(ResponseCode::UidValidity(value)) = &outcome.code
        {
            uid_validity = Some(*value);
        }
    });
    opening.await?;
    uid_validity.ok_or_else(|| session.protocol("a folder without UIDVALIDITY"))
}

/// How many messages of the folder that is open came on that day or later.
///
/// # Errors
/// Those of a command.
pub async fn count_since(session: &mut Session, day: Date) -> Result<u64, MailboxError> {
    if session.exists == 0 {
        return Ok(0);
    }
    let mut found: u64 = 0;
    let arguments = format!("SINCE {}", day.strftime("%-d-%b-%Y"));
    let asking = session.command("UID SEARCH", &arguments, |response| {
        if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
            found += uids.len() as u64;
        }
    });
    asking.await?;
    Ok(found)
}

impl Imap {
    /// Selects `folder` unless it is selected already.
    pub(super) async fn select(&mut self, folder: &str) -> Result<Selected, MailboxError> {
        match &self.selected {
            Some(selected) if *selected.folder == *folder => Ok(selected.clone()),
            Some(_) | None => self.select_again(folder).await,
        }
    }

    async fn select_again(&mut self, folder: &str) -> Result<Selected, MailboxError> {
        self.selected = None; // a refused SELECT leaves nothing selected (RFC 3501, 6.3.1)
        let uid_validity = open(&mut self.session, folder, Access::ReadWrite).await?;
        let selected = Selected { folder: folder.into(), uid_validity };
        self.session.news = News::Some; // until it is listed, or compared with the last listing
        self.selected = Some(selected.clone());
        Ok(selected)
    }

    /// Whether there is a reason not to wait in `folder`: something came since it was listed.
    pub(super) async fn may_wait(&mut self, folder: &str) -> Result<News, MailboxError> {
        let was_selected = self.selected.as_ref().is_some_and(|selected| *selected.folder == *folder);
        if was_selected {
            return Ok(self.session.news);
        }
        let selected = self.select(folder).await?;
        self.session.news = News::None;
        let last_uid = self.last_uid().await?;
        let now = Listed { selected, last_uid };
        if !self.listed.contains(&now) {
            self.session.news = News::Some;
        }
        Ok(self.session.news)
    }

    /// A full check selects again, because a changed UIDVALIDITY shows nowhere else.
    pub(super) async fn list_folder(
        &mut self,
        folder: &str,
        cursor: Option<Cursor>,
        depth: Depth,
    ) -> Result<Listing, MailboxError> {
        let selected = match depth {
            Depth::Full => self.select_again(folder).await?,
            Depth::New => self.select(folder).await?,
        };
        self.session.news = News::None; // what comes from here on may be missing in the listing
        let last_uid = self.last_uid().await?;
        if cursor.is_none() {
            self.tell_first_look(folder).await?;
        }
        let cursor = match Cursor::resume(cursor, selected.uid_validity, self.start) {
            Some(cursor) => cursor,
            None => Cursor::starting_now(selected.uid_validity, last_uid, self.newest_date(last_uid).await?),
        };
        let mut reading = Reading::new(cursor, depth, last_uid);
        self.read_windows(&mut reading).await?;
        self.listed.retain(|listed| listed.selected.folder != selected.folder);
        self.listed.push(Listed { selected, last_uid });
        Ok(listing(folder, reading))
    }

    /// Says what the start means for this folder before anything is made of it.
    async fn tell_first_look(&mut self, folder: &str) -> Result<(), MailboxError> {
        let (mailbox, there) = (self.mailbox.clone(), self.session.exists);
        let mailbox = mailbox.as_str();
        match self.start {
            Start::Now => {
                tracing::info!(
                    mailbox,
                    folder,
                    count = there,
                    "first look: mail that is there is left alone, from now on counts"
                );
            }
            Start::All => {
                tracing::info!(mailbox, folder, count = there, "first look: all mail that is there will be taken");
            }
            Start::Date(day) => {
                let count = self.count_since(day).await?;
                tracing::info!(
                    mailbox,
                    folder,
                    count,
                    there,
                    since = %day,
                    "first look: mail of that day and later will be taken"
                );
            }
        }
        Ok(())
    }

    /// `None` where the server cannot search: the count is for people alone.
    async fn count_since(&mut self, day: Date) -> Result<Option<u64>, MailboxError> {
        match count_since(&mut self.session, day).await {
            Ok(count) => Ok(Some(count)),
            Err(error) if !self.session.is_sound() => Err(error),
            Err(_refusal) => Ok(None),
        }
    }

    async fn read_windows(&mut self, reading: &mut Reading) -> Result<(), MailboxError> {
        while let Some(window) = reading.window() {
            let (first, last) = window.into_inner();
            let gmails_own = if self.session.capabilities.have("X-GM-EXT-1") { " X-GM-MSGID" } else { "" };
            let arguments = format!("{first}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE{gmails_own})");
            let mut nameless = false;
            let asking = self.session.command("UID FETCH", &arguments, |response| match answer(response) {
                Some(Ok(entry)) => reading.add(entry),
                Some(Err(NoUid)) => nameless = true,
                None => {}
            });
            asking.await?;
            if nameless {
                return Err(self.session.protocol("an answer to UID FETCH without a UID (RFC 3501, 6.4.8)"));
            }
            reading.end_window();
        }
        Ok(())
    }

    /// The folder's last UID, 0 if it is empty. Asked for, not computed from UIDNEXT: some servers have none, and one
    /// that is wrong would make us pass over mail.
    async fn last_uid(&mut self) -> Result<u32, MailboxError> {
        if self.session.exists == 0 {
            return Ok(0);
        }
        let mut last_uid = 0;
        let asking = self.session.command("UID FETCH", "* (UID)", |response| {
            last_uid = last_uid.max(uid_of(response).unwrap_or(0));
        });
        asking.await?;
        Ok(last_uid)
    }

    async fn newest_date(&mut self, last_uid: u32) -> Result<Option<Timestamp>, MailboxError> {
        let mut newest = None;
        if last_uid > 0 {
            let arguments = format!("1:{last_uid} (INTERNALDATE)");
            let asking = self.session.command("UID FETCH", &arguments, |response| {
                newest = newest.max(date_of(response));
            });
            asking.await?;
        }
        Ok(newest)
    }
}

fn listing(folder: &str, reading: Reading) -> Listing {
    let (entries, cursor, more) = reading.finish();
    let uid_validity = cursor.uid_validity;
    let found = entries.into_iter().map(|entry| Found {
        place: Place::Imap { folder: folder.to_owned(), uid_validity, uid: entry.uid },
        gmail_id: entry.gmail_id,
        size: entry.size.unwrap_or(UNREADABLE),
        arrived: entry.arrived.unwrap_or(Timestamp::UNIX_EPOCH),
    });
    Listing { found: found.collect(), bookmark: Bookmark::Imap(cursor), more }
}

/// An answer that names no message.
struct NoUid;

/// What an answer says of a message; `None` is something else, such as flags that changed (RFC 3501, 7.4.2).
fn answer(response: &Response<'_>) -> Option<Result<Entry, NoUid>> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    let size = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Rfc822Size(size) => Some(u64::from(*size)),
        _ => None,
    });
    let has_date = attributes.iter().any(|attribute| matches!(attribute, AttributeValue::InternalDate(_)));
    let size = size.or(has_date.then_some(UNREADABLE));
    let deleted = attributes.iter().any(|attribute| match attribute {
        AttributeValue::Flags(flags) => flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Deleted")),
        _ => false,
    });
    let gmail_id = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::GmailMsgId(id) => Some(GmailId(*id)),
        _ => None,
    });
    match uid_of(response) {
        Some(uid) => Some(Ok(Entry { uid, size, arrived: date_of(response), deleted, gmail_id })),
        None => size.map(|_| Err(NoUid)),
    }
}

/// The UID in a FETCH response.
pub fn uid_of(response: &Response<'_>) -> Option<u32> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn date_of(response: &Response<'_>) -> Option<Timestamp> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::InternalDate(text) => name::date(text),
        _ => None,
    })
}
