//! Incidents and the notices of them that are still on their way: what was told survives restarts, and is told once by
//! however many nodes. What a trouble is, and how it is told, is decided elsewhere.

use jiff::Timestamp;

use super::database::{Arg, Row, Tx};
use super::{Ledger, StoreError, ms, timestamp};
use crate::incident::{Change, Channel, Event, Kind, Open, Slot, Teller, Trouble};
use crate::jira::IssueRef;

/// Who tells, and through what.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The node's name.
    pub node: String,
    /// Where the pages are.
    pub public_url: Option<url::Url>,
    /// Every channel that is configured.
    pub channels: Vec<Channel>,
    /// Makes a random name for a new incident.
    pub new_id: fn() -> String,
}

/// One event on its way through one channel, leased to whoever claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// The incident that it is about.
    pub incident: String,
    /// The channel.
    pub channel: Channel,
    /// The event as JSON.
    pub event: String,
    /// How often it was tried in vain.
    pub attempts: u32,
}

/// What is known of an incident's issue in Jira.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueOfIncident {
    /// Jira was not asked for it, or it is known that nothing came of that.
    None,
    /// Jira was asked at that time, and what came of it is not known.
    Asked(Timestamp),
    /// The issue is there.
    There(IssueRef),
}

impl Ledger {
    /// Every incident that lasts.
    pub async fn open_incidents(&self) -> Result<Vec<Open>, StoreError> {
        self.read(select_open).await
    }

    /// Records changes together with the notices of them. Another node may have been first: then nothing more is told.
    /// Says which changes were recorded.
    pub async fn record_incidents(
        &self,
        changes: Vec<Change>,
        telling: Telling,
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        self.write(move |tx| {
            let mut recorded = Vec::new();
            for change in changes {
                if record(tx, &change, &telling, now)? {
                    recorded.push(change);
                }
            }
            Ok(recorded)
        })
        .await
    }

    /// Whether a notice waits for its turn now.
    pub async fn has_due_notice(&self, now: Timestamp) -> Result<bool, StoreError> {
        Ok(!self.read(move |tx| select_due(tx, ms(now), 1)).await?.is_empty())
    }

    /// Takes the right to send notices that are due, until then at most.
    pub async fn claim_notices(
        &self,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Notice>, StoreError> {
        const TOGETHER: i64 = 16;
        let owner = owner.to_owned();
        self.write(move |tx| {
            let due = select_due(tx, ms(now), TOGETHER)?;
            due.into_iter().filter_map(|notice| lease(tx, notice, &owner, ms(now), ms(until)).transpose()).collect()
        })
        .await
    }

    /// Gives back the right to every notice: on SQLite, when `run` starts, nobody else can be sending one.
    pub async fn free_notices(&self) -> Result<(), StoreError> {
        self.write(free_notices).await
    }

    /// A notice has arrived, or has nobody to go to any more.
    pub async fn settle_notice(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |tx| {
            delete_notice(tx, id)?;
            delete_settled_incidents(tx)
        })
        .await
    }

    /// A notice did not arrive, and is tried again then.
    pub async fn defer_notice(&self, id: i64, next_attempt_at: Timestamp) -> Result<(), StoreError> {
        self.write(move |tx| update_deferred(tx, id, ms(next_attempt_at))).await
    }

    /// What is known of an incident's issue.
    pub async fn issue_of_incident(&self, incident: &str) -> Result<IssueOfIncident, StoreError> {
        let incident = incident.to_owned();
        let found = self.read(move |tx| select_issue(tx, &incident)).await?;
        Ok(found.unwrap_or(IssueOfIncident::None))
    }

    /// Records what is known of an incident's issue: before Jira is asked, and after.
    pub async fn record_issue_of_incident(&self, incident: &str, issue: IssueOfIncident) -> Result<(), StoreError> {
        let incident = incident.to_owned();
        self.write(move |tx| update_issue(tx, &incident, &issue)).await
    }
}

fn record(tx: &mut Tx<'_>, change: &Change, telling: &Telling, now: Timestamp) -> Result<bool, StoreError> {
    let teller = Teller { node: &telling.node, public_url: telling.public_url.as_ref() };
    let all = telling.channels.iter().copied();
    match change {
        Change::Open(subject, slot, trouble) => {
            let id = (telling.new_id)();
            let inserted = insert_incident(tx, (&id, subject, *slot), trouble, ms(now))?;
            let event = teller.trouble(&id, subject, trouble);
            notify(tx, inserted, all, &event, now)
        }
        Change::Tell(open, trouble) => {
            let updated = update_told(tx, open, trouble, ms(now))?;
            let event = teller.trouble(&open.id, &open.subject, trouble);
            notify(tx, updated, all.filter(|channel| channel.repeats()), &event, now)
        }
        Change::Close(open) => {
            let closed = update_over(tx, &open.id, ms(now))?;
            let event = teller.recovered(&open.id, &open.subject, open.kind, open.since);
            notify(tx, closed, all, &event, now)
        }
    }
}

/// A channel that still has the same trouble to tell does not get it twice.
fn notify(
    tx: &mut Tx<'_>,
    changed: bool,
    channels: impl Iterator<Item = Channel>,
    event: &Event,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if !changed {
        return Ok(false);
    }
    let json = serde_json::to_string(event).map_err(|error| StoreError::corrupt(error.to_string()))?;
    for channel in channels {
        if event.event != Kind::Recovered {
            delete_untried(tx, &event.incident, channel)?;
        }
        insert_notice(tx, &event.incident, channel, &json, ms(now))?;
    }
    delete_settled_incidents(tx)?; // where there is no channel at all
    Ok(true)
}

fn select_open(tx: &mut Tx<'_>) -> Result<Vec<Open>, StoreError> {
    tx.query(
        "/* select_open_incidents */ SELECT id, subject, slot, kind, since, told_at, days FROM incidents \
         WHERE over_at = 0 ORDER BY subject, slot",
        &[],
        |mut row| {
            Ok(Open {
                id: row.text()?,
                subject: row.text()?,
                slot: row.text()?,
                kind: read_kind(&mut row)?,
                since: timestamp(row.int()?).unwrap_or_default(),
                told_at: timestamp(row.int()?).unwrap_or_default(),
                days: u32::try_from(row.int()?).unwrap_or_default(),
            })
        },
    )
}

fn read_kind(row: &mut Row) -> Result<Kind, StoreError> {
    let word = row.text()?;
    Kind::parse(&word).ok_or_else(|| StoreError::corrupt(format!("there is no incident of kind `{word}`")))
}

fn insert_incident(
    tx: &mut Tx<'_>,
    (id, subject, slot): (&str, &str, Slot),
    trouble: &Trouble,
    now: i64,
) -> Result<bool, StoreError> {
    let inserted = tx.execute(
        "/* insert_incident */ INSERT INTO incidents (id, subject, slot, kind, reason, since, told_at, days, over_at, \
         issue_id, issue_key, issue_sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', '', 0) \
         ON CONFLICT (subject, slot) WHERE over_at = 0 DO NOTHING",
        &[
            Arg::Text(id),
            Arg::Text(subject),
            Arg::Text(slot.as_str()),
            Arg::Text(trouble.kind.as_str()),
            Arg::Text(&trouble.reason),
            Arg::Int(ms(trouble.since)),
            Arg::Int(now),
            Arg::Int(trouble.days.into()),
        ],
    )?;
    Ok(inserted == 1)
}

fn update_told(tx: &mut Tx<'_>, open: &Open, trouble: &Trouble, now: i64) -> Result<bool, StoreError> {
    let told = tx.execute(
        "/* update_told */ UPDATE incidents SET kind = $3, reason = $4, told_at = $5, days = $6 \
         WHERE id = $1 AND told_at = $2 AND over_at = 0",
        &[
            Arg::Text(&open.id),
            Arg::Int(ms(open.told_at)),
            Arg::Text(trouble.kind.as_str()),
            Arg::Text(&trouble.reason),
            Arg::Int(now),
            Arg::Int(trouble.days.into()),
        ],
    )?;
    Ok(told == 1)
}

fn update_over(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<bool, StoreError> {
    let closed = tx.execute(
        "/* update_over */ UPDATE incidents SET over_at = $2 WHERE id = $1 AND over_at = 0",
        &[Arg::Text(id), Arg::Int(now)],
    )?;
    Ok(closed == 1)
}

fn insert_notice(tx: &mut Tx<'_>, incident: &str, channel: Channel, event: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* insert_notice */ INSERT INTO notices (incident, channel, event, attempts, next_attempt_at, lease_owner, \
         lease_until) VALUES ($1, $2, $3, 0, $4, '', 0)",
        &[Arg::Text(incident), Arg::Text(channel.as_str()), Arg::Text(event), Arg::Int(now)],
    )?;
    Ok(())
}

fn delete_untried(tx: &mut Tx<'_>, incident: &str, channel: Channel) -> Result<(), StoreError> {
    tx.execute(
        "/* delete_untried */ DELETE FROM notices WHERE incident = $1 AND channel = $2 AND lease_until = 0",
        &[Arg::Text(incident), Arg::Text(channel.as_str())],
    )?;
    Ok(())
}

/// The events of one incident go through one channel in their order.
fn select_due(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<Notice>, StoreError> {
    let due = tx.query(
        "/* select_due_notices */ SELECT id, incident, channel, event, attempts FROM notices \
         WHERE next_attempt_at <= $1 AND lease_until <= $1 AND NOT EXISTS (SELECT 1 FROM notices earlier \
         WHERE earlier.incident = notices.incident AND earlier.channel = notices.channel AND earlier.id < notices.id) \
         ORDER BY id LIMIT $2",
        &[Arg::Int(now), Arg::Int(limit)],
        |mut row| {
            let (id, incident, channel) = (row.int()?, row.text()?, row.text()?);
            let channel = Channel::parse(&channel)
                .ok_or_else(|| StoreError::corrupt(format!("there is no channel `{channel}`")))?;
            let (event, attempts) = (row.text()?, u32::try_from(row.int()?).unwrap_or(u32::MAX));
            Ok(Notice { id, incident, channel, event, attempts })
        },
    )?;
    Ok(due)
}

/// `None`: another node was first.
fn lease(tx: &mut Tx<'_>, notice: Notice, owner: &str, now: i64, until: i64) -> Result<Option<Notice>, StoreError> {
    let leased = tx.execute(
        "/* lease_notice */ UPDATE notices SET lease_owner = $2, lease_until = $4, attempts = attempts + 1 \
         WHERE id = $1 AND lease_until <= $3",
        &[Arg::Int(notice.id), Arg::Text(owner), Arg::Int(now), Arg::Int(until)],
    )?;
    Ok((leased == 1).then_some(notice))
}

/// That somebody has tried stays on record: 0 would say that nobody has.
fn free_notices(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute("/* free_notices */ UPDATE notices SET lease_owner = '', lease_until = 1 WHERE lease_until > 1", &[])?;
    Ok(())
}

fn delete_notice(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute("/* delete_notice */ DELETE FROM notices WHERE id = $1", &[Arg::Int(id)])?;
    Ok(())
}

fn delete_settled_incidents(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute(
        "/* delete_settled_incidents */ DELETE FROM incidents WHERE over_at <> 0 \
         AND NOT EXISTS (SELECT 1 FROM notices WHERE notices.incident = incidents.id)",
        &[],
    )?;
    Ok(())
}

fn update_deferred(tx: &mut Tx<'_>, id: i64, next_attempt_at: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* update_deferred */ UPDATE notices SET lease_owner = '', lease_until = 1, next_attempt_at = $2 WHERE id = $1",
        &[Arg::Int(id), Arg::Int(next_attempt_at)],
    )?;
    Ok(())
}

fn select_issue(tx: &mut Tx<'_>, incident: &str) -> Result<Option<IssueOfIncident>, StoreError> {
    tx.optional(
        "/* select_issue_of_incident */ SELECT issue_id, issue_key, issue_sent_at FROM incidents WHERE id = $1",
        &[Arg::Text(incident)],
        |mut row| {
            let (id, key, sent_at) = (row.text()?, row.text()?, timestamp(row.int()?));
            Ok(match (id.is_empty(), sent_at) {
                (false, _) => IssueOfIncident::There(IssueRef { id, key }),
                (true, Some(sent_at)) => IssueOfIncident::Asked(sent_at),
                (true, None) => IssueOfIncident::None,
            })
        },
    )
}

fn update_issue(tx: &mut Tx<'_>, incident: &str, issue: &IssueOfIncident) -> Result<(), StoreError> {
    let (id, key, sent_at) = match issue {
        IssueOfIncident::None => ("", "", 0),
        IssueOfIncident::Asked(at) => ("", "", ms(*at)),
        IssueOfIncident::There(issue) => (issue.id.as_str(), issue.key.as_str(), 0),
    };
    tx.execute(
        "/* update_issue_of_incident */ UPDATE incidents SET issue_id = $2, issue_key = $3, issue_sent_at = $4 \
         WHERE id = $1",
        &[Arg::Text(incident), Arg::Text(id), Arg::Text(key), Arg::Int(sent_at)],
    )?;
    Ok(())
}
