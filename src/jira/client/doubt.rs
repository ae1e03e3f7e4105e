//! A refusal that does not say what it refuses. Of a request that an application link signed (OAuth 1.0a) it may be the call,
//! the signature or the token, and a person can mend the last alone. It counts as dead only when that is proved.

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, StatusCode};

use super::Client;
use super::call::Call;
use super::place::{Place, below};
use crate::jira::JiraError;
use crate::jira::auth::{Outgoing, Shown, link};

const SILENT: &str = "Jira refuses the token and does not say why";

impl Client {
    /// Data Center mostly names an `oauth_problem` with its 401, but proxies drop the header and some versions leave it out.
    /// Two more questions tell the token from all else: our own account, which every token may read, is refused as well; and
    /// the link itself is known, for it gets temporary credentials, which it signs for alone. A consent is then on record as
    /// needed. Any other outcome proves nothing, and the error stays what it was.
    pub(super) async fn doubted(&self, call: &Call<'_>, shown: &Shown, refused: JiraError) -> JiraError {
        let (Some(signer), Some(place)) = (self.credentials.link_signer(), self.place.get()) else { return refused };
        let is_dead = self.refuses_our_account(place).await && link::stands(&self.http, &signer, self.site.url()).await;
        if !is_dead {
            return refused;
        }
        match self.credentials.record_dead(shown, SILENT).await {
            Ok(()) => refused,
            Err(failed) => failed.for_call(call),
        }
    }

    async fn refuses_our_account(&self, place: &Place) -> bool {
        let url = below(&place.base, &["rest", "api", "2", "myself"]);
        let outgoing = Outgoing { method: &Method::GET, url: &url };
        let Ok(shown) = self.credentials.show(place.flavour, &outgoing).await else { return false };
        let request = self.http.get(url).header(AUTHORIZATION, shown.header()).header(ACCEPT, "application/json");
        let answered = request.timeout(self.timeouts.read).send().await;
        answered.is_ok_and(|answer| answer.status() == StatusCode::UNAUTHORIZED)
    }
}
