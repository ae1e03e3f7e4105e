//! Signs of a date or an address in a line, in whatever language. Recognises, but does not read them.

/// How much of a date a text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Date {
    /// None.
    None,
    /// A time of day.
    Time,
    /// A day with its year, or in figures.
    Day,
}

/// Looks for a date: `2020`, `5.3.20`, `10:23`, `10h23`, `10時`.
pub(super) fn date(text: &str) -> Date {
    let mut found = Date::None;
    let mut figures = Figures::default();
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            figures.add(digit);
            continue;
        }
        found = found.max(figures.seen_before(c));
    }
    found.max(figures.seen_before(' '))
}

/// The figures that were just read, and how they hang together with those before.
#[derive(Default)]
struct Figures {
    length: usize,
    value: u32,
    /// Numbers of one or two figures, joined by the same sign up to here.
    joined: usize,
    sign: char,
}

impl Figures {
    fn add(&mut self, digit: u32) {
        self.length += 1;
        self.value = self.value.saturating_mul(10).saturating_add(digit);
    }

    /// What the figures are once `c` follows.
    fn seen_before(&mut self, c: char) -> Date {
        let (length, value) = (self.length, self.value);
        (self.length, self.value) = (0, 0);
        let is_short = (1..=2).contains(&length);
        let is_year = length == 4 && (1970..2100).contains(&value);
        let completes = self.joined >= 2 && is_short && self.sign != ':';
        let follows_hour = self.joined == 1 && self.sign == ':' && length == 2;
        self.joined = match c {
            '.' | '/' | '-' | ':' if is_short && (self.joined == 0 || self.sign == c) => self.joined + 1,
            '.' | '/' | '-' if is_year => 1,
            ' ' if length == 0 && self.joined > 0 => self.joined, // `5. 3. 2020`
            _ => 0,
        };
        self.sign = if self.joined > 0 && length > 0 { c } else { self.sign };
        if is_year || completes {
            Date::Day
        } else if follows_hour || (is_short && matches!(c, 'h' | '時' | '点' | '시')) {
            Date::Time
        } else {
            Date::None
        }
    }
}

/// Whether a text shows a time of day to the second: `10:23:05`.
pub(super) fn has_seconds(text: &str) -> bool {
    text.as_bytes().windows(8).any(|time| {
        time.iter().enumerate().all(|(at, byte)| if at % 3 == 2 { *byte == b':' } else { byte.is_ascii_digit() })
    })
}

/// Whether a text holds something like `local@domain`.
pub(super) fn has_address(text: &str) -> bool {
    let mut pieces = text.split('@');
    let Some(mut before) = pieces.next() else { return false };
    for behind in pieces {
        let local = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "+-_.".contains(c));
        let domain = behind.chars().next().is_some_and(char::is_alphanumeric);
        if local && domain {
            return true;
        }
        before = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seen_in_the_forms_of_many_countries() {
        for text in
            ["5 March 2020", "01/03/11", "5.3.20 um 10", "2020-03-05", "5. 3. 2020", "2020年3月5日", "05-03-20,"]
        {
            assert_eq!(date(text), Date::Day, "{text}");
        }
        for text in ["at 10:23 the", "à 10h23", "10時", "9:05"] {
            assert_eq!(date(text), Date::Time, "{text}");
        }
        for text in ["", "3 issues", "version 12345", "room 5", "a:b", "section 4.2", "10: ten"] {
            assert_eq!(date(text), Date::None, "{text}");
        }
    }

    #[test]
    fn seconds_are_told_from_shorter_times() {
        assert!(has_seconds("2026-11-16 10:00:01,123") && has_seconds("10:00:01"));
        assert!(!has_seconds("10:00") && !has_seconds("1:2:3") && !has_seconds("00:ab:cd"));
    }

    #[test]
    fn an_address_has_something_on_both_sides() {
        assert!(has_address("<a.b@example.com>"));
        assert!(has_address("@ a@b"));
        assert!(!has_address("now @ 10, @ann, a@ b"));
    }
}
