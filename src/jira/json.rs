//! A value on its way to Jira, as the JSON text that goes over the wire: written once, kept in the ledger and sent as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// JSON text that is known to be well formed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes JSON text. What is none becomes `false`, which Jira takes for no field: it is refused there, and nothing is lost.
    pub fn from_text(json: String) -> Self {
        Self(RawValue::from_string(json).unwrap_or_else(|_| RawValue::FALSE.to_owned()))
    }

    /// The JSON of a value; see [`Json::from_text`].
    pub fn of(value: &impl Serialize) -> Self {
        Self(to_raw_value(value).unwrap_or_else(|_| RawValue::FALSE.to_owned()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Read back; `null` where it cannot be.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}
