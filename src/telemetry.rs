//! What the program tells about itself to those who run it: logs, and the state it reports to systemd. Decides nothing, and
//! prints nothing that [`config::Secret`](crate::config::Secret) hides.
//!
//! A log line reads alone, is written once, where the thing is handled, and names the same thing by the same field. A test
//! (`tests/integration/log_fields.rs`) reads the sources and fails with a sentence on a field that is not listed here, and on
//! one that nothing is logged with.
//!
//! | field | what | example |
//! |---|---|---|
//! | `entry` | a message, by its id in the ledger | `4711` |
//! | `original` | the message that this one is a copy of, likewise | `4700` |
//! | `mailbox` | a mailbox, by its name | `support` |
//! | `folder` | an IMAP folder | `INBOX` |
//! | `issue` | an issue, by its key or id | `OPS-12` |
//! | `project` | a project, by its key | `OPS` |
//! | `field` | a field of an issue, by its id | `customfield_10010` |
//! | `form` | an issue type or request type, by its name | `Task` |
//! | `by` | the mailbox or rule that asks for it, by its name | `support` |
//! | `step` | a write to Jira, by its number within the plan | `0` |
//! | `action` | what is done with a message | `comment` |
//! | `subject` | what has an end or a trouble: a mailbox by its name, or Jira | `support` |
//! | `event` | what befell the subject, as in an alert | `needs_consent` |
//! | `was` | the event that is over | `unreachable` |
//! | `channel` | where alerts go to | `webhook` |
//! | `server` | the other side, by its host | `api.atlassian.com` |
//! | `deployment` | what kind of Jira it is | `cloud` |
//! | `listen` | where the daemon itself answers | `127.0.0.1:8925` |
//! | `state` | what a worker is doing | `watching` |
//! | `attempt` | how often it was tried, from 1 | `3` |
//! | `count` | how many of what the sentence is about | `12` |
//! | `there` | how many there are in all | `4000` |
//! | `open` | messages that a pass left open | `0` |
//! | `quarantined` | messages that a pass has set aside | `1` |
//! | `failed` | mailboxes that a pass could not read | `0` |
//! | `since` | the day from which mail counts | `2026-01-31` |
//! | `line` | a line of the config file, from 1 | `17` |
//! | `error` | what went wrong, causes included | `cannot connect to …` |
//! | `reason` | why it was decided so | `no project is given` |
//!
//! Never a field: mail addresses, subjects of mails, bodies, file names, tokens. `error` means that a person should look, `warn`
//! that something was left out or will need one, `info` what an administrator wants to see on a good day.

use std::io::{self, IsTerminal};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

use crate::text::without_controls;

/// Crates whose finer logs quote what goes over the wire: credentials and mail. They are never heard below `info`.
const TALKATIVE: [&str; 11] = [
    "async_imap",
    "imap_proto",
    "hyper",
    "hyper_util",
    "hyper_rustls",
    "reqwest",
    "rustls",
    "tokio_rustls",
    "tokio_postgres",
    "postgres",
    "tower",
];

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With the time, in colour.
    Coloured,
    /// With the time, in plain text.
    Plain,
    /// For the journal, which keeps the time itself and reads the level from a prefix (sd-daemon(3)).
    Journal,
}

impl Format {
    /// The format that fits where standard error goes to.
    pub fn fitting() -> Self {
        if io::stderr().is_terminal() && !is_set("NO_COLOR") {
            Self::Coloured
        } else if is_set("JOURNAL_STREAM") && !io::stderr().is_terminal() {
            Self::Journal
        } else {
            Self::Plain
        }
    }
}

/// Whether an environment variable is set to something (no-color.org: an empty one does not count).
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Starts logging to standard error. Fails when it was started before.
pub fn start(level: Level, format: Format) -> Result<(), TryInitError> {
    tracing_subscriber::registry().with(layer(format, io::stderr).with_filter(filter(level))).try_init()
}

/// Our own messages from `level` up, the talkative crates' from `info` up at most.
fn filter(level: Level) -> Targets {
    let level = LevelFilter::from_level(level);
    let quiet = level.min(LevelFilter::INFO);
    Targets::new().with_default(level).with_targets(TALKATIVE.map(|name| (name, quiet)))
}

fn layer<W>(format: Format, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_target(false);
    match format {
        Format::Coloured => layer.with_ansi(true).boxed(),
        Format::Plain => layer.with_ansi(false).boxed(),
        Format::Journal => {
            let line = fmt::format().with_target(false).with_ansi(false).without_time().with_level(false);
            layer.with_ansi(false).event_format(Prefixed(line)).boxed()
        }
    }
}

/// A line with its level in front, in the numbers of syslog (RFC 5424, 6.2.1).
struct Prefixed<F>(F);

impl<S, N, F> FormatEvent<S, N> for Prefixed<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        write!(writer, "<{}>", severity(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// What systemd is told (sd_notify(3)). Outside a service of `Type=notify` it goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase<'a> {
    /// Started, or reloaded: at work.
    Ready,
    /// Reading the configuration anew; ends with [`Phase::Ready`].
    Reloading,
    /// On the way out.
    Stopping,
    /// At work, with one line for `systemctl status`.
    Status(&'a str),
    /// Still alive; see [`watchdog`].
    Alive,
}

/// Tells systemd. That it cannot be told is logged and changes nothing.
pub fn tell_systemd(phase: Phase<'_>) {
    let told = match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        // The time belongs to the message: `Type=notify-reload` matches it with its own signal (sd_notify(3)).
        Phase::Reloading => {
            NotifyState::monotonic_usec_now().and_then(|time| sd_notify::notify(&[NotifyState::Reloading, time]))
        }
        Phase::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        // The protocol's variables end at a line feed; what follows one would be read as another variable.
        Phase::Status(line) => sd_notify::notify(&[NotifyState::Status(&without_controls(line))]),
        Phase::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
    };
    if let Err(error) = told {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

/// How often to say [`Phase::Alive`]: half of what systemd allows, as sd_watchdog_enabled(3) advises. `None` without a watchdog.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2).filter(|interval| !interval.is_zero())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, log: impl FnOnce()) -> String {
        let bytes = Written::default();
        let writer = bytes.clone();
        let layer = layer(format, move || writer.clone()).with_filter(filter(Level::TRACE));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(bytes.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn what_goes_over_the_wire_is_never_logged_whatever_the_level() {
        let text = written(Format::Journal, || {
            tracing::trace!(target: "async_imap::client", "C: AUTHENTICATE XOAUTH2 secret");
            tracing::debug!(target: "hyper_util::client::legacy", "authorization: secret");
            tracing::info!(target: "rustls", "rustls speaks");
            tracing::trace!("ours");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("rustls speaks") && text.contains("ours"), "{text}");
    }

    #[test]
    fn only_the_coloured_format_has_colours() {
        let escape = |format| written(format, || tracing::info!("x")).contains('\u{1b}');
        assert!(escape(Format::Coloured));
        assert!(!escape(Format::Plain));
        assert!(!escape(Format::Journal));
    }

    #[test]
    fn the_journal_gets_the_level_as_a_prefix_and_the_fields_after_the_message() {
        let text = written(Format::Journal, || tracing::warn!(mailbox = "support", "it rests"));
        assert_eq!(text, "<4>it rests mailbox=\"support\"\n");
    }

    #[test]
    fn a_status_cannot_carry_a_second_variable() {
        assert_eq!(without_controls("fine\nMAINPID=1\r\n"), "fine MAINPID=1  ");
    }
}
