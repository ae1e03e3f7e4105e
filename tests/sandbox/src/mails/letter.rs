//! A sample in the making: its head, what its sender's program adds, and the date that makes it fresh.

use jiff::tz::{Offset, TimeZone};

use super::part::{self, Part};
use super::{Occasion, Outcome, Sample};

/// Who writes, what about and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub name: &'static str,
    pub about: &'static str,
    pub outcome: Outcome,
    /// As in the From header: `Ann <ann@example.com>`.
    pub from: &'static str,
    pub subject: &'static str,
    pub minutes_ago: i64,
    /// Hours east of Greenwich.
    pub zone: i8,
}

/// A head and the further headers that it gets.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    occasion: &'a Occasion,
    head: Head,
    message_id: Option<String>,
    subject: String,
    to: String,
    headers: Vec<String>,
}

impl<'a> Letter<'a> {
    /// To the mailbox, with a Message-ID of the sender's domain, and the subject as it is in ASCII or in encoded words.
    pub fn new(occasion: &'a Occasion, head: Head) -> Self {
        let message_id = Some(occasion.id(head.name, domain(head.from)));
        let subject = part::encoded_words(head.subject);
        Self { occasion, head, message_id, subject, to: occasion.mailbox.clone(), headers: Vec::new() }
    }

    /// Adds a header as it stands.
    pub fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Adds the headers that tie it to what it answers; the last of `ancestors` is that.
    pub fn answering(self, ancestors: &[String]) -> Self {
        let Some(parent) = ancestors.last() else { return self };
        let references: Vec<String> = ancestors.iter().map(|id| format!("<{id}>")).collect();
        let in_reply_to = format!("In-Reply-To: <{parent}>");
        self.header(in_reply_to).header(format!("References: {}", references.join("\r\n ")))
    }

    /// Writes the subject as its own program encoded it.
    pub fn subject(mut self, encoded: impl Into<String>) -> Self {
        self.subject = encoded.into();
        self
    }

    /// Addresses it otherwise.
    pub fn to(mut self, to: impl Into<String>) -> Self {
        self.to = to.into();
        self
    }

    pub fn without_message_id(mut self) -> Self {
        self.message_id = None;
        self
    }

    /// The finished mail.
    pub fn with(self, body: Part) -> Sample {
        let zone = Offset::from_hours(self.head.zone).map_or(TimeZone::UTC, TimeZone::fixed);
        let written = self.occasion.at(self.head.minutes_ago).to_zoned(zone);
        let date = written.strftime("%a, %d %b %Y %H:%M:%S %z");
        let mut lines = vec![
            format!("Date: {date}"),
            format!("From: {}", self.head.from),
            format!("To: {}", self.to),
            format!("Subject: {}", self.subject),
        ];
        lines.extend(self.message_id.as_ref().map(|id| format!("Message-ID: <{id}>")));
        lines.extend(self.headers);
        lines.push("MIME-Version: 1.0".to_owned());
        let mut raw = (lines.join("\r\n") + "\r\n").into_bytes();
        raw.extend(body.render());
        let Head { name, about, outcome, .. } = self.head;
        Sample { name, about, outcome, raw, message_id: self.message_id }
    }
}

/// The domain of `Ann <ann@example.com>`.
pub(super) fn domain(from: &str) -> &str {
    from.rsplit_once('@').map_or("example.test", |(_, domain)| domain.trim_end_matches('>'))
}
