//! What a calendar part says, in words (RFC 5545, RFC 5546): an invitation, a cancellation, an answer. Reads the first event;
//! computes no time zones and no repetitions: times are given as the organizer wrote them.

use jiff::Span;
use jiff::civil::{Date, DateTime};

/// Bytes of a calendar that are looked at.
const MAX_BYTES: usize = 256 << 10;
/// Characters of one value that are shown.
const MAX_VALUE: usize = 500;

/// What a calendar is sent for (RFC 5546, 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// An invitation, or a change of one.
    Request,
    /// A meeting is called off.
    Cancel,
    /// Somebody answers an invitation.
    Reply,
    /// Somebody proposes another time.
    Counter,
    /// The organizer does not take that.
    DeclineCounter,
    /// Anything else, a mere event among them.
    Other,
}

/// A calendar in a few lines; `None` where there is no event in it.
pub(super) fn summary(calendar: &str) -> Option<String> {
    let event = Event::read(calendar)?;
    let title = event.value("SUMMARY").unwrap_or_else(|| "(no title)".to_owned());
    let mut lines = vec![match event.method {
        Method::Request => format!("Invitation: {title}"),
        Method::Cancel => format!("Cancelled: {title}"),
        Method::Reply => event.answer(&title),
        Method::Counter => format!("{} proposes a change: {title}", event.attendee()),
        Method::DeclineCounter => format!("The proposed change was declined: {title}"),
        Method::Other => format!("Event: {title}"),
    }];
    lines.extend(event.when().map(|when| format!("When: {when}")));
    lines.extend(event.value("LOCATION").map(|place| format!("Where: {place}")));
    lines.extend(event.property("ORGANIZER").map(|organizer| format!("Organizer: {}", organizer.person())));
    lines.extend(event.value("COMMENT").map(|comment| format!("Comment: {comment}")));
    Some(lines.join("\n"))
}

/// Whether a calendar program answers an invitation, and its owner wrote nothing to it.
pub(super) fn is_mere_answer(calendar: &str) -> bool {
    Event::read(calendar).is_some_and(|event| event.method == Method::Reply && event.value("COMMENT").is_none())
}

struct Event {
    method: Method,
    properties: Vec<Property>,
}

/// A line of a calendar (RFC 5545, 3.1).
struct Property {
    /// Upper case.
    name: String,
    parameters: String,
    value: String,
}

impl Event {
    fn read(calendar: &str) -> Option<Self> {
        let (calendar, _) = calendar.split_at_checked(calendar.floor_char_boundary(MAX_BYTES))?;
        let unfolded = calendar.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
        let mut method = Method::Other;
        let mut lines = unfolded.lines().filter_map(Property::read);
        let begin = lines.find(|line| {
            if line.name == "METHOD" {
                method = Method::named(&line.value);
            }
            line.begins(&["VEVENT", "VTODO"])
        });
        let _ = begin?;
        let mut properties = Vec::new();
        let mut alarms = 0_usize;
        for line in lines {
            match (line.name.as_str(), alarms) {
                ("BEGIN", _) => alarms += 1,
                ("END", 0) => break,
                ("END", _) => alarms -= 1,
                (_, 0) => properties.push(line),
                _ => {}
            }
        }
        Some(Self { method, properties })
    }

    fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    fn value(&self, name: &str) -> Option<String> {
        self.property(name).map(|property| unescaped(&property.value)).filter(|value| !value.is_empty())
    }

    fn attendee(&self) -> String {
        self.property("ATTENDEE").map_or_else(|| "Somebody".to_owned(), Property::person)
    }

    fn answer(&self, title: &str) -> String {
        let status = self.property("ATTENDEE").and_then(|attendee| attendee.parameter("PARTSTAT"));
        let answer = match status.unwrap_or_default().to_ascii_uppercase().as_str() {
            "ACCEPTED" => "accepted",
            "DECLINED" => "declined",
            "TENTATIVE" => "tentatively accepted",
            "DELEGATED" => "delegated",
            _ => "answered",
        };
        format!("{} {answer}: {title}", self.attendee())
    }

    fn when(&self) -> Option<String> {
        let Some(start) = self.property("DTSTART") else {
            let due = self.property("DUE")?;
            return Some(format!("by {}{}", due.time()?.written(), due.zone()));
        };
        let from = start.time()?;
        let until = match (from, self.end(from)) {
            (Time::Hour(from), Some(Time::Hour(end))) if from.date() == end.date() => {
                format!(" to {}", end.strftime("%H:%M"))
            }
            (_, Some(end)) if end != from => format!(" to {}", end.written()),
            (_, Some(_) | None) => String::new(),
        };
        let repeats = if self.property("RRULE").is_some() { ", repeatedly" } else { "" };
        Some(format!("{}{until}{}{repeats}", from.written(), start.zone()))
    }

    /// When it ends, or for how long it takes. The end of whole days is the day after (RFC 5545, 3.6.1).
    fn end(&self, from: Time) -> Option<Time> {
        let given = || self.property("DTEND").and_then(Property::time);
        let length = || self.property("DURATION").and_then(|length| length.value.trim().parse::<Span>().ok());
        match (from, given()) {
            (Time::Day(_), Some(Time::Day(end))) => {
                end.yesterday().ok().filter(|end| Time::Day(*end) != from).map(Time::Day)
            }
            (Time::Hour(from), None) => from.checked_add(length()?).ok().map(Time::Hour),
            (Time::Day(_), Some(Time::Hour(_)) | None) => None,
            (Time::Hour(_), end) => end,
        }
    }
}

/// A time as it was written, in whatever zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    /// The whole day.
    Day(Date),
    Hour(DateTime),
}

impl Time {
    fn written(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Hour(hour) => hour.strftime("%Y-%m-%d %H:%M").to_string(),
        }
    }
}

impl Method {
    fn named(name: &str) -> Self {
        match name.trim().to_ascii_uppercase().as_str() {
            "REQUEST" => Self::Request,
            "CANCEL" => Self::Cancel,
            "REPLY" => Self::Reply,
            "COUNTER" => Self::Counter,
            "DECLINECOUNTER" => Self::DeclineCounter,
            _ => Self::Other,
        }
    }
}

impl Property {
    fn read(line: &str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.char_indices().find(|&(_, c)| {
            quoted ^= c == '"';
            c == ':' && !quoted
        });
        let (head, value) = line.split_at_checked(colon?.0)?;
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let value = value.get(1..).unwrap_or_default().to_owned();
        Some(Self { name: name.trim().to_ascii_uppercase(), parameters: parameters.to_owned(), value })
    }

    fn begins(&self, components: &[&str]) -> bool {
        let is = |component: &&str| self.value.trim().eq_ignore_ascii_case(component);
        self.name == "BEGIN" && components.iter().any(is)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let mut quoted = false;
        let pieces = self.parameters.split(|c| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let mut pairs = pieces.filter_map(|piece| piece.split_once('='));
        let found = pairs.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim_matches('"').to_owned()).filter(|value| !value.is_empty())
    }

    /// `Ann Lee <ann@example.com>`.
    fn person(&self) -> String {
        let value = self.value.trim();
        let address = match value.split_at_checked("mailto:".len()) {
            Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address,
            Some(_) | None => value,
        };
        match self.parameter("CN") {
            Some(name) if name != address => format!("{name} <{address}>"),
            Some(_) | None => address.to_owned(),
        }
    }

    /// `20261120`, `20261120T100000`.
    fn time(&self) -> Option<Time> {
        let value = self.value.trim().trim_end_matches(['Z', 'z']);
        match value.parse::<DateTime>().ok()? {
            day if !value.contains(['T', 't']) => Some(Time::Day(day.date())),
            hour => Some(Time::Hour(hour)),
        }
    }

    /// ` (Europe/Berlin)`; nothing where none is named, or the whole day is meant.
    fn zone(&self) -> String {
        let zone =
            if self.value.trim().ends_with(['Z', 'z']) { Some("UTC".to_owned()) } else { self.parameter("TZID") };
        let is_hour = matches!(self.time(), Some(Time::Hour(_)));
        zone.filter(|_| is_hour).map(|zone| format!(" ({zone})")).unwrap_or_default()
    }
}

/// RFC 5545, 3.3.11.
fn unescaped(value: &str) -> String {
    let mut unescaped = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n' | 'N')) => unescaped.push(' '),
            ('\\', Some(escaped)) => unescaped.push(escaped),
            (c, _) => unescaped.push(c),
        }
    }
    unescaped.trim().chars().take(MAX_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(method: &str, event: &str) -> String {
        format!(
            "BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n\
             DTSTART:16010101T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n{event}\r\nBEGIN:VALARM\r\n\
             SUMMARY:alarm\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    }

    #[test]
    fn an_invitation_is_summed_up_in_words() {
        let event = "DTSTART;TZID=Europe/Berlin:20261123T100000\r\nDTEND;TZID=Europe/Berlin:20261123T113000\r\n\
            SUMMARY:Review\\, part\r\n  two\r\nLOCATION:Room 1\r\nORGANIZER;CN=\"Lee: Ann\":mailto:ann@example.com\r\nRRULE:FREQ=DAILY";
        assert_eq!(
            summary(&calendar("REQUEST", event)).unwrap(),
            "Invitation: Review, part two\nWhen: 2026-11-23 10:00 to 11:30 (Europe/Berlin), repeatedly\nWhere: Room 1\n\
             Organizer: Lee: Ann <ann@example.com>"
        );
    }

    #[test]
    fn answers_and_cancellations_say_so() {
        let event =
            "SUMMARY:Review\r\nATTENDEE;PARTSTAT=DECLINED;CN=Bob:MAILTO:bob@example.com\r\nDTSTART;VALUE=DATE:20261123";
        assert_eq!(
            summary(&calendar("REPLY", event)).unwrap(),
            "Bob <bob@example.com> declined: Review\nWhen: 2026-11-23"
        );
        assert!(summary(&calendar("CANCEL", "SUMMARY:Review")).unwrap().starts_with("Cancelled: Review"));
        let proposed = summary(&calendar("COUNTER", event)).unwrap();
        assert!(proposed.starts_with("Bob <bob@example.com> proposes a change: Review"), "{proposed}");
        assert_eq!(summary("BEGIN:VCALENDAR\nEND:VCALENDAR"), None);
        assert_eq!(summary("no calendar: at all"), None);
    }

    #[test]
    fn times_are_told_however_their_end_is_written() {
        let when = |event: &str| {
            let summary = summary(&calendar("REQUEST", event)).unwrap();
            summary.split_once("When: ").map(|(_, when)| when.to_owned())
        };
        for (event, told) in [
            ("DTSTART:20261123T100000Z\r\nDURATION:PT1H30M", "2026-11-23 10:00 to 11:30 (UTC)"),
            ("DTSTART:20261123T233000\r\nDTEND:20261124T003000", "2026-11-23 23:30 to 2026-11-24 00:30"),
            ("DTSTART;VALUE=DATE:20261123\r\nDTEND;VALUE=DATE:20261124", "2026-11-23"),
            ("DTSTART;VALUE=DATE:20261130\r\nDTEND;VALUE=DATE:20261202", "2026-11-30 to 2026-12-01"),
            ("DUE:20261123T100000Z", "by 2026-11-23 10:00 (UTC)"),
        ] {
            assert_eq!(when(event).as_deref(), Some(told), "{event}");
        }
        for broken in ["DTSTART:tomorrow", "DTSTART:20261399T100000", "DTEND:20261123"] {
            assert_eq!(when(broken), None, "{broken}");
        }
        assert_eq!(unescaped("a\\\\n\\, b\\nc\\;"), "a\\n, b c;");
    }
}
