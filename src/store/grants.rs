//! Consents at rest: sealed, one per mailbox, with a lock so that no two processes refresh one at once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::database::{Arg, Row, Tx};
use super::{Ledger, StoreError, ms, timestamp};
use crate::config::Secret;
use crate::forecast::GrantFacts;
use crate::oauth::tokens::{GrantState, StoredGrant};
use crate::oauth::{AccessToken, Grant, RefreshEnd};

/// What `status` shows of a consent without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSummary {
    /// The mailbox.
    pub subject: String,
    /// When the person consented.
    pub granted_at: Option<Timestamp>,
    /// Whether it is good.
    pub state: GrantState,
    /// What tells when it will end by itself.
    pub facts: Option<GrantFacts>,
}

/// A provider's definite refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What the provider said.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// What the consent's age at its death says.
    pub age: Age,
}

/// What the age of a consent at its death says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// A policy allows no more: the next one will live as long.
    Telling,
    /// The age says nothing.
    Accidental,
}

/// What kind of process holds the right to refresh a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// `run`, of which there is one at a time on an SQLite state.
    Daemon,
    /// Any other command; some may be at work beside it.
    Command,
}

impl Holder {
    /// The name under which a process of this kind holds the right.
    pub fn named(self, owner: &str) -> String {
        match self {
            Self::Daemon => format!("daemon-{owner}"),
            Self::Command => format!("command-{owner}"),
        }
    }
}

impl Ledger {
    /// The consent for a mailbox.
    pub async fn grant(&self, subject: &str) -> Result<Option<StoredGrant>, StoreError> {
        let name = subject.to_owned();
        let Some((sealed, generation, state)) = self.read(move |tx| select_grant(tx, &name)).await? else {
            return Ok(None);
        };
        let json = zeroize::Zeroizing::new(self.vault.unseal(&context(subject), &sealed)?);
        let kept: Kept = serde_json::from_slice(&json)
            .map_err(|_| StoreError::corrupt(format!("the consent for `{subject}` has an unknown form")))?;
        Ok(Some(StoredGrant { grant: kept.into_grant(), generation, state }))
    }

    /// Stores a person's fresh consent in place of any older one.
    pub async fn save_consent(&self, subject: &str, grant: &Grant) -> Result<(), StoreError> {
        let (sealed, granted_at) = (self.sealed_grant(subject, grant)?, ms(grant.granted_at));
        let subject = subject.to_owned();
        let (now, dies_at) = (grant.granted_at, grant.refresh_end.fixed());
        self.write(move |tx| {
            upsert_grant(tx, &subject, &sealed, granted_at)?;
            update_outlook(tx, &subject, now, dies_at)
        })
        .await
    }

    /// Takes the right to refresh, until then at most. `false`: somebody else has it.
    pub async fn lock_refresh(
        &self,
        subject: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let (subject, owner) = (subject.to_owned(), owner.to_owned());
        self.write(move |tx| update_lock(tx, &subject, &owner, ms(now), ms(until))).await
    }

    /// Gives the right to refresh back.
    pub async fn unlock_refresh(&self, subject: &str, owner: &str) -> Result<(), StoreError> {
        let (subject, owner) = (subject.to_owned(), owner.to_owned());
        self.write(move |tx| clear_lock(tx, &subject, &owner)).await
    }

    /// Gives back every daemon's right to refresh: on SQLite, when `run` starts, no other daemon lives. Those of commands stay, as
    /// one of them may be refreshing right now; what a killed one left runs out.
    pub async fn free_refresh_locks(&self) -> Result<u64, StoreError> {
        self.write(free_locks).await
    }

    /// Stores refreshed tokens. `false`: the consent is not the one that was refreshed any more; read it again.
    pub async fn save_refreshed(
        &self,
        subject: &str,
        generation: i64,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (sealed, dies_at) = (self.sealed_grant(subject, grant)?, grant.refresh_end.fixed());
        let subject = subject.to_owned();
        self.write(move |tx| {
            let saved = update_refreshed(tx, &subject, generation, &sealed)?;
            if saved {
                update_outlook(tx, &subject, now, dies_at)?;
            }
            Ok(saved)
        })
        .await
    }

    /// Records the provider's definite refusal. `false`: a fresh consent has come meanwhile.
    pub async fn record_consent_needed(
        &self,
        subject: &str,
        generation: i64,
        refused: Refused,
    ) -> Result<bool, StoreError> {
        let subject = subject.to_owned();
        self.write(move |tx| {
            let Refused { reason, at, age } = refused;
            match age {
                Age::Telling => update_lived(tx, &subject, generation, ms(at))?,
                Age::Accidental => {}
            }
            update_needed(tx, &subject, generation, &reason, ms(at))
        })
        .await
    }

    /// Forgets the tokens of a consent; what remains says that consent is needed, and why. Whoever holds older tokens is overtaken.
    pub async fn forget_grant(&self, subject: &str, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let Some(stored) = self.grant(subject).await? else { return Ok(()) };
        let sealed = self.sealed_grant(subject, &stored.grant.forgotten())?;
        let (subject, reason) = (subject.to_owned(), reason.to_owned());
        self.write(move |tx| update_forgotten(tx, &subject, &sealed, &reason, ms(now))).await
    }

    /// Every consent, without its tokens.
    pub async fn grants(&self) -> Result<Vec<GrantSummary>, StoreError> {
        self.read(select_summaries).await
    }

    /// When a person consented, by subject; `None` where that was taken back on purpose.
    pub async fn consented(&self) -> Result<BTreeMap<String, Option<Timestamp>>, StoreError> {
        Ok(self.read(select_consented).await?.into_iter().collect())
    }

    fn sealed_grant(&self, subject: &str, grant: &Grant) -> Result<Vec<u8>, StoreError> {
        let json =
            serde_json::to_vec(&Kept::from_grant(grant)).map_err(|error| StoreError::corrupt(error.to_string()))?;
        let json = zeroize::Zeroizing::new(json);
        Ok(self.vault.seal(&context(subject), &json)?)
    }
}

/// Binds a ciphertext to its mailbox: one copied to another row does not open.
pub(super) fn context(subject: &str) -> String {
    format!("grant:{subject}")
}

/// A grant as JSON, before it is sealed. Neither printed nor kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    refresh_token: String,
    access_token: Option<(String, i64)>,
    granted_at: i64,
    identity: Option<String>,
    scopes: Vec<String>,
    #[serde(default)] // consents of version 0.1 have none
    refresh_expires_at: Option<i64>,
    #[serde(default)]
    refresh_end_slides: bool,
}

impl Kept {
    fn from_grant(grant: &Grant) -> Self {
        let (refresh_expires_at, refresh_end_slides) = match grant.refresh_end {
            RefreshEnd::Untold => (None, false),
            RefreshEnd::Fixed(at) => (Some(ms(at)), false),
            RefreshEnd::Sliding(at) => (Some(ms(at)), true),
        };
        Self {
            refresh_token: grant.refresh_token.expose().to_owned(),
            access_token: grant.access.as_ref().map(|access| (access.token.expose().to_owned(), ms(access.expires_at))),
            granted_at: ms(grant.granted_at),
            identity: grant.identity.clone(),
            scopes: grant.scopes.clone(),
            refresh_expires_at,
            refresh_end_slides,
        }
    }

    fn into_grant(self) -> Grant {
        let access = self.access_token.and_then(|(token, expires_at)| {
            Some(AccessToken { token: Secret::new(token), expires_at: Timestamp::from_millisecond(expires_at).ok()? })
        });
        let end = self.refresh_expires_at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let refresh_end = match (end, self.refresh_end_slides) {
            (None, _) => RefreshEnd::Untold,
            (Some(at), false) => RefreshEnd::Fixed(at),
            (Some(at), true) => RefreshEnd::Sliding(at),
        };
        Grant {
            refresh_token: Secret::new(self.refresh_token),
            access,
            granted_at: Timestamp::from_millisecond(self.granted_at).unwrap_or_default(),
            identity: self.identity,
            scopes: self.scopes,
            refresh_end,
        }
    }
}

fn read_state(row: &mut Row) -> Result<GrantState, StoreError> {
    let (state, reason, since) = (row.text()?, row.text()?, row.int()?);
    match state.as_str() {
        "granted" => Ok(GrantState::Granted),
        "needed" => Ok(GrantState::Needed { reason, since: timestamp(since).unwrap_or_default() }),
        _ => Err(StoreError::corrupt(format!("a consent cannot be `{state}`"))),
    }
}

fn select_grant(tx: &mut Tx<'_>, subject: &str) -> Result<Option<(Vec<u8>, i64, GrantState)>, StoreError> {
    tx.optional(
        "/* select_grant */ SELECT sealed, generation, state, reason, since FROM grants WHERE subject = $1",
        &[Arg::Text(subject)],
        |mut row| Ok((row.bytes()?, row.int()?, read_state(&mut row)?)),
    )
}

fn select_summaries(tx: &mut Tx<'_>) -> Result<Vec<GrantSummary>, StoreError> {
    tx.query(
        "/* select_grant_summaries */ SELECT subject, granted_at, state, reason, since, refreshed_at, dies_at, lived_ms \
         FROM grants ORDER BY subject",
        &[],
        |mut row| {
            let (subject, granted_at, state) = (row.text()?, timestamp(row.int()?), read_state(&mut row)?);
            let (refreshed_at, dies_at, lived) = (timestamp(row.int()?), timestamp(row.int()?), row.int()?);
            let facts = granted_at.map(|granted_at| GrantFacts {
                granted_at,
                refreshed_at: refreshed_at.unwrap_or(granted_at),
                dies_at,
                lived: (lived != 0).then(|| SignedDuration::from_millis(lived)),
            });
            Ok(GrantSummary { subject, granted_at, state, facts })
        },
    )
}

fn select_consented(tx: &mut Tx<'_>) -> Result<Vec<(String, Option<Timestamp>)>, StoreError> {
    tx.query("/* select_consented */ SELECT subject, granted_at FROM grants", &[], |mut row| {
        Ok((row.text()?, timestamp(row.int()?)))
    })
}

fn upsert_grant(tx: &mut Tx<'_>, subject: &str, sealed: &[u8], granted_at: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* upsert_grant */ INSERT INTO grants (subject, sealed, generation, granted_at, state, reason, since, \
         lock_owner, lock_until) VALUES ($1, $2, 1, $3, 'granted', '', 0, '', 0) \
         ON CONFLICT (subject) DO UPDATE SET sealed = excluded.sealed, generation = grants.generation + 1, \
         granted_at = excluded.granted_at, state = 'granted', reason = '', since = 0",
        &[Arg::Text(subject), Arg::Bytes(sealed), Arg::Int(granted_at)],
    )?;
    Ok(())
}

fn update_lock(tx: &mut Tx<'_>, subject: &str, owner: &str, now: i64, until: i64) -> Result<bool, StoreError> {
    let locked = tx.execute(
        "/* update_lock */ UPDATE grants SET lock_owner = $2, lock_until = $4 \
         WHERE subject = $1 AND (lock_until <= $3 OR lock_owner = $2)",
        &[Arg::Text(subject), Arg::Text(owner), Arg::Int(now), Arg::Int(until)],
    )?;
    Ok(locked == 1)
}

fn clear_lock(tx: &mut Tx<'_>, subject: &str, owner: &str) -> Result<(), StoreError> {
    tx.execute(
        "/* clear_lock */ UPDATE grants SET lock_owner = '', lock_until = 0 WHERE subject = $1 AND lock_owner = $2",
        &[Arg::Text(subject), Arg::Text(owner)],
    )?;
    Ok(())
}

fn free_locks(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    tx.execute(
        "/* free_locks */ UPDATE grants SET lock_owner = '', lock_until = 0 WHERE lock_owner LIKE 'daemon-%'",
        &[],
    )
}

fn update_refreshed(tx: &mut Tx<'_>, subject: &str, generation: i64, sealed: &[u8]) -> Result<bool, StoreError> {
    let saved = tx.execute(
        "/* update_refreshed */ UPDATE grants SET sealed = $3, generation = generation + 1, state = 'granted', \
         reason = '', since = 0, lock_owner = '', lock_until = 0 WHERE subject = $1 AND generation = $2",
        &[Arg::Text(subject), Arg::Int(generation), Arg::Bytes(sealed)],
    )?;
    Ok(saved == 1)
}

fn update_forgotten(tx: &mut Tx<'_>, subject: &str, sealed: &[u8], reason: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* update_forgotten */ UPDATE grants SET sealed = $2, generation = generation + 1, granted_at = 0, state = 'needed', \
         reason = $3, since = $4, lock_owner = '', lock_until = 0 WHERE subject = $1",
        &[Arg::Text(subject), Arg::Bytes(sealed), Arg::Text(reason), Arg::Int(now)],
    )?;
    Ok(())
}

fn update_needed(tx: &mut Tx<'_>, subject: &str, generation: i64, reason: &str, now: i64) -> Result<bool, StoreError> {
    let recorded = tx.execute(
        "/* update_needed */ UPDATE grants SET state = 'needed', reason = $3, lock_owner = '', lock_until = 0, \
         since = CASE WHEN state = 'needed' THEN since ELSE $4 END WHERE subject = $1 AND generation = $2",
        &[Arg::Text(subject), Arg::Int(generation), Arg::Text(reason), Arg::Int(now)],
    )?;
    Ok(recorded == 1)
}

fn update_outlook(
    tx: &mut Tx<'_>,
    subject: &str,
    refreshed_at: Timestamp,
    dies_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    tx.execute(
        "/* update_outlook */ UPDATE grants SET refreshed_at = $2, dies_at = $3 WHERE subject = $1",
        &[Arg::Text(subject), Arg::Int(ms(refreshed_at)), Arg::Int(dies_at.map_or(0, ms))],
    )?;
    Ok(())
}

/// Only the first refusal of a consent tells its age.
fn update_lived(tx: &mut Tx<'_>, subject: &str, generation: i64, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "/* update_lived */ UPDATE grants SET lived_ms = $3 - granted_at \
         WHERE subject = $1 AND generation = $2 AND state = 'granted'",
        &[Arg::Text(subject), Arg::Int(generation), Arg::Int(now)],
    )?;
    Ok(())
}
