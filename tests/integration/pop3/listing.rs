//! Listing what is new, by unique ids.

use mail2jira::config::Start;
use mail2jira::failure::{Scope, Verdict};
use mail2jira::mailbox::{Depth, Mailbox, MailboxError};

use super::{LOGIN, UIDL, ids, list, list_from, starting, with_password};

#[tokio::test]
async fn a_listing_names_what_was_not_seen_and_the_bookmark_remembers_it() {
    let again = "
        C: UIDL
        S: +OK
        S: 1 bbb
        S: 2 ccc
        S: .
        C: LIST 2
        S: +OK 2 30";
    let first = with_password().talk(&format!("{LOGIN}{UIDL}"), list).await.unwrap();
    assert_eq!((ids(&first), first.found[1].size, first.more), (vec!["aaa", "bbb"], 20, false));
    let bookmark = Some(first.bookmark.clone());
    let second = with_password()
        .talk(&format!("{LOGIN}{again}"), async |mailbox| list_from(mailbox, bookmark).await)
        .await
        .unwrap();
    assert_eq!(ids(&second), ["ccc"]);
    assert_ne!(second.bookmark, first.bookmark);
}

#[tokio::test]
async fn now_leaves_alone_what_is_there_even_if_the_server_hides_it_for_a_while() {
    let uidl = "    C: UIDL\n    S: +OK\n    S: 1 aaa\n    S: 2 bbb\n    S: .\n";
    let hidden = "    C: UIDL\n    S: +OK\n    S: .\n";
    let later = "    C: UIDL\n S: +OK\n S: 1 aaa\n S: 2 new\n S: 3 bbb\n S: .\n C: LIST 2\n S: +OK 2 5\n";
    let mut bookmark = None;
    for (dialogue, expected) in [(uidl, vec![]), (hidden, vec![]), (later, vec!["new"])] {
        let from = bookmark.clone();
        let dialogue = format!("{LOGIN}{dialogue}");
        let talk = starting(Start::Now).talk(&dialogue, async |mailbox| list_from(mailbox, from).await);
        let listing = talk.await.unwrap();
        assert_eq!(ids(&listing), expected);
        bookmark = Some(listing.bookmark);
    }
}

#[tokio::test]
async fn a_date_is_looked_up_in_the_header_and_what_is_older_is_never_asked_for_again() {
    let top = "
        C: TOP 1 0
        S: +OK
        S: Received: from x by y; Sat, 31 Oct 2026 23:59:59 +0000
        S: Date: Sun, 01 Nov 2030 10:00:00 +0000
        S:
        S: .
        C: TOP 2 0
        S: +OK
        S: Subject: no date at all
        S:
        S: .";
    let since = || starting(Start::Date(jiff::civil::date(2026, 11, 1)));
    let first = since().talk(&format!("{LOGIN}{UIDL}{top}"), list).await.unwrap();
    assert_eq!(ids(&first), ["bbb"], "a date that cannot be read is not taken for an old one");
    let bookmark = Some(first.bookmark);
    let again = format!("{LOGIN}{}", UIDL.split_once("    C: LIST").unwrap().0);
    let second = since().talk(&again, async |mailbox| list_from(mailbox, bookmark).await).await.unwrap();
    assert_eq!(ids(&second), Vec::<&str>::new());
    let probe = format!(
        "{LOGIN} C: CAPA\n S: -ERR what?\n C: STAT\n S: +OK 2 320\n{}{top}\n C: QUIT\n S: +OK",
        UIDL.split_once("    C: LIST").unwrap().0
    );
    let probed = since().probe(&probe).await;
    let words = probed.last().unwrap().outcome.as_ref().unwrap();
    assert_eq!(words, "2 there, a first look takes the 1 since 2026-11-01");
    let without_top = format!("{LOGIN}{UIDL} C: TOP 1 0\n S: -ERR unknown command");
    let error = since().talk(&without_top, list).await.unwrap_err();
    assert!(matches!(&error, MailboxError::NotOffered { what, .. } if what.starts_with("TOP")), "{error:?}");
}

#[tokio::test]
async fn a_first_look_since_a_date_takes_nothing_before_all_is_counted_even_over_several_sessions() {
    let many = 1200;
    let (lines, top) = (
        |what: &str| (1..=many).map(|number| format!("S: {number} {what}{number}\n")).collect::<String>(),
        |range: std::ops::RangeInclusive<u32>| {
            let header = |number: u32| if number.is_multiple_of(2) { "Sun, 01 Nov 2026" } else { "Sat, 31 Oct 2026" };
            range
                .map(|number| {
                    format!("C: TOP {number} 0\nS: +OK\nS: Date: {} 10:00:00 +0000\nS:\nS: .\n", header(number))
                })
                .collect::<String>()
        },
    );
    let (uidl, list) =
        (format!("C: UIDL\nS: +OK\n{}S: .\n", lines("id")), format!("C: LIST\nS: +OK\n{}S: .\n", lines("1")));
    let since = || starting(Start::Date(jiff::civil::date(2026, 11, 1)));
    let broken = format!("{LOGIN}{uidl}{list}{}X", top(1..=1000));
    let first = since().talk(&broken, async |mailbox| list_from(mailbox, None).await).await.unwrap();
    assert_eq!((first.found.len(), first.more), (0, true), "not counted yet");
    // The next session asks again only for those that are not known to be old.
    let again: String = (1..=1000)
        .filter(|number| number % 2 == 0)
        .map(|number| top(number..=number))
        .chain([top(1001..=1200)])
        .collect();
    let dialogue = format!("{LOGIN}{uidl}{list}{again}");
    let work = async |mailbox: Box<dyn Mailbox>| list_from(mailbox, Some(first.bookmark)).await;
    let second = since().talk(&dialogue, work).await.unwrap();
    assert_eq!((second.found.len(), second.more), (600, false));
}

#[tokio::test]
async fn a_server_without_unique_ids_is_refused_and_one_that_has_no_time_is_not() {
    let error = with_password().talk(&format!("{LOGIN} C: UIDL\n S: -ERR unknown command"), list).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Halt(Scope::Everything), "{error:?}");
    assert!(error.to_string().contains("does not offer UIDL"), "{error}");
    let error = with_password().talk(&format!("{LOGIN} C: UIDL\n S: -ERR [SYS/TEMP] later"), list).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry(None), "{error:?}");
}

#[tokio::test]
async fn odd_ids_and_ids_that_are_shared_are_all_listed() {
    let dialogue = "
        C: UIDL
        S: +OK
        S: 1 same
        S: 2 same
        S: 3
        S: 4 with\\backslash
        S: .
        C: LIST 1
        S: +OK 1 10
        C: LIST 2
        S: -ERR no such message
        C: LIST 4
        S: +OK 4 40 octets";
    let listing = with_password().talk(&format!("{LOGIN}{dialogue}"), list).await.unwrap();
    assert_eq!(ids(&listing), ["same", "same 2", "with\\\\backslash"], "what has no id is left alone");
    assert_eq!(listing.found.iter().map(|found| found.size).collect::<Vec<_>>(), [10, 0, 40]);
}

#[tokio::test]
async fn fifty_thousand_messages_are_listed_in_steps_by_two_questions() {
    let mut dialogue = format!("{LOGIN} C: UIDL\n S: +OK\n");
    (1..=50_000).for_each(|number| dialogue.push_str(&format!(" S: {number} {number:070}\n")));
    dialogue.push_str(" S: .\n C: LIST\n S: +OK\n");
    (1..=50_000).for_each(|number| dialogue.push_str(&format!(" S: {number} {number}\n")));
    dialogue.push_str(" S: .\n");
    let work = async |mut mailbox: Box<dyn Mailbox>| {
        let (mut bookmark, mut sizes, mut steps) = (None, Vec::new(), 0);
        loop {
            let (back, listing) = mailbox.list("", bookmark, Depth::New).await?;
            let listing = listing.unwrap();
            (mailbox, bookmark, steps) = (back, Some(listing.bookmark), steps + 1);
            sizes.extend(listing.found.iter().map(|found| found.size));
            if !listing.more {
                return Ok((sizes, steps));
            }
        }
    };
    let (sizes, steps) = with_password().talk(&dialogue, work).await.unwrap();
    assert_eq!((sizes, steps), ((1..=50_000).collect(), 50));
}
