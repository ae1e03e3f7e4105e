//! Which issue a message says itself that it belongs to: by the tag of the address that it was sent to, or by the key in its
//! subject. Pure; anybody can write either, so that whoever asks must see to it that there is such an issue, and weigh the
//! sender's [`Standing`] where only a subject speaks for it.

use std::collections::BTreeSet;

use crate::config::MailboxSettings;
use crate::config::rule::Rule;
use crate::jira::IssueRef;
use crate::mail::authentication::Dmarc;
use crate::mail::{Address, Mail};

/// Keys of one message that are looked at; each costs a question to Jira.
const MAX_CLAIMS: usize = 3;
/// Digits of an issue's number.
const MAX_DIGITS: usize = 10;

/// An issue that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its key.
    pub key: String,
    /// Where it stands.
    pub place: ClaimPlace,
}

/// Where a message names an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimPlace {
    /// `support+SUP-12@example.com`.
    AddressTag,
    /// `[SUP-12]`, or `SUP-12` anywhere.
    Subject,
}

/// An issue that a message names and that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The issue.
    pub issue: IssueRef,
    /// What ties the message to it.
    pub tie: Tie,
}

/// What ties a message to an issue that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// The message was sent to the issue's own address.
    AddressTag,
    /// Its subject alone.
    SubjectKey(Standing),
}

/// Whether the sender of a message has to do with an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One of those who are on it.
    OnIssue,
    /// Not known to be: a stranger, one whose address Jira hides, or somebody who only says that it is them.
    Unproven,
}

/// The projects whose issues mail to a mailbox may name: those that the mailbox and its rules write to.
pub fn projects<'c>(settings: &'c MailboxSettings, rules: &'c [Rule]) -> BTreeSet<&'c str> {
    let theirs = rules.iter().filter(|rule| rule.when.is_for(&settings.name));
    let by_rules = theirs.filter_map(|rule| rule.set.project.as_deref());
    settings.project.as_deref().into_iter().chain(by_rules).collect()
}

/// The issues of `projects` that a message to `mailbox` names, the likeliest first, at most three.
pub fn claims(mail: &Mail, mailbox: &str, projects: &BTreeSet<&str>) -> Vec<Claim> {
    let tagged = tags(mail, mailbox).into_iter().filter_map(|tag| key(&tag, projects));
    let tagged = tagged.map(|key| Claim { key, place: ClaimPlace::AddressTag });
    let named = subject_keys(&mail.subject, projects).into_iter().map(|key| Claim { key, place: ClaimPlace::Subject });
    let mut claims: Vec<Claim> = Vec::new();
    for claim in tagged.chain(named) {
        if claims.len() < MAX_CLAIMS && claims.iter().all(|known| known.key != claim.key) {
            claims.push(claim);
        }
    }
    claims
}

/// What stands behind the plus sign of the mailbox's address, wherever the message says that it went there.
fn tags(mail: &Mail, mailbox: &str) -> Vec<String> {
    let Some((local, domain)) = mailbox.rsplit_once('@') else { return Vec::new() };
    let delivered = mail.header.all("delivered-to");
    let addresses = mail.to.iter().chain(&mail.cc).map(|address| address.address.as_str());
    let tag = |address: &str| {
        let (tagged, at) = address.trim().rsplit_once('@')?;
        let (name, tag) = tagged.split_once('+')?;
        (name.eq_ignore_ascii_case(local) && at.eq_ignore_ascii_case(domain)).then(|| tag.to_owned())
    };
    addresses.chain(delivered.iter().map(String::as_str)).filter_map(tag).collect()
}

/// The keys in a subject: those in brackets first, as programs write them, in whatever case; then any other, in capitals.
fn subject_keys(subject: &str, projects: &BTreeSet<&str>) -> Vec<String> {
    let in_brackets = subject.split('[').skip(1).filter_map(|behind| behind.split_once(']'));
    let bracketed = in_brackets.filter_map(|(inside, _)| key(inside.trim(), projects));
    let words = subject.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let bare = words.filter_map(|word| {
        let word = word.trim_end_matches('.');
        key(word, projects).filter(|key| key == word)
    });
    bracketed.chain(bare).collect()
}

/// A text that is nothing but the key of an issue in one of the projects, as Jira writes it.
fn key(text: &str, projects: &BTreeSet<&str>) -> Option<String> {
    let (project, number) = text.rsplit_once('-')?;
    let project = projects.iter().find(|known| known.eq_ignore_ascii_case(project))?;
    let is_number = number.len() <= MAX_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !number.is_empty() && !number.starts_with('0')).then(|| format!("{project}-{number}"))
}

/// Where a sender stands with an issue. `people` are the addresses of those who are known to be on it.
pub fn standing(from: &[Address], dmarc: Dmarc, people: &[String]) -> Standing {
    let [author] = from else { return Standing::Unproven };
    let is_forged = match dmarc {
        Dmarc::Fail => true,
        // Many servers do not look, and many domains have no policy; the key alone would not be taken for a proof either.
        Dmarc::Pass | Dmarc::None | Dmarc::Unknown => false,
    };
    match people.iter().any(|address| address.eq_ignore_ascii_case(&author.address)) {
        true if !is_forged => Standing::OnIssue,
        true | false => Standing::Unproven,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail;

    fn claimed(head: &str) -> Vec<String> {
        let mail = mail::parse(format!("From: ann@example.com\r\n{head}\r\n\r\nhello\r\n").as_bytes());
        let projects = BTreeSet::from(["SUP", "OPS_2"]);
        claims(&mail, "support@example.com", &projects).into_iter().map(|claim| claim.key).collect()
    }

    #[test]
    fn a_key_in_a_subject_is_whole_and_of_a_project_that_the_mailbox_writes_to() {
        for (subject, keys) in [
            ("Re: [SUP-12] printer", &["SUP-12"][..]),
            ("AW: SUP-7: and [sup-12]", &["SUP-12", "SUP-7"]),
            ("(OPS_2-3) see https://jira.example.com/browse/SUP-4.", &["OPS_2-3", "SUP-4"]),
            ("SUP-1 SUP-2 SUP-3 SUP-4", &["SUP-1", "SUP-2", "SUP-3"]),
            ("SUP-1, SUP-1", &["SUP-1"]),
            ("sup-12 X-SUP-12 SUP-12-3 SUP-1.2 SUP-007 SUP- SUP-12a BACKSUP-1 SECRET-9 SUP-12345678901", &[]),
        ] {
            assert_eq!(claimed(&format!("Subject: {subject}")), keys, "{subject}");
        }
    }

    #[test]
    fn a_tag_counts_on_the_mailboxs_own_address_only_and_before_the_subject() {
        let own = "To: Support <Support+sup-12@Example.com>\r\nSubject: [SUP-1]";
        assert_eq!(claimed(own), ["SUP-12", "SUP-1"]);
        assert_eq!(claimed("Cc: a@b.c, support+OPS_2-1@example.com"), ["OPS_2-1"]);
        assert_eq!(claimed("Delivered-To: support+SUP-3@example.com"), ["SUP-3"]);
        for other in ["sales+SUP-1@example.com", "support+SUP-1@example.org", "support+SECRET-1@example.com"] {
            assert_eq!(claimed(&format!("To: {other}")), [""; 0], "{other}");
        }
    }

    #[test]
    fn only_an_author_who_is_known_there_and_not_proved_forged_is_on_an_issue() {
        let author = |address: &str| Address { name: String::new(), address: address.to_owned() };
        let people = ["ann@example.com".to_owned()];
        let ann = author("Ann@Example.com");
        let of = |from: &[Address], dmarc| standing(from, dmarc, &people);
        assert_eq!(of(std::slice::from_ref(&ann), Dmarc::Unknown), Standing::OnIssue);
        assert_eq!(of(std::slice::from_ref(&ann), Dmarc::Fail), Standing::Unproven);
        assert_eq!(of(&[author("eve@example.com")], Dmarc::Pass), Standing::Unproven);
        assert_eq!(of(&[ann, author("eve@example.com")], Dmarc::Pass), Standing::Unproven);
        assert_eq!(of(&[], Dmarc::Pass), Standing::Unproven);
    }
}
