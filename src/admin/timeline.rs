//! What will end, as a picture: a bar for each end, from today to its day. Values only; the page draws them. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::forecast::Forecast;
use crate::status::Status;

/// In units of the picture.
const WIDTH: i64 = 960;
const HEAD: i64 = 44;
const BAR: i64 = 56;
/// The least that the axis shows, so that a near end looks near.
const LEAST_DAYS: i64 = 90;

/// The picture.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    width: i64,
    height: i64,
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
    y: i64,
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
        let bars = (0_i64..).zip(ends).map(|(index, (subject, end))| Bar {
            label: format!("{subject}: {}", end.what.words()),
            sentence: end.sentence(now),
            tone: tone(end, now),
            x: x(days(end.at.duration_since(now))),
            y: HEAD + index * (BAR + 8),
        });
        let bars: Vec<Bar> = bars.collect();
        let height = HEAD + i64::try_from(bars.len()).unwrap_or(0) * (BAR + 8);
        Self { width: WIDTH, height, start: x(0), ticks: ticks(span, x), bars }
    }
}

fn ticks(span: i64, x: impl Fn(i64) -> i64) -> Vec<Tick> {
    let label = |days| if days == 0 { "today".to_owned() } else { format!("in {days} days") };
    let steps = if span > 200 { [0, 60, 180, 365, 730] } else { [0, 7, 30, 60, 90] };
    steps.into_iter().filter(|days| *days < span).map(|days| Tick { x: x(days), label: label(days) }).collect()
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
