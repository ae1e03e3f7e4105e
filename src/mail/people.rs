//! Who a reader would say that a message is from, how it came from them, and where answers go: `From` as mailing lists rewrite it,
//! `Sender`, `Reply-To` and `Resent-From` (RFC 5322, 3.6.2 and 3.6.6). Proves nothing: anybody can write any of these.

use serde::Serialize;

use super::authentication::Dmarc;
use super::part::Fields;
use super::{Address, Mail, parse};

/// Addresses of `Reply-To` that are shown.
const MAX_ANSWERS: usize = 5;

/// Who a message is from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Who wrote it; where `From` names nobody, whoever else it says it is from.
    pub author: Option<Address>,
    /// How it came from them.
    pub through: Option<Through>,
    /// Where answers are to go, if not to the author.
    pub answers_to: Vec<Address>,
}

/// How a message came from its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// A list or a service, which stands in `From` in the author's place: `Ann via Support <support@example.com>`.
    List(Address),
    /// Somebody sent it for the author: `Sender`.
    Sender(Address),
    /// Somebody who got it passed it on as it was: `Resent-From`.
    Resent(Address),
}

impl Mail {
    /// The addresses that the message may count as coming from in the mailbox's issues. A list's word for who wrote counts
    /// only where the list is the mailbox's own address, and that is proved; else whoever controls any domain could be anybody.
    pub fn senders(&self, mailbox: &str, dmarc: Dmarc) -> Vec<Address> {
        match (&self.people.through, &self.people.author, dmarc) {
            (Some(Through::List(list)), Some(author), Dmarc::Pass) if list.address.eq_ignore_ascii_case(mailbox) => {
                vec![author.clone()]
            }
            _ => self.from.clone(),
        }
    }
}

/// Reads the fields that say who a message is from; `from` is the first `From`, `reply_to` all of `Reply-To`.
pub(super) fn people(fields: &Fields<'_>, from: &[Address], reply_to: &[Address]) -> People {
    let sender = first(fields, "sender");
    let written = from.iter().find(|from| !from.address.is_empty()).or(from.first());
    let (author, through) = match written {
        Some(shown) => match rewritten(fields, shown, reply_to) {
            Some(author) => (Some(author), Some(Through::List(shown.clone()))),
            None => (Some(author_among(from, shown, sender.as_ref())), None),
        },
        None => (sender.clone().or_else(|| reply_to.first().cloned()).or_else(|| first(fields, "return-path")), None),
    };
    let is_author = |other: &Address| author.as_ref().is_some_and(|author| is_same(author, other));
    let resent = || first(fields, "resent-from").filter(|other| !is_author(other)).map(Through::Resent);
    let sent_for = || {
        let is_list = is_from_list(fields);
        let sender = sender.clone().filter(|sender| !is_list && !is_author(sender) && !is_envelope(sender));
        sender.map(Through::Sender)
    };
    let through = through.or_else(resent).or_else(sent_for);
    let is_list = |other: &Address| matches!(&through, Some(Through::List(list)) if is_same(list, other));
    let answers = reply_to.iter().filter(|other| !other.address.is_empty() && !is_author(other) && !is_list(other));
    People { answers_to: answers.take(MAX_ANSWERS).cloned().collect(), author, through }
}

/// Of several authors the one who sent it (RFC 5322, 3.6.2).
fn author_among(from: &[Address], shown: &Address, sender: Option<&Address>) -> Address {
    let sent = sender.and_then(|sender| from.iter().find(|author| is_same(author, sender)));
    sent.unwrap_or(shown).clone()
}

/// The author of a message whose `From` a list or a service has taken: the name in front of `via`, and the address that stands in
/// another field. `None` where the name does not say so, or no other address is to be found.
fn rewritten(fields: &Fields<'_>, shown: &Address, reply_to: &[Address]) -> Option<Address> {
    let name = before_via(&shown.name)?;
    let is_other = |other: &Address| other.address.contains('@') && !is_same(other, shown);
    // Google Groups and Sympa, Google Groups, and in Reply-To Mailman and most services.
    let original = ["x-original-from", "x-original-sender"].into_iter().filter_map(|field| first(fields, field));
    let answers = || {
        let named = reply_to.iter().find(|answer| is_other(answer) && answer.name == name);
        named.or_else(|| reply_to.iter().find(|answer| is_other(answer)))
    };
    let found = original.into_iter().find(is_other).or_else(|| answers().cloned())?;
    Some(Address { name: name.to_owned(), address: found.address })
}

/// `Ann` of `'Ann' via Support`, `Ann via Support` and `Ann (via Support)`.
fn before_via(name: &str) -> Option<&str> {
    let (before, _) = name.rsplit_once(" via ").or_else(|| name.rsplit_once(" (via "))?;
    let before = before.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"'));
    (!before.is_empty()).then_some(before)
}

fn is_from_list(fields: &Fields<'_>) -> bool {
    ["list-id", "list-post", "list-unsubscribe"].iter().any(|name| fields.has(name))
}

/// An address to which only bounces go.
fn is_envelope(sender: &Address) -> bool {
    let local = sender.address.split('@').next().unwrap_or_default().to_lowercase();
    ["bounce", "owner-", "-owner", "return", "srs0"].iter().any(|sign| local.contains(sign))
}

fn first(fields: &Fields<'_>, name: &str) -> Option<Address> {
    let found = fields.first(name).map(parse::addresses).unwrap_or_default();
    found.into_iter().find(|address| address.address.contains('@'))
}

fn is_same(one: &Address, other: &Address) -> bool {
    one.address.eq_ignore_ascii_case(&other.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> People {
        crate::mail::parse(format!("{}\r\n\r\nhello\r\n", header.replace('\n', "\r\n")).as_bytes()).people
    }

    fn address(name: &str, address: &str) -> Address {
        Address { name: name.to_owned(), address: address.to_owned() }
    }

    #[test]
    fn behind_a_list_that_took_the_from_stands_its_author() {
        let ann = Some(address("Ann Lee", "ann@example.com"));
        for header in [
            "From: 'Ann Lee' via Support <support@example.org>\nReply-To: Ann Lee <ann@example.com>\nX-Original-From: Ann Lee <ann@example.com>",
            "From: \"'Ann Lee' via Support\" <support@example.org>\nX-Original-Sender: ann@example.com",
            "From: Ann Lee via Talk <support@example.org>\nReply-To: Talk <support@example.org>, Ann Lee <ann@example.com>",
            "From: \"Ann Lee (via talk Mailing List)\" <support@example.org>\nX-Original-From: ann@example.com",
        ] {
            let People { author, through, answers_to } = read(header);
            assert_eq!(author, ann, "{header}");
            assert!(matches!(through, Some(Through::List(list)) if list.address == "support@example.org"), "{header}");
            assert_eq!(answers_to, [], "{header}");
        }
        for header in [
            "From: Ann via Talk <ann@example.com>",
            "From: Rome via Florence <trip@example.com>\nReply-To: trip@example.com",
        ] {
            assert_eq!(read(header).through, None, "{header}");
        }
    }

    #[test]
    fn whoever_sent_or_passed_on_a_message_is_not_taken_for_its_author() {
        let from = "From: Ann Lee <ann@example.com>";
        let sent = read(&format!("{from}\nSender: Bob <bob@example.com>\nReply-To: desk@example.com"));
        assert_eq!(sent.author, Some(address("Ann Lee", "ann@example.com")));
        assert_eq!(sent.through, Some(Through::Sender(address("Bob", "bob@example.com"))));
        assert_eq!(sent.answers_to, [address("", "desk@example.com")]);
        let resent = read(&format!("Resent-From: Eve <eve@example.com>\n{from}\nSender: Ann@Example.com"));
        assert_eq!(resent.through, Some(Through::Resent(address("Eve", "eve@example.com"))));
        for unremarkable in ["Sender: ann@example.com", "Sender: bounces+1@example.com", "Sender: x@y\nList-Id: <l.y>"]
        {
            assert_eq!(
                read(&format!("{from}\n{unremarkable}\nReply-To: Ann <ann@example.com>")),
                People { author: Some(address("Ann Lee", "ann@example.com")), ..People::default() }
            );
        }
    }

    #[test]
    fn there_is_an_author_wherever_a_field_names_one() {
        let several = "From: ann@example.com, bob@example.com\nSender: Bob@example.com";
        assert_eq!(read(several).author, Some(address("", "bob@example.com")));
        assert_eq!(read("Sender: ann@example.com").author, Some(address("", "ann@example.com")));
        assert_eq!(read("Subject: x\nReply-To: ann@example.com").author, Some(address("", "ann@example.com")));
        assert_eq!(read("From: Mail System <>\nReturn-Path: <>").author, Some(address("Mail System", "")));
        assert_eq!(read("Subject: x").author, None);
    }

    #[test]
    fn only_the_mailboxs_own_list_is_believed_about_who_wrote() {
        let header = "From: Ann via Support <support@example.org>\r\nReply-To: ann@example.com\r\n\r\nhi\r\n";
        let mail = crate::mail::parse(header.as_bytes());
        let senders = |mailbox, dmarc| mail.senders(mailbox, dmarc).remove(0).address;
        assert_eq!(senders("Support@example.org", Dmarc::Pass), "ann@example.com");
        assert_eq!(senders("Support@example.org", Dmarc::Unknown), "support@example.org");
        assert_eq!(senders("other@example.org", Dmarc::Pass), "support@example.org");
    }
}
