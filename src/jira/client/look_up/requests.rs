//! Telling a request that was raised: by the marker's property where that could be set, else by the last line of its text.

use jiff::Timestamp;
use serde_json::Value;

use super::hits::Hit;
use crate::jira::JiraError;
use crate::jira::client::Client;
use crate::jira::plan::Marker;
use crate::jira::plan::request::Request;

impl Client {
    /// Whether it is the request that was sent then.
    pub(super) async fn is_our_request(
        &self,
        hit: &Hit,
        request: &Request,
        marker: &Marker,
        sent_at: Timestamp,
    ) -> Result<bool, JiraError> {
        if let Some(carried) = self.carried_by(hit).await? {
            return Ok(carried == *marker);
        }
        if request.values.contains_key("description") {
            let text = hit.fields.get("description").map(Value::to_string).unwrap_or_default();
            return Ok(text.contains(&marker.0)); // whatever stands before it: older programs put something else there
        }
        // A form without a text has no place for a marker: what carries none, and is called the same, is taken for ours.
        Ok(hit.is_named(request, sent_at))
    }
}
