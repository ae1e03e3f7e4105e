//! Where Jira's ways in get what they need: secrets from the configuration, consents from the ledger.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{JiraSettings, SecretRef};
use crate::jira::Flavour;
use crate::jira::auth::{Keys, SUBJECT, authority};
use crate::oauth::provider::Provider;
use crate::oauth::tokens::{AccessTokens, Holder, LedgerGrants};
use crate::store::Ledger;

/// The keys for a Jira whose consent is in `ledger`, in a process of that kind.
pub(super) fn keys(jira: &JiraSettings, ledger: &Ledger, clock: &Arc<dyn Clock>, holder: Holder) -> Keys {
    let grants = Arc::new(LedgerGrants::new(ledger.clone(), clock.clone(), holder));
    let (jira, own, clock) = (jira.clone(), grants.clone(), clock.clone());
    let tokens = move |flavour: Flavour| {
        let settings = authority::provider(&jira, flavour).ok_or("this way in takes no tokens")?;
        let provider = Provider::new(settings, clock.clone()).map_err(|error| error.to_string())?;
        Ok(Arc::new(AccessTokens::new(SUBJECT, "", Arc::new(provider), own.clone(), clock.clone())))
    };
    Keys { read: SecretRef::read, tokens: Some(Box::new(tokens)), grants: Some(grants) }
}
