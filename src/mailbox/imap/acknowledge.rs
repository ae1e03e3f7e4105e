//! What is done to a message at its mailbox once it is dealt with. Touches that message alone.

use std::collections::{BTreeMap, BTreeSet};

use imap_proto::rfc4315::UidSetMember;
use imap_proto::{MailboxDatum, Response, ResponseCode};

use super::Imap;
use super::folder::uid_of;
use super::name;
use super::words;
use crate::mailbox::{Acknowledged, Acknowledgement, MailboxError, Place};

/// A server that claims to have copied more than that is not believed.
const MAX_COPIED: usize = 10_000;

impl Imap {
    /// One command for all messages of a folder; says what became of each, in the order of `places`.
    pub(super) async fn acknowledge_messages(
        &mut self,
        places: &[Place],
        how: &Acknowledgement,
    ) -> Result<Vec<Acknowledged>, MailboxError> {
        let mut outcomes: BTreeMap<(&str, u32, u32), Acknowledged> = BTreeMap::new();
        for ((folder, uid_validity), uids) in by_folder(places) {
            match self.select(folder).await {
                Ok(selected) if selected.uid_validity == uid_validity => {}
                Ok(_) => continue,
                Err(error) => {
                    self.lasting_refusal(error)?; // the folder is gone, and its messages with it
                    continue;
                }
            }
            let uids = self.still_there(&uids).await?;
            if uids.is_empty() {
                continue;
            }
            let marked = match self.mark(folder, &uids, how).await {
                Ok(places) => Ok(places),
                Err(error) => Err(self.lasting_refusal(error)?),
            };
            outcomes.extend(uids.iter().map(|uid| ((folder, uid_validity, *uid), outcome(how, &marked, *uid))));
        }
        let outcome = |place: &Place| match place {
            Place::Imap { folder, uid_validity, uid } => outcomes.get(&(folder.as_str(), *uid_validity, *uid)).cloned(),
            Place::Pop3 { .. } => None, // no message of this server's
        };
        Ok(places.iter().map(|place| outcome(place).unwrap_or(Acknowledged::Gone)).collect())
    }

    /// Does it; gives the new place of each message that has one.
    async fn mark(
        &mut self,
        folder: &str,
        uids: &[u32],
        how: &Acknowledgement,
    ) -> Result<BTreeMap<u32, Place>, MailboxError> {
        match how {
            Acknowledgement::Seen => self.add_flag(uids, "\\Seen").await?,
            Acknowledgement::Delete => self.delete(uids).await?,
            Acknowledgement::Move(target) if target == folder => {}
            Acknowledgement::Move(target) => return self.move_to(uids, target).await,
        }
        Ok(BTreeMap::new())
    }

    /// Which of the messages are there.
    pub(super) async fn still_there(&mut self, uids: &[u32]) -> Result<Vec<u32>, MailboxError> {
        let mut found = BTreeSet::new();
        let arguments = format!("{} (UID)", name::uid_set(uids));
        let asking = self.session.command("UID FETCH", &arguments, |response| found.extend(uid_of(response)));
        asking.await?;
        Ok(uids.iter().copied().filter(|uid| found.contains(uid)).collect())
    }

    async fn add_flag(&mut self, uids: &[u32], flag: &str) -> Result<(), MailboxError> {
        let arguments = format!("{} +FLAGS.SILENT ({flag})", name::uid_set(uids));
        self.session.command("UID STORE", &arguments, |_| ()).await
    }

    /// Without UIDPLUS (RFC 4315) a plain EXPUNGE removes what others have marked as well, and is given only where nobody
    /// has. Else the messages stay, marked `\Deleted`: listings leave them alone, and the owner's mail program removes them.
    async fn delete(&mut self, uids: &[u32]) -> Result<(), MailboxError> {
        self.add_flag(uids, "\\Deleted").await?;
        if self.session.capabilities.have("UIDPLUS") {
            return self.session.command("UID EXPUNGE", &name::uid_set(uids), |_| ()).await;
        }
        if self.marked_as_deleted().await? == uids.iter().copied().collect() {
            self.session.command("EXPUNGE", "", |_| ()).await?;
        }
        Ok(())
    }

    /// Every message that EXPUNGE would take with it.
    async fn marked_as_deleted(&mut self) -> Result<BTreeSet<u32>, MailboxError> {
        let mut marked = BTreeSet::new();
        let asking = self.session.command("UID SEARCH", "DELETED", |response| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                marked.extend(uids);
            }
        });
        asking.await?;
        Ok(marked)
    }

    /// Moves by MOVE (RFC 6851), else by a copy and a deletion. The new places are known where the server has UIDPLUS.
    async fn move_to(&mut self, uids: &[u32], target: &str) -> Result<BTreeMap<u32, Place>, MailboxError> {
        let moves = self.session.capabilities.have("MOVE");
        let command = if moves { "UID MOVE" } else { "UID COPY" };
        let arguments = format!("{} {}", name::uid_set(uids), name::folder(target));
        let places = match self.transfer(command, &arguments, target).await {
            Err(refusal) if is_missing_folder(&refusal) && self.session.is_sound() => {
                self.create(target, refusal).await?;
                self.transfer(command, &arguments, target).await?
            }
            other => other?,
        };
        if !moves && let Err(error) = self.delete(uids).await {
            self.lasting_refusal(error)?; // it is there twice now, and another try would make it three times
        }
        Ok(places)
    }

    /// MOVE gives its COPYUID in an untagged OK (RFC 6851, 4.3), COPY in the tagged one.
    async fn transfer(
        &mut self,
        command: &'static str,
        arguments: &str,
        target: &str,
    ) -> Result<BTreeMap<u32, Place>, MailboxError> {
        let mut places = BTreeMap::new();
        let transferring = self.session.command(command, arguments, |response| places.extend(copied(response, target)));
        transferring.await?;
        Ok(places)
    }

    /// Creates the folder; where that fails, why the move was refused says more.
    async fn create(&mut self, folder: &str, refusal: MailboxError) -> Result<(), MailboxError> {
        match self.session.command("CREATE", &name::folder(folder), |_| ()).await {
            Err(_) if self.session.is_sound() => Err(refusal),
            other => other,
        }
    }
}

/// RFC 3501, 6.4.7 demands TRYCREATE; servers without it say nothing of use, and CREATE finds out.
fn is_missing_folder(refusal: &MailboxError) -> bool {
    let code = words::lasting_refusal(refusal).map(|words| words::code(&words));
    code.is_some_and(|code| matches!(code.as_deref(), None | Some("TRYCREATE" | "NONEXISTENT")))
}

/// The new place of each UID that a COPYUID names (RFC 4315, 3): both sets have the same order and size.
fn copied(response: &Response<'_>, target: &str) -> Vec<(u32, Place)> {
    let (Response::Data { outcome, .. } | Response::Done { outcome, .. }) = response else {
        return Vec::new();
    };
    let Some(ResponseCode::CopyUid(uid_validity, sources, copies)) = &outcome.code else {
        return Vec::new();
    };
    let place = |uid| Place::Imap { folder: target.to_owned(), uid_validity: *uid_validity, uid };
    members(sources).zip(members(copies).map(place)).take(MAX_COPIED).collect()
}

fn members(set: &[UidSetMember]) -> impl Iterator<Item = u32> {
    set.iter().flat_map(|member| match member {
        UidSetMember::Uid(uid) => *uid..=*uid,
        UidSetMember::UidRange(range) => range.clone(),
    })
}

/// What became of a message that was there, by what became of the command for all of its folder.
fn outcome(how: &Acknowledgement, marked: &Result<BTreeMap<u32, Place>, String>, uid: u32) -> Acknowledged {
    match (marked, how) {
        (Err(words), _) => Acknowledged::Refused(words.clone()),
        (Ok(places), Acknowledgement::Move(_)) => Acknowledged::Moved(places.get(&uid).cloned()),
        (Ok(_), Acknowledgement::Seen | Acknowledgement::Delete) => Acknowledged::Done,
    }
}

/// The UIDs of each folder, as long as its UIDVALIDITY is that one.
fn by_folder(places: &[Place]) -> BTreeMap<(&str, u32), Vec<u32>> {
    let mut folders: BTreeMap<(&str, u32), Vec<u32>> = BTreeMap::new();
    for place in places {
        if let Place::Imap { folder, uid_validity, uid } = place {
            folders.entry((folder, *uid_validity)).or_default().push(*uid);
        }
    }
    folders.values_mut().for_each(|uids| uids.sort_unstable());
    folders
}
