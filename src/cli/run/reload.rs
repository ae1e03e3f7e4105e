//! SIGHUP: reads the configuration anew. One that is wrong changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use super::jira;
use crate::clock::Clock;
use crate::config::{Config, MustExist};
use crate::pipeline::supervise::Reloaded;
use crate::store::Ledger;
use crate::telemetry::{self, Phase};

/// What a reload reads, and what it cannot change.
pub(super) struct ReloadSource {
    pub(super) file: PathBuf,
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) started_with: Arc<Config>,
}

/// Reloads at every SIGHUP.
pub(super) async fn reload_on_signal(mut hangup: Signal, source: ReloadSource, reloads: mpsc::Sender<Reloaded>) {
    while hangup.recv().await.is_some() {
        telemetry::tell_systemd(Phase::Reloading);
        match source.reload() {
            Ok(reloaded) => {
                if reloads.send(reloaded).await.is_err() {
                    return;
                }
            }
            Err(reason) => tracing::error!(reason, "the configuration is wrong; going on with the old one"),
        }
        telemetry::tell_systemd(Phase::Ready);
    }
}

impl ReloadSource {
    fn reload(&self) -> Result<Reloaded, String> {
        let (config, _warnings) = Config::load(&self.file, MustExist::Yes).map_err(|errors| errors.to_string())?;
        let jira = jira(&config, &self.ledger, &self.clock).map_err(|error| error.to_string())?;
        for reason in needs_restart(&self.started_with, &config) {
            tracing::warn!(reason, "a change waits for the next start");
        }
        Ok(Reloaded { config: Arc::new(config), jira })
    }
}

/// What a running daemon holds on to: the state, its key, the listener, and whom it asks.
fn needs_restart(running: &Config, wanted: &Config) -> impl Iterator<Item = &'static str> {
    let changed = [
        (running.state != wanted.state, "`state` has changed"),
        (running.vault != wanted.vault, "`[vault]` has changed"),
        (running.admin != wanted.admin, "`[admin]` has changed"),
        (running.name_servers != wanted.name_servers, "`[dns]` has changed"),
    ];
    changed.into_iter().filter_map(|(changed, reason)| changed.then_some(reason))
}
