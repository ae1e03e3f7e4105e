//! Authorization requests that wait for a person's answer on the consent page.

use std::collections::HashMap;

use super::grants::random;

/// A request that passed every check, and waits.
#[derive(Debug, Clone)]
pub(super) struct PendingRequest {
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub state: Option<String>,
    pub challenge: String,
    pub nonce: Option<String>,
    pub prompt: Prompt,
}

/// Whether the client asked for the consent page by `prompt=consent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    Consent,
    None,
}

#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<String, PendingRequest>);

impl Pending {
    /// Keeps a request; its name stands in the page's form.
    pub fn keep(&mut self, request: PendingRequest) -> String {
        let name = random("request-", 32);
        self.0.insert(name.clone(), request);
        name
    }

    /// Hands a request out once: a page that is sent again finds nothing.
    pub fn take(&mut self, name: &str) -> Option<PendingRequest> {
        self.0.remove(name)
    }
}
