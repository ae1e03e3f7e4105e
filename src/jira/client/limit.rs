//! How large a file Jira takes: asked now and then, and never in the way of a file. What is too large is refused when it comes.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::Client;
use super::call::{Call, Operation};
use super::reads::yes;
use crate::jira::{JiraError, UploadLimit};

/// How long it is believed; administrators change it once in years.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// The limit with the time it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptLimit {
    limit: UploadLimit,
    read: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    upload_limit: Option<u64>,
}

impl From<Told> for UploadLimit {
    fn from(told: Told) -> Self {
        match told {
            Told { enabled: false, .. } => Self::Off,
            Told { upload_limit: Some(limit), .. } => Self::Bytes(limit),
            Told { upload_limit: None, .. } => Self::Untold,
        }
    }
}

impl Client {
    pub(super) async fn read_upload_limit(&self) -> Result<UploadLimit, JiraError> {
        if let Some(kept) = *self.kept_limit()
            && kept.read.elapsed() < KEPT_FOR
        {
            return Ok(kept.limit);
        }
        let call = Call::site(Operation::ReadUploadLimit);
        let limit = match self.get::<Told>(call, &["attachment", "meta"], &[]).await {
            Ok(told) => told.into(),
            Err(error) if error.lacks_what_was_asked() => UploadLimit::Untold,
            Err(error) => return Err(error),
        };
        *self.kept_limit() = Some(KeptLimit { limit, read: Instant::now() });
        Ok(limit)
    }
}
