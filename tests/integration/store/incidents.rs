//! What people have to hear of: told once by however many nodes, in order, and again only when that is due.

use jiff::Timestamp;
use mail2jira::incident::{Change, Channel, Event, Kind, Open, Slot, Trouble};
use mail2jira::store::Ledger;
use mail2jira::store::incidents::{Notice, Telling};

use super::book::{at, on_both};

fn telling(node: &str) -> Telling {
    Telling {
        node: node.to_owned(),
        public_url: None,
        channels: vec![Channel::Command, Channel::Jira],
        new_id: || format!("{:032x}", fastrand::u128(..)),
    }
}

fn trouble(reason: &str) -> Trouble {
    Trouble { kind: Kind::NeedsConsent, reason: reason.to_owned(), since: at(0), days: 0 }
}

/// Both nodes have seen the same, and record it at once. How many changes were recorded.
async fn both_record(nodes: [&Ledger; 2], change: impl Fn() -> Change, now: Timestamp) -> usize {
    let record = |node: usize| nodes[node].record_incidents(vec![change()], telling("node"), now);
    let (first, second) = tokio::join!(record(0), record(1));
    first.unwrap().len() + second.unwrap().len()
}

/// Both nodes claim what is due, at once.
async fn both_claim(nodes: [&Ledger; 2], now: Timestamp, until: Timestamp) -> Vec<Notice> {
    let (first, second) =
        tokio::join!(nodes[0].claim_notices("a", now, until), nodes[1].claim_notices("b", now, until));
    [first.unwrap(), second.unwrap()].concat()
}

fn told(notices: &[Notice]) -> Vec<(Channel, Kind)> {
    let kind = |notice: &Notice| serde_json::from_str::<Event>(&notice.event).unwrap().event;
    let mut told: Vec<_> = notices.iter().map(|notice| (notice.channel, kind(notice))).collect();
    told.sort_by_key(|(channel, _)| *channel);
    told
}

async fn the_open_one(ledger: &Ledger) -> Open {
    let mut open = ledger.open_incidents().await.unwrap();
    assert_eq!(open.len(), 1);
    open.remove(0)
}

#[test]
fn two_nodes_that_see_the_same_trouble_tell_it_once_and_its_end_once() {
    on_both(async |book| {
        let other = book.another().await;
        let nodes = [&book.ledger, &other];
        let open = || Change::Open("support".to_owned(), Slot::Works, trouble("revoked"));
        assert_eq!(both_record(nodes, open, at(1)).await, 1);
        let notices = both_claim(nodes, at(2), at(100)).await;
        assert_eq!(told(&notices), [(Channel::Command, Kind::NeedsConsent), (Channel::Jira, Kind::NeedsConsent)]);
        assert!(both_claim(nodes, at(99), at(200)).await.is_empty(), "they are being sent");
        assert_eq!(both_claim(nodes, at(100), at(200)).await.len(), 2, "whoever sent them was killed");
        book.ledger.free_notices().await.unwrap();
        assert_eq!(both_claim(nodes, at(101), at(200)).await.len(), 2, "a killed one's are free at the next start");
        for notice in &notices {
            other.settle_notice(notice.id).await.unwrap();
        }

        let known = the_open_one(&other).await;
        let again = || Change::Tell(known.clone(), trouble("revoked"));
        assert_eq!(both_record(nodes, again, at(86_401)).await, 1, "a day later it is told again");
        let notices = both_claim(nodes, at(86_402), at(86_500)).await;
        assert_eq!(told(&notices), [(Channel::Command, Kind::NeedsConsent)], "an open issue reminds by being open");
        assert_eq!(both_record(nodes, again, at(86_403)).await, 0, "who has not heard of that tells nothing");

        let known = the_open_one(&book.ledger).await;
        assert_eq!(both_record(nodes, || Change::Close(known.clone()), at(86_404)).await, 1);
        let over = both_claim(nodes, at(86_405), at(86_600)).await;
        assert_eq!(told(&over), [(Channel::Jira, Kind::Recovered)], "the command has not yet taken what came before");
        book.ledger.settle_notice(notices[0].id).await.unwrap();
        let over = both_claim(nodes, at(86_406), at(86_600)).await;
        assert_eq!(told(&over), [(Channel::Command, Kind::Recovered)]);
        assert!(book.ledger.open_incidents().await.unwrap().is_empty());
    });
}

#[test]
fn a_trouble_that_comes_back_is_another_incident_and_what_nobody_is_told_of_leaves_nothing_behind() {
    on_both(async |book| {
        let ledger = &book.ledger;
        let open = || vec![Change::Open("support".to_owned(), Slot::Works, trouble("revoked"))];
        let deaf = || Telling { channels: Vec::new(), ..telling("node") };
        ledger.record_incidents(open(), deaf(), at(1)).await.unwrap();
        let first = the_open_one(ledger).await;
        ledger.record_incidents(vec![Change::Close(first.clone())], deaf(), at(2)).await.unwrap();
        assert_eq!(book.ask("SELECT COUNT(*) FROM incidents").trim(), "0");
        ledger.record_incidents(open(), deaf(), at(3)).await.unwrap();
        assert_ne!(the_open_one(ledger).await.id, first.id);
    });
}
