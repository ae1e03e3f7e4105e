//! Sample mails as real mailboxes receive them, and plain ones by the thousand. Writes bytes; delivers nothing.
//!
//! Every text was made up for this project. [`samples`] yields two dozen in the order in which they would arrive: a
//! reply comes after what it answers. Each says what it should become.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use self::letter::{Head, Letter};
use crate::clock;

pub use self::plain::{plain, plain_mail};

mod conversations;
mod files;
mod letter;
mod machines;
mod oddities;
mod part;
mod plain;
mod requests;

/// One mail, ready to be delivered.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Short, unique, and fit for a file name.
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    /// What it should become.
    pub outcome: Outcome,
    /// RFC 5322, with CRLF.
    pub raw: Vec<u8>,
    /// Its Message-ID without angle brackets, where it has one.
    pub message_id: Option<String>,
}

/// What a mail should become when no rule says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An issue of its own.
    NewIssue,
    /// A comment on the issue of the sample with this name.
    CommentOn(&'static str),
    /// A comment on the issue that Jira's notification was about.
    CommentOnNotified,
    /// Nothing.
    Ignored,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewIssue => f.write_str("a new issue"),
            Self::CommentOn(name) => write!(f, "a comment on the issue of {name}"),
            Self::CommentOnNotified => f.write_str("a comment on the issue that Jira wrote about"),
            Self::Ignored => f.write_str("nothing"),
        }
    }
}

/// To whom and when the samples are written.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The address that they are sent to.
    pub mailbox: String,
    /// When the last of them arrives.
    pub now: Timestamp,
    /// Part of every Message-ID, so that a second set is not taken for the first.
    pub run: String,
}

impl Occasion {
    /// Now, in a run of its own.
    pub fn now(mailbox: &str) -> Self {
        let run = std::iter::repeat_with(fastrand::alphanumeric).take(10).collect();
        Self { mailbox: mailbox.to_owned(), now: clock::now(), run }
    }

    fn at(&self, minutes_ago: i64) -> Timestamp {
        self.now.saturating_sub(SignedDuration::from_mins(minutes_ago)).unwrap_or(self.now)
    }

    /// The Message-ID of the sample with this name, which its sender's program made.
    fn id(&self, name: &str, domain: &str) -> String {
        format!("{name}.{}@{domain}", self.run)
    }
}

/// Two dozen mails of every kind, in the order of their arrival.
pub fn samples(occasion: &Occasion) -> Vec<Sample> {
    let mut samples = requests::samples(occasion);
    samples.extend(conversations::samples(occasion));
    samples.extend(machines::samples(occasion));
    samples.extend(oddities::samples(occasion));
    samples
}

/// An answer to Jira's own notification, whose Message-ID (`JIRA.….…@…`, no angle brackets) only the caller knows.
/// It is tied to its issue by that alone: the subject names no issue key.
pub fn reply_to_jira(occasion: &Occasion, notification_id: &str) -> Sample {
    conversations::reply_to_jira(occasion, notification_id)
}
