//! The seam to the store: where grants are kept, and what must be atomic and durable about it. Says nothing of how.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::oauth::Grant;
use crate::oauth::provider::refusal;
use crate::store::Ledger;
use crate::store::grants::{Age, Holder, Refused};

/// A grant as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredGrant {
    /// The grant itself.
    pub grant: Grant,
    /// Goes up with every write of the grant: whoever writes on the ground of an older one has been overtaken.
    pub generation: i64,
    /// Whether it is still good.
    pub state: GrantState,
}

/// Whether a grant is good, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantState {
    /// No refusal is known.
    Granted,
    /// The provider refused it, definitely.
    Needed {
        /// What the provider said.
        reason: String,
        /// When.
        since: Timestamp,
    },
}

/// The store could not do what was asked, or cannot say whether it did.
#[derive(Debug, thiserror::Error)]
#[error("the ledger failed")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps grants by subject (a mailbox's name). Every write is durable before it returns, and atomic.
/// The ledger is one implementation; the other fails at every call in turn, to prove that no grant is lost by that.
pub trait Grants: Send + Sync {
    /// The grant of `subject`, if there ever was one.
    fn grant<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Option<StoredGrant>, StoreError>>;

    /// Stores a new consent, whatever was there: the state is [`GrantState::Granted`] and the generation higher than ever.
    fn save_consent<'a>(&'a self, subject: &'a str, grant: &'a Grant) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reserves the refreshing of a grant for `owner` until then; `false` while it is another's.
    fn lock_refresh<'a>(
        &'a self,
        subject: &'a str,
        owner: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Stores a refreshed grant if the generation is still this one, raises it and releases the lock; `false` when overtaken.
    fn save_refreshed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Releases the lock if it is `owner`'s.
    fn unlock_refresh<'a>(&'a self, subject: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Records a definite refusal if the generation is still this one; `false` when overtaken.
    fn record_consent_needed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

/// Grants in the ledger.
#[derive(Clone)]
pub struct LedgerGrants {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    holder: Holder,
}

impl LedgerGrants {
    /// The grants that `ledger` holds, for a process of that kind.
    pub fn new(ledger: Ledger, clock: Arc<dyn Clock>, holder: Holder) -> Self {
        Self { ledger, clock, holder }
    }
}

impl From<crate::store::StoreError> for StoreError {
    fn from(error: crate::store::StoreError) -> Self {
        Self(Box::new(error))
    }
}

impl Grants for LedgerGrants {
    fn grant<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Option<StoredGrant>, StoreError>> {
        Box::pin(async move { Ok(self.ledger.grant(subject).await?) })
    }

    fn save_consent<'a>(&'a self, subject: &'a str, grant: &'a Grant) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Ok(self.ledger.save_consent(subject, grant).await?) })
    }

    fn lock_refresh<'a>(
        &'a self,
        subject: &'a str,
        owner: &'a str,
        until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let owner = self.holder.named(owner);
        Box::pin(async move { Ok(self.ledger.lock_refresh(subject, &owner, self.clock.now(), until).await?) })
    }

    fn save_refreshed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        grant: &'a Grant,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.ledger.save_refreshed(subject, generation, grant, self.clock.now()).await?) })
    }

    fn unlock_refresh<'a>(&'a self, subject: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let owner = self.holder.named(owner);
        Box::pin(async move { Ok(self.ledger.unlock_refresh(subject, &owner).await?) })
    }

    fn record_consent_needed<'a>(
        &'a self,
        subject: &'a str,
        generation: i64,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let age = if refusal::tells_an_age(reason) { Age::Telling } else { Age::Accidental };
        let refused = Refused { reason: reason.to_owned(), at: self.clock.now(), age };
        Box::pin(async move { Ok(self.ledger.record_consent_needed(subject, generation, refused).await?) })
    }
}
