//! A mailbox whose sessions break, whose replies get lost, and whose UIDVALIDITY changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use mail2jira::mailbox::cursor::Cursor;
use mail2jira::mailbox::{
    Acknowledged, Acknowledgement, Bookmark, Depth, Found, Listing, Mailbox, MailboxError, NoFolder, Piece, Place,
    Waited, Withheld,
};
use mail2jira::pipeline::door::{Door, Obstacle};
use tokio::sync::mpsc;

use super::faults::Faults;

/// A server that stops in the middle of one message may still give the next ones.
pub const REST_REFUSED: &str = "the rest of a message was refused";

#[derive(Clone)]
pub struct SimulatedMailbox {
    folder: Arc<Mutex<Folder>>,
    faults: Arc<Faults>,
}

struct Folder {
    uid_validity: u32,
    next_uid: u32,
    mail: Vec<Mail>,
}

struct Mail {
    uid: u32,
    raw: Vec<u8>,
    seen: bool,
}

impl SimulatedMailbox {
    pub fn new(faults: Arc<Faults>) -> Self {
        let folder = Folder { uid_validity: 1, next_uid: 1, mail: Vec::new() };
        Self { folder: Arc::new(Mutex::new(folder)), faults }
    }

    pub fn deliver(&self, raw: Vec<u8>) {
        let mut folder = self.folder.lock().unwrap();
        let uid = folder.next_uid;
        folder.next_uid += 1;
        folder.mail.push(Mail { uid, raw, seen: false });
    }

    /// The server numbers everything anew, in the same order, and forgets the flags.
    pub fn change_uid_validity(&self) {
        let mut folder = self.folder.lock().unwrap();
        folder.uid_validity += 1;
        let count = u32::try_from(folder.mail.len()).unwrap();
        for (uid, mail) in (1..).zip(&mut folder.mail) {
            (mail.uid, mail.seen) = (uid, false);
        }
        folder.next_uid = count + 1;
    }

    /// Raw messages that nobody has marked.
    pub fn unseen(&self) -> Vec<String> {
        let folder = self.folder.lock().unwrap();
        let unseen = folder.mail.iter().filter(|mail| !mail.seen);
        unseen.map(|mail| String::from_utf8_lossy(&mail.raw).into_owned()).collect()
    }

    fn breaks(&self, fault: &'static str, probability: f64) -> Result<(), MailboxError> {
        match self.faults.strike(fault, probability) {
            true => Err(MailboxError::Closed { server: "simulated".to_owned(), words: None }),
            false => Ok(()),
        }
    }
}

impl Door for SimulatedMailbox {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Mailbox>, Obstacle>> {
        Box::pin(async {
            self.breaks("the mailbox did not open", 0.1).map_err(|error| Obstacle::Passing(error.to_string()))?;
            Ok(Box::new(self.clone()) as Box<dyn Mailbox>)
        })
    }
}

impl Mailbox for SimulatedMailbox {
    fn list<'a>(
        self: Box<Self>,
        folder_name: &'a str,
        bookmark: Option<Bookmark>,
        _always_full: Depth,
    ) -> BoxFuture<'a, Result<(Box<dyn Mailbox>, Result<Listing, NoFolder>), MailboxError>> {
        Box::pin(async move {
            self.breaks("a listing broke off", 0.03)?;
            let folder = self.folder.lock().unwrap();
            let known = bookmark.and_then(Bookmark::imap).filter(|cursor| cursor.uid_validity == folder.uid_validity);
            let (from, withheld) = known.map_or((1, BTreeSet::new()), |cursor| (cursor.next_uid, cursor.withheld));
            let wanted = |mail: &&Mail| mail.uid >= from || withheld.contains(&mail.uid);
            let found = folder.mail.iter().filter(wanted).map(|mail| Found {
                place: Place::Imap { folder: folder_name.to_owned(), uid_validity: folder.uid_validity, uid: mail.uid },
                gmail_id: None,
                size: mail.raw.len() as u64,
                arrived: Timestamp::UNIX_EPOCH,
            });
            let found = found.collect();
            let (uid_validity, next_uid) = (folder.uid_validity, folder.next_uid);
            let cursor = Cursor { uid_validity, first_uid: 1, next_uid, start_ms: None, withheld: BTreeSet::new() };
            drop(folder);
            Ok((self as Box<dyn Mailbox>, Ok(Listing { found, bookmark: Bookmark::Imap(cursor), more: false })))
        })
    }

    fn fetch<'a>(
        self: Box<Self>,
        found: Vec<Found>,
        pieces: mpsc::Sender<Piece>,
    ) -> BoxFuture<'a, Result<(Box<dyn Mailbox>, Vec<Withheld>), MailboxError>> {
        Box::pin(async move {
            let mut withheld = Vec::new();
            for found in found {
                self.breaks("a fetch broke off", 0.03)?;
                let Place::Imap { uid_validity, uid, .. } = &found.place else { panic!("no such place here") };
                let raw = {
                    let folder = self.folder.lock().unwrap();
                    if folder.uid_validity != *uid_validity {
                        return Err(MailboxError::Closed { server: "simulated".to_owned(), words: None });
                    }
                    let mail = folder.mail.iter().find(|mail| mail.uid == *uid);
                    mail.map(|mail| mail.raw.clone()).unwrap_or_default()
                };
                let (first, second) = raw.split_at(raw.len() / 2);
                for (bytes, last) in [(first, false), (second, true)] {
                    let piece = Piece { found: found.clone(), bytes: Bytes::copy_from_slice(bytes), last };
                    pieces.send(piece).await.map_err(|_| MailboxError::GivenUp)?;
                    if !last {
                        self.breaks("a message broke off in the middle", 0.02)?;
                        if self.breaks(REST_REFUSED, 0.005).is_err() {
                            withheld.push(Withheld { place: found.place.clone(), words: REST_REFUSED.to_owned() });
                            break; // the messages behind it come all the same
                        }
                    }
                }
            }
            Ok((self as Box<dyn Mailbox>, withheld))
        })
    }

    fn acknowledge<'a>(
        self: Box<Self>,
        places: Vec<Place>,
        how: Acknowledgement,
    ) -> BoxFuture<'a, Result<(Box<dyn Mailbox>, Vec<Acknowledged>), MailboxError>> {
        Box::pin(async move {
            assert_eq!(how, Acknowledgement::Seen);
            self.breaks("an acknowledgement did not arrive", 0.05)?;
            let mut outcomes = Vec::new();
            let mut folder = self.folder.lock().unwrap();
            for place in places {
                let Place::Imap { uid_validity, uid, .. } = place else { panic!("no such place here") };
                let valid = folder.uid_validity == uid_validity;
                outcomes.push(match folder.mail.iter_mut().find(|mail| valid && mail.uid == uid) {
                    Some(mail) => {
                        mail.seen = true;
                        Acknowledged::Done
                    }
                    None => Acknowledged::Gone,
                });
            }
            drop(folder);
            self.breaks("an acknowledgement's answer was lost", 0.05)?;
            Ok((self as Box<dyn Mailbox>, outcomes))
        })
    }

    fn wait<'a>(
        self: Box<Self>,
        _folder: &'a str,
        at_most: Duration,
        wake: BoxFuture<'a, ()>,
    ) -> BoxFuture<'a, Result<Waited, MailboxError>> {
        Box::pin(async move {
            tokio::select! {
                () = wake => {}
                () = tokio::time::sleep(at_most) => {}
            }
            self.breaks("the connection died while waiting", 0.03)?;
            Ok(Waited::Open(self))
        })
    }

    fn pushes(&self) -> bool {
        false
    }

    fn close<'a>(self: Box<Self>) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}
