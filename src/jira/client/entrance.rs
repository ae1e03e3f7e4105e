//! Where and how an API token is taken: at the site, or, where Atlassian has scoped it, at its gateway alone, and there by
//! address and token or by the token itself, on which reports differ. Found out by asking, once; a token that is swapped for
//! one of another kind finds its own entrance.

use serde::de::DeserializeOwned;
use url::Url;

use super::Client;
use super::place::Place;
use super::send::{Missed, Sending, address};
use crate::failure::Verdict;
use crate::jira::auth::TokenForm;
use crate::jira::{Flavour, JiraError};
use crate::sync::locked;

/// An address of the API, and the form of the token there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entrance {
    pub base: Url,
    /// `None`: the way in has one form alone.
    form: Option<TokenForm>,
}

impl Client {
    /// The entrance that is used now.
    pub(super) fn entrance(&self, place: &Place) -> Entrance {
        let found = locked(&self.entrance);
        found.clone().unwrap_or_else(|| self.front(place))
    }

    fn front(&self, place: &Place) -> Entrance {
        Entrance { base: place.base.clone(), form: self.credentials.forms().first().copied() }
    }

    /// The entrances that are not used now. Tokens of Data Center have no other.
    async fn others(&self, place: &Place) -> Vec<Entrance> {
        if place.flavour != Flavour::Cloud || self.credentials.forms().is_empty() {
            return Vec::new();
        }
        let gateway = self.gateway().await.into_iter();
        let at_gateway = gateway.flat_map(|base| {
            self.credentials.forms().iter().map(move |form| Entrance { base: base.clone(), form: Some(*form) })
        });
        let mut others: Vec<Entrance> = Vec::new();
        for entrance in std::iter::once(self.front(place)).chain(at_gateway) {
            if entrance != self.entrance(place) && !others.contains(&entrance) {
                others.push(entrance);
            }
        }
        others
    }

    /// Sends a question that was `refused` by every other entrance in turn, and stays with the one that answers it.
    pub(super) async fn send_elsewhere<T: DeserializeOwned>(
        &self,
        mut sending: Sending<'_>,
        refused: JiraError,
    ) -> Result<T, JiraError> {
        let place = self.place().await?;
        for entrance in self.others(place).await {
            let Some(form) = entrance.form else { continue };
            let shown = self.credentials.show_as(form).map_err(|error| error.for_call(&sending.request.call))?;
            sending.url = address(&entrance.base, place.flavour, sending.request);
            match self.attempt(&sending, &shown).await {
                Err(Missed::NotKnown(_)) => {}
                Err(otherwise) => {
                    let error = otherwise.into_error();
                    match error.verdict {
                        // Whoever answers there does not answer for what was asked here.
                        Verdict::Quarantine | Verdict::Halt(_) => {}
                        Verdict::Retry(_) | Verdict::Unknown => {
                            let message = format!("{}; and elsewhere: {}", refused.message, error.message);
                            let logged = Some(format!("{refused}; and elsewhere: {error}"));
                            return Err(JiraError { message, logged, ..error }); // it proves nothing about the token
                        }
                    }
                }
                Ok(answer) => {
                    tracing::info!(
                        server = entrance.base.host_str(),
                        "the token is taken at another entrance: it is scoped"
                    );
                    self.credentials.settle_on(form);
                    *locked(&self.entrance) = Some(entrance);
                    return Ok(answer);
                }
            }
        }
        Err(refused)
    }
}
