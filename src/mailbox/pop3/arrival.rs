//! When a message came to the maildrop, as far as its header tells: POP3 itself does not. Pure.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The time in the topmost `Received`, which the mailbox's own server wrote; else that of `Date`, which is the sender's.
/// `None` where neither can be read.
pub fn arrived(header: &[u8]) -> Option<Timestamp> {
    let header = String::from_utf8_lossy(header);
    let received = field(&header, "received").and_then(|value| date(value.rsplit_once(';')?.1));
    received.or_else(|| field(&header, "date").and_then(|value| date(&value)))
}

/// The first field of that name, unfolded (RFC 5322, 2.2.3).
fn field(header: &str, name: &str) -> Option<String> {
    let mut lines = header.lines().take_while(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let Some((_, first)) = line.split_once(':').filter(|(found, _)| found.trim_end().eq_ignore_ascii_case(name))
        else {
            continue;
        };
        let mut value = first.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            value.push_str(more);
        }
        return Some(value);
    }
    None
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_received_counts_then_the_date_and_nonsense_is_no_time() {
        let arrival = |header: &str| arrived(header.as_bytes()).map(|at| at.to_string());
        let header = "Return-Path: <>\r\nReceived: from a by b with c;\r\n\tSun, 01 Nov 2026 10:00:00 +0100 (CET)\r\n\
                      Received: from x; Sat, 31 Oct 2026 10:00:00 +0000\r\nDate: Fri, 30 Oct 2026 10:00:00 +0000\r\n\r\n";
        assert_eq!(arrival(header).as_deref(), Some("2026-11-01T09:00:00Z"));
        let unreadable = header.replace("01 Nov", "99 Nov");
        assert_eq!(arrival(&unreadable).as_deref(), Some("2026-10-30T10:00:00Z"));
        assert_eq!(arrival("date : 1 Nov 2026 10:00 GMT\r\n\r\n").as_deref(), Some("2026-11-01T10:00:00Z"));
        for header in
            ["", "Subject: x\r\n\r\nDate: Fri, 30 Oct 2026 10:00:00 +0000\r\n", "Date: soon\r\n", "Received: ;"]
        {
            assert_eq!(arrival(header), None, "{header}");
        }
    }
}
