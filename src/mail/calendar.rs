//! What a calendar part says, in words (RFC 5545, RFC 5546): an invitation, a cancellation, an answer. Reads the first event;
//! computes no time zones and no repetitions: times are given as the organizer wrote them.

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

    fn answer(&self, title: &str) -> String {
        let Some(attendee) = self.property("ATTENDEE") else { return format!("Answer to the invitation: {title}") };
        let answer = match attendee.parameter("PARTSTAT").unwrap_or_default().to_ascii_uppercase().as_str() {
            "ACCEPTED" => "accepted",
            "DECLINED" => "declined",
            "TENTATIVE" => "tentatively accepted",
            "DELEGATED" => "delegated",
            _ => "answered",
        };
        format!("{} {answer}: {title}", attendee.person())
    }

    fn when(&self) -> Option<String> {
        let start = self.property("DTSTART")?;
        let end = self.property("DTEND").and_then(Property::time);
        let (day, hour) = start.time()?;
        let from = [day.as_str(), hour.as_str()].join(" ").trim_end().to_owned();
        let until = match end {
            // The end of a whole day is the day after (RFC 5545, 3.6.1).
            None => String::new(),
            Some((_, end_hour)) if end_hour.is_empty() => String::new(),
            Some((end_day, end_hour)) if end_day == day => format!(" to {end_hour}"),
            Some((end_day, end_hour)) => format!(" to {end_day} {end_hour}"),
        };
        let zone = if start.value.trim().ends_with('Z') { Some("UTC".to_owned()) } else { start.parameter("TZID") };
        let zone = zone.filter(|_| !hour.is_empty()).map(|zone| format!(" ({zone})")).unwrap_or_default();
        let repeats = if self.property("RRULE").is_some() { ", repeatedly" } else { "" };
        Some(format!("{from}{until}{zone}{repeats}"))
    }
}

impl Method {
    fn named(name: &str) -> Self {
        match name.trim().to_ascii_uppercase().as_str() {
            "REQUEST" => Self::Request,
            "CANCEL" => Self::Cancel,
            "REPLY" => Self::Reply,
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

    /// The day and the hour, as written; the hour is empty where the whole day is meant.
    fn time(&self) -> Option<(String, String)> {
        let value = self.value.trim();
        let digits = |from: usize, to: usize| {
            value.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let day = format!("{}-{}-{}", digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
        let hour = match (digits(9, 11), digits(11, 13)) {
            (Some(hour), Some(minute)) => format!("{hour}:{minute}"),
            (Some(_) | None, _) => String::new(),
        };
        Some((day, hour))
    }
}

/// RFC 5545, 3.3.11.
fn unescaped(value: &str) -> String {
    let value =
        value.replace("\\n", " ").replace("\\N", " ").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
    value.trim().chars().take(MAX_VALUE).collect()
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
        assert_eq!(summary("BEGIN:VCALENDAR\nEND:VCALENDAR"), None);
        assert_eq!(summary("no calendar: at all"), None);
    }
}
