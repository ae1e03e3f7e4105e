//! What a message says. Pure: bytes in, values out; nothing here fails, it complains in [`Mail::complaints`].
//!
//! In reading order: `header_end` puts in what separates headers from texts where it is missing, `guard` keeps from the
//! parsing crate what it cannot bear, `parse` alone knows that crate and turns its answer into a tree of `part`s, `unpack`
//! opens the containers among them, `body` says which of them is text and which a file, [`rich`] holds text with its
//! structure, `automatic` who or what sent it, [`thread`] what it
//! answers, and `quotes` and `apart` whose words its text is.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use header::Header;
pub use parse::parse;
use people::People;
use rich::Document;

mod apart;
mod attachments;
pub mod authentication;
mod automatic;
mod body;
mod bounce;
mod calendar;
mod charset;
mod crypto;
mod decoder;
pub mod dkim;
mod embedded;
mod encoded_word;
mod encoding;
mod extended;
pub(crate) mod file_name;
mod flowed;
mod guard;
mod header;
mod header_end;
mod html;
pub mod large;
mod parse;
mod part;
pub mod people;
pub mod picture;
mod quotes;
pub mod rich;
mod tables;
pub mod thread;
mod tnef;
mod unpack;
mod uuencoded;

/// A parsed message.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// `Message-ID` without angle brackets.
    pub message_id: Option<MessageId>,
    /// `In-Reply-To`, in order.
    pub in_reply_to: Vec<MessageId>,
    /// `References`, oldest first.
    pub references: Vec<MessageId>,
    /// `From`.
    pub from: Vec<Address>,
    /// `To`.
    pub to: Vec<Address>,
    /// `Cc`.
    pub cc: Vec<Address>,
    /// `Reply-To`.
    pub reply_to: Vec<Address>,
    /// Who a reader would say that it is from.
    pub people: People,
    /// Decoded and unfolded; empty where there is none.
    pub subject: String,
    /// `Date`.
    pub date: Option<Timestamp>,
    /// What people read.
    pub body: Body,
    /// What a person would call an attachment, inline pictures included.
    pub attachments: Vec<Attachment>,
    /// What servers on its way found out about the sender, the last one first.
    pub authentication: Vec<authentication::Results>,
    /// Who or what sent it.
    pub origin: Origin,
    /// Its header as it came.
    pub header: Header,
    /// What was wrong with the message.
    pub complaints: Vec<Complaint>,
}

/// Something that was wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What, in one sentence; holds nothing that the sender wrote.
    pub words: String,
    /// What it cost.
    pub harm: Harm,
}

impl Complaint {
    /// Something odd that cost nothing.
    fn odd(words: impl Into<String>) -> Self {
        Self { words: words.into(), harm: Harm::None }
    }

    /// Something because of which a part of the message is not shown.
    fn incomplete(words: impl Into<String>) -> Self {
        Self { words: words.into(), harm: Harm::Incomplete }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// What a fault in a message cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Nothing: all of it was understood.
    None,
    /// Not everything that the message holds stands in the [`Mail`]; only the original has it all.
    Incomplete,
}

/// The visible text of a message, in three parts; see [`Parts`] for the same with its structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// What the sender wrote.
    pub text: String,
    /// What was quoted.
    pub quoted: String,
    /// The signature.
    pub signature: String,
    /// The HTML part as sent, if there is one.
    pub html: Option<String>,
    /// The three parts with their structure, of the HTML part where there is one.
    pub parts: Parts,
}

/// The visible text of a message with its structure, in three parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// What the sender wrote.
    pub written: Document,
    /// What was quoted.
    pub quoted: Document,
    /// The signature.
    pub signature: Document,
}

/// A `Message-ID`, without angle brackets (RFC 5322, 3.6.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// Bytes of a line (RFC 5322, 2.1.1), and so of an id. PostgreSQL cannot index a text much longer than that.
    const LONGEST: usize = 998;

    /// Takes the text between the angle brackets, trimmed and at most a line long; `None` where nothing is left.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('<').trim_end_matches('>').trim();
        let (text, _) = text.split_at_checked(text.floor_char_boundary(Self::LONGEST)).unwrap_or((text, ""));
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name and an address, as a header gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The display name, decoded; empty where there is none.
    pub name: String,
    /// `local@domain`.
    pub address: String,
}

/// A file that came with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Safe and unique within the message, never empty.
    pub name: String,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// After the transfer encoding was undone; empty where the content was too large to be held.
    pub content: Bytes,
    /// Bytes of the content, held or not.
    pub size: u64,
    /// SHA-256 of `content` in lower-case hex.
    pub sha256: String,
    /// Whether the text shows it in place.
    pub inline: bool,
    /// `Content-ID` without angle brackets.
    pub content_id: Option<String>,
    /// `Content-Location` (RFC 2557), by which old HTML refers to pictures.
    pub content_location: Option<String>,
    /// The container it was unpacked from.
    pub extracted_from: Option<String>,
}

/// Who or what sent a message, and how we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What it is.
    pub classification: Classification,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What a bounce says (RFC 3464).
    pub bounce: Option<Bounce>,
    /// The mailing list that it came through.
    pub list: Option<MailingList>,
}

impl Origin {
    /// What the message is to whoever reads `mailbox`, and why: what came through a list that posts to that very
    /// address (a group address, as Google Groups makes them) is ordinary mail there, not bulk.
    pub fn as_seen_by(&self, mailbox: &str) -> (Classification, &[String]) {
        let is_mailbox = |address: &String| address.eq_ignore_ascii_case(mailbox);
        match &self.list {
            Some(list) if list.posts_to.iter().any(is_mailbox) => (list.classification_apart, &list.reasons_apart),
            Some(_) | None => (self.classification, &self.reasons),
        }
    }
}

/// A list that a message came through (RFC 2369, RFC 2919).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailingList {
    /// Addresses that one posts to.
    pub posts_to: Vec<String>,
    /// What the message would be if it had not come through the list.
    pub classification_apart: Classification,
    /// Why.
    pub reasons_apart: Vec<String>,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// A person's message that answers nothing.
    New,
    /// An answer.
    Reply,
    /// Something passed on.
    Forward,
    /// A delivery status notification.
    Bounce,
    /// An out-of-office note or the like.
    AutoReply,
    /// Written by a machine.
    AutoGenerated,
    /// A list or a newsletter.
    Bulk,
    /// A complaint about abuse (RFC 5965).
    FeedbackReport,
    /// A disposition notification (RFC 8098).
    ReadReceipt,
    /// Jira's or our own mail come back.
    Loop,
}

impl Classification {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Reply,
        Self::Forward,
        Self::Bounce,
        Self::AutoReply,
        Self::AutoGenerated,
        Self::Bulk,
        Self::FeedbackReport,
        Self::ReadReceipt,
        Self::Loop,
    ];

    /// As the configuration file and `preview --json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reply => "reply",
            Self::Forward => "forward",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto_reply",
            Self::AutoGenerated => "auto_generated",
            Self::Bulk => "bulk",
            Self::FeedbackReport => "feedback_report",
            Self::ReadReceipt => "read_receipt",
            Self::Loop => "loop",
        }
    }
}

/// What a bounce says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bounce {
    /// Enhanced status code (RFC 3463).
    pub status: Option<String>,
    /// `failed`, `delayed`, …
    pub action: Option<String>,
    /// Whom it could not be delivered to.
    pub recipients: Vec<String>,
    /// The `Message-ID` of what bounced.
    pub original_message_id: Option<MessageId>,
}
