//! What a message shows of who or what sent it: its header, its structure and the beginning of its text, as rules ask
//! for them. Judges nothing.

use std::cell::OnceCell;

use super::words::WORDS;
use crate::mail::part::{Fields, Part};
use crate::mail::{Mail, bounce, parse, quotes};

/// Characters of what stands before the subject of something passed on.
const MAX_MARK: usize = 12;
/// Characters of the text that are looked at.
const MAX_TEXT: usize = 4_000;

/// What the rules look at.
pub(in crate::mail) struct Evidence<'e> {
    /// The header.
    pub(in crate::mail) fields: &'e Fields<'e>,
    /// The structure.
    pub(in crate::mail) root: &'e Part<'e>,
    /// What was understood of the message so far.
    pub(in crate::mail) mail: &'e Mail,
    /// The subject in lower case, which many rules ask for, without what gateways and lists put in brackets before it.
    subject: String,
    /// The beginning of the text in lower case, once a rule has asked for it; most mail is known without.
    text: OnceCell<String>,
}

impl<'e> Evidence<'e> {
    /// Gathers what the rules look at.
    pub(in crate::mail) fn new(fields: &'e Fields<'e>, root: &'e Part<'e>, mail: &'e Mail) -> Self {
        let subject = without_tags(&mail.subject).to_lowercase();
        Self { fields, root, mail, subject, text: OnceCell::new() }
    }

    /// The first word of a header, lower case.
    pub(super) fn word(&self, name: &str) -> String {
        let text = self.fields.text(name).to_lowercase();
        text.split([';', ' ', '(']).next().unwrap_or_default().to_owned()
    }

    pub(super) fn auto_submitted(&self) -> String {
        self.word("auto-submitted")
    }

    pub(super) fn is_report(&self, kind: &str) -> bool {
        self.root.media_type == "multipart/report" && self.root.report_type.as_deref() == Some(kind)
    }

    pub(super) fn names_what_it_answers(&self) -> bool {
        !self.mail.in_reply_to.is_empty() || !self.mail.references.is_empty()
    }

    /// RFC 5321, 4.5.5: what must not be answered is sent with an empty return path.
    pub(super) fn has_null_return_path(&self) -> bool {
        self.fields.has("return-path") && self.fields.text("return-path").replace(' ', "") == "<>"
    }

    /// Whether a sender is called one of these, by the local part of the address or by the display name: some servers
    /// write `From: MAILER-DAEMON <>`.
    pub(super) fn is_from(&self, names: &[&str]) -> bool {
        self.mail.from.iter().any(|from| {
            let local = from.address.split('@').next().unwrap_or_default().to_lowercase();
            let name = if local.is_empty() { &from.name } else { &local };
            names.contains(&name.to_lowercase().as_str()) || names.contains(&local.as_str())
        })
    }

    /// Whether a sender goes by one of these display names.
    pub(super) fn is_called(&self, names: &[&str]) -> bool {
        self.mail.from.iter().any(|from| names.contains(&from.name.to_lowercase().as_str()))
    }

    /// An address that no person has.
    pub(super) fn is_from_machine(&self) -> bool {
        self.mail.from.iter().any(|from| {
            let local = from.address.split('@').next().unwrap_or_default().to_lowercase();
            WORDS.machines.iter().any(|name| local.contains(name))
        })
    }

    pub(super) fn is_answer(&self) -> bool {
        self.subject_says(&WORDS.replies) || self.subject_says(&WORDS.forwards)
    }

    /// The mail that failed, attached or pasted below, or the code with which another server refused it.
    pub(super) fn gives_original_back(&self) -> bool {
        let text = self.text();
        self.root.find(bounce::ORIGINALS).is_some()
            || ["\nreceived: ", "\nmessage-id: "].iter().all(|line| text.contains(line))
            || bounce::status_in_text(text).is_some()
            || bounce::names_reply_code(text)
    }

    /// Amazon's notification service sends JSON to people who asked for it by mail.
    pub(super) fn is_sns_notification(&self, kind: &str) -> bool {
        let compact = || self.text().split_whitespace().collect::<String>();
        self.fields.has("x-amz-sns-message-id") && compact().contains(&format!("\"notificationtype\":\"{kind}\""))
    }

    /// The beginning of the text, lower case.
    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let body = &self.mail.body;
            let text = body.text.chars().chain(['\n']).chain(body.quoted.chars());
            text.take(MAX_TEXT).collect::<String>().to_lowercase()
        })
    }

    pub(super) fn text_has(&self, words: &[&str]) -> bool {
        // Servers break lines anywhere.
        let text = self.text().split_whitespace().collect::<Vec<_>>().join(" ");
        words.iter().any(|word| text.contains(word))
    }

    pub(super) fn has_machine_header(&self) -> bool {
        !matches!(self.auto_submitted().as_str(), "" | "no")
            || self.has_null_return_path()
            || matches!(self.word("precedence").as_str(), "bulk" | "junk")
    }

    pub(super) fn subject_has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.subject.contains(word))
    }

    pub(super) fn subject_starts(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.subject.starts_with(word))
    }

    /// `[Auto-Reply] Printer`, `【自動返信】…`.
    pub(super) fn is_tagged_answer(&self) -> bool {
        let inside = self.mail.subject.strip_prefix(['[', '【']);
        let tag = inside.and_then(|inside| inside.split_once([']', '】'])).map(|(tag, _)| tag.to_lowercase());
        tag.is_some_and(|tag| WORDS.tags_of_machines.contains(&tag.as_str()))
    }

    /// Whether the subject that is answered stands behind the first colon of the subject, with its own mark of an answer:
    /// `Poissa: Re: Printer`.
    pub(super) fn subject_names_answered(&self) -> bool {
        let behind = self.subject.split_once([':', '：']).map(|(_, behind)| behind);
        let mark = behind.and_then(|behind| behind.split_once([':', '：'])).map(|(mark, _)| mark.trim());
        mark.is_some_and(|mark| WORDS.replies.contains(&mark))
    }

    /// Whether its text holds a mail with the subject that stands behind the first colon of its own.
    pub(super) fn holds_mail_of_its_subject(&self) -> bool {
        let Some((mark, subject)) = self.subject.split_once([':', '：']) else { return false };
        let is_mark = mark.chars().count() <= MAX_MARK && !mark.contains(char::is_whitespace);
        let shows_subject =
            |line: &str| line.split_once([':', '：']).is_some_and(|(_, value)| value.trim() == subject.trim());
        is_mark
            && !subject.trim().is_empty()
            && self.text().lines().any(shows_subject)
            && quotes::holds_header(self.text())
    }

    /// Whether one of these words stands before the subject's first colon: `Re:`, `RE :`, `Re[2]:`.
    pub(super) fn subject_says(&self, words: &[&str]) -> bool {
        let Some((before, _)) = self.subject.split_once([':', '：']) else { return false };
        let counted = |c: char| matches!(c, '[' | '(' | ']' | ')') || c.is_ascii_digit();
        words.contains(&before.trim_end_matches(counted).trim())
    }

    /// `List-Post: <mailto:support@example.com>` (RFC 2369, 3.4).
    pub(super) fn list_addresses(&self) -> Vec<String> {
        let posts = self.fields.all("list-post").map(parse::text);
        let targets: Vec<String> =
            posts.flat_map(|text| text.split(['<', '>', ',']).map(str::to_owned).collect::<Vec<_>>()).collect();
        let address = |target: &String| {
            let address = target.trim().strip_prefix("mailto:")?;
            address.split('?').next().map(str::to_owned)
        };
        targets.iter().filter_map(address).collect()
    }
}

/// A subject without up to three marks in brackets at its beginning: `[EXT] [support] Re: Printer`.
fn without_tags(subject: &str) -> &str {
    let mut rest = subject;
    for _ in 0..3 {
        let behind =
            rest.strip_prefix('[').and_then(|inside| inside.split_once(']')).map(|(_, behind)| behind.trim_start());
        match behind {
            Some(behind) if !behind.is_empty() => rest = behind,
            Some(_) | None => break,
        }
    }
    rest
}
