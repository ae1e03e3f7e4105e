//! Where Jira's ways in get what they need: secrets from the configuration, consents from the ledger.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::SecretRef;
use crate::jira::auth::Keys;
use crate::oauth::tokens::LedgerGrants;
use crate::store::Ledger;

/// The keys for a Jira whose consent is in `ledger`.
pub(super) fn keys(ledger: &Ledger, clock: &Arc<dyn Clock>) -> Keys {
    let grants = LedgerGrants::new(ledger.clone(), clock.clone());
    Keys { grants: Some(Arc::new(grants)), ..Keys::secrets(SecretRef::read) }
}
