//! How the daemon, or a pass, is asked to end: by a signal, and by a second one at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::telemetry::{self, Phase};

/// Signals so close together are one wish: `timeout` sends its own twice, a terminal to everybody in it.
const SAME_WISH: Duration = Duration::from_secs(1);

/// How the program is asked to end.
#[derive(Clone, Default)]
pub(super) struct Ending {
    /// In good order: asked once.
    pub(super) stop: CancellationToken,
    /// Asked twice.
    pub(super) at_once: CancellationToken,
}

/// The signals that end the program.
pub(super) struct Stops {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Stops {
    pub(super) fn hear() -> Self {
        Self { terminate: hear(SignalKind::terminate()), interrupt: hear(SignalKind::interrupt()) }
    }
}

/// Asks to end when signals do.
pub(super) async fn cancel_on_signal(stops: Stops, ending: Ending) {
    let Stops { terminate: Some(mut terminate), interrupt: Some(mut interrupt) } = stops else { return };
    let mut asked = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    asked().await;
    tracing::info!("stopping: what is in flight comes to its end, unless asked again");
    telemetry::tell_systemd(Phase::Stopping);
    ending.stop.cancel();
    let _same = tokio::time::timeout(SAME_WISH, async {
        while !ending.at_once.is_cancelled() {
            asked().await
        }
    })
    .await;
    asked().await;
    ending.at_once.cancel();
}

/// Hears a signal from now on.
pub(super) fn hear(kind: SignalKind) -> Option<Signal> {
    signal(kind).inspect_err(|error| tracing::error!(error = %error, "cannot listen for signals")).ok()
}
