//! Whether a sender may, and whether there is too much of it. Pure. What is refused here can be released by a person.

use crate::config::rule::AddressPattern;
use crate::config::senders::SenderSettings;
use crate::mail::Address;

/// What has come within the hour before a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages of the same sender that went to Jira.
    pub from_sender: usize,
    /// Messages to the same issue.
    pub to_issue: usize,
}

/// Why nothing is made of the mail of these authors, if so. An address in `From` is what anybody writes there: an allow list keeps
/// strangers out, and no forgers.
pub fn refused(authors: &[Address], settings: &SenderSettings) -> Option<String> {
    let matching = |pattern: &&AddressPattern| authors.iter().any(|author| pattern.matches(&author.address));
    if let Some(pattern) = settings.block.iter().find(matching) {
        return Some(format!("its sender is on the block list (`{}`)", pattern.as_str()));
    }
    let is_allowed = |author: &Address| settings.allow.iter().any(|pattern| pattern.matches(&author.address));
    let allowed = !authors.is_empty() && authors.iter().all(is_allowed);
    (!settings.allow.is_empty() && !allowed).then(|| "its sender is not on the allow list".to_owned())
}

/// Why a message is held although its sender may, if so.
pub fn too_many(traffic: Traffic, settings: &SenderSettings) -> Option<String> {
    let over = |count: usize, most: Option<usize>| most.filter(|most| count >= *most);
    if let Some(most) = over(traffic.from_sender, settings.per_hour) {
        return Some(format!("its sender has sent {most} messages within an hour, as many as `per_hour` allows"));
    }
    let most = over(traffic.to_issue, settings.per_issue)?;
    Some(format!("its issue has got {most} messages within an hour, as many as `per_issue` allows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<AddressPattern> {
        texts.iter().map(|text| AddressPattern::new(text)).collect()
    }

    fn is_refused(authors: &[&str], settings: &SenderSettings) -> bool {
        let author = |address: &&str| Address { name: String::new(), address: (*address).to_owned() };
        refused(&authors.iter().map(author).collect::<Vec<_>>(), settings).is_some()
    }

    #[test]
    fn who_is_blocked_is_blocked_whatever_else_is_allowed() {
        let settings = SenderSettings {
            allow: patterns(&["example.com"]),
            block: patterns(&["*@spam.example.com", "eve@example.com"]),
            ..SenderSettings::default()
        };
        for (authors, refused) in [
            (&["ann@example.com"][..], false),
            (&["ann@sub.example.com"], false),
            (&["Eve@Example.com"], true),
            (&["x@spam.example.com"], true),
            (&["ann@example.com", "eve@example.com"], true),
            (&["ann@example.com", "bob@elsewhere.test"], true),
            (&["bob@elsewhere.test"], true),
            (&[], true),
        ] {
            assert_eq!(is_refused(authors, &settings), refused, "{authors:?}");
        }
        assert!(!is_refused(&[], &SenderSettings::default()) && !is_refused(&["x@y.test"], &SenderSettings::default()));
    }

    #[test]
    fn a_mailbox_says_itself_whom_it_allows_and_blocks_more() {
        let all = SenderSettings {
            allow: patterns(&["example.com"]),
            block: patterns(&["spam.test"]),
            per_hour: Some(9),
            per_issue: None,
        };
        let own =
            SenderSettings { allow: patterns(&["partner.test"]), per_issue: Some(3), ..SenderSettings::default() };
        let settings = own.within(&all);
        assert_eq!((settings.per_hour, settings.per_issue), (Some(9), Some(3)));
        assert!(is_refused(&["ann@example.com"], &settings) && !is_refused(&["bob@partner.test"], &settings));
        assert!(is_refused(&["x@spam.test"], &settings));
    }

    #[test]
    fn one_more_than_allowed_is_held() {
        let settings = SenderSettings { per_hour: Some(2), per_issue: Some(3), ..SenderSettings::default() };
        let held = |from_sender, to_issue| too_many(Traffic { from_sender, to_issue }, &settings).is_some();
        assert_eq!([held(1, 2), held(2, 0), held(0, 3)], [false, true, true]);
    }
}
