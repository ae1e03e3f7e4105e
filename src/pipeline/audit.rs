//! Comparing mailboxes, ledger and Jira for a period. Reads only: a mailbox is listed, the ledger read, Jira asked, and nothing
//! is changed anywhere.
//!
//! A mailbox is listed before the ledger is read, so that what the daemon takes in meanwhile is found in the ledger; and what
//! came into the ledger after the listing began is not looked for in it.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::acknowledge::how;
use super::door::{Door, Obstacle};
use super::supervise::MakeDoor;
use super::watch::folders;
use crate::audit::{Audit, Compared, Finding, Kind, Unchecked};
use crate::clock::Clock;
use crate::config::{Config, MailboxSettings};
use crate::failure::with_causes;
use crate::jira::client::Client;
use crate::mailbox::{Acknowledgement, Depth, Found, MailboxError, NoFolder, Place};
use crate::messages;
use crate::store::audit::{Period, Standing};
use crate::store::entry::Stage;
use crate::store::{EntryId, Ledger, StoreError};

mod held;

/// Messages read from the ledger at once.
const AT_ONCE: usize = 500;
/// What came so lately is on its way, unless it was tried in vain.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(1);

/// What an audit asks, and whom it tells how far it has come.
pub struct Auditor<'a> {
    /// Where everything is kept.
    pub ledger: &'a Ledger,
    /// What is configured.
    pub config: &'a Config,
    /// Where everything went.
    pub jira: &'a Client,
    /// The one clock.
    pub clock: &'a dyn Clock,
    /// Told how far a long audit has come.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// What is found out step by step.
#[derive(Default)]
struct Notes {
    compared: Compared,
    findings: Vec<Finding>,
    unchecked: Vec<Unchecked>,
}

/// The mail in a mailbox, as it was at that time.
struct Listed {
    began: Timestamp,
    found: Vec<Found>,
}

#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("folder `{0}` cannot be opened: {1}")]
    NoFolder(String, String),
}

impl Auditor<'_> {
    /// Compares these mailboxes for a period.
    pub async fn audit(
        &self,
        mailboxes: &[&MailboxSettings],
        make_door: &MakeDoor,
        period: Period,
    ) -> Result<Audit, StoreError> {
        let mut notes = Notes::default();
        let mut all = Vec::new();
        for settings in mailboxes {
            let door = make_door(self.config, settings);
            let listed = self.list(settings, &*door).await;
            door.finish().await;
            let standing = self.standing(settings, period).await?;
            notes.compared.in_ledger += standing.len();
            match listed {
                Ok(listed) => self.compare(settings, period, (&listed, &standing), &mut notes).await?,
                Err(ListError::Store(error)) => return Err(error),
                Err(error) => {
                    let subject = settings.name.as_str().to_owned();
                    notes.unchecked.push(Unchecked { subject, reason: with_causes(&error) });
                }
            }
            all.extend(standing);
        }
        notes.findings.extend(all.iter().filter_map(|standing| self.unsettled(standing)));
        self.compare_jira(&all, period, &mut notes).await?;
        Ok(Audit::new((period.since, period.until), notes.compared, notes.findings, notes.unchecked))
    }

    /// All mail that is there and not older than the mailbox's start.
    async fn list(&self, settings: &MailboxSettings, door: &dyn Door) -> Result<Listed, ListError> {
        let (mailbox, began) = (settings.name.as_str(), self.clock.now());
        let mut session = door.open().await?;
        let mut found = Vec::new();
        for folder in folders(settings) {
            let mut bookmark = self.ledger.bookmark(mailbox, folder).await?.map(crate::mailbox::Bookmark::rewound);
            loop {
                let (back, listing) = session.list(folder, bookmark, Depth::New).await?;
                session = back;
                let listing = listing.map_err(|NoFolder(words)| ListError::NoFolder(folder.to_owned(), words))?;
                found.extend(listing.found);
                (self.progress)(&format!("{mailbox}: {} messages listed", found.len()));
                if !listing.more {
                    break;
                }
                bookmark = Some(listing.bookmark);
            }
        }
        session.close().await;
        Ok(Listed { began, found })
    }

    async fn standing(&self, settings: &MailboxSettings, period: Period) -> Result<Vec<Standing>, StoreError> {
        let (mut all, mut behind) = (Vec::new(), EntryId(0));
        loop {
            let lot = self.ledger.arrived(settings.name.as_str(), period, behind, AT_ONCE).await?;
            let Some(last) = lot.last() else { return Ok(all) };
            behind = last.entry.id;
            all.extend(lot);
            (self.progress)(&format!("{}: {} messages read from the ledger", settings.name, all.len()));
        }
    }

    /// What is in the mailbox and not in the ledger, and the other way round.
    async fn compare(
        &self,
        settings: &MailboxSettings,
        period: Period,
        (listed, standing): (&Listed, &[Standing]),
        notes: &mut Notes,
    ) -> Result<(), StoreError> {
        let in_period: Vec<&Found> = listed.found.iter().filter(|found| period.contains(found.arrived)).collect();
        notes.compared.in_mailboxes += in_period.len();
        let places = in_period.iter().map(|found| found.place.clone()).collect();
        let unknown = self.ledger.unknown(settings.name.as_str(), places).await?;
        let unseen = in_period.into_iter().filter(|found| unknown.contains(&found.place));
        notes.findings.extend(unseen.map(|found| never_seen(settings, found)));
        let there: HashSet<&Place> = listed.found.iter().map(|found| &found.place).collect();
        let gone = standing.iter().filter(|standing| {
            standing.entry.received_at.is_some_and(|at| at < listed.began)
                && stays(settings, standing)
                && !there.contains(&standing.entry.place)
        });
        notes.findings.extend(
            gone.map(|standing| {
                finding(Kind::NotInMailbox, standing, "its mailbox does not hold it any more".to_owned())
            }),
        );
        Ok(())
    }

    /// A message that is not settled, unless it has only just come.
    fn unsettled(&self, standing: &Standing) -> Option<Finding> {
        let entry = &standing.entry;
        let why = if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
        match entry.stage {
            Stage::Received | Stage::Planned | Stage::Sent => {
                let now = self.clock.now();
                let waits = entry.attempts > 0 || entry.next_attempt_at.is_some_and(|at| at > now);
                let is_old = entry.received_at.is_none_or(|at| now.duration_since(at) >= ON_ITS_WAY);
                let what = format!("not settled yet ({}){why}", entry.stage.as_str());
                (waits || is_old).then(|| finding(Kind::Pending, standing, what))
            }
            Stage::Quarantined => Some(finding(Kind::Quarantined, standing, format!("a person must look{why}"))),
            Stage::Delivered | Stage::Ignored | Stage::Discarded => None,
        }
    }
}

/// Whether a message ought to be in its mailbox: neither we nor `after` have taken it out of the folders that are watched.
fn stays(settings: &MailboxSettings, standing: &Standing) -> bool {
    let watched = match &standing.entry.place {
        Place::Imap { folder, .. } => folders(settings).any(|known| known == folder),
        Place::Pop3 { .. } => true,
    };
    watched
        && match standing.told.and_then(|why| how(settings, why)) {
            Some(Acknowledgement::Delete | Acknowledgement::Move(_)) => false,
            Some(Acknowledgement::Seen) | None => true,
        }
}

fn never_seen(settings: &MailboxSettings, found: &Found) -> Finding {
    Finding {
        kind: Kind::NotInLedger,
        mailbox: settings.name.as_str().to_owned(),
        id: None,
        message_id: None,
        place: messages::place(&found.place),
        arrived_at: Some(found.arrived),
        issues: Vec::new(),
        what: "the ledger never saw it".to_owned(),
    }
}

fn finding(kind: Kind, standing: &Standing, what: String) -> Finding {
    let entry = &standing.entry;
    Finding {
        kind,
        mailbox: entry.mailbox.clone(),
        id: Some(entry.id),
        message_id: entry.message_id.as_ref().map(|id| id.as_str().to_owned()),
        place: messages::place(&entry.place),
        arrived_at: entry.arrived_at,
        issues: entry.issue.iter().map(ToString::to_string).collect(),
        what,
    }
}
