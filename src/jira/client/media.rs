//! What a file is called at Cloud's media service: its id stands in the address that its content is redirected to (not documented,
//! and known to work in 2026). Through a gateway there may be further redirects on the way. Addresses are followed, and nothing is
//! fetched from the last one.

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::answer::{self, Answer};
use super::call::{Call, Operation};
use super::send::lost;
use super::words::Body;
use super::{Client, signs};
use crate::http;
use crate::jira::auth::Outgoing;
use crate::jira::{IssueRef, JiraError};

/// Redirects that are followed.
const MOST_HOPS: usize = 5;

/// Where a file's content is. The address may hold a token: it is not to be shown.
#[derive(Deserialize)]
struct Redirected {
    #[serde(default)]
    location: Option<String>,
}

impl Client {
    /// The id of an attachment at the media service; `None`: its content is elsewhere.
    pub(super) async fn media_id(&self, issue: &IssueRef, attachment: &str) -> Result<Option<String>, JiraError> {
        let call = Call::issue(Operation::FindMedia, issue);
        let redirected = self.get::<Redirected>(call, &["attachment", "content", attachment], &[]).await;
        let location = self.checked(issue, redirected).await?.location;
        let mut next = location.and_then(|location| Url::parse(&location).ok());
        for _ in 0..MOST_HOPS {
            let Some(at) = next else { return Ok(None) };
            if let Some(id) = id_in(&at) {
                return Ok(Some(id.to_owned()));
            }
            next = self.redirection(&call, &at).await?;
        }
        Ok(None)
    }

    /// Where an address points to. Our credentials are shown where they always are, and nowhere else.
    async fn redirection(&self, call: &Call<'_>, at: &Url) -> Result<Option<Url>, JiraError> {
        let place = self.place().await?;
        let mut request = self.http.get(at.clone()).timeout(self.timeouts.read);
        let is_jiras = self.entrance(place).base.origin() == at.origin();
        if is_jiras {
            let outgoing = Outgoing { method: &reqwest::Method::GET, url: at };
            let shown = self.credentials.show(place.flavour, &outgoing).await;
            let shown = shown.map_err(|error| error.for_call(call))?;
            request = request.header(reqwest::header::AUTHORIZATION, shown.header());
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if is_jiras => return Err(lost(call, at, &error)),
            Err(_) => return Ok(None), // another server may be out of our reach for good
        };
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let signs = signs::read(status, answer.headers(), at, self.clock.now());
            return Err(answer::refused(call, &Answer { status, signs, body: Body::None }));
        }
        Ok(http::redirection(&answer, at))
    }
}

/// `https://api.media.atlassian.com/file/{id}/binary`.
fn id_in(address: &Url) -> Option<&str> {
    let (_, behind) = address.path().split_once("/file/")?;
    let id = behind.split('/').next()?;
    let is_uuid = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uuid.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_where_the_content_is_and_nothing_else_is_taken_for_one() {
        let id = |address: &str| id_in(&Url::parse(address).unwrap()).map(str::to_owned);
        let uuid = "2f3c8f8e-9a51-4b0e-8c9d-1d2e3f4a5b6c";
        assert_eq!(id(&format!("https://api.media.atlassian.com/file/{uuid}/binary?token=x")).as_deref(), Some(uuid));
        for other in [
            "https://jira.example.com/secure/attachment/7/a.png",
            "https://x/file//binary",
            "https://x/file/a%22",
            "https://x/file/10001/binary",
            &format!("https://x/?to=/file/{uuid}/binary"),
        ] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}
