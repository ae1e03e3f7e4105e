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
        let asks_for_a_text = request.values.contains_key("description");
        let text = hit.fields.get("description").map(Value::to_string).unwrap_or_default();
        if asks_for_a_text && text.contains(&marker.0) {
            return Ok(true); // whatever stands before it: older programs put something else there
        }
        if let Some(carried) = self.carried_by(hit).await? {
            return Ok(carried == *marker);
        }
        // A form without a text has no place for a marker: what carries none, and is called the same, is taken for ours.
        Ok(!asks_for_a_text && hit.is_named(request, sent_at))
    }
}
