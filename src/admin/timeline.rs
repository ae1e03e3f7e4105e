//! What will end, as a picture: a bar for each end, from today to its day. Values only; the page draws them. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::forecast::Forecast;
use crate::status::Status;

/// In units of the picture.
const WIDTH: i64 = 960;
/// The least that the axis shows, so that a near end looks near.
const LEAST_DAYS: i64 = 90;

/// The picture.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    width: i64,
    start: i64,
    ticks: Vec<Tick>,
    bars: Vec<Bar>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Tick {
    x: i64,
    label: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Bar {
    label: String,
    sentence: String,
    tone: &'static str,
    x: i64,
}

impl Timeline {
    /// The picture of everything that a status forecasts.
    pub fn of(status: &Status, now: Timestamp) -> Self {
        let of_mailboxes =
            status.mailboxes.iter().flat_map(|mailbox| mailbox.forecast.iter().map(|end| (mailbox.name.as_str(), end)));
        let mut ends: Vec<(&str, &Forecast)> =
            of_mailboxes.chain(status.jira.forecast.iter().map(|end| ("jira", end))).collect();
        ends.sort_by_key(|(_, end)| end.at);
        let longest = ends.iter().map(|(_, end)| days(end.at.duration_since(now))).max().unwrap_or(0);
        let span = longest.max(LEAST_DAYS) + 5;
        let x = |days: i64| 4 + days.clamp(0, span) * (WIDTH - 8) / span;
        let bars = ends.into_iter().map(|(subject, end)| Bar {
            label: format!("{subject}: {}", end.what.words()),
            sentence: end.sentence(now),
            tone: tone(end, now),
            x: x(days(end.at.duration_since(now))),
        });
        Self { width: WIDTH, start: x(0), bars: bars.collect(), ticks: ticks(span, x) }
    }
}

/// Those whose labels do not stand in one another's way.
fn ticks(span: i64, x: impl Fn(i64) -> i64) -> Vec<Tick> {
    const APART: i64 = 100;
    let label = |days| if days == 0 { "today".to_owned() } else { format!("in {days} days") };
    let mut ticks: Vec<Tick> = Vec::new();
    for days in [0, 7, 30, 60, 90, 180, 365, 730, 1_825, 3_650].into_iter().filter(|days| *days < span) {
        if ticks.last().is_none_or(|before| x(days) >= before.x + APART) {
            ticks.push(Tick { x: x(days), label: label(days) });
        }
    }
    ticks
}

fn days(left: SignedDuration) -> i64 {
    left.as_hours() / 24
}

fn tone(end: &Forecast, now: Timestamp) -> &'static str {
    match end.warning(now).map(|warning| warning.days) {
        Some(..=7) => "bad",
        Some(_) => "warn",
        None => "good",
    }
}
