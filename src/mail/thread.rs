//! What a message answers: Message-IDs as people's programs really write them, and Jira's own form of them.
//! Does not know which issue that leads to.

use super::encoding::{self, Transfer};
use super::{Mail, MessageId};
use crate::text::hex;

/// Message-IDs that are kept of one header.
pub(super) const MAX_MESSAGE_IDS: usize = 1_000;
/// Ancestors that are looked at.
const MAX_ANCESTORS: usize = 100;
/// Bytes of a conversation index without its children, and of each child ([MS-OXOMSG] 2.2.1.3).
const CONVERSATION: (usize, usize) = (22, 5);

impl Mail {
    /// The messages that this one answers, the nearest first: `In-Reply-To`, then `References` from its end (RFC 5322,
    /// 3.6.4). Without repetitions and without the message itself, at most 100.
    pub fn ancestors(&self) -> Vec<&MessageId> {
        let mut ancestors: Vec<&MessageId> = Vec::new();
        for id in self.in_reply_to.iter().chain(self.references.iter().rev()) {
            if ancestors.len() == MAX_ANCESTORS {
                break;
            }
            if self.message_id.as_ref() != Some(id) && !ancestors.contains(&id) {
                ancestors.push(id);
            }
        }
        ancestors
    }

    /// The conversation of Outlook's that `Thread-Index` puts it into.
    pub fn conversation(&self) -> Option<Conversation> {
        let header = self.header.all("thread-index").into_iter().next()?;
        let index = encoding::decode(header.as_bytes(), Transfer::Base64).bytes;
        let (root, children) = index.split_at_checked(CONVERSATION.0).filter(|(root, _)| root.first() == Some(&1))?;
        let part = match children.len() {
            0 => Part::Begins,
            length if length % CONVERSATION.1 == 0 => Part::Answers,
            _ => return None,
        };
        Some(Conversation { root: hex(root), part })
    }

    /// The issues that Jira's own notifications among the ancestors are about, the nearest first.
    pub fn jira_ancestors(&self) -> Vec<JiraMessageId> {
        self.ancestors().into_iter().filter_map(JiraMessageId::recognise).collect()
    }
}

/// A conversation as Outlook and Exchange know it: what they keep of it even where they drop Message-IDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// What all of its messages share, as hex.
    pub root: String,
    /// Where this message stands in it.
    pub part: Part,
}

/// Where a message stands in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// At its beginning.
    Begins,
    /// Behind the message that it answers.
    Answers,
}

/// The Message-IDs in a header's text. Words between them (`Your message of Tue …`) are passed over; without any angle
/// brackets, as some web mailers send it, what looks like an id is taken for one.
pub(super) fn message_ids(text: &str) -> Vec<MessageId> {
    let bracketed = text.split('<').skip(1).filter_map(|behind| behind.split_once('>')).map(|(id, _)| id);
    let ids: Vec<MessageId> = bracketed.filter_map(without_spaces).take(MAX_MESSAGE_IDS).collect();
    if !ids.is_empty() {
        return ids;
    }
    let mut words = text.split([' ', ',', ';', '<', '>', '"']).filter(|word| !word.is_empty());
    let only = words.clone().count() == 1;
    words.by_ref().filter(|word| only || word.contains('@')).filter_map(without_spaces).take(MAX_MESSAGE_IDS).collect()
}

/// Folding may leave spaces within an id, which can hold none.
fn without_spaces(id: &str) -> Option<MessageId> {
    MessageId::parse(&id.split_whitespace().collect::<String>())
}

/// A Message-ID of a notification that Jira sent: `JIRA.{issue id}.{created, ms}[.{sequence}.{now, ms}]@{host}`
/// (javadoc of `com.atlassian.jira.mail.threading.EmailHeaderBuilders`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JiraMessageId {
    /// Numeric id of the issue, as text.
    pub issue_id: String,
    /// When the issue was created, in ms since 1970. Only who has seen a mail of this very issue knows it, so compare it, to
    /// the second, with what Jira says before believing the id.
    pub created_ms: i64,
}

impl JiraMessageId {
    /// Recognises the form.
    pub fn recognise(id: &MessageId) -> Option<Self> {
        let (local, host) = id.as_str().strip_prefix("JIRA.")?.split_once('@')?;
        let pieces: Vec<&str> = local.split('.').collect();
        let (issue_id, created) = match pieces.as_slice() {
            [issue_id, created] => (issue_id, created),
            [issue_id, created, sequence, now] if !sequence.is_empty() && is_number(now) => (issue_id, created),
            _ => return None,
        };
        if host.is_empty() || !is_number(issue_id) || !is_number(created) || created.len() < 10 {
            return None;
        }
        Some(Self { issue_id: (*issue_id).to_owned(), created_ms: created.parse().ok()? })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        message_ids(text).iter().map(|id| id.as_str().to_owned()).collect()
    }

    #[test]
    fn message_ids_are_found_however_sloppily_they_are_written() {
        assert_eq!(ids("<a@b> <c@d>"), ["a@b", "c@d"]);
        assert_eq!(ids("<a@b><c@d>"), ["a@b", "c@d"]);
        assert_eq!(ids("Your message of \"Tue, 3 Nov\" <a@b> (Ann's words)"), ["a@b"]);
        assert_eq!(ids("a@b, c@d"), ["a@b", "c@d"]);
        assert_eq!(ids("<long\t part@ host>"), ["longpart@host"]);
        assert_eq!(ids("no-at-sign"), ["no-at-sign"]);
        assert_eq!(ids("<unclosed@host"), ["unclosed@host"]);
        assert_eq!(ids("<> words only"), [""; 0]);
    }

    #[test]
    fn a_thread_index_tells_the_conversation_and_whether_it_is_answered() {
        let of = |header: &str| crate::mail::parse(format!("{header}\r\n\r\nhello\r\n").as_bytes()).conversation();
        let root = "AdwB0mC3x1cQdVZ2TbWgk3y0mVwNpA==";
        let begins = of(&format!("Thread-Index: {root}")).unwrap();
        assert_eq!((begins.part, begins.root.len()), (Part::Begins, 44));
        let answers = of("Thread-Index: AdwB0mC3x1cQdVZ2TbWgk3y0mVwNpAAB\r\n AgME").unwrap();
        assert_eq!(answers, Conversation { part: Part::Answers, ..begins });
        for broken in ["Thread-Index: AdwB", "Thread-Index: ", "X: y", "Thread-Index: AtwB0mC3x1cQdVZ2TbWgk3y0mVwNpA=="]
        {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn jiras_own_message_ids_are_recognised_and_nothing_else() {
        let recognise = |text: &str| MessageId::parse(text).and_then(|id| JiraMessageId::recognise(&id));
        let issue = |issue_id: &str, created_ms| Some(JiraMessageId { issue_id: issue_id.to_owned(), created_ms });
        assert_eq!(
            recognise("<JIRA.17496172.1761073453000.82567.1761231177733@Atlassian.JIRA>"),
            issue("17496172", 1_761_073_453_000)
        );
        assert_eq!(
            recognise("JIRA.36713.1505335133000.0b8a1f6e-77aa-4b7b-9d0e-1d2c3b4a5f60.1505343994602@Atlassian.JIRA"),
            issue("36713", 1_505_335_133_000)
        );
        assert_eq!(recognise("JIRA.10001.1505335133123@node7"), issue("10001", 1_505_335_133_123));
        for other in [
            "JIRA.10001@Atlassian.JIRA",
            "JIRA.10001.15@Atlassian.JIRA",
            "JIRA.1;drop.1505335133123@x",
            "JIRA.10001.1505335133123.1@x",
            "JIRA.10001.1505335133123@",
            "jira.10001.1505335133123@x",
            "488250787.30236.1630417260406@host",
            "JIRA.10001.99999999999999999999@x",
        ] {
            assert_eq!(recognise(other), None, "{other}");
        }
    }
}
